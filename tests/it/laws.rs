//! The laws of order, tested with a simulated Stripe. Any order of delivery, any duplicates and any mix of API versions
//! end in the same state, the same facts and the same last levels. With a key, they end in Stripe's own state.
//!
//! Nothing is deployed here: the domains' real code runs over in-memory ports, with thousands of deliveries per second.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_domains::{Visit, by_name};
use sluice_harness::build::TRACEPARENT;
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::batch::{self, BatchRun};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::consumer::fetch::{Fetch, Fetched, Objects, WithoutKey};
use sluice_kernel::domain::Domain;
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::queue::Received;
use sluice_stripe_sim::world::entitlements_of;
use sluice_stripe_sim::{ApiVersion, Key, Moment, Occurrence, Options, Scope, World};

/// Worlds of a few lifecycles each, live and in test mode, of the platform and of connected accounts.
const WORLDS: u64 = 20;

/// The number of orders tried for each world's events, besides the original one.
const ORDERS: u64 = 6;

/// Stripe with a key: the simulated Stripe's own objects, after all that it played.
pub(crate) struct Truth<'a>(pub(crate) &'a World);

impl Objects for Truth<'_> {
    async fn fetch(&self, fetch: &Fetch) -> Result<Fetched, Fault> {
        // Stripe serves neither kind by its id; a thin event names the path to a discount.
        if fetch.url.is_none() && ["application", "discount"].contains(&&*fetch.kind) {
            return Ok(Fetched::NoPath);
        }
        let version = fetch
            .api_version
            .as_deref()
            .and_then(ApiVersion::named)
            .unwrap_or(ApiVersion::V2025_09_30);
        let id = match fetch.kind.as_str() {
            "entitlements.active_entitlement_summary" => {
                entitlements_of(fetch.id.as_deref().unwrap_or_default())
            }
            "balance" => sluice_stripe_sim::world::BALANCE.to_owned(),
            _ => fetch.id.clone().unwrap_or_default(),
        };
        let scope = Scope {
            account: fetch.scope.account.clone(),
            livemode: fetch.scope.livemode,
        };
        let key = Key { scope, id };
        let (date_s, took_ms) = (self.0.end() + 60, 20);
        Ok(match self.0.object_at(&key, version, Moment::End) {
            Some(object) if !self.0.is_deleted(&key, Moment::End) => Fetched::Found {
                object,
                whole: self.0.whole_at(&key, version, Moment::End),
                api_version: Some(version.name().to_owned()),
                date_s,
                took_ms,
            },
            // For most deleted objects, Stripe says only that they are deleted.
            _ => Fetched::Deleted {
                object: (fetch.kind == "customer")
                    .then(|| json!({ "id": fetch.id, "object": fetch.kind, "deleted": true })),
                date_s,
                took_ms,
            },
        })
    }
}

pub(crate) fn world(seed: u64) -> World {
    let mut world = World::new(seed, Options::default());
    let connected = world.connect(true);
    let scopes = [Scope::platform(true), Scope::platform(false), connected];
    world.play_some(5, &scopes);
    world
}

/// The message of an occurrence at a version, as a rule writes it.
pub(crate) fn message(world: &World, occurrence: &Occurrence, version: ApiVersion) -> Received {
    let mut detail = world.event(occurrence, version);
    detail["sluice"] = json!({
        "account": occurrence.object.scope.account, "endpoint": "platform", "livemode": occurrence.object.scope.livemode,
        "created": occurrence.created, "received_at_ms": 0, "traceparent": TRACEPARENT, "body": "inline",
    });
    let text =
        json!({ "source": "sluice.stripe", "detail-type": occurrence.kind, "detail": detail })
            .to_string();
    Received {
        message_id: occurrence.id.clone(),
        text,
        receives: 1,
    }
}

/// The final result of a domain.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    /// Key → state, and whether it is a guess.
    pub(crate) states: BTreeMap<String, (Value, bool)>,
    /// Ids.
    pub(crate) facts: BTreeSet<String>,
    /// Key → the last value.
    pub(crate) levels: BTreeMap<String, Value>,
}

