//! The stack and the simulated Stripe, put up for a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_local::aws::REGION;
use sluice_local::problem::Problem;
use sluice_local::stack::{Options, Stack};
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::delivery::endpoint::OVERLAP_MAX;
use sluice_stripe_sim::delivery::{Clock, Destination, Endpoint, Hears, Run};
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{ApiVersion, Scope, Story, World};

/// The name of the secret with the keys to the simulated Stripe.
const KEYS_SECRET: &str = "chaos-stripe-keys";

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

/// The endpoints: name, whose events, mode, API version, types (none means all).
///
/// Two of them are sent the same events in different versions, and the live one for connected accounts is sent their test
/// events too, as at Stripe.
const ENDPOINTS: [(&str, Hears, bool, ApiVersion, &[&str]); 5] = [
    (
        "platform",
        Hears::Platform,
        false,
        ApiVersion::V2025_09_30,
        &[],
    ),
    (
        "older",
        Hears::Platform,
        false,
        ApiVersion::V2020_08_27,
        &["charge.*", "customer.subscription.*", "invoice.*"],
    ),
    (
        "connect",
        Hears::Connect,
        false,
        ApiVersion::V2024_06_20,
        &[],
    ),
    ("live", Hears::Platform, true, ApiVersion::V2023_10_16, &[]),
    (
        "connect-live",
        Hears::Connect,
        true,
        ApiVersion::V2024_06_20,
        &[],
    ),
];

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
        // The same ids in two accounts.
        world.play_alike(Story::BusySecond, &connected[..2]);
        let stripe = Server::start(world, Terms::default(), 0)
            .map_err(|error| Problem::process("the simulated Stripe", error))?;
        let mut scopes = vec![Scope::platform(false), Scope::platform(true)];
        scopes.extend(connected);

        let arn = format!("arn:aws:secretsmanager:{REGION}:000000000000:secret:{KEYS_SECRET}");
        let endpoint = |&(name, hears, livemode, ..): &(&str, Hears, bool, ApiVersion, &[&str])| {
            let scope = match hears {
                Hears::Platform => "platform",
                Hears::Connect => "connect",
            };
            (
                name.to_owned(),
                json!({ "scope": scope, "livemode": livemode }),
            )
        };
        let endpoints: serde_json::Map<String, Value> = ENDPOINTS.iter().map(endpoint).collect();
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
        options.secrets = ENDPOINTS.iter().map(|(name, ..)| secret(name)).collect();
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

    /// Plays on until the world has so many events.
    pub(crate) fn play_until(&self, events: usize) {
        let mut world = self.stripe.world_mut();
        while world.events().len() < events {
            world.play_some(1, &self.scopes);
        }
    }

    /// Stripe's side of the deliveries.
    pub(crate) fn deliveries(&self, seed: u64) -> Result<Run, Problem> {
        let destination = |&(name, hears, livemode, api_version, types): &(
            &str,
            Hears,
            bool,
            ApiVersion,
            &[&str],
        )| {
            let endpoint = Endpoint {
                url: self.stack.info().url_of(name),
                secrets: self.secrets.get(name).cloned().unwrap_or_default(),
                hears,
                livemode,
                api_version,
                types: types.iter().map(|one| (*one).to_owned()).collect(),
            };
            let live = Destination::new(name, endpoint);
            // Sandboxes are given up after hours. What isn't delivered isn't judged, so all of them go on for days.
            let retry = sluice_stripe_sim::delivery::Retry::LIVE;
            Destination {
                connections: 4,
                deadline: ANSWER_MAX,
                retry,
                ..live
            }
        };
        let destinations = ENDPOINTS.iter().map(destination).collect();
        Run::start(destinations, Clock::hour_lasts(HOUR), seed)
            .map_err(|error| Problem::process("the simulated Stripe", error))
    }

    /// Rolls an endpoint's secret: the operator puts both, and Stripe signs with both for a day of its own.
    pub(crate) fn roll(&mut self, run: &Run, number: usize) -> Result<(), Problem> {
        let (name, ..) = ENDPOINTS[number % ENDPOINTS.len()];
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
    ENDPOINTS.iter().map(|(name, ..)| *name)
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
    let of_live = ENDPOINTS
        .iter()
        .any(|(name, hears, live, ..)| *name == endpoint && *hears == Hears::Connect && *live);
    of_live && livemode == Some(false)
}

/// The version in which the events of a scope are delivered to the endpoint that publishes all of them.
pub(crate) fn version_of(scope: &Scope) -> ApiVersion {
    let hears = match scope.account {
        None => Hears::Platform,
        Some(_) => Hears::Connect,
    };
    let whole = ENDPOINTS.iter().find(|(_, whose, livemode, _, types)| {
        *whose == hears && *livemode == scope.livemode && types.is_empty()
    });
    whole.map_or(ApiVersion::V2025_09_30, |(.., version, _)| *version)
}
