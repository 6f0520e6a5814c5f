//! For all candidates, honest or not: the evidence depends on which there are and not on how they came.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_kernel::consumer::order::candidate::{Before, Candidate, Source};
use sluice_kernel::consumer::order::digest::Digest;
use sluice_kernel::consumer::order::evidence::{Evidence, MEMBERS_MAX};

/// An event changes something or it doesn't, in every rendering.
fn is_notice(source: &Source) -> bool {
    matches!(source, Source::Event { id, .. } if id.ends_with('3') || id.ends_with('7'))
}

/// An event is the last of its second or it isn't, in every rendering.
fn is_closing(source: &Source) -> bool {
    matches!(source, Source::Event { id, .. } if id.ends_with('5'))
}

/// Few ids, few objects, few seconds: so ties, duplicates and two renderings of one event are common.
fn candidate() -> impl Strategy<Value = Candidate<Value>> {
    let source = prop_oneof![
        4 => (100..102_i64, 0..14_u8).prop_map(|(created, id)| Source::Event {
            created,
            id: format!("evt_{id}"),
        }),
        1 => (99..102_i64, 0..3_i64).prop_map(|(from, length)| Source::Fetch {
            from,
            to: from + length,
        }),
    ];
    let version = prop::option::weighted(0.9, prop_oneof![4 => Just("b"), 1 => Just("a")]);
    let terminal = prop::bool::weighted(0.1);
    (source, terminal, version, 0..8_u8, 0..6_u8).prop_map(
        |(source, terminal, version, before, after)| Candidate {
            before: match (&source, before) {
                (Source::Fetch { .. }, _) | (_, 6) => Before::Unknown,
                (_, 7) => Before::Nothing,
                (_, before) => Before::Was(Digest::of(&json!({ "a": before }))),
            },
            notice: is_notice(&source),
            closing: is_closing(&source),
            source,
            terminal,
            api_version: version.map(str::to_owned),
            after: Digest::of(&json!({ "a": after })),
            // What a domain keeps is a function of the object. Here it may also be `null`, or the same for different
            // objects.
            state: if after == 0 {
                Value::Null
            } else {
                json!({ "kept": after / 2 })
            },
        },
    )
}

fn candidates(most: usize) -> impl Strategy<Value = Vec<Candidate<Value>>> {
    prop::collection::vec(candidate(), 1..=most)
}

fn evidence<'a>(candidates: impl IntoIterator<Item = &'a Candidate<Value>>) -> Evidence<Value> {
    let mut candidates = candidates.into_iter().cloned();
    let first = Evidence::of(candidates.next().expect("one candidate or more"));
    candidates.fold(first, |evidence, candidate| evidence.add(candidate))
}

