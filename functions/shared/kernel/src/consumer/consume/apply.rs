//! Applies what a message says about its object: read → apply → emit → clear.
//!
//! [`gather`] collects the stored evidence and Stripe's answers, and [`Findings`] says what they show. [`apply`] writes
//! the item at the version that was read. If another write was first, all of it is repeated.

use super::asking::{Settled, resolve_tie, wait_ms};
use super::item::{Place, contended, emit_pending, read, write};
use super::observation::{Observation, is_contradicted, is_partial};
use super::{CONFLICTS_MAX, Consumed, FETCHES_MAX, Ports, ties};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::code::{self, Code};
use crate::consumer::fetch::{Objects, Time};
use crate::consumer::order::candidate::Candidate;
use crate::consumer::order::evidence::Evidence;
use crate::consumer::projection::{self, Input, Item, Projections};
use crate::delivery::ledger::Bodies;
use crate::domain::Domain;
use crate::event::Event;
use crate::fault::Fault;
use crate::outcome::{Drift, Finding};

pub(super) async fn apply<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    time: Time<'_, impl Clock>,
    event: &Event,
    observation: &Observation<'_, D::State>,
) -> Result<Consumed, Fault> {
    let key = projection::key(&event.scope, &observation.object);
    let owner = observation.owner.as_deref();
    let owner = owner.map(|owner| projection::owner_key(&event.scope, owner));
    let place = Place {
        key: &key,
        owner: owner.as_deref(),
    };
    let mut asked = Asked::default();
    for _ in 0..CONFLICTS_MAX {
        let before_ms = time.clock.now_ms();
        let (item, version) = read::<D>(ports.projections, &key).await?;
        let objects = ports.objects;
        let gathered =
            gather::<D>(objects, time, event, observation, item.as_ref(), &mut asked).await;
        let found = Findings::of::<D>(event, observation, item.as_ref(), &gathered, &asked);
        let input = Input::<D> {
            event,
            mode: observation.mode,
            evidence: gathered.evidence,
            facts: &observation.facts,
            settings: ports.settings,
            now_ms: time.clock.now_ms(),
        };
        let step = projection::step(item.as_ref(), version, input);
        let (item, version) = match step.write {
            None => (item, version),
            Some(item) => {
                if !write(ports.projections, place, version, &item).await? {
                    continue;
                }
                (Some(item), version + 1)
            }
        };
        let period_ms = (before_ms, time.clock.now_ms());
        let remarks = found.remarks::<D>(event, &observation.object, asked.lacks_key, period_ms);
        let mut emitted = Vec::new();
        if let Some(item) = item.filter(|item| !item.pending.is_empty()) {
            emitted.extend(item.pending.iter().map(|effect| effect.kind.clone()));
            let ports = (ports.projections, ports.bus);
            emit_pending::<D>(ports, place, version, item, observation.traceparent).await?;
        }
        return Ok(Consumed {
            outcome: step.outcome,
            remarks,
            note: match step.facts_dropped > 0 {
                true => Some(code::PROJECTION_TOO_MANY_FACTS),
                false => found.note(asked.fault),
            },
            emitted,
        });
    }
    Err(contended())
}

/// What Stripe was asked for one message, however often its write conflicted.
struct Asked<S> {
    fetched: Vec<Candidate<S>>,
    /// The code of a fault that prevented an answer.
    fault: Option<Code>,
    lacks_key: bool,
}

impl<S> Default for Asked<S> {
    fn default() -> Self {
        Self {
            fetched: Vec::new(),
            fault: None,
            lacks_key: false,
        }
    }
}

