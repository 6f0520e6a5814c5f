//! Finds the AWS calls that a function's code can make, from the adapters' source.
//!
//! A function names the adapters that it is made of, and reaches each through a port of the kernel. From the port's
//! methods this module follows the calls within the adapter, by name. A method reaches what it calls on itself, free
//! functions of its file, and those of another file by that file's name. Code that makes a type of another file reaches
//! all of that file, with its own table. An error here would find one permission too many, never one too few; running
//! the functions shows that each permission is needed. [`uses`] names the ports of each function; tests compare it with
//! the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::template::root;

/// The SDK's operations that adapters use → the action that allows them.
pub const OPERATIONS: [(&str, &str); 12] = [
    ("batch_get_item", "dynamodb:BatchGetItem"),
    (
        "change_message_visibility_batch",
        "sqs:ChangeMessageVisibility",
    ),
    ("delete_item", "dynamodb:DeleteItem"),
    ("get_item", "dynamodb:GetItem"),
    ("get_secret_value", "secretsmanager:GetSecretValue"),
    ("publish", "sns:Publish"),
    ("put_events", "events:PutEvents"),
    ("put_item", "dynamodb:PutItem"),
    ("query", "dynamodb:Query"),
    ("scan", "dynamodb:Scan"),
    ("send_message", "sqs:SendMessage"),
    ("update_item", "dynamodb:UpdateItem"),
];

/// An adapter, and the variable that names the resource that it calls.
const ADAPTERS: [(&str, &str); 9] = [
    ("DynamoLedger", "LEDGER_TABLE"),
    ("DynamoNotes", "OUTCOMES_TABLE"),
    ("DynamoOutcomes", "OUTCOMES_TABLE"),
    ("DynamoProjections", "DOMAIN_TABLE"),
    ("DynamoReceipts", "RECEIPTS_TABLE"),
    ("EventBridgeBus", "BUS_NAME"),
    ("Queue", "QUEUE_URL"),
    ("SecretsManager", "SECRET_ID"),
    ("StripeObjects", "API_KEY_SECRET_ID"),
];

/// The adapters' files that no function uses: the operator's, and tests.
const NOT_FUNCTIONS: [&str; 9] = [
    "contract",
    "dead_letters",
    "erase",
    "faults",
    "inspect",
    "listing",
    "records",
    "runs",
    "tests",
];

/// A call that a function can make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// `dynamodb:PutItem`.
    pub action: &'static str,
    /// The variable that names the table, bus, queue or secret.
    pub variable: &'static str,
    /// `/index/due`, or empty.
    pub index: String,
}

/// The adapters of a function, each with the port that it is reached through; a queue is reached by its own method.
pub fn uses(function: &str) -> &'static [(&'static str, &'static str)] {
    match function {
        "ingest" => &[
            ("DynamoLedger", "Ledger"),
            ("EventBridgeBus", "Bus"),
            ("SecretsManager", "SecretSource"),
        ],
        "sweep" => &[("DynamoLedger", "DueLedger"), ("EventBridgeBus", "Bus")],
        "reconcile" => &[
            ("DynamoLedger", "Ledger"),
            ("DynamoLedger", "Standings"),
            ("DynamoNotes", "Notes"),
            ("EventBridgeBus", "Bus"),
            ("StripeObjects", "Listing"),
        ],
        "notify" => &[("DynamoReceipts", "Receipts"), ("Queue", "delay")],
        _ => &[
            ("DynamoLedger", "Bodies"),
            ("DynamoOutcomes", "Outcomes"),
            ("DynamoProjections", "Projections"),
            ("EventBridgeBus", "Bus"),
            ("Queue", "delay"),
            ("StripeObjects", "Objects"),
        ],
    }
}

/// A function or method of the adapters.
#[derive(Debug, Clone)]
struct Unit {
    file: String,
    adapter: String,
    port: String,
    name: String,
    body: String,
}

static UNITS: LazyLock<Vec<Unit>> = LazyLock::new(|| {
    let mut units = Vec::new();
    for (file, text) in sources() {
        units_of(&file, &text, &mut units);
    }
    units
});

/// The adapters' files that functions use, without their tests: path → text.
pub fn sources() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    collect(
        &root().join("functions/shared/adapters/src"),
        "",
        &mut files,
    );
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("the adapters' source") {
        let path = entry.expect("an entry").path();
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if NOT_FUNCTIONS.contains(&stem.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, &format!("{prefix}{stem}/"), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("readable");
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let lines = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            files.insert(
                format!("{prefix}{stem}"),
                lines.collect::<Vec<_>>().join("\n"),
            );
        }
    }
}

/// `DynamoLedger<C>` → `DynamoLedger`.
fn bare(name: &str) -> String {
    let end = name
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(name.len());
    name[..end].to_owned()
}

