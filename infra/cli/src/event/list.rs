//! `sluice event list`: events by time, filtered, printed as they are read; and `sluice event tail`: new ones as they
//! come.

use std::time::Duration;

use clap::ValueEnum;
use sluice_adapters::listing::Listed;
use sluice_operations::events::filter;
use sluice_operations::events::list::{Query, list};
use sluice_operations::events::tail::tail as follow;
use sluice_operations::problem::Problem;
use sluice_operations::times::{When, now_ms, time_of_ms};

use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, PLAIN, WARN, row};

/// How often `tail` looks for new events.
const TAIL_EVERY: Duration = Duration::from_secs(1);

/// The columns of a row, and their widths.
const HEADING: [&str; 7] = [
    "received", "id", "type", "account", "state", "outcome", "code",
];
const WIDTHS: [usize; 7] = [24, 30, 32, 21, 11, 22, 0];

/// Which events: what a filter over the ledger can name.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Filter {
    /// Of this type; `*` stands for anything (`charge.*`, `*.deleted`). May be given more than once.
    #[arg(long = "type", value_name = "PATTERN")]
    types: Vec<String>,
    /// Of this connected account; `platform` for the platform's own.
    #[arg(long)]
    account: Option<String>,
    /// Live events only.
    #[arg(long, conflicts_with = "test")]
    live: bool,
    /// Test events only.
    #[arg(long)]
    test: bool,
    /// That stand so in the ledger.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Whose domain recorded this of them: `rejected`, or `failing` for those near their last receive.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// With this code on record; `*` stands for anything.
    #[arg(long, value_name = "PATTERN")]
    code: Option<String>,
    /// Of the types that go to this domain.
    #[arg(long)]
    domain: Option<String>,
}

/// Where an event stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum State {
    /// On the bus.
    Published,
    /// Stored, and not published: on purpose, or until the endpoint's configuration is corrected (the code says which).
    LedgerOnly,
    /// Waiting for sweep.
    Due,
    /// In the hands of a live attempt.
    Held,
    /// Claimed by an attempt that is over; Stripe's next delivery or reconcile takes it over.
    Lapsed,
    /// Past its time in the ledger.
    Expired,
}

impl Filter {
    /// As the library has it.
    pub(super) fn wanted(self) -> filter::Filter {
        filter::Filter {
            types: self.types,
            account: self.account,
            livemode: (self.live || self.test).then_some(self.live),
            state: self.state.map(State::wanted),
            outcome: self.outcome,
            code: self.code,
            domain: self.domain,
        }
    }
}

impl State {
    fn wanted(self) -> filter::State {
        match self {
            Self::Published => filter::State::Published,
            Self::LedgerOnly => filter::State::LedgerOnly,
            Self::Due => filter::State::Due,
            Self::Held => filter::State::Held,
            Self::Lapsed => filter::State::Lapsed,
            Self::Expired => filter::State::Expired,
        }
    }
}

/// Which events, received when.
#[derive(Debug, clap::Args)]
pub(crate) struct Window {
    /// Received since: 15m, 24h, 7d ago, a day, or an instant.
    #[arg(long, default_value = "24h", value_name = "TIME")]
    since: When,
    /// Received before.
    #[arg(
        long,
        default_value = "0s",
        value_name = "TIME",
        hide_default_value = true
    )]
    until: When,
    #[command(flatten)]
    filter: Filter,
}

impl Window {
    /// The same without a command line.
    pub(crate) fn query(self, oldest_first: bool) -> Query {
        let now_ms = now_ms();
        Query {
            filter: self.filter.wanted(),
            from_ms: self.since.ms(now_ms),
            // Now is included: an event of this millisecond has been received.
            until_ms: self.until.ms(now_ms + 1),
            oldest_first,
        }
    }
}

/// What to list.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    window: Window,
    /// At most this many; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// The oldest first.
    #[arg(long)]
    oldest_first: bool,
}

/// Lists events.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let query = args.window.query(args.oldest_first);
    let mut pages = list(&context.stack, &query, None).await?;
    let mut shown = 0;
    while let Some(page) = pages.next().await? {
        for listed in page.events {
            if shown == 0 {
                heading(context)?;
            }
            print(context, &listed)?;
            shown += 1;
            if args.limit > 0 && shown >= args.limit {
                return more(context, args.limit);
            }
        }
    }
    if shown == 0 && !context.out.is_json() {
        anstream::eprintln!("no such events since {}", time_of_ms(query.from_ms));
    }
    Ok(())
}

