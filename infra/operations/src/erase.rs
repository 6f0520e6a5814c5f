//! Takes what belongs to a customer out of the ledger, the projections and the dead letters.
//!
//! What belongs is found by reading everything that is stored, pass by pass, until a pass finds nothing new
//! (`sluice_kernel::erase`). There is no index by customer: it would be one more place with personal data. Ids and
//! hashes stay. What was found is a [`Plan`], which says what would be erased, or erases it.
//!
//! # What is guaranteed
//! - Nothing of another customer or account is touched. What only mentions the customer is listed and stays. What could
//!   not be seen is listed too.
//! - No effect is lost: while effects of an object are pending, the messages and bodies that would emit them stay.
//! - A run that was interrupted is run again, and finds that what was done is done. What was found through something
//!   else is erased before it, so that the next run finds it again.
//!
//! # Layout
//! - `find`: reads what is stored. `letters`: the dead letters.
//! - `tombstones`: what a projection leaves. [`report`]: what was found, done and left.

mod find;
mod letters;
pub mod report;
mod tombstones;
pub mod wait;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::erase::{Erased, Eraser, Place};
use sluice_adapters::runs::RunKind;
use sluice_kernel::clock::Clock;
use sluice_kernel::erase::{Belongings, TombstoneOutcome};

use crate::actor::Reason;
use crate::problem::Problem;
use crate::queues::depth;
use crate::runs::Record;
use crate::selection::Selection;
use crate::stack::{PLATFORM, Stack};
use find::{Found, Search, Target, object_of};
use letters::Looked;
use report::Report;
use wait::Wait;

/// Which customer, and how far to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Customers; and objects (`cs_…`, `pi_…`) and events (`evt_…`) that belong to them, whatever those themselves say.
    pub ids: Vec<String>,
    /// The connected account that they belong to; without it, the platform's own.
    pub account: Option<String>,
    /// The most dead letters of each queue that are looked at.
    pub letters: usize,
}

/// What stays for now, because effects would be lost with it.
#[derive(Debug, Default)]
struct Held {
    /// Events that caused effects that are pending.
    events: BTreeSet<String>,
    /// Objects that have pending effects.
    objects: BTreeSet<String>,
}

impl Held {
    fn holds(&self, event: &str, object: Option<&str>) -> bool {
        self.events.contains(event) || object.is_some_and(|object| self.objects.contains(object))
    }
}

/// Why a customer is erased, if the interface asks for no reason.
pub const ERASE_WHY: &str = "erasure of a customer";

/// Why a body or a letter that is held has to wait.
const PENDING: &str = "effects of its object are pending; redeliver it (sluice replay) first";

/// All that belongs to a customer. Its dead letters are held until the plan is carried out, or until it has said what
/// it would do.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Which customer, and what of it was found.
    #[serde(flatten)]
    pub selection: Selection<Wanted>,
    #[serde(skip)]
    found: Found,
    #[serde(skip)]
    looked: Looked,
    #[serde(skip)]
    held: Held,
    /// Projections that wait.
    #[serde(skip)]
    pending: Vec<Wait>,
    #[serde(skip)]
    also_named: Vec<String>,
}

/// Finds what belongs. `progress` gets the number of a queue's dead letters received up to then.
///
/// # Errors
/// `Usage` for a text that is no id; `Failed` when AWS can't be asked, or when each pass still finds more.
pub async fn plan(
    stack: &Stack,
    wanted: Wanted,
    progress: &mut dyn FnMut(usize),
) -> Result<Plan, Problem> {
    let is_id = |id: &&String| id.contains('_') || id.starts_with("message-");
    if let Some(bad) = wanted.ids.iter().find(|id| !is_id(id)) {
        return Err(Problem::Usage(format!(
            "{bad} is no id of a customer, an object or an event (cus_…, cs_…, pi_…, evt_…)"
        )));
    }
    let account = match &wanted.account {
        Some(account) => Some(stack.account_key(account).await),
        None => None,
    };
    let account = account.as_deref().filter(|account| *account != PLATFORM);
    let eraser = eraser(stack)?;
    let belongings = Belongings::of(wanted.ids.iter().cloned());
    let search = Search::of(stack, &eraser, account, belongings);
    let (found, belongings) = search.everything().await?;
    let (held, pending) = held(stack, &found).await?;

    let how = letters::How {
        found: &found,
        belongings: &belongings,
        held: &held,
        account,
        max: wanted.letters,
    };
    let looked = letters::look(stack, &how, progress).await?;
    let ids: Vec<_> = found.ids().chain(looked.ids()).collect();
    Ok(Plan {
        selection: Selection::of(wanted, ids.iter().map(String::as_str)),
        also_named: belongings.also_named().map(str::to_owned).collect(),
        found,
        looked,
        held,
        pending,
    })
}

