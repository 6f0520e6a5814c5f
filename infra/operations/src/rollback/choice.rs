//! Chooses the version that `live` goes to, and says what prevents the move.
//!
//! Lambda doesn't say which version an alias had before. The previous version is the newest one that is older than
//! `live` and that no recorded rollback has left. A version that a rollback left was bad, unless an operator has moved
//! the alias forward to it since. A version of a deployment that CloudFormation rolled back may be chosen too; the plan
//! shows its description, so the operator sees it.

use serde_json::Value;

use super::record::{Move, State};
use crate::code::{self, Code};
use crate::problem::Problem;
use crate::stack::Described;
use crate::versions::{Alias, is_versioned, number};

/// Why an alias isn't moved, with a code that has a runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its stable name.
    pub code: Code,
    /// The reason, in words.
    pub what: String,
}

impl Refusal {
    /// With these words.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { code, what }
    }
}

impl From<Refusal> for Problem {
    fn from(Refusal { code, what }: Refusal) -> Self {
        let said = format!("{code}: {what}; see infra/runbooks/{code}.md");
        match code {
            code::ROLLBACK_NO_VERSION | code::ROLLBACK_NO_ALIAS => Self::NotFound(said),
            _ => Self::Partly(said),
        }
    }
}

/// Checks that the stack's state allows moving an alias, and that events go to the alias.
///
/// # Errors
/// `rollback.no_alias` if events go to the function itself, `rollback.deploying` if CloudFormation is at work.
pub fn of_stack(stack: &Described, role: &str) -> Result<(), Refusal> {
    if !is_versioned(&stack.parameters, role) {
        return Err(Refusal::new(
            code::ROLLBACK_NO_ALIAS,
            format!(
                "the stack was deployed without a Revision, so events go to the function {role} itself and no alias brings \
                 back what it was"
            ),
        ));
    }
    // The cleanup at the end of an update touches no alias.
    let status = &stack.status;
    if status.ends_with("_IN_PROGRESS") && !status.contains("CLEANUP") {
        return Err(Refusal::new(
            code::ROLLBACK_DEPLOYING,
            format!("the stack is {status}, and the deployment moves the alias itself"),
        ));
    }
    Ok(())
}

/// The versions that a rollback has left and that no move has gone forward to since.
fn left(moves: &[Move]) -> Vec<&str> {
    let mut left: Vec<&str> = Vec::new();
    for moved in moves.iter().filter(|one| one.state != State::Refused) {
        left.retain(|version| *version != moved.to);
        if moved.is_back() {
            left.push(&moved.from);
        }
    }
    left
}

/// The version to go to.
///
/// # Errors
/// `rollback.weighted` during a canary, `rollback.no_version` if there is no such version, `rollback.is_live` if `live`
/// has it.
pub fn choose<'a>(
    alias: &Alias,
    versions: &'a [Value],
    moves: &[Move],
    to: Option<u64>,
) -> Result<&'a Value, Refusal> {
    let live = &alias.version;
    if !alias.weighted.is_empty() {
        return Err(Refusal::new(
            code::ROLLBACK_WEIGHTED,
            format!(
                "a part of the deliveries goes to version {}: a canary is in progress, and CodeDeploy takes it back itself",
                alias.weighted.join(", ")
            ),
        ));
    }
    let Some(to) = to else {
        let left = left(moves);
        let older = versions.iter().rev().filter(|version| {
            // `$LATEST` is newer than any version.
            let older = number(version) < Some(live.parse().unwrap_or(u64::MAX));
            older && !left.iter().any(|left| version["Version"] == **left)
        });
        return older.into_iter().next().ok_or_else(|| {
            let skipped = match left.is_empty() {
                true => String::new(),
                false => format!(" that wasn't rolled back (those were: {})", left.join(", ")),
            };
            Refusal::new(
                code::ROLLBACK_NO_VERSION,
                format!("there is no version before {live}{skipped}"),
            )
        });
    };
    if live.parse() == Ok(to) {
        return Err(Refusal::new(
            code::ROLLBACK_IS_LIVE,
            format!("version {to} is live already"),
        ));
    }
    let mut all = versions.iter();
    all.find(|version| number(version) == Some(to))
        .ok_or_else(|| {
            let known: Vec<_> = versions.iter().rev().take(10).filter_map(number).collect();
            let known: Vec<_> = known.iter().map(ToString::to_string).collect();
            Refusal::new(
                code::ROLLBACK_NO_VERSION,
                format!(
                    "there is no version {to}; the newest are {}",
                    known.join(", ")
                ),
            )
        })
}

