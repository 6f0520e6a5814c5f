//! All that a filter matches, and not only what is in view: what a change is planned for, confirmed by and carried out on.
//!
//! A plan has the filter, how much it matched and a digest of that. A console that shows a plan in one request and carries
//! it out in another plans again by the same filter and compares the digest ([`Selection::confirm`]). So nothing that came
//! in between is changed unseen.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// The code of a plan that isn't confirmed.
const CHANGED: &str = "selection.changed";

/// The digest's bytes: enough that two different selections never have the same one.
const DIGEST_BYTES: usize = 16;

/// What a filter matched at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection<F> {
    /// Which are wanted.
    pub filter: F,
    /// How many matched.
    pub count: usize,
    /// Names those that matched, whatever their order: equal for the same ones only.
    pub digest: String,
}

impl<F> Selection<F> {
    /// What matched, each by the id that tells it from all others.
    pub fn of<'a>(filter: F, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort_unstable();
        let mut hash = Sha256::new();
        for id in &ids {
            // With its length, so that no two lists are the same text.
            hash.update(id.len().to_be_bytes());
            hash.update(id);
        }
        let hex = hash.finalize();
        let hex = hex.iter().take(DIGEST_BYTES);
        Self {
            filter,
            count: ids.len(),
            digest: hex.map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// Checks that what matches now is what was confirmed, by the digest of the plan that was shown.
    ///
    /// # Errors
    /// `Partly` with the code `selection.changed` when it isn't.
    pub fn confirm(&self, digest: &str) -> Result<(), Problem> {
        match self.digest == digest {
            true => Ok(()),
            false => Err(Problem::Partly(format!(
                "{CHANGED}: other things match than when the plan was shown ({} now): nothing was done, look again",
                self.count
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(ids: &[&str]) -> String {
        Selection::of((), ids.iter().copied()).digest
    }

    #[test]
    fn a_digest_names_what_matched_whatever_its_order() {
        assert_eq!(digest(&["m-1", "m-2"]), digest(&["m-2", "m-1"]));
        for other in [&["m-1"][..], &["m-1", "m-3"], &["m-1m-2"], &["m-", "1m-2"]] {
            assert_ne!(digest(&["m-1", "m-2"]), digest(other), "{other:?}");
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
