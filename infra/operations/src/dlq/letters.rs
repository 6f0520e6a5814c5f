//! A queue of dead letters: receives what is there, makes it visible again, deletes it.
//!
//! SQS can't list messages. To look at a message is to receive it, which hides it from others for a while
//! ([`HIDDEN_S`]). A plain receive asks some of SQS's servers, and may find nothing in a queue that has messages. A
//! receive that waits ([`WAIT_S`]) asks all of them (SQS developer guide, "short and long polling"). So a queue is read
//! to its end when a receive that waited brings nothing and SQS's own count agrees. If the two disagree for
//! [`AGREE_CALLS`] receives, the messages that SQS still counts are reported as not looked at.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde_json::{Value, json};
use sluice_kernel::bus::detail::{self, Message};
use sluice_kernel::outcome::subject_of_message;

use crate::problem::Problem;
use crate::queues::{self, depth};
use crate::rejected;
use crate::stack::Stack;

/// How long messages are hidden while they are looked at, in seconds.
const HIDDEN_S: u32 = 300;

/// The most messages that are looked at, unless a command says otherwise.
pub const LOOK_MAX: usize = 10_000;

/// How long a receive waits for messages, in seconds: the least that makes SQS ask all of its servers.
const WAIT_S: u32 = 1;

/// How many receives that bring nothing are made in a row while SQS counts messages in the queue. Each waits
/// [`WAIT_S`]; the count lags by about a minute (SQS API, `GetQueueAttributes`).
const AGREE_CALLS: u32 = 60;

/// Messages of one call: SQS's own limit.
const CALL_MESSAGES: usize = 10;

/// The most bytes of the messages that one call sends together. SQS's own limit was this until August 2025, and is 1
/// MiB since. A larger message goes alone.
const CALL_BYTES_MAX: usize = 256 * 1024;

/// A dead letter as it was received.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Letter {
    /// Names it to the queue while it is hidden.
    #[serde(skip)]
    receipt: String,
    /// Names it while it is in this queue.
    #[serde(rename = "message")]
    pub message_id: String,
    /// The queue's message, as it is.
    #[serde(skip)]
    pub text: String,
    /// The event that it names, or the subject that a message without an event is recorded under.
    #[serde(rename = "event")]
    pub subject: String,
    /// Stripe's type; empty if it can't be read.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why it is dead, once that has been looked up; `unknown` if nothing was recorded.
    pub code: String,
    /// Of code and cause; empty if nothing was recorded.
    pub digest: String,
    /// The cause, for people.
    pub cause: String,
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
#[derive(Debug, Default, Serialize)]
pub struct Received {
    /// The letters.
    pub letters: Vec<Letter>,
    /// About how many more there are, beyond those that are looked at; 0 if the queue was read to its end.
    pub left: u64,
    /// About how many were hidden before: another command looks at them, or did within five minutes.
    pub hidden: u64,
}

fn dead<'a>(stack: &'a Stack, domain: &str) -> Result<&'a str, Problem> {
    queues::url(stack, &format!("{domain}_dead_letters"))
}

/// Whether there are dead letters of this name: a domain's, or `rule` and `bus`, which are of no domain.
///
/// # Errors
/// `Usage`, with the names that there are.
pub fn check(stack: &Stack, name: &str) -> Result<(), Problem> {
    let queues = stack.queues.keys();
    let known = queues.filter_map(|queue| queue.strip_suffix("_dead_letters"));
    match known.clone().any(|known| known == name) {
        true => Ok(()),
        false => {
            let known: Vec<_> = known.collect();
            Err(Problem::Usage(format!(
                "there are no dead letters of {name}; there are those of {}",
                known.join(", ")
            )))
        }
    }
}

/// About how many dead letters wait, and how many are hidden just now, as SQS counts.
pub(crate) async fn counts(stack: &Stack, domain: &str) -> Result<(u64, u64), Problem> {
    depth(stack, dead(stack, domain)?).await
}

/// A queue that can be received from and counted.
trait Letters {
    /// Up to `count` letters, hidden from others for this number of seconds.
    async fn some(&self, count: usize, hidden_s: u32) -> Result<Vec<Letter>, Problem>;

    /// About how many wait.
    async fn waiting(&self) -> Result<u64, Problem>;
}

struct Queue<'a> {
    stack: &'a Stack,
    url: &'a str,
}

