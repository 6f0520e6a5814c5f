//! The stack and the simulated Stripe, put up for a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use sluice_local::aws::REGION;
use sluice_local::problem::Problem;
use sluice_local::stack::{Options, Stack};
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::delivery::endpoint::OVERLAP_MAX;
use sluice_stripe_sim::delivery::{Clock, Destination, Endpoint, Hears, Payload, Retry, Run};
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{ApiVersion, Scope, Story, World};

/// The name of the secret with the keys to the simulated Stripe.
const KEYS_SECRET: &str = "chaos-stripe-keys-Simul8";

/// How long one of Stripe's hours lasts: its three days of retrying take two and a half minutes.
const HOUR: Duration = Duration::from_secs(2);

/// How long Stripe waits for an answer. Above what ingest may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Template parameters of the run, and why each is another than the template's.
pub const PARAMETERS: [(&str, &str, &str); 8] = [
    (
        "QueueVisibilitySeconds",
        "5",
        "a message comes back so soon after its function was killed",
    ),
    (
        "MaxReceiveCount",
        "1000",
        "none is a dead letter before its time",
    ),
    ("DomainTimeoutSeconds", "10", "a call that hangs is cut off"),
    (
        "IngestTimeoutSeconds",
        "5",
        "a claim lapses soon after a crash",
    ),
    (
        "MaximumConcurrency",
        "3",
        "so many copies of each domain at work on the same objects",
    ),
    (
        "FetchesPerSecond",
        "100",
        "nobody else needs the simulated Stripe's limit",
    ),
    ("ReconcileSettleSeconds", "0", "reconcile looks at once"),
    (
        "BatchWindowSeconds",
        "0",
        "the local AWS gathers no batches by time",
    ),
];

/// An endpoint of the run.
struct Door {
    name: &'static str,
    hears: Hears,
    livemode: bool,
    version: ApiVersion,
    payload: Payload,
    /// None means all.
    types: &'static [&'static str],
}

impl Door {
    const fn whole(name: &'static str, hears: Hears, livemode: bool, version: ApiVersion) -> Self {
        Self {
            name,
            hears,
            livemode,
            version,
            payload: Payload::Snapshot,
            types: &[],
        }
    }

    const fn some(
        name: &'static str,
        version: ApiVersion,
        payload: Payload,
        types: &'static [&'static str],
    ) -> Self {
        Self {
            payload,
            types,
            ..Self::whole(name, Hears::Platform, false, version)
        }
    }
}

/// The endpoints. One is sent some of another's events in an older version, one some of them as thin events, one some of the
/// connected accounts' as an organization's destination is, and the live one for connected accounts is sent their test
/// events too, as at Stripe.
const DOORS: [Door; 7] = [
    Door::whole("platform", Hears::Platform, false, ApiVersion::V2025_09_30),
    Door::some(
        "older",
        ApiVersion::V2020_08_27,
        Payload::Snapshot,
        &["charge.*", "customer.subscription.*", "invoice.*"],
    ),
    Door::some(
        "thin",
        ApiVersion::V2025_09_30,
        Payload::Thin,
        &[
            "v1.refund.*",
            "v1.payment_intent.*",
            "v1.customer.subscription.*",
        ],
    ),
    Door::whole("connect", Hears::Connect, false, ApiVersion::V2024_06_20),
    Door {
        hears: Hears::Organization,
        ..Door::some(
            "organization",
            ApiVersion::V2024_06_20,
            Payload::Snapshot,
            &["account.*", "balance.*", "payout.*", "charge.*"],
        )
    },
    Door::whole("live", Hears::Platform, true, ApiVersion::V2023_10_16),
    Door::whole(
        "connect-live",
        Hears::Connect,
        true,
        ApiVersion::V2024_06_20,
    ),
];

/// How many of a hundred events are told a second time, under another id.
const TWINS_PERCENT: u8 = 3;

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) stripe: Server,
    pub(crate) secrets: BTreeMap<String, Vec<String>>,
    scopes: Vec<Scope>,
}

