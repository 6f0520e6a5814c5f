//! Giving dead letters up.
//!
//! A letter is refused while effects of its object are pending: the object's next message would emit them, and there
//! may be no next message ([`sluice_kernel::consumer::pending`]). A letter is also refused if this can't be determined,
//! unless the operator includes unchecked letters.

use serde::Serialize;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::dead_letters::{Done, DynamoDeadLetters, KeptLetter};
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, Visit, by_name};
use sluice_kernel::bus::detail::{self, Message};
use sluice_kernel::consumer::pending;
use sluice_kernel::domain::Domain;
use sluice_kernel::fault::{Class, Fault};
use sluice_kernel::outcome::is_check;
use sluice_kernel::replay::Entries;

use super::letters::{Letter, delete, release};
use super::work::{What, Work};
use super::{Plan, note, notes};
use crate::actor::Reason;
use crate::code;
use crate::domains;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;
use crate::words::{counted, either};

/// Letters after which the record is written.
const SAVED_LETTERS: usize = 10;

/// A letter that isn't given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The event that it names, or the subject that a message without an event is recorded under.
    pub event: String,
    /// Why not, for people.
    pub why: String,
}

/// Letters that were given up, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Discarded {
    /// How many.
    pub discarded: usize,
    /// Those that aren't given up. They are made visible again.
    pub refused: Vec<Refused>,
}

impl Plan {
    /// Says what giving the letters up would do, and makes them visible again. `unchecked` includes the letters for
    /// which it can't be determined whether effects of their object are pending.
    ///
    /// # Errors
    /// `Failed` when AWS can't be asked.
    pub async fn dry_run_discard(
        &self,
        stack: &Stack,
        unchecked: bool,
    ) -> Result<Discarded, Problem> {
        let ledger = ledger(stack)?;
        let mut found = Discarded::default();
        for letter in &self.letters {
            let refused = refusal(stack, &ledger, self.domain(), letter, unchecked).await?;
            release(stack, self.domain(), std::slice::from_ref(letter)).await?;
            found.count(letter, refused, 1);
        }
        Ok(found)
    }

    /// Gives up the letters that may be given up, and notes that of each. If the ledger doesn't have a letter's event,
    /// the letter's body is kept there. It is recorded as a run.
    ///
    /// # Errors
    /// `Failed` when AWS can't be asked. What was given up before that is gone.
    pub async fn discard(
        self,
        stack: &Stack,
        unchecked: bool,
        reason: &Reason,
    ) -> Result<Discarded, Problem> {
        let what = What::Discard { unchecked };
        let work = self.begin(stack, what, reason.clone()).await?;
        work.discard(stack, unchecked).await
    }
}

impl Work {
    /// Gives the letters up.
    pub(super) async fn discard(
        mut self,
        stack: &Stack,
        unchecked: bool,
    ) -> Result<Discarded, Problem> {
        let done = self.give_up(stack, unchecked).await;
        self.end(stack, done.as_ref().err()).await?;
        done
    }

    async fn give_up(&mut self, stack: &Stack, unchecked: bool) -> Result<Discarded, Problem> {
        let Self {
            plan,
            record,
            reason,
            ..
        } = self;
        let (ledger, notes) = (ledger(stack)?, notes(stack)?);
        let domain = plan.domain();
        let mut done = Discarded::default();
        for some in plan.letters.chunks(SAVED_LETTERS) {
            for letter in some {
                let one = std::slice::from_ref(letter);
                // Each is checked right before it is deleted: effects may have become pending since the plan.
                let refused = refusal(stack, &ledger, domain, letter, unchecked).await?;
                let deleted = match refused {
                    Some(_) => {
                        release(stack, domain, one).await?;
                        record.count("refused", 1, true);
                        0
                    }
                    None => {
                        let now_ms = now_ms();
                        keep(&ledger, &notes, letter, now_ms).await?;
                        let note = note(Done::Discarded, domain, letter, reason, now_ms);
                        notes.note(&note).await?;
                        let deleted = delete(stack, domain, one).await?;
                        record.count("discarded", deleted, false);
                        deleted
                    }
                };
                done.count(letter, refused, deleted);
            }
            record.save().await?;
        }
        Ok(done)
    }
}

