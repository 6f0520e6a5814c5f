//! Whether a run was correct: the speed of a wrong answer means nothing.
//!
//! The judge reads after the run what the stub kept. Each delivery's answer has to be right, and each event has to be
//! on the bus once, as it was sent. Sluice's ledger also has to have each event as published, and its outcome for each
//! delivery. For a consumer, no message goes back, and each object is kept as its event has it, by one write.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::batch::{self, Batches};
use crate::contestant::Contestant;
use crate::delivery::{Deliveries, KIND, Kind};
use crate::lambda::Answer;
use crate::stub::{Published, Stub};

type Item = Map<String, Value>;

/// How many of a run's faults are reported.
const NAMED_MAX: usize = 5;

/// What was wrong in a run; empty if nothing was.
pub(crate) fn deliveries(
    contestant: &Contestant,
    sent: &Deliveries,
    answers: &[Answer],
    stub: &Stub,
) -> Vec<String> {
    let mut wrong = Vec::new();
    if answers.len() != sent.kinds.len() {
        wrong.push(format!(
            "{} deliveries, {} answers",
            sent.kinds.len(),
            answers.len()
        ));
    }
    wrong.extend(
        answers
            .iter()
            .filter_map(|answer| misjudged(contestant, sent, answer)),
    );
    wrong.extend(misplaced(contestant, sent, &stub.published()));
    if contestant.is_ours {
        wrong.extend(misledgered(sent, &stub.items("ledger")));
    }
    few(wrong)
}

/// The same for a consumer's run.
pub(crate) fn batches(
    contestant: &Contestant,
    sent: &Batches,
    count: usize,
    answers: &[Answer],
    stub: &Stub,
) -> Vec<String> {
    let mut wrong = Vec::new();
    if answers.len() != count {
        wrong.push(format!("{count} batches, {} answers", answers.len()));
    }
    for answer in answers {
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_right = !answer.is_error && document["batchItemFailures"] == json!([]);
        if !is_right {
            wrong.push(format!(
                "a batch: {}",
                String::from_utf8_lossy(&answer.body)
            ));
        }
    }
    let kept: HashMap<String, (String, i64)> = match contestant.is_ours {
        true => stub
            .items("projections")
            .iter()
            .filter_map(projected)
            .collect(),
        false => stub
            .items("claims")
            .iter()
            .filter_map(kept_by_peer)
            .collect(),
    };
    for (object, amount) in &sent.objects {
        if kept.get(object) != Some(&(batch::status().to_owned(), *amount)) {
            wrong.push(format!("{object} is kept as {:?}", kept.get(object)));
        }
    }
    if kept.len() > sent.objects.len() {
        wrong.push("objects are kept that no event reported".to_owned());
    }
    let (puts, messages) = (
        stub.calls().get("PutItem").copied(),
        sent.objects.len() as u64,
    );
    if puts != Some(messages) {
        wrong.push(format!(
            "{messages} messages, {} writes",
            puts.unwrap_or_default()
        ));
    }
    few(wrong)
}

/// Object, status and amount in one of Sluice's projections.
fn projected(item: &Item) -> Option<(String, (String, i64))> {
    let document: Value = serde_json::from_str(item.get("doc")?["S"].as_str()?).ok()?;
    let object = item.get("pk")?["S"]
        .as_str()?
        .rsplit('#')
        .next()?
        .to_owned();
    let state = &document["state"];
    Some((
        object,
        (
            state["status"].as_str()?.to_owned(),
            state["amount"].as_i64()?,
        ),
    ))
}

fn kept_by_peer(item: &Item) -> Option<(String, (String, i64))> {
    let text = |name: &str| Some(item.get(name)?["S"].as_str()?.to_owned());
    let amount = item.get("amount")?["N"].as_str()?.parse().ok()?;
    Some((text("id")?, (text("status")?, amount)))
}

fn few(mut wrong: Vec<String>) -> Vec<String> {
    let more = wrong.len().saturating_sub(NAMED_MAX);
    wrong.truncate(NAMED_MAX);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    wrong
}

