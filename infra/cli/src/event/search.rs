//! `sluice event search`: events by what is in their bodies, page by page, with progress and price.

use sluice_operations::events::search::{
    Bounds, Conditions, PAGE_EVENTS, PAGE_MATCHES, Position, Query, Totals, UNASKED_EVENTS,
    estimate, page,
};
use sluice_operations::prices::shown as dollars;
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;

use super::list::{Window, heading, print};
use crate::context::Context;
use crate::progress::Progress;

/// What to search.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `PATH = VALUE`, `PATH != VALUE`, `PATH ~ TEXT`, `PATH < NUMBER`, `PATH > NUMBER` or `PATH exists`. Several, or
    /// several joined by `and`, all have to hold.
    #[arg(required = true, value_name = "CONDITION")]
    conditions: Vec<String>,
    #[command(flatten)]
    window: Window,
    /// At most this many; 0 for all.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Looks at no more events than this.
    #[arg(long, default_value_t = 100_000, value_name = "COUNT")]
    max_events: usize,
    /// Goes on where another search of the same ended; it said where.
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// The oldest first.
    #[arg(long)]
    oldest_first: bool,
    /// Searches more than 10,000 events.
    #[arg(long)]
    yes: bool,
}

/// Searches.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let query = Query {
        of: args.window.query(args.oldest_first),
        conditions: Conditions::of(&args.conditions).map_err(Problem::Usage)?,
    };
    let max_events = args.max_events.max(1);
    let mut next = args.after.as_deref().map(place).transpose()?;
    let counted = estimate(&context.stack, &query, next.clone(), max_events).await?;
    let at_least = if counted.is_more { "at least " } else { "" };
    let about = format!(
        "{at_least}{} events to look at; estimated price: {}",
        counted.events,
        dollars(counted.dollars)
    );
    if counted.events > UNASKED_EVENTS && !args.yes {
        return Err(Problem::Usage(format!(
            "{about}: --yes searches them; --since, --type, --account or --max-events makes it fewer"
        )));
    }
    if !context.out.is_json() {
        anstream::eprintln!("{about}");
    }
    let mut totals = Totals {
        usage: counted.used,
        ..Totals::default()
    };
    let mut progress = Progress::new(context, "events", Some(counted.events));
    let mut shown = 0;
    loop {
        let bounds = Bounds {
            events: PAGE_EVENTS.min(max_events - totals.looked_at),
            matches: match args.limit {
                0 => PAGE_MATCHES,
                limit => PAGE_MATCHES.min(limit - shown),
            },
            ..Bounds::default()
        };
        let found = page(&context.stack, &query, next.take(), &bounds).await?;
        totals += found.totals;
        for listed in &found.events {
            progress.clear();
            if shown == 0 {
                heading(context)?;
            }
            print(context, listed)?;
            shown += 1;
        }
        context.out.flush()?;
        next = found.next;
        progress.say(
            totals.looked_at,
            &format!(", {shown} found, {}", dollars(totals.dollars())),
        );
        let is_enough = args.limit > 0 && shown >= args.limit;
        if next.is_none() || is_enough || totals.looked_at >= max_events {
            break;
        }
    }
    progress.clear();
    end(context, &totals, next.as_ref(), query.of.from_ms)
}

/// A place that a search said.
fn place(text: &str) -> Result<Position, Problem> {
    serde_json::from_str(text)
        .map_err(|_| Problem::Usage("--after is no place that a search has said".to_owned()))
}

/// What was looked at, what it cost, and where to go on.
fn end(
    context: &Context,
    totals: &Totals,
    next: Option<&Position>,
    from_ms: i64,
) -> Result<(), Problem> {
    if context.out.is_json() {
        let said = serde_json::json!({
            "search": { "totals": totals, "dollars": totals.dollars(), "next": next },
        });
        return context.out.value(&said);
    }
    if totals.matched == 0 && next.is_none() {
        anstream::eprintln!("no such events since {}", time_of_ms(from_ms));
    }
    anstream::eprintln!("{}", summary(totals));
    if let Some(next) = next {
        let place = serde_json::to_string(next).map_err(Problem::failed)?;
        anstream::eprintln!("there may be more: the same with --after '{place}' goes on");
    }
    Ok(())
}

fn summary(totals: &Totals) -> String {
    let mut said = format!(
        "{} found, {} events looked at, {} bodies of {} KB read, {}",
        totals.matched,
        totals.looked_at,
        totals.bodies,
        totals.bytes.div_ceil(1_000),
        dollars(totals.dollars())
    );
    for (count, what) in [
        (totals.not_json, "not JSON"),
        (totals.without_body, "without a body"),
    ] {
        if count > 0 {
            said.push_str(&format!("; {count} {what}"));
        }
    }
    if totals.usage.from_sizes {
        said.push_str("; the price is counted from sizes");
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_what_was_read_and_what_could_not_be() {
        let mut totals = Totals {
            looked_at: 12,
            bodies: 11,
            bytes: 4_001,
            matched: 2,
            ..Totals::default()
        };
        assert_eq!(
            summary(&totals),
            "2 found, 12 events looked at, 11 bodies of 5 KB read, less than $0.0001"
        );
        (totals.not_json, totals.without_body) = (1, 1);
        totals.usage.read_units = 8_000.0;
        totals.usage.from_sizes = true;
        assert_eq!(
            summary(&totals),
            "2 found, 12 events looked at, 11 bodies of 5 KB read, $0.0010; 1 not JSON; 1 without a body; the price is counted from sizes"
        );
    }

    #[test]
    fn a_place_that_no_search_has_said_is_refused() {
        assert_eq!(place("evt_1").expect_err("refused").exit_code(), 2);
        assert!(place(r#"{"at_ms":5,"ids":["evt_1"]}"#).is_ok());
    }
}
