//! What operators did with dead letters: a note of each, and the messages that they discarded.
//!
//! | table | `pk` | `sk` | attributes |
//! |---|---|---|---|
//! | outcomes | `evt#<event>` | `redriven#<domain>`, `discarded#<domain>` | `outcome` S `redriven` or `discarded`; `domain`, `code`, `cause`, `who`, `why` S, `at` N ms, `expires_at` N s |
//! | ledger | `evt#<event>` | `discarded#<SQS message id>` | `message`, `account` S, see `entry`; `expires_at` N s |
//!
//! Only the operator's program uses this. [`crate::erase`] finds the messages again.

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;
use sluice_kernel::erase::Account;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::code;
use crate::entry::{self, PLATFORM, number, text};

const DAY_S: i64 = 86_400;

/// What was done with a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was moved back to its queue.
    Redriven,
    /// It was discarded.
    Discarded,
}

impl Done {
    fn as_str(self) -> &'static str {
        match self {
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }
}

/// A note of what was done with a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note<'a> {
    /// The deed.
    pub done: Done,
    /// The event that it names, or the subject that a message without one is recorded under.
    pub subject: &'a str,
    /// The owner of the dead letter: a domain, or `rule`.
    pub domain: &'a str,
    /// Why it was dead, as its domain recorded it.
    pub code: &'a str,
    /// The same for people.
    pub cause: &'a str,
    /// Who did it.
    pub who: &'a str,
    /// Why, in the operator's words.
    pub why: &'a str,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
}

/// A message that is discarded, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptLetter<'a> {
    /// The event that it names, or the subject that a message without one is recorded under.
    pub subject: &'a str,
    /// The queue's id of it.
    pub message_id: &'a str,
    /// Its text, unchanged.
    pub text: &'a str,
    /// When it was discarded, in Unix milliseconds.
    pub at_ms: i64,
}

/// The notes, in the table of outcomes, and the discarded messages, in the ledger.
#[derive(Debug, Clone)]
pub struct DynamoDeadLetters {
    client: Client,
    ledger_table: String,
    outcomes_table: String,
    keep_days: u32,
}

impl DynamoDeadLetters {
    /// In these tables; each is kept for `keep_days`.
    pub fn new(
        config: &SdkConfig,
        ledger_table: String,
        outcomes_table: String,
        keep_days: u32,
    ) -> Self {
        Self {
            client: aws::dynamodb(config),
            ledger_table,
            outcomes_table,
            keep_days,
        }
    }

    /// Notes what was done. The newest note for an event, a domain and a deed replaces older ones.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn note(&self, note: &Note<'_>) -> Result<(), Fault> {
        let done = note.done.as_str();
        let put = self
            .client
            .put_item()
            .table_name(&self.outcomes_table)
            .item("pk", entry::pk(note.subject))
            .item("sk", text(format!("{done}#{}", note.domain)))
            .item("outcome", text(done))
            .item("domain", text(note.domain))
            .item("code", text(note.code))
            .item("cause", text(note.cause))
            .item("who", text(note.who))
            .item("why", text(note.why))
            .item("at", number(note.at_ms))
            .item("expires_at", number(self.expires_at_s(note.at_ms)));
        let sent = put.send().await;
        sent.map_err(|error| aws::unavailable(code::OUTCOME_UNAVAILABLE, "PutItem", &error))?;
        Ok(())
    }

    /// Keeps a discarded message unchanged, with its account: for events without a body in the ledger.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn keep(&self, letter: KeptLetter<'_>) -> Result<(), Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.ledger_table)
            .item("pk", entry::pk(letter.subject))
            .item("sk", text(format!("discarded#{}", letter.message_id)))
            .item("message", text(letter.text))
            .item("expires_at", number(self.expires_at_s(letter.at_ms)));
        let put = match Account::of_message(letter.text) {
            Account::Known(account) => {
                put.item("account", text(account.as_deref().unwrap_or(PLATFORM)))
            }
            Account::Unknown => put,
        };
        let sent = put.send().await;
        sent.map_err(|error| aws::unavailable(code::LEDGER_UNAVAILABLE, "PutItem", &error))?;
        Ok(())
    }

    fn expires_at_s(&self, at_ms: i64) -> i64 {
        at_ms / 1_000 + i64::from(self.keep_days) * DAY_S
    }
}
