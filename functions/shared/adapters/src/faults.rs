//! Faults at the AWS client of a function, controlled from outside: the process dies before or after a call, a call or
//! its response is lost, a call is slow, single entries of a `PutEvents` call are refused.
//!
//! For tests of the functions as deployed, and for those of the adapters. **Compiled with debug assertions only**: a
//! release binary has neither the code nor the variable's name (`make build` checks), so nothing that is deployed can
//! be made to die. The local AWS runs development builds, where an unset variable is the only difference.
//!
//! [`FILE_VARIABLE`] names a file with a JSON array of [`Rule`]s. It is read again at each call, and absent when no
//! fault is wanted. Whether a rule fires depends on the number of the call among those that it matches. One atomic
//! append per call counts them over all processes. So a rule with `times: 1` fires once, in any number of environments
//! of a function, and the same seed chooses the same numbers again. What fired is appended to the file's `.fired`
//! neighbour, one JSON object per line, before it is done.
//!
//! The client sees what a network would show it: the SDK's own retries come as further calls. When entries are refused,
//! the request is changed after it was signed, which an emulator ignores and AWS wouldn't.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod connector;
#[cfg(test)]
mod tests;

/// The variable that names the file of rules.
pub const FILE_VARIABLE: &str = "SLUICE_FAULTS_FILE";

/// Matches every operation.
pub const ANY_CALL: &str = "*";

/// Which calls, and what is done to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Counts this rule's calls: letters, digits, `-` and `_`. A used id continues its count.
    pub id: String,
    /// The function's name, as Lambda names it; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The operation, e.g. `PutItem`, or [`ANY_CALL`].
    pub call: String,
    /// A text that the request has, e.g. an event's id; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Whether only the first try of a call matches, and none of the SDK's retries.
    #[serde(default)]
    pub first_tries: bool,
    /// The first of the matching calls that the rule applies to, counted from 1.
    #[serde(default = "first")]
    pub from: u64,
    /// How many matching calls the rule applies to; all further ones if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The share of those that the rule applies to, from 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// The seed that chooses them.
    #[serde(default)]
    pub seed: u64,
    /// What is done.
    #[serde(rename = "do")]
    pub act: Act,
}

fn first() -> u64 {
    1
}

fn always() -> f64 {
    1.0
}

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Nothing: the call is only recorded. Further rules apply.
    Note,
    /// The process is aborted before the call is sent.
    KillBefore,
    /// The process is aborted when the call has been answered.
    KillAfter,
    /// The call is never sent; the client sees a broken connection.
    DropBefore,
    /// The call is carried out and its answer lost; the client sees a broken connection.
    DropAfter,
    /// The call is sent this number of milliseconds later.
    Delay(u64),
    /// In a `PutEvents` call, the entries from this one on that contain the rule's text are refused and not sent; the
    /// others are sent. Other calls are let through.
    FailEntries(usize),
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::DropBefore => "drop-before",
            Self::DropAfter => "drop-after",
            Self::Delay(_) => "delay",
            Self::FailEntries(_) => "fail-entries",
        }
    }
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// The rule's id.
    pub rule: String,
    /// The function's name.
    pub function: String,
    /// The process: one environment of the function.
    pub process: u32,
    /// The operation.
    pub call: String,
    /// Which of the calls that match the rule, counted from 1.
    pub number: u64,
    /// What was done, as in the rule.
    pub did: String,
}

/// The configuration, with the rules of this file applied to every call. `function` is the caller's name.
pub fn through(config: &SdkConfig, file: &Path, function: &str) -> SdkConfig {
    let Some(inner) = config.http_client() else {
        return config.clone();
    };
    let rules = Rules {
        file: file.to_owned(),
        function: function.to_owned(),
    };
    config
        .to_builder()
        .http_client(connector::wrap(inner, rules))
        .build()
}

/// A call that is about to be made.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    operation: &'a str,
    body: &'a [u8],
    is_first_try: bool,
}

