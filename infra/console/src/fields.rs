//! The fields of a form or a query, in their order; a name may have several values.

use axum::Form;
use axum::extract::Query;
use sluice_operations::actor;
use sluice_operations::problem::Problem;

use crate::query::given;

/// The pairs of names and values, as axum reads them from a query.
pub(crate) type Asked = Query<Vec<(String, String)>>;

/// The same from the body of a request.
pub(crate) type Sent = Form<Vec<(String, String)>>;

/// The fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

/// What a person confirms with each plan.
#[derive(Debug)]
pub(crate) struct Confirmation {
    /// The digest of the plan that was shown.
    pub(crate) digest: String,
    /// The name of the run that the plan was shown with.
    pub(crate) run: Option<String>,
    pub(crate) why: String,
}

impl Fields {
    /// The text of a field; none if it is missing or empty.
    pub(crate) fn one(&self, name: &str) -> Option<String> {
        let mut found = self.0.iter().filter(|(one, _)| one == name);
        found.find_map(|(_, value)| given(value))
    }

    /// The words of all fields of a name, separated by commas or white space.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(one, _)| one == name);
        let words = found.flat_map(|(_, value)| {
            value.split(|letter: char| letter == ',' || letter.is_whitespace())
        });
        words.filter_map(given).collect()
    }

    /// Whether a box is ticked.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.one(name).is_some()
    }

    /// A field that has to be there.
    ///
    /// # Errors
    /// `Usage`, with these words.
    pub(crate) fn needed(&self, name: &str, words: &str) -> Result<String, Problem> {
        self.one(name)
            .ok_or_else(|| Problem::Usage(words.to_owned()))
    }

    /// What is confirmed, and why.
    ///
    /// # Errors
    /// `Usage`, which says what is missing.
    pub(crate) fn confirmation(&self) -> Result<Confirmation, Problem> {
        let digest = self.needed(
            "digest",
            "a plan has to be shown before it is confirmed: its digest is missing, and nothing was done",
        )?;
        if !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Problem::Usage(
                "that is no digest of a plan: nothing was done".to_owned(),
            ));
        }
        let why = self.needed("why", "say why, for the record: nothing was done")?;
        Ok(Confirmation {
            digest,
            run: self.one("run"),
            why: actor::checked(&why)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter();
        Fields(
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_plan_is_confirmed_with_its_digest_and_a_reason_or_the_words_say_what_is_missing() {
        let given = fields(&[("digest", "00ff"), ("why", " fixed "), ("run", "replay-1")]);
        let read = given.confirmation().expect("a confirmation");
        assert_eq!((read.digest.as_str(), read.why.as_str()), ("00ff", "fixed"));
        for (pairs, word) in [
            (&[("why", "fixed")][..], "digest is missing"),
            (&[("digest", "../x"), ("why", "fixed")], "no digest"),
            (&[("digest", "00ff"), ("why", " ")], "say why"),
            (&[("digest", "00ff")], "say why"),
        ] {
            let refused = fields(pairs).confirmation().expect_err("refused");
            assert!(matches!(refused, Problem::Usage(_)));
            let said = refused.to_string();
            assert!(
                said.contains(word) && said.contains("nothing was done"),
                "{said}"
            );
        }
    }

    #[test]
    fn ids_come_from_boxes_or_from_lines() {
        let given = fields(&[("id", "evt_1"), ("id", "evt_2, evt_3\r\nevt_4 ")]);
        assert_eq!(given.words("id"), ["evt_1", "evt_2", "evt_3", "evt_4"]);
        assert_eq!(given.one("id").as_deref(), Some("evt_1"));
        assert!(given.is_on("id") && !given.is_on("force"));
    }
}
