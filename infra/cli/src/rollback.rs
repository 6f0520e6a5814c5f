//! `sluice rollback`: moves the alias `live` of ingest or a domain to the previous version or to another one.

use serde_json::json;
use sluice_operations::problem::Problem;
use sluice_operations::rollback::record::Move;
use sluice_operations::rollback::{Moved, Plan, Version, plan};
use sluice_operations::times::time_of_ms;

use crate::change::{Change, not_done};
use crate::context::Context;
use crate::output::{Cell, DIM, WARN, fields, paint, table};

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
    #[command(flatten)]
    change: Change,
}

/// Plans, and carries the plan out with `--yes`.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let why = args.change.checked()?;
    let plan = plan(&context.stack, &args.function, args.to).await?;
    show(context, &plan)?;
    let Some(why) = why else {
        return not_done(context);
    };
    let reason = why.reason(&context.stack).await?;
    let Moved { moved, record } = plan.carry_out(&context.stack, reason).await?;
    said(context, &moved, record)
}

/// Prints that the alias was moved, and whether the record says so too.
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

fn show(context: &Context, plan: &Plan) -> Result<(), Problem> {
    if context.out.is_json() {
        return context.out.value(&json!({ "plan": plan }));
    }
    let version = |version: &Version| {
        format!(
            "version {}, published {}: {}",
            version.version, version.published, version.description
        )
    };
    let since = plan.since.as_ref().map_or_else(String::new, |since| {
        format!(
            "since {}, by {}, because: {}",
            time_of_ms(since.at_ms),
            since.who,
            since.why
        )
    });
    context.out.text(fields(
        &plan.role,
        &[
            ("live now", version(&plan.live)),
            ("", since),
            ("would be", version(&plan.to)),
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
    for warning in &plan.warnings {
        context.out.line(paint(WARN, warning))?;
    }
    Ok(())
}
