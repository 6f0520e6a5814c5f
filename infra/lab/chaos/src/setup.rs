//! Starts the stack and the simulated Stripe for a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_local::problem::Problem;
use sluice_local::stack::{Options, RunningStack};
use sluice_local::test_stack::TestStack;
use sluice_stripe_sim::delivery::endpoint::OVERLAP_MAX;
use sluice_stripe_sim::delivery::{Clock, Destination, Endpoint, EventsFrom, Payload, Retry, Run};
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{ApiVersion, Scope, Story, World};

/// How long one of Stripe's hours lasts: its three days of retrying take two and a half minutes.
const HOUR: Duration = Duration::from_secs(2);

/// How long Stripe waits for an answer: longer than ingest may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Template parameters of the run, and why each differs from the template's.
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
        "this number of copies of each domain works on the same objects",
    ),
    (
        "FetchesPerSecond",
        "100",
        "no other program needs the simulated Stripe's limit",
    ),
    ("ReconcileSettleSeconds", "0", "reconcile looks at once"),
    (
        "BatchWindowSeconds",
        "0",
        "the local AWS gathers no batches by time",
    ),
];

/// An endpoint of the run.
struct EndpointSpec {
    name: &'static str,
    events_from: EventsFrom,
    livemode: bool,
    version: ApiVersion,
    payload: Payload,
    /// None means all.
    types: &'static [&'static str],
}

impl EndpointSpec {
    const fn whole(
        name: &'static str,
        events_from: EventsFrom,
        livemode: bool,
        version: ApiVersion,
    ) -> Self {
        Self {
            name,
            events_from,
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
            ..Self::whole(name, EventsFrom::Platform, false, version)
        }
    }
}

/// The endpoints. One gets some of another's events in an older version, and one gets some of them as thin events. One
/// gets some of the connected accounts' events as an organization's destination does. The live one for connected
/// accounts also gets their test events, as at Stripe.
const ENDPOINTS: [EndpointSpec; 7] = [
    EndpointSpec::whole(
        "platform",
        EventsFrom::Platform,
        false,
        ApiVersion::V2025_09_30,
    ),
    EndpointSpec::some(
        "older",
        ApiVersion::V2020_08_27,
        Payload::Snapshot,
        &["charge.*", "customer.subscription.*", "invoice.*"],
    ),
    EndpointSpec::some(
        "thin",
        ApiVersion::V2025_09_30,
        Payload::Thin,
        &[
            "v1.refund.*",
            "v1.payment_intent.*",
            "v1.customer.subscription.*",
        ],
    ),
    EndpointSpec::whole(
        "connect",
        EventsFrom::Connect,
        false,
        ApiVersion::V2024_06_20,
    ),
    EndpointSpec {
        events_from: EventsFrom::Organization,
        ..EndpointSpec::some(
            "organization",
            ApiVersion::V2024_06_20,
            Payload::Snapshot,
            &["account.*", "balance.*", "payout.*", "charge.*"],
        )
    },
    EndpointSpec::whole("live", EventsFrom::Platform, true, ApiVersion::V2023_10_16),
    EndpointSpec::whole(
        "connect-live",
        EventsFrom::Connect,
        true,
        ApiVersion::V2024_06_20,
    ),
];

/// How many of a hundred events Stripe sends a second time, under another id.
const SECOND_EVENTS_PERCENT: u8 = 3;

/// How many of a hundred events belong to lifecycles that began before the endpoints existed.
const BEFORE_PERCENT: usize = 10;

/// How long after the last of those beginnings the endpoints are made, in seconds.
const BEFORE_S: u32 = 10 * 86_400;

/// Everything that runs.
pub(crate) struct Setup {
    pub(crate) stack: RunningStack,
    pub(crate) stripe: Server,
    pub(crate) secrets: BTreeMap<String, Vec<String>>,
    /// When the endpoints were made (Unix seconds): earlier events are not delivered.
    pub(crate) opened_s: i64,
}

impl Setup {
    /// Plays the world, and starts everything with nothing delivered.
    pub(crate) fn up(
        plan: &crate::plan::Options,
        mut options: Options,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, Problem> {
        let (world, opened_s) = played(plan.seed, plan.events);
        let endpoint = |spec: &EndpointSpec| {
            let scope = match spec.events_from {
                EventsFrom::Platform => "platform",
                EventsFrom::Connect | EventsFrom::Organization => "connect",
            };
            let takes = json!({ "scope": scope, "livemode": spec.livemode });
            (spec.name.to_owned(), takes)
        };
        let endpoints: serde_json::Map<String, Value> = ENDPOINTS.iter().map(endpoint).collect();
        let endpoints = ("Endpoints".to_owned(), Value::Object(endpoints).to_string());
        let own = PARAMETERS.map(|(name, value, _)| (name.to_owned(), value.to_owned()));
        options
            .parameters
            .extend(own.into_iter().chain([endpoints]));
        let margin = [("LAPSE_MARGIN_MS".to_owned(), "1000".to_owned())];
        options
            .environment
            .insert("IngestFunction".to_owned(), margin.into());
        let secret = |name: &str| (name.to_owned(), vec![secret_of(name, 0)]);
        options.secrets = ENDPOINTS.iter().map(|spec| secret(spec.name)).collect();
        let secrets = options.secrets.clone();
        (options.faults, options.client_faults) = (true, true);

        let TestStack { stack, stripe } = TestStack::start(world, options, progress)?;
        Ok(Self {
            stack,
            stripe,
            secrets,
            opened_s,
        })
    }

    /// The scopes that objects are in: the platform's own in both modes, and the connected accounts.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::platform(false), Scope::platform(true)];
        scopes.extend_from_slice(self.stripe.world().accounts());
        scopes
    }

