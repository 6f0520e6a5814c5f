//! A domain's table: the port's suite, and what operators read of it.

use sluice_kernel::consumer::projection::Projections;

use super::*;
use crate::projections::DynamoProjections;

sluice_harness::projections_conformance!(async || {
    DynamoProjections::new(&dynamo().await, PROJECTIONS.to_owned())
});

#[tokio::test]
async fn a_projection_that_has_an_owner_is_found_by_it_and_one_that_has_none_is_not_in_the_index() {
    let config = dynamo().await;
    let table = DynamoProjections::new(&config, PROJECTIONS.to_owned());
    let (owner, other) = ("platform#live#cus_1", "platform#live#cus_2");
    // More than a page of the index holds.
    let large = format!("\"{}\"", "x".repeat(300_000));
    for n in 0..5 {
        let put = table.put(&format!("sub_{n}"), 0, &large, Some(owner)).await;
        assert_eq!(put, Ok(true));
    }
    for (key, owner) in [("sub_9", Some(other)), ("ch_1", None)] {
        assert_eq!(table.put(key, 0, "{}", owner).await, Ok(true));
    }
    let found = table.of_owner(owner).await.expect("read");
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["sub_0", "sub_1", "sub_2", "sub_3", "sub_4"]);
    assert!(found.iter().all(|(_, stored)| stored.document == large));
    assert_eq!(table.of_owner(other).await.expect("read").len(), 1);

    let indexed = Client::new(&config).scan().table_name(PROJECTIONS);
    let indexed = indexed
        .index_name("by_owner")
        .filter_expression("pk = :key");
    let indexed = indexed.expression_attribute_values(":key", text("ch_1"));
    assert_eq!(indexed.send().await.expect("read").count(), 0);
}

#[tokio::test]
async fn keys_are_read_page_by_page_and_each_once() {
    let table = DynamoProjections::new(&dynamo().await, PROJECTIONS.to_owned());
    let mut written: Vec<_> = (0..7).map(|n| format!("sub_{n}")).collect();
    for key in &written {
        assert_eq!(table.put(key, 0, "{}", None).await, Ok(true));
    }
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let (keys, next) = table.keys(after.as_deref(), 3).await.expect("read");
        assert!(keys.len() <= 3);
        read.extend(keys);
        after = next;
        if after.is_none() {
            break;
        }
    }
    read.sort();
    written.sort();
    assert_eq!(read, written);
}
