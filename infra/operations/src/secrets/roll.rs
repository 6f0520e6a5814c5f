//! Rolling an endpoint's secret: a new one beside the old, then without the old.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_adapters::runs::RunKind;
use sluice_kernel::delivery::secrets::SECRETS_MAX;

use super::{Used, checked, is_in_use, since_ms, used};
use crate::actor::Reason;
use crate::problem::Problem;
use crate::runs::{Record, plan_digest};
use crate::signing::Signing;
use crate::stack::Stack;
use crate::times::{now_ms, span};
use crate::words::counted;

/// The secrets of each endpoint, the newest first.
type Lists = BTreeMap<String, Vec<String>>;

/// Why secrets are changed, if the interface asks for no reason.
pub const ROLL_WHY: &str = "roll of a signing secret";

/// A plan to put a new secret before the existing ones.
#[derive(Debug, Serialize)]
pub struct Roll {
    /// The endpoint's name.
    pub endpoint: String,
    /// How many secrets it has.
    pub secrets: usize,
    /// How many it would have.
    pub would_have: usize,
    #[serde(skip)]
    signing: Signing,
}

/// A plan to take out all secrets but the newest.
#[derive(Debug, Serialize)]
pub struct Finish {
    /// The endpoint's name.
    pub endpoint: String,
    /// How many secrets it has.
    pub secrets: usize,
    /// How many it would have.
    pub would_have: usize,
    #[serde(skip)]
    signing: Signing,
}

/// Reads the secrets, if there is such an endpoint.
async fn of_endpoint(stack: &Stack, name: &str) -> Result<Signing, Problem> {
    let endpoints = stack.endpoints().await?;
    if !endpoints.contains_key(name) {
        let known: Vec<_> = endpoints.keys().map(String::as_str).collect();
        return Err(Problem::Usage(format!(
            "there is no endpoint {name}; there are {}",
            known.join(", ")
        )));
    }
    Signing::read(stack).await
}

/// Plans to put a new secret before an endpoint's existing ones.
///
/// # Errors
/// `Usage` if there is no such endpoint, or if it has the most secrets that it may have; `Failed` if AWS can't be
/// asked.
pub async fn plan_roll(stack: &Stack, endpoint: &str) -> Result<Roll, Problem> {
    let signing = of_endpoint(stack, endpoint).await?;
    let secrets = signing.of(endpoint).len();
    if secrets >= SECRETS_MAX {
        return Err(Problem::Usage(format!(
            "{endpoint} has {}, the most there may be: finish the roll before with --finish",
            counted(secrets, "secret")
        )));
    }
    Ok(Roll {
        endpoint: endpoint.to_owned(),
        secrets,
        would_have: secrets + 1,
        signing,
    })
}

/// Plans to take out all secrets of an endpoint but the newest. `force` allows this even if the old ones seem to be in
/// use.
///
/// # Errors
/// `Usage` if there is no such endpoint; `NotFound` if it has no old secret; `Partly` if an old one seems to be in use
/// and `force` isn't given; `Failed` if AWS can't be asked.
pub async fn plan_finish(stack: &Stack, endpoint: &str, force: bool) -> Result<Finish, Problem> {
    let signing = of_endpoint(stack, endpoint).await?;
    let secrets = signing.of(endpoint).len();
    if secrets < 2 {
        return Err(Problem::NotFound(format!(
            "{endpoint} has {}: there is no old one to take out",
            counted(secrets, "secret")
        )));
    }
    let now_ms = now_ms();
    let since_ms = since_ms(&signing, now_ms);
    let used = used(stack, since_ms).await?.remove(endpoint);
    let doubt = doubt(&used.unwrap_or_default(), since_ms, now_ms);
    if let Some(doubt) = doubt.filter(|_| !force) {
        return Err(Problem::Partly(format!(
            "{doubt}: without the old one such deliveries are refused. --force takes it out all the same"
        )));
    }
    Ok(Finish {
        endpoint: endpoint.to_owned(),
        secrets,
        would_have: 1,
        signing,
    })
}

/// Why an old secret seems to be in use.
fn doubt(used: &Used, since_ms: i64, now_ms: i64) -> Option<String> {
    if used.by_newest == 0 {
        Some(format!(
            "nothing that was signed with the newest has come in the last {}",
            span(now_ms - since_ms)
        ))
    } else if is_in_use(used, now_ms) {
        Some(format!(
            "{} deliveries were signed with an old one alone, the last of them within an hour",
            used.by_older
        ))
    } else {
        None
    }
}

impl Roll {
    /// Puts this secret first. It is listed as a run.
    ///
    /// # Errors
    /// `Usage` for one that the endpoint has, or that isn't one of Stripe's; `Failed` if the secrets were changed since
    /// the plan, or if AWS can't be asked.
    pub async fn carry_out(
        &self,
        stack: &Stack,
        secret: &str,
        reason: &Reason,
    ) -> Result<(), Problem> {
        let lists = self.with_first(secret)?;
        let record = self.record(stack, reason).await?;
        write(stack, &self.signing, &lists, record, ("added", 1)).await
    }

    async fn record(&self, stack: &Stack, reason: &Reason) -> Result<Record, Problem> {
        let plan = plan_digest(["roll", &self.endpoint, &self.secrets.to_string()]);
        Record::begin_new(stack, RunKind::Roll, &self.endpoint, plan, reason).await
    }

    /// All lists of secrets, with this one first in the endpoint's.
    fn with_first(&self, secret: &str) -> Result<Lists, Problem> {
        let (name, secret) = (&self.endpoint, checked(secret)?);
        if self.signing.of(name).contains(&secret) {
            return Err(Problem::Usage(format!("{name} has this secret already")));
        }
        let mut lists = self.signing.lists.clone();
        lists.entry(name.clone()).or_default().insert(0, secret);
        Ok(lists)
    }
}

