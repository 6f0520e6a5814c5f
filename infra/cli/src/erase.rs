//! `sluice erase`: takes what belongs to a customer out of the ledger, the projections and the dead letters.
//!
//! Without `--yes` it only says what would be erased. What belongs is found by going through everything that is stored,
//! pass by pass, until nothing new is found (`sluice_kernel::erase`): there is no index by customer, which would be one
//! more place with personal data. Ids and hashes stay.
//!
//! # What is guaranteed
//! - Nothing of another customer or account is touched. What only mentions the customer is listed and stays, and what could
//!   not be seen is listed too.
//! - No effect is lost: while effects of an object are pending, the messages and bodies that would emit them stay.
//! - A run that was interrupted is run again; what was done is found done. What was found by way of something else is erased
//!   before that, so that the next run finds it again.
//!
//! It ends with exit code 4 if something has to wait (an event that isn't on the bus yet, an object with effects pending or
//! that still gives access) or could not be seen. What waits is found again by its own id, which the report names.

#[path = "../../operations/src/erase/find.rs"]
mod find;
#[path = "../../operations/src/erase/letters.rs"]
mod letters;
#[path = "../../operations/src/erase/report.rs"]
mod report;
#[path = "../../operations/src/erase/tombstones.rs"]
mod tombstones;

use std::collections::BTreeSet;

use sluice_adapters::clock::SystemClock;
use sluice_adapters::erase::{Erased, Eraser, Place};
use sluice_kernel::clock::Clock;
use sluice_kernel::erase::{Belongings, Entombed};

use sluice_operations::stack::PLATFORM;

use crate::context::Context;
use crate::dlq::letters::LOOK_MAX;
use sluice_operations::problem::Problem;

use find::{Found, Search, Target, object_of};
use report::{Report, Wait};

/// Which customer, and how far to look.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sluice erase cus_1                    says what would be erased
  sluice erase cus_1 --yes              erases it, for good
  sluice erase cus_1 cs_9 ch_7 --yes    with objects that name no customer: a guest's checkout
  sluice erase cus_1 in_5 evt_8 --yes   with an object and an event that only mention the customer
  sluice erase cus_1 --account acct_2   a connected account's customer

An object belongs to the customer that Stripe's own fields of it name (customer, customer_account, ...), or that an object
belongs to that it is a part of (a refund, by its charge). What only mentions the customer, in metadata or a description, is
listed and stays. Objects of both modes are erased, live and test: ids don't say which. --json lists everything.

Erase in Stripe first: what Stripe sends afterwards is stored as any other event.

Exit code 4: something has to wait, or could not be seen.")]
pub(crate) struct Args {
    /// Customers; and objects (cs_…, pi_…) and events (evt_…) that belong to them whatever these say.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The connected account that they belong to; without it, the platform's own.
    #[arg(long)]
    account: Option<String>,
    /// Look at this many dead letters of each queue at most.
    #[arg(long, value_name = "COUNT", default_value_t = LOOK_MAX)]
    letters: usize,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

/// What stays for now, since effects would be lost with it.
#[derive(Debug, Default)]
struct Held {
    /// Events that called for effects that are pending.
    events: BTreeSet<String>,
    /// Objects that have pending effects.
    objects: BTreeSet<String>,
}

impl Held {
    fn holds(&self, event: &str, object: Option<&str>) -> bool {
        self.events.contains(event) || object.is_some_and(|object| self.objects.contains(object))
    }
}

/// Why a body or a letter waits that is held.
const PENDING: &str = "effects of its object are pending; redeliver it (sluice replay) first";

/// Says what would be erased, or erases it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let is_id = |id: &&String| id.contains('_') || id.starts_with("message-");
    if let Some(bad) = args.ids.iter().find(|id| !is_id(id)) {
        return Err(Problem::Usage(format!(
            "{bad} is no id of a customer, an object or an event (cus_…, cs_…, pi_…, evt_…)"
        )));
    }
    let account = match &args.account {
        Some(account) => Some(context.stack.account_key(account).await),
        None => None,
    };
    let account = account.as_deref().filter(|account| *account != PLATFORM);
    let eraser = Eraser::new(
        context.stack.aws.sdk(),
        context.stack.table("ledger")?.to_owned(),
    );
    let belongings = Belongings::of(args.ids.iter().cloned());
    let search = Search::of(context, &eraser, account, belongings);
    let (found, belongings) = search.everything().await?;
    let (held, pending) = held(context, &found).await?;

    let looked = letters::look(context, &found, &belongings, &held, account, args.letters).await?;
    let mut report = Report::of(args.yes, &found, &belongings, &looked);
    letters::erase(context, &looked, &mut report).await?;
    report.count_on_their_way(context).await?;
    erase(context, &eraser, &found, &held, &mut report).await?;
    report.waits.extend(pending);
    report.print(context)?;
    report.verdict(&args.ids)
}

/// Which projections have effects pending, and what has to stay with them.
async fn held(context: &Context, found: &Found) -> Result<(Held, Vec<Wait>), Problem> {
    let (mut held, mut waits) = (Held::default(), Vec::new());
    for target in &found.targets {
        let Target::Projection { domain, key, .. } = target else {
            continue;
        };
        if let Entombed::Pending(events) = tombstones::write(context, domain, key, false).await? {
            held.events.extend(events);
            held.objects.insert(object_of(key).to_owned());
            waits.push(Wait::of_projection(
                key,
                "effects of it are pending; redeliver its event (sluice replay) first",
            ));
        }
    }
    Ok((held, waits))
}

/// Erases bodies and projections, or counts what would be: last found, first erased.
async fn erase(
    context: &Context,
    eraser: &Eraser,
    found: &Found,
    held: &Held,
    report: &mut Report,
) -> Result<(), Problem> {
    for target in found.targets.iter().rev() {
        match target {
            Target::Body {
                event,
                place,
                object,
                ..
            } => {
                if held.holds(event, object.as_deref()) {
                    report.waits.push(Wait::of(event, PENDING));
                    continue;
                }
                let erased = match report.is_done {
                    true => eraser.erase(event, place, SystemClock.now_ms()).await?,
                    false => Erased::Done,
                };
                match erased {
                    Erased::Done => report.bodies += 1,
                    Erased::Waits => report.waits.push(Wait::of(
                        event,
                        "it isn't on the bus yet; again in a few minutes",
                    )),
                }
            }
            Target::Projection { domain, key, .. } => {
                match tombstones::write(context, domain, key, report.is_done).await? {
                    Entombed::Document(_) => report.projections += 1,
                    // Already said.
                    Entombed::Already | Entombed::Pending(_) => {}
                    Entombed::Not(why) => report.waits.push(Wait::of_projection(key, why)),
                }
            }
        }
    }
    if report.is_done {
        for event in &found.erased_before {
            eraser
                .erase(event, &Place::Entry, SystemClock.now_ms())
                .await?;
        }
    }
    Ok(())
}
