//! `sluice dlq discard`: giving dead letters up.
//!
//! A letter is refused while effects of its object are pending, because its object's next message would emit them and there
//! may be none ([`sluice_kernel::consumer::pending`]). So is one of which that can't be told, unless the operator says `--unchecked`.

use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, Visit, by_name};
use sluice_kernel::bus::detail::{self, Message};
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::pending;
use sluice_kernel::domain::Domain;
use sluice_kernel::erase::Account;
use sluice_kernel::fault::{Class, Fault};
use sluice_kernel::outcome::is_check;
use sluice_kernel::replay::Entries;

use super::letters::{Letter, delete, release};
use super::{KEEP_S, done, note};
use sluice_operations::stack::PLATFORM;

use crate::context::Context;
use crate::output::counted;
use crate::replay::domains_of;
use sluice_operations::problem::Problem;

/// How to give up.
pub(super) struct How<'a> {
    /// Do it; else it is only said.
    pub(super) yes: bool,
    /// Also those of which it can't be told whether effects are pending.
    pub(super) unchecked: bool,
    pub(super) who: &'a str,
    pub(super) why: &'a str,
}

/// Gives the letters up that may be, or says how many they are, and shows the others again.
pub(super) async fn discard(
    context: &Context,
    domain: &str,
    letters: &[Letter],
    how: How<'_>,
) -> Result<(), Problem> {
    let ledger = DynamoLedger::new(
        context.stack.aws.sdk(),
        context.stack.table("ledger")?.to_owned(),
        SystemClock,
    );
    let (mut count, mut refused) = (0, Vec::new());
    for letter in letters {
        let one = std::slice::from_ref(letter);
        if let Some(refusal) = refusal(context, &ledger, domain, letter, how.unchecked).await? {
            refused.push(format!("{}: {refusal}", letter.subject));
            release(context, domain, one).await?;
            continue;
        }
        if !how.yes {
            release(context, domain, one).await?;
            count += 1;
            continue;
        }
        let now_ms = SystemClock.now_ms();
        let ids = std::slice::from_ref(&letter.subject);
        let there = ledger.entries(ids, now_ms).await?.pop().flatten();
        // A check has no body: its subject says whose object it asks about.
        if !is_check(&letter.subject) && there.is_none_or(|(_, body)| body.is_none()) {
            keep(context, letter, now_ms).await?;
        }
        let words = ["discarded", how.who, how.why];
        note(context, domain, letter, words, now_ms).await?;
        count += delete(context, domain, one).await?;
    }
    match how.yes {
        true => done(context, "discarded", count, "given up")?,
        false => {
            let words = "would be given up; --yes does it";
            done(context, "would_discard", count, words)?;
        }
    }
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Problem::Partly(refused.join("\n"))),
    }
}

/// Why a letter is not given up; `None` if it may be.
async fn refusal(
    context: &Context,
    ledger: &DynamoLedger<SystemClock>,
    domain: &str,
    letter: &Letter,
    unchecked: bool,
) -> Result<Option<String>, Problem> {
    let unknown = |why: &str| {
        let words = "it can't be told whether effects of its object are pending";
        (!unchecked).then(|| format!("{words} ({why}); --unchecked gives it up all the same"))
    };
    let message = match detail::read(&letter.text) {
        Ok(message) => message,
        Err(unread) => return Ok(unknown(unread.fault.code)),
    };
    // What the bus could not put into a queue is for each domain that the rules name.
    let domains = match context.stack.tables.contains_key(domain) {
        true => vec![domain],
        false => domains_of(None, &message.kind),
    };
    for domain in domains {
        let table = context.stack.table(domain)?.to_owned();
        let stored = DynamoProjections::new(context.stack.aws.sdk(), table);
        let count = match pending_in(domain, &stored, ledger, &message).await {
            None => return Ok(unknown("this program is built without the domain's code")),
            Some(Ok(count)) => count,
            Some(Err(fault)) if is_unknown(&fault) => return Ok(unknown(fault.code)),
            Some(Err(fault)) => return Err(fault.into()),
        };
        if count > 0 {
            let effects = counted(count, "effect");
            return Ok(Some(format!(
                "{effects} of its object are pending in {domain}; redrive it"
            )));
        }
    }
    Ok(None)
}

/// Whether a fault says that nothing is known of the object's effects, and not that a table can't be reached.
fn is_unknown(fault: &Fault) -> bool {
    let of_item = ["projection.unreadable", "projection.newer"];
    fault.class == Class::Reject || of_item.contains(&fault.code)
}

/// How many effects of the message's object are pending in this domain; `None` of a domain that isn't known here.
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

/// Keeps a message whose body the ledger doesn't have, as it is, with the account that it is of.
async fn keep(context: &Context, letter: &Letter, now_ms: i64) -> Result<(), Problem> {
    let mut item = json!({
        "pk": { "S": format!("evt#{}", letter.subject) },
        "sk": { "S": format!("discarded#{}", letter.message_id) },
        "message": { "S": letter.text },
        "expires_at": { "N": (now_ms / 1_000 + KEEP_S).to_string() },
    });
    if let Account::Known(account) = Account::of_message(&letter.text) {
        item["account"] = json!({ "S": account.as_deref().unwrap_or(PLATFORM) });
    }
    let input = json!({ "TableName": context.stack.table("ledger")?, "Item": item });
    context
        .stack
        .aws
        .json("DynamoDB_20120810.PutItem", &input)
        .await?;
    Ok(())
}