/// Delivers the messages to a domain, and returns its final result.
pub(crate) fn deliver<D: Domain>(messages: &[Received], objects: &impl Objects) -> End {
    let (projections, bus, outcomes) = (
        MemoryProjections::default(),
        MemoryBus::default(),
        MemoryOutcomes::default(),
    );
    let (ledger, clock) = (MemoryLedger::default(), TestClock::default());
    let ports = Ports {
        projections: &projections,
        bus: &bus,
        bodies: &ledger,
        objects,
        settings: &D::Settings::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let run = BatchRun {
        deadline_ms: clock.now_ms() + 1_000_000_000,
        receives_max: 500,
    };
    let handled = runtime.block_on(batch::handle::<D>(&ports, &outcomes, &clock, messages, run));
    for message in &handled {
        assert!(
            matches!(message.result, Ok(outcome) if outcome != Outcome::Rejected),
            "{:?} {:?} {:?}",
            message.kind,
            message.result,
            message.rejected
        );
    }
    let states = projections.items().into_iter().map(|(key, stored)| {
        let document: Value = serde_json::from_str(&stored.document).expect("JSON");
        assert!(
            document.get("pending").is_none(),
            "{key} has effects pending"
        );
        (
            key,
            (
                document["state"].clone(),
                document["tie_unresolved"] == true,
            ),
        )
    });
    let mut end = End {
        states: states.collect(),
        facts: BTreeSet::new(),
        levels: BTreeMap::new(),
    };
    let mut seqs: BTreeMap<String, u64> = BTreeMap::new();
    for detail in bus.details() {
        if detail["class"] == "fact" {
            end.facts
                .insert(detail["id"].as_str().expect("an id").to_owned());
            continue;
        }
        let (key, seq) = (
            detail["key"].as_str().expect("a key").to_owned(),
            detail["seq"].as_u64().expect("a seq"),
        );
        if seqs.get(&key).is_none_or(|last| *last < seq) {
            seqs.insert(key.clone(), seq);
            end.levels
                .insert(key, json!([detail["data"], detail["until"]]));
        }
    }
    end
}

/// A small random generator with its own seed: xorshift64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// The state that Stripe's own object has, computed by the domain's own code: as events show the object, or the whole
/// of it.
fn truth<D: Domain>(
    world: &World,
    occurrence: &Occurrence,
    is_whole: bool,
) -> Option<(String, Value)>
where
    D::State: serde::Serialize,
{
    if world.is_deleted(&occurrence.object, Moment::End) {
        return None;
    }
    // A connection of an account to an application is kept in the account's item, and later events show more of the
    // account.
    let kind = world.kind(&occurrence.object);
    if kind == Some("application") && occurrence.object.scope.account.is_some() {
        return None;
    }
    let (key, version) = (&occurrence.object, ApiVersion::V2025_09_30);
    let object = match is_whole {
        true => world.whole_at(key, version, Moment::End)?,
        false => world.object_at(key, version, Moment::End)?,
    };
    let scope = sluice_kernel::event::Scope {
        account: occurrence.object.scope.account.clone(),
        livemode: occurrence.object.scope.livemode,
    };
    let event = Event {
        id: occurrence.id.clone(),
        kind: occurrence.kind.clone(),
        scope: scope.clone(),
        created: occurrence.created,
        api_version: Some(version.name().to_owned()),
        request: None,
        object,
        previous_attributes: None,
    };
    let projected = D::project(&event).expect("readable");
    let state = serde_json::to_value(&projected.state).expect("JSON");
    Some((
        sluice_kernel::consumer::projection::key(&scope, &projected.object),
        state,
    ))
}

/// The state without the second in which the last event showed it: that event isn't part of the object.
fn unseen(state: &Value) -> Value {
    let mut state = state.clone();
    if let Some(fields) = state.as_object_mut() {
        fields.remove("seen");
    }
    state
}

fn laws_hold<D: Domain>() {
    let mut deliveries = 0;
    for seed in 1..=WORLDS {
        let world = world(seed);
        let own: Vec<_> = world
            .events()
            .iter()
            .filter(|event| D::handles(&event.kind))
            .collect();
        let newest = ApiVersion::V2025_09_30;
        let in_order: Vec<_> = own
            .iter()
            .map(|event| message(&world, event, newest))
            .collect();
        let without_key = deliver::<D>(&in_order, &WithoutKey);
        let with_key = deliver::<D>(&in_order, &Truth(&world));
        assert!(
            with_key.states.values().all(|(_, guess)| !guess),
            "with a key nothing is a guess"
        );
        for event in &own {
            let Some((key, state)) = truth::<D>(&world, event, true) else {
                continue;
            };
            assert_eq!(
                with_key.states[&key].0, state,
                "{key} with a key, seed {seed}"
            );
            let (guessed, is_guess) = &without_key.states[&key];
            let shown = truth::<D>(&world, event, false).expect("it is there").1;
            assert!(
                *is_guess || unseen(guessed) == unseen(&shown),
                "{key} without a key, seed {seed}: {guessed} {shown}"
            );
        }
        assert_eq!(with_key.facts, without_key.facts);
        let mut dice = Dice(seed);
        for _ in 0..ORDERS {
            let mut scrambled = in_order.clone();
            for _ in 0..in_order.len() / 4 {
                scrambled.push(in_order[dice.below(in_order.len())].clone());
            }
            dice.shuffle(&mut scrambled);
            assert_eq!(
                deliver::<D>(&scrambled, &WithoutKey),
                without_key,
                "seed {seed}"
            );
            assert_eq!(
                deliver::<D>(&scrambled, &Truth(&world)),
                with_key,
                "seed {seed}, with a key"
            );
            // Each delivery has some version: endpoints are pinned to different ones.
            let mixed: Vec<_> = own
                .iter()
                .map(|event| {
                    message(
                        &world,
                        event,
                        ApiVersion::TESTED[dice.below(ApiVersion::TESTED.len())],
                    )
                })
                .collect();
            let mut scrambled = mixed.clone();
            dice.shuffle(&mut scrambled);
            assert_eq!(
                deliver::<D>(&scrambled, &WithoutKey),
                deliver::<D>(&mixed, &WithoutKey),
                "seed {seed}, versions"
            );
            deliveries += 4 * scrambled.len();
        }
    }
    println!("{}: {deliveries} deliveries", D::NAME);
}

fn laws_hold_in(domain: &str) {
    struct Laws;

    impl Visit for Laws {
        type Output = ();

        fn visit<D: Domain>(self) {
            laws_hold::<D>();
        }
    }

    by_name(domain, Laws).expect("a domain");
}

#[test]
fn any_order_ends_payments_right() {
    laws_hold_in("payments");
}

#[test]
fn any_order_ends_billing_right() {
    laws_hold_in("billing");
}

#[test]
fn any_order_ends_subscriptions_right() {
    laws_hold_in("subscriptions");
}

#[test]
fn any_order_ends_connect_right() {
    laws_hold_in("connect");
}
