//! `sluice rejected`: lists what domains would not apply, or are failing at, by code and cause; and tries it again.
//!
//! A check is recorded under its object (`check-platform#live#pi_1`), because the event that it names has an outcome of
//! its own. It is listed beside events and never replayed: reconcile asks again.

use clap::Subcommand;
use sluice_operations::problem::Problem;
use sluice_operations::rejected::{Group, groups};
use sluice_operations::times::time_of_ms;

use crate::context::Context;
use crate::output::{BAD, Cell, WARN, fields, table};
use crate::recorded::{Filter, records};
use crate::replay;

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
