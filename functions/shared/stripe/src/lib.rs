//! What Sluice knows of Stripe's wire: is this body signed by Stripe, which event is it, and what is the object now?
//!
//! # Layout
//!
//! | Module | Question | Answer |
//! |---|---|---|
//! | [`signature`] | Did somebody who holds one of our secrets sign these bytes, lately? | [`signature::Verified`] or a [`signature::Refusal`] |
//! | [`event`] | Which event do these bytes carry? | a borrowed [`Head`](sluice_kernel::event::Head) or [`event::NotAnEvent`] |
//! | [`vectors`] | What does the first answer for a case written down as a line of JSON? | another line of JSON |
//! | `client` (a feature) | How is this object at Stripe? | [`Fetched`](sluice_kernel::consumer::fetch::Fetched) |
//!
//! The order at the door is fixed: [`signature::verify`] on the raw bytes first, [`event::parse_head`] only on what
//! it let through. Nothing a stranger sends is parsed further than the signature's own header.
//!
//! ```
//! use sluice_stripe::{event::parse_head, signature::{sign, verify, Refusal, Tolerance}};
//!
//! let body = br#"{"id":"evt_1","object":"event","type":"charge.refunded"}"#;
//! let header = sign(body, "whsec_new", 1_790_000_000);
//! let secrets = ["whsec_old", "whsec_new"];
//!
//! let at = |now_s| verify(body, Some(header.as_bytes()), &secrets, now_s, Tolerance::default());
//! assert!(at(1_790_000_300).is_ok());
//! assert_eq!(at(1_790_000_301), Err(Refusal::TooOld));
//! assert_eq!(parse_head(body)?.kind, "charge.refunded");
//! # Ok::<(), sluice_stripe::event::NotAnEvent>(())
//! ```
//!
//! # What holds everywhere in this crate
//!
//! - **Pure**, the feature `client` aside, which is off unless it is asked for. No clock, no I/O, no environment, no randomness: the time is an argument, in unix seconds. The same
//!   arguments give the same answer for ever, so a disputed delivery can be judged again from what was recorded.
//! - **Never panics, never recurses by the input's depth**, whatever the bytes. The fuzz targets in `fuzz/` look for
//!   exceptions to that.
//! - **The body is not copied** and not changed: it is hashed where it lies, and a head borrows from it.
//! - **Secrets stay inside.** No answer, error or `Debug` text contains a secret or tells which of several matched.
//!
//! There is no state here and so no failure window: what happens between a good answer and a stored event is the
//! kernel's subject.

#[cfg(feature = "client")]
pub mod client;
pub mod event;
pub mod signature;
pub mod vectors;
