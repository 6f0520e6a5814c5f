//! `sluice secret`: the endpoints' signing secrets; how they stand, and rolling one without losing a delivery.
//!
//! Rolling takes three steps, of which the middle one is Stripe's: put the new secret beside the old (`roll`), roll it at
//! Stripe, which then signs with both for up to a day, and take the old one out when nothing is signed with it alone any
//! more (`roll --finish`). Ingest finds a change by itself: at once when a signature matches nothing that it knows, else
//! within minutes.
//!
//! No value is ever printed, logged or taken from the command line: the new one is read from standard input, or typed
//! unseen. What is known of which secret Stripe signs with comes from ingest's log lines, which name a secret's place in the
//! list (`signed_by`) while there is more than one.

mod typed;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::json;
use sluice_kernel::delivery::secrets::SECRETS_MAX;

use crate::context::Context;
use crate::output::{Cell, DIM, GOOD, WARN, counted, paint, table};
use sluice_operations::logs;
use sluice_operations::problem::Problem;
use sluice_operations::signing::{Signing, is_placeholder, seconds};
use sluice_operations::times::time_of_ms;
use sluice_operations::times::{now_ms, span};
use typed::new_secret;

/// How far back lines are looked at, in milliseconds: a day, for which Stripe signs with both.
const LOOK_BACK_MS: i64 = 86_400_000;

/// Where there are more lines than are read, those of this long ago are read too, in milliseconds: hundreds, then.
const NOW_MS: i64 = 60_000;

/// An old secret that signed something alone within this long is still in use, in milliseconds.
const IN_USE_MS: i64 = 3_600_000;

const EXAMPLES: &str = "Examples:
  sluice secret status                                     how many each endpoint has, and which ones Stripe signs with
  sluice secret roll platform --yes                        asks for the new secret, and puts it beside the old
  pbpaste | sluice secret roll platform --yes              the same from standard input
  sluice secret roll platform --finish --yes               takes the old ones out, once Stripe has stopped signing with them";

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How many secrets each endpoint has, since when, and which of them Stripe signs with.
    #[command(after_help = EXAMPLES)]
    Status,
    /// Puts a new secret beside the old; with --finish takes the old ones out. Says what it would do, and does it with --yes.
    #[command(after_help = EXAMPLES)]
    Roll(Roll),
}

/// Which endpoint's.
#[derive(Debug, Args)]
pub(crate) struct Roll {
    /// The endpoint's name: `platform`, `connect`.
    endpoint: String,
    /// Take out all but the newest.
    #[arg(long)]
    finish: bool,
    /// With --finish, though the old ones seem to be in use.
    #[arg(long, requires = "finish")]
    force: bool,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::Status => status(context).await,
        Command::Roll(args) => roll(context, args).await,
    }
}

/// What ingest's lines say of an endpoint's secrets.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Used {
    /// Deliveries that were signed with the newest secret, and not only with an older one.
    by_newest: usize,
    /// Deliveries that were signed with older ones alone.
    by_older: usize,
    /// When the last of those came.
    last_by_older_ms: Option<i64>,
    /// Deliveries that no secret verifies.
    refused: usize,
}

/// Of each endpoint, since a moment.
async fn used(context: &Context, since_ms: i64) -> Result<BTreeMap<String, Used>, Problem> {
    let mut used = BTreeMap::<String, Used>::new();
    let until_ms = now_ms();
    for text in ["signed_by", "signature.no_match"] {
        let mut found =
            logs::search(&context.stack, "ingest", Some(text), since_ms, until_ms).await?;
        if found.cut {
            // A search gives the oldest first. What counts is what Stripe signs with now.
            let since_ms = until_ms - NOW_MS;
            let last =
                logs::search(&context.stack, "ingest", Some(text), since_ms, until_ms).await?;
            found.lines.extend(last.lines);
        }
        for line in found.lines {
            let endpoint = line.fields["endpoint"].as_str().unwrap_or_default();
            let of_endpoint = used.entry(endpoint.to_owned()).or_default();
            match line.fields["signed_by"].as_str() {
                Some(places) if places.split(',').any(|place| place == "0") => {
                    of_endpoint.by_newest += 1;
                }
                Some(_) => {
                    of_endpoint.by_older += 1;
                    of_endpoint.last_by_older_ms =
                        of_endpoint.last_by_older_ms.max(Some(line.at_ms));
                }
                None if line.fields["code"] == "signature.no_match" => of_endpoint.refused += 1,
                None => {}
            }
        }
    }
    Ok(used)
}

