//! `sluice dlq`: a domain's dead letters, by cause: seen, moved back, or given up.
//!
//! A dead letter's cause is what its domain recorded near its last receive (`failing` in the table of outcomes); where it
//! recorded nothing, it is `unknown`. Messages are received, so they are hidden from others while a command looks at them
//! ([`HIDDEN_S`]); what isn't moved or discarded is shown again at the end.
//!
//! Moving back is: send to the domain's queue, then delete. A crash in between leaves the message in both, which the
//! domain takes as what it is: the same event twice. It needs no StartMessageMoveTask, and so has filters and a bound.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_kernel::clock::Clock;
use sluice_kernel::detail::{self, Message};
use sluice_kernel::outcome::{is_check, subject_of_message};
use sluice_kernel::replay::Entries;

use crate::context::Context;
use crate::output::{Cell, counted, fields, table};
use crate::problem::Problem;
use crate::rejected::{self, Filter};
use crate::replay::pending_effects;

/// For how long messages are hidden while they are looked at, in seconds.
const HIDDEN_S: u32 = 300;

/// The most messages that are looked at.
const LOOK_MAX: usize = 10_000;

/// How often in a row a queue says that it is empty before that is believed: SQS asks a part of its servers.
const EMPTY_ANSWERS: u32 = 3;

/// Messages of one call: SQS's own limit.
const CALL_MESSAGES: usize = 10;

/// How long the record of what was discarded is kept, in seconds.
const KEEP_S: i64 = 35 * 86_400;

/// Of which queue, and which of its messages.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// The domain whose dead letters they are.
    domain: String,
    /// Of this code only; `unknown` where nothing was recorded.
    #[arg(long)]
    code: Option<String>,
    /// Of this digest of code and cause only.
    #[arg(long)]
    digest: Option<String>,
    /// Of this event only.
    #[arg(long, value_name = "EVT")]
    event: Option<String>,
    /// Of this type only.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Dead letters by cause, of every domain or of one.
    #[command(after_help = "Examples:\n  sluice dlq list\n  sluice dlq list billing --json")]
    List {
        /// This domain's only.
        domain: Option<String>,
    },
    /// Each dead letter with its cause.
    #[command(after_help = "Example: sluice dlq show billing --code stripe.unavailable")]
    Show(Wanted),
    /// Moves dead letters back to their queue. Says what it would do, unless --yes is given.
    #[command(
        after_help = "Example: sluice dlq redrive billing --code projection.unavailable --max 100 --yes"
    )]
    Redrive {
        #[command(flatten)]
        wanted: Wanted,
        /// Move this many at most.
        #[arg(long, default_value_t = 1_000)]
        max: usize,
        /// Who, for the record; by default the user of this machine.
        #[arg(long, env = "USER", default_value = "unknown", hide_env_values = true)]
        who: String,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// Gives dead letters up. Their bodies stay on the ledger; refused while effects of their object are pending.
    #[command(
        after_help = "Example: sluice dlq discard billing --event evt_1 --why 'test data' --yes"
    )]
    Discard {
        #[command(flatten)]
        wanted: Wanted,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Who, for the record; by default the user of this machine.
        #[arg(long, env = "USER", default_value = "unknown", hide_env_values = true)]
        who: String,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

/// A dead letter as it was received, with its cause.
#[derive(Debug, Clone)]
struct Letter {
    receipt: String,
    message_id: String,
    text: String,
    subject: String,
    kind: String,
    code: String,
    digest: String,
    cause: String,
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::List { domain } => list(context, domain.as_deref()).await,
        Command::Show(wanted) => {
            let letters = receive(context, &wanted.domain).await?;
            release(context, &wanted.domain, &letters).await?;
            let letters: Vec<_> = letters
                .iter()
                .filter(|letter| takes(&wanted, letter))
                .collect();
            letters.iter().try_for_each(|letter| show(context, letter))
        }
        Command::Redrive {
            wanted,
            max,
            who,
            yes,
        } => {
            let (chosen, others) = choose(context, &wanted, max).await?;
            release(context, &wanted.domain, &others).await?;
            if !yes {
                release(context, &wanted.domain, &chosen).await?;
                return done(
                    context,
                    "would_redrive",
                    chosen.len(),
                    "would be moved back; --yes does it",
                );
            }
            let moved = redrive(context, &wanted.domain, &chosen, &who).await?;
            done(context, "redriven", moved, "moved back")?;
            match chosen.len() - moved {
                0 => Ok(()),
                left => Err(Problem::Partly(format!(
                    "{left} could not be moved, and stay"
                ))),
            }
        }
        Command::Discard {
            wanted,
            why,
            who,
            yes,
        } => {
            if why.trim().is_empty() {
                return Err(Problem::Usage("--why wants a reason".to_owned()));
            }
            let (chosen, others) = choose(context, &wanted, LOOK_MAX).await?;
            release(context, &wanted.domain, &others).await?;
            if !yes {
                release(context, &wanted.domain, &chosen).await?;
                return done(
                    context,
                    "would_discard",
                    chosen.len(),
                    "would be given up; --yes does it",
                );
            }
            discard(context, &wanted.domain, &chosen, &who, &why).await
        }
    }
}

