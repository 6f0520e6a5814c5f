//! Finds the AWS calls that the operator's program can make, from its own source and that of the adapters it uses.
//!
//! The program names most calls in full (`AmazonSQS.GetQueueAttributes`), some by their path, and makes the others
//! through adapters, with the SDK operations of [`crate::calls`]. All calls found count: no other test would find a
//! superfluous permission, so the policy has to equal them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::calls::OPERATIONS;
use crate::template::root;

/// The adapters' files that the program uses: a command may call what it reaches in them.
const ADAPTERS: [&str; 13] = [
    "batch.rs",
    "bodies.rs",
    "bus.rs",
    "dead_letters.rs",
    "erase.rs",
    "inspect.rs",
    "ledger.rs",
    "listing.rs",
    "objects.rs",
    "projections.rs",
    "records.rs",
    "runs.rs",
    "timeline.rs",
];

/// A target's prefix, and its service.
const TARGETS: [(&str, &str); 6] = [
    ("\"AmazonSQS.", "sqs"),
    ("\"AWSEvents.", "events"),
    ("\"DynamoDB_20120810.", "dynamodb"),
    ("\"Logs_20140328.", "logs"),
    ("\"TrentService.", "kms"),
    ("\"secretsmanager.", "secretsmanager"),
];

/// A path's prefix; the rest of the path says which call it is, and whether it is in a call of `put`.
const PATHS: [&str; 4] = [
    "\"/2015-03-31/",
    "\"/2016-08-19/",
    "\"/2019-09-30/",
    "\"/schedules/",
];
const PUT: &str = ".put(\"lambda\",&format!(";
const CALLS_BY_PUT: [(&str, &str); 1] = [("/aliases/", "lambda:UpdateAlias")];
const CALLS_BY_PATH: [(&str, &str); 8] = [
    ("/account-settings", "lambda:GetAccountSettings"),
    ("/aliases/", "lambda:GetAlias"),
    ("/concurrency", "lambda:GetFunctionConcurrency"),
    ("/configuration", "lambda:GetFunctionConfiguration"),
    ("/event-source-mappings?", "lambda:ListEventSourceMappings"),
    ("/invocations", "lambda:InvokeFunction"),
    ("/schedules/", "scheduler:GetSchedule"),
    ("/versions?", "lambda:ListVersionsByFunction"),
];

/// Forms: the service's name in calls, and its name in permissions.
const FORMS: [(&str, &str); 3] = [
    ("cloudformation", "cloudformation"),
    ("iam", "iam"),
    ("monitoring", "cloudwatch"),
];

/// An SDK operation that no function uses.
const BATCH_WRITE: (&str, &str) = ("batch_write_item", "dynamodb:BatchWriteItem");

/// The suffix of SQS's batch calls: the permission for single messages also allows them.
const BATCH: &str = "Batch";

/// The files that read a whole table of those of the program and its adapters. The adapters that do so are named by their
/// file; of which table, their callers say: the ledger's and the domains', and never that of outcomes, which has an index.
pub fn scanning() -> BTreeSet<String> {
    let scans = |text: &String| text.contains(".scan()") || text.contains("DynamoDB_20120810.Scan");
    let files = files();
    let scanning = files.iter().filter(|path| scans(&code(path)));
    let name = |path: &std::path::PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    scanning.filter_map(name).collect()
}

/// The source of the program and of its adapters, without comments and tests, and without white space.
fn sources() -> Vec<String> {
    files().iter().map(|path| code(path)).collect()
}

/// The files of the program and of its adapters.
fn files() -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for folder in ["infra/cli/src", "infra/console/src", "infra/operations/src"] {
        collect(&root().join(folder), &mut files);
    }
    let adapters = root().join("functions/shared/adapters/src");
    files.extend(ADAPTERS.map(|name| adapters.join(name)));
    for folder in ["ledger", "runs"] {
        collect(&adapters.join(folder), &mut files);
    }
    files
}

/// A file's text without comments and tests, and without white space.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("readable");
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// The text up to the next quotation mark.
fn quoted(text: &str) -> &str {
    text.split('"').next().unwrap_or_default()
}

/// The actions that the program's calls take.
///
/// # Panics
/// If it calls something by an unknown path.
pub fn calls() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in sources() {
        for (before, service) in TARGETS {
            for (at, _) in text.match_indices(before) {
                let operation = quoted(&text[at + before.len()..]);
                let operation = match service {
                    "sqs" => operation.strip_suffix(BATCH).unwrap_or(operation),
                    _ => operation,
                };
                found.insert(format!("{service}:{operation}"));
            }
        }
        for before in PATHS {
            for (at, _) in text.match_indices(before) {
                let path = quoted(&text[at + 1..]);
                let known: &[(&str, &str)] = match text[..at].ends_with(PUT) {
                    true => &CALLS_BY_PUT,
                    false => &CALLS_BY_PATH,
                };
                let call = known.iter().find(|(part, _)| path.contains(part));
                let (_, call) =
                    call.unwrap_or_else(|| panic!("{path} is no path that is known here"));
                found.insert((*call).to_owned());
            }
        }
        for (name, service) in FORMS {
            for (at, before) in text.match_indices(&format!(".form(\"{name}\",")) {
                let rest = &text[at + before.len()..];
                // The version is in between.
                let action = rest.split_once(",\"").map(|(_, rest)| quoted(rest));
                found.insert(format!("{service}:{}", action.unwrap_or_default()));
            }
        }
        // What functions call, and the one call that only operators make.
        let operations = OPERATIONS.into_iter().chain([BATCH_WRITE]);
        for (operation, action) in operations {
            if text.contains(&format!(".{operation}()")) {
                found.insert(action.to_owned());
            }
        }
    }
    found
}

/// The actions that the policy allows.
///
/// # Panics
/// If it isn't JSON of a policy's form.
pub fn allowed() -> BTreeSet<String> {
    let path = root().join("infra/operations/operator-policy.json");
    let text = fs::read_to_string(path).expect("the operator's policy");
    let policy: Value = serde_json::from_str(&text).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements");
    let actions = statements.iter().flat_map(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        statement["Action"].as_array().expect("a list of actions")
    });
    actions
        .map(|action| action.as_str().expect("a text").to_owned())
        .collect()
}
