//! `sluice rejected`: what domains would not apply, or are failing at, by code and cause; and trying it again.
//!
//! A check is recorded by its object (`check-platform#live#pi_1`), since the event that it names has an outcome of its own.
//! It is listed beside events and never replayed: reconcile asks again.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::context::Context;
use crate::output::{BAD, Cell, WARN, fields, table};
use crate::replay;
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;

/// The most records that are read.
const RECORDS_MAX: usize = 100_000;

/// What became of events, as the domains recorded it.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct Filter {
    /// Events that domains recorded as this: `rejected`, `failing`, or what a failing one came to.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Events recorded with this code, e.g. `object.field_missing`.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Events recorded with this digest of code and cause; `rejected list` shows them.
    #[arg(long)]
    pub(crate) digest: Option<String>,
    /// Of this domain only: another one's record is no reason to try it here. No option of its own, since `replay` has one.
    #[arg(skip)]
    pub(crate) domain: Option<String>,
}

impl Filter {
    /// Whether no record is asked for: a domain alone names none.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcome.is_none() && self.code.is_none() && self.digest.is_none()
    }

    /// Whether a record is wanted.
    pub(crate) fn takes(&self, record: &Record) -> bool {
        let is =
            |wanted: &Option<String>, there: &str| wanted.as_deref().is_none_or(|one| one == there);
        is(&self.outcome, &record.outcome)
            && is(&self.code, &record.code)
            && is(&self.digest, &record.digest)
            && is(&self.domain, &record.domain)
    }
}

/// A record of the table of outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) subject: String,
    pub(crate) domain: String,
    pub(crate) outcome: String,
    pub(crate) code: String,
    pub(crate) cause: String,
    pub(crate) digest: String,
    pub(crate) kind: String,
    pub(crate) at_ms: i64,
}

/// The records that are wanted, newest first. Reads the whole table: it holds exceptions only.
pub(crate) async fn records(context: &Context, filter: &Filter) -> Result<Vec<Record>, Problem> {
    let now_s = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut found = Vec::new();
    let mut start = Value::Null;
    loop {
        let mut input = json!({
            "TableName": context.stack.table("outcomes")?,
            "FilterExpression": "attribute_exists(digest) AND expires_at > :now",
            "ExpressionAttributeValues": { ":now": { "N": now_s.to_string() } },
        });
        if !start.is_null() {
            input["ExclusiveStartKey"] = start;
        }
        let mut page = context
            .stack
            .aws
            .json("DynamoDB_20120810.Scan", &input)
            .await?;
        let items = page["Items"].as_array().into_iter().flatten();
        found.extend(
            items
                .filter_map(record)
                .filter(|record| filter.takes(record)),
        );
        if found.len() > RECORDS_MAX {
            return Err(Problem::Failed(format!(
                "more than {RECORDS_MAX} records: name a code or a digest"
            )));
        }
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            break;
        }
    }
    found.sort_by(|one, other| {
        other
            .at_ms
            .cmp(&one.at_ms)
            .then_with(|| one.subject.cmp(&other.subject))
    });
    Ok(found)
}

fn record(item: &Value) -> Option<Record> {
    let text = |name: &str| item[name]["S"].as_str().map(str::to_owned);
    Some(Record {
        subject: text("pk")?.strip_prefix("evt#")?.to_owned(),
        domain: text("sk")?,
        outcome: text("outcome")?,
        code: text("code")?,
        cause: text("cause").unwrap_or_default(),
        digest: text("digest")?,
        kind: text("type").unwrap_or_default(),
        at_ms: item["at"]["N"]
            .as_str()
            .and_then(|at| at.parse().ok())
            .unwrap_or_default(),
    })
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rejected and failing events, grouped by domain, code and cause.
    #[command(after_help = "Example: sluice rejected list --outcome rejected")]
    List(Filter),
    /// Each event of a group, with its cause.
    #[command(after_help = "Example: sluice rejected show --code object.field_missing")]
    Show(Filter),
    /// Replays the rejected events of a domain that a filter names, to that domain only. All options of `replay` hold.
    #[command(
        after_help = "Example: sluice rejected retry --digest 3fa2c1d09b77 --domain billing --why 'fixed in 1.4' --yes"
    )]
    Retry(Box<replay::Args>),
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::List(filter) => list(context, &filter).await,
        Command::Show(filter) => show(context, &filter).await,
        Command::Retry(mut args) => {
            let recorded = &mut args.wanted.recorded;
            if args.resume.is_none() && args.domain.is_none() {
                return Err(Problem::Usage(
                    "name the domain that rejected them: --domain".to_owned(),
                ));
            }
            recorded
                .outcome
                .get_or_insert_with(|| "rejected".to_owned());
            replay::run(context, *args).await
        }
    }
}

