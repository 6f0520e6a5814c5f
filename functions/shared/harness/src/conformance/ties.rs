//! What every table of outcomes, and reconcile's view of it, have to do with ties and drift.

use sluice_kernel::event::Scope;
use sluice_kernel::outcome::{Drift, Finding, Outcomes, Resolved, Tie};
use sluice_kernel::reconcile::{NotedTie, Notes};

const DOMAIN: &str = "payments";
const EVERY: usize = 100;

fn scope(account: Option<&str>) -> Scope {
    Scope {
        account: account.map(str::to_owned),
        livemode: true,
    }
}

fn tie(object: &str, at_ms: i64) -> Tie {
    Tie {
        scope: scope(None),
        domain: DOMAIN.to_owned(),
        object: object.to_owned(),
        object_kind: "payment_intent".to_owned(),
        parent: None,
        event: format!("evt_of_{at_ms}"),
        kind: "payment_intent.processing".to_owned(),
        at_ms,
    }
}

async fn note(outcomes: &impl Outcomes, tie: &Tie) {
    let noted = outcomes.remark(&Finding::Tie(tie.clone())).await;
    noted.expect("noted");
}

async fn resolve(outcomes: &impl Outcomes, scope: Scope, domain: &'static str, before_ms: i64) {
    let resolved = Resolved {
        scope,
        domain,
        object: "pi_1".to_owned(),
        before_ms,
    };
    let noted = outcomes.remark(&Finding::Resolved(resolved)).await;
    noted.expect("noted");
}

/// Each tie, and the time since which it waits, by its object.
async fn ties(notes: &impl Notes) -> Vec<(Tie, i64)> {
    let noted = notes.ties(EVERY).await.expect("read").into_iter();
    let mut ties: Vec<_> = noted
        .map(
            |NotedTie {
                 tie,
                 waits_since_ms,
             }| (tie, waits_since_ms),
        )
        .collect();
    ties.sort_by_key(|(tie, _)| (tie.scope.key(), tie.object.clone()));
    ties
}

/// With all that a check needs, and one tie per account for an object.
pub async fn a_tie_reads_back_as_it_was_noted(outcomes: &impl Outcomes, notes: &impl Notes) {
    let mut person = tie("person_1", 7);
    person.scope = scope(Some("acct_1"));
    person.parent = Some("acct_1".to_owned());
    let mut other = tie("pi_1", 9);
    other.scope.livemode = false;
    let own = tie("pi_1", 8);
    for tie in [&person, &own, &other] {
        note(outcomes, tie).await;
    }
    assert_eq!(ties(notes).await, [(person, 7), (own, 8), (other, 9)]);
    assert_eq!(notes.ties(2).await.expect("read").len(), 2);
}

/// Of two ties of an object the later one is kept, in whichever order they come, and it keeps its place in the queue.
pub async fn a_tie_that_is_found_again_keeps_its_turn(
    outcomes: &impl Outcomes,
    notes: &impl Notes,
) {
    for at_ms in [5, 9, 9, 6] {
        note(outcomes, &tie("pi_1", at_ms)).await;
    }
    assert_eq!(ties(notes).await, [(tie("pi_1", 9), 5)]);
}

/// A tie that was found after the read that a resolution is based on is another tie.
pub async fn a_tie_is_resolved_unless_it_was_found_again_meanwhile(
    outcomes: &impl Outcomes,
    notes: &impl Notes,
) {
    note(outcomes, &tie("pi_1", 1)).await;
    note(outcomes, &tie("pi_2", 1)).await;
    note(outcomes, &tie("pi_1", 2)).await;
    resolve(outcomes, scope(None), DOMAIN, 1).await;
    assert_eq!(ties(notes).await.len(), 2);
    resolve(outcomes, scope(None), DOMAIN, 2).await;
    assert_eq!(ties(notes).await, [(tie("pi_2", 1), 1)]);
}

/// Most events that decide a state had no tie to resolve.
pub async fn resolving_what_is_not_there_or_not_ones_own_changes_nothing(
    outcomes: &impl Outcomes,
    notes: &impl Notes,
) {
    resolve(outcomes, scope(None), DOMAIN, 9).await;
    assert_eq!(ties(notes).await, []);
    note(outcomes, &tie("pi_1", 1)).await;
    resolve(outcomes, scope(None), "billing", 9).await;
    resolve(outcomes, scope(Some("acct_1")), DOMAIN, 9).await;
    assert_eq!(ties(notes).await, [(tie("pi_1", 1), 1)]);
}

/// It goes to the end of the queue, and stays there when it is found again; a resolved tie isn't created again.
pub async fn a_tie_that_was_asked_for_waits_from_then_on(
    outcomes: &impl Outcomes,
    notes: &impl Notes,
) {
    let (asked, resolved) = (tie("pi_2", 1), tie("pi_1", 1));
    for tie in [&asked, &resolved] {
        note(outcomes, tie).await;
    }
    resolve(outcomes, scope(None), DOMAIN, 1).await;
    let both = [asked.clone(), resolved];
    notes.ties_asked(&both, 50).await.expect("written");
    assert_eq!(ties(notes).await, [(asked, 50)]);
    note(outcomes, &tie("pi_2", 60)).await;
    assert_eq!(ties(notes).await, [(tie("pi_2", 60), 50)]);
}

/// Including the moment itself.
pub async fn drift_is_counted_since_a_moment(outcomes: &impl Outcomes, notes: &impl Notes) {
    for at_ms in [900, 1_000, 20_000, 20_000] {
        let drift = Drift {
            scope: scope(None),
            domain: DOMAIN,
            object: "pi_1".to_owned(),
            at_ms,
        };
        let noted = outcomes.remark(&Finding::Drift(drift)).await;
        noted.expect("noted");
    }
    assert_eq!(notes.drifted_since(1_000).await, Ok(2));
}
