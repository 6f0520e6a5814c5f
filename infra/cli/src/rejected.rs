//! `sluice rejected`: lists what domains would not apply, or are failing at, by code and cause; and tries it again.
//!
//! A check is recorded under its object (`check-platform#live#pi_1`), because the event that it names has an outcome of
//! its own. It is listed beside events and never replayed: reconcile asks again.

use clap::Subcommand;
use sluice_operations::problem::Problem;
use sluice_operations::rejected::{self, Group, Page, groups};
use sluice_operations::times::{When, now_ms, time_of_ms};

use crate::context::Context;
use crate::output::{BAD, Cell, WARN, fields, table};
use crate::recorded;
use crate::replay;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rejected and failing events, grouped by domain, code and cause.
    #[command(after_help = "Example: sluice rejected list --outcome rejected")]
    List(Listed),
    /// Each event of a group, with its cause.
    #[command(after_help = "Example: sluice rejected show --code object.field_missing")]
    Show(Listed),
    /// Replays the rejected events of a domain that a filter names, to that domain only. All options of `replay` hold.
    #[command(
        after_help = "Example: sluice rejected retry --digest 3fa2c1d09b77 --domain billing --why 'fixed in 1.4' --yes"
    )]
    Retry(Box<replay::Args>),
}

/// Which records to list.
#[derive(Debug, clap::Args, Default)]
pub(crate) struct Listed {
    #[command(flatten)]
    recorded: recorded::Filter,
    /// Of events of this type.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Of events of this connected account; `platform` for the platform's own.
    #[arg(long)]
    account: Option<String>,
    /// Recorded since: 15m, 24h, 7d ago, a day, or an instant.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Recorded before.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

impl Listed {
    /// The newest of them.
    async fn page(&self, context: &Context) -> Result<Page, Problem> {
        let now_ms = now_ms();
        let at = |when: &Option<When>| when.as_ref().map(|when| when.ms(now_ms));
        let wanted = rejected::Filter {
            kind: self.kind.clone(),
            account: self.account.clone(),
            since_ms: at(&self.since),
            until_ms: at(&self.until),
            ..self.recorded.wanted()
        };
        rejected::page(&context.stack, &wanted, None).await
    }
}

/// Says where a list stopped, if it did. Not on standard output: a list for machines has one line for each thing.
fn say_stop(page: &Page) {
    if let Some(stop) = stop(page) {
        anstream::eprintln!("{stop}");
    }
}

fn stop(page: &Page) -> Option<String> {
    page.next.as_ref()?;
    let to_ms = page.looked_to_ms?;
    Some(format!(
        "At least: {} records were looked at, the newest first, back to {}. For older ones: --until {}",
        page.looked_at,
        time_of_ms(to_ms),
        // Others may have been recorded in the same millisecond.
        time_of_ms(to_ms + 1)
    ))
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

async fn list(context: &Context, filter: &Listed) -> Result<(), Problem> {
    let mut page = filter.page(context).await?;
    say_stop(&page);
    let groups = groups(std::mem::take(&mut page.records));
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

async fn show(context: &Context, filter: &Listed) -> Result<(), Problem> {
    let page = filter.page(context).await?;
    say_stop(&page);
    let found = page.records;
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
        let alone = recorded::Filter {
            domain: Some("billing".to_owned()),
            ..recorded::Filter::default()
        };
        assert!(alone.is_empty(), "events given by id are of any domain");
    }

    #[test]
    fn a_list_says_where_it_stopped_in_a_time_that_continues_it() {
        let mut page = Page {
            looked_at: 5_000,
            looked_to_ms: Some(1_767_225_600_000),
            ..Page::default()
        };
        assert_eq!(stop(&page), None);
        page.next = serde_json::from_str(r#"{"at_ms":1767225600000,"ids":[]}"#).ok();
        let said = stop(&page).expect("it stopped");
        let (_, until) = said.split_once("--until ").expect("a way to go on");
        let until = until.parse::<When>().expect("a time");
        assert_eq!(until.ms(0), 1_767_225_600_001);
        assert!(said.contains("At least") && said.contains("5000"), "{said}");
    }
}
