//! The run that is measured: a simulated Stripe's events, once each and as they happened, through the functions as
//! deployed on the local AWS.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_local::contents::{depth, listen, messages};
use sluice_local::post::Sender;
use sluice_local::problem::Problem;
use sluice_local::stack::{self, RunningStack};
use sluice_local::test_stack::TestStack;
use sluice_stripe_sim::delivery::{Endpoint, EventsFrom, Mix, Payload, plan};
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{ApiVersion, Scope, World};

/// The most events of a run: the local AWS returns 10,000 lines of a function's log, and no more.
pub const EVENTS_MAX: usize = 5_000;

/// The rule and the queue that count effects.
const LISTENER: &str = "cost-effects";

/// The rule that counts every call. A rule that counts the calls at a table has the table's name.
pub(crate) const EVERY: &str = "every";

/// The endpoints, and the accounts that their events come from.
const ENDPOINTS: [(&str, EventsFrom); 2] = [
    ("platform", EventsFrom::Platform),
    ("connect", EventsFrom::Connect),
];

/// The longest wait for the queues to be empty after the last event.
const DRAIN_MAX: Duration = Duration::from_secs(300);

/// How often progress is reported during a run.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// What to play.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What the events depend on.
    pub seed: u64,
    /// How many, at least: the last lifecycle is played to its end. 1 to [`EVENTS_MAX`].
    pub events: usize,
}

/// The stack after a run, with what was counted on the way.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) stack: RunningStack,
    /// Events that were posted, each of them once.
    pub(crate) events: usize,
    /// Calls made for the events.
    pub(crate) calls: Vec<Value>,
    /// Calls of a run of sweep with nothing to do.
    pub(crate) sweep: Vec<Value>,
    /// Calls of a run of reconcile with nothing to recover.
    pub(crate) reconcile: Vec<Value>,
    /// Effects on the bus.
    pub(crate) effects: u64,
}

/// Plays a world and waits until everything has been taken in.
pub(crate) fn play(
    options: Options,
    mut local: stack::Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Played, Problem> {
    local.client_faults = true;
    let TestStack { stack, stripe } = TestStack::start(world(options), local, progress)?;
    let pattern = json!({ "source": ["sluice.effects"] });
    let listener = listen(stack.aws(), stack.info(), LISTENER, &pattern)?;
    count_calls(&stack)?;

    let events = deliver(&stack, &stripe, progress)?;
    drain(&stack, progress)?;
    let calls = fired(&stack)?;
    let mut run = |function: &str| {
        progress(&format!("running {function} once"));
        let before = fired(&stack)?.len();
        let name = stack.info().functions.get(function).cloned();
        stack.aws().invoke(&name.unwrap_or_default(), &json!({}))?;
        Ok(fired(&stack)?.split_off(before))
    };
    let (sweep, reconcile) = (run("sweep")?, run("reconcile")?);
    let effects = depth(stack.aws(), &listener)?;
    Ok(Played {
        stack,
        events,
        calls,
        sweep,
        reconcile,
        effects,
    })
}

fn world(options: Options) -> World {
    let mut world = World::new(options.seed, sluice_stripe_sim::Options::default());
    let scopes = [Scope::platform(false), world.connect(false)];
    while world.events().len() < options.events.clamp(1, EVENTS_MAX) {
        world.play_some(1, &scopes);
    }
    world
}

/// Has every first try of a call recorded, and once more under its table's name. Repetitions are left out: the SDK
/// makes them because this machine is slow, and AWS would see none.
fn count_calls(stack: &RunningStack) -> Result<(), Problem> {
    let note = |id: &str, contains: Option<String>| {
        let mut rule = json!({ "id": id, "call": "*", "first-tries": true, "do": "note" });
        if let Some(text) = contains {
            rule["contains"] = text.into();
        }
        rule
    };
    let tables = stack.info().tables.iter();
    let mut rules: Vec<_> = tables
        .map(|(table, name)| note(table, Some(format!("{name:?}"))))
        .collect();
    rules.push(note(EVERY, None));
    match stack.client_faults() {
        Some(faults) => faults.set(&Value::Array(rules)),
        None => Err(Problem::Deploy("counts no calls".to_owned())),
    }
}

fn fired(stack: &RunningStack) -> Result<Vec<Value>, Problem> {
    stack
        .client_faults()
        .map_or_else(|| Ok(Vec::new()), |faults| faults.fired())
}

/// Posts every event once, and returns how many there were.
fn deliver(
    stack: &RunningStack,
    stripe: &Server,
    progress: &mut dyn FnMut(&str),
) -> Result<usize, Problem> {
    let sender = Sender::to(stack.info());
    let mut deliveries = Vec::new();
    for (name, events_from) in ENDPOINTS {
        let endpoint = Endpoint {
            url: stack.info().url_of(name),
            secrets: Vec::new(),
            events_from,
            livemode: false,
            api_version: ApiVersion::V2025_09_30,
            payload: Payload::Snapshot,
            types: Vec::new(),
        };
        let planned = plan(&stripe.world(), &endpoint, Mix::PLAIN);
        deliveries.extend(planned.into_iter().map(|delivery| (name, delivery)));
    }
    let mut said = Instant::now();
    for (number, (name, delivery)) in deliveries.iter().enumerate() {
        let answer = sender.deliver(name, &delivery.body)?;
        if answer.words() != "accepted" {
            let what = format!("answered {}: {}", delivery.event, answer.words());
            return Err(Problem::Deploy(what));
        }
        if said.elapsed() >= SAY_EVERY {
            progress(&format!("  {number} of {} events posted", deliveries.len()));
            said = Instant::now();
        }
    }
    Ok(deliveries.len())
}

/// Waits until no domain has anything to do. It looks twice in a row, because a message is in transit for a moment.
fn drain(stack: &RunningStack, progress: &mut dyn FnMut(&str)) -> Result<(), Problem> {
    let until = Instant::now() + DRAIN_MAX;
    let (mut quiet, mut said) = (0, Instant::now());
    while quiet < 3 {
        let waiting: u64 = messages(stack.aws(), stack.info())?.values().sum();
        quiet = if waiting == 0 { quiet + 1 } else { 0 };
        if said.elapsed() >= SAY_EVERY {
            progress(&format!("  {waiting} messages wait for their domain"));
            said = Instant::now();
        }
        if Instant::now() > until {
            let what = format!("{waiting} messages were not taken in");
            return Err(Problem::Deploy(what));
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    Ok(())
}
