//! Answers of the services that speak XML (CloudFormation, CloudWatch's metrics, IAM, STS), as types.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A list as these services write it: `<Outputs><member>…</member><member>…</member></Outputs>`. A list without members
/// may be written as an empty element; if it is left out, it is [`list`].
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(crate) member: Vec<T>,
}

/// A list without members.
pub(crate) fn list<T>() -> List<T> {
    List { member: Vec::new() }
}

/// Reads the answer to a call.
///
/// # Errors
/// `Failed` if it isn't what the service documents.
pub(crate) fn read<T: DeserializeOwned>(call: &str, text: &str) -> Result<T, Problem> {
    quick_xml::de::from_str(text).map_err(|error| Problem::Failed(format!("{call}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_the_members_that_are_written_and_may_be_empty() {
        let read = |text: &str| {
            read::<List<String>>("List", text)
                .expect("it is read")
                .member
        };
        assert_eq!(
            read("<L><member>a &amp;&#10;b</member><member/></L>"),
            ["a &\nb", ""]
        );
        assert_eq!(read("<L/>"), Vec::<String>::new());
        assert_eq!(read("<L>\n  <member>1</member>\n</L>"), ["1"]);
    }

    #[test]
    fn an_answer_of_another_shape_is_a_failure_that_names_the_call() {
        let problem =
            read::<List<u64>>("ListThings", "<L><member>x</member></L>").expect_err("no number");
        assert!(problem.to_string().starts_with("ListThings: "), "{problem}");
        assert!(read::<List<u64>>("ListThings", "<L><member>").is_err());
    }
}
