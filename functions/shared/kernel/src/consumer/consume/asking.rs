//! What Stripe is asked about an event's object: facts that the event doesn't contain, and which state is the last.

use super::observation::Observation;
use crate::clock::Clock;
use crate::code;
use crate::consumer::fetch::{self, Fetch, Fetched, Objects, Time};
use crate::consumer::order::candidate::Candidate;
use crate::consumer::order::evidence::Evidence;
use crate::domain::{Domain, Lacks};
use crate::effects::effect::Fact;
use crate::event::Event;
use crate::fault::{Fault, Pace};
use crate::queue;

/// The longest wait for a tie's second to pass.
const WAIT_S_MAX: i64 = 2;

/// Asks Stripe for the object of an event that doesn't say what happened to it. `None` without a key, and if the object
/// can't be fetched any more.
pub(super) async fn fetch_facts<D: Domain>(
    objects: &impl Objects,
    time: Time<'_, impl Clock>,
    event: &Event,
    observation: &Observation<'_, D::State>,
) -> Result<Option<(Candidate<D::State>, Vec<Fact>)>, Fault> {
    let Some(fetch) = Fetch::of_snapshot(event) else {
        return Ok(None);
    };
    let fetch = fetch.within(observation.context);
    if !time.is_enough_to_fetch(0) {
        return Err(queue::no_time());
    }
    match objects.fetch(&fetch).await {
        Ok(Fetched::Spent { wait_ms }) => Err(spent(wait_ms)),
        // Waiting would not help the message.
        Err(fault) if fetch::is_of_one_object(&fault) => Ok(None),
        Err(fault) => Err(fault),
        Ok(fetched) => {
            let found = found::<D>(event, &observation.object, fetched)?;
            let whole = found.filter(|found| !found.lacks_facts);
            Ok(whole.map(|found| (found.candidate, found.facts)))
        }
    }
}

pub(super) fn spent(wait_ms: u64) -> Fault {
    let fault = Fault::retry(code::STRIPE_BUDGET_SPENT, "no fetch is left for now");
    // Our own shared budget: it refills at the time it names.
    fault.with_delay(wait_ms).paced(Pace::Contention)
}

/// The result of asking about an object.
pub(super) enum Settled<S> {
    Found(Candidate<S>),
    /// There is no key to ask with.
    NoKey,
    /// The answer says nothing about the object's state.
    Nothing,
}

/// Asks Stripe for the object's current state. Gives nothing or a fault if that doesn't help: a tie never waits for a
/// fetch and never fails because of one. Its choice is the same in any order and says that it is a choice, and a later
/// event or check corrects it. The fault's code is recorded.
pub(super) async fn resolve_tie<D: Domain>(
    objects: &impl Objects,
    event: &Event,
    observation: &Observation<'_, D::State>,
) -> Result<Settled<D::State>, Fault> {
    let Some(fetch) = Fetch::of_snapshot(event) else {
        return Ok(Settled::Nothing);
    };
    let fetched = objects.fetch(&fetch.within(observation.context)).await?;
    if fetched == Fetched::NoKey {
        return Ok(Settled::NoKey);
    }
    let found = found::<D>(event, &observation.object, fetched)?;
    Ok(found.map_or(Settled::Nothing, |found| Settled::Found(found.candidate)))
}

/// An object as Stripe has it.
pub(super) struct Found<S> {
    pub(super) candidate: Candidate<S>,
    facts: Vec<Fact>,
    /// Stripe didn't show what the facts need: the key may not be allowed to read it.
    lacks_facts: bool,
}

/// What Stripe's answer says about an event's object, and what it says happened. `None` if the answer isn't the object,
/// or is another object.
pub(super) fn found<D: Domain>(
    event: &Event,
    object: &str,
    fetched: Fetched,
) -> Result<Option<Found<D::State>>, Fault> {
    let Fetched::Found {
        object: shown,
        whole,
        api_version,
        date_s,
        took_ms,
    } = fetched
    else {
        // A deletion has an event of its own, which is terminal.
        return Ok(None);
    };
    let as_is = Event {
        object: whole.unwrap_or_else(|| shown.clone()),
        api_version: api_version.clone(),
        previous_attributes: None,
        ..event.clone()
    };
    let projected = D::project(&as_is)?;
    if projected.object != object {
        return Ok(None);
    }
    let facts = D::facts(&as_is)?;
    let version = api_version.as_deref();
    Ok(Some(Found {
        candidate: Candidate::fetched(&shown, version, date_s, took_ms, projected),
        facts,
        lacks_facts: D::lacks(&as_is) == Lacks::Facts,
    }))
}

/// A fetch within the tie's own second may have come before its last event. So the next fetch waits until that second
/// has passed, by the clock of the fetch's answer.
pub(super) fn wait_ms<S: Clone + PartialEq>(
    evidence: &Evidence<S>,
    fetched: &[Candidate<S>],
) -> u64 {
    fetched.last().map_or(0, |last| {
        let behind_s = (evidence.second() + 1 - last.source.from()).clamp(0, WAIT_S_MAX);
        u64::try_from(behind_s * 1_000).unwrap_or(0)
    })
}
