//! `sluice dlq`: lists a domain's dead letters by cause, moves them back, or gives them up.

use clap::{Args, Subcommand};
use serde_json::json;
use sluice_operations::actor::{Reason, checked, reason};
use sluice_operations::dlq::{
    self, Discarded, Filter, LOOK_MAX, Letter, Plan, REDRIVE_WHY, Received, Redriven, causes,
};
use sluice_operations::problem::Problem;
use sluice_operations::words::counted;

use crate::context::Context;
use crate::output::{Cell, fields, table};
use crate::progress::Progress;

/// Of which queue, and which of its messages.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// The domain whose dead letters they are.
    domain: String,
    /// Of this code only; `unknown` if nothing was recorded.
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
        /// Why, for the record; 500 characters at most.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
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
        /// Also those for which it is unknown whether effects of their object are pending: messages that can't be read.
        #[arg(long)]
        unchecked: bool,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

impl Wanted {
    fn filter(self) -> Filter {
        Filter {
            domain: self.domain,
            code: self.code,
            digest: self.digest,
            event: self.event,
            kind: self.kind,
        }
    }
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::List { domain } => list(context, domain.as_deref()).await,
        Command::Show(wanted) => {
            let received = look(context, &wanted.filter()).await?;
            let mut letters = received.letters.iter();
            letters.try_for_each(|letter| show(context, letter))
        }
        Command::Redrive {
            wanted,
            max,
            why,
            yes,
        } => {
            let filter = wanted.filter();
            dlq::check(&context.stack, &filter.domain)?;
            let reason = match yes {
                true => Some(reason(&context.stack, why.as_deref(), REDRIVE_WHY).await?),
                false => None,
            };
            redrive(context, filter, max, reason).await
        }
        Command::Discard {
            wanted,
            unchecked,
            why,
            yes,
        } => {
            let filter = wanted.filter();
            dlq::check(&context.stack, &filter.domain)?;
            if why.trim().is_empty() {
                return Err(Problem::Usage("--why wants a reason".to_owned()));
            }
            let why = checked(&why)?;
            let reason = match yes {
                true => Some(reason(&context.stack, Some(&why), "").await?),
                false => None,
            };
            discard(context, filter, unchecked, reason).await
        }
    }
}

/// Moves back all that are wanted, with a reason. Without a reason, says how many they are.
async fn redrive(
    context: &Context,
    filter: Filter,
    max: usize,
    reason: Option<Reason>,
) -> Result<(), Problem> {
    let plan = plan(context, filter, max).await?;
    let domain = &plan.selection.filter.domain.clone();
    let not_seen = [plan.left, plan.hidden];
    let Some(reason) = reason else {
        plan.release(&context.stack).await?;
        let (count, words) = (plan.selection.count, "would be moved back; --yes does it");
        done(context, "would_redrive", count, words)?;
        return verdict(Vec::new(), domain, not_seen);
    };
    let Redriven { redriven, stayed } = plan.redrive(&context.stack, &reason).await?;
    done(context, "redriven", redriven, "moved back")?;
    let stayed = (stayed > 0).then(|| format!("{stayed} could not be moved, and stay"));
    let stayed = stayed.into_iter().collect();
    verdict(stayed, domain, not_seen)
}

/// Gives up all that are wanted and may be given up, with a reason. Without a reason, says how many they are.
async fn discard(
    context: &Context,
    filter: Filter,
    unchecked: bool,
    reason: Option<Reason>,
) -> Result<(), Problem> {
    let plan = plan(context, filter, LOOK_MAX).await?;
    let domain = &plan.selection.filter.domain.clone();
    let not_seen = [plan.left, plan.hidden];
    let stack = &context.stack;
    let Discarded { discarded, refused } = match &reason {
        Some(reason) => plan.discard(stack, unchecked, reason).await?,
        None => plan.dry_run_discard(stack, unchecked).await?,
    };
    match reason {
        Some(_) => done(context, "discarded", discarded, "given up")?,
        None => {
            let words = "would be given up; --yes does it";
            done(context, "would_discard", discarded, words)?;
        }
    }
    let refused = refused.iter();
    let refused = refused.map(|one| format!("{}: {}", one.event, one.why));
    verdict(refused.collect(), domain, not_seen)
}

