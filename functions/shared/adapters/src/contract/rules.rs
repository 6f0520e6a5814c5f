//! DynamoDB's own rules, tested on the emulator: what AWS refuses and how it reads. If the emulator weren't strict, an
//! adapter could be wrong there without being noticed. If it isn't strict, its test names it; [`super::judge`] has the
//! list.

use std::collections::HashMap;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, Select, WriteRequest};

use super::judge::{Judge, judge};
use super::*;
use crate::entry::{Item, bytes, number};

/// More than half of a page, and less than the limit of an item.
const LARGE: usize = 390 * 1024;

/// Asserts that the emulator refuses a call; and that one which is known to accept it still does.
fn refused<T: Debug, E: ProvideErrorMetadata, R>(
    answer: &Result<T, SdkError<E, R>>,
    lenient: &[Judge],
) {
    let error = answer.as_ref().err().and_then(SdkError::as_service_error);
    let is_refused = error.and_then(E::code) == Some("ValidationException");
    let cause = error.and_then(E::message);
    let judge = judge();
    match lenient.contains(&judge) {
        true => assert!(!is_refused, "{judge:?} keeps this rule now: {cause:?}"),
        false => assert!(is_refused, "{judge:?} let it pass: {cause:?}"),
    }
}

async fn client() -> Client {
    Client::new(&dynamo().await)
}

fn key_of(sk: &str) -> Item {
    Item::from([("pk".to_owned(), text("a")), ("sk".to_owned(), text(sk))])
}

async fn put() -> PutItemFluentBuilder {
    put_of(&client().await, "a")
}

fn put_of(client: &Client, sk: &str) -> PutItemFluentBuilder {
    let put = client.put_item().table_name(LEDGER);
    put.set_item(Some(key_of(sk)))
}

async fn update(expression: &str) -> UpdateItemFluentBuilder {
    let update = client().await.update_item().table_name(LEDGER);
    update
        .set_key(Some(key_of("a")))
        .update_expression(expression)
}

/// A query of the table, or of its index `due`, by one value `:key`.
fn query(client: &Client, index: Option<&str>, condition: &str) -> QueryFluentBuilder {
    let key = if index.is_some() { "due#0" } else { "a" };
    let query = client.query().table_name(LEDGER);
    query
        .set_index_name(index.map(str::to_owned))
        .key_condition_expression(condition)
        .expression_attribute_values(":key", text(key))
}

/// A request for these keys of the receipts, which have one attribute: emulators may compare keys as written.
fn read(keys: impl Iterator<Item = String>) -> HashMap<String, KeysAndAttributes> {
    let keys = keys.map(|key| Item::from([("pk".to_owned(), text(key))]));
    let keys = KeysAndAttributes::builder().set_keys(Some(keys.collect()));
    HashMap::from([(RECEIPTS.to_owned(), keys.build().expect("complete"))])
}

fn write(pk: &str) -> WriteRequest {
    let put = PutRequest::builder().item("pk", text(pk)).build();
    let put = put.expect("complete");
    WriteRequest::builder().put_request(put).build()
}

#[tokio::test]
async fn a_batch_that_reads_a_key_twice_more_than_a_hundred_or_none_is_refused() {
    let client = client().await;
    let get = async |keys| {
        client
            .batch_get_item()
            .set_request_items(Some(keys))
            .send()
            .await
    };
    let hundred = read((0..100).map(|n| n.to_string()));
    assert!(get(hundred).await.is_ok());
    let more = read((0..101).map(|n| n.to_string()));
    refused(&get(more).await, &[]);
    let twice = read(["b", "b"].map(str::to_owned).into_iter());
    refused(&get(twice).await, &[]);
    refused(&get(read(std::iter::empty())).await, &[Judge::Moto]);
}

