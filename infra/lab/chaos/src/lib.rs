//! Chaos: a simulated Stripe delivers to the functions as deployed on the local AWS while everything that can fail
//! does. Then all faults stop, everything drains, and the result is compared with what Stripe has.
//!
//! # Layout
//! - [`plan`]: what a run does, as a function of its seed. [`faults`]: the kinds of fault, and how each is made.
//! - `calls`: what operators do meanwhile, also as a function of the seed. [`operator`]: makes the calls.
//! - [`setup`]: starts the stack and the simulated Stripe for a run.
//! - `witness`: listens on the bus, and receives effects as a user's function does.
//! - `truth`: the expected result. [`judge`]: the comparison. `tables`: what is in the stack's tables.
//! - [`report`]: the table.
//!
//! # What is shown
//! Every delivery goes over HTTP through ingest. Every function is the real binary, and a kill is an abort of its
//! process. Three operators import, rebuild and reconcile beside the traffic with the operator's program; it is killed
//! and refused too. A run without a finding has lost nothing, doubled nothing, and has every object as Stripe has it.
//!
//! # What isn't
//! The local AWS keeps what it accepted and is fair; the bus delivers each event to each rule once. A function's code
//! isn't interrupted between two AWS calls. Messages are retried sooner than on AWS ([`setup::PARAMETERS`] says by
//! what), and Stripe's days are seconds. Stripe's own time takes a step with each round, and passes by the second
//! within it: its API shows objects as they are at the last event that the round sends, or up to days later. Events
//! that Stripe fails to generate are left out: no endpoint could have acknowledged them.

mod calls;
pub mod faults;
pub mod judge;
pub mod operator;
pub mod plan;
pub mod report;
pub mod setup;
mod tables;
mod truth;
mod witness;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_local::aws::Aws;
use sluice_local::contents::{depth, messages};
use sluice_local::problem::Problem;
use sluice_local::stack;
use sluice_stripe_sim::Occurrence;
use sluice_stripe_sim::delivery::{Outage, Outcome, Run};
use sluice_stripe_sim::server::Refusal;

use calls::{Calls, OPERATORS};
use faults::{API_REFUSALS, Kind};
use judge::{End, Findings};
use operator::{Operated, Operator, Program};
use plan::{Options, Round};
use report::Report;
use setup::Setup;
use tables::{EntryEnd, Tables};
use truth::Truth;
use witness::Witness;

/// The longest wait for Stripe's retries after the last round, in seconds: its three days, and room for a slow machine.
const SETTLE_MAX: Duration = Duration::from_secs(400);

/// The longest wait after that for the queues and tables to come to rest.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// The most time that a round may take if deliveries lag behind, as a multiple of its plan.
const LATER_MAX: u32 = 10;

/// How often progress is reported during a run.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// How often sweep runs beside its schedule: a minute is long in a run of minutes.
const SWEEP_EVERY: Duration = Duration::from_secs(2);

/// Runs a plan on a stack of its own. `progress` gets what happens.
///
/// # Errors
/// If the run can't be made at all. What goes wrong in it is in the report.
pub fn run(
    options: &Options,
    local: stack::Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Report, Problem> {
    let root = local.root.clone();
    let mut setup = Setup::up(options, local, progress)?;
    let program = Program::built(&root, &setup.stack)?;
    let kinds = program.kinds()?;
    let witness = Witness::on(&setup.stack)?;
    let mut deliveries = setup.deliveries(options.seed)?;
    let rounds = plan::rounds(options);
    let scopes = setup.scopes();
    let (over, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let aws = setup.stack.aws().clone();
    let sweep = setup
        .stack
        .info()
        .functions
        .get("sweep")
        .cloned()
        .unwrap_or_default();
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| sweep_on(&aws, &sweep, &over));
        let operate = |number| {
            let kills = !options.kinds.is_empty();
            let calls = Calls::of(options.seed, number, &scopes, &kinds, kills);
            let operator = Operator {
                program: &program,
                number,
                is_over: &is_over,
            };
            scope.spawn(move || operator.work(calls))
        };
        let operators = Operators {
            kinds: &kinds,
            is_over: &is_over,
            at_work: (0..OPERATORS).map(operate).collect(),
        };
        let ran = deliver_and_drain(
            options,
            &mut setup,
            &witness,
            &mut deliveries,
            &rounds,
            operators,
            progress,
        );
        over.store(true, Ordering::Relaxed);
        is_over.store(true, Ordering::Relaxed);
        // A panic there is a failed sweep, and the tables show it.
        let _ = sweeper.join();
        ran
    })
}