/// The units of a formatted file: an item at the margin ends at a brace at the margin, a method at a brace one step in.
fn units_of(file: &str, text: &str, units: &mut Vec<Unit>) {
    let (mut adapter, mut port) = (String::new(), String::new());
    let mut open: Option<(Unit, &str)> = None;
    for line in text.lines() {
        if let Some((unit, end)) = &mut open {
            // Joined, so that a call reads the same with any line breaks.
            unit.body.push_str(line.trim());
            if line == *end {
                units.extend(open.take().map(|(unit, _)| unit));
            }
            continue;
        }
        if let Some(header) = line.strip_prefix("impl") {
            let header = match header.strip_prefix('<') {
                Some(generic) => generic.split_once("> ").map_or("", |(_, rest)| rest),
                None => header.trim_start(),
            };
            (port, adapter) = match header.split_once(" for ") {
                Some((port, adapter)) => (bare(port), bare(adapter)),
                None => (String::new(), bare(header)),
            };
            continue;
        }
        if line == "}" {
            (adapter, port) = (String::new(), String::new());
        }
        let indent = line.len() - line.trim_start().len();
        let words: Vec<_> = line.trim_start().split(' ').collect();
        let Some(at) = words
            .iter()
            .position(|word| *word == "fn")
            .filter(|at| *at <= 2)
        else {
            continue;
        };
        if indent > 4 || line.ends_with(';') {
            continue;
        }
        let unit = Unit {
            file: file.to_owned(),
            adapter: adapter.clone(),
            port: port.clone(),
            name: bare(words.get(at + 1).unwrap_or(&"")),
            body: String::new(),
        };
        match line.ends_with('}') {
            true => units.push(Unit {
                body: line.to_owned(),
                ..unit
            }),
            false => open = Some((unit, if indent == 4 { "    }" } else { "}" })),
        }
    }
}

/// The calls that a function's code can make.
///
/// # Panics
/// If the source has no such adapter or port: [`uses`] is out of date.
pub fn of(function: &str) -> BTreeSet<Call> {
    let mut calls = BTreeSet::new();
    for (adapter, port) in uses(function) {
        let is_start =
            |unit: &&Unit| unit.adapter == *adapter && (unit.port == *port || unit.name == *port);
        let mut ahead: Vec<_> = UNITS.iter().filter(is_start).collect();
        assert!(
            !ahead.is_empty(),
            "{function}: the adapters have no {adapter} with {port}"
        );
        let mut seen = BTreeSet::new();
        while let Some(unit) = ahead.pop() {
            if !seen.insert((&unit.file, &unit.adapter, &unit.port, &unit.name)) {
                continue;
            }
            calls.extend(calls_in(unit, adapter));
            ahead.extend(UNITS.iter().filter(|other| reaches(unit, other)));
        }
    }
    calls.extend(own(function));
    calls
}

/// What a receiver calls directly, besides the adapters: its `main.rs` has the one client, and names the resource that
/// it calls.
fn own(function: &str) -> Option<Call> {
    let path = root().join(format!("functions/{function}/src/main.rs"));
    let main = fs::read_to_string(path).expect("a function's main.rs");
    let text: String = main.split_whitespace().collect();
    let (_, action) = OPERATIONS
        .iter()
        .find(|(operation, _)| text.contains(&format!(".{operation}().")))?;
    let variable = text
        .contains("vars.text(\"TOPIC_ARN\")")
        .then_some("TOPIC_ARN");
    Some(Call {
        action,
        variable: variable.unwrap_or_default(),
        index: String::new(),
    })
}

fn reaches(unit: &Unit, other: &Unit) -> bool {
    let name = &other.name;
    if other.file != unit.file && !other.adapter.is_empty() && other.adapter != unit.adapter {
        let of_file = UNITS.iter().filter(|it| it.file == other.file);
        let mut made = of_file.filter(|it| !it.adapter.is_empty());
        return made.any(|it| unit.body.contains(&format!("{}::", it.adapter)));
    }
    match other.adapter.is_empty() {
        false => {
            let own = ["self.", "Self::"].map(|before| format!("{before}{name}("));
            other.adapter == unit.adapter && own.iter().any(|call| unit.body.contains(call))
        }
        true if other.file == unit.file => unit.body.contains(&format!("{name}(")),
        // A call of a module's function names the module.
        true => {
            let module = other.file.rsplit('/').next().unwrap_or_default();
            unit.body.contains(&format!("{module}::{name}("))
        }
    }
}

/// The SDK calls in a unit's body; an operation's builder is in one expression with its table and index.
fn calls_in(unit: &Unit, adapter: &str) -> Vec<Call> {
    let of_adapter = ADAPTERS.iter().find(|(name, _)| *name == adapter);
    let (_, own) =
        of_adapter.unwrap_or_else(|| panic!("{adapter} is no adapter that is known here"));
    let mut calls = Vec::new();
    for (operation, action) in OPERATIONS {
        for (at, _) in unit.body.match_indices(&format!(".{operation}()")) {
            let expression = unit.body[at..].split(".await").next().unwrap_or_default();
            let variable = match () {
                () if expression.contains("&self.ledger_table") => "LEDGER_TABLE",
                () if expression.contains("&self.outcomes_table") => "OUTCOMES_TABLE",
                () => own,
            };
            let index = expression
                .split_once(".index_name(\"")
                .and_then(|(_, rest)| rest.split('"').next());
            let index = index
                .map(|index| format!("/index/{index}"))
                .unwrap_or_default();
            calls.push(Call {
                action,
                variable,
                index,
            });
        }
    }
    calls
}
