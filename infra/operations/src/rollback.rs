//! Moves the alias `live` of ingest or a domain to the previous version or to another one.
//!
//! A plan says which version is live, which would be, and what differs. Carrying it out takes three steps: record who
//! moves the alias and why; move it, unless it was changed since the plan was made (Lambda's `RevisionId`); complete
//! the record. The stack's template isn't changed. Until the next deployment with another `Revision` the alias stays
//! where it was put, and the status and doctor's findings say so.
//!
//! # Layout
//! - [`choice`]: which version, and what prevents the move; it makes no calls to AWS.
//! - [`record`]: what was moved, by whom and why.
//! - [`standing`]: where an alias is, compared with what was deployed last.

pub mod choice;
pub mod record;
pub mod standing;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sluice_kernel::consumer::projection::SCHEMA;

use crate::actor::Reason;
use crate::code;
use crate::problem::Problem;
use crate::runs::plan_digest;
use crate::stack::{Described, Stack};
use crate::times::now_ms;
use crate::versions::{self, Alias, Difference};
use choice::{Refusal, choose, is_ready, of_stack};
use record::{Move, State, behind};

/// A version of a function, as a plan shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// `13`, or `$LATEST`.
    pub version: String,
    /// When it was published, as Lambda writes times.
    pub published: String,
    /// What its deployment says of it.
    pub description: String,
}

impl Version {
    fn of(configuration: &Value) -> Self {
        let text = |name: &str| configuration[name].as_str().unwrap_or_default().to_owned();
        Self {
            version: text("Version"),
            published: text("LastModified"),
            description: text("Description"),
        }
    }
}

/// What would be done.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// `payments`, `ingest`
    #[serde(rename = "function")]
    pub role: String,
    /// The version that is live.
    pub live: Version,
    /// The version that would be live.
    pub to: Version,
    /// What the second version has otherwise than the first.
    pub differences: Vec<Difference>,
    /// What an operator should know before the move.
    pub warnings: Vec<String>,
    /// The move that brought `live` to where it is.
    #[serde(rename = "moved_here", serialize_with = "since")]
    pub since: Option<Move>,
    /// The function's name.
    #[serde(skip)]
    function: String,
    /// As it was when the plan was made, which makes the move conditional.
    #[serde(skip)]
    alias: Alias,
}

fn since<S: Serializer>(since: &Option<Move>, serializer: S) -> Result<S::Ok, S::Error> {
    let since = since.as_ref();
    since
        .map(|since| json!({ "at_ms": since.at_ms, "who": since.who, "why": since.why }))
        .serialize(serializer)
}

/// Plans to point a function's alias at the previous version, or at this one.
///
/// `Usage` for a function that isn't there. `NotFound` or `Partly`, with a code that has a runbook, if there is no such
/// version or the alias may not be moved.
pub async fn plan(stack: &Stack, role: &str, to: Option<u64>) -> Result<Plan, Problem> {
    let function = function(stack, role)?;
    let described = Described::without_resources(&stack.aws, &stack.name).await?;
    of_stack(&described, role)?;

    let aws = &stack.aws;
    let no_alias = || {
        let what = format!("the function {function} has no alias {}", versions::LIVE);
        Problem::from(Refusal::new(code::ROLLBACK_NO_ALIAS, what))
    };
    let alias = versions::alias(aws, function).await?;
    let alias = alias.ok_or_else(no_alias)?;
    let all = versions::published(aws, function).await?;
    let moves = record::moves(stack)?.of(role).await?;
    let to = choose(&alias, &all, &moves, to)?;
    let to = to["Version"].as_str().unwrap_or_default();
    let gone = |version: &str| {
        let what = format!("version {version} is gone");
        Problem::from(Refusal::new(code::ROLLBACK_NO_VERSION, what))
    };
    let live = versions::configuration(aws, function, &alias.version).await?;
    let live = live.ok_or_else(|| gone(&alias.version))?;
    let target = versions::configuration(aws, function, to).await?;
    let target = target.ok_or_else(|| gone(to))?;
    is_ready(&target)?;
    let since = behind(&moves, &alias.version).cloned();
    Ok(Plan::of(role, function, &live, &target, since, alias))
}

