//! Events that are no candidates, and events that close.

use super::*;

#[test]
fn a_notice_is_no_candidate_beside_a_change_of_its_second() {
    let created = plain(
        "evt_0",
        "customer.subscription.created",
        json!({ "status": "trialing", "quantity": 1, "trial_end": SECOND + 9 }),
    );
    let created = TestEvent {
        created: SECOND - 60,
        ..created
    };
    // The notice shows a mixture: what the change made of the trial, with the earlier plan.
    for notice_id in ["evt_a", "evt_z"] {
        let notice = plain(
            notice_id,
            "customer.subscription.trial_will_end",
            json!({ "status": "trialing", "quantity": 1, "trial_end": SECOND }),
        );
        let change = updated(
            "evt_m",
            json!({ "status": "active", "quantity": 2, "trial_end": SECOND }),
            json!({ "status": "trialing", "quantity": 1, "trial_end": SECOND + 9 }),
        );
        let [created, notice, change] = [&created, &notice, &change].map(candidate);
        for order in [
            [&created, &notice, &change],
            [&change, &notice, &created],
            [&notice, &change, &created],
        ] {
            let evidence = order[1..]
                .iter()
                .fold(Evidence::of(order[0].clone()), |evidence, candidate| {
                    evidence.add(Candidate::clone(candidate))
                });
            assert!(evidence.head().is_decided());
            assert_eq!(*evidence.head().state(), json!(["active", 2]));
        }
        // Without other evidence it is what is known.
        let alone = Evidence::of(created.clone()).add(notice.clone());
        assert_eq!(*alone.head().state(), json!(["trialing", 1]));
    }
}

#[test]
fn a_closing_event_is_later_than_every_change_of_its_second_and_than_none_of_the_next() {
    for id in ["evt_a", "evt_z"] {
        let left = plain(
            id,
            "customer.subscription.left",
            json!({ "status": "left", "quantity": 0 }),
        );
        let changes = [3, 4].map(|quantity| {
            updated(
                if quantity == 3 { "evt_m" } else { "evt_n" },
                json!({ "status": "active", "quantity": quantity }),
                json!({ "status": "active", "quantity": 1 }),
            )
        });
        let [left, one, other] = [&left, &changes[0], &changes[1]].map(candidate);
        for order in [
            [&left, &one, &other],
            [&one, &left, &other],
            [&one, &other, &left],
        ] {
            let evidence = order[1..]
                .iter()
                .fold(Evidence::of(order[0].clone()), |evidence, candidate| {
                    evidence.add(Candidate::clone(candidate))
                });
            assert!(evidence.head().is_decided());
            assert_eq!(*evidence.head().state(), json!(["left", 0]));
        }
        let back = TestEvent {
            created: SECOND + 1,
            ..updated(
                "evt_0",
                json!({ "status": "active", "quantity": 1 }),
                json!({}),
            )
        };
        let evidence = Evidence::of(candidate(&back)).add(left.clone());
        assert_eq!(*evidence.head().state(), json!(["active", 1]));
    }
}
