//! `sluice rollback`: the alias `live` of ingest or a domain, at the version before or at another one.
//!
//! Without `--yes` it shows the plan: which version is live and which would be, and what differs. With `--yes` it records who
//! moves the alias and why, moves it if nobody has changed it since the plan was made (Lambda's `RevisionId`), and completes
//! the record. The stack's template isn't changed: until the next deployment with another `Revision`, the alias stays where
//! it was put, and `sluice status` and `sluice doctor` say so.
//!
//! # Layout
//! - `choice`: which version, and what keeps the alias from being moved; knows no AWS.
//! - `record`: what was moved, by whom and why.
//! - `standing`: where an alias is beside what was deployed last, for other commands.

pub(crate) mod choice;
pub(crate) mod record;
pub(crate) mod standing;

use serde_json::{Value, json};
use sluice_kernel::consumer::projection::SCHEMA;

use crate::context::{Context, Described};
use crate::output::{Cell, DIM, WARN, fields, paint, table, time_of_ms};
use crate::problem::Problem;
use crate::times::now_ms;
use crate::versions::{self, Alias, Difference};
use choice::{Refusal, choose, is_ready, of_stack};
use record::{Move, State, behind};

/// The longest reason, in characters: an item of the outcomes' table stays small, and a line of `status` readable.
const WHY_MAX: usize = 500;

const EXAMPLES: &str = "Examples:
  sluice rollback payments                                       what going back would change; does nothing
  sluice rollback payments --why 'rejects refunds' --yes         to the version before
  sluice rollback ingest --to 12 --why 'as yesterday' --yes      to this one
  sluice rollback payments --to 13 --why 'it was Stripe' --yes   and forward again

The version before is the newest one older than live that wasn't rolled back itself. It brings back code, timeout, memory and
variables; not permissions, queues, tables, nor sweep and reconcile.

Exit codes: 3 there is no such version, or no alias that counts; 4 the alias is left alone, for a reason with a code.";

/// Of which function, and to which version.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A domain, or ingest.
    #[arg(value_name = "DOMAIN")]
    function: String,
    /// This version, and not the one before.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    /// Why, for the record; 500 characters at most.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who, for the record; by default the user of this machine.
    #[arg(
        long,
        env = "USER",
        value_name = "NAME",
        default_value = "unknown",
        hide_env_values = true
    )]
    who: String,
    /// Do it. Without this, only the plan is shown.
    #[arg(long)]
    yes: bool,
}

/// What would be done.
struct Plan<'a> {
    role: &'a str,
    live: &'a Value,
    target: &'a Value,
    differences: &'a [Difference],
    /// The move that brought `live` to where it is.
    since: Option<&'a Move>,
}

/// Plans, and with `--yes` carries out.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let role = args.function.as_str();
    let why = args.why.as_deref().map_or("", str::trim);
    if why.chars().count() > WHY_MAX {
        return Err(Problem::Usage(format!(
            "--why has more than {WHY_MAX} characters"
        )));
    }
    let function = function(context, role)?;
    let stack = Described::without_resources(&context.aws, &context.stack).await?;
    of_stack(&stack, role)?;

    let aws = &context.aws;
    let no_alias = || {
        let what = format!("the function {function} has no alias {}", versions::LIVE);
        Problem::from(Refusal::new("rollback.no_alias", what))
    };
    let alias = versions::alias(aws, function).await?;
    let alias = alias.ok_or_else(no_alias)?;
    let all = versions::published(aws, function).await?;
    let moves = record::of(context, role).await?;
    let to = choose(&alias, &all, &moves, args.to)?;
    let to = to["Version"].as_str().unwrap_or_default();
    let gone = |version: &str| {
        let what = format!("version {version} is gone");
        Problem::from(Refusal::new("rollback.no_version", what))
    };
    let live = versions::configuration(aws, function, &alias.version).await?;
    let live = live.ok_or_else(|| gone(&alias.version))?;
    let target = versions::configuration(aws, function, to).await?;
    let target = target.ok_or_else(|| gone(to))?;
    is_ready(&target)?;
    let plan = Plan {
        role,
        live: &live,
        target: &target,
        differences: &versions::differences(&live, &target),
        since: behind(&moves, &alias.version),
    };
    show(context, &plan)?;
    if !args.yes {
        return match context.out.is_json() {
            true => Ok(()),
            false => context
                .out
                .line("Nothing was done: this was the plan. --yes carries it out."),
        };
    }
    if why.is_empty() {
        return Err(Problem::Usage(
            "--yes wants a --why, for the record".to_owned(),
        ));
    }
    let moved = Move {
        role: role.to_owned(),
        from: alias.version.clone(),
        to: to.to_owned(),
        who: args.who,
        why: why.to_owned(),
        at_ms: now_ms(),
        state: State::Begun,
    };
    carry_out(context, function, &alias, moved).await
}

