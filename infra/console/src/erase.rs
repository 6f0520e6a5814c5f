//! `sluice erase`: takes what belongs to a customer out of the ledger, the projections and the dead letters.
//!
//! Without `--yes` it only says what would be erased. What belongs is found by going through everything that is stored,
//! pass by pass, until nothing new is found (`sluice_kernel::erase`): there is no index by customer, which would be one
//! more place with personal data. Ids and hashes stay.
//!
//! A run that was interrupted is run again; what was done is found done. It ends with exit code 4 where something has to
//! wait: an event that isn't on the bus yet, an object with effects pending or that still gives access.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::erase::{Erased, Eraser, Projected};
use sluice_adapters::projections::DynamoProjections;
use sluice_kernel::clock::Clock;
use sluice_kernel::domain::Domain;
use sluice_kernel::erase::{Belongings, Entombed, entomb};
use sluice_kernel::projection::Projections;

use crate::context::Context;
use crate::dlq;
use crate::output::fields;
use crate::problem::Problem;

/// The most passes: one more than the longest chain of links (refund, charge, payment intent, invoice, subscription).
const PASSES_MAX: usize = 8;

/// How often the write of a tombstone is decided afresh where a function was faster.
const CONFLICTS_MAX: usize = 8;

/// Whose.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sluice erase cus_1                    says what would be erased
  sluice erase cus_1 --yes              erases it, for good
  sluice erase cus_1 cs_9 ch_7 --yes    with objects that name no customer: a guest's checkout
  sluice erase cus_1 --account acct_2   a connected account's customer

Erase in Stripe first: what Stripe sends afterwards is stored as any other event.")]
pub(crate) struct Args {
    /// Customers, and objects of theirs that name no customer.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The connected account that they belong to; without it, the platform's own.
    #[arg(long)]
    account: Option<String>,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

/// What was found, and what became of it.
#[derive(Debug, Default)]
struct Found {
    events: BTreeSet<String>,
    /// Entries that were erased before: what an interrupted run may have left of them goes with the next.
    erased_before: BTreeSet<String>,
    /// Domain → keys.
    projections: BTreeMap<String, BTreeSet<String>>,
}

impl Found {
    fn count(&self) -> usize {
        self.events.len() + self.projections.values().map(BTreeSet::len).sum::<usize>()
    }
}

/// Says what would be erased, or erases it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    if let Some(bad) = args
        .ids
        .iter()
        .find(|id| !id.contains('_') || id.starts_with("evt_"))
    {
        return Err(Problem::Usage(format!(
            "{bad} is no customer's or object's id (cus_…, cs_…, pi_…)"
        )));
    }
    let eraser = Eraser::new(context.aws.sdk(), context.table("ledger")?.to_owned());
    let account = args.account.as_deref();
    let mut belongings = Belongings::of(args.ids);
    let found = find(context, &eraser, account, &mut belongings).await?;
    let is_theirs = |event: &str, message: &str| {
        found.events.contains(event)
            || event_of(message.as_bytes())
                .is_some_and(|event| belongings.clone().take_event(&event))
    };
    let letters = dlq::of_events(context, is_theirs, args.yes).await?;
    let mut waits = Vec::new();
    let (mut bodies, mut tombstones) = (found.events.len(), 0);
    if args.yes {
        bodies = 0;
        for id in found.events.iter().chain(&found.erased_before) {
            match eraser.erase(id, SystemClock.now_ms()).await? {
                Erased::Done => bodies += usize::from(found.events.contains(id)),
                Erased::Waits => waits.push(format!(
                    "{id}: it isn't on the bus yet; again in a few minutes"
                )),
            }
        }
    }
    for (domain, keys) in &found.projections {
        for key in keys {
            match bury(context, domain, key, args.yes).await? {
                Entombed::Document(_) => tombstones += 1,
                Entombed::Already => {}
                Entombed::Not(why) => waits.push(format!("{key}: {why}")),
            }
        }
    }
    report(context, args.yes, [bodies, tombstones, letters], &waits)?;
    match waits.is_empty() {
        true => Ok(()),
        false => Err(Problem::Partly(format!("{} have to wait", waits.len()))),
    }
}

fn report(
    context: &Context,
    is_done: bool,
    counts: [usize; 3],
    waits: &[String],
) -> Result<(), Problem> {
    let [bodies, tombstones, letters] = counts;
    if context.out.is_json() {
        return context.out.value(&json!({
            "erased": is_done, "bodies": bodies, "projections": tombstones, "dead_letters": letters, "waits": waits,
        }));
    }
    let title = if is_done {
        "erased"
    } else {
        "would be erased; --yes does it, for good"
    };
    let mut lines = vec![
        ("bodies", bodies.to_string()),
        ("projections", tombstones.to_string()),
        ("dead letters", letters.to_string()),
    ];
    lines.extend(waits.iter().map(|wait| ("waits", wait.clone())));
    context.out.text(fields(title, &lines))
}