/// Success, or one line for each thing that isn't done: what was left out, letters that were not looked at, and hidden
/// ones.
fn verdict(
    mut left_out: Vec<String>,
    domain: &str,
    [left, hidden]: [u64; 2],
) -> Result<(), Problem> {
    if left > 0 {
        left_out.push(not_looked_at(domain, left));
    }
    if hidden > 0 {
        left_out.push(hidden_now(domain, hidden));
    }
    match left_out.is_empty() {
        true => Ok(()),
        false => Err(Problem::Partly(left_out.join("\n"))),
    }
}

/// Says that there are more letters than are looked at.
pub(crate) fn not_looked_at(queue: &str, count: u64) -> String {
    format!("dead letters of {queue} that were not looked at: about {count}")
}

/// Says that letters are in flight with another command.
pub(crate) fn hidden_now(queue: &str, count: u64) -> String {
    format!("dead letters of {queue} are hidden just now: {count}")
}

fn done(context: &Context, name: &str, count: usize, words: &str) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context.out.value(&json!({ name: count })),
        false => context
            .out
            .line(format!("{} {words}", counted(count, "dead letter"))),
    }
}

/// All wanted letters, and what is said of those that were not seen.
async fn plan(context: &Context, filter: Filter, max: usize) -> Result<Plan, Problem> {
    let domain = filter.domain.clone();
    let mut bar = Progress::new(context, "dead letters", None);
    let plan = dlq::plan(&context.stack, filter, max, &mut |count| bar.at(count)).await?;
    drop(bar);
    unseen(context, &domain, plan.left, plan.hidden)?;
    Ok(plan)
}

/// The wanted letters of a domain with their causes, and what is said of those that were not seen.
async fn look(context: &Context, filter: &Filter) -> Result<Received, Problem> {
    let mut bar = Progress::new(context, "dead letters", None);
    let received = dlq::list(&context.stack, filter, &mut |count| bar.at(count)).await?;
    drop(bar);
    unseen(context, &filter.domain, received.left, received.hidden)?;
    Ok(received)
}

/// Says how many letters there are besides those that were seen: more than are looked at, or hidden just now.
fn unseen(context: &Context, domain: &str, left: u64, hidden: u64) -> Result<(), Problem> {
    if context.out.is_json() {
        if left + hidden > 0 {
            let line = json!({ "domain": domain, "not_looked_at": left, "hidden": hidden });
            context.out.value(&line)?;
        }
        return Ok(());
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
    Ok(())
}

async fn list(context: &Context, domain: Option<&str>) -> Result<(), Problem> {
    let domains: Vec<&str> = match domain {
        Some(domain) => vec![domain],
        None => context.stack.domains().collect(),
    };
    let (mut rows, mut more) = (Vec::new(), false);
    for domain in domains {
        let all = Filter {
            domain: domain.to_owned(),
            ..Filter::default()
        };
        let received = look(context, &all).await?;
        more |= received.left + received.hidden > 0;
        for cause in causes(domain, &received.letters) {
            if context.out.is_json() {
                context.out.value(&cause)?;
            }
            rows.push(
                [
                    domain,
                    &cause.count.to_string(),
                    &cause.code,
                    &cause.digest,
                    &cause.example,
                    &cause.cause,
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
        return context.out.value(letter);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_were_not_seen_are_no_success_and_are_counted_beside_what_was_refused() {
        let said = |refused: &[&str], not_seen| {
            let refused = refused.iter().map(|one| (*one).to_owned());
            match verdict(refused.collect(), "billing", not_seen) {
                Ok(()) => (0, String::new()),
                Err(problem) => (problem.exit_code(), problem.to_string()),
            }
        };
        assert_eq!(said(&[], [0, 0]), (0, String::new()));
        let hidden = "dead letters of billing are hidden just now: 2";
        assert_eq!(said(&[], [0, 2]), (4, hidden.to_owned()));
        let left = "dead letters of billing that were not looked at: about 12";
        assert_eq!(said(&[], [12, 0]), (4, left.to_owned()));
        let all = format!("evt_1: why\n{left}\n{hidden}");
        assert_eq!(said(&["evt_1: why"], [12, 2]), (4, all));
    }
}
