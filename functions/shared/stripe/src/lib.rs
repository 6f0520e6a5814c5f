//! What Sluice knows about Stripe's protocol: is this body signed by Stripe, which event is it, and what is the object
//! now?
//!
//! # Layout
//!
//! | Module | Question | Answer |
//! |---|---|---|
//! | [`signature`] | Did a holder of one of the endpoint's secrets sign these bytes recently? | [`signature::Verified`] or a [`signature::Refusal`] |
//! | [`event`] | Which event do these bytes carry? | a borrowed [`Head`](sluice_kernel::event::Head) or [`event::NotAnEvent`] |
//! | [`vectors`] | What does the first module answer for a case given as a line of JSON? | another line of JSON |
//! | `client` (a feature) | What is this object's state at Stripe? | [`Fetched`](sluice_kernel::consumer::fetch::Fetched) |
//!
//! [`code`] has what refusals and faults are called.
//!
//! Ingest's order is fixed: first [`signature::verify`] on the raw bytes, then [`event::parse_head`] only on bodies
//! that passed. From a stranger's request, only the signature's header is parsed.
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
//! - **Pure**, except the feature `client`, which is off by default. No clock, no I/O, no environment, no randomness:
//!   the time is an argument, in unix seconds. The same arguments always give the same answer, so a disputed delivery
//!   can be judged again from what was recorded.
//! - **Never panics, never recurses by the input's depth**, for any bytes. The fuzz targets in `fuzz/` look for
//!   exceptions to that.
//! - **The body is not copied** and not changed: it is hashed where it lies, and a head borrows from it.
//! - **Secrets stay inside.** No answer, error or `Debug` text contains a secret or shows which of several matched.
//!
//! This crate has no state and so no failure window: the kernel handles what happens between a good answer and a stored
//! event.

#[cfg(feature = "client")]
pub mod client;
pub mod code;
pub mod event;
pub mod signature;
pub mod vectors;
