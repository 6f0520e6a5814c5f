//! The endpoints' signing secrets: their status, and rolling one without losing a delivery.
//!
//! Rolling takes three steps. First, put the new secret beside the old ([`plan_roll`]). Second, roll it at Stripe,
//! which then signs with both for up to a day. Third, take the old one out when nothing is signed with it alone any
//! more ([`plan_finish`]). Ingest finds a change without a restart: at once when a signature matches no secret that it
//! knows, otherwise within minutes.
//!
//! No plan, status or problem contains a secret's value. Ingest's log lines show which secret Stripe signs with: they
//! name a secret's place in the list (`signed_by`) while there is more than one.

mod roll;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
pub use sluice_kernel::delivery::secrets::SECRETS_MAX;

use crate::code;
use crate::logs;
use crate::problem::Problem;
use crate::signing::{PREFIX, Signing, is_placeholder, seconds};
use crate::stack::Stack;
use crate::times::now_ms;

pub use roll::{Finish, ROLL_WHY, Roll, plan_finish, plan_roll};

/// How far back lines are read, in milliseconds: a day, for which Stripe signs with both.
const LOOK_BACK_MS: i64 = 86_400_000;

/// If there are more lines than are read, those of this long ago are read too, in milliseconds: hundreds, then.
const NOW_MS: i64 = 60_000;

/// An old secret that signed something alone within this time is still in use, in milliseconds.
const IN_USE_MS: i64 = 3_600_000;

/// The longest secret that is accepted, in bytes. Anything longer is no secret of Stripe's but a wrong file.
pub const CHARS_MAX: usize = 256;

/// What ingest's lines say of an endpoint's secrets.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Deliveries that were signed with the newest secret, alone or beside an older one.
    #[serde(rename = "signed_by_newest")]
    pub by_newest: usize,
    /// Deliveries that were signed with older secrets alone.
    #[serde(rename = "signed_by_older_alone")]
    pub by_older: usize,
    /// When the last of those came, in Unix milliseconds.
    #[serde(rename = "last_by_older_alone_at_ms")]
    pub last_by_older_ms: Option<i64>,
    /// Deliveries that no secret verifies.
    pub refused: usize,
}

/// The status of an endpoint's secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretState {
    /// The endpoint's name.
    pub endpoint: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// How many it has.
    pub secrets: usize,
    /// How many of them Stripe hasn't made.
    pub placeholders: usize,
    /// When the stack's secrets were last changed, in Unix milliseconds; none if Secrets Manager doesn't say.
    pub changed_at_ms: Option<i64>,
    /// The time since which log lines were read, in Unix milliseconds.
    pub looked_at_since_ms: i64,
    /// What the lines say.
    #[serde(flatten)]
    pub used: Used,
    /// What to do next; empty when there is nothing to do.
    pub advice: &'static str,
    /// Why log lines could not be read, if so.
    pub log_lines_missing: Option<String>,
}

/// The status of all secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Each endpoint's secrets, by the endpoint's name.
    pub endpoints: Vec<SecretState>,
    /// How many versions Secrets Manager keeps.
    pub versions: usize,
    /// When the secrets were last changed, in Unix milliseconds; none if Secrets Manager doesn't say.
    pub changed_at_ms: Option<i64>,
    /// The time since which log lines were read, in Unix milliseconds.
    pub looked_at_since_ms: i64,
    /// When the status was asked for, in Unix milliseconds.
    pub at_ms: i64,
    /// Why log lines could not be read, if so.
    pub log_lines_missing: Option<String>,
}

/// How many secrets each endpoint has, since when, and which of them Stripe signs with.
///
/// # Errors
/// `NotFound` for a stack without secrets, `Failed` when AWS can't be asked. Log lines that can't be read are no error.
pub async fn status(stack: &Stack) -> Result<Status, Problem> {
    let (signing, endpoints) = (Signing::read(stack).await?, stack.endpoints().await?);
    let input = json!({ "SecretId": signing.id });
    let described = stack
        .aws
        .json("secretsmanager.DescribeSecret", &input)
        .await?;
    let at_ms = now_ms();
    let since_ms = since_ms(&signing, at_ms);
    let (used, without) = match used(stack, since_ms).await {
        Ok(used) => (used, None),
        Err(problem) => (BTreeMap::new(), Some(problem.to_string())),
    };
    let changed_ms = seconds(&described["LastChangedDate"]).or(signing.since_ms);
    let endpoints = endpoints.iter().map(|(name, endpoint)| {
        let list = signing.of(name);
        let used = used.get(name).cloned().unwrap_or_default();
        let placeholders = list.iter();
        let placeholders = placeholders.filter(|secret| is_placeholder(secret.trim()));
        SecretState {
            endpoint: name.clone(),
            mode: if endpoint.livemode { "live" } else { "test" },
            secrets: list.len(),
            placeholders: placeholders.count(),
            changed_at_ms: changed_ms,
            looked_at_since_ms: since_ms,
            advice: advice(list.len(), &used, at_ms),
            used,
            log_lines_missing: without.clone(),
        }
    });
    Ok(Status {
        endpoints: endpoints.collect(),
        versions: described["VersionIdsToStages"]
            .as_object()
            .map_or(0, serde_json::Map::len),
        changed_at_ms: changed_ms,
        looked_at_since_ms: since_ms,
        at_ms,
        log_lines_missing: without,
    })
}

