//! The signing secrets in Secrets Manager: reads them, and writes new versions.
//!
//! Secrets Manager has no conditional write. The version is checked again right before the write. This leaves a moment
//! in which two operators can overwrite each other; the previous version then has the value of the one who lost.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sluice_kernel::delivery::secrets;

use crate::problem::Problem;
use crate::stack::Stack;

/// The prefix of Stripe's secrets.
pub const PREFIX: &str = "whsec_";

/// Stripe's secrets have 38 characters; a much shorter one was made up.
const CHARS_MIN: usize = 24;

/// The signing secrets as Secrets Manager has them. It shows none of them.
pub struct Signing {
    /// The secret's id.
    pub id: String,
    version: String,
    /// When this version was made, in milliseconds; none if the answer doesn't say.
    pub since_ms: Option<i64>,
    /// Each endpoint's secrets, the newest first.
    pub lists: BTreeMap<String, Vec<String>>,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.id;
        f.debug_struct("Signing")
            .field("id", id)
            .finish_non_exhaustive()
    }
}

impl Signing {
    /// Reads them.
    pub async fn read(stack: &Stack) -> Result<Self, Problem> {
        let missing = || Problem::NotFound("the stack has no output SecretId".to_owned());
        let id = stack.outputs.get("SecretId").ok_or_else(missing)?;
        let input = json!({ "SecretId": id });
        let answer = stack
            .aws
            .json("secretsmanager.GetSecretValue", &input)
            .await?;
        let text = answer["SecretString"].as_str().unwrap_or_default();
        // Ingest's own code reads them first; its words quote nothing. If there are too many, --finish corrects that.
        if let Err(fault) = secrets::parse(text)
            && !fault.cause.contains("the limit is")
        {
            return Err(Problem::Failed(format!(
                "the stack's secret is {}: put {{\"platform\":[\"whsec_…\"]}}",
                fault.cause
            )));
        }
        let lists = serde_json::from_str(text)
            .map_err(|_| Problem::failed("the stack's secret is no JSON object of lists"))?;
        Ok(Self {
            id: id.clone(),
            version: answer["VersionId"].as_str().unwrap_or_default().to_owned(),
            since_ms: seconds(&answer["CreatedDate"]),
            lists,
        })
    }

    /// An endpoint's secrets, the newest first; empty if it has none.
    pub fn of(&self, endpoint: &str) -> &[String] {
        self.lists
            .get(endpoint)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Puts these lists in the place of those that were read, unless another operator has written others meanwhile.
    /// White space around a secret, which every reader ignores, isn't written again.
    pub async fn write(
        &self,
        stack: &Stack,
        lists: &BTreeMap<String, Vec<String>>,
    ) -> Result<(), Problem> {
        if Self::read(stack).await?.version != self.version {
            return Err(Problem::failed(
                "another operator has changed the secrets meanwhile: nothing was done, look again",
            ));
        }
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let token = format!("{:024x}{:08x}", since.as_nanos(), std::process::id());
        let text =
            serde_json::to_string(&trimmed(lists)).map_err(|_| Problem::failed("no JSON of it"))?;
        let input =
            json!({ "SecretId": self.id, "SecretString": text, "ClientRequestToken": token });
        stack
            .aws
            .json("secretsmanager.PutSecretValue", &input)
            .await?;
        Ok(())
    }
}

fn trimmed(lists: &BTreeMap<String, Vec<String>>) -> BTreeMap<&str, Vec<&str>> {
    let all = lists.iter();
    let trimmed = all.map(|(name, list)| {
        let secrets = list.iter().map(|secret| secret.trim());
        (name.as_str(), secrets.collect())
    });
    trimmed.collect()
}

/// A date of Secrets Manager's: seconds with a fraction.
pub fn seconds(date: &Value) -> Option<i64> {
    date.as_f64().map(|seconds| (seconds * 1_000.0) as i64)
}

/// Whether Stripe hasn't made this secret: it is a template's placeholder, or it was made up.
pub fn is_placeholder(secret: &str) -> bool {
    let rest = secret.strip_prefix(PREFIX).unwrap_or_default();
    let is_plain = rest
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    secret.len() < CHARS_MIN || rest.is_empty() || !is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_0123456789abcdefghijklmnopqrstuv";

    #[test]
    fn a_stand_in_is_distinguished_from_a_secret() {
        assert!(!is_placeholder(SECRET));
        assert!(!is_placeholder("whsec_local_platform_0123456789abcdef"));
        for placeholder in [
            "",
            " ",
            "whsec_…",
            "whsec_...",
            "whsec_any",
            "whsec_0123456789…0123456789",
            "0123456789abcdefghijklmnopqrstuv",
        ] {
            assert!(is_placeholder(placeholder), "{placeholder}");
        }
    }

    #[test]
    fn white_space_around_a_secret_is_not_written_again() {
        let lists = BTreeMap::from([("platform".to_owned(), vec![format!(" {SECRET}\r\n")])]);
        assert_eq!(trimmed(&lists)["platform"], [SECRET]);
    }

    #[test]
    fn nothing_shows_a_secret() {
        let signing = Signing {
            id: "id".to_owned(),
            version: String::new(),
            since_ms: None,
            lists: BTreeMap::from([("platform".to_owned(), vec![SECRET.to_owned()])]),
        };
        assert!(!format!("{signing:?}").contains("0123"));
    }
}