/// The function's name, if it has an alias.
fn function<'a>(context: &'a Context, role: &str) -> Result<&'a str, Problem> {
    let known = context.functions.iter();
    let known = known.filter(|(role, _)| versions::has_alias(role));
    if let Some((_, name)) = known.clone().find(|(known, _)| *known == role) {
        return Ok(name);
    }
    if context.functions.contains_key(role) {
        let what = format!("{role} is called without an alias: deploy the version before");
        return Err(Refusal::new("rollback.no_alias", what).into());
    }
    let names: Vec<_> = known.map(|(role, _)| role.as_str()).collect();
    Err(Problem::Usage(format!(
        "there is no {role}: there are {}",
        names.join(", ")
    )))
}

async fn carry_out(
    context: &Context,
    function: &str,
    alias: &Alias,
    mut moved: Move,
) -> Result<(), Problem> {
    if !record::begin(context, &moved).await? {
        let what = "another operator is moving the alias at this moment";
        return Err(Refusal::new("rollback.changed", what).into());
    }
    let result = versions::point(&context.aws, function, &moved.to, alias).await;
    // A call that failed may have been carried out all the same; who can't tell leaves the record as begun.
    let is_there = match &result {
        Ok(is_moved) => Some(*is_moved),
        Err(_) => {
            let now = versions::alias(&context.aws, function).await;
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
            record::complete(context, &moved).await
        }
        None => Ok(()),
    };
    match (is_there, result) {
        // The alias is there, whatever else failed: that has to be said first.
        (Some(true), _) => said(context, &moved, completed),
        (_, Err(problem)) => Err(problem),
        (_, Ok(_)) => {
            let what = "the alias was changed by another since the plan was made, and is left as it is now";
            Err(Refusal::new("rollback.changed", what).into())
        }
    }
}

/// Says that the alias was moved, and whether the record says so too.
fn said(context: &Context, moved: &Move, completed: Result<(), Problem>) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context.out.value(&json!({ "moved": {
            "function": moved.role, "from": moved.from, "to": moved.to, "who": moved.who, "why": moved.why,
            "at_ms": moved.at_ms,
        } }))?,
        false => context.out.line(format!(
            "{} runs version {} now. Back again: sluice rollback {} --to {}",
            moved.role, moved.to, moved.role, moved.from
        ))?,
    }
    completed.map_err(|problem| {
        Problem::Partly(format!(
            "the alias was moved; its record stays as begun: {problem}"
        ))
    })
}

fn show(context: &Context, plan: &Plan<'_>) -> Result<(), Problem> {
    let text = |version: &Value, name: &str| version[name].as_str().unwrap_or_default().to_owned();
    // `$LATEST` is newer than any version.
    let live = versions::number(plan.live).unwrap_or(u64::MAX);
    let is_back = versions::number(plan.target).is_some_and(|target| target < live);
    let warnings = warnings(plan, is_back);
    if context.out.is_json() {
        let version = |version: &Value| {
            json!({
                "version": text(version, "Version"), "published": text(version, "LastModified"),
                "description": text(version, "Description"),
            })
        };
        let differences = plan.differences.iter();
        let differences = differences.map(|one| json!({ "what": one.what, "change": one.change }));
        return context.out.value(&json!({ "plan": {
            "function": plan.role, "live": version(plan.live), "to": version(plan.target),
            "differences": differences.collect::<Vec<_>>(), "warnings": warnings,
            "moved_here": plan.since.map(|since| json!({ "at_ms": since.at_ms, "who": since.who, "why": since.why })),
        } }));
    }
    let version = |version: &Value| {
        format!(
            "version {}, published {}: {}",
            text(version, "Version"),
            text(version, "LastModified"),
            text(version, "Description")
        )
    };
    let since = plan.since.map_or_else(String::new, |since| {
        format!(
            "since {}, by {}, because: {}",
            time_of_ms(since.at_ms),
            since.who,
            since.why
        )
    });
    context.out.text(fields(
        plan.role,
        &[
            ("live now", version(plan.live)),
            ("", since),
            ("would be", version(plan.target)),
        ],
    ))?;
    let rows = plan.differences.iter();
    let rows: Vec<_> = rows
        .map(|one| [Cell::from(one.what.as_str()), one.change.as_str().into()])
        .collect();
    match rows.is_empty() {
        true => context
            .out
            .line(paint(DIM, "  the same code and configuration"))?,
        false => context.out.text(table(["differs", "now → then"], &rows))?,
    }
    for warning in warnings {
        context.out.line(paint(WARN, warning))?;
    }
    Ok(())
}