/// Which events to follow.
#[derive(Debug, clap::Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    filter: Filter,
    /// Begin with those received since.
    #[arg(long, default_value = "10s", value_name = "TIME")]
    since: When,
}

/// Follows events until it is stopped.
pub(crate) async fn tail(context: &Context, args: TailArgs) -> Result<(), Problem> {
    let from_ms = args.since.ms(now_ms());
    let mut tail = follow(&context.stack, args.filter.wanted(), from_ms).await?;
    heading(context)?;
    loop {
        while let Some(events) = tail.next().await? {
            for listed in &events {
                print(context, listed)?;
            }
        }
        context.out.flush()?;
        tokio::time::sleep(TAIL_EVERY).await;
    }
}

pub(super) fn heading(context: &Context) -> Result<(), Problem> {
    if context.out.is_json() {
        return Ok(());
    }
    context
        .out
        .line(row(&HEADING.map(|name| Cell::new(DIM, name)), WIDTHS))
}

fn more(context: &Context, limit: usize) -> Result<(), Problem> {
    if !context.out.is_json() {
        context.out.flush()?;
        anstream::eprintln!("there may be more than these {limit}: --limit 0 lists all");
    }
    Ok(())
}

pub(super) fn print(context: &Context, listed: &Listed) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context.out.value(listed),
        false => context.out.line(words(listed)),
    }
}

fn words(listed: &Listed) -> String {
    let Listed {
        seen,
        state,
        domain,
        outcome,
        code,
    } = listed;
    let style = match *state {
        "published" => GOOD,
        "ledger_only" | "expired" => DIM,
        "lapsed" => BAD,
        _ => WARN,
    };
    let (outcome_style, outcome) = match (domain, outcome) {
        (Some(domain), Some(outcome)) => {
            let style = match outcome.as_str() {
                "rejected" => BAD,
                "failing" => WARN,
                _ => PLAIN,
            };
            (style, format!("{domain} {outcome}"))
        }
        _ => (PLAIN, String::new()),
    };
    let cells = [
        Cell::from(time_of_ms(seen.received_at_ms)),
        Cell::from(&*seen.id),
        Cell::from(&*seen.kind),
        Cell::from(seen.account.clone().unwrap_or_default()),
        Cell::new(style, *state),
        Cell::new(outcome_style, outcome),
        Cell::from(code.clone().unwrap_or_default()),
    ];
    row(&cells, WIDTHS)
}

#[cfg(test)]
mod tests {
    use sluice_adapters::timeline::Seen;

    use super::*;
    use crate::output::without_colour;

    fn listed() -> Listed {
        Listed {
            seen: Seen {
                id: "evt_1".to_owned(),
                received_at_ms: 1_767_225_600_000,
                kind: "charge.refunded".to_owned(),
                account: None,
                livemode: Some(true),
                created: None,
                object_id: None,
            },
            state: "published",
            domain: Some("payments"),
            outcome: Some("rejected".to_owned()),
            code: Some("object.field_missing".to_owned()),
        }
    }

    #[test]
    fn states_are_given_by_the_words_that_lists_show() {
        for state in State::value_variants() {
            let shown = state.wanted().as_str();
            let given = state.to_possible_value().expect("none is hidden");
            assert_eq!(given.get_name(), shown);
        }
    }

    #[test]
    fn live_and_test_name_a_mode_and_neither_of_them_both() {
        let of = |live, test| {
            let filter = Filter {
                live,
                test,
                ..Filter::default()
            };
            filter.wanted().livemode
        };
        assert_eq!(
            [of(true, false), of(false, true), of(false, false)],
            [Some(true), Some(false), None]
        );
    }

    #[test]
    fn a_row_has_what_is_known_in_columns() {
        let text = without_colour(&words(&listed()));
        let cells: Vec<_> = text.split_whitespace().collect();
        assert_eq!(
            cells,
            [
                "2026-01-01T00:00:00Z",
                "evt_1",
                "charge.refunded",
                "published",
                "payments",
                "rejected",
                "object.field_missing"
            ]
        );
    }
}
