//! The comparison: what Stripe has, which answers it got, and what Sluice made of it.
//!
//! | | counts |
//! |---|---|
//! | lost | an acknowledged event that never was on the bus; a fact or level that no receiver heard; an object that isn't kept |
//! | doubled | a fact that was acted on twice, or that nothing calls for: the same under another id |
//! | drifted | a state, a fact's or a last level's value other than Stripe's objects imply; one id with two values |
//! | unexplained | whatever is left behind: messages, due or unpublished entries, pending or owed effects, guesses, recorded faults; a call of the operator's program that can't be carried out |
//!
//! An object without a delivered event may exist: it was imported, and has to be as Stripe has it. Receivers need no
//! level of it.
//!
//! Everything here is a pure function of the gathered data. Projections and levels are in `objects`.

mod objects;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::tables::EntryEnd;
use crate::truth::Truth;
use crate::witness::Seen;

/// What is wrong, one sentence each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Lost.
    pub lost: Vec<String>,
    /// Doubled.
    pub doubled: Vec<String>,
    /// Drifted: not as Stripe has it.
    pub drifted: Vec<String>,
    /// Left behind.
    pub unexplained: Vec<String>,
}

impl Findings {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.all().all(|(_, found)| found.is_empty())
    }

    /// All findings, under the names of the table.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        [
            ("lost", &self.lost[..]),
            ("doubled", &self.doubled),
            ("drifted", &self.drifted),
            ("unexplained", &self.unexplained),
        ]
        .into_iter()
    }
}

/// The data that was gathered at the end.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Events that were acknowledged by an endpoint that has to publish them.
    pub(crate) acknowledged: BTreeSet<String>,
    /// The thin events among them.
    pub(crate) thin: BTreeSet<String>,
    /// What Stripe still tries, or has given up.
    pub(crate) undelivered: Vec<String>,
    pub(crate) ledger: BTreeMap<String, EntryEnd>,
    /// Domain → key → document.
    pub(crate) projections: BTreeMap<&'static str, BTreeMap<String, Value>>,
    /// Messages left, by queue.
    pub(crate) messages: BTreeMap<String, u64>,
    /// Rows of the outcomes table.
    pub(crate) outcomes: Vec<[String; 4]>,
    /// Calls of the operator's program that couldn't be carried out.
    pub(crate) unfinished: Vec<String>,
}

impl End {
    /// Keys of projections that rest on no event.
    pub(crate) fn imported(&self) -> impl Iterator<Item = &String> {
        let all = self.projections.values().flatten();
        all.filter(|(_, document)| objects::is_imported(document))
            .map(|(key, _)| key)
    }

    /// Events on the bus that are only claimed in the ledger.
    pub(crate) fn unmarked<'a>(&'a self, seen: &'a Seen) -> impl Iterator<Item = &'a String> {
        let claimed = self
            .ledger
            .iter()
            .filter(|(_, standing)| **standing == EntryEnd::Claimed);
        claimed
            .map(|(event, _)| event)
            .filter(|event| seen.events.contains_key(*event))
    }
}

/// Compares.
pub(crate) fn judge(truth: &Truth, seen: &Seen, end: &End) -> Findings {
    let mut findings = Findings::default();
    events(seen, end, &mut findings);
    facts(truth, seen, end, &mut findings);
    objects::judge(truth, seen, end, &mut findings);
    left(seen, end, &mut findings);
    findings
}

fn events(seen: &Seen, end: &End, findings: &mut Findings) {
    for event in &end.acknowledged {
        if !seen.events.contains_key(event) {
            findings
                .lost
                .push(format!("{event} was acknowledged and never published"));
        }
        match end.ledger.get(event) {
            // The event is on the bus, and then neither the mark nor the request to sweep could be written: ingest's
            // answer is right. In a stack that lives longer than a run, reconcile publishes it once more and marks it.
            Some(EntryEnd::Claimed | EntryEnd::LedgerOnly) if seen.events.contains_key(event) => {}
            Some(EntryEnd::Published) => {}
            Some(other) => findings.unexplained.push(format!(
                "{event} was acknowledged and is {other:?} in the ledger"
            )),
            None => findings
                .lost
                .push(format!("{event} was acknowledged and isn't in the ledger")),
        }
    }
    let known = |event: &&String| !end.acknowledged.contains(*event);
    for event in seen.events.keys().filter(known) {
        findings
            .unexplained
            .push(format!("{event} was published and never acknowledged"));
    }
    findings.unexplained.extend(end.undelivered.iter().cloned());
}

