//! What leaves Sluice: the schemas of its effects, and the checks that domains keep to them.
//!
//! The schemas are the files beside this crate, `<kind>.json`, one for each kind of effect. They are for people and
//! programs that know nothing of Rust; `README.md` has the catalogue. This crate is for tests. It checks an effect
//! against its schema ([`check`]) and lists the event types that a domain gets ([`routed`]). It plays the simulated
//! Stripe's stories through a domain ([`stories`]), in every order of each object's events ([`orders`]).

pub mod orders;
mod schemas;
pub mod stories;

pub use schemas::{SCHEMAS, check};

use sluice_kernel::bus::route::{self, Route, RouteShape};
use sluice_kernel::domain::Domain;
/// The API version that stories are played in.
pub use sluice_stripe_sim::ApiVersion;

/// The event types that are routed to this domain, as the domain sees them: without the `v1.` of thin ones.
pub fn routed(domain: &str) -> Vec<&'static str> {
    types()
        .filter(|(.., place)| *place == domain)
        .map(|(kind, ..)| kind.strip_prefix("v1.").unwrap_or(kind))
        .collect()
}

/// Where a type is routed: a domain, or `ledger`. The type is written as Stripe writes it (with the `v1.` of thin
/// ones). `None` if the table doesn't have the type.
pub fn place_of(kind: &str) -> Option<&'static str> {
    let mut types = types();
    types
        .find(|(known, ..)| *known == kind)
        .map(|(.., place)| place)
}

/// Every type with its payload (`snapshot` or `thin`) and the place that it is routed to.
pub fn types() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    route::rows().map(|(kind, shape, to)| {
        let shape = match shape {
            RouteShape::Snapshot => "snapshot",
            RouteShape::Thin => "thin",
        };
        match to {
            Route::Domain(domain) => (kind, shape, domain),
            Route::NoDomain(_) | Route::Unrouted => (kind, shape, "ledger"),
        }
    })
}

/// Compares a domain's `handles` with the routing table: the domain handles every type that is routed to it, except the
/// types in `but`, and no type that is routed elsewhere.
///
/// # Panics
/// If they differ, with the type.
pub fn handles_what_is_routed<D: Domain>(but: &[&str]) {
    let ours = routed(D::NAME);
    assert!(!ours.is_empty(), "{} has no types in the table", D::NAME);
    for kind in &ours {
        assert_eq!(D::handles(kind), !but.contains(kind), "{kind}");
    }
    // A thin event may stay in the ledger because its object has no path in the API: it isn't routed to the domain.
    for (kind, _, place) in types().filter(|(.., place)| *place != D::NAME) {
        let kind = kind.strip_prefix("v1.").unwrap_or(kind);
        assert!(ours.contains(&kind) || !D::handles(kind), "{kind}: {place}");
    }
}
