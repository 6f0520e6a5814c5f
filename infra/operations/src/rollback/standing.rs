//! Compares a function's alias with what was deployed last, for `sluice status` and `sluice doctor`.

use serde_json::Value;

use super::record::{self, Move, behind};
use crate::stack::Stack;

use crate::problem::Problem;
use crate::times::time_of_ms;
use crate::versions::{self, Alias, Difference, LATEST, LIVE};

/// The state of a function's alias.
#[derive(Debug)]
pub struct AliasState {
    /// Where the alias points.
    pub alias: Alias,
    /// What that version has otherwise than what was deployed last.
    pub differences: Vec<Difference>,
    /// The version that was deployed last, if one was published of it.
    pub deployed: Option<String>,
    /// Who put it there, if it differs.
    pub moved: Option<Move>,
}

impl AliasState {
    /// In words: which version runs, which was deployed last, and why they differ. None if they are the same.
    pub fn said(&self, role: &str) -> Option<String> {
        if self.differences.is_empty() {
            return None;
        }
        let last = match &self.deployed {
            Some(version) => format!("the last deployed is {version}"),
            None => "what was deployed last is no version".to_owned(),
        };
        let why = match &self.moved {
            Some(moved) => format!(
                "{} from {} to {} at {} by {} because: {}",
                if moved.is_back() {
                    "rolled back"
                } else {
                    "moved"
                },
                moved.from,
                moved.to,
                time_of_ms(moved.at_ms),
                moved.who,
                moved.why
            ),
            None => format!(
                "no rollback is recorded; they differ in {}",
                Difference::names(&self.differences)
            ),
        };
        Some(format!(
            "{role} runs version {}, {last}: {why}",
            self.alias.version
        ))
    }
}

/// Reads the state of a function's alias; none if it has no alias.
pub async fn standing(
    stack: &Stack,
    role: &str,
    function: &str,
) -> Result<Option<AliasState>, Problem> {
    let aws = &stack.aws;
    let Some(alias) = versions::alias(aws, function).await? else {
        return Ok(None);
    };
    let ask = |qualifier| versions::configuration(aws, function, qualifier);
    let (Some(live), Some(latest)) = (ask(LIVE).await?, ask(LATEST).await?) else {
        return Ok(None);
    };
    let differences = versions::differences(&live, &latest);
    if let (true, Some(error)) = (
        differences.is_empty(),
        versions::unreadable([&live, &latest]),
    ) {
        return Err(Problem::failed(format!(
            "Lambda can't decrypt the variables of {function} for you ({error}): kms:Decrypt is needed at its key"
        )));
    }
    let (mut deployed, mut moved) = (Some(alias.version.clone()), None);
    if !differences.is_empty() {
        let published: Vec<Value> = versions::published(aws, function).await?;
        deployed = versions::deployed(&published, &latest).map(str::to_owned);
        moved = behind(&record::moves(stack)?.of(role).await?, &alias.version).cloned();
    }
    Ok(Some(AliasState {
        alias,
        differences,
        deployed,
        moved,
    }))
}