fn facts(truth: &Truth, seen: &Seen, end: &End, findings: &mut Findings) {
    for (id, says) in &truth.facts {
        match seen.facts.get(id).and_then(|all| all.first()) {
            None => findings
                .lost
                .push(format!("the fact {id} reached no receiver")),
            // A thin event's object is fetched, and may have changed since: the fact is the same, its details may
            // differ.
            Some(first) if !end.thin.contains(&first.event) && first.data != *says => {
                findings.drifted.push(format!(
                    "the fact {id} says {} instead of {says}",
                    first.data
                ));
            }
            Some(_) => {}
        }
    }
    for (id, all) in &seen.facts {
        if all.len() > 1 {
            findings
                .doubled
                .push(format!("the fact {id} was acted on {} times", all.len()));
        }
        if !truth.facts.contains_key(id) && !truth.undelivered.facts.contains_key(id) {
            findings
                .doubled
                .push(format!("nothing calls for the fact {id}"));
        }
    }
    for id in &seen.contradictions {
        findings
            .drifted
            .push(format!("{id} was emitted with two values"));
    }
}

fn left(seen: &Seen, end: &End, findings: &mut Findings) {
    let unexplained = &mut findings.unexplained;
    for (event, standing) in &end.ledger {
        if matches!(standing, EntryEnd::Due | EntryEnd::Claimed)
            && !end.acknowledged.contains(event)
        {
            unexplained.push(format!("{event} is {standing:?} in the ledger"));
        }
    }
    for (queue, messages) in &end.messages {
        unexplained.push(format!("{messages} messages in the queue {queue}"));
    }
    for [pk, sk, outcome, code] in &end.outcomes {
        // Drift that a check found and corrected is explained by its record; so is a failure that succeeded later. The
        // program itself has said whether a run of it completed.
        let of_runs = ["import#", "rebuild#", "reconcile#"];
        let is_run = pk == "runs" || of_runs.iter().any(|kind| pk.starts_with(kind));
        let is_explained =
            pk == "drift" || is_run || !matches!(outcome.as_str(), "rejected" | "failing" | "");
        if !is_explained {
            unexplained.push(format!("{sk} of {pk} is recorded: {outcome} {code}"));
        }
    }
    unexplained.extend(end.unfinished.iter().cloned());
    unexplained.extend(
        seen.unreadable
            .iter()
            .map(|what| format!("a message on the bus can't be received: {what}")),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_kernel::effects::receive::Effect;

    use super::*;
    use crate::truth::Rendering;

    pub(super) fn effect(key: Option<&str>, data: Value) -> Effect {
        let mut effect: Effect = serde_json::from_value(json!({
            "id": "id", "account": null, "livemode": false, "object": "o", "event": "evt_1", "created": 1, "data": data,
        }))
        .expect("an effect");
        effect.key = key.map(str::to_owned);
        effect
    }

    /// A world in which everything succeeded.
    pub(super) fn right() -> (Truth, Seen, End) {
        let (mut truth, mut seen, mut end) = (Truth::default(), Seen::default(), End::default());
        truth.facts.insert("f".to_owned(), json!(1));
        seen.facts
            .insert("f".to_owned(), vec![effect(None, json!(1))]);
        let rendering = Rendering {
            state: json!({ "status": "paid" }),
            levels: [("l".to_owned(), (json!(2), None))].into(),
        };
        let objects = truth.objects.entry("payments").or_default();
        objects.insert("k".to_owned(), vec![rendering]);
        seen.levels
            .insert("l".to_owned(), effect(Some("l"), json!(2)));
        let document = json!({ "state": { "status": "paid" } });
        end.projections
            .entry("payments")
            .or_default()
            .insert("k".to_owned(), document);
        end.acknowledged.insert("evt_1".to_owned());
        end.ledger.insert("evt_1".to_owned(), EntryEnd::Published);
        seen.events.insert("evt_1".to_owned(), 2);
        (truth, seen, end)
    }

    pub(super) fn found(change: impl FnOnce(&mut Truth, &mut Seen, &mut End)) -> [usize; 4] {
        let (mut truth, mut seen, mut end) = right();
        change(&mut truth, &mut seen, &mut end);
        let findings = judge(&truth, &seen, &end);
        let counts: Vec<_> = findings.all().map(|(_, found)| found.len()).collect();
        counts.try_into().expect("four")
    }

    #[test]
    fn where_all_is_as_it_should_be_nothing_is_found_whatever_the_bus_repeated() {
        assert_eq!(found(|_, _, _| {}), [0; 4]);
    }

    #[test]
    fn what_is_gone_is_lost() {
        assert_eq!(found(|_, seen, _| seen.events.clear()), [1, 0, 0, 0]);
        assert_eq!(found(|_, seen, _| seen.facts.clear()), [1, 0, 0, 0]);
        assert_eq!(found(|_, seen, _| seen.levels.clear()), [1, 0, 0, 0]);
        assert_eq!(found(|_, _, end| end.projections.clear()), [1, 0, 0, 0]);
        assert_eq!(found(|_, _, end| end.ledger.clear()), [1, 0, 0, 0]);
    }

    #[test]
    fn what_takes_effect_twice_is_doubled_under_its_own_id_or_another() {
        let again = |_: &mut Truth, seen: &mut Seen, _: &mut End| {
            let facts = seen.facts.values_mut();
            facts.for_each(|all| all.push(effect(None, json!(1))));
        };
        assert_eq!(found(again), [0, 1, 0, 0]);
        let other = |_: &mut Truth, seen: &mut Seen, _: &mut End| {
            seen.facts
                .insert("g".to_owned(), vec![effect(None, json!(1))]);
        };
        assert_eq!(found(other), [0, 1, 0, 0]);
    }

    #[test]
    fn what_is_other_than_stripe_has_it_has_drifted() {
        let fact = |truth: &mut Truth, _: &mut Seen, _: &mut End| {
            truth.facts.insert("f".to_owned(), json!(7));
        };
        assert_eq!(found(fact), [0, 0, 1, 0]);
        assert_eq!(
            found(|_, seen, _| seen.contradictions.push("l#1".to_owned())),
            [0, 0, 1, 0]
        );
    }

    #[test]
    fn what_is_left_behind_is_unexplained() {
        let ledger = |standing| {
            move |_: &mut Truth, _: &mut Seen, end: &mut End| {
                end.ledger.insert("evt_2".to_owned(), standing);
            }
        };
        assert_eq!(found(ledger(EntryEnd::Due)), [0, 0, 0, 1]);
        assert_eq!(found(ledger(EntryEnd::Claimed)), [0, 0, 0, 1]);
        assert_eq!(found(ledger(EntryEnd::LedgerOnly)), [0; 4]);
        // An event on the bus lacks only the mark; another event lacks everything.
        let unmarked = |_: &mut Truth, _: &mut Seen, end: &mut End| {
            end.ledger.insert("evt_1".to_owned(), EntryEnd::Claimed);
        };
        assert_eq!(found(unmarked), [0; 4]);
        let unpublished = |truth: &mut Truth, seen: &mut Seen, end: &mut End| {
            unmarked(truth, seen, end);
            seen.events.clear();
        };
        assert_eq!(found(unpublished), [1, 0, 0, 1]);
        let unfinished = |_: &mut Truth, _: &mut Seen, end: &mut End| {
            end.unfinished.push("sluice import: no answer".to_owned());
        };
        assert_eq!(found(unfinished), [0, 0, 0, 1]);
        let message = |_: &mut Truth, _: &mut Seen, end: &mut End| {
            end.messages.insert("payments_dead_letters".to_owned(), 1);
        };
        assert_eq!(found(message), [0, 0, 0, 1]);
        let outcome = |word: &'static str| {
            move |_: &mut Truth, _: &mut Seen, end: &mut End| {
                end.outcomes
                    .push(["evt#evt_1", "payments", word, "code"].map(str::to_owned));
            }
        };
        assert_eq!(found(outcome("rejected")), [0, 0, 0, 1]);
        assert_eq!(found(outcome("applied")), [0; 4]);
    }
}