/// Dead letters that are somebody's, by event id and text, of every domain and of the rules; deleted, or only counted. For
/// erasure: nothing of them is kept.
pub(crate) async fn of_events(
    context: &Context,
    is_theirs: impl Fn(&str, &str) -> bool,
    does_it: bool,
) -> Result<usize, Problem> {
    let mut count = 0;
    for domain in context.domains().chain(["rule"]) {
        let letters = receive(context, domain).await?;
        let (theirs, others): (Vec<_>, Vec<_>) = letters
            .into_iter()
            .partition(|letter| is_theirs(&letter.subject, &letter.text));
        release(context, domain, &others).await?;
        count += match does_it {
            true => delete(context, domain, &theirs).await?,
            false => {
                release(context, domain, &theirs).await?;
                theirs.len()
            }
        };
    }
    Ok(count)
}

fn done(context: &Context, name: &str, count: usize, words: &str) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context.out.value(&json!({ name: count })),
        false => context
            .out
            .line(format!("{} {words}", counted(count, "dead letter"))),
    }
}

fn takes(wanted: &Wanted, letter: &Letter) -> bool {
    let is =
        |wanted: &Option<String>, there: &str| wanted.as_deref().is_none_or(|one| one == there);
    is(&wanted.code, &letter.code)
        && is(&wanted.digest, &letter.digest)
        && is(&wanted.event, &letter.subject)
        && is(&wanted.kind, &letter.kind)
}

/// The wanted letters, and the others.
async fn choose(
    context: &Context,
    wanted: &Wanted,
    max: usize,
) -> Result<(Vec<Letter>, Vec<Letter>), Problem> {
    let letters = receive(context, &wanted.domain).await?;
    let (mut chosen, mut others): (Vec<_>, Vec<_>) = letters
        .into_iter()
        .partition(|letter| takes(wanted, letter));
    others.extend(chosen.split_off(chosen.len().min(max)));
    Ok((chosen, others))
}

fn queue<'a>(context: &'a Context, name: &str) -> Result<&'a str, Problem> {
    let found = context.queues.get(name).map(String::as_str);
    found.ok_or_else(|| {
        Problem::NotFound(format!("the stack {} has no queue {name}", context.stack))
    })
}

fn dead(domain: &str) -> String {
    format!("{domain}_dead_letters")
}