/// The item's evidence with the message's content, and with Stripe's answers if that is undecided or partial.
async fn gather<D: Domain>(
    objects: &impl Objects,
    time: Time<'_, impl Clock>,
    event: &Event,
    observation: &Observation<'_, D::State>,
    item: Option<&Item<D::State>>,
    asked: &mut Asked<D::State>,
) -> Gathered<D::State> {
    let mut evidence = match item {
        Some(item) => item.evidence.add(observation.candidate.clone()),
        None => Evidence::of(observation.candidate.clone()),
    };
    for candidate in &asked.fetched {
        evidence = evidence.add(Candidate::clone(candidate));
    }
    let is_news = item.is_none_or(|item| item.evidence != evidence);
    while is_news
        && asked.fetched.len() < FETCHES_MAX
        && (!evidence.head().is_decided() || is_partial(&evidence, event, observation))
    {
        let wait_ms = wait_ms(&evidence, &asked.fetched);
        if !time.is_enough_to_fetch(wait_ms) {
            break;
        }
        if wait_ms > 0 {
            time.clock.sleep_ms(wait_ms).await;
        }
        match resolve_tie::<D>(objects, event, observation).await {
            Ok(Settled::Found(candidate)) => {
                evidence = evidence.add(candidate.clone());
                asked.fetched.push(candidate);
            }
            Ok(Settled::NoKey) => {
                asked.lacks_key = true;
                break;
            }
            Ok(Settled::Nothing) => break,
            Err(fault) => {
                asked.fault = Some(fault.code);
                break;
            }
        }
    }
    Gathered { evidence, is_news }
}

/// An object's evidence with a message added.
struct Gathered<S> {
    evidence: Evidence<S>,
    /// The message added something to the evidence.
    is_news: bool,
}

/// What a message's evidence shows about its object, beside the state.
struct Findings {
    is_news: bool,
    is_guess: bool,
    is_partial: bool,
    /// A tie that the object may have had is resolved.
    resolves: bool,
    /// A check found a state other than the stored one.
    drifts: bool,
    contradicts: bool,
}

impl Findings {
    fn of<D: Domain>(
        event: &Event,
        observation: &Observation<'_, D::State>,
        item: Option<&Item<D::State>>,
        Gathered { evidence, is_news }: &Gathered<D::State>,
        asked: &Asked<D::State>,
    ) -> Self {
        let head = evidence.head();
        let had = item.map(|item| item.evidence.head());
        let differs = had.as_ref().is_none_or(|had| had.state() != head.state());
        let resolves = ties::resolves::<D>(had.as_ref(), &head, observation.is_check);
        // A partial state that is completed hasn't drifted.
        let drifts = differs && had.is_none_or(|had| D::is_whole(had.state()));
        Self {
            is_news: *is_news,
            is_guess: !head.is_decided(),
            is_partial: is_partial(evidence, event, observation),
            resolves,
            drifts: observation.is_check && drifts,
            contradicts: is_contradicted(item, &asked.fetched, observation),
        }
    }

    /// What reconcile and operators have to know about the object, as read after `before_ms` and written before
    /// `at_ms`.
    fn remarks<D: Domain>(
        &self,
        event: &Event,
        object: &str,
        lacks_key: bool,
        (before_ms, at_ms): (i64, i64),
    ) -> Vec<Finding> {
        let mut remarks = Vec::new();
        // Without a key, a partial state stays partial. Once there is a key, a rebuild asks for all of them.
        if self.is_guess || (self.is_partial && self.is_news && !lacks_key) {
            remarks.extend(ties::noted::<D>(event, object, at_ms));
        } else if self.resolves {
            remarks.push(ties::resolved::<D>(&event.scope, object, before_ms));
        }
        if self.contradicts || self.drifts {
            remarks.push(drift::<D>(event, object, at_ms));
        }
        remarks
    }

    /// The code for the log; `fault` says why Stripe gave no answer.
    fn note(&self, fault: Option<Code>) -> Option<Code> {
        if self.contradicts {
            Some(code::CHECK_TERMINAL_CONTRADICTED)
        } else if self.drifts {
            Some(code::CHECK_DRIFTED)
        } else if self.is_guess && self.is_news {
            Some(fault.unwrap_or(code::ORDER_TIE_UNRESOLVED))
        } else if self.is_partial && self.is_news {
            Some(fault.unwrap_or(code::OBJECT_PARTIAL))
        } else {
            None
        }
    }
}

fn drift<D: Domain>(event: &Event, object: &str, at_ms: i64) -> Finding {
    Finding::Drift(Drift {
        scope: event.scope.clone(),
        domain: D::NAME,
        object: object.to_owned(),
        at_ms,
    })
}