/// The operators that work beside the traffic.
struct Operators<'scope, 'env> {
    /// What they can import.
    kinds: &'env [String],
    is_over: &'env AtomicBool,
    at_work: Vec<ScopedJoinHandle<'scope, Operated>>,
}

impl Operators<'_, '_> {
    /// Waits until each has finished its last call.
    fn end(self) -> Operated {
        let mut operated = Operated::default();
        for one in self.at_work {
            let ended = one.join().unwrap_or_else(|_| Operated {
                unfinished: vec!["an operator panicked".to_owned()],
                ..Operated::default()
            });
            operated.add(ended);
        }
        operated
    }
}

/// Sweeps again and again. A run of it may be killed.
fn sweep_on(aws: &Aws, function: &str, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let _ = aws.invoke(function, &json!({}));
        std::thread::sleep(SWEEP_EVERY);
    }
}

fn deliver_and_drain(
    options: &Options,
    setup: &mut Setup,
    witness: &Witness,
    deliveries: &mut Run,
    rounds: &[Round],
    operators: Operators<'_, '_>,
    progress: &mut dyn FnMut(&str),
) -> Result<Report, Problem> {
    let begun = Instant::now();
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut now_s = setup.opened_s;
    for (number, round) in rounds.iter().enumerate() {
        let names: Vec<_> = round.kinds.iter().map(|kind| kind.name()).collect();
        progress(&format!(
            "round {} of {}: {}",
            number + 1,
            rounds.len(),
            names.join(", ")
        ));
        let wire = begin(options.seed, number, round, setup, deliveries, &mut counts)?;
        let until_s = setup.second_of(round.events_until, options.events);
        now_s = now_s.max(until_s.saturating_add(round.ahead_s));
        // The last of all events is followed by the world's end.
        let end_s = setup.stripe.world().end();
        setup.stripe.run_from(now_s.min(end_s));
        let seconds = setup.opened_s..until_s;
        deliveries.send_of(&setup.stripe.world(), seconds, round.mix, round.pace);
        let ends = Instant::now() + round.lasts;
        let latest = ends + round.lasts * LATER_MAX;
        // On a slow machine a round lasts longer, so that its faults meet its deliveries.
        while Instant::now() < ends || (lags(deliveries) && Instant::now() < latest) {
            let left = ends.saturating_duration_since(Instant::now());
            std::thread::sleep(SAY_EVERY.min(left.max(Duration::from_secs(1))));
            setup.stack.still_up()?;
            progress(&said(deliveries, witness));
        }
        end(setup, &wire, &mut counts)?;
    }
    progress("traffic and faults stop");
    if let Some(faults) = setup.stack.client_faults() {
        faults.clear()?;
    }
    let delivering = begun.elapsed();
    let stopped = Instant::now();
    operators.is_over.store(true, Ordering::Relaxed);
    settle(deliveries, witness, progress);
    progress("operators end their last calls");
    let kinds = operators.kinds;
    let operated = operators.end();
    drain(setup, witness, progress)?;
    let draining = stopped.elapsed();
    count_clients(setup, &mut counts)?;
    for post in deliveries.take_posts() {
        if let Some(kind) = Kind::of_post(&post.answered) {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let mut report = gather(setup, witness, deliveries, operated, kinds)?;
    report.seed = options.seed;
    report.faults = counts;
    (report.delivering, report.draining) = (delivering, draining);
    Ok(report)
}

/// Whether a fifth or more of what was planned up to now isn't acknowledged.
fn lags(deliveries: &Run) -> bool {
    let tally = deliveries.tally();
    tally.acknowledged * 5 < tally.events * 4
}

/// Begins a round's faults. Returns the kind of each rule on the wire, in order.
fn begin(
    seed: u64,
    number: usize,
    round: &Round,
    setup: &mut Setup,
    deliveries: &Run,
    counts: &mut BTreeMap<Kind, usize>,
) -> Result<Vec<Kind>, Problem> {
    let mut wire = Vec::new();
    let (mut wire_rules, mut client_rules) = (Vec::new(), Vec::new());
    let mut share: u8 = 0;
    for kind in &round.kinds {
        for rule in kind.wire_rules() {
            wire.push(*kind);
            wire_rules.push(rule);
        }
        client_rules.extend(kind.client_rules(seed, number));
        if let Some((how, percent, begins, lasts)) = kind.outage(round.lasts) {
            // One draw decides about all of a delivery's outages, and the first that it hits counts: shares are added
            // up.
            share = share.saturating_add(percent).min(100);
            let now = deliveries.now();
            let from = now.saturating_add(setup::stripe_time(begins));
            let until = from.saturating_add(setup::stripe_time(lasts));
            let outage = Outage {
                percent: share,
                ..Outage::whole(from, until, how)
            };
            for name in setup::endpoints() {
                let added = deliveries.add_outage(name, outage);
                added.map_err(|error| Problem::process("the simulated Stripe", error))?;
            }
        }
        let refusal = match kind {
            Kind::ApiLimited => Some(Refusal::rate_limited(1, "global-rate")),
            Kind::ApiFailed => Some(Refusal::broken(500)),
            _ => None,
        };
        if let Some(refusal) = refusal {
            setup.stripe.refuse_next(API_REFUSALS, &refusal);
        }
        if *kind == Kind::SecretRolled {
            setup.roll(deliveries, number)?;
            *counts.entry(*kind).or_default() += 1;
        }
    }
    if let Some(faults) = setup.stack.faults() {
        faults.set(&Value::Array(wire_rules))?;
    }
    if let Some(faults) = setup.stack.client_faults() {
        faults.set(&Value::Array(client_rules))?;
    }
    Ok(wire)
}

/// Ends a round's faults on the wire and of Stripe's API, and counts those on the wire.
fn end(setup: &Setup, wire: &[Kind], counts: &mut BTreeMap<Kind, usize>) -> Result<(), Problem> {
    setup.stripe.refuse_no_more();
    let Some(faults) = setup.stack.faults() else {
        return Ok(());
    };
    for (kind, fired) in wire.iter().zip(faults.counts()?) {
        *counts.entry(*kind).or_default() += usize::try_from(fired).unwrap_or_default();
    }
    faults.clear()
}

/// Counts everything that the clients did, and what Stripe's API refused.
fn count_clients(setup: &Setup, counts: &mut BTreeMap<Kind, usize>) -> Result<(), Problem> {
    if let Some(faults) = setup.stack.client_faults() {
        for fired in faults.fired()? {
            if let Some(kind) = fired["did"].as_str().and_then(Kind::of_client) {
                *counts.entry(kind).or_default() += 1;
            }
        }
    }
    for asked in setup.stripe.take_asked() {
        let kind = match asked.status {
            429 => Kind::ApiLimited,
            500 => Kind::ApiFailed,
            _ => continue,
        };
        *counts.entry(kind).or_default() += 1;
    }
    Ok(())
}

fn said(deliveries: &Run, witness: &Witness) -> String {
    let (tally, seen) = (deliveries.tally(), witness.seen());
    format!(
        "  {} of {} acknowledged after {} deliveries; on the bus {} events, {} effects",
        tally.acknowledged,
        tally.events,
        tally.posts,
        seen.events.len(),
        seen.emitted
    )
}

/// Waits for Stripe's own retries.
fn settle(deliveries: &Run, witness: &Witness, progress: &mut dyn FnMut(&str)) {
    let until = Instant::now() + SETTLE_MAX;
    while !deliveries.settle(SAY_EVERY) && Instant::now() < until {
        progress(&said(deliveries, witness));
    }
}

/// Sweeps and reconciles until nothing is left to do.
fn drain(
    setup: &mut Setup,
    witness: &Witness,
    progress: &mut dyn FnMut(&str),
) -> Result<(), Problem> {
    let until = Instant::now() + DRAIN_MAX;
    let reconcile = setup
        .stack
        .info()
        .functions
        .get("reconcile")
        .cloned()
        .unwrap_or_default();
    let mut quiet = 0;
    let mut said: Option<Instant> = None;
    loop {
        let mut say = |line: String| {
            if said.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
                progress(&line);
                said = Some(Instant::now());
            }
        };
        let tables = Tables {
            aws: setup.stack.aws(),
            info: setup.stack.info(),
        };
        let mut messages = messages(tables.aws, tables.info)?;
        messages.retain(|queue, _| !queue.ends_with("dead_letters"));
        let unread = depth(tables.aws, witness.queue())?;
        let waiting: u64 = messages.values().sum();
        if waiting + unread == 0 {
            // Ties that were left while Stripe's API refused are checked by reconcile.
            let ties = tables
                .outcomes()?
                .iter()
                .filter(|[pk, ..]| pk == "ties")
                .count();
            let (mut due, mut unmarked) = (0, 0);
            for (event, standing) in tables.ledger()? {
                match standing {
                    EntryEnd::Due => due += 1,
                    EntryEnd::Claimed if witness.seen().events.contains_key(&event) => {
                        unmarked += 1
                    }
                    EntryEnd::Claimed => due += 1,
                    EntryEnd::Published | EntryEnd::LedgerOnly => {}
                }
            }
            quiet = if ties + due == 0 { quiet + 1 } else { 0 };
            if quiet == 2 {
                return Ok(());
            }
            say(format!(
                "  draining: {ties} ties, {due} unpublished, {unmarked} published and unmarked"
            ));
            if ties > 0 {
                // If it fails, the next look runs it again.
                let _ = setup.stack.aws().invoke(&reconcile, &json!({}));
            }
            std::thread::sleep(Duration::from_millis(500));
        } else {
            quiet = 0;
            say(format!(
                "  draining: {waiting} messages, {unread} at the witness"
            ));
            std::thread::sleep(Duration::from_secs(1));
        }
        setup.stack.still_up()?;
        if Instant::now() > until {
            progress("it doesn't come to rest");
            return Ok(());
        }
    }
}

/// Gathers everything and compares.
fn gather(
    setup: &Setup,
    witness: &Witness,
    deliveries: &mut Run,
    operated: Operated,
    kinds: &[String],
) -> Result<Report, Problem> {
    let world = setup.stripe.world();
    let modes: BTreeMap<&str, bool> = world
        .events()
        .iter()
        .map(|event| (&*event.id, event.object.scope.livemode))
        .collect();
    let mut end = End {
        thin: world.events().iter().map(Occurrence::thin_id).collect(),
        unfinished: operated.unfinished.clone(),
        ..End::default()
    };
    for fate in deliveries.report().fates {
        let is_stored_only =
            setup::is_stored_only(&fate.destination, modes.get(&*fate.event).copied());
        match fate.outcome {
            Outcome::Acknowledged { .. } if is_stored_only => {}
            Outcome::Acknowledged { .. } => {
                end.acknowledged.insert(fate.event);
            }
            other => {
                let last = fate.posts.last().map(|post| format!("{:?}", post.answered));
                let story = format!(
                    "{} at {} is {}: {}",
                    fate.event,
                    fate.destination,
                    other.word(),
                    last.unwrap_or_default()
                );
                end.undelivered.push(story);
            }
        }
    }
    let tables = Tables {
        aws: setup.stack.aws(),
        info: setup.stack.info(),
    };
    end.messages = messages(tables.aws, tables.info)?;
    (end.ledger, end.outcomes) = (tables.ledger()?, tables.outcomes()?);
    for domain in sluice_domains::ALL {
        end.projections.insert(domain, tables.projections(domain)?);
    }
    let seen = witness.seen();
    let findings = match Truth::of(&world, &end.acknowledged, kinds) {
        Ok(truth) => judge::judge(&truth, &seen, &end),
        Err(refused) => Findings {
            unexplained: vec![refused],
            ..Findings::default()
        },
    };
    let tally = deliveries.tally();
    Ok(Report {
        events: world.events().len(),
        before: (world.events().iter())
            .filter(|event| event.created < setup.opened_s)
            .count(),
        deliveries: tally.posts,
        duplicates: tally.duplicates,
        retries: tally.retries,
        answers: tally.answers,
        copies: seen.events.values().filter(|copies| **copies > 1).count(),
        unmarked: end.unmarked(&seen).count(),
        emitted: seen.emitted,
        facts: seen.facts.len(),
        levels: seen.levels.len(),
        projections: end.projections.values().map(BTreeMap::len).sum(),
        imported: end.imported().count(),
        operated,
        fixed: end.outcomes.iter().filter(|[pk, ..]| pk == "drift").count(),
        findings,
        ..Report::default()
    })
}