impl Plan {
    fn of(
        role: &str,
        function: &str,
        live: &Value,
        target: &Value,
        since: Option<Move>,
        alias: Alias,
    ) -> Self {
        let differences = versions::differences(live, target);
        Self {
            warnings: warnings(role, live, target, &differences),
            role: role.to_owned(),
            live: Version::of(live),
            to: Version::of(target),
            differences,
            since,
            function: function.to_owned(),
            alias,
        }
    }

    /// Distinguishes this plan from another: by the two versions, and by each change of the alias.
    pub fn digest(&self) -> String {
        let Alias {
            version,
            revision_id,
            ..
        } = &self.alias;
        plan_digest([&self.role, version, &self.to.version, revision_id].map(String::as_str))
    }

    /// Carries the plan out: records it, moves the alias unless it was changed since the plan was made, and completes
    /// the record.
    ///
    /// # Errors
    /// `Partly` with the code `rollback.changed` if the alias was changed meanwhile; what AWS refuses otherwise.
    pub async fn carry_out(&self, stack: &Stack, reason: Reason) -> Result<Moved, Problem> {
        let moved = Move {
            role: self.role.clone(),
            from: self.alias.version.clone(),
            to: self.to.version.clone(),
            who: reason.who,
            why: reason.why,
            at_ms: now_ms(),
            state: State::Begun,
        };
        carry_out(stack, &self.function, &self.alias, moved, self.digest()).await
    }
}

/// An alias that was moved.
#[derive(Debug)]
pub struct Moved {
    /// The two versions, who moved it and why.
    pub moved: Move,
    /// Why its record couldn't be completed; the record then stays as begun.
    pub record: Result<(), Problem>,
}

/// The function's name, if it has an alias.
fn function<'a>(stack: &'a Stack, role: &str) -> Result<&'a str, Problem> {
    let known = stack.functions.iter();
    let known = known.filter(|(role, _)| versions::has_alias(role));
    if let Some((_, name)) = known.clone().find(|(known, _)| *known == role) {
        return Ok(name);
    }
    if stack.functions.contains_key(role) {
        let what = format!("{role} is called without an alias: deploy the version before");
        return Err(Refusal::new(code::ROLLBACK_NO_ALIAS, what).into());
    }
    let names: Vec<_> = known.map(|(role, _)| role.as_str()).collect();
    Err(Problem::Usage(format!(
        "there is no {role}: there are {}",
        names.join(", ")
    )))
}

async fn carry_out(
    stack: &Stack,
    function: &str,
    alias: &Alias,
    mut moved: Move,
    plan: String,
) -> Result<Moved, Problem> {
    let moves = record::moves(stack)?;
    if !moves.begin(&moved, Some(plan)).await? {
        let what = "another operator is moving the alias at this moment";
        return Err(Refusal::new(code::ROLLBACK_CHANGED, what).into());
    }
    let result = versions::point(&stack.aws, function, &moved.to, alias).await;
    // A failed call may have been carried out all the same. If that isn't known, the record stays as begun.
    let is_there = match &result {
        Ok(is_moved) => Some(*is_moved),
        Err(_) => {
            let now = versions::alias(&stack.aws, function).await;
            let now = now.ok().flatten();
            now.map(|now| now.version == moved.to && now.weighted.is_empty())
        }
    };
    let completed = match is_there {
        Some(is_there) => {
            moved.state = match is_there {
                true => State::Done,
                false => State::Refused,
            };
            moves.complete(&moved).await.map_err(Problem::from)
        }
        None => Ok(()),
    };
    match (is_there, result) {
        // Whatever else failed, the alias has moved: that has to be said first.
        (Some(true), _) => Ok(Moved {
            moved,
            record: completed,
        }),
        (_, Err(problem)) => Err(problem),
        (_, Ok(_)) => {
            let what = "the alias was changed by another since the plan was made, and is left as it is now";
            Err(Refusal::new(code::ROLLBACK_CHANGED, what).into())
        }
    }
}

