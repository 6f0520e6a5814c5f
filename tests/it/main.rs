//! Sluice as deployed: `template.yaml` on a local AWS, the built functions behind it, and deliveries over HTTP.
//!
//! # Layout
//! - `world`: a stack, a spy on its bus, and the helpers that tests call.
//! - `access`: may this customer use X, and until when.
//! - `ingest`: the response to a delivery, and what the delivery leaves behind.
//! - `bodies`: large, odd and thin bodies.
//! - `cases`: cases that must end in the simulated Stripe's state, each with a name.
//! - `chaos`: a short run in which everything fails.
//! - `cost`: what an event costs, in calls, bytes and units.
//! - `consumers`: messages at a domain, including poison and faults.
//! - `fetching`: a thin event with an API key and a simulated Stripe; `truth` has that Stripe.
//! - `laws`: any order of a simulated Stripe's events ends in the right state.
//! - `laws_thin`: the same with thin events beside snapshots, changes that two events report, and changes that only a
//!   thin event reports.
//! - `outages`: a bus that refuses, a connection that is cut, an AWS that freezes, a secret that is rolled.
//! - `receivers`: an effect at the sample receiver, deployed from its own template.
//! - `retries`: when a failed message comes back, and what it leaves behind when it no longer does.
//! - `goldens`: what deliveries leave behind and what commands print about it, compared with stored files.
//! - `flood`: bad requests at a high rate together with good ones.
//! - `variants`: the template with everything optional, and with a list of addresses.
//! - `trial`: an event with a fault, compared with an undisturbed one.
//! - `crashes`: each function killed before and after each of its calls.
//! - `failover`: a standby that takes over and hands back, a new stack, and a restored projection.
//! - `faults`: each call of each function throttled, failed, too late, cut, or with its answer lost.
//! - `rebuild`: rebuilt projections and imported older objects, by the operator's program.
//! - `replay`: replays, dead letters and rejected events, by the operator's program.
//! - `waiting`: events that their endpoint wasn't configured for, by the same program.
//! - `erasure`: what is left of a customer, by the operator's program.
//! - `console`: what operators see, by the same program.
//! - `browser`: the console's pages, over HTTP, by the same program. `console_actions`: what an operator does there.
//!   `console_numbers`: what they count.
//! - `records`: more records of outcomes than a list looks at.
//! - `search`: events by what is in their bodies, by the program and the console.
//! - `samples`: each sample event, in memory, at the domain of its type.
//! - `scale`: the AWS calls that a list, sweep, a replay and the console's pages make, over a small ledger and a larger one.
//! - `operators`: wrong setups, a comparison before switching, rolled secrets, by the same program.
//! - `rollback`: a rollback to a version and back to the newer one, by the same program.
//! - `routing`: where each event type goes, by the rules as deployed.
//!
//! Most tests share one stack; those that break something have their own.

mod access;
mod bodies;
mod browser;
mod cases;
mod chaos;
mod console;
mod console_actions;
mod console_numbers;
mod consumers;
mod cost;
mod crashes;
mod erasure;
mod failover;
mod faults;
mod fetching;
mod flood;
mod goldens;
mod ingest;
mod laws;
mod laws_thin;
mod operators;
mod outages;
mod rebuild;
mod receivers;
mod reconcile;
mod reconcile_crashes;
mod records;
mod replay;
mod retries;
mod rollback;
mod routing;
mod samples;
mod scale;
mod search;
mod trial;
mod truth;
mod variants;
mod waiting;
mod world;
