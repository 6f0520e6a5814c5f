//! `sluice event list`: events by time, filtered, as they are read; and `sluice event tail`: new ones as they come.
//!
//! What is known of an event without reading its entry (time, type, account, mode) is sorted out by the index; what
//! isn't (state, outcome, code) is looked up for what is left, a batch at a time. Rows are printed as soon as their batch
//! is there, so memory is bounded whatever the number of events, and the first rows come after the first batch.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};
use sluice_adapters::listing::{BATCH_MAX, Listed};
use sluice_adapters::timeline::{Wanted, is_like};

use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, PLAIN, WARN, row};
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;
use sluice_operations::times::{When, now_ms};

/// The first batch: small, so that the first rows are there at once.
const FIRST_BATCH: usize = 20;

/// How often `tail` looks for new events.
const TAIL_EVERY: Duration = Duration::from_secs(1);

/// How long ago `tail` looks again: the index follows the table within a moment.
const TAIL_OVERLAP_MS: i64 = 5_000;

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
    /// The same, with the account as events are keyed by it. Refused if it names a domain that the stack doesn't have.
    async fn keyed(mut self, context: &Context) -> Result<Self, Problem> {
        if let Some(domain) = &self.domain {
            domains::check(&context.stack, domain)?;
        }
        if let Some(account) = self.account.take() {
            self.account = Some(context.stack.account_key(&account).await);
        }
        Ok(self)
    }

    /// What the index sorts out, over a span of time.
    pub(crate) fn wanted(&self, from_ms: i64, until_ms: i64, newest_first: bool) -> Wanted {
        Wanted {
            newest_first,
            types: self.types.clone(),
            account: self.account.clone(),
            livemode: (self.live || self.test).then_some(self.live),
            ..Wanted::between(from_ms, until_ms)
        }
    }

    /// Whether an event that the index let through is wanted, now that all is known of it.
    pub(crate) fn takes(&self, listed: &Listed) -> bool {
        let state = self.state.and_then(|state| state.to_possible_value());
        let code = listed.code.as_deref();
        state.is_none_or(|state| state.get_name() == listed.state)
            && self
                .outcome
                .as_deref()
                .is_none_or(|outcome| listed.outcome.as_deref() == Some(outcome))
            && self
                .code
                .as_deref()
                .is_none_or(|pattern| code.is_some_and(|code| is_like(code, pattern)))
            && self
                .domain
                .as_deref()
                .is_none_or(|domain| listed.domain == Some(domain))
    }
}

/// What to list.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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
    /// So many at most; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// The oldest first.
    #[arg(long)]
    oldest_first: bool,
}

/// Lists events.
pub(crate) async fn run(context: &Context, mut args: Args) -> Result<(), Problem> {
    args.filter = args.filter.keyed(context).await?;
    let now_ms = now_ms();
    // Now is included: an event of this millisecond has been received.
    let (from_ms, until_ms) = (args.since.ms(now_ms), args.until.ms(now_ms + 1));
    if until_ms <= from_ms {
        return Err(Problem::Usage("--since is not before --until".to_owned()));
    }
    let wanted = args.filter.wanted(from_ms, until_ms, !args.oldest_first);
    let mut walk = context.stack.timeline()?.walk(wanted);
    let listing = context.stack.listing()?;
    let (mut shown, mut batch, mut size) = (0, Vec::new(), FIRST_BATCH);
    let mut ended = false;
    while !ended {
        match walk.next().await? {
            Some(seen) => batch.push(seen),
            None => ended = true,
        }
        if batch.len() < size && !ended {
            continue;
        }
        size = BATCH_MAX;
        for listed in listing.look_up(std::mem::take(&mut batch)).await? {
            if !args.filter.takes(&listed) {
                continue;
            }
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
        anstream::eprintln!("no such events since {}", time_of_ms(from_ms));
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
pub(crate) async fn tail(context: &Context, mut args: TailArgs) -> Result<(), Problem> {
    args.filter = args.filter.keyed(context).await?;
    let (timeline, listing) = (context.stack.timeline()?, context.stack.listing()?);
    let mut from_ms = args.since.ms(now_ms());
    // What the overlap brings again; as many as came in the overlap.
    let mut known = BTreeMap::new();
    heading(context)?;
    loop {
        let until_ms = now_ms() + 1;
        let mut walk = timeline.walk(args.filter.wanted(from_ms, until_ms, false));
        let mut batch = Vec::new();
        loop {
            let next = walk.next().await?;
            let ended = next.is_none();
            if let Some(seen) = next
                && known.insert(seen.id.clone(), seen.received_at_ms).is_none()
            {
                batch.push(seen);
            }
            if batch.len() == BATCH_MAX || ended {
                for listed in listing.look_up(std::mem::take(&mut batch)).await? {
                    if args.filter.takes(&listed) {
                        print(context, &listed)?;
                    }
                }
            }
            if ended {
                break;
            }
        }
        from_ms = from_ms.max(until_ms - TAIL_OVERLAP_MS);
        known.retain(|_, received_at_ms| *received_at_ms >= from_ms);
        context.out.flush()?;
        tokio::time::sleep(TAIL_EVERY).await;
    }
}

fn heading(context: &Context) -> Result<(), Problem> {
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

fn print(context: &Context, listed: &Listed) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context.out.value(&in_json(listed)),
        false => context.out.line(words(listed)),
    }
}

fn in_json(listed: &Listed) -> Value {
    let seen = &listed.seen;
    json!({
        "id": seen.id, "type": seen.kind, "received_at_ms": seen.received_at_ms, "account": seen.account,
        "livemode": seen.livemode, "created": seen.created, "object_id": seen.object_id, "state": listed.state,
        "domain": listed.domain, "outcome": listed.outcome, "code": listed.code,
    })
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
    fn what_only_the_entry_and_the_record_tell_is_filtered_after_they_are_looked_up() {
        let event = listed();
        let takes = |change: &dyn Fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter.takes(&event)
        };
        assert!(takes(&|_| {}));
        assert!(takes(&|filter| filter.state = Some(State::Published)));
        assert!(!takes(&|filter| filter.state = Some(State::LedgerOnly)));
        assert!(takes(&|filter| filter.code = Some("object.*".to_owned())));
        assert!(!takes(
            &|filter| filter.code = Some("signature.*".to_owned())
        ));
        assert!(!takes(&|filter| filter.outcome = Some("failing".to_owned())));
        assert!(!takes(&|filter| filter.domain = Some("billing".to_owned())));
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