/// What an operator should know before.
fn warnings(plan: &Plan<'_>, is_back: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if is_back {
        let version = plan.target["Version"].as_str().unwrap_or_default();
        warnings.push(format!(
            "Lambda doesn't say whether version {version} ever was live: a deployment that failed has left one too. Compare its \
             description; --to takes another."
        ));
    }
    if is_back && plan.role == "ingest" {
        warnings.push(
            "Bodies that a newer version stored in a codec of its own wait for it (ledger.codec_unknown).".to_owned(),
        );
    } else if is_back {
        warnings.push(format!(
            "Items that a newer version wrote in a later form are left alone, and their messages wait in the queue for up \
             to seven days (projection.newer). This program's form is {SCHEMA}; a version doesn't say which one it knows."
        ));
    }
    let differs = |what: &str| {
        plan.differences
            .iter()
            .any(|one| one.what.starts_with(what))
    };
    if differs("variable ") {
        warnings.push(
            "Variables are as they were then; what they name has to be there still, and the role to allow it.".to_owned(),
        );
    }
    if let Some(error) = versions::unreadable([plan.live, plan.target]) {
        warnings.push(format!(
            "Lambda can't decrypt their variables for you ({error}), so whether those differ isn't known."
        ));
    } else if differs("CodeSha256") && plan.differences.len() == 1 {
        warnings.push("Only the code differs.".to_owned());
    }
    if plan.target["State"] == "Inactive" {
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
        let plan = Plan {
            role,
            live: &live,
            target: &target,
            differences: &versions::differences(&live, &target),
            since: None,
        };
        warnings(&plan, to < from).join("\n")
    }

    #[test]
    fn going_back_says_that_what_a_newer_version_wrote_may_wait() {
        assert!(warned("payments", 13, 12).contains("projection.newer"));
        assert!(warned("ingest", 13, 12).contains("ledger.codec_unknown"));
        assert!(!warned("payments", 12, 13).contains("projection.newer"));
        assert!(warned("payments", 13, 12).contains("Variables are as they were"));
    }

    /// What the program sends to AWS while it moves an alias, with these answers of Lambda's between the two records.
    async fn carried_out(
        answers: &'static [(u16, &'static str)],
    ) -> (Result<(), Problem>, Vec<String>) {
        let (aws, serving) = lambda(answers);
        let mut context = Context::for_tests();
        context.aws = aws;
        context
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
        let result = carry_out(&context, "s-payments", &alias, begun).await;
        (result, serving.join().expect("it served"))
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
        let partly = result.expect_err("the record isn't complete");
        assert_eq!(partly.exit_code(), 4);
        assert!(
            partly.to_string().starts_with("the alias was moved"),
            "{partly}"
        );
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
        let mut context = Context::for_tests();
        for role in ["ingest", "payments", "sweep"] {
            context
                .functions
                .insert(role.to_owned(), format!("s-{role}"));
        }
        assert_eq!(
            function(&context, "ingest").expect("a function"),
            "s-ingest"
        );
        let sweep = function(&context, "sweep").expect_err("refused");
        assert!(
            sweep.to_string().starts_with("rollback.no_alias"),
            "{sweep}"
        );
        let unknown = function(&context, "tax").expect_err("refused");
        assert_eq!(unknown.exit_code(), 2);
        assert!(
            unknown.to_string().contains("ingest, payments"),
            "{unknown}"
        );
    }
}
