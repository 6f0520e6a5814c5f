//! API versions, and the differences between their shapes.
//!
//! The true state of an object is kept in the newest shape. What older shapes need and newer ones lack is beside it
//! under hidden keys (they begin with `~`). [`CHANGES`](crate::CHANGES) lists each breaking change of the shapes that
//! the simulation has, newest first, as Stripe's changelog does. To render an object at a version, every change since
//! that version is undone.
//!
//! Only breaking changes of rendering are here. Fields that were added without a break are shown at every version, as
//! Stripe does. Changes of a request's defaults (when Checkout makes its payment intent, which billing mode a new
//! subscription has) are not: stories act as a client of the newest version.

use std::fmt;

/// A version of Stripe's API, ordered by date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(&'static str);

/// Every version since 2020-08-27 that Stripe has published and this simulation accepts.
const KNOWN: [&str; 22] = [
    "2020-08-27",
    "2022-08-01",
    "2022-11-15",
    "2023-08-16",
    "2023-10-16",
    "2024-04-10",
    "2024-06-20",
    "2024-09-30.acacia",
    "2024-10-28.acacia",
    "2024-11-20.acacia",
    "2024-12-18.acacia",
    "2025-01-27.acacia",
    "2025-02-24.acacia",
    "2025-03-31.basil",
    "2025-04-30.basil",
    "2025-05-28.basil",
    "2025-06-30.basil",
    "2025-07-30.basil",
    "2025-08-27.basil",
    "2025-09-30.clover",
    "2025-10-29.clover",
    "2025-11-17.clover",
];

impl ApiVersion {
    /// The oldest that is supported.
    pub const V2020_08_27: Self = Self("2020-08-27");
    /// Before the last break of the year.
    pub const V2023_10_16: Self = Self("2023-10-16");
    /// The last version without a release's name.
    pub const V2024_06_20: Self = Self("2024-06-20");
    /// The first version whose events have a `context`.
    pub const V2025_04_30: Self = Self("2025-04-30.basil");
    /// After the major change of billing's shapes.
    pub const V2025_09_30: Self = Self("2025-09-30.clover");
    /// The first version that lists events of API v2 by type and time, without naming an object.
    pub const V2025_11_17: Self = Self("2025-11-17.clover");

    /// One version of each shape that matters, oldest first: tests run on each.
    pub const TESTED: [Self; 4] = [
        Self::V2020_08_27,
        Self::V2023_10_16,
        Self::V2024_06_20,
        Self::V2025_09_30,
    ];

    /// The version of this name, if it is known.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KNOWN.into_iter().find(|known| *known == name).map(Self)
    }

    /// Its name: `2025-09-30.clover`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

pub(crate) const BASIL: ApiVersion = ApiVersion("2025-03-31.basil");
pub(crate) const V2024_04_10: ApiVersion = ApiVersion("2024-04-10");
pub(crate) const V2022_11_15: ApiVersion = ApiVersion("2022-11-15");
pub(crate) const V2022_08_01: ApiVersion = ApiVersion("2022-08-01");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_listed_oldest_first() {
        assert!(KNOWN.is_sorted());
        assert_eq!(ApiVersion::named("2025-03-31.basil"), Some(BASIL));
        assert_eq!(ApiVersion::named("2019-01-01"), None);
    }
}
