//! What leaves Sluice: the schemas of its effects, and the means to hold the domains to them.
//!
//! The schemas are the files beside this crate, `<kind>.json`, one for each kind of effect, for people and programs
//! that know nothing of Rust; `README.md` has the catalogue. This crate is for tests: it checks an effect against its
//! schema ([`check`]), tells which event types are a domain's ([`routed`]), and plays the simulated Stripe's stories
//! through a domain ([`stories`]), in every order of each object's events ([`orders`]).

pub mod orders;
mod schemas;
pub mod stories;

pub use schemas::{SCHEMAS, check};

use sluice_kernel::bus::route::{self, Route, Shape};
use sluice_kernel::domain::Domain;
/// What stories are told in.
pub use sluice_stripe_sim::ApiVersion;

/// The event types that are this domain's, as the domain sees them: without the `v1.` of thin ones.
pub fn routed(domain: &str) -> Vec<&'static str> {
    types()
        .filter(|(.., place)| *place == domain)
        .map(|(kind, ..)| kind.strip_prefix("v1.").unwrap_or(kind))
        .collect()
}

/// Where a type goes, written as Stripe writes it (with the `v1.` of thin ones): a domain, or `ledger`. `None` for a type
/// that the table doesn't have.
pub fn place_of(kind: &str) -> Option<&'static str> {
    let mut types = types();
    types
        .find(|(known, ..)| *known == kind)
        .map(|(.., place)| place)
}

/// Every type with its shape (`snapshot` or `thin`) and its place.
pub fn types() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    route::rows().map(|(kind, shape, to)| {
        let shape = match shape {
            Shape::Snapshot => "snapshot",
            Shape::Thin => "thin",
        };
        match to {
            Route::Domain(domain) => (kind, shape, domain),
            Route::LedgerOnly(_) | Route::Unrouted => (kind, shape, "ledger"),
        }
    })
}

/// Holds a domain's `handles` to the table: what is routed to it is handled, but for the types named in `but`, and what is
/// routed elsewhere isn't.
///
/// # Panics
/// Where they differ, with the type.
pub fn handles_what_is_routed<D: Domain>(but: &[&str]) {
    let ours = routed(D::NAME);
    assert!(!ours.is_empty(), "{} has no types in the table", D::NAME);
    for kind in &ours {
        assert_eq!(D::handles(kind), !but.contains(kind), "{kind}");
    }
    // A thin twin may stay in the ledger, because its object has no address of its own: it doesn't come here.
    for (kind, _, place) in types().filter(|(.., place)| *place != D::NAME) {
        let kind = kind.strip_prefix("v1.").unwrap_or(kind);
        assert!(ours.contains(&kind) || !D::handles(kind), "{kind}: {place}");
    }
}
