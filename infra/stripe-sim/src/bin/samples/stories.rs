//! The stories that the samples come from, and which of their events become files.

use std::collections::{BTreeMap, BTreeSet};

use sluice_stripe_sim::body::written;
use sluice_stripe_sim::{ApiVersion, Occurrence, Options, Scope, Story, World};

/// The seed of everything.
const SEED: u64 = 1;

/// The version that the samples are frozen in, and an older one whose shapes differ.
const VERSION: ApiVersion = ApiVersion::V2025_09_30;
const OLD_VERSION: ApiVersion = ApiVersion::V2020_08_27;

/// The time from story to story, in seconds.
const DAY_S: u32 = 86_400;

/// Each story of the platform, and the files that its events become. A file is named by its event's type, with a
/// further word if several files have that type. The files of a type are the last events of that type, in their order:
/// as many as there are files.
const STORIES: [(Story, &[&str]); 17] = [
    (
        Story::PartialRefund,
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed",
            "charge.updated",
            "refund.created",
            "charge.refunded",
            "refund.updated",
            "charge.refund.updated",
        ],
    ),
    (Story::RefundFailsLater, &["refund.failed"]),
    (
        Story::HoldCaptured,
        &[
            "payment_intent.amount_capturable_updated",
            "charge.captured",
        ],
    ),
    (
        Story::HoldExpired,
        &["charge.expired", "payment_intent.canceled"],
    ),
    (
        Story::DeclinedThenPaid,
        &["charge.failed", "payment_intent.payment_failed"],
    ),
    (
        Story::AuthenticatedPayment,
        &["payment_intent.requires_action"],
    ),
    (Story::AbandonedCheckout, &["checkout.session.expired"]),
    (
        Story::DelayedPayment,
        &[
            "payment_intent.processing",
            "charge.pending",
            "checkout.session.async_payment_succeeded",
        ],
    ),
    (
        Story::DelayedPaymentFails,
        &["checkout.session.async_payment_failed"],
    ),
    (Story::BankTransfer, &["payment_intent.partially_funded"]),
    (
        Story::DisputeWon,
        &[
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_reinstated",
        ],
    ),
    (
        Story::CustomerGone,
        &[
            "customer.created",
            "customer.subscription.created",
            "invoice.created",
            "invoice.finalized",
            "invoice.paid",
            "invoice.payment_succeeded",
            "customer.subscription.updated",
            "customer.updated",
            "customer.subscription.updated.more-seats",
            "customer.subscription.updated.canceling",
            "customer.subscription.deleted",
            "customer.deleted",
        ],
    ),
    (
        Story::PausedAndResumed,
        &[
            "customer.subscription.trial_will_end",
            "customer.subscription.paused",
            "customer.subscription.resumed",
        ],
    ),
    (
        Story::PendingUpdateApplied,
        &["customer.subscription.pending_update_applied"],
    ),
    (
        Story::PendingUpdateExpired,
        &["customer.subscription.pending_update_expired"],
    ),
    (
        Story::RenewalAnnounced,
        &[
            "invoice.upcoming",
            "invoice.payment_failed",
            "invoice.updated",
            "invoice.voided",
        ],
    ),
    (
        Story::PayoutPaid,
        &[
            "balance.available",
            "payout.created",
            "payout.updated",
            "payout.paid",
        ],
    ),
];

/// The files of a connected account's events.
const OF_ACCOUNT: [&str; 2] = ["account.updated", "payout.failed"];

/// Files that exist for the old version too.
const OLD: [&str; 4] = [
    "charge.refunded",
    "customer.subscription.created",
    "customer.subscription.updated",
    "payment_intent.succeeded",
];

/// Files that exist as thin events too.
const THIN: [&str; 5] = [
    "account.updated",
    "balance.available",
    "customer.created",
    "customer.subscription.updated",
    "payment_intent.succeeded",
];

/// Every sample: a file's name without `.json`, and its bytes.
///
/// # Errors
/// When a story has no event of a file's name.
pub(crate) fn samples() -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut world = World::new(SEED, Options::default());
    let mut named = BTreeMap::new();
    for (story, names) in STORIES {
        let before = ids(&world);
        world.play(story, &Scope::platform(false));
        named.extend(pick(&world, &before, names)?);
        world.advance(DAY_S);
    }
    let before = ids(&world);
    let account = world.connect(false);
    world.play(Story::PayoutFailsLater, &account);
    named.extend(pick(&world, &before, &OF_ACCOUNT)?);
    world.play(Story::MeterErrors, &Scope::platform(false));

    let mut files = BTreeMap::new();
    for (name, event) in &named {
        files.insert((*name).to_owned(), world.event(event, VERSION));
        if OLD.contains(name) {
            let name = format!("{name}.{OLD_VERSION}");
            files.insert(name, world.event(event, OLD_VERSION));
        }
        if THIN.contains(name) {
            files.insert(format!("v1.{name}"), world.thin(event));
        }
    }
    for notice in world.notices() {
        files.insert(notice.kind().to_owned(), world.notice(notice));
    }
    let written = |(name, event)| (name, crate::ended(written(&event)));
    Ok(files.into_iter().map(written).collect())
}

fn ids(world: &World) -> BTreeSet<String> {
    world
        .events()
        .iter()
        .map(|event| event.id.clone())
        .collect()
}

/// The event of each name among those that weren't there before.
fn pick<'n>(
    world: &World,
    before: &BTreeSet<String>,
    names: &[&'n str],
) -> Result<Vec<(&'n str, Occurrence)>, String> {
    let new = world.events().iter();
    let new: Vec<_> = new.filter(|event| !before.contains(&event.id)).collect();
    let mut picked = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let is_of = |name: &str, kind: &str| {
            let rest = name.strip_prefix(kind);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // The longest type that begins the name: `charge.refund.updated` is no `charge.refund`.
        let kinds = new.iter().map(|event| event.kind.as_str());
        let kind = kinds
            .filter(|kind| is_of(name, kind))
            .max_by_key(|kind| kind.len())
            .ok_or_else(|| format!("no event for {name}"))?;
        let later = names[place + 1..].iter();
        let later = later.filter(|other| is_of(other, kind)).count();
        let events = new.iter().filter(|event| event.kind == kind);
        let event = events
            .rev()
            .nth(later)
            .ok_or_else(|| format!("too few events for {name}"))?;
        picked.push((*name, (*event).clone()));
    }
    Ok(picked)
}
