//! `sluice secret`: the endpoints' signing secrets; shows their status, and rolls one without losing a delivery.
//!
//! No value is ever printed, logged or taken from the command line. The new one is read from standard input, or typed
//! without being shown.

mod typed;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use sluice_operations::actor::reason;
use sluice_operations::problem::Problem;
use sluice_operations::secrets::{self, ROLL_WHY, SecretState, plan_finish, plan_roll};
use sluice_operations::times::{span, time_of_ms};

use sluice_operations::words::counted;

use crate::context::Context;
use crate::output::{Cell, DIM, GOOD, WARN, paint, table};
use typed::new_secret;

const EXAMPLES: &str = "Examples:
  sluice secret status                                     how many each endpoint has, and which ones Stripe signs with
  sluice secret roll platform --yes                        asks for the new secret, and puts it beside the old
  pbpaste | sluice secret roll platform --yes              the same from standard input
  sluice secret roll platform --finish --yes               takes the old ones out, once Stripe has stopped signing with them";

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How many secrets each endpoint has, since when, and which of them Stripe signs with.
    #[command(after_help = EXAMPLES)]
    Status,
    /// Puts a new secret beside the old; with --finish takes the old ones out. Says what it would do, and does it with --yes.
    #[command(after_help = EXAMPLES)]
    Roll(Roll),
}

/// Which endpoint's.
#[derive(Debug, Args)]
pub(crate) struct Roll {
    /// The endpoint's name: `platform`, `connect`.
    endpoint: String,
    /// Take out all but the newest.
    #[arg(long)]
    finish: bool,
    /// With --finish, though the old ones seem to be in use.
    #[arg(long, requires = "finish")]
    force: bool,
    /// Why, for the record; 500 characters at most.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::Status => status(context).await,
        Command::Roll(args) => roll(context, args).await,
    }
}

async fn status(context: &Context) -> Result<(), Problem> {
    let status = secrets::status(&context.stack).await?;
    if context.out.is_json() {
        let mut all = status.endpoints.iter();
        return all.try_for_each(|one| context.out.value(one));
    }
    let rows: Vec<_> = status.endpoints.iter().map(row).collect();
    context.out.text(table(
        [
            "endpoint",
            "mode",
            "secrets",
            "deliveries signed",
            "refused",
            "",
        ],
        &rows,
    ))?;
    let changed = status.changed_at_ms.map_or_else(
        || "unknown".to_owned(),
        |at_ms| format!("{} ({} ago)", time_of_ms(at_ms), span(status.at_ms - at_ms)),
    );
    context.out.line(paint(
        DIM,
        format!(
            "last changed {changed}; Secrets Manager keeps {} versions; deliveries of the last {}",
            status.versions,
            span(status.at_ms - status.looked_at_since_ms)
        ),
    ))?;
    if let Some(why) = status.log_lines_missing {
        context
            .out
            .line(paint(WARN, format!("without log lines: {why}")))?;
    }
    Ok(())
}

fn row(one: &SecretState) -> [Cell; 6] {
    let signed = match (one.secrets, &one.log_lines_missing) {
        (_, Some(_)) => Cell::new(WARN, "unknown"),
        (0, _) => Cell::from(""),
        (1, _) => Cell::from("by the one"),
        _ => format!(
            "{} by the newest, {} by older alone",
            one.used.by_newest, one.used.by_older
        )
        .into(),
    };
    let style = if one.secrets == 1 { GOOD } else { WARN };
    let count = match one.placeholders {
        0 => one.secrets.to_string(),
        some => format!("{}, {some} a placeholder", one.secrets),
    };
    [
        Cell::from(one.endpoint.as_str()),
        Cell::from(one.mode),
        Cell::new(style, count),
        signed,
        one.used.refused.to_string().into(),
        Cell::from(one.advice),
    ]
}

async fn roll(context: &Context, args: Roll) -> Result<(), Problem> {
    match args.finish {
        true => finish(context, &args).await,
        false => begin(context, &args).await,
    }
}

/// Puts the new secret first.
async fn begin(context: &Context, args: &Roll) -> Result<(), Problem> {
    let plan = plan_roll(&context.stack, &args.endpoint).await?;
    if !args.yes {
        let words =
            "a new secret would be put before those that are there; --yes asks for it and does it";
        return would(context, &plan, (&plan.endpoint, plan.secrets), words);
    }
    let reason = reason(&context.stack, args.why.as_deref(), ROLL_WHY).await?;
    let secret = new_secret(&plan.endpoint)?;
    plan.carry_out(&context.stack, &secret, &reason).await?;
    let next = match plan.secrets {
        0 => "deliveries are taken from now on",
        _ => "now roll it at Stripe; sluice secret status says when the old one can go",
    };
    did(context, &plan.endpoint, plan.would_have, next)
}

/// Takes out all secrets but the newest.
async fn finish(context: &Context, args: &Roll) -> Result<(), Problem> {
    let plan = plan_finish(&context.stack, &args.endpoint, args.force).await?;
    if !args.yes {
        let words = "all but the newest would be taken out; --yes does it";
        return would(context, &plan, (&plan.endpoint, plan.secrets), words);
    }
    let reason = reason(&context.stack, args.why.as_deref(), ROLL_WHY).await?;
    plan.carry_out(&context.stack, &reason).await?;
    let next = "what is signed with an old one is refused within minutes";
    did(context, &plan.endpoint, plan.would_have, next)
}

/// Shows a plan: for people, how many secrets an endpoint has, and what would be done.
fn would(
    context: &Context,
    plan: &impl Serialize,
    (name, count): (&str, usize),
    words: &str,
) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context.out.value(plan),
        false => context
            .out
            .line(format!("{name} has {}: {words}", counted(count, "secret"))),
    }
}

fn did(context: &Context, name: &str, count: usize, next: &str) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context
            .out
            .value(&json!({ "endpoint": name, "secrets": count, "done": true })),
        false => context.out.line(format!(
            "{} {name} has {}; {next}",
            paint(GOOD, "done:"),
            counted(count, "secret")
        )),
    }
}
