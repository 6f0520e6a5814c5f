//! The console: a Sluice stack in the browser.
//!
//! It serves on loopback, to the operator who started it, with that operator's AWS permissions. Every page is HTML that
//! is made here; scripts and styles are compiled in, and no request goes to another host. What a page shows comes from
//! [`sluice_operations`], which the program `sluice` uses too. No table is read in a second way, and no action exists
//! that the program doesn't have.
//!
//! The console is read-only unless [`Options::write`] is set. Every request is checked here, never by the page
//! (`guard`).
//!
//! # Layout
//! - `server`: listens, and prints nothing. `guard`: who may ask for what. `session`: the token of the address, and the
//!   cookie that it becomes.
//! - `routes`: every path, in one table. `pages`: a module for each page. `actions`: what changes something, each a
//!   plan, its confirmation and a run.
//! - `live`: what pages show of what changes by itself. `streams`: their streams, and what is read for all of them.
//! - `operations`: runs the library's operations. `numbers`: what the overview shows. `series`: what
//!   happened over a span. `costs`: what an open tab costs. `app`: what the handlers share.
//! - `layout`: the frame of a page. `show`: times, states, links. `query`: what a URL holds. `fields`: what a form
//!   holds. `runbooks`: what a code means. `body`: Stripe's JSON with
//!   its numbers as they were written, and personal data masked. `refusal`: what a page says when something isn't done.
//! - `assets`: the files that are compiled in.
//!
//! # Limits
//! | what | limit |
//! |---|---|
//! | a page of HTML | 100 KB: [`limits::PAGE_BYTES`] |
//! | the body of a request | [`limits::REQUEST_BYTES`] |
//! | how long a request waits for its operation | [`limits::REQUEST_WAIT`] |
//! | operations at the same time | [`limits::OPERATIONS`] |
//! | streams at the same time; how long one lasts | [`limits::STREAMS`]; [`limits::STREAM_TIME`] |

mod actions;
mod app;
mod assets;
mod body;
pub mod costs;
mod fields;
mod guard;
mod layout;
pub mod limits;
mod live;
mod numbers;
mod operations;
mod pages;
mod query;
mod refusal;
mod routes;
mod runbooks;
mod series;
mod server;
mod session;
mod show;
mod streams;

pub use server::{Console, Options};

#[cfg(test)]
mod testing;
