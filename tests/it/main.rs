//! Sluice as deployed: `template.yaml` on a local AWS, the built functions behind it, and deliveries over HTTP.
//!
//! # Layout
//! - `world`: a stack, a spy on its bus, and what tests ask of them.
//! - `access`: may this customer use X, and until when.
//! - `door`: what a delivery is answered and what it leaves behind.
//! - `bodies`: large, odd and thin ones.
//! - `cases`: what must end right, each by its name, as the simulated Stripe has it.
//! - `chaos`: a short run in which everything fails.
//! - `cost`: what an event costs, in calls, bytes and units.
//! - `consumers`: messages at a domain, poison and faults among them.
//! - `fetching`: a thin event with an API key and a simulated Stripe to ask; `truth` has that Stripe.
//! - `laws`: any order ends right, over what a simulated Stripe plays.
//! - `laws_thin`: the same with thin twins, changes told twice, and changes told only thinly.
//! - `outages`: a bus that refuses, a wire that is cut, an AWS that freezes, a secret that is rolled.
//! - `receivers`: an effect at the sample receiver, deployed from its own template.
//! - `retries`: when a failed message comes back, and what it leaves behind when it doesn't any more.
//! - `goldens`: what deliveries leave behind and what commands say of it, against stored files.
//! - `flood`: bad requests at a high rate beside good ones.
//! - `variants`: the template with everything optional, and with a list of addresses.
//! - `trial`: an event for which something breaks, and its judgement by an untroubled one.
//! - `crashes`: each function killed before and after each of its calls.
//! - `failover`: a standby that takes over and hands back, a new stack, and a restored projection.
//! - `faults`: each call of each function throttled, failed, too late, cut, or answered in vain.
//! - `rebuild`: projections made anew, and what was there before, by the same program.
//! - `replay`: replays, dead letters and rejected events, by the operator's program.
//! - `waiting`: events that their endpoint wasn't configured for, by the same program.
//! - `erasure`: what is left of a customer, by the operator's program.
//! - `console`: what operators see, by the same program.
//! - `samples`: each sample event, in memory, at the domain of its type.
//! - `scale`: what a list, sweep and a replay take of AWS, over a small ledger and a larger one.
//! - `operators`: what is set up wrongly, a comparison before switching, secrets that are rolled, by the same program.
//! - `rollback`: a version that is taken back and gone forward to, by the same program.
//! - `routing`: where each event type goes, by the rules as deployed.
//!
//! Most tests share one stack; those that break something have one of their own.

mod access;
mod bodies;
mod cases;
mod chaos;
mod console;
mod consumers;
mod cost;
mod crashes;
mod door;
mod erasure;
mod failover;
mod faults;
mod fetching;
mod flood;
mod goldens;
mod laws;
mod laws_thin;
mod operators;
mod outages;
mod rebuild;
mod receivers;
mod reconcile;
mod reconcile_crashes;
mod replay;
mod retries;
mod rollback;
mod routing;
mod samples;
mod scale;
mod trial;
mod truth;
mod variants;
mod waiting;
mod world;