/// The rules, and the function that they apply to.
#[derive(Debug, Clone)]
struct Rules {
    file: PathBuf,
    function: String,
}

impl Rules {
    /// What is done to this call: nothing, one rule, or every rule that refuses entries of it, since each of those is
    /// about different entries.
    ///
    /// # Errors
    /// If the rules can't be read or counted. A fault that is silently not injected would make its test worthless.
    fn judge(&self, call: &Call<'_>) -> Result<Vec<Rule>, String> {
        let mut judged: Vec<Rule> = Vec::new();
        for rule in self.read()? {
            let refuses = matches!(rule.act, Act::FailEntries(_));
            if !self.matches(&rule, call) || !(refuses || judged.is_empty()) {
                continue;
            }
            let number = self.count(&rule.id)?;
            if !rule.touches(number) {
                continue;
            }
            self.write_down(&rule, call.operation, number)?;
            match rule.act {
                Act::Note => {}
                Act::FailEntries(_) => judged.push(rule),
                _ => return Ok(vec![rule]),
            }
        }
        Ok(judged)
    }

    fn read(&self) -> Result<Vec<Rule>, String> {
        let text = match std::fs::read(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
            Ok(text) => text,
        };
        let rules: Vec<Rule> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let named = |rule: &Rule| {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
            !rule.id.is_empty() && rule.id.chars().all(plain)
        };
        match rules.iter().find(|rule| !named(rule)) {
            Some(rule) => Err(format!("a rule's id can't be {:?}", rule.id)),
            None => Ok(rules),
        }
    }

    fn matches(&self, rule: &Rule, call: &Call<'_>) -> bool {
        let function = rule.function.as_deref();
        (rule.call == ANY_CALL || rule.call == call.operation)
            && function.is_none_or(|function| function == self.function)
            && (call.is_first_try || !rule.first_tries)
            && rule.is_about(call.body)
    }

    /// The number of this call among the rule's, over all processes: where the append of one byte ended.
    fn count(&self, id: &str) -> Result<u64, String> {
        let mut file = self.beside(&format!("calls-{id}"))?;
        file.write_all(b".").map_err(|error| error.to_string())?;
        file.stream_position().map_err(|error| error.to_string())
    }

    fn write_down(&self, rule: &Rule, operation: &str, number: u64) -> Result<(), String> {
        let fired = Fired {
            rule: rule.id.clone(),
            function: self.function.clone(),
            process: std::process::id(),
            call: operation.to_owned(),
            number,
            did: rule.act.word().to_owned(),
        };
        let mut line = serde_json::to_string(&fired).map_err(|error| error.to_string())?;
        line.push('\n');
        // One write, so that lines of several processes don't mix.
        self.beside("fired")?
            .write_all(line.as_bytes())
            .map_err(|error| error.to_string())
    }

    /// `<file>.<name>`, open for appending.
    fn beside(&self, name: &str) -> Result<File, String> {
        let mut path = self.file.clone().into_os_string();
        path.push(".");
        path.push(name);
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|error| error.to_string())
    }
}

impl Rule {
    fn is_about(&self, body: &[u8]) -> bool {
        self.contains.as_deref().is_none_or(|text| {
            // Every request contains an empty text.
            let text = text.as_bytes();
            text.is_empty() || body.windows(text.len()).any(|window| window == text)
        })
    }

    fn touches(&self, number: u64) -> bool {
        let Some(since) = number.checked_sub(self.from.max(1)) else {
            return false;
        };
        self.times.is_none_or(|times| since < times) && self.draw(number) < self.probability
    }

    /// At least 0 and below 1, only by seed, id and number.
    fn draw(&self, number: u64) -> f64 {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.update(self.id.as_bytes());
        let hash = hash.finalize();
        // 32 bits fit a float exactly.
        f64::from(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])) / 4_294_967_296.0
    }
}

/// How long a delayed call waits.
fn wait(ms: u64) -> tokio::time::Sleep {
    tokio::time::sleep(Duration::from_millis(ms))
}