impl Stage {
    /// Starts all of it, with nothing played.
    pub(crate) fn up(
        seed: u64,
        mut options: Options,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, Problem> {
        let mut world = World::new(seed, sluice_stripe_sim::Options::default());
        let connected = [false, false, true].map(|livemode| world.connect(livemode));
        world.connect_recipient(false);
        world.restrict(&connected[0]);
        world.reconnect(&connected[2]);
        // The same ids in two accounts.
        world.play_alike(Story::BusySecond, &connected[..2]);
        let stripe = Server::start(world, Terms::default(), 0)
            .map_err(|error| Problem::process("the simulated Stripe", error))?;
        let mut scopes = vec![Scope::platform(false), Scope::platform(true)];
        scopes.extend(connected);

        let arn = format!("arn:aws:secretsmanager:{REGION}:000000000000:secret:{KEYS_SECRET}");
        let endpoint = |door: &Door| {
            let scope = match door.hears {
                Hears::Platform => "platform",
                Hears::Connect | Hears::Organization => "connect",
            };
            let takes = json!({ "scope": scope, "livemode": door.livemode });
            (door.name.to_owned(), takes)
        };
        let endpoints: serde_json::Map<String, Value> = DOORS.iter().map(endpoint).collect();
        let parameters = [
            ("ApiKeySecretArn".to_owned(), arn),
            ("StripeApiUrl".to_owned(), stripe.url()),
            ("Endpoints".to_owned(), Value::Object(endpoints).to_string()),
        ];
        let own = PARAMETERS.map(|(name, value, _)| (name.to_owned(), value.to_owned()));
        options.parameters.extend(parameters.into_iter().chain(own));
        let margin = [("LAPSE_MARGIN_MS".to_owned(), "1000".to_owned())];
        options
            .environment
            .insert("IngestFunction".to_owned(), margin.into());
        let secret = |name: &str| (name.to_owned(), vec![secret_of(name, 0)]);
        options.secrets = DOORS.iter().map(|door| secret(door.name)).collect();
        let secrets = options.secrets.clone();
        (options.faults, options.client_faults) = (true, true);

        let stack = Stack::start(&options, progress)?;
        let keys = Terms::default().keys.into_iter();
        let modes = keys.map(|key| (if key.livemode { "live" } else { "test" }, key.text));
        let text = json!(modes.collect::<BTreeMap<_, _>>()).to_string();
        let secret = json!({ "Name": KEYS_SECRET, "SecretString": text });
        stack.aws().json("secretsmanager.CreateSecret", &secret)?;
        Ok(Self {
            stack,
            stripe,
            secrets,
            scopes,
        })
    }

    /// Plays on until the world has so many events, and tells some of the new ones twice.
    pub(crate) fn play_until(&self, seed: u64, events: usize) {
        let mut world = self.stripe.world_mut();
        let known: BTreeSet<_> = world
            .events()
            .iter()
            .map(|event| event.id.clone())
            .collect();
        while world.events().len() < events {
            world.play_some(1, &self.scopes);
        }
        let mut dice = Rng::with_seed(seed ^ events as u64);
        let news = world
            .events()
            .iter()
            .filter(|event| !known.contains(&event.id));
        let chosen: Vec<_> = news
            .filter(|_| dice.u8(0..100) < TWINS_PERCENT)
            .map(|event| event.id.clone())
            .collect();
        for event in chosen {
            // Whatever the world has, it can tell again.
            let _ = world.twin(&event);
        }
    }

    /// Stripe's side of the deliveries.
    pub(crate) fn deliveries(&self, seed: u64) -> Result<Run, Problem> {
        let destination = |door: &Door| {
            let endpoint = Endpoint {
                url: self.stack.info().url_of(door.name),
                secrets: self.secrets.get(door.name).cloned().unwrap_or_default(),
                hears: door.hears,
                livemode: door.livemode,
                api_version: door.version,
                payload: door.payload,
                types: door.types.iter().map(|one| (*one).to_owned()).collect(),
            };
            let live = Destination::new(door.name, endpoint);
            // Stripe gives up after three days, and a sandbox after hours. What isn't delivered isn't judged, so here it goes on
            // for weeks, whatever the machine is busy with.
            let retry = Retry {
                window: Retry::LIVE.window * 10,
                ..Retry::LIVE
            };
            Destination {
                // Of six endpoints together twelve: more only wait for each other where there are few cores.
                connections: 2,
                deadline: ANSWER_MAX,
                retry,
                ..live
            }
        };
        let destinations = DOORS.iter().map(destination).collect();
        Run::start(destinations, Clock::hour_lasts(HOUR), seed)
            .map_err(|error| Problem::process("the simulated Stripe", error))
    }

    /// Rolls an endpoint's secret: the operator puts both, and Stripe signs with both for a day of its own.
    pub(crate) fn roll(&mut self, run: &Run, number: usize) -> Result<(), Problem> {
        let name = DOORS[number % DOORS.len()].name;
        let new = secret_of(name, number + 1);
        if let Some(list) = self.secrets.get_mut(name) {
            list.insert(0, new.clone());
            list.truncate(2);
        }
        self.stack.put_secrets(&self.secrets)?;
        let rolled = run.roll(name, &new, OVERLAP_MAX);
        rolled.map_err(|error| Problem::process("the simulated Stripe", error))
    }
}

/// The endpoints' names.
pub(crate) fn endpoints() -> impl Iterator<Item = &'static str> {
    DOORS.iter().map(|door| door.name)
}

fn secret_of(endpoint: &str, number: usize) -> String {
    format!("whsec_chaos_{endpoint}_{number}")
}

/// A real time in Stripe's.
pub(crate) fn stripe_time(real: Duration) -> Duration {
    Clock::hour_lasts(HOUR).stripe(real)
}

/// Whether an endpoint only stores an event of this mode: a connected account's test event at a live endpoint.
pub(crate) fn is_stored_only(endpoint: &str, livemode: Option<bool>) -> bool {
    let door = DOORS.iter().find(|door| door.name == endpoint);
    door.is_some_and(|door| door.hears == Hears::Connect && door.livemode)
        && livemode == Some(false)
}

/// The version in which the events of a scope are delivered to the endpoint that hears all of them.
pub(crate) fn version_of(scope: &Scope) -> ApiVersion {
    let hears = match scope.account {
        None => Hears::Platform,
        Some(_) => Hears::Connect,
    };
    let mut doors = DOORS.iter();
    let whole = doors.find(|door| {
        door.hears == hears && door.livemode == scope.livemode && door.types.is_empty()
    });
    whole.map_or(ApiVersion::V2025_09_30, |door| door.version)
}