/// Receives what is there, with causes.
async fn receive(context: &Context, domain: &str) -> Result<Vec<Letter>, Problem> {
    let url = queue(context, &dead(domain))?;
    let mut recorded = BTreeMap::new();
    for record in rejected::records(context, &Filter::default()).await? {
        if record.domain == domain {
            recorded.insert(record.subject.clone(), record);
        }
    }
    let mut letters: Vec<Letter> = Vec::new();
    let mut empty = 0;
    while empty < EMPTY_ANSWERS && letters.len() < LOOK_MAX {
        let input = json!({ "QueueUrl": url, "MaxNumberOfMessages": CALL_MESSAGES, "VisibilityTimeout": HIDDEN_S });
        let answer = context.aws.json("AmazonSQS.ReceiveMessage", &input).await?;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        empty = if messages.is_empty() { empty + 1 } else { 0 };
        for message in messages {
            let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            let body = text("Body");
            let read = match detail::read(&body) {
                Ok(message) => Some(message),
                Err(unread) => unread.named.map(|message| *message),
            };
            let subject = read.as_ref().map(Message::subject);
            let subject = subject.unwrap_or_else(|| subject_of_message(&body));
            let record = recorded.get(&subject);
            letters.push(Letter {
                receipt: text("ReceiptHandle"),
                message_id: text("MessageId"),
                kind: read.map(|message| message.kind).unwrap_or_default(),
                code: record.map_or("unknown", |record| &record.code).to_owned(),
                digest: record
                    .map(|record| record.digest.clone())
                    .unwrap_or_default(),
                cause: record
                    .map(|record| record.cause.clone())
                    .unwrap_or_default(),
                text: body,
                subject,
            });
        }
    }
    Ok(letters)
}