impl Letters for Queue<'_> {
    async fn some(&self, count: usize, hidden_s: u32) -> Result<Vec<Letter>, Problem> {
        let input = request(self.url, count, hidden_s);
        let aws = &self.stack.aws;
        let answer = aws.json("AmazonSQS.ReceiveMessage", &input).await?;
        let messages = answer["Messages"].as_array().into_iter().flatten();
        Ok(messages.map(letter).collect())
    }

    async fn waiting(&self) -> Result<u64, Problem> {
        Ok(depth(self.stack, self.url).await?.0)
    }
}

fn request(url: &str, count: usize, hidden_s: u32) -> Value {
    json!({
        "QueueUrl": url, "MaxNumberOfMessages": count, "VisibilityTimeout": hidden_s, "WaitTimeSeconds": WAIT_S,
    })
}

/// Receives what is there, but at most `max`. `progress` gets the number of letters received up to then.
pub(crate) async fn receive(
    stack: &Stack,
    domain: &str,
    max: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Received, Problem> {
    let url = dead(stack, domain)?;
    let (_, hidden) = depth(stack, url).await?;
    let queue = Queue { stack, url };
    let (letters, left) = all(&queue, max, progress).await?;
    Ok(Received {
        letters,
        left,
        hidden,
    })
}

/// The letters, and about how many more there are.
async fn all(
    queue: &impl Letters,
    max: usize,
    mut progress: impl FnMut(usize),
) -> Result<(Vec<Letter>, u64), Problem> {
    let mut letters: Vec<Letter> = Vec::new();
    let mut places = BTreeMap::new();
    let mut in_vain = 0;
    while letters.len() < max {
        let count = CALL_MESSAGES.min(max - letters.len());
        let before = letters.len();
        for letter in queue.some(count, HIDDEN_S).await? {
            // If looking took longer than it was hidden, a letter comes again under another receipt.
            match places.get(&letter.message_id) {
                Some(&at) => letters[at] = letter,
                None => {
                    places.insert(letter.message_id.clone(), letters.len());
                    letters.push(letter);
                }
            }
        }
        progress(letters.len());
        if letters.len() > before {
            in_vain = 0;
            continue;
        }
        in_vain += 1;
        let left = queue.waiting().await?;
        if left == 0 || in_vain == AGREE_CALLS {
            return Ok((letters, left));
        }
    }
    // If a letter is there, at least one is left: the count lags.
    let there = !queue.some(1, 0).await?.is_empty();
    let left = queue.waiting().await?.max(u64::from(there));
    Ok((letters, left))
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

/// Sets the cause of each letter, by what this domain recorded of it.
pub(super) async fn explain(
    stack: &Stack,
    domain: &str,
    letters: &mut [Letter],
) -> Result<(), Problem> {
    let subjects = letters.iter().map(|letter| letter.subject.as_str());
    let recorded = rejected::of(stack, domain, subjects).await?;
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

/// The letters that go into one call each, by their indices: at most ten, and no more bytes together than SQS takes.
pub(super) fn calls(sizes: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut calls: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (at, size) in sizes.into_iter().enumerate() {
        match calls.last_mut() {
            Some(call) if call.len() < CALL_MESSAGES && bytes + size <= CALL_BYTES_MAX => {
                call.end = at + 1;
                bytes += size;
            }
            _ => {
                calls.push(at..at + 1);
                bytes = size;
            }
        }
    }
    calls
}

/// One call for these letters; returns the indices that the answer calls successful.
async fn one_call(
    stack: &Stack,
    target: &str,
    url: &str,
    letters: &[Letter],
    entry: impl Fn(&Letter) -> Value,
) -> Result<Vec<usize>, Problem> {
    let entries = letters.iter().enumerate().map(|(n, letter)| {
        let mut entry = entry(letter);
        entry["Id"] = json!(n.to_string());
        entry
    });
    let input = json!({ "QueueUrl": url, "Entries": entries.collect::<Vec<_>>() });
    let answer = stack.aws.json(target, &input).await?;
    let ids = answer["Successful"].as_array().into_iter().flatten();
    let ids = ids.filter_map(|entry| entry["Id"].as_str()?.parse::<usize>().ok());
    Ok(ids.collect())
}

/// Sends these letters, which [`calls`] put together, to a domain's queue; returns those that it took.
pub(super) async fn send(
    stack: &Stack,
    domain: &str,
    letters: &[Letter],
) -> Result<Vec<Letter>, Problem> {
    let url = queues::url(stack, domain)?;
    let entry = |letter: &Letter| json!({ "MessageBody": letter.text });
    let sent = one_call(stack, "AmazonSQS.SendMessageBatch", url, letters, entry).await?;
    let sent = sent.into_iter().filter_map(|n| letters.get(n).cloned());
    Ok(sent.collect())
}

/// Makes the letters visible again.
pub(crate) async fn release(
    stack: &Stack,
    domain: &str,
    letters: &[Letter],
) -> Result<(), Problem> {
    let url = dead(stack, domain)?;
    let entry =
        |letter: &Letter| json!({ "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0 });
    let target = "AmazonSQS.ChangeMessageVisibilityBatch";
    for some in letters.chunks(CALL_MESSAGES) {
        one_call(stack, target, url, some, entry).await?;
    }
    Ok(())
}

/// Deletes the letters; returns how many.
pub(crate) async fn delete(
    stack: &Stack,
    domain: &str,
    letters: &[Letter],
) -> Result<usize, Problem> {
    let url = dead(stack, domain)?;
    let entry = |letter: &Letter| json!({ "ReceiptHandle": letter.receipt });
    let target = "AmazonSQS.DeleteMessageBatch";
    let mut deleted = 0;
    for some in letters.chunks(CALL_MESSAGES) {
        deleted += one_call(stack, target, url, some, entry).await?.len();
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A queue of `letters` letters. It answers `silences` times that it has none before it gives one, and counts
    /// `extra` more.
    struct Shy {
        letters: Cell<u64>,
        silences: u32,
        silent: Cell<u32>,
        extra: u64,
    }

    impl Shy {
        fn of(letters: u64, silences: u32, extra: u64) -> Self {
            Self {
                letters: Cell::new(letters),
                silences,
                silent: Cell::new(0),
                extra,
            }
        }
    }

    impl Letters for Shy {
        async fn some(&self, count: usize, hidden_s: u32) -> Result<Vec<Letter>, Problem> {
            let there = self.letters.get();
            if there == 0 || count == 0 || self.silent.get() < self.silences {
                self.silent.set(self.silent.get() + 1);
                return Ok(Vec::new());
            }
            self.silent.set(0);
            self.letters.set(there - u64::from(hidden_s > 0));
            Ok(vec![Letter {
                message_id: there.to_string(),
                ..Letter::default()
            }])
        }

        async fn waiting(&self) -> Result<u64, Problem> {
            Ok(self.letters.get() + self.extra)
        }
    }

    async fn received(queue: Shy, max: usize) -> (usize, u64) {
        let (letters, left) = all(&queue, max, |_| {}).await.expect("received");
        (letters.len(), left)
    }

    #[tokio::test]
    async fn a_queue_is_asked_until_its_count_agrees_however_often_it_says_that_it_is_empty() {
        assert_eq!(received(Shy::of(3, AGREE_CALLS - 1, 0), 10).await, (3, 0));
        assert_eq!(received(Shy::of(0, 0, 0), 10).await, (0, 0));
    }

    #[tokio::test]
    async fn what_a_queue_counts_and_never_gives_is_reported_as_left() {
        assert_eq!(received(Shy::of(2, AGREE_CALLS, 0), 10).await, (0, 2));
        assert_eq!(received(Shy::of(1, 0, 1), 10).await, (1, 1));
    }

    #[tokio::test]
    async fn letters_beyond_those_that_are_looked_at_are_counted() {
        assert_eq!(received(Shy::of(5, 0, 0), 3).await, (3, 2));
        assert_eq!(received(Shy::of(3, 0, 0), 3).await, (3, 0));
    }

    #[test]
    fn a_receive_waits_so_that_all_of_sqs_s_servers_are_asked() {
        let wait = &request("u", 10, HIDDEN_S)["WaitTimeSeconds"];
        assert!(wait.as_u64().is_some_and(|seconds| seconds > 0), "{wait}");
    }

    #[test]
    fn a_call_has_at_most_ten_letters() {
        assert_eq!(calls(vec![1; 23]), [0..10, 10..20, 20..23]);
        assert!(calls([]).is_empty());
    }

    #[test]
    fn a_call_has_no_more_bytes_than_sqs_takes_and_a_larger_letter_goes_alone() {
        let half = CALL_BYTES_MAX / 2;
        assert_eq!(calls([half, half, 1]), [0..2, 2..3]);
        assert_eq!(calls([half + 1, half]), [0..1, 1..2]);
        assert_eq!(calls([1, CALL_BYTES_MAX + 1, 1]), [0..1, 1..2, 2..3]);
    }
}