impl Discarded {
    fn count(&mut self, letter: &Letter, refused: Option<String>, count: usize) {
        match refused {
            Some(why) => self.refused.push(Refused {
                event: letter.subject.clone(),
                why,
            }),
            None => self.discarded += count,
        }
    }
}

fn ledger(stack: &Stack) -> Result<DynamoLedger<SystemClock>, Problem> {
    let table = stack.table("ledger")?.to_owned();
    Ok(DynamoLedger::new(stack.aws.sdk(), table, SystemClock))
}

/// Keeps a message whose body the ledger doesn't have.
async fn keep(
    ledger: &DynamoLedger<SystemClock>,
    notes: &DynamoDeadLetters,
    letter: &Letter,
    now_ms: i64,
) -> Result<(), Problem> {
    let ids = std::slice::from_ref(&letter.subject);
    let there = ledger.entries(ids, now_ms).await?.pop().flatten();
    // A check has no body: its subject says whose object it asks about.
    if !is_check(&letter.subject) && there.is_none_or(|(_, body)| body.is_none()) {
        let kept = KeptLetter {
            subject: &letter.subject,
            message_id: &letter.message_id,
            text: &letter.text,
            at_ms: now_ms,
        };
        notes.keep(kept).await?;
    }
    Ok(())
}

/// Why a letter is not given up; `None` if it may be.
async fn refusal(
    stack: &Stack,
    ledger: &DynamoLedger<SystemClock>,
    domain: &str,
    letter: &Letter,
    unchecked: bool,
) -> Result<Option<String>, Problem> {
    let unknown = |why: &str| {
        let words = "it isn't known whether effects of its object are pending";
        (!unchecked).then(|| format!("{words} ({why}); --unchecked gives it up all the same"))
    };
    let message = match detail::read(&letter.text) {
        Ok(message) => message,
        Err(unread) => return Ok(unknown(unread.fault.code.as_str())),
    };
    // A message that the bus could not put into a queue is for each domain that the rules name.
    let domains = match stack.tables.contains_key(domain) {
        true => vec![domain],
        false => domains::of_type(None, &message.kind),
    };
    for domain in domains {
        let table = stack.table(domain)?.to_owned();
        let stored = DynamoProjections::new(stack.aws.sdk(), table);
        let count = match pending_in(domain, &stored, ledger, &message).await {
            None => return Ok(unknown("this program is built without the domain's code")),
            Some(Ok(count)) => count,
            Some(Err(fault)) if is_unknown(&fault) => return Ok(unknown(fault.code.as_str())),
            Some(Err(fault)) => return Err(fault.into()),
        };
        if count > 0 {
            let effects = counted(count, "effect");
            let are = either(count, "is", "are");
            return Ok(Some(format!(
                "{effects} of its object {are} pending in {domain}; redrive it"
            )));
        }
    }
    Ok(None)
}

/// Whether a fault says that nothing is known of the object's effects. A table that can't be reached is another fault.
fn is_unknown(fault: &Fault) -> bool {
    let of_item = [code::PROJECTION_UNREADABLE, code::PROJECTION_NEWER];
    fault.class == Class::Reject || of_item.contains(&fault.code)
}

/// How many effects of the message's object are pending in this domain; `None` for a domain that this program doesn't
/// know.
async fn pending_in(
    domain: &str,
    stored: &DynamoProjections,
    ledger: &DynamoLedger<SystemClock>,
    message: &Message,
) -> Option<Result<usize, Fault>> {
    type Count<'a> = Answer<'a, Result<usize, Fault>>;
    struct EffectsOf<'a>(
        &'a DynamoProjections,
        &'a DynamoLedger<SystemClock>,
        &'a Message,
    );

    impl<'a> Visit for EffectsOf<'a> {
        type Output = Count<'a>;

        fn visit<D: Domain>(self) -> Count<'a> {
            let Self(stored, ledger, message) = self;
            Box::pin(pending::effects_of::<D>(
                stored,
                ledger,
                &SystemClock,
                message,
            ))
        }
    }

    let count = by_name(domain, EffectsOf(stored, ledger, message))?;
    Some(count.await)
}