proptest! {
    // A failing case is printed in full and should become a test of its own, so there is no file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn the_order_and_number_of_additions_make_no_difference(
        (some, shuffled) in candidates(24).prop_flat_map(|some| {
            let twice = [some.clone(), some.clone()].concat();
            (Just(some), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(evidence(&some), evidence(&shuffled));
    }

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        some in candidates(12), others in candidates(12), more in candidates(12)
    ) {
        let [a, b, c] = [&some, &others, &more].map(evidence);
        prop_assert_eq!(a.merge(&a), a.clone());
        prop_assert_eq!(a.merge(&b), b.merge(&a));
        prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
        prop_assert_eq!(a.merge(&b), evidence(some.iter().chain(&others)));
    }

    /// An operator accepted Stripe's answer in place of a terminal state. What is added to it one by one may come in
    /// any order, and no terminal candidate from before the answer comes back.
    #[test]
    fn to_reopened_evidence_candidates_are_added_in_any_order(
        answered in 99..102_i64,
        (some, shuffled) in candidates(16).prop_flat_map(|some| (Just(some.clone()), Just(some).prop_shuffle()))
    ) {
        let answer = Candidate {
            source: Source::Fetch { from: answered, to: answered },
            terminal: false,
            notice: false,
            closing: false,
            api_version: None,
            before: Before::Unknown,
            after: Digest::of(&json!("answer")),
            state: json!("answer"),
        };
        let reopened = Evidence::reopened(answer);
        let add = |some: &[Candidate<Value>]| {
            some.iter().fold(reopened.clone(), |evidence, one| evidence.add(one.clone()))
        };
        let evidence = add(&some);
        prop_assert_eq!(&evidence, &add(&shuffled));
        prop_assert!(evidence.members().iter().all(|one| !one.terminal || one.source.to() >= answered));
        let written = serde_json::to_string(&evidence).unwrap();
        prop_assert_eq!(serde_json::from_str::<Evidence<Value>>(&written).unwrap(), evidence);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_head_is_of_it(some in candidates(40)) {
        let evidence = evidence(&some);
        prop_assert!((1..=MEMBERS_MAX).contains(&evidence.members().len()));
        let head = evidence.head();
        prop_assert!(evidence.members().contains(head.candidate()));
        prop_assert!(!(head.is_decided() && evidence.overflowed()));
    }

    #[test]
    fn it_overflows_exactly_where_more_are_left_than_there_is_room_for(some in candidates(40)) {
        let terminal = some.iter().any(|one| one.terminal);
        let rank: Vec<_> = some.iter().filter(|one| one.terminal == terminal).collect();
        let second = rank.iter().map(|one| one.source.from()).max().unwrap();
        let left: BTreeSet<_> = rank
            .iter()
            .filter(|one| one.source.to() >= second)
            .filter(|one| {
                let is_later = |other: &&&Candidate<Value>| other.closing && other.source.to() >= one.source.to();
                one.closing || !rank.iter().any(|other| is_later(&other))
            })
            .filter(|one| {
                let is_earlier = |other: &&&Candidate<Value>| !other.notice && other.source.from() >= one.source.to();
                !one.notice || !rank.iter().any(|other| is_earlier(&other))
            })
            .map(|one| match one.source {
                Source::Event { .. } => format!("{:?}", one.source),
                Source::Fetch { .. } => format!("{:?}{:?}{:?}", one.source, one.api_version, one.after),
            })
            .collect();
        let evidence = evidence(&some);
        prop_assert_eq!(evidence.terminal(), terminal);
        prop_assert_eq!(evidence.second(), second);
        prop_assert_eq!(evidence.overflowed(), left.len() > MEMBERS_MAX);
        prop_assert_eq!(evidence.members().len(), left.len().min(MEMBERS_MAX));
    }

    #[test]
    fn it_is_read_as_it_was_written(some in candidates(24)) {
        let evidence = evidence(&some);
        let written = serde_json::to_string(&evidence).unwrap();
        prop_assert_eq!(serde_json::from_str::<Evidence<Value>>(&written).unwrap(), evidence);
    }

    /// Longer histories than those that can be enumerated: up to eight updates of three attributes in two seconds.
    #[test]
    fn honest_histories_are_decided_right_or_not_at_all(
        steps in prop::collection::vec((0..3_usize, 1..3_u8, prop::bool::weighted(0.2)), 1..=8),
        ids in Just((0..8_u8).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let object = |values: [u8; 3]| Digest::of(&json!(values));
        let (mut values, mut created) = ([0_u8; 3], 100);
        let mut events = Vec::new();
        for ((attribute, change, later), id) in steps.into_iter().zip(ids) {
            let was = values;
            values[attribute] = (values[attribute] + change) % 3;
            created += i64::from(later);
            events.push(Candidate {
                source: Source::Event { created, id: format!("evt_{id}") },
                terminal: false,
                notice: false,
                closing: false,
                api_version: Some("b".to_owned()),
                before: Before::Was(object(was)),
                after: object(values),
                state: json!(values),
            });
        }
        let evidence = evidence(&events);
        let head = evidence.head();
        prop_assert!(!head.is_decided() || *head.state() == json!(values));
    }
}