/// Whether a version can take events. `Inactive` can: Lambda prepares it at the first call, which fails and is
/// repeated.
///
/// # Errors
/// `rollback.not_active`.
pub fn is_ready(configuration: &Value) -> Result<(), Refusal> {
    let text = |name: &str| configuration[name].as_str().unwrap_or_default();
    match text("State") {
        "" | "Active" | "Inactive" => Ok(()),
        state => Err(Refusal::new(
            code::ROLLBACK_NOT_ACTIVE,
            format!(
                "version {} is {state}: {}",
                text("Version"),
                text("StateReason")
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::rollback::record::tests::moved;
    use crate::versions::tests::version;

    fn alias(version: &str) -> Alias {
        Alias {
            version: version.to_owned(),
            revision_id: "r".to_owned(),
            weighted: Vec::new(),
        }
    }

    fn versions() -> Vec<Value> {
        [9, 10, 12, 13, 14]
            .map(|n| version(n, "", &json!({})))
            .into()
    }

    fn chosen(live: &str, moves: &[Move], to: Option<u64>) -> Result<u64, &'static str> {
        let versions = versions();
        let found = choose(&alias(live), &versions, moves, to);
        found
            .map(|version| number(version).expect("a number"))
            .map_err(|refusal| refusal.code.as_str())
    }

    #[test]
    fn the_version_before_is_the_newest_that_is_older_than_live() {
        assert_eq!(chosen("13", &[], None), Ok(12));
        // 11 was deleted.
        assert_eq!(chosen("12", &[], None), Ok(10));
        assert_eq!(chosen("9", &[], None), Err("rollback.no_version"));
    }

    #[test]
    fn a_version_that_was_rolled_back_is_not_gone_back_to_until_it_was_gone_forward_to() {
        let back = moved("13", "12");
        assert_eq!(chosen("14", std::slice::from_ref(&back), None), Ok(12));
        let forward = [back.clone(), moved("12", "13")];
        assert_eq!(chosen("14", &forward, None), Ok(13));
        // A move forward leaves a good version.
        assert_eq!(chosen("13", &forward, None), Ok(12));
        // A move that another change prevented has left nothing.
        let refused = Move {
            state: State::Refused,
            ..back
        };
        assert_eq!(chosen("14", &[refused], None), Ok(13));
    }

    #[test]
    fn the_operator_may_name_any_version_but_the_live_one() {
        assert_eq!(chosen("13", &[], Some(9)), Ok(9));
        assert_eq!(chosen("12", &[moved("13", "12")], Some(13)), Ok(13));
        assert_eq!(chosen("13", &[], Some(13)), Err("rollback.is_live"));
        assert_eq!(chosen("13", &[], Some(11)), Err("rollback.no_version"));
    }

    #[test]
    fn a_canary_in_progress_is_left_to_codedeploy() {
        let canary = Alias {
            weighted: vec!["14".to_owned()],
            ..alias("13")
        };
        for to in [None, Some(9)] {
            let refused = choose(&canary, &versions(), &[], to).expect_err("refused");
            assert_eq!(refused.code, "rollback.weighted");
        }
    }

    #[test]
    fn a_version_that_lambda_cannot_run_is_not_gone_to() {
        let mut failed = version(12, "", &json!({}));
        assert_eq!(is_ready(&failed), Ok(()));
        failed["State"] = json!("Failed");
        failed["StateReason"] = json!("the key is disabled");
        let refused = is_ready(&failed).expect_err("refused");
        assert_eq!(refused.code, "rollback.not_active");
        assert!(refused.what.contains("the key is disabled"), "{refused:?}");
    }

    #[test]
    fn a_stack_without_a_revision_or_in_a_deployment_is_left_alone() {
        let stack = |revision: &str, status: &str| Described {
            status: status.to_owned(),
            parameters: BTreeMap::from([("Revision".to_owned(), revision.to_owned())]),
            ..Described::default()
        };
        let code = |stack: &Described| of_stack(stack, "payments").map_err(|it| it.code.as_str());
        assert_eq!(code(&stack("0123456789", "UPDATE_COMPLETE")), Ok(()));
        let cleaning = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS";
        assert_eq!(code(&stack("0123456789", cleaning)), Ok(()));
        for (revision, status, wanted) in [
            ("", "UPDATE_COMPLETE", "rollback.no_alias"),
            ("0123456789", "UPDATE_IN_PROGRESS", "rollback.deploying"),
            (
                "0123456789",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "rollback.deploying",
            ),
        ] {
            assert_eq!(code(&stack(revision, status)), Err(wanted), "{status}");
        }
    }

    #[test]
    fn a_refusal_is_a_problem_with_its_code_and_runbook() {
        let problem = Problem::from(Refusal::new(code::ROLLBACK_WEIGHTED, "a canary"));
        assert_eq!(problem.exit_code(), 4);
        assert!(
            problem
                .to_string()
                .contains("infra/runbooks/rollback.weighted.md")
        );
        let missing = Problem::from(Refusal::new(code::ROLLBACK_NO_VERSION, "none"));
        assert_eq!(missing.exit_code(), 3);
    }
}
