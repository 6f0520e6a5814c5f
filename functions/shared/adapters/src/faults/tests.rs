use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_types::region::Region;
use serde_json::{Value, json};
use sluice_kernel::bus::{Bus, Outgoing, PublishRefusal};
use tempfile::TempDir;

use super::*;
use crate::aws::sdk_config_of;
use crate::bus::EventBridgeBus;

fn rules(folder: &TempDir, rules: &Value) -> Rules {
    let file = folder.path().join("rules");
    std::fs::write(&file, rules.to_string()).expect("written");
    Rules {
        file,
        function: "ingest".to_owned(),
    }
}

fn call<'a>(operation: &'a str, body: &'a str) -> Call<'a> {
    Call {
        operation,
        body: body.as_bytes(),
        is_first_try: true,
    }
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

#[test]
fn a_rule_touches_the_calls_that_it_names_and_counts_them_over_all_who_ask() {
    let folder = folder();
    let one = rules(
        &folder,
        &json!([{ "id": "a", "function": "ingest", "call": "PutItem", "contains": "evt_1", "from": 2,
            "times": 2, "first-tries": true, "do": "drop-after" }]),
    );
    let other = one.clone();
    let stranger = Rules {
        function: "sweep".to_owned(),
        ..one.clone()
    };
    let mut repetition = call("PutItem", "evt_1");
    repetition.is_first_try = false;
    for (rules, call) in [
        (&one, call("GetItem", "evt_1")),
        (&one, call("PutItem", "evt_2")),
        (&one, repetition),
        (&stranger, call("PutItem", "evt_1")),
    ] {
        assert_eq!(rules.judge(&call), Ok(Vec::new()));
    }
    let touched: Vec<_> = (1..=7)
        .map(|n| if n % 3 == 0 { &other } else { &one })
        .map(|rules| {
            !rules
                .judge(&call("PutItem", "{evt_1}"))
                .expect("judged")
                .is_empty()
        })
        .collect();
    assert_eq!(
        touched,
        [false, true, true, false, false, false, false],
        "the second and the third"
    );
    let fired = std::fs::read_to_string(folder.path().join("rules.fired")).expect("written down");
    let fired: Vec<Fired> = fired
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let numbers: Vec<_> = fired.iter().map(|fired| fired.number).collect();
    assert_eq!((numbers, fired[0].did.as_str()), (vec![2, 3], "drop-after"));
}

#[test]
fn calls_of_many_at_once_are_each_counted_once() {
    let folder = folder();
    let rules = rules(
        &folder,
        &json!([{ "id": "a", "call": "*", "times": 30, "do": "drop-before" }]),
    );
    let touched: usize = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let judged = (0..50).map(|_| rules.judge(&call("Query", "")));
                    judged
                        .filter(|rules| rules.as_ref().is_ok_and(|rules| !rules.is_empty()))
                        .count()
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|thread| thread.join().expect("ends"))
            .sum()
    });
    assert_eq!(touched, 30);
}

#[test]
fn a_share_of_the_calls_is_chosen_by_the_seed_alone() {
    let chosen = |seed: u64| {
        let rule: Rule = serde_json::from_value(
            json!({ "id": "a", "call": "*", "probability": 0.25, "seed": seed, "do": { "delay": 5 } }),
        )
        .expect("a rule");
        (1..=400).filter(|n| rule.touches(*n)).collect::<Vec<_>>()
    };
    assert_eq!(chosen(1), chosen(1));
    assert_ne!(chosen(1), chosen(2));
    assert!((60..140).contains(&chosen(3).len()), "{}", chosen(3).len());
}

#[test]
fn no_file_is_peace_and_rules_that_can_not_be_read_are_an_error() {
    let folder = folder();
    let absent = Rules {
        file: folder.path().join("none"),
        function: String::new(),
    };
    assert_eq!(absent.judge(&call("PutItem", "")), Ok(Vec::new()));
    for text in [
        "[",
        r#"[{"id":"a","call":"*","do":"explode"}]"#,
        r#"[{"id":"../a","call":"*","do":"note"}]"#,
        r#"[{"id":"a","call":"*","do":"note","tmies":1}]"#,
    ] {
        let file = folder.path().join("rules");
        std::fs::write(&file, text).expect("written");
        let rules = Rules {
            file,
            function: String::new(),
        };
        assert!(rules.judge(&call("PutItem", "")).is_err(), "{text}");
    }
}

/// A bus that takes every entry, and remembers the details.
#[derive(Debug, Clone, Default)]
struct Taken(Arc<Mutex<Vec<String>>>);

impl HttpConnector for Taken {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().expect("in memory");
        assert_eq!(
            request.headers().get("content-length"),
            Some(body.len().to_string().as_str())
        );
        let call: Value = serde_json::from_slice(body).expect("JSON");
        let entries = call["Entries"].as_array().expect("entries");
        let mut taken = self.0.lock().expect("unpoisoned");
        let details = entries.iter().map(|entry| entry["Detail"].as_str());
        taken.extend(details.map(|detail| detail.expect("a detail").to_owned()));
        let results: Vec<_> = entries.iter().map(|_| json!({ "EventId": "e" })).collect();
        let answer = json!({ "FailedEntryCount": 0, "Entries": results }).to_string();
        let response = HttpResponse::new(200.try_into().expect("a status"), SdkBody::from(answer));
        HttpConnectorFuture::ready(Ok(response))
    }
}

#[tokio::test]
async fn refused_entries_are_not_sent_and_all_others_are() {
    let taken = Taken::default();
    let inner = taken.clone();
    let config = sdk_config_of(
        Region::from_static("us-east-1"),
        Credentials::new("test", "test", None, None, "test"),
        Some("http://127.0.0.1:1".to_owned()),
    );
    let config = config
        .to_builder()
        .http_client(http_client_fn(move |_, _| {
            SharedHttpConnector::new(inner.clone())
        }))
        .build();
    let folder = folder();
    let of = |from: usize, texts: &[&str]| {
        let all = texts.iter().map(|text| {
            let id = format!("from-{from}-{}-{}", texts.len(), text.replace(['{', '}'], "x"));
            json!({ "id": id, "call": "PutEvents", "contains": text, "times": 1, "do": { "fail-entries": from } })
        });
        rules(&folder, &all.collect())
    };
    let entries: Vec<_> = ["{1}", "{2}", "{3}"]
        .map(|detail| Outgoing {
            source: "sluice.stripe",
            detail_type: "t".to_owned(),
            detail: detail.to_owned(),
            traceparent: sluice_harness::build::TRACEPARENT.to_owned(),
        })
        .into();
    for (from, texts, gone) in [
        (1, vec![""], vec!["{1}"]),
        (0, vec![""], vec![]),
        (0, vec!["{2}"], vec!["{1}", "{3}"]),
        // Each of several rules is about different entries.
        (0, vec!["{1}", "{3}"], vec!["{2}"]),
    ] {
        taken.0.lock().expect("unpoisoned").clear();
        let rules = of(from, &texts);
        let bus = EventBridgeBus::new(&through(&config, &rules.file, "ingest"), "bus".to_owned());
        let fates = bus.publish(&entries).await;
        assert_eq!(fates.len(), entries.len());
        for (entry, fate) in entries.iter().zip(&fates) {
            match fate {
                Ok(()) => assert!(gone.contains(&entry.detail.as_str())),
                Err(PublishRefusal::Later { cause }) => {
                    assert!(!gone.contains(&entry.detail.as_str()));
                    assert!(cause.contains("InternalFailure"), "{cause}");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(*taken.0.lock().expect("unpoisoned"), gone);
    }
}
