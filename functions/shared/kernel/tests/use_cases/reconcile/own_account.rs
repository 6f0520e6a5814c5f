//! Stripe's lists of the platform's own account, whatever name that account has.

use super::*;

fn named(world: &mut World) {
    for one in world.endpoints.values_mut() {
        one.account = Some("acct_own".to_owned());
    }
}

#[tokio::test]
async fn the_endpoints_own_account_is_the_platforms_scope_under_whatever_name() {
    let mut world = World::new(endpoint::AccountScope::Both);
    named(&mut world);
    // Deliveries named both before the configuration knew its own account.
    for (id, name) in [("evt_a", "acct_own"), ("evt_b", "acct_1")] {
        let mut seen = arrival(id, "delivery", b"{}");
        seen.head.account = Some(name.into());
        world.ledger.claim(&seen).await.expect("claimed");
    }
    world.run("run-0").await;
    world.clock.advance_ms(3_600_000);
    world.lists.take_asked();
    world.run("run-1").await;
    let asked = world.lists.take_asked().into_iter().map(|ask| ask.scope);
    let asked: Vec<_> = asked.collect();
    assert!(
        asked.contains(&platform()) && asked.contains(&account("acct_1")),
        "{asked:?}"
    );
    assert!(!asked.contains(&account("acct_own")), "{asked:?}");
}

#[tokio::test]
async fn an_own_event_whose_context_names_the_account_is_let_in_as_the_platforms() {
    // With and without the account in the configuration: the list is the key's own.
    for is_named in [true, false] {
        let mut world = World::begun().await;
        if is_named {
            named(&mut world);
        }
        let event = json!({
            "id": "evt_1", "type": "charge.succeeded", "livemode": true, "created": START_MS / 1_000 + 60,
            "context": "acct_own",
        });
        world.lists.add(&platform(), event);
        let report = world.run("run-1").await;
        assert_eq!((report.unreadable, report.recovered), (0, 1));
        assert_eq!(world.bus.details()[0]["sluice"]["account"], Value::Null);
    }
}

#[tokio::test]
async fn an_own_event_that_stripe_failed_to_make_is_checked_as_the_platforms() {
    let mut world = World::begun().await;
    world.not_made(&account("acct_own"), "pi_1", 60);
    assert_eq!(world.run("run-1").await.ungenerated, 0);
    named(&mut world);
    world.not_made(&account("acct_own"), "pi_2", 4_000);
    world.clock.advance_ms(3_600_000);
    world.run("run-2").await;
    assert!(
        world.checked().contains(&"pi_2".to_owned()),
        "{:?}",
        world.checked()
    );
    let details = world.bus.details();
    assert!(
        details
            .iter()
            .all(|detail| detail["sluice"]["account"].is_null())
    );
}