async fn list(context: &Context, filter: &Filter) -> Result<(), Problem> {
    let mut groups: BTreeMap<[String; 4], (usize, Record)> = BTreeMap::new();
    for record in records(context, filter).await? {
        let key = [
            &record.domain,
            &record.outcome,
            &record.code,
            &record.digest,
        ]
        .map(Clone::clone);
        groups.entry(key).or_insert_with(|| (0, record)).0 += 1;
    }
    if context.out.is_json() {
        for ([domain, outcome, code, digest], (count, newest)) in &groups {
            context.out.value(&json!({
                "domain": domain, "outcome": outcome, "code": code, "digest": digest, "count": count,
                "cause": newest.cause, "newest": newest.subject, "newest_at_ms": newest.at_ms,
            }))?;
        }
        return Ok(());
    }
    if groups.is_empty() {
        return context
            .out
            .line("No event is rejected or failing, as far as this is on record.");
    }
    let rows: Vec<_> = groups
        .into_iter()
        .map(|([domain, outcome, code, digest], (count, newest))| {
            let style = if outcome == "rejected" { BAD } else { WARN };
            [
                domain.into(),
                Cell::new(style, outcome),
                count.to_string().into(),
                code.into(),
                digest.into(),
                time_of_ms(newest.at_ms).into(),
                newest.cause.into(),
            ]
        })
        .collect();
    context.out.text(table(
        [
            "domain", "outcome", "events", "code", "digest", "newest", "cause",
        ],
        &rows,
    ))
}

async fn show(context: &Context, filter: &Filter) -> Result<(), Problem> {
    let found = records(context, filter).await?;
    if found.is_empty() {
        return Err(Problem::NotFound("no record is like this".to_owned()));
    }
    for record in found {
        if context.out.is_json() {
            context.out.value(&json!({
                "event": record.subject, "domain": record.domain, "outcome": record.outcome, "code": record.code,
                "digest": record.digest, "cause": record.cause, "type": record.kind, "at_ms": record.at_ms,
            }))?;
            continue;
        }
        context.out.text(fields(
            &record.subject,
            &[
                ("type", record.kind),
                ("outcome", format!("{} {}", record.domain, record.outcome)),
                ("code", format!("{} ({})", record.code, record.digest)),
                ("cause", record.cause),
                ("at", time_of_ms(record.at_ms)),
            ],
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domains_records_are_asked_for_without_those_that_others_made_of_the_same() {
        let of = |domain: &str| Record {
            subject: "evt_1".to_owned(),
            domain: domain.to_owned(),
            outcome: "rejected".to_owned(),
            code: "object.field_missing".to_owned(),
            cause: String::new(),
            digest: "0011".to_owned(),
            kind: "charge.succeeded".to_owned(),
            at_ms: 1,
        };
        let mut filter = Filter {
            code: Some("object.field_missing".to_owned()),
            ..Filter::default()
        };
        assert!(filter.takes(&of("payments")) && filter.takes(&of("billing")));
        filter.domain = Some("billing".to_owned());
        assert!(!filter.takes(&of("payments")) && filter.takes(&of("billing")));
        let alone = Filter {
            domain: Some("billing".to_owned()),
            ..Filter::default()
        };
        assert!(alone.is_empty(), "events given by id are of any domain");
    }
}
