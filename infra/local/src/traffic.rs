//! The sample traffic: a purchase and a subscription as Stripe delivers them on a bad day, and what became of each
//! delivery.
//!
//! The samples are posted as they stand: their ids belong together and their times are in order, which is what makes the
//! late one late. Each is let through to its domain before the next is posted, so that only the late one is late.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use sluice_stripe::signature::sign;

use crate::event::{Sample, seconds};
use crate::follow::{Follower, Line};
use crate::post::{Answer, Sender};
use crate::problem::Problem;
use crate::stack::Stack;
use crate::table::columns;

/// The longest wait for the domains.
const SETTLE_MAX: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Plain,
    Again,
    Late,
    Forged,
}

impl How {
    fn word(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Again => "again",
            Self::Late => "late",
            Self::Forged => "forged",
        }
    }
}

/// In the order of posting.
const DELIVERIES: &[(&str, How)] = &[
    ("payment_intent.created", How::Plain),
    ("charge.succeeded", How::Plain),
    ("payment_intent.succeeded", How::Plain),
    ("payment_intent.succeeded", How::Again),
    ("checkout.session.completed", How::Plain),
    ("checkout.session.completed", How::Again),
    ("checkout.session.completed", How::Again),
    ("charge.refunded", How::Forged),
    ("customer.subscription.created", How::Plain),
    ("customer.subscription.updated", How::Plain),
    ("customer.subscription.updated", How::Again),
    ("customer.subscription.updated.canceling", How::Plain),
    ("customer.subscription.updated.more-seats", How::Late),
];

struct Delivery {
    name: &'static str,
    id: String,
    how: How,
    at: SystemTime,
    answer: Answer,
}

/// Posts the sample traffic and returns the table of what happened, and the functions' lines that were read on the way.
///
/// # Errors
/// When the door doesn't answer, or a sample is missing.
pub fn run(stack: &Stack, root: &Path, follower: &mut Follower) -> Result<String, Problem> {
    let sender = Sender::to(stack.info());
    let mut deliveries = Vec::new();
    for (name, how) in DELIVERIES {
        let sample = Sample::named(root, name)?;
        let at = SystemTime::now();
        let answer = if *how == How::Forged {
            // What a stranger can do: everything right but the secret.
            let signature = sign(&sample.body, "whsec_guessed", seconds(at));
            sender.post("platform", &sample.body, Some(&signature))?
        } else {
            sender.deliver("platform", &sample.body)?
        };
        settle(stack)?;
        deliveries.push(Delivery {
            name,
            id: sample.id,
            how: *how,
            at,
            answer,
        });
    }
    let outcomes = outcomes(follower)?;
    let mut rows = Vec::new();
    for (index, delivery) in deliveries.iter().enumerate() {
        let state = ledger_state(stack, &delivery.id)?;
        // A domain is handed an event once, by the delivery that was accepted.
        let accepted = delivery.answer.words() == "accepted";
        let line = outcomes.get(&delivery.id).filter(|_| accepted);
        rows.push(row(index + 1, delivery, &state, line));
    }
    let heading = [
        "#", "event", "", "answer", "ms", "ledger", "domain", "outcome", "after ms",
    ];
    Ok(columns(heading, &rows))
}

fn row(number: usize, delivery: &Delivery, state: &str, line: Option<&Line>) -> [String; 9] {
    let Delivery {
        name,
        how,
        at,
        answer,
        ..
    } = delivery;
    let said = |field: &str| {
        line.and_then(|line| line.text(field))
            .unwrap_or("-")
            .to_owned()
    };
    let sent_ms = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let after_ms = line.and_then(|line| u128::try_from(line.at_ms).ok()?.checked_sub(sent_ms));
    [
        number.to_string(),
        (*name).to_owned(),
        how.word().to_owned(),
        format!("{} {}", answer.status, answer.words()),
        answer.took.as_millis().to_string(),
        state.to_owned(),
        line.map_or("-", |line| line.function.as_str()).to_owned(),
        said("outcome"),
        after_ms.map_or("-".to_owned(), |ms| ms.to_string()),
    ]
}

/// Waits until the domains' queues are empty.
fn settle(stack: &Stack) -> Result<(), Problem> {
    let until = Instant::now() + SETTLE_MAX;
    while waiting(stack)? > 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The domains' last line on each event.
fn outcomes(follower: &mut Follower) -> Result<BTreeMap<String, Line>, Problem> {
    // A function's lines are there shortly after its messages are gone.
    thread::sleep(Duration::from_millis(300));
    let lines = follower.poll()?.into_iter();
    let lines = lines.filter(|line| line.text("domain").is_some());
    Ok(lines
        .filter_map(|line| Some((line.text("event")?.to_owned(), line)))
        .collect())
}

/// Messages in the domains' queues, those in work included.
fn waiting(stack: &Stack) -> Result<u64, Problem> {
    let counts = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ];
    let mut waiting = 0;
    let queues = stack
        .info()
        .queues
        .iter()
        .filter(|(name, _)| !name.ends_with("dead_letters"));
    for (_, url) in queues {
        let input = json!({ "QueueUrl": url, "AttributeNames": counts });
        let answer = stack.aws().json("AmazonSQS.GetQueueAttributes", &input)?;
        for count in counts {
            let count = answer["Attributes"][count].as_str().unwrap_or_default();
            waiting += count.parse::<u64>().unwrap_or_default();
        }
    }
    Ok(waiting)
}

fn ledger_state(stack: &Stack, id: &str) -> Result<String, Problem> {
    let table = stack
        .info()
        .tables
        .get("ledger")
        .cloned()
        .unwrap_or_default();
    let key = json!({ "pk": { "S": format!("evt#{id}") }, "sk": { "S": "entry" } });
    let answer = stack.aws().json(
        "DynamoDB_20120810.GetItem",
        &json!({ "TableName": table, "Key": key }),
    )?;
    Ok(state_of(&answer["Item"]).to_owned())
}

fn state_of(entry: &Value) -> &'static str {
    let has = |attribute: &str| entry.get(attribute).is_some();
    match () {
        () if !has("pk") => "nothing",
        () if has("published_at") => "published",
        () if has("ledger_only") => "ledger only",
        () if has("due_at") => "due",
        () => "claimed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_of_the_traffic_exists_and_the_late_one_is_older_than_the_one_before() {
        let root = crate::stack::root();
        let created = |name: &str| {
            let sample = Sample::named(&root, name).expect("the sample is there");
            let body: Value = serde_json::from_slice(&sample.body).expect("it is JSON");
            body["created"]
                .as_i64()
                .expect("a snapshot is created at a second")
        };
        let times: Vec<_> = DELIVERIES
            .iter()
            .map(|(name, how)| (created(name), *how))
            .collect();
        let late = times
            .iter()
            .position(|(_, how)| *how == How::Late)
            .expect("one is late");
        assert!(times[late].0 < times[late - 1].0);
    }

    #[test]
    fn the_ledger_s_state_is_read_from_the_entry_s_attributes() {
        assert_eq!(state_of(&Value::Null), "nothing");
        assert_eq!(state_of(&json!({ "pk": {}, "due_at": {} })), "due");
        assert_eq!(
            state_of(&json!({ "pk": {}, "due_at": {}, "published_at": {} })),
            "published"
        );
        assert_eq!(state_of(&json!({ "pk": {} })), "claimed");
    }
}
