//! Reconcile reaches the other accounts regardless of what one account does; and the purpose of each of its rules.
//!
//! `cargo test -p sluice-model --test scopes -- --nocapture --test-threads 1` prints the stories.

use sluice_model::scopes::properties::{
    EACH_HAS_ITS_TURN, GOES_ON, NEXT_RUN_REACHES_ALL, PROMISES, SIGHTS,
};
use sluice_model::scopes::{Rules, Scopes, Trouble};
use sluice_model::{check, find};
use stateright::Model as _;

/// The first account is refused, and a run has a request for each.
const REFUSED: Scopes = Scopes {
    trouble: Trouble::Refused,
    requests: 2,
    runs: 4,
    crashes: 2,
    rules: Rules::ALL,
};
/// A run has one request.
const ONE_REQUEST: Scopes = Scopes {
    requests: 1,
    ..REFUSED
};
/// Requests for the first account are never answered.
const HANGS: Scopes = Scopes {
    trouble: Trouble::Hangs,
    ..REFUSED
};
const ALL: Rules = Rules::ALL;

/// Checks that `promise` is broken in this world with these rules, and prints the shortest story.
fn breaks(promise: &'static str, world: Scopes, rules: Rules) {
    let story = find(Scopes { rules, ..world }, promise);
    println!(
        "{}\n",
        story.expect("the rule is there for a reason, which this world should show")
    );
}

#[test]
fn an_account_that_fails_keeps_no_other_from_being_compared() {
    for (world, unseen) in [
        (REFUSED, [].as_slice()),
        (ONE_REQUEST, &[GOES_ON]),
        (HANGS, &[GOES_ON]),
    ] {
        let verdict = check(world);
        assert!(verdict.broken.is_empty(), "{:?}", verdict.broken);
        assert_eq!(verdict.never_seen, unseen);
        println!("{world:?}: {} worlds", verdict.worlds);
    }
}

#[test]
fn every_property_of_the_turns_is_a_promise_or_a_sight() {
    let names: Vec<_> = REFUSED
        .properties()
        .iter()
        .map(|property| property.name)
        .collect();
    assert_eq!(names, [PROMISES.as_slice(), SIGHTS.as_slice()].concat());
}

#[test]
fn a_refusal_that_ends_the_run_leaves_the_accounts_behind_it_to_the_next() {
    let a_failure_ends_no_run = false;
    let rules = Rules {
        a_failure_ends_no_run,
        ..ALL
    };
    breaks(NEXT_RUN_REACHES_ALL, REFUSED, rules);
    // If also sorted by progress, they wait forever.
    let turns_go_by_attempt = false;
    breaks(
        EACH_HAS_ITS_TURN,
        REFUSED,
        Rules {
            turns_go_by_attempt,
            ..rules
        },
    );
}

#[test]
fn an_account_that_fails_starves_the_other_if_turns_go_by_progress() {
    let turns_go_by_attempt = false;
    let rules = Rules {
        turns_go_by_attempt,
        ..ALL
    };
    breaks(EACH_HAS_ITS_TURN, ONE_REQUEST, rules);
    breaks(EACH_HAS_ITS_TURN, HANGS, rules);
}

#[test]
fn an_account_that_hangs_starves_the_other_if_an_attempt_is_noted_with_its_answer() {
    let attempts_are_noted_first = false;
    let rules = Rules {
        attempts_are_noted_first,
        ..ALL
    };
    breaks(EACH_HAS_ITS_TURN, HANGS, rules);
}

#[test]
fn a_story_reads_as_the_essay_shows_it() {
    let turns_go_by_attempt = false;
    let rules = Rules {
        turns_go_by_attempt,
        ..ALL
    };
    let world = Scopes {
        rules,
        ..ONE_REQUEST
    };
    let story = "\
within a run for each account, each has had its turn (account 1 is refused, 1 request per run)
  1. Stripe     lists an event of account 2
  2. reconcile  begins run 1                        → account 1 next
  3. reconcile  notes an attempt of account 1       → account 1 next
  4. reconcile  is refused the list of account 1    → ends
  5. reconcile  begins run 2                        → account 1 next
  6. reconcile  notes an attempt of account 1       → account 1 next
  7. reconcile  is refused the list of account 1    → ends
     in the end: account 1 attempted in run 2, has no event; account 2 never attempted, its event is missing";
    assert_eq!(find(world, EACH_HAS_ITS_TURN).as_deref(), Some(story));
}