/// A call for each ten letters; returns the indices that the answers call successful.
async fn in_tens(
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
async fn release(context: &Context, domain: &str, letters: &[Letter]) -> Result<(), Problem> {
    let url = queue(context, &dead(domain))?;
    let entry =
        |letter: &Letter| json!({ "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0 });
    in_tens(
        context,
        "AmazonSQS.ChangeMessageVisibilityBatch",
        url,
        letters,
        entry,
    )
    .await?;
    Ok(())
}

async fn delete(context: &Context, domain: &str, letters: &[Letter]) -> Result<usize, Problem> {
    let url = queue(context, &dead(domain))?;
    let entry = |letter: &Letter| json!({ "ReceiptHandle": letter.receipt });
    Ok(
        in_tens(context, "AmazonSQS.DeleteMessageBatch", url, letters, entry)
            .await?
            .len(),
    )
}

/// Moves letters back; returns how many. What was sent and couldn't be deleted counts: it is in both.
async fn redrive(
    context: &Context,
    domain: &str,
    letters: &[Letter],
    who: &str,
) -> Result<usize, Problem> {
    let source = queue(context, domain)?;
    let mut moved = 0;
    for some in letters.chunks(CALL_MESSAGES) {
        let entry = |letter: &Letter| json!({ "MessageBody": letter.text });
        let sent = in_tens(context, "AmazonSQS.SendMessageBatch", source, some, entry).await?;
        let sent: Vec<_> = sent
            .into_iter()
            .filter_map(|n| some.get(n).cloned())
            .collect();
        for letter in &sent {
            let words = ["redriven", who, "moved back from the dead letters"];
            note(context, domain, letter, words, SystemClock.now_ms()).await?;
        }
        delete(context, domain, &sent).await?;
        moved += sent.len();
    }
    Ok(moved)
}

async fn list(context: &Context, domain: Option<&str>) -> Result<(), Problem> {
    let domains: Vec<&str> = match domain {
        Some(domain) => vec![domain],
        None => context.domains().collect(),
    };
    let mut rows = Vec::new();
    for domain in domains {
        let letters = receive(context, domain).await?;
        release(context, domain, &letters).await?;
        let mut groups: BTreeMap<(&str, &str), (usize, &Letter)> = BTreeMap::new();
        for letter in &letters {
            groups
                .entry((&letter.code, &letter.digest))
                .or_insert((0, letter))
                .0 += 1;
        }
        for ((code, digest), (count, letter)) in groups {
            if context.out.is_json() {
                context.out.value(&json!({
                    "domain": domain, "code": code, "digest": digest, "count": count, "cause": letter.cause,
                    "example": letter.subject,
                }))?;
            }
            rows.push(
                [
                    domain,
                    &count.to_string(),
                    code,
                    digest,
                    &letter.subject,
                    &letter.cause,
                ]
                .map(Cell::from),
            );
        }
    }
    match context.out.is_json() {
        true => Ok(()),
        false if rows.is_empty() => context.out.line("There are no dead letters."),
        false => context.out.text(table(
            ["domain", "letters", "code", "digest", "example", "cause"],
            &rows,
        )),
    }
}

fn show(context: &Context, letter: &Letter) -> Result<(), Problem> {
    if context.out.is_json() {
        return context.out.value(&json!({
            "event": letter.subject, "type": letter.kind, "message": letter.message_id, "code": letter.code,
            "digest": letter.digest, "cause": letter.cause,
        }));
    }
    context.out.text(fields(
        &letter.subject,
        &[
            ("type", letter.kind.clone()),
            ("message", letter.message_id.clone()),
            ("code", format!("{} {}", letter.code, letter.digest)),
            ("cause", letter.cause.clone()),
        ],
    ))
}

async fn discard(
    context: &Context,
    domain: &str,
    letters: &[Letter],
    who: &str,
    why: &str,
) -> Result<(), Problem> {
    let ledger = DynamoLedger::new(
        context.aws.sdk(),
        context.table("ledger")?.to_owned(),
        SystemClock,
    );
    let (mut discarded, mut refused) = (0, Vec::new());
    for letter in letters {
        let now_ms = SystemClock.now_ms();
        if let Ok(message) = detail::read(&letter.text) {
            let pending = pending_effects(context, &ledger, domain, message).await?;
            if pending > 0 {
                refused.push(format!(
                    "{}: {pending} effects of its object are pending; redrive it",
                    letter.subject
                ));
                release(context, domain, std::slice::from_ref(letter)).await?;
                continue;
            }
        }
        let ids = std::slice::from_ref(&letter.subject);
        let there = ledger.entries(ids, now_ms).await?.pop().flatten();
        // A check has no body: its subject says whose object it asks about.
        if !is_check(&letter.subject) && there.is_none_or(|(_, body)| body.is_none()) {
            keep(context, letter, now_ms).await?;
        }
        let words = ["discarded", who, why];
        note(context, domain, letter, words, now_ms).await?;
        discarded += delete(context, domain, std::slice::from_ref(letter)).await?;
    }
    done(context, "discarded", discarded, "given up")?;
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Problem::Partly(refused.join("\n"))),
    }
}

/// Keeps a message whose body the ledger doesn't have, as it is.
async fn keep(context: &Context, letter: &Letter, now_ms: i64) -> Result<(), Problem> {
    let input = json!({ "TableName": context.table("ledger")?, "Item": {
        "pk": { "S": format!("evt#{}", letter.subject) },
        "sk": { "S": format!("discarded#{}", letter.message_id) },
        "message": { "S": letter.text },
        "expires_at": { "N": (now_ms / 1_000 + KEEP_S).to_string() },
    } });
    context
        .aws
        .json("DynamoDB_20120810.PutItem", &input)
        .await?;
    Ok(())
}

/// Records what was done with it, by whom, and why.
async fn note(
    context: &Context,
    domain: &str,
    letter: &Letter,
    [what, who, why]: [&str; 3],
    now_ms: i64,
) -> Result<(), Problem> {
    let input = json!({ "TableName": context.table("outcomes")?, "Item": {
        "pk": { "S": format!("evt#{}", letter.subject) },
        "sk": { "S": format!("{what}#{domain}") },
        "outcome": { "S": what }, "domain": { "S": domain },
        "code": { "S": letter.code }, "cause": { "S": letter.cause },
        "who": { "S": who }, "why": { "S": why },
        "at": { "N": now_ms.to_string() },
        "expires_at": { "N": (now_ms / 1_000 + KEEP_S).to_string() },
    } });
    context
        .aws
        .json("DynamoDB_20120810.PutItem", &input)
        .await?;
    Ok(())
}