fn misjudged(contestant: &Contestant, sent: &Deliveries, answer: &Answer) -> Option<String> {
    let text = String::from_utf8_lossy(&answer.body);
    let Some((kind, event)) = sent.kinds.get(answer.payload) else {
        return Some(format!("an answer to nothing: {text}"));
    };
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status = document["statusCode"].as_u64().unwrap_or_default();
    let (expected, word) = match kind {
        Kind::New => (200..300, "accepted"),
        Kind::Duplicate => (200..300, "duplicate"),
        Kind::Forged => (400..500, "refused"),
    };
    let body = document["body"].as_str().unwrap_or_default();
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    let is_right = !answer.is_error
        && expected.contains(&status)
        && (!contestant.is_ours || said["status"] == word);
    (!is_right).then(|| format!("{kind:?} {event}: {text}"))
}

/// The event's id in what was published, if that is a contestant's form of the event that was sent.
fn event_of(sent: &Deliveries, published: &Published) -> Option<String> {
    let mut detail: Value = serde_json::from_str(&published.detail).ok()?;
    let event = detail["id"].as_str()?.to_owned();
    let tag = detail.as_object_mut()?.remove("sluice").unwrap_or_default();
    let body: Value = serde_json::from_str(sent.bodies.get(&event)?).ok()?;
    // If a body is too large for Sluice's entries, it stays in the ledger, and a pointer is published instead.
    let is_right = match tag["body"] == "ledger" {
        true => detail["type"] == body["type"] && detail["created"] == body["created"],
        false => detail == body,
    };
    (is_right && published.detail_type == KIND).then_some(event)
}

fn misplaced(contestant: &Contestant, sent: &Deliveries, published: &[Published]) -> Vec<String> {
    let mut expected: HashMap<&str, i64> = HashMap::new();
    for (kind, event) in &sent.kinds {
        if *kind == Kind::New || (*kind == Kind::Duplicate && !contestant.dedupes) {
            *expected.entry(event).or_default() += 1;
        }
    }
    let mut wrong = Vec::new();
    for one in published {
        let event = event_of(sent, one);
        match event.as_deref().and_then(|event| expected.get_mut(event)) {
            Some(left) => *left -= 1,
            None => {
                let start: String = one.detail.chars().take(200).collect();
                wrong.push(format!("published, and not as it was sent: {start}"));
            }
        }
    }
    let off = expected.iter().filter(|(_, left)| **left != 0);
    wrong.extend(off.map(|(event, left)| match left {
        1.. => format!("{event} was not published"),
        _ => format!("{event} was published too often"),
    }));
    wrong
}