impl Plan {
    /// Says what carrying it out would do. The letters are made visible again.
    ///
    /// # Errors
    /// `Failed` when AWS can't be asked.
    pub async fn dry_run(self, stack: &Stack) -> Result<Report, Problem> {
        self.run(stack, false).await
    }

    /// Erases what was found, for good, except what has to wait. It is listed as a run.
    ///
    /// # Errors
    /// `Failed` when AWS can't be asked. What was erased before that is gone; carrying out the same plan again finds
    /// the rest.
    pub async fn carry_out(self, stack: &Stack, reason: &Reason) -> Result<Report, Problem> {
        // Its name doesn't have the customer's id: the record stays when the customer is gone.
        let of = self.selection.filter.account.as_deref();
        let of = of.unwrap_or(PLATFORM).to_owned();
        let plan = self.selection.digest.clone();
        let mut record = Record::begin_new(stack, RunKind::Erase, &of, plan, reason).await?;
        let report = self.run(stack, true).await;
        if let Ok(report) = &report {
            record.count("bodies", report.bodies, false);
            record.count("projections", report.projections, false);
            record.count("dead letters", report.letters, false);
            record.count("waiting", report.waits.len(), true);
            record.count("not seen", report.unseen.len(), true);
        }
        let ended = record.end(report.as_ref().err()).await;
        let report = report?;
        ended?;
        Ok(report)
    }

    async fn run(self, stack: &Stack, is_done: bool) -> Result<Report, Problem> {
        let Self {
            found,
            looked,
            held,
            pending,
            also_named,
            ..
        } = self;
        let mut report = Report::of(is_done, &found, &looked, also_named);
        let (letters, waits) = letters::erase(stack, &looked, is_done).await?;
        report.letters = letters;
        report.waits.extend(waits);
        report.on_their_way = on_their_way(stack).await?;
        erase(stack, &found, &held, &mut report).await?;
        report.waits.extend(pending);
        Ok(report)
    }
}

fn eraser(stack: &Stack) -> Result<Eraser, Problem> {
    let ledger = stack.table("ledger")?.to_owned();
    Ok(Eraser::new(stack.aws.sdk(), ledger))
}

/// Which projections have effects pending, and what has to stay with them.
async fn held(stack: &Stack, found: &Found) -> Result<(Held, Vec<Wait>), Problem> {
    let (mut held, mut waits) = (Held::default(), Vec::new());
    for target in &found.targets {
        let Target::Projection { domain, key, .. } = target else {
            continue;
        };
        if let TombstoneOutcome::Pending(events) =
            tombstones::write(stack, domain, key, false).await?
        {
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

/// Counts the messages that are in the domains' queues just now. They are not looked at.
async fn on_their_way(stack: &Stack) -> Result<BTreeMap<String, u64>, Problem> {
    let mut counts = BTreeMap::new();
    for domain in stack.domains() {
        let Some(url) = stack.queues.get(domain) else {
            continue;
        };
        let (waiting, in_flight) = depth(stack, url).await?;
        if waiting + in_flight > 0 {
            counts.insert(domain.to_owned(), waiting + in_flight);
        }
    }
    Ok(counts)
}

/// Erases bodies and projections, or counts what would be erased. What was found last is erased first.
async fn erase(
    stack: &Stack,
    found: &Found,
    held: &Held,
    report: &mut Report,
) -> Result<(), Problem> {
    let eraser = eraser(stack)?;
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
                match tombstones::write(stack, domain, key, report.is_done).await? {
                    TombstoneOutcome::Document(_) => report.projections += 1,
                    // It has been reported already.
                    TombstoneOutcome::Already | TombstoneOutcome::Pending(_) => {}
                    TombstoneOutcome::Not(why) => report.waits.push(Wait::of_projection(key, why)),
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