/// What an operator should know before the move.
fn warnings(role: &str, live: &Value, target: &Value, differences: &[Difference]) -> Vec<String> {
    // `$LATEST` is newer than any version.
    let live_number = versions::number(live).unwrap_or(u64::MAX);
    let is_back = versions::number(target).is_some_and(|target| target < live_number);
    let mut warnings = Vec::new();
    if is_back {
        let version = target["Version"].as_str().unwrap_or_default();
        warnings.push(format!(
            "Lambda doesn't say whether version {version} ever was live: a deployment that failed has left one too. Compare its \
             description; --to takes another."
        ));
    }
    if is_back && role == "ingest" {
        warnings.push(
            "Bodies that a newer version stored in a codec of its own wait for it (ledger.codec_unknown).".to_owned(),
        );
    } else if is_back {
        warnings.push(format!(
            "Items that a newer version wrote in a later form are left alone, and their messages wait in the queue for up \
             to seven days (projection.newer). This program's form is {SCHEMA}; a version doesn't say which one it knows."
        ));
    }
    let differs = |what: &str| differences.iter().any(|one| one.what.starts_with(what));
    if differs("variable ") {
        warnings.push(
            "Variables are as they were then; what they name has to be there still, and the role to allow it.".to_owned(),
        );
    }
    if let Some(error) = versions::unreadable([live, target]) {
        warnings.push(format!(
            "Lambda can't decrypt their variables for you ({error}), so whether those differ isn't known."
        ));
    } else if differs("CodeSha256") && differences.len() == 1 {
        warnings.push("Only the code differs.".to_owned());
    }
    if target["State"] == "Inactive" {
        warnings.push(
            "Lambda has put that version aside: the first calls fail until it is ready, and come again.".to_owned(),
        );
    }
    warnings.push(
        "The next deployment with another Revision moves the alias on. One that fails and is taken back puts it at the \
         version that was deployed last."
            .to_owned(),
    );
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollback::record::tests::moved;
    use crate::versions::tests::{lambda, version};

    fn warned(role: &str, from: u64, to: u64) -> String {
        let (live, target) = (
            version(from, "b", &json!({ "A": "1" })),
            version(to, "a", &json!({ "A": "2" })),
        );
        let differences = versions::differences(&live, &target);
        warnings(role, &live, &target, &differences).join("\n")
    }

    #[test]
    fn going_back_says_that_what_a_newer_version_wrote_may_wait() {
        assert!(warned("payments", 13, 12).contains("projection.newer"));
        assert!(warned("ingest", 13, 12).contains("ledger.codec_unknown"));
        assert!(!warned("payments", 12, 13).contains("projection.newer"));
        assert!(warned("payments", 13, 12).contains("Variables are as they were"));
    }

    /// What the program sends to AWS while it moves an alias. Lambda gives these answers between the two records, and
    /// after the record's place in the list of runs.
    async fn carried_out(
        answers: &'static [(u16, &'static str)],
    ) -> (Result<Moved, Problem>, Vec<String>) {
        let answers = [&[(200, "{}")], answers].concat();
        let (aws, serving) = lambda(answers.leak());
        let mut stack = Stack::for_tests();
        stack.aws = aws;
        stack
            .tables
            .insert("outcomes".to_owned(), "s-outcomes".to_owned());
        let alias = Alias {
            version: "13".to_owned(),
            revision_id: "r".to_owned(),
            weighted: Vec::new(),
        };
        let begun = Move {
            state: State::Begun,
            ..moved("13", "12")
        };
        let result = carry_out(&stack, "s-payments", &alias, begun, "0011".to_owned()).await;
        let mut sent = serving.join().expect("it served");
        let place = sent.remove(0);
        assert!(place.contains(r#""pk":{"S":"runs"}"#), "{place}");
        (result, sent)
    }

    #[tokio::test]
    async fn the_record_comes_first_and_says_in_the_end_whether_the_alias_was_moved() {
        let (result, sent) = carried_out(&[(200, "{}"), (200, "{}"), (200, "{}")]).await;
        result.expect("moved");
        assert!(
            sent[0].contains(r#""outcome":{"S":"alias_moving"}"#),
            "{sent:?}"
        );
        assert!(sent[1].starts_with("PUT "), "{sent:?}");
        assert!(
            sent[2].contains(r#""outcome":{"S":"alias_moved"}"#),
            "{sent:?}"
        );
    }

    #[tokio::test]
    async fn an_operator_who_may_not_move_it_leaves_a_record_that_nothing_was_moved() {
        let (result, sent) = carried_out(&[
            (200, "{}"),
            (403, "{}"),
            (200, r#"{"FunctionVersion":"13","RevisionId":"r"}"#),
            (200, "{}"),
        ])
        .await;
        assert!(result.expect_err("refused").is_denied());
        assert!(
            sent[3].contains(r#""outcome":{"S":"alias_not_moved"}"#),
            "{sent:?}"
        );
    }

    #[tokio::test]
    async fn an_alias_that_another_moved_meanwhile_is_refused_with_its_code() {
        let (result, sent) = carried_out(&[
            (200, "{}"),
            (412, "{}"),
            (200, r#"{"FunctionVersion":"14","RevisionId":"r-2"}"#),
            (200, "{}"),
        ])
        .await;
        let refused = result.expect_err("refused").to_string();
        assert!(refused.starts_with("rollback.changed"), "{refused}");
        assert!(sent[3].contains("alias_not_moved"), "{sent:?}");
    }

    #[tokio::test]
    async fn an_alias_that_was_moved_is_said_to_be_whatever_failed_afterwards() {
        let (result, _) = carried_out(&[(200, "{}"), (200, "{}"), (400, "{}")]).await;
        let moved = result.expect("it was moved");
        assert!(moved.record.is_err(), "{moved:?}");
        let (result, sent) = carried_out(&[
            (200, "{}"),
            (403, "{}"),
            (200, r#"{"FunctionVersion":"12","RevisionId":"r-2"}"#),
            (200, "{}"),
        ])
        .await;
        result.expect("it was moved");
        assert!(sent[3].contains(r#""S":"alias_moved""#), "{sent:?}");
    }

    #[tokio::test]
    async fn of_two_operators_in_one_millisecond_one_is_refused_and_moves_nothing() {
        let (result, sent) = carried_out(&[
            (400, r#"{"__type":"ConditionalCheckFailedException"}"#),
            (200, r#"{"Items":[]}"#),
        ])
        .await;
        let refused = result.expect_err("refused").to_string();
        assert!(refused.starts_with("rollback.changed"), "{refused}");
        assert_eq!(sent.len(), 2, "{sent:?}");
    }

    #[test]
    fn only_functions_with_an_alias_can_be_rolled_back() {
        let mut stack = Stack::for_tests();
        for role in ["ingest", "payments", "sweep"] {
            stack.functions.insert(role.to_owned(), format!("s-{role}"));
        }
        assert_eq!(function(&stack, "ingest").expect("a function"), "s-ingest");
        let sweep = function(&stack, "sweep").expect_err("refused");
        assert!(
            sweep.to_string().starts_with("rollback.no_alias"),
            "{sweep}"
        );
        let unknown = function(&stack, "tax").expect_err("refused");
        assert_eq!(unknown.exit_code(), 2);
        assert!(
            unknown.to_string().contains("ingest, payments"),
            "{unknown}"
        );
    }
}
