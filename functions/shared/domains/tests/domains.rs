//! The list of the domains, and what is derived from it.

use std::collections::BTreeSet;

use sluice_domains::{ALL, IMPORTS, NEEDED, Visit, by_name};
use sluice_kernel::bus::route::{Route, rows};
use sluice_kernel::domain::Domain;

struct Name;

impl Visit for Name {
    type Output = &'static str;

    fn visit<D: Domain>(self) -> &'static str {
        D::NAME
    }
}

#[test]
fn the_order_of_the_domains_is_fixed_and_a_new_one_is_the_last() {
    assert!(ALL.starts_with(&["payments", "billing", "subscriptions", "connect"]));
}

#[test]
fn each_name_leads_to_its_own_domain() {
    for name in ALL {
        assert_eq!(by_name(name, Name), Some(name));
    }
}

#[test]
fn a_name_that_is_not_known_leads_to_no_domain() {
    for name in ["nosuch", "", "Payments", "ledger", "connect "] {
        assert_eq!(by_name(name, Name), None, "{name}");
    }
}

#[test]
fn each_domain_handles_what_it_needs_and_no_two_import_the_same() {
    struct Handles<'a>(&'a str);

    impl Visit for Handles<'_> {
        type Output = bool;

        fn visit<D: Domain>(self) -> bool {
            D::handles(self.0)
        }
    }

    for (domain, needed) in NEEDED {
        for kind in needed {
            assert_eq!(by_name(domain, Handles(kind)), Some(true), "{kind}");
        }
    }
    let imported = || IMPORTS.iter().flat_map(|(_, kinds)| *kinds);
    let kinds: BTreeSet<_> = imported().collect();
    assert_eq!(kinds.len(), imported().count());
}

#[test]
fn the_routing_table_names_these_domains_and_no_others() {
    let routed: BTreeSet<_> = rows()
        .filter_map(|(_, _, to)| match to {
            Route::Domain(domain) => Some(domain),
            _ => None,
        })
        .collect();
    assert_eq!(routed, BTreeSet::from(ALL));
}