/// What to do next about an endpoint with so many secrets.
fn advice(count: usize, used: &Used, now_ms: i64) -> &'static str {
    match (count, used) {
        (0, _) => "put one: sluice secret roll",
        (1, Used { refused: 0, .. }) => "",
        (1, _) => "some were refused: forged, or signed with a secret that isn't here",
        (
            _,
            Used {
                by_newest: 0,
                by_older: 0,
                ..
            },
        ) => "nothing was delivered yet: is it rolled at Stripe?",
        (_, Used { by_newest: 0, .. }) => {
            "Stripe doesn't sign with the new one yet: roll it at Stripe"
        }
        (_, used) if is_in_use(used, now_ms) => "the old one is still in use",
        _ => "Stripe signs with the new one: sluice secret roll --finish",
    }
}

/// Whether Stripe still signs with an old secret alone.
fn is_in_use(used: &Used, now_ms: i64) -> bool {
    used.last_by_older_ms
        .is_some_and(|at_ms| now_ms - at_ms < IN_USE_MS)
}

async fn status(context: &Context) -> Result<(), Problem> {
    let (signing, endpoints) = (
        Signing::read(&context.stack).await?,
        context.stack.endpoints().await?,
    );
    let described = context
        .stack
        .aws
        .json(
            "secretsmanager.DescribeSecret",
            &json!({ "SecretId": signing.id }),
        )
        .await?;
    let now_ms = now_ms();
    // Places in the list mean what they mean since it was last changed.
    let since_ms = signing
        .since_ms
        .unwrap_or_default()
        .max(now_ms - LOOK_BACK_MS);
    let used = used(context, since_ms).await;
    let (used, without) = match used {
        Ok(used) => (used, None),
        Err(problem) => (BTreeMap::new(), Some(problem.to_string())),
    };
    let versions = described["VersionIdsToStages"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    let changed_ms = seconds(&described["LastChangedDate"]).or(signing.since_ms);
    let mut rows = Vec::new();
    for (name, endpoint) in &endpoints {
        let count = signing.of(name).len();
        let of_endpoint = used.get(name).cloned().unwrap_or_default();
        let advice = advice(count, &of_endpoint, now_ms);
        let mode = if endpoint.livemode { "live" } else { "test" };
        let placeholders = signing.of(name).iter();
        let placeholders = placeholders
            .filter(|secret| is_placeholder(secret.trim()))
            .count();
        if context.out.is_json() {
            context.out.value(&json!({
                "endpoint": name, "mode": mode, "secrets": count, "placeholders": placeholders,
                "changed_at_ms": changed_ms, "looked_at_since_ms": since_ms, "signed_by_newest": of_endpoint.by_newest,
                "signed_by_older_alone": of_endpoint.by_older, "last_by_older_alone_at_ms": of_endpoint.last_by_older_ms,
                "refused": of_endpoint.refused, "advice": advice, "log_lines_missing": without,
            }))?;
            continue;
        }
        let signed = match (count, &without) {
            (_, Some(_)) => Cell::new(WARN, "unknown"),
            (0, _) => Cell::from(""),
            (1, _) => Cell::from("by the one"),
            _ => format!(
                "{} by the newest, {} by older alone",
                of_endpoint.by_newest, of_endpoint.by_older
            )
            .into(),
        };
        let style = if count == 1 { GOOD } else { WARN };
        let count = match placeholders {
            0 => count.to_string(),
            some => format!("{count}, {some} a placeholder"),
        };
        rows.push([
            Cell::from(&**name),
            Cell::from(mode),
            Cell::new(style, count),
            signed,
            of_endpoint.refused.to_string().into(),
            Cell::from(advice),
        ]);
    }
    if context.out.is_json() {
        return Ok(());
    }
    context.out.text(table(
        [
            "endpoint",
            "mode",
            "secrets",
            "deliveries signed",
            "refused",
            "",
        ],
        &rows,
    ))?;
    let changed = changed_ms.map_or_else(
        || "unknown".to_owned(),
        |at_ms| format!("{} ({} ago)", time_of_ms(at_ms), span(now_ms - at_ms)),
    );
    context.out.line(paint(
        DIM,
        format!(
            "last changed {changed}; Secrets Manager keeps {versions} versions; deliveries of the last {}",
            span(now_ms - since_ms)
        ),
    ))?;
    if let Some(why) = without {
        context
            .out
            .line(paint(WARN, format!("without log lines: {why}")))?;
    }
    Ok(())
}

async fn roll(context: &Context, args: Roll) -> Result<(), Problem> {
    let endpoints = context.stack.endpoints().await?;
    let name = &args.endpoint;
    if !endpoints.contains_key(name) {
        let known: Vec<_> = endpoints.keys().map(String::as_str).collect();
        return Err(Problem::Usage(format!(
            "there is no endpoint {name}; there are {}",
            known.join(", ")
        )));
    }
    let signing = Signing::read(&context.stack).await?;
    match args.finish {
        true => finish(context, &signing, &args).await,
        false => begin(context, &signing, &args).await,
    }
}

/// Puts the new one first.
async fn begin(context: &Context, signing: &Signing, args: &Roll) -> Result<(), Problem> {
    let name = &args.endpoint;
    let list = signing.of(name);
    if list.len() >= SECRETS_MAX {
        return Err(Problem::Usage(format!(
            "{name} has {}, the most there may be: finish the roll before with --finish",
            counted(list.len(), "secret")
        )));
    }
    if !args.yes {
        return would(
            context,
            name,
            [list.len(), list.len() + 1],
            "a new secret would be put before those that are there; --yes asks for it and does it",
        );
    }
    let secret = new_secret(name)?;
    if list.contains(&secret) {
        return Err(Problem::Usage(format!("{name} has this secret already")));
    }
    let mut lists = signing.lists.clone();
    lists.entry(name.clone()).or_default().insert(0, secret);
    signing.write(&context.stack, &lists).await?;
    let next = match list.len() {
        0 => "deliveries are taken from now on",
        _ => "now roll it at Stripe; sluice secret status says when the old one can go",
    };
    did(context, name, list.len() + 1, next)
}

/// Takes out all but the newest.
async fn finish(context: &Context, signing: &Signing, args: &Roll) -> Result<(), Problem> {
    let name = &args.endpoint;
    let list = signing.of(name);
    let Some(newest) = list.first().filter(|_| list.len() > 1) else {
        return Err(Problem::NotFound(format!(
            "{name} has {}: there is no old one to take out",
            counted(list.len(), "secret")
        )));
    };
    let now_ms = now_ms();
    let since_ms = signing
        .since_ms
        .unwrap_or_default()
        .max(now_ms - LOOK_BACK_MS);
    let of_endpoint = used(context, since_ms)
        .await?
        .remove(name)
        .unwrap_or_default();
    let doubt = if of_endpoint.by_newest == 0 {
        Some(format!(
            "nothing that was signed with the newest has come in the last {}",
            span(now_ms - since_ms)
        ))
    } else if is_in_use(&of_endpoint, now_ms) {
        Some(format!(
            "{} deliveries were signed with an old one alone, the last of them within an hour",
            of_endpoint.by_older
        ))
    } else {
        None
    };
    if let Some(doubt) = doubt.filter(|_| !args.force) {
        return Err(Problem::Partly(format!(
            "{doubt}: without the old one such deliveries are refused. --force takes it out all the same"
        )));
    }
    if !args.yes {
        let said = "all but the newest would be taken out; --yes does it";
        return would(context, name, [list.len(), 1], said);
    }
    let mut lists = signing.lists.clone();
    lists.insert(name.clone(), vec![newest.clone()]);
    signing.write(&context.stack, &lists).await?;
    did(
        context,
        name,
        1,
        "what is signed with an old one is refused within minutes",
    )
}

fn would(
    context: &Context,
    name: &str,
    [now, then]: [usize; 2],
    said: &str,
) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context
            .out
            .value(&json!({ "endpoint": name, "secrets": now, "would_have": then })),
        false => context
            .out
            .line(format!("{name} has {}: {said}", counted(now, "secret"))),
    }
}