#[tokio::test]
async fn a_batch_that_writes_a_key_twice_more_than_twenty_five_or_none_is_refused() {
    let client = client().await;
    let put = async |writes| {
        let write = client.batch_write_item();
        write.request_items(RECEIPTS, writes).send().await
    };
    let many = |count| (0..count).map(|n: u8| write(&n.to_string())).collect();
    assert!(put(many(25)).await.is_ok());
    refused(&put(many(26)).await, &[Judge::Moto]);
    refused(&put(vec![write("b"), write("b")]).await, &[]);
    let delete = DeleteRequest::builder().key("pk", text("b")).build();
    let delete = WriteRequest::builder().delete_request(delete.expect("complete"));
    let both = vec![write("b"), delete.build()];
    refused(&put(both).await, &[Judge::Moto]);
    refused(&put(Vec::new()).await, &[Judge::Moto]);
}

#[tokio::test]
async fn an_item_of_more_than_four_hundred_kilobytes_is_refused_whatever_makes_it_so() {
    let put = put().await;
    let large = put.clone().item("body", bytes(vec![0; LARGE]));
    assert!(large.send().await.is_ok());
    let too_large = put.item("body", bytes(vec![0; 400 * 1024]));
    refused(&too_large.send().await, &[]);

    let client = client().await;
    let large = put_of(&client, "a").item("body", bytes(vec![0; LARGE]));
    assert!(large.send().await.is_ok());
    let update = client.update_item().table_name(LEDGER);
    let update = update
        .set_key(Some(key_of("a")))
        .update_expression("SET more = :more")
        .expression_attribute_values(":more", bytes(vec![0; 20 * 1024]));
    refused(&update.send().await, &[]);
}

#[tokio::test]
async fn a_key_that_is_missing_empty_or_too_long_is_refused() {
    let client = client().await;
    let put = client.put_item().table_name(LEDGER);
    refused(&put.clone().item("pk", text("a")).send().await, &[]);
    refused(&put_of(&client, "").send().await, &[]);
    refused(&put_of(&client, &"a".repeat(1_025)).send().await, &[]);
    let long = put
        .item("sk", text("a"))
        .item("pk", text("a".repeat(2_049)));
    refused(&long.send().await, &[]);
}

#[tokio::test]
async fn an_index_key_that_is_empty_or_of_another_type_is_refused() {
    let put = put().await;
    let empty = put.clone().item("due_shard", text(""));
    refused(&empty.item("due_at", number(1)).send().await, &[]);
    let other = put
        .item("due_shard", text("due#0"))
        .item("due_at", text("1"));
    refused(&other.send().await, &[Judge::Moto]);
    let update = update("SET due_at = :due").await;
    let update = update.expression_attribute_values(":due", text("1"));
    refused(&update.send().await, &[]);
}

#[tokio::test]
async fn a_value_or_name_that_no_expression_uses_is_refused() {
    let put = put().await.condition_expression("attribute_not_exists(pk)");
    let value = put
        .clone()
        .expression_attribute_values(":unused", number(1));
    refused(&value.send().await, &[Judge::Moto]);
    let name = put.expression_attribute_names("#unused", "hash");
    refused(&name.send().await, &[]);
    let update = update("REMOVE due_at").await;
    let update = update.expression_attribute_values(":unused", number(1));
    refused(&update.send().await, &[]);
}

#[tokio::test]
async fn a_reserved_word_is_refused_as_a_name_in_every_expression() {
    let client = client().await;
    let condition = put().await.condition_expression("attribute_exists(hash)");
    refused(&condition.send().await, &[]);
    let update = update("SET size = :one").await;
    let update = update.expression_attribute_values(":one", number(1));
    refused(&update.send().await, &[]);
    let get = client.get_item().table_name(LEDGER);
    let get = get.set_key(Some(key_of("a"))).projection_expression("hash");
    refused(&get.send().await, &[]);
    let scan = client.scan().table_name(LEDGER);
    let scan = scan.filter_expression("attribute_exists(hash)");
    refused(&scan.send().await, &[]);
    let owned = client.query().table_name(PROJECTIONS);
    let owned = owned
        .index_name("by_owner")
        .key_condition_expression("owner = :key")
        .expression_attribute_values(":key", text("a"));
    refused(&owned.send().await, &[Judge::Moto]);
}

#[tokio::test]
async fn an_update_of_a_key_or_of_one_path_twice_is_refused() {
    for expression in ["SET sk = :a", "SET account = :a REMOVE account"] {
        let update = update(expression).await;
        let update = update.expression_attribute_values(":a", text("a"));
        refused(&update.send().await, &[]);
    }
}

