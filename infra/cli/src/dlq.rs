//! `sluice dlq`: a domain's dead letters, by cause: seen, moved back, or given up.
//!
//! A dead letter's cause is what its domain recorded near its last receive (`failing` in the table of outcomes); where it
//! recorded nothing, it is `unknown`. Messages are received, so they are hidden from others while a command looks at them
//! ([`letters`]); what isn't moved or discarded is shown again at the end.
//!
//! Moving back is: send to the domain's queue, then delete. A crash in between leaves the message in both, which the
//! domain takes as what it is: the same event twice. It needs no StartMessageMoveTask, and so has filters and a bound.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_kernel::clock::Clock;

use crate::context::Context;
use crate::output::{Cell, counted, fields, table};
use sluice_operations::problem::Problem;

#[path = "../../operations/src/dlq/discard.rs"]
mod discard;
#[path = "../../operations/src/dlq/letters.rs"]
pub(crate) mod letters;

use letters::{LOOK_MAX, Letter, Received, Recorded};
use letters::{calls, delete, receive, release, send};

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
        /// Also those of which it can't be told whether effects of their object are pending: messages that can't be read.
        #[arg(long)]
        unchecked: bool,
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

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    let domain = match &command {
        Command::List { domain } => domain.as_deref(),
        Command::Show(wanted)
        | Command::Redrive { wanted, .. }
        | Command::Discard { wanted, .. } => Some(wanted.domain.as_str()),
    };
    if let Some(domain) = domain {
        letters::check(context, domain)?;
    }
    match command {
        Command::List { domain } => list(context, domain.as_deref()).await,
        Command::Show(wanted) => {
            let letters = look(context, &wanted.domain, true).await?.letters;
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
            unchecked,
            why,
            who,
            yes,
        } => {
            if why.trim().is_empty() {
                return Err(Problem::Usage("--why wants a reason".to_owned()));
            }
            let (chosen, others) = choose(context, &wanted, LOOK_MAX).await?;
            release(context, &wanted.domain, &others).await?;
            let how = discard::How {
                yes,
                unchecked,
                who: &who,
                why: &why,
            };
            discard::discard(context, &wanted.domain, &chosen, how).await
        }
    }
}

fn done(context: &Context, name: &str, count: usize, words: &str) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context.out.value(&json!({ name: count })),
        false => context
            .out
            .line(format!("{} {words}", counted(count, "dead letter"))),
    }
}

/// The letters of a domain with their causes, shown to others again at once or not. Says how many there are beside them: more
/// than are looked at, or hidden just now.
async fn look(context: &Context, domain: &str, releases: bool) -> Result<Received, Problem> {
    let recorded = Recorded::of(context, domain).await?;
    let mut received = receive(context, domain, LOOK_MAX).await?;
    if releases {
        release(context, domain, &received.letters).await?;
    }
    recorded.explain(&mut received.letters);
    let (left, hidden) = (received.left, received.hidden);
    if context.out.is_json() {
        if left + hidden > 0 {
            let line = json!({ "domain": domain, "not_looked_at": left, "hidden": hidden });
            context.out.value(&line)?;
        }
        return Ok(received);
    }
    if left > 0 {
        let said = format!("{domain}: about {left} letters were not looked at.");
        context.out.line(said)?;
    }
    if hidden > 0 {
        let said = format!(
            "{domain}: about {hidden} letters are hidden by another command; again in five minutes."
        );
        context.out.line(said)?;
    }
    Ok(received)
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
    let letters = look(context, &wanted.domain, false).await?.letters;
    let (mut chosen, mut others): (Vec<_>, Vec<_>) = letters
        .into_iter()
        .partition(|letter| takes(wanted, letter));
    others.extend(chosen.split_off(chosen.len().min(max)));
    Ok((chosen, others))
}

/// Moves letters back; returns how many. What was sent and couldn't be deleted counts: it is in both.
async fn redrive(
    context: &Context,
    domain: &str,
    letters: &[Letter],
    who: &str,
) -> Result<usize, Problem> {
    let mut moved = 0;
    for call in calls(letters.iter().map(|letter| letter.text.len())) {
        let sent = send(context, domain, &letters[call]).await?;
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
        None => context.stack.domains().collect(),
    };
    let (mut rows, mut more) = (Vec::new(), false);
    for domain in domains {
        let Received {
            letters,
            left,
            hidden,
        } = look(context, domain, true).await?;
        more |= left + hidden > 0;
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
        false if rows.is_empty() && !more => context.out.line("There are no dead letters."),
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

/// Records what was done with it, by whom, and why.
async fn note(
    context: &Context,
    domain: &str,
    letter: &Letter,
    [what, who, why]: [&str; 3],
    now_ms: i64,
) -> Result<(), Problem> {
    let input = json!({ "TableName": context.stack.table("outcomes")?, "Item": {
        "pk": { "S": format!("evt#{}", letter.subject) },
        "sk": { "S": format!("{what}#{domain}") },
        "outcome": { "S": what }, "domain": { "S": domain },
        "code": { "S": letter.code }, "cause": { "S": letter.cause },
        "who": { "S": who }, "why": { "S": why },
        "at": { "N": now_ms.to_string() },
        "expires_at": { "N": (now_ms / 1_000 + KEEP_S).to_string() },
    } });
    context
        .stack
        .aws
        .json("DynamoDB_20120810.PutItem", &input)
        .await?;
    Ok(())
}