fn did(context: &Context, name: &str, count: usize, next: &str) -> Result<(), Problem> {
    match context.out.is_json() {
        true => context
            .out
            .value(&json!({ "endpoint": name, "secrets": count, "done": true })),
        false => context.out.line(format!(
            "{} {name} has {}; {next}",
            paint(GOOD, "done:"),
            counted(count, "secret")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_secret_can_go_when_stripe_signs_with_the_new_one_and_with_the_old_no_more() {
        let used = |by_newest, by_older, ago_ms: Option<i64>| Used {
            by_newest,
            by_older,
            last_by_older_ms: ago_ms.map(|ago_ms| 10 * IN_USE_MS - ago_ms),
            refused: 0,
        };
        let said = |count, used: Used| advice(count, &used, 10 * IN_USE_MS);
        assert!(said(0, Used::default()).starts_with("put one"));
        assert_eq!(said(1, Used::default()), "");
        assert!(said(2, Used::default()).starts_with("nothing was delivered"));
        assert!(said(2, used(0, 3, Some(5))).contains("roll it at Stripe"));
        assert!(said(2, used(3, 1, Some(IN_USE_MS - 1))).contains("still in use"));
        assert!(said(2, used(3, 1, Some(IN_USE_MS))).contains("--finish"));
        assert!(said(2, used(3, 0, None)).contains("--finish"));
    }
}