    /// The second (Unix) before which this share of the delivered events was made; for all of them, the end.
    pub(crate) fn second_of(&self, sent: usize, of: usize) -> i64 {
        let world = self.stripe.world();
        let events = world.events();
        let before = events.partition_point(|event| event.created < self.opened_s);
        let place = (events.len() - before) * sent / of.max(1);
        let next = events.get(before + place);
        next.map_or(i64::MAX, |event| event.created)
    }

    /// Stripe's side of the deliveries.
    pub(crate) fn deliveries(&self, seed: u64) -> Result<Run, Problem> {
        let destination = |spec: &EndpointSpec| {
            let endpoint = Endpoint {
                url: self.stack.info().url_of(spec.name),
                secrets: self.secrets.get(spec.name).cloned().unwrap_or_default(),
                events_from: spec.events_from,
                livemode: spec.livemode,
                api_version: spec.version,
                payload: spec.payload,
                types: spec.types.iter().map(|one| (*one).to_owned()).collect(),
            };
            let live = Destination::new(spec.name, endpoint);
            // Stripe gives up after three days, and a sandbox after hours. What isn't delivered isn't judged. So Stripe
            // tries for weeks here, however busy the machine is.
            let retry = Retry {
                window: Retry::LIVE.window * 10,
                ..Retry::LIVE
            };
            Destination {
                // Twelve for six endpoints together: on few cores, more would only wait for each other.
                connections: 2,
                deadline: ANSWER_MAX,
                retry,
                ..live
            }
        };
        let destinations = ENDPOINTS.iter().map(destination).collect();
        Run::start(destinations, Clock::hour_lasts(HOUR), seed)
            .map_err(|error| Problem::process("the simulated Stripe", error))
    }

    /// Rolls an endpoint's secret: the operator puts both, and Stripe signs with both for one of its days.
    pub(crate) fn roll(&mut self, run: &Run, number: usize) -> Result<(), Problem> {
        let name = ENDPOINTS[number % ENDPOINTS.len()].name;
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

/// A world with at least this number of events, and the second (Unix) in which the merchant made the endpoints.
fn played(seed: u64, events: usize) -> (World, i64) {
    let mut world = World::new(seed, sluice_stripe_sim::Options::default());
    let mut scopes = vec![
        Scope::platform(false),
        Scope::platform(true),
        world.connect(false),
    ];
    for scope in &scopes {
        world.play(Story::Subscription, scope);
    }
    while world.events().len() * 100 < events * BEFORE_PERCENT {
        world.play_some(1, &scopes);
    }
    world.advance(BEFORE_S);
    let opened_s = world.clock();

    let connected = [false, false, true].map(|livemode| world.connect(livemode));
    world.connect_recipient(false);
    world.restrict(&connected[0]);
    world.reconnect(&connected[2]);
    // The same ids in two accounts.
    world.play_alike(Story::BusySecond, &connected[..2]);
    scopes.extend(connected);
    while world.events().len() < events {
        world.play_some(1, &scopes);
    }
    world.add_second_events(SECOND_EVENTS_PERCENT);
    (world, opened_s)
}

/// The endpoints' names.
pub(crate) fn endpoints() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().map(|spec| spec.name)
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
    let spec = ENDPOINTS.iter().find(|spec| spec.name == endpoint);
    spec.is_some_and(|spec| spec.events_from == EventsFrom::Connect && spec.livemode)
        && livemode == Some(false)
}

/// The version in which a scope's events are delivered to the endpoint that gets all of them.
pub(crate) fn version_of(scope: &Scope) -> ApiVersion {
    let events_from = match scope.account {
        None => EventsFrom::Platform,
        Some(_) => EventsFrom::Connect,
    };
    let mut specs = ENDPOINTS.iter();
    let whole = specs.find(|spec| {
        spec.events_from == events_from && spec.livemode == scope.livemode && spec.types.is_empty()
    });
    whole.map_or(ApiVersion::V2025_09_30, |spec| spec.version)
}

/// The versions in which a scope's objects are shown: first the version in which all of its events are delivered; then
/// those of the other endpoints; then the account's own, in which the API answers a request without a version.
pub(crate) fn versions_of(scope: &Scope, own: ApiVersion) -> Vec<ApiVersion> {
    let events_from = |spec: &&EndpointSpec| match spec.events_from {
        EventsFrom::Platform => scope.account.is_none(),
        EventsFrom::Connect | EventsFrom::Organization => scope.account.is_some(),
    };
    let others = ENDPOINTS
        .iter()
        .filter(events_from)
        .map(|spec| spec.version);
    let mut versions = vec![version_of(scope)];
    for version in others.chain([own]) {
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    versions
}
