//! All domains by name: the one place that lists them.
//!
//! Programs that work with every domain (the operator's program, the checks of the tests) name no domain's crate. They
//! take the names from [`ALL`], and run a domain's code through a [`Visit`], which [`by_name`] calls with the domain's
//! type. A name that isn't known here yields `None`, and never another domain's code.
//!
//! ```
//! use sluice_domains::{Visit, by_name};
//! use sluice_kernel::domain::Domain;
//!
//! /// Whether a domain has a use for a type.
//! struct Handles<'a>(&'a str);
//!
//! impl Visit for Handles<'_> {
//!     type Output = bool;
//!
//!     fn visit<D: Domain>(self) -> bool {
//!         D::handles(self.0)
//!     }
//! }
//!
//! assert_eq!(by_name("billing", Handles("invoice.paid")), Some(true));
//! assert_eq!(by_name("nosuch", Handles("invoice.paid")), None);
//! ```

use std::pin::Pin;

use sluice_kernel::domain::Domain;

/// An operation that works with any domain.
pub trait Visit {
    /// The result; an [`Answer`] if it has to be awaited.
    type Output;

    /// Runs with the code of this domain.
    fn visit<D: Domain>(self) -> Self::Output;
}

/// The output of a visit that waits: a future, boxed so that it has the same type for each domain.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The list of the domains, and what is derived from it.
macro_rules! domains {
    ($($domain:ty),+ $(,)?) => {
        /// The domains' names, in a fixed order: a new one is added at the end.
        pub const ALL: [&str; [$(<$domain as Domain>::NAME),+].len()] = [$(<$domain as Domain>::NAME),+];

        /// Each domain's [`Domain::NEEDED`], in the same order.
        pub const NEEDED: [(&str, &[&str]); ALL.len()] =
            [$((<$domain as Domain>::NAME, <$domain as Domain>::NEEDED)),+];

        /// Each domain's [`Domain::IMPORTS`], in the same order.
        pub const IMPORTS: [(&str, &[&str]); ALL.len()] =
            [$((<$domain as Domain>::NAME, <$domain as Domain>::IMPORTS)),+];

        /// Visits the domain of this name; `None` if no domain has it.
        pub fn by_name<V: Visit>(name: &str, visit: V) -> Option<V::Output> {
            $(
                if name == <$domain as Domain>::NAME {
                    return Some(visit.visit::<$domain>());
                }
            )+
            None
        }
    };
}

domains![
    payments::Payments,
    billing::Billing,
    subscriptions::Subscriptions,
    connect::Connect,
];
