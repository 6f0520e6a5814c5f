//! A queue of dead letters: receiving what is there, showing it again, deleting.
//!
//! SQS has no way to look: a message is received, and hidden from others for a while ([`HIDDEN_S`]).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_kernel::detail::{self, Message};
use sluice_kernel::outcome::subject_of_message;

use crate::context::Context;
use crate::problem::Problem;
use crate::rejected::{self, Filter};
use crate::status::depth;

/// For how long messages are hidden while they are looked at, in seconds.
const HIDDEN_S: u32 = 300;

/// The most messages that are looked at, unless a command says otherwise.
pub(crate) const LOOK_MAX: usize = 10_000;

/// How often in a row a queue says that it is empty before that is believed: SQS asks a part of its servers.
const EMPTY_ANSWERS: u32 = 3;

/// Messages of one call: SQS's own limit.
pub(super) const CALL_MESSAGES: usize = 10;

/// A dead letter as it was received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letter {
    receipt: String,
    pub(super) message_id: String,
    /// The queue's message, as it is.
    pub(crate) text: String,
    /// The event that it names, or what a message that names none is recorded under.
    pub(crate) subject: String,
    /// Stripe's type, where it can be read.
    pub(crate) kind: String,
    /// Why, once it was asked for ([`explain`]); `unknown` where nothing was recorded.
    pub(super) code: String,
    pub(super) digest: String,
    pub(super) cause: String,
}

#[cfg(test)]
impl Letter {
    /// A letter as a test needs it.
    pub(crate) fn for_tests(subject: &str, text: String) -> Self {
        Self {
            subject: subject.to_owned(),
            text,
            ..Self::default()
        }
    }
}

/// What was received.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) letters: Vec<Letter>,
    /// About how many more there are, beyond those that are looked at; 0 where the queue was read to its end.
    pub(crate) left: u64,
}

/// The queue's URL.
pub(super) fn queue<'a>(context: &'a Context, name: &str) -> Result<&'a str, Problem> {
    let found = context.queues.get(name).map(String::as_str);
    found.ok_or_else(|| {
        Problem::NotFound(format!("the stack {} has no queue {name}", context.stack))
    })
}

fn dead<'a>(context: &'a Context, domain: &str) -> Result<&'a str, Problem> {
    queue(context, &format!("{domain}_dead_letters"))
}

/// How many dead letters are hidden just now, because another command looks at them or did within [`HIDDEN_S`].
pub(crate) async fn hidden(context: &Context, domain: &str) -> Result<u64, Problem> {
    let (_, in_flight) = depth(context, dead(context, domain)?).await?;
    Ok(in_flight)
}

/// Receives what is there, but no more than `max`.
pub(crate) async fn receive(
    context: &Context,
    domain: &str,
    max: usize,
) -> Result<Received, Problem> {
    let url = dead(context, domain)?;
    let mut letters: Vec<Letter> = Vec::new();
    let mut places = BTreeMap::new();
    let mut empty = 0;
    while empty < EMPTY_ANSWERS && letters.len() < max {
        let count = CALL_MESSAGES.min(max - letters.len());
        let before = letters.len();
        for letter in call(context, url, count, HIDDEN_S).await? {
            // One that took longer to look at than it was hidden comes again, under another receipt.
            match places.get(&letter.message_id) {
                Some(&at) => letters[at] = letter,
                None => {
                    places.insert(letter.message_id.clone(), letters.len());
                    letters.push(letter);
                }
            }
        }
        let is_news = letters.len() > before;
        empty = if is_news { 0 } else { empty + 1 };
    }
    let mut received = Received { letters, left: 0 };
    if received.letters.len() == max {
        received.left = left(context, url).await?;
    }
    Ok(received)
}

/// About how many letters can be received now; at least one where one is.
async fn left(context: &Context, url: &str) -> Result<u64, Problem> {
    for _ in 0..EMPTY_ANSWERS {
        if !call(context, url, 1, 0).await?.is_empty() {
            let (waiting, _) = depth(context, url).await?;
            return Ok(waiting.max(1));
        }
    }
    Ok(0)
}

async fn call(
    context: &Context,
    url: &str,
    count: usize,
    hidden_s: u32,
) -> Result<Vec<Letter>, Problem> {
    let input =
        json!({ "QueueUrl": url, "MaxNumberOfMessages": count, "VisibilityTimeout": hidden_s });
    let answer = context.aws.json("AmazonSQS.ReceiveMessage", &input).await?;
    let messages = answer["Messages"].as_array().into_iter().flatten();
    Ok(messages.map(letter).collect())
}

fn letter(message: &Value) -> Letter {
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let body = text("Body");
    let read = match detail::read(&body) {
        Ok(message) => Some(message),
        Err(unread) => unread.named.map(|message| *message),
    };
    let subject = read.as_ref().map(Message::subject);
    Letter {
        receipt: text("ReceiptHandle"),
        message_id: text("MessageId"),
        subject: subject.unwrap_or_else(|| subject_of_message(&body)),
        kind: read.map(|message| message.kind).unwrap_or_default(),
        text: body,
        ..Letter::default()
    }
}

/// Says of each why it is dead, by what its domain recorded.
pub(super) async fn explain(
    context: &Context,
    domain: &str,
    letters: &mut [Letter],
) -> Result<(), Problem> {
    let mut recorded = BTreeMap::new();
    for record in rejected::records(context, &Filter::default()).await? {
        if record.domain == domain {
            recorded.insert(record.subject.clone(), record);
        }
    }
    for letter in letters {
        let record = recorded.get(&letter.subject);
        letter.code = record.map_or("unknown", |record| &record.code).to_owned();
        if let Some(record) = record {
            letter.digest.clone_from(&record.digest);
            letter.cause.clone_from(&record.cause);
        }
    }
    Ok(())
}

/// A call for each ten letters; returns the indices that the answers call successful.
pub(super) async fn in_tens(
    context: &Context,
    target: &str,
    url: &str,
    letters: &[Letter],
    entry: impl Fn(&Letter) -> Value,
) -> Result<Vec<usize>, Problem> {
    let mut good = Vec::new();
    for (ten, some) in letters.chunks(CALL_MESSAGES).enumerate() {
        let entries: Vec<_> = some
            .iter()
            .enumerate()
            .map(|(n, letter)| {
                let mut entry = entry(letter);
                entry["Id"] = json!(n.to_string());
                entry
            })
            .collect();
        let input = json!({ "QueueUrl": url, "Entries": entries });
        let answer = context.aws.json(target, &input).await?;
        let ids = answer["Successful"].as_array().into_iter().flatten();
        let ids = ids.filter_map(|entry| entry["Id"].as_str()?.parse::<usize>().ok());
        good.extend(ids.map(|n| ten * CALL_MESSAGES + n));
    }
    Ok(good)
}

/// Shows the letters to others again.
pub(crate) async fn release(
    context: &Context,
    domain: &str,
    letters: &[Letter],
) -> Result<(), Problem> {
    let url = dead(context, domain)?;
    let entry =
        |letter: &Letter| json!({ "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0 });
    let target = "AmazonSQS.ChangeMessageVisibilityBatch";
    in_tens(context, target, url, letters, entry).await?;
    Ok(())
}

/// Deletes the letters; returns how many.
pub(crate) async fn delete(
    context: &Context,
    domain: &str,
    letters: &[Letter],
) -> Result<usize, Problem> {
    let url = dead(context, domain)?;
    let entry = |letter: &Letter| json!({ "ReceiptHandle": letter.receipt });
    let target = "AmazonSQS.DeleteMessageBatch";
    Ok(in_tens(context, target, url, letters, entry).await?.len())
}
