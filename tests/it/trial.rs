//! An event on trial: a sample that is delivered while something breaks for this event only, and the judgement
//! afterwards.
//!
//! Every event here is a sample under ids of its own, so that faults are aimed at one event by a text that occurs only
//! in its calls, and many events fail in many ways concurrently. The judgement compares each with a control: the same
//! sample, undisturbed. The whole projection and every effect must be equal, after the ids are normalized.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use sluice_harness::build::noise_body;
use sluice_harness::samples::samples;

use crate::world::{World, eventually, now_s, unique};

/// One sample per domain; each calls for one effect.
pub(crate) const SAMPLES: [(&str, &str); 4] = [
    ("payments", "payment_intent.succeeded"),
    ("billing", "invoice.paid"),
    ("subscriptions", "customer.subscription.updated"),
    ("connect", "payout.failed"),
];

/// More than the bus carries inline, so that the event travels as a pointer and its body is stored in parts.
const LARGE_BYTES: usize = 250_000;

/// How long to wait between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_millis(300);

/// Everything that follows from one event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// The projection's document.
    document: Value,
    /// Effects by id, as they were first on the bus.
    effects: BTreeMap<String, Value>,
}

/// An event, and its expected end.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// Its name, for people.
    pub(crate) name: String,
    /// `evt_…`.
    pub(crate) event: String,
    /// The object that it is about.
    pub(crate) object: String,
    /// The domain that gets it.
    pub(crate) domain: &'static str,
    /// The body.
    pub(crate) body: String,
}

impl Trial {
    /// A new event of a sample in [`SAMPLES`], for the platform in test mode, created `at`.
    pub(crate) fn of(domain: &str, name: &str, at: i64) -> Self {
        let found = SAMPLES.iter().find(|(of, _)| *of == domain);
        let (domain, sample) = *found.expect("a domain with a sample");
        let all = samples(sample).into_iter();
        let mut exact = all.filter(|(name, _)| name == sample);
        let (_, mut body) = exact.next().expect("the sample");
        let (event, object) = (unique("evt"), unique("obj"));
        body["id"] = Value::from(event.as_str());
        body["created"] = Value::from(at);
        body["livemode"] = Value::from(false);
        body["data"]["object"]["id"] = Value::from(object.as_str());
        if let Some(fields) = body.as_object_mut() {
            // Both name a connected account.
            fields.remove("account");
            fields.remove("context");
        }
        let items = body.pointer_mut("/data/object/items/data");
        for item in items.and_then(Value::as_array_mut).into_iter().flatten() {
            // A period that has ended gives no access.
            item["current_period_end"] = Value::from(at + 30 * 86_400);
        }
        Self {
            name: name.to_owned(),
            event,
            object,
            domain,
            body: body.to_string(),
        }
    }

    /// The same with enough noise in it that it travels as a pointer.
    pub(crate) fn large(domain: &str, name: &str, at: i64) -> Self {
        let mut trial = Self::of(domain, name, at);
        let noise: Value =
            serde_json::from_slice(&noise_body(&trial.event, LARGE_BYTES)).expect("JSON");
        let mut body: Value = serde_json::from_str(&trial.body).expect("JSON");
        body["data"]["object"]["description"] = noise["data"]["object"]["description"].clone();
        trial.body = body.to_string();
        trial
    }

    /// Waits for the end, and returns it with the ids normalized.
    fn end(&self, world: &World) -> End {
        let document = world.settled(self.domain, &self.object);
        let seen = eventually(&format!("{}: the effect", self.name), || {
            let seen = world.effects(&self.object);
            (!seen.is_empty()).then_some(seen)
        });
        let mut by_id = BTreeMap::new();
        let mut seqs = BTreeSet::new();
        for effect in seen {
            let (kind, mut detail) = (&effect["detail-type"], effect["detail"].clone());
            if let Some(fields) = detail.as_object_mut() {
                // It differs for each delivery, and isn't part of the content.
                fields.remove("traceparent");
            }
            let id = self.alike(&detail["id"].to_string());
            let content = self.alike(&format!("{kind} {detail}"));
            // The time of the write differs for each trial. A level that is emitted again has the seq that it had.
            let seq = detail["seq"].as_u64().map(|seq| seq.to_string());
            let alike = |text: String| match &seq {
                Some(seq) => text.replace(seq, "SEQ"),
                None => text,
            };
            seqs.extend(seq.clone());
            let (id, content) = (alike(id), alike(content));
            let first = by_id
                .entry(id)
                .or_insert_with(|| Value::from(content.as_str()));
            assert_eq!(
                *first,
                Value::from(content),
                "{}: one id, one effect",
                self.name
            );
        }
        assert!(seqs.len() <= 1, "{}: one level, one seq", self.name);
        let document = serde_json::from_str(&self.alike(&document.to_string()));
        let mut document: Value = document.expect("JSON");
        if let Some(fields) = document.as_object_mut() {
            fields.remove("seq");
        }
        for member in document["members"].as_array_mut().into_iter().flatten() {
            if let Some(fields) = member.as_object_mut() {
                // Digests of the object, including its id.
                fields.retain(|name, _| name != "after" && name != "before");
            }
        }
        End {
            document,
            effects: by_id,
        }
    }

