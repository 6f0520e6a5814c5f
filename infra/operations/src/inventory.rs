//! What a stack consists of, and how near it is to its limits: versions of functions, and use against limits.

use serde::Serialize;
use serde_json::Value;

use crate::problem::Problem;
use crate::queues::depth;
use crate::rollback::standing::standing;
use crate::stack::Stack;
use crate::versions::{LATEST, configuration, has_alias, is_versioned};

/// The most messages of a standard queue that functions can have at once.
const IN_FLIGHT_MAX: f64 = 120_000.0;

/// The most bytes of a function's variables.
const VARIABLES_BYTES_MAX: f64 = 4_096.0;

/// What a function runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Running {
    /// `ingest`, `sweep`, `reconcile` or a domain.
    pub role: String,
    /// The function's name.
    pub function: String,
    /// The version that runs: a number, or `$LATEST` for a function whose events don't go to an alias.
    pub version: String,
    /// When its code or configuration was last changed, as Lambda says it.
    pub changed: String,
    /// Its memory, in MB.
    pub memory_mb: Option<u64>,
    /// Why it runs something else than what was deployed last; none if it doesn't.
    pub differs: Option<String>,
}

/// What each function runs, by its role.
///
/// # Errors
/// When Lambda or CloudFormation can't be asked.
pub async fn versions(stack: &Stack) -> Result<Vec<Running>, Problem> {
    let parameters = stack.parameters().await?;
    let mut all = Vec::new();
    for (role, function) in &stack.functions {
        let state = match has_alias(role) && is_versioned(&parameters, role) {
            true => standing(stack, role, function).await?,
            false => None,
        };
        let version = state.as_ref().map(|state| state.alias.version.clone());
        let version = version.unwrap_or_else(|| LATEST.to_owned());
        let found = configuration(&stack.aws, function, &version).await?;
        let found = found.unwrap_or_default();
        all.push(Running {
            role: role.clone(),
            function: function.clone(),
            changed: found["LastModified"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            memory_mb: found["MemorySize"].as_u64(),
            differs: state.and_then(|state| state.said(role)),
            version,
        });
    }
    Ok(all)
}

/// How much of a limit is in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Used {
    /// What is limited.
    pub what: String,
    /// How much is in use; none if it isn't known.
    pub used: Option<f64>,
    /// The limit; none if it isn't known.
    pub limit: Option<f64>,
    /// What both are in; empty for counts.
    pub unit: &'static str,
}

impl Used {
    /// The share of the limit that is in use, in percent.
    pub fn percent(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > 0.0)?;
        Some(self.used? * 100.0 / limit)
    }
}

/// How much is in use of the limits that AWS sets. What can't be asked isn't known.
///
/// # Errors
/// When a queue can't be asked.
pub async fn limits(stack: &Stack) -> Result<Vec<Used>, Problem> {
    let mut all = Vec::new();
    for domain in stack.domains() {
        if let Some(url) = stack.queues.get(domain) {
            let (_, in_flight) = depth(stack, url).await?;
            all.push(Used {
                what: format!("messages of {domain} at work"),
                used: u32::try_from(in_flight).ok().map(f64::from),
                limit: Some(IN_FLIGHT_MAX),
                unit: "",
            });
        }
    }
    let settings = stack.aws.get("lambda", "/2016-08-19/account-settings/");
    all.extend(of_account(&settings.await.unwrap_or_default()));
    if stack.functions.contains_key("ingest") {
        let ingest = stack.live_configuration("ingest").await.unwrap_or_default();
        all.push(of_variables(&ingest));
    }
    Ok(all)
}

fn of_account(settings: &Value) -> [Used; 2] {
    let (limit, usage) = (&settings["AccountLimit"], &settings["AccountUsage"]);
    let number = |of: &Value, name: &str| of[name].as_f64();
    let all = number(limit, "ConcurrentExecutions");
    let free = number(limit, "UnreservedConcurrentExecutions");
    let gigabytes = |bytes: Option<f64>| bytes.map(|bytes| bytes / 1e9);
    [
        Used {
            what: "copies of functions that are reserved, of the account's".to_owned(),
            used: all.zip(free).map(|(all, free)| all - free),
            limit: all,
            unit: "",
        },
        Used {
            what: "code of all functions and versions of the account".to_owned(),
            used: gigabytes(number(usage, "TotalCodeSize")),
            limit: gigabytes(number(limit, "TotalCodeSize")),
            unit: "GB",
        },
    ]
}

/// A function's variables: the more endpoints, the longer they are.
fn of_variables(configuration: &Value) -> Used {
    let variables = configuration["Environment"]["Variables"].as_object();
    let bytes = variables.map(|variables| {
        let each = variables.iter();
        let each = each.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len));
        each.sum::<usize>()
    });
    Used {
        what: "ingest's variables, its endpoints among them".to_owned(),
        used: bytes
            .and_then(|bytes| u32::try_from(bytes).ok())
            .map(f64::from),
        limit: Some(VARIABLES_BYTES_MAX),
        unit: "bytes",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn use_is_compared_with_its_limit_and_what_is_not_said_is_unknown() {
        let [reserved, code] = of_account(&json!({
            "AccountLimit": {
                "ConcurrentExecutions": 1_000, "UnreservedConcurrentExecutions": 900, "TotalCodeSize": 80_000_000_000_u64,
            },
            "AccountUsage": { "TotalCodeSize": 8_000_000_000_u64 },
        }));
        assert_eq!(
            (reserved.used, reserved.limit),
            (Some(100.0), Some(1_000.0))
        );
        assert_eq!(
            (reserved.percent(), code.percent()),
            (Some(10.0), Some(10.0))
        );
        let [unknown, _] = of_account(&Value::Null);
        assert_eq!((unknown.used, unknown.percent()), (None, None));
        let variables = json!({ "Environment": { "Variables": { "A": "xyz", "BC": "" } } });
        assert_eq!(of_variables(&variables).used, Some(6.0));
        assert_eq!(of_variables(&Value::Null).used, None);
    }
}
