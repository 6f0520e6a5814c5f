//! A simulated Stripe that knows the truth.
//!
//! # What it is for
//!
//! Only a test that has Stripe's own state can judge whether a consumer of webhooks ends in that state. This crate
//! plays lifecycles (purchases, refunds, disputes, subscriptions, invoices, quotes, payouts, transfers, connected
//! accounts) and keeps every state that every object has had. It reports them as Stripe does: with events in the shapes
//! of the requested API version. Their `created` has whole seconds, and their `previous_attributes` is the true
//! difference.
//!
//! # Layout
//!
//! | Module | |
//! |---|---|
//! | [`world`] | the log of states and events, and the questions that it answers |
//! | [`stories`] | the lifecycles: what is played |
//! | [`version`] | API versions; [`CHANGES`] is the one table of the differences between their shapes |
//! | [`body`] | bodies as Stripe writes them in its webhooks |
//! | [`iso`] | times as API v2 writes them |
//! | [`diff`] | `previous_attributes`, and its inverse |
//! | [`click`] | what a click on "send test webhook" in the dashboard posts |
//! | [`delivery`] | signed deliveries: in any order, repeated, retried for days that take seconds, through outages |
//! | [`api`] | answers to API requests, as a function of the world and the request |
//! | [`server`] | the same on a loopback port |
//!
//! ```
//! use sluice_stripe_sim::{Options, Scope, Story, World};
//!
//! let mut world = World::new(7, Options::default());
//! world.play(Story::TwoEqualRefunds, &Scope::platform(true));
//! let refunds = world.objects().filter(|key| key.id.starts_with("re_"));
//! let truths: Vec<_> = refunds.map(|key| world.object(None, true, &key.id).unwrap()).collect();
//! assert_eq!(truths.len(), 2);
//! assert_eq!(truths[0]["amount"], truths[1]["amount"]);
//! ```
//!
//! # What holds
//!
//! - A world is a function of its seed, its options and the calls made on it: no clock, no other randomness.
//! - Each object's last event shows its true state, unless a caller asked for silence. At versions whose objects carry
//!   others inside (charges, refunds, discounts), what is inside changes with the others, without an event, as at
//!   Stripe.
//! - Only `*.updated` types carry `previous_attributes`.
//! - [`World::play_until`] moves a story in time and changes nothing else.
//!
//! # What it isn't
//!
//! It creates nothing on request (there is no `POST /v1/…`): stories are played from Rust. Objects have no taxes, one
//! line per invoice, one item per subscription. An invoice item that waits for an invoice isn't added to one later
//! (Stripe has no event for that). Fields are complete as of 2025-09-30; what Stripe added later is missing.

pub mod api;
pub mod body;
pub mod click;
pub mod delivery;
pub mod diff;
mod ids;
pub mod iso;
mod objects;
mod paths;
mod play;
mod render;
pub mod server;
pub mod stories;
mod story_context;
mod templates;
pub mod version;
pub mod world;

pub use render::changes::{CHANGES, Change};
pub use stories::Story;
pub use version::ApiVersion;
pub use world::{Key, Moment, Occurrence, Options, Scope, World};
