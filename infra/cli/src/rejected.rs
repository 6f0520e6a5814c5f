//! `sluice rejected`: what domains would not apply, or are failing at, by code and cause; and trying it again.
//!
//! A check is recorded by its object (`check-platform#live#pi_1`), since the event that it names has an outcome of its own.
//! It is listed beside events and never replayed: reconcile asks again.

use clap::{Args, Subcommand};
use sluice_operations::problem::Problem;
use sluice_operations::rejected::{self, Group, Record, groups};
use sluice_operations::times::time_of_ms;

use crate::context::Context;
use crate::output::{BAD, Cell, WARN, fields, table};
use crate::replay;

/// What became of events, as the domains recorded it.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct Filter {
    /// Events that domains recorded as this: `rejected`, `failing`, or what a failing one came to.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Events recorded with this code, e.g. `object.field_missing`.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Events recorded with this digest of code and cause; `rejected list` shows them.
    #[arg(long)]
    pub(crate) digest: Option<String>,
    /// Of this domain only: another one's record is no reason to try it here. No option of its own, since `replay` has one.
    #[arg(skip)]
    pub(crate) domain: Option<String>,
}

impl Filter {
    /// Whether no record is asked for: a domain alone names none.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcome.is_none() && self.code.is_none() && self.digest.is_none()
    }

    /// The same without a command line.
    fn wanted(&self) -> rejected::Filter {
        rejected::Filter {
            outcome: self.outcome.clone(),
            code: self.code.clone(),
            digest: self.digest.clone(),
            domain: self.domain.clone(),
        }
    }
}

/// The records that are wanted, newest first.
pub(crate) async fn records(context: &Context, filter: &Filter) -> Result<Vec<Record>, Problem> {
    rejected::records(&context.stack, &filter.wanted()).await
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rejected and failing events, grouped by domain, code and cause.
    #[command(after_help = "Example: sluice rejected list --outcome rejected")]
    List(Filter),
    /// Each event of a group, with its cause.
    #[command(after_help = "Example: sluice rejected show --code object.field_missing")]
    Show(Filter),
    /// Replays the rejected events of a domain that a filter names, to that domain only. All options of `replay` hold.
    #[command(
        after_help = "Example: sluice rejected retry --digest 3fa2c1d09b77 --domain billing --why 'fixed in 1.4' --yes"
    )]
    Retry(Box<replay::Args>),
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::List(filter) => list(context, &filter).await,
        Command::Show(filter) => show(context, &filter).await,
        Command::Retry(mut args) => {
            let recorded = &mut args.wanted.recorded;
            if args.resume.is_none() && args.domain.is_none() {
                return Err(Problem::Usage(
                    "name the domain that rejected them: --domain".to_owned(),
                ));
            }
            recorded
                .outcome
                .get_or_insert_with(|| "rejected".to_owned());
            replay::run(context, *args).await
        }
    }
}

async fn list(context: &Context, filter: &Filter) -> Result<(), Problem> {
    let groups = groups(records(context, filter).await?);
    if context.out.is_json() {
        return groups.iter().try_for_each(|group| context.out.value(group));
    }
    if groups.is_empty() {
        return context
            .out
            .line("No event is rejected or failing, as far as this is on record.");
    }
    let rows: Vec<_> = groups.into_iter().map(row).collect();
    context.out.text(table(
        [
            "domain", "outcome", "events", "code", "digest", "newest", "cause",
        ],
        &rows,
    ))
}

fn row(group: Group) -> [Cell; 7] {
    let style = if group.outcome == "rejected" {
        BAD
    } else {
        WARN
    };
    [
        group.domain.into(),
        Cell::new(style, group.outcome),
        group.count.to_string().into(),
        group.code.into(),
        group.digest.into(),
        time_of_ms(group.newest_at_ms).into(),
        group.cause.into(),
    ]
}

async fn show(context: &Context, filter: &Filter) -> Result<(), Problem> {
    let found = records(context, filter).await?;
    if found.is_empty() {
        return Err(Problem::NotFound("no record is like this".to_owned()));
    }
    for record in found {
        if context.out.is_json() {
            context.out.value(&record)?;
            continue;
        }
        context.out.text(fields(
            &record.subject,
            &[
                ("type", record.kind),
                ("outcome", format!("{} {}", record.domain, record.outcome)),
                ("code", format!("{} ({})", record.code, record.digest)),
                ("cause", record.cause),
                ("at", time_of_ms(record.at_ms)),
            ],
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_alone_asks_for_no_record() {
        let alone = Filter {
            domain: Some("billing".to_owned()),
            ..Filter::default()
        };
        assert!(alone.is_empty(), "events given by id are of any domain");
    }
}
