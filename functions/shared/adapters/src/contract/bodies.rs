//! Stored bodies, read in batches: each form of storage, and what reading them uses.

use super::judge::Judge;
use super::*;
use crate::bodies::{Bodies, Body};

async fn claimed(config: &SdkConfig, id: &str, body: &[u8], is_complete: bool) {
    let ledger = DynamoLedger::new(config, LEDGER.to_owned(), TestClock::default());
    let arrival = arrival(id, "attempt", body);
    match ledger.claim(&arrival).await {
        Ok(Claimed::Won { complete: false }) if is_complete => {
            assert_eq!(ledger.complete(&arrival).await, Ok(()));
        }
        claimed => assert!(matches!(claimed, Ok(Claimed::Won { .. })), "{claimed:?}"),
    }
}

#[tokio::test]
async fn bodies_of_every_form_come_byte_for_byte_and_what_is_missing_or_damaged_is_said() {
    let config = dynamo().await;
    let large = noise_body("evt_large", 900_000);
    let small = br#"{"id":"evt_small","by":9007199254740993}"#;
    let even = format!(r#"{{"id":"evt_even","same":"{}"}}"#, "x".repeat(20_000));
    claimed(&config, "evt_small", small, true).await;
    claimed(&config, "evt_even", even.as_bytes(), true).await;
    claimed(&config, "evt_large", &large, true).await;
    claimed(&config, "evt_begun", &large, false).await;
    claimed(&config, "evt_damaged", small, true).await;
    let damage = Client::new(&config)
        .update_item()
        .table_name(LEDGER)
        .key("pk", entry::pk("evt_damaged"))
        .key("sk", text(ENTRY))
        .update_expression("SET body = :noise, codec = :codec")
        .expression_attribute_values(":noise", entry::bytes(vec![7; 9]))
        .expression_attribute_values(":codec", text("zstd"));
    damage.send().await.expect("damaged");

    let bodies = Bodies::new(&config, LEDGER.to_owned());
    let ids = [
        "evt_large",
        "evt_gone",
        "evt_small",
        "evt_even",
        "evt_begun",
        "evt_damaged",
        "evt_small",
    ];
    let (stored, usage) = bodies.stored(&ids).await.expect("read");
    // Six keys, entries of up to 4 KB, read without consistency: half a unit each. moto counts a whole one.
    let units_max = match judge::judge() {
        Judge::Dynoxide => 3.0,
        Judge::Moto => 6.0,
    };
    assert!((0.5..=units_max).contains(&usage.read_units), "{usage:?}");
    let mut found = Vec::new();
    let mut units = Vec::new();
    for one in stored {
        found.push(match one {
            None => None,
            Some(one) => {
                let (body, usage) = bodies.load(one).await.expect("read");
                units.push(usage.read_units);
                Some(body)
            }
        });
    }
    let whole = |body: &[u8]| Some(Body::Whole(body.to_vec()));
    let expected = [
        whole(&large),
        None,
        whole(small),
        whole(even.as_bytes()),
        Some(Body::Missing),
        Some(Body::Unreadable),
        whole(small),
    ];
    // Not with assert_eq: a large body would be printed.
    for (index, id) in ids.iter().enumerate() {
        assert!(found[index] == expected[index], "{id}");
    }
    assert!(units[0] > 100.0, "{units:?}");
    assert!(units[1..].iter().all(|units| *units == 0.0), "{units:?}");
}
