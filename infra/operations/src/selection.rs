//! All that a filter matches, and not only what is visible. A change is planned for it, confirmed by it and carried out
//! on it.
//!
//! A plan has the filter, the number of matches and a digest of them. A console may show a plan in one request and
//! carry it out in another. It then plans again with the same filter and compares the digest ([`Selection::confirm`]).
//! So nothing that arrived in between is changed unseen.

use serde::{Deserialize, Serialize};
use sluice_adapters::runs::digest;

use crate::code;
use crate::problem::Problem;

/// The digest's bytes: enough that two different selections never have the same digest.
const DIGEST_BYTES: usize = 16;

/// What a filter matched at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection<F> {
    /// The filter.
    pub filter: F,
    /// How many matched.
    pub count: usize,
    /// Identifies the matches, whatever their order: equal only for the same matches.
    pub digest: String,
}

impl<F> Selection<F> {
    /// The matches, each by an id that no other has.
    pub fn of<'a>(filter: F, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort_unstable();
        Self {
            filter,
            count: ids.len(),
            digest: digest(ids, DIGEST_BYTES),
        }
    }

    /// Checks that the matches are the confirmed ones, by the digest of the plan that was shown.
    ///
    /// # Errors
    /// `Partly` with the code `selection.changed` if they aren't.
    pub fn confirm(&self, digest: &str) -> Result<(), Problem> {
        match self.digest == digest {
            true => Ok(()),
            false => Err(Problem::Partly(format!(
                "{}: other things match than when the plan was shown ({} now): nothing was done, look again",
                code::SELECTION_CHANGED,
                self.count
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(ids: &[&str]) -> String {
        Selection::of((), ids.iter().copied()).digest
    }

    #[test]
    fn a_digest_names_what_matched_whatever_its_order() {
        assert_eq!(digest_of(&["m-1", "m-2"]), digest_of(&["m-2", "m-1"]));
        for other in [&["m-1"][..], &["m-1", "m-3"], &["m-1m-2"], &["m-", "1m-2"]] {
            assert_ne!(digest_of(&["m-1", "m-2"]), digest_of(other), "{other:?}");
        }
    }

    #[test]
    fn a_plan_is_not_confirmed_by_what_matched_at_another_time() {
        let shown = Selection::of("billing", ["m-1"]);
        let later = Selection::of("billing", ["m-1", "m-2"]);
        assert!(shown.confirm(&shown.digest).is_ok());
        let refused = later.confirm(&shown.digest).expect_err("another came");
        assert_eq!(refused.exit_code(), 4);
        assert!(refused.to_string().starts_with("selection.changed: "));
    }
}