#[tokio::test]
async fn a_consistent_read_of_an_index_is_refused() {
    let query = query(&client().await, Some("due"), "due_shard = :key");
    refused(&query.consistent_read(true).send().await, &[]);
}

#[tokio::test]
async fn a_key_is_not_searched_by_the_beginning_of_a_number_or_of_a_partition() {
    let client = client().await;
    let condition = "due_shard = :key AND begins_with(due_at, :due)";
    let of_number = query(&client, Some("due"), condition);
    let of_number = of_number.expression_attribute_values(":due", number(1));
    refused(&of_number.send().await, &[Judge::Moto]);
    let of_partition = query(&client, None, "begins_with(pk, :key)");
    refused(&of_partition.send().await, &[]);
}

#[tokio::test]
async fn a_filter_that_is_empty_or_on_a_key_is_refused() {
    let client = client().await;
    let scan = client.scan().table_name(LEDGER).filter_expression("");
    refused(&scan.send().await, &[]);
    let filtered = query(&client, None, "pk = :key").filter_expression("sk = :key");
    refused(&filtered.send().await, &[Judge::Moto]);
}

#[tokio::test]
async fn a_page_of_no_items_or_from_a_place_that_is_none_is_refused() {
    let client = client().await;
    let none = client.scan().table_name(LEDGER).limit(0);
    refused(&none.send().await, &[Judge::Moto]);
    let query = query(&client, Some("due"), "due_shard = :key");
    let query = query.set_exclusive_start_key(Some(key_of("a")));
    refused(&query.send().await, &[Judge::Moto]);
}

#[tokio::test]
async fn a_condition_that_fails_gives_the_item_as_it_is_where_that_is_asked_for() {
    let client = client().await;
    let put = put_of(&client, "a");
    let first = put.clone().item("attempt", text("first"));
    assert!(first.send().await.is_ok());
    let second = put.condition_expression("attribute_not_exists(pk)");
    for (asked, there) in [(None, None), (Some(AllOld), Some(text("first")))] {
        let second = second.clone();
        let second = second.set_return_values_on_condition_check_failure(asked);
        let error = second.send().await.expect_err("refused");
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            panic!("{error:?}");
        };
        let item = failed.item.as_ref();
        assert_eq!(item.map(|item| item["attempt"].clone()), there);
    }
}

#[tokio::test]
async fn a_page_ends_after_a_megabyte_or_its_limit_and_is_filtered_after_that() {
    let client = client().await;
    for n in 0..4 {
        let put = put_of(&client, &n.to_string()).item("body", bytes(vec![0; LARGE]));
        let put = put.item("odd", AttributeValue::Bool(n % 2 == 1));
        assert!(put.send().await.is_ok());
    }
    let query = query(&client, None, "pk = :key");
    let page = query.clone().send().await.expect("read");
    assert!(page.count() < 4 && page.last_evaluated_key.is_some());
    let counted = query.clone().select(Select::Count).send().await;
    assert_eq!(counted.expect("read").count(), page.count());
    let scanned = client.scan().table_name(LEDGER).send().await;
    assert!(scanned.expect("read").last_evaluated_key.is_some());
    let filtered = query
        .filter_expression("odd = :odd")
        .expression_attribute_values(":odd", AttributeValue::Bool(true))
        .limit(2);
    let page = filtered.send().await.expect("read");
    assert_eq!((page.count(), page.scanned_count()), (1, 2));
    assert!(page.last_evaluated_key.is_some());
}

#[tokio::test]
async fn an_item_without_both_keys_of_an_index_is_not_in_it_and_one_that_has_expired_is_there() {
    let client = client().await;
    let put = put_of(&client, "a").item("due_shard", text("due#0"));
    assert!(put.item("expires_at", number(1)).send().await.is_ok());
    let indexed = client.scan().table_name(LEDGER).index_name("due");
    assert_eq!(indexed.send().await.expect("read").count(), 0);
    let all = client.scan().table_name(LEDGER).send().await;
    assert_eq!(all.expect("read").count(), 1);
}