impl Finish {
    /// Takes out all but the newest. It is listed as a run.
    ///
    /// # Errors
    /// `Failed` if the secrets were changed since the plan, or if AWS can't be asked.
    pub async fn carry_out(&self, stack: &Stack, reason: &Reason) -> Result<(), Problem> {
        let taken_out = self.secrets - self.would_have;
        let record = self.record(stack, reason).await?;
        let lists = self.newest_only();
        write(
            stack,
            &self.signing,
            &lists,
            record,
            ("taken out", taken_out),
        )
        .await
    }

    async fn record(&self, stack: &Stack, reason: &Reason) -> Result<Record, Problem> {
        let plan = plan_digest(["finish", &self.endpoint, &self.secrets.to_string()]);
        Record::begin_new(stack, RunKind::RollFinish, &self.endpoint, plan, reason).await
    }

    /// All lists of secrets, with only the newest in the endpoint's.
    fn newest_only(&self) -> Lists {
        let newest = self.signing.of(&self.endpoint).iter().take(1);
        let mut lists = self.signing.lists.clone();
        lists.insert(self.endpoint.clone(), newest.cloned().collect());
        lists
    }
}

/// Writes the lists, and records what was done by this word, or why not.
async fn write(
    stack: &Stack,
    signing: &Signing,
    lists: &Lists,
    mut record: Record,
    (word, count): (&str, usize),
) -> Result<(), Problem> {
    let written = signing.write(stack, lists).await;
    if written.is_ok() {
        record.count(word, count, false);
    }
    let ended = record.end(written.as_ref().err()).await;
    // The problem itself says more than that it couldn't be recorded.
    written.and(ended)
}

#[cfg(test)]
mod tests {
    use super::super::IN_USE_MS;
    use super::super::tests::{SECRET, used};
    use super::*;

    #[test]
    fn a_roll_is_finished_without_doubt_only_when_the_newest_signs_and_the_old_one_no_more() {
        let doubts = |used: Used| doubt(&used, 8 * IN_USE_MS, 10 * IN_USE_MS);
        let nothing = "nothing that was signed with the newest has come in the last 2 h";
        assert_eq!(doubts(used(0, 3, Some(5))).as_deref(), Some(nothing));
        let in_use = doubts(used(3, 2, Some(IN_USE_MS - 1))).expect("a doubt");
        assert!(in_use.starts_with("2 deliveries were signed"), "{in_use}");
        assert_eq!(doubts(used(3, 2, Some(IN_USE_MS))), None);
    }

    /// The secrets that these answers of Secrets Manager's contain, and their stack.
    async fn signing(
        answers: &'static [(u16, &'static str)],
    ) -> (Stack, Signing, std::thread::JoinHandle<Vec<String>>) {
        let (aws, serving) = crate::versions::tests::lambda(answers);
        let mut stack = Stack::for_tests();
        stack.aws = aws;
        let id = ("SecretId".to_owned(), "s-secret".to_owned());
        stack.outputs.extend([id]);
        let signing = Signing::read(&stack).await.expect("read");
        (stack, signing, serving)
    }

    const TWO: (u16, &str) = (
        200,
        r#"{"VersionId":"v-1","SecretString":"{\"platform\":[\"whsec_0123456789abcdefghijklmnopqrstuv\",\"whsec_old3456789abcdefghijklmnopqrst\"],\"connect\":[\"whsec_c123456789abcdefghijklmnopqrstuv\"]}"}"#,
    );

    #[tokio::test]
    async fn a_new_secret_is_put_first_and_one_that_is_there_or_is_none_never() {
        let (stack, signing, serving) = signing(&[TWO, TWO, (200, "{}")]).await;
        let roll = Roll {
            endpoint: "platform".to_owned(),
            secrets: 2,
            would_have: 3,
            signing,
        };
        for bad in [SECRET, "rk_live_0123456789abcdefghijkl"] {
            let refused = roll.with_first(bad).expect_err("refused");
            assert_eq!(refused.exit_code(), 2);
            assert!(!refused.to_string().contains(bad), "{refused}");
        }
        let new = "whsec_new3456789abcdefghijklmnopqrstu";
        let lists = roll.with_first(new).expect("a secret");
        roll.signing.write(&stack, &lists).await.expect("done");
        let sent = serving.join().expect("it served");
        let written = format!(r#"\"platform\":[\"{new}\",\"{SECRET}\",\"whsec_old"#);
        assert!(sent[2].contains(&written), "{sent:?}");
        assert!(sent[2].contains(r#"\"connect\":[\"whsec_c1"#), "{sent:?}");
        assert!(
            !serde_json::to_string(&roll)
                .expect("JSON")
                .contains("whsec")
        );
    }

    #[tokio::test]
    async fn a_finished_roll_leaves_the_newest_and_nothing_is_written_over_anothers_change() {
        const CHANGED: (u16, &str) = (
            200,
            r#"{"VersionId":"v-2","SecretString":"{\"platform\":[\"whsec_0123456789abcdefghijklmnopqrstuv\"]}"}"#,
        );
        let (stack, signing, serving) = signing(&[TWO, CHANGED, TWO, (200, "{}")]).await;
        let finish = Finish {
            endpoint: "platform".to_owned(),
            secrets: 2,
            would_have: 1,
            signing,
        };
        let lists = finish.newest_only();
        assert!(finish.signing.write(&stack, &lists).await.is_err());
        finish.signing.write(&stack, &lists).await.expect("done");
        let sent = serving.join().expect("it served");
        let written = format!(r#"\"platform\":[\"{SECRET}\"]"#);
        assert!(sent[3].contains(&written), "{sent:?}");
        assert_eq!(sent.len(), 4);
    }
}