    fn alike(&self, text: &str) -> String {
        text.replace(&self.event, "EVENT")
            .replace(&self.object, "OBJECT")
    }
}

/// Compares each trial with the control of its domain, which is delivered here: published at least once, marked,
/// applied and emitted exactly as the control, and nothing left in a queue.
pub(crate) fn judge(world: &World, at: i64, trials: &[Trial]) {
    let mut controls: BTreeMap<&str, End> = BTreeMap::new();
    world.see_all_of_the_bus();
    for trial in trials {
        let control = controls.entry(trial.domain).or_insert_with(|| {
            let control = Trial::of(trial.domain, "control", at);
            deliver_all(world, std::slice::from_ref(&control));
            control.end(world)
        });
        assert_eq!(control.effects.len(), 1, "{}", trial.domain);
        assert!(
            world.published(&trial.event) > 0,
            "{} was published",
            trial.name
        );
        let state = world.state(&trial.event);
        assert_eq!(state.as_deref(), Some("published"), "{}", trial.name);
        let end = trial.end(world);
        assert_eq!(end, *control, "{}", trial.name);
    }
    for domain in controls.keys() {
        eventually(&format!("an empty queue of {domain}"), || {
            (world.depth(domain) == 0).then_some(())
        });
        let dead = format!("{domain}_dead_letters");
        assert_eq!(world.depth(&dead), 0, "{dead}");
    }
}

/// Delivers each as Stripe does, many at once, until it is acknowledged; then sweeps until each is published.
pub(crate) fn deliver_all(world: &World, trials: &[Trial]) {
    const SENDERS: usize = 16;
    std::thread::scope(|scope| {
        for chunk in trials.chunks(trials.len().div_ceil(SENDERS).max(1)) {
            scope.spawn(move || {
                for trial in chunk {
                    world.deliver_until_acknowledged(&trial.body);
                }
            });
        }
    });
    let mut unpublished: Vec<_> = trials.iter().collect();
    eventually("everything published", || {
        unpublished.retain(|trial| {
            let state = world.state(&trial.event);
            if state.as_deref() == Some("lapsed") && is_unmarked(world, trial) {
                println!("{}: on the bus and not marked", trial.name);
                world.deliver_until_acknowledged(&trial.body);
            }
            state.as_deref() != Some("published")
        });
        if unpublished.is_empty() {
            return Some(());
        }
        // Some of the trials let a sweep die in the middle.
        let _ = world.try_sweep();
        std::thread::sleep(SWEEP_EVERY);
        None
    });
}

/// Whether the event is on the bus and ingest has said that neither mark nor defer got through. The ledger doesn't know
/// then, and no sweep finds it: reconcile does, and handles it like one more delivery.
fn is_unmarked(world: &World, trial: &Trial) -> bool {
    let lines = world.logged("ingest", &trial.event);
    let is_said = lines.iter().any(|line| line["code"] == "mark.failed");
    is_said && world.published(&trial.event) > 0
}

/// When the samples of a test were created: all of them at once, a little ago.
pub(crate) fn created() -> i64 {
    now_s() - 60
}

/// How often a plan is tried again for faults that haven't happened. On a slow machine a function that is cut off by
/// its deadline never reaches the intended call, and another delivery continues behind it.
const TRIES: usize = 8;

/// Runs a plan, and repeats with new events those of its trials that have a rule which hasn't fired. `make` makes
/// trials and rules, the same ones each time except for their ids; `run` returns which of its rules haven't fired.
pub(crate) fn until_all_has_happened(
    make: impl Fn() -> (Vec<Trial>, Vec<Value>),
    run: impl Fn(&[Trial], &[Value]) -> Vec<Value>,
) {
    let mut wanted: Option<BTreeSet<usize>> = None;
    for _ in 0..TRIES {
        let (mut trials, rules) = make();
        let texts: Vec<_> = rules.iter().map(Value::to_string).collect();
        let aims_at = |place: usize, trial: &Trial| {
            texts[place].contains(&trial.event) || texts[place].contains(&trial.object)
        };
        let all = 0..rules.len();
        if let Some(wanted) = &wanted {
            let first = trials.first().cloned();
            trials.retain(|trial| wanted.iter().any(|place| aims_at(*place, trial)));
            if trials.is_empty() {
                // A rule that isn't aimed at an event still needs one.
                trials.extend(first);
            }
        }
        let is_used = |place: &usize| {
            let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(place));
            is_wanted || trials.iter().any(|trial| aims_at(*place, trial))
        };
        let used: Vec<_> = all.filter(is_used).collect();
        let given: Vec<_> = used.iter().map(|place| rules[*place].clone()).collect();
        let silent = run(&trials, &given);
        let left: BTreeSet<_> = used
            .into_iter()
            .filter(|place| silent.contains(&rules[*place]))
            .collect();
        if left.is_empty() {
            return;
        }
        println!("not yet: {silent:#?}");
        wanted = Some(left);
    }
    panic!("{TRIES} times something never happened");
}