/// The time since which lines are read. Places in the list have had their meaning since the list was last changed.
fn since_ms(signing: &Signing, now_ms: i64) -> i64 {
    signing
        .since_ms
        .unwrap_or_default()
        .max(now_ms - LOOK_BACK_MS)
}

/// Of each endpoint, since this time.
async fn used(stack: &Stack, since_ms: i64) -> Result<BTreeMap<String, Used>, Problem> {
    let mut used = BTreeMap::<String, Used>::new();
    let until_ms = now_ms();
    for text in ["signed_by", code::SIGNATURE_NO_MATCH.as_str()] {
        let mut found = logs::search(stack, "ingest", Some(text), since_ms, until_ms).await?;
        if found.cut {
            // A search returns the oldest first. What counts is what Stripe signs with now.
            let since_ms = until_ms - NOW_MS;
            let last = logs::search(stack, "ingest", Some(text), since_ms, until_ms).await?;
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
                None if line.fields["code"] == code::SIGNATURE_NO_MATCH.as_str() => {
                    of_endpoint.refused += 1
                }
                None => {}
            }
        }
    }
    Ok(used)
}

/// What to do next about an endpoint with this number of secrets.
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

/// A secret that an operator enters, if it may be one of Stripe's. White space around it is taken off.
///
/// # Errors
/// `Usage`, with words that quote nothing of it.
pub fn checked(text: &str) -> Result<String, Problem> {
    let secret = text.trim();
    let refused = |what: &str| Err(Problem::Usage(format!("that is no signing secret: {what}")));
    match secret {
        "" => refused("it is empty"),
        _ if secret.len() > CHARS_MAX => refused("it is too long"),
        _ if ["sk_", "rk_", "pk_"]
            .iter()
            .any(|it| secret.starts_with(it)) =>
        {
            refused("it is an API key, which belongs into the secret of ApiKeySecretArn")
        }
        _ if !secret.starts_with(PREFIX) => refused("Stripe's begin with whsec_"),
        _ if is_placeholder(secret) => refused("it is a placeholder, or cut"),
        _ => Ok(secret.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const SECRET: &str = "whsec_0123456789abcdefghijklmnopqrstuv";

    pub(super) fn used(by_newest: usize, by_older: usize, ago_ms: Option<i64>) -> Used {
        Used {
            by_newest,
            by_older,
            last_by_older_ms: ago_ms.map(|ago_ms| 10 * IN_USE_MS - ago_ms),
            refused: 0,
        }
    }

    #[test]
    fn the_old_secret_can_go_when_stripe_signs_with_the_new_one_and_with_the_old_no_more() {
        let said = |count, used: Used| advice(count, &used, 10 * IN_USE_MS);
        assert!(said(0, Used::default()).starts_with("put one"));
        assert_eq!(said(1, Used::default()), "");
        assert!(said(2, Used::default()).starts_with("nothing was delivered"));
        assert!(said(2, used(0, 3, Some(5))).contains("roll it at Stripe"));
        assert!(said(2, used(3, 1, Some(IN_USE_MS - 1))).contains("still in use"));
        assert!(said(2, used(3, 1, Some(IN_USE_MS))).contains("--finish"));
        assert!(said(2, used(3, 0, None)).contains("--finish"));
    }

    #[test]
    fn only_what_may_be_a_secret_of_stripes_is_taken_and_nothing_of_it_is_quoted() {
        assert_eq!(checked(&format!(" {SECRET}\n")).expect("a secret"), SECRET);
        for text in [
            "",
            "whsec_",
            "whsec_…",
            "whsec_any",
            "rk_live_0123456789abcdefghijkl",
            "hello, this is a text",
        ] {
            let said = checked(text).expect_err(text).to_string();
            assert!(
                text.is_empty() || !said.contains(text) || text == "whsec_",
                "{said}"
            );
        }
        let long = format!("{PREFIX}{}", "x".repeat(CHARS_MAX));
        assert!(checked(&long).is_err());
    }
}