/// Goes through all that is stored until a pass finds nothing new.
async fn find(
    context: &Context,
    eraser: &Eraser,
    account: Option<&str>,
    belongings: &mut Belongings,
) -> Result<Found, Problem> {
    let mut found = Found::default();
    for _ in 0..PASSES_MAX {
        let before = (found.count(), belongings.ids().count());
        look(context, eraser, account, belongings, &mut found).await?;
        if (found.count(), belongings.ids().count()) == before {
            return Ok(found);
        }
    }
    Err(Problem::Failed(format!(
        "after {PASSES_MAX} passes there is still more to find; run it again when traffic is low"
    )))
}

async fn look(
    context: &Context,
    eraser: &Eraser,
    account: Option<&str>,
    belongings: &mut Belongings,
    found: &mut Found,
) -> Result<(), Problem> {
    let mut from = None;
    loop {
        let (page, next) = eraser.bodies(from).await?;
        for kept in page
            .iter()
            .filter(|kept| kept.account.as_deref() == account)
        {
            if kept.is_erased {
                found.erased_before.insert(kept.id.clone());
            }
            let event = kept.body.as_deref().and_then(event_of);
            if event.is_some_and(|event| belongings.take_event(&event)) {
                found.events.insert(kept.id.clone());
            }
        }
        from = next;
        if from.is_none() {
            break;
        }
    }
    let scope = format!("{}#", account.unwrap_or("platform"));
    for domain in context.domains() {
        let mut from = None;
        loop {
            let (page, next) = eraser.projections(context.table(domain)?, from).await?;
            for one in page.iter().filter(|one| one.key.starts_with(&scope)) {
                if is_theirs(one, belongings) {
                    found
                        .projections
                        .entry(domain.to_owned())
                        .or_default()
                        .insert(one.key.clone());
                }
            }
            from = next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// The event in a body, or in a message, which has it as its detail.
fn event_of(bytes: &[u8]) -> Option<Value> {
    let mut event: Value = serde_json::from_slice(bytes).ok()?;
    Some(match event.get("detail") {
        Some(_) => event["detail"].take(),
        None => event,
    })
}

fn is_theirs(one: &Projected, belongings: &mut Belongings) -> bool {
    let document: Value = serde_json::from_str(&one.stored.document).unwrap_or_default();
    let owner = one
        .owner
        .as_deref()
        .and_then(|owner| owner.rsplit('#').next());
    let owned = owner.is_some_and(|owner| belongings.ids().any(|id| id == owner));
    let id = object_of(&one.key);
    owned && belongings.takes(Some(id), &json!([owner]))
        || belongings.takes(Some(id), &document["state"])
}

/// The object's id in a projection's key. A summary of entitlements is kept under its customer's.
fn object_of(key: &str) -> &str {
    let object = key.rsplit('#').next().unwrap_or(key);
    object.strip_prefix("entitlements:").unwrap_or(object)
}

/// Puts a tombstone in a projection's place, or says whether it would.
async fn bury(
    context: &Context,
    domain: &str,
    key: &str,
    does_it: bool,
) -> Result<Entombed, Problem> {
    let table = DynamoProjections::new(context.aws.sdk(), context.table(domain)?.to_owned());
    for _ in 0..CONFLICTS_MAX {
        let Some(stored) = table.get(key).await? else {
            return Ok(Entombed::Already);
        };
        let object = object_of(key);
        let entombed = match domain {
            payments::Payments::NAME => entomb::<payments::Payments>(
                object,
                &stored,
                &context.settings::<payments::Payments>()?,
            ),
            billing::Billing::NAME => entomb::<billing::Billing>(
                object,
                &stored,
                &context.settings::<billing::Billing>()?,
            ),
            subscriptions::Subscriptions::NAME => entomb::<subscriptions::Subscriptions>(
                object,
                &stored,
                &context.settings::<subscriptions::Subscriptions>()?,
            ),
            connect::Connect::NAME => entomb::<connect::Connect>(
                object,
                &stored,
                &context.settings::<connect::Connect>()?,
            ),
            _ => {
                return Ok(Entombed::Not(
                    "this program doesn't know its domain: build it with the domain's code",
                ));
            }
        }?;
        let Entombed::Document(document) = &entombed else {
            return Ok(entombed);
        };
        // Without its owner: no list of his shows it any more.
        if !does_it || table.put(key, stored.version, document, None).await? {
            return Ok(entombed);
        }
    }
    Ok(Entombed::Not(
        "its function keeps writing it; again in a moment",
    ))
}

#[cfg(test)]
mod tests {
    use sluice_kernel::order::candidate::{Before, Candidate, Source};
    use sluice_kernel::order::digest::Digest;
    use sluice_kernel::order::evidence::Evidence;
    use sluice_kernel::projection::{Item, SCHEMA, Stored};

    use super::*;

    /// A projection of an object in this state, as a function would have written it.
    fn stored<D: Domain>(state: Value, terminal: bool) -> Stored {
        let item = Item::<D::State> {
            schema: SCHEMA,
            evidence: Evidence::of(Candidate {
                source: Source::Event {
                    created: 5,
                    id: "evt_1".to_owned(),
                },
                terminal,
                notice: false,
                closing: false,
                api_version: None,
                before: Before::Untold,
                after: Digest::of(&state),
                state: serde_json::from_value(state).expect("a state"),
            }),
            derived: None,
            levels_owed: false,
            emitted: None,
            seq: 0,
            history: vec!["evt_1".to_owned()],
            facts: ["InvoicePaid#platform#live#in_1".to_owned()].into(),
            generations: Vec::new(),
            pending: Vec::new(),
        };
        let document = serde_json::to_string(&item).expect("JSON");
        Stored {
            version: 1,
            document,
        }
    }

    /// What is left, which has to be a projection that the domain reads and that is a tombstone already.
    fn left<D: Domain>(object: &str, state: Value, terminal: bool) -> Value {
        let Ok(Entombed::Document(document)) = entomb::<D>(
            object,
            &stored::<D>(state, terminal),
            &D::Settings::default(),
        ) else {
            panic!("{object} is not entombed");
        };
        let again = Stored {
            version: 2,
            document,
        };
        assert_eq!(
            entomb::<D>(object, &again, &D::Settings::default()),
            Ok(Entombed::Already)
        );
        serde_json::from_str(&again.document).expect("JSON")
    }

    #[test]
    fn of_every_domain_a_tombstone_is_left_in_its_place_in_the_order() {
        let all = [
            left::<payments::Payments>(
                "ch_1",
                json!({ "object": "charge", "status": "succeeded", "amount": 1, "customer": "cus_1" }),
                false,
            ),
            left::<billing::Billing>(
                "in_1",
                json!({ "object": "invoice", "status": "open", "customer": "cus_1" }),
                false,
            ),
            left::<connect::Connect>(
                "po_1",
                json!({ "object": "payout", "id": "po_1", "status": "paid", "destination": "ba_1" }),
                false,
            ),
            left::<subscriptions::Subscriptions>(
                "cus_1",
                json!({ "object": "customer", "id": "cus_1", "delinquent": false }),
                false,
            ),
        ];
        for left in all {
            assert_eq!(
                (&left["second"], &left["terminal"], &left["history"]),
                (&json!(5), &json!(true), &json!(["evt_1"]))
            );
            assert_eq!(left["facts"], json!(["InvoicePaid#platform#live#in_1"]));
            assert!(
                left["members"][0]["after"].is_string() || left["members"][0]["after"].is_number()
            );
            let state = left["state"].to_string();
            assert!(
                !state.contains("amount")
                    && !state.contains("destination")
                    && !state.contains("customer\":"),
                "{state}"
            );
        }
    }

    #[test]
    fn what_still_gives_access_is_not_erased_and_what_gave_it_is() {
        let subscription = |status: &str| {
            json!({ "object": "subscription", "id": "sub_1", "customer": "cus_1", "status": status,
                "items": [{ "price": "price_1", "product": "prod_1" }], "current_period_end": 4_000_000_000_i64 })
        };
        let running = stored::<subscriptions::Subscriptions>(subscription("active"), false);
        assert!(matches!(
            entomb::<subscriptions::Subscriptions>("sub_1", &running, &Default::default()),
            Ok(Entombed::Not(_))
        ));
        left::<subscriptions::Subscriptions>("sub_1", subscription("canceled"), true);
        let summary = json!({ "object": "entitlements.active_entitlement_summary", "customer": "cus_1", "features": [] });
        left::<subscriptions::Subscriptions>("cus_1", summary, false);
    }

    #[test]
    fn what_has_yet_to_be_told_is_told_first() {
        let mut one =
            stored::<payments::Payments>(json!({ "object": "charge", "status": "failed" }), true);
        let mut document: Value = serde_json::from_str(&one.document).expect("JSON");
        document["pending"] =
            json!([{ "id": "f", "kind": "Refunded", "event": "evt_1", "detail": {} }]);
        one.document = document.to_string();
        assert!(matches!(
            entomb::<payments::Payments>("ch_1", &one, &Default::default()),
            Ok(Entombed::Not(_))
        ));
    }

    #[test]
    fn a_summary_of_entitlements_is_its_customers() {
        assert_eq!(object_of("platform#live#entitlements:cus_1"), "cus_1");
        assert_eq!(object_of("acct_1#test#ch_1"), "ch_1");
    }
}