fn misledgered(sent: &Deliveries, items: &[Item]) -> Vec<String> {
    let is_entry = |item: &Item| item.get("sk") == Some(&json!({ "S": "entry" }));
    let entries: Vec<_> = items.iter().filter(|item| is_entry(item)).collect();
    let published: HashMap<&str, String> = entries
        .iter()
        .filter(|item| item.contains_key("published_at"))
        .filter(|item| item.contains_key("body") || item.contains_key("parts"))
        .filter_map(|item| {
            Some((
                item.get("pk")?["S"].as_str()?,
                item.get("size")?["N"].as_str()?.to_owned(),
            ))
        })
        .collect();
    let is_there = |event: &String, body: &String| {
        published.get(&*format!("evt#{event}")) == Some(&body.len().to_string())
    };
    let absent = sent
        .bodies
        .iter()
        .filter(|(event, body)| !is_there(event, body));
    let mut wrong: Vec<_> = absent
        .map(|(event, _)| format!("{event} is not published in the ledger"))
        .collect();
    if entries.len() > sent.bodies.len() {
        wrong.push("the ledger has events that were never sent".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestant::{Programs, contestants};
    use crate::delivery::{Mix, deliveries as made};

    /// Sluice's ingest, with an existing program: this one.
    fn ours() -> Contestant {
        let own = std::env::current_exe().expect("this program");
        let programs = Programs {
            ingest: own.clone(),
            payments: own.clone(),
            python: own.clone(),
            node: own.clone(),
            peers: own,
        };
        let found = contestants(&programs, &["ours".to_owned()]);
        found.expect("it is there").remove(0)
    }

    fn sent() -> Deliveries {
        let mix = Mix {
            bytes: 2_100,
            duplicates: 0.3,
            forged: 0.2,
        };
        made(7, 60, mix)
    }

    fn right(sent: &Deliveries) -> Vec<Published> {
        let detail = |body: &str| format!(r#"{{"sluice":{{"body":"inline"}},{}"#, &body[1..]);
        let bodies = sent.bodies.values();
        let published = bodies.map(|body| Published {
            detail_type: KIND.to_owned(),
            detail: detail(body),
        });
        published.collect()
    }

    #[test]
    fn each_event_has_to_be_published_once_and_as_it_was_sent() {
        let (ours, sent) = (ours(), sent());
        let right = right(&sent);
        assert_eq!(misplaced(&ours, &sent, &right), Vec::<String>::new());
        assert_eq!(misplaced(&ours, &sent, &right[1..]).len(), 1);
        let twice = [&right[..], &right[..1]].concat();
        assert_eq!(misplaced(&ours, &sent, &twice).len(), 1);
        let mut altered = right.clone();
        altered[0].detail = altered[0].detail.replace("\"amount\": ", "\"amount\": 1");
        // It is neither the event that was sent, nor any other that was sent.
        assert_eq!(misplaced(&ours, &sent, &altered).len(), 2);
        let other_kind = Published {
            detail_type: "charge.failed".to_owned(),
            ..right[0].clone()
        };
        let mistyped = [&[other_kind], &right[1..]].concat();
        assert_eq!(misplaced(&ours, &sent, &mistyped).len(), 2);
    }

    #[test]
    fn each_delivery_has_to_be_answered_by_what_it_is() {
        let (ours, sent) = (ours(), sent());
        let said = |payload, status: u16, word: &str| Answer {
            payload,
            is_error: false,
            body: json!({ "statusCode": status, "body": json!({ "status": word }).to_string() })
                .to_string()
                .into_bytes(),
        };
        let words = [
            (Kind::New, "accepted", 200),
            (Kind::Duplicate, "duplicate", 200),
            (Kind::Forged, "refused", 400),
        ];
        for (kind, own, own_status) in words {
            let payload = sent
                .kinds
                .iter()
                .position(|(one, _)| *one == kind)
                .expect("one of each");
            assert_eq!(
                misjudged(&ours, &sent, &said(payload, own_status, own)),
                None
            );
            for (_, word, status) in words.iter().filter(|(one, _, _)| *one != kind) {
                assert!(misjudged(&ours, &sent, &said(payload, *status, word)).is_some());
            }
            let failed = Answer {
                is_error: true,
                ..said(payload, own_status, own)
            };
            assert!(misjudged(&ours, &sent, &failed).is_some());
        }
        assert!(misjudged(&ours, &sent, &said(usize::MAX, 200, "accepted")).is_some());
    }

    #[test]
    fn each_event_has_to_be_whole_and_published_in_the_ledger() {
        let sent = sent();
        let entries: Vec<Item> = sent
            .bodies
            .iter()
            .map(|(event, body)| {
                let item = json!({
                    "pk": { "S": format!("evt#{event}") },
                    "sk": { "S": "entry" },
                    "published_at": { "N": "1" },
                    "body": { "B": "" },
                    "size": { "N": body.len().to_string() },
                });
                item.as_object().cloned().expect("an object")
            })
            .collect();
        assert_eq!(misledgered(&sent, &entries), Vec::<String>::new());
        assert_eq!(misledgered(&sent, &entries[1..]).len(), 1);
        for attribute in ["published_at", "body", "size"] {
            let mut without = entries.clone();
            without[0].remove(attribute);
            assert_eq!(misledgered(&sent, &without).len(), 1, "{attribute}");
        }
    }
}
