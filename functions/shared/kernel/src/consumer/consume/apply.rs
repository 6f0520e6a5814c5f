//! read → apply → emit → clear, of what a message says of its object.

use super::asking::{Settled, settle, wait_ms};
use super::item::{Place, contended, emit_pending, read, write};
use super::observation::{Told, is_contradicted, is_partial};
use super::{CONFLICTS_MAX, CONTRADICTED, Consumed, DRIFTED, FETCHES_MAX, PARTIAL, Ports, ties};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::consumer::fetch::{Objects, Time};
use crate::consumer::order::candidate::Candidate;
use crate::consumer::order::evidence::Evidence;
use crate::consumer::projection::{self, Input, Projections};
use crate::delivery::ledger::Bodies;
use crate::domain::Domain;
use crate::event::Event;
use crate::fault::Fault;
use crate::outcome::{Drift, Remark};

pub(super) async fn apply<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    time: Time<'_, impl Clock>,
    event: &Event,
    told: &Told<'_, D::State>,
) -> Result<Consumed, Fault> {
    let key = projection::key(&event.scope, &told.object);
    let owner = told.owner.as_deref();
    let owner = owner.map(|owner| projection::owner_key(&event.scope, owner));
    let place = Place {
        key: &key,
        owner: owner.as_deref(),
    };
    let mut fetched = Vec::new();
    let mut note = None;
    let mut has_key = true;
    for _ in 0..CONFLICTS_MAX {
        let before_ms = time.clock.now_ms();
        let (item, version) = read::<D>(ports.projections, &key).await?;
        let mut evidence = match &item {
            Some(item) => item.evidence.add(told.candidate.clone()),
            None => Evidence::of(told.candidate.clone()),
        };
        for candidate in &fetched {
            evidence = evidence.add(Candidate::clone(candidate));
        }
        let is_news = item.as_ref().is_none_or(|item| item.evidence != evidence);
        while is_news
            && fetched.len() < FETCHES_MAX
            && (!evidence.head().is_decided() || is_partial(&evidence, event, told))
        {
            let wait_ms = wait_ms(&evidence, &fetched);
            if !time.is_enough_to_fetch(wait_ms) {
                break;
            }
            if wait_ms > 0 {
                time.clock.sleep_ms(wait_ms).await;
            }
            match settle::<D>(ports.objects, event, told).await {
                Ok(Settled::Found(candidate)) => {
                    evidence = evidence.add(candidate.clone());
                    fetched.push(candidate);
                }
                Ok(Settled::NoKey) => {
                    has_key = false;
                    break;
                }
                Ok(Settled::Nothing) => break,
                Err(fault) => {
                    note = Some(fault.code);
                    break;
                }
            }
        }
        let is_guess = !evidence.head().is_decided();
        let is_partial = is_partial(&evidence, event, told);
        let had = item.as_ref().map(|item| item.evidence.head());
        let differs = had
            .as_ref()
            .is_none_or(|head| head.state() != evidence.head().state());
        let resolves = ties::resolves::<D>(had.as_ref(), &evidence.head(), told.is_check);
        // What was known in part and is completed hasn't drifted.
        let drifts = differs && had.is_none_or(|head| D::is_whole(head.state()));
        let contradicts = is_contradicted(item.as_ref(), &fetched, told);
        let input = Input::<D> {
            event,
            manner: told.manner,
            evidence,
            facts: &told.facts,
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
        let at_ms = time.clock.now_ms();
        let mut remarks = Vec::new();
        // A part that nobody can ask about stays one until there is a key, and then a rebuild asks for all.
        if is_guess || (is_partial && is_news && has_key) {
            remarks.extend(ties::noted::<D>(event, &told.object, at_ms));
        } else if resolves {
            remarks.push(ties::resolved::<D>(&event.scope, &told.object, before_ms));
        }
        if contradicts || (told.is_check && drifts) {
            remarks.push(drift::<D>(event, &told.object, at_ms));
        }
        let mut kinds = Vec::new();
        if let Some(item) = item.filter(|item| !item.pending.is_empty()) {
            kinds.extend(item.pending.iter().map(|effect| effect.kind.clone()));
            let ports = (ports.projections, ports.bus);
            emit_pending::<D>(ports, place, version, item, told.traceparent).await?;
        }
        return Ok(Consumed {
            outcome: step.outcome,
            emitted: kinds,
            note: match told.is_check && drifts {
                _ if step.facts_dropped > 0 => Some(projection::TOO_MANY_FACTS),
                _ if contradicts => Some(CONTRADICTED),
                true => Some(DRIFTED),
                false if is_guess && is_news => Some(note.unwrap_or("order.tie_unresolved")),
                false if is_partial && is_news => Some(note.unwrap_or(PARTIAL)),
                false => None,
            },
            remarks,
        });
    }
    Err(contended())
}

fn drift<D: Domain>(event: &Event, object: &str, at_ms: i64) -> Remark {
    Remark::Drift(Drift {
        scope: event.scope.clone(),
        domain: D::NAME,
        object: object.to_owned(),
        at_ms,
    })
}
