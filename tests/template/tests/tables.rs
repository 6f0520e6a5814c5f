//! Compares the rules' hand-written tables with the source: the readers and ports of each function, and the known
//! calls.

use std::collections::BTreeSet;
use std::fs;

use sluice_template::template::root;
use sluice_template::{calls, reads};

/// The functions that serve every event alike, and the sample receiver.
const OTHERS: [&str; 4] = ["ingest", "sweep", "reconcile", "notify"];

fn functions() -> impl Iterator<Item = &'static str> {
    OTHERS.into_iter().chain(sluice_domains::ALL)
}

/// A file without its comments and tests.
fn source(path: &str) -> String {
    let text =
        fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The source that puts a function's adapters together; the domains share their runner.
fn wiring(function: &str) -> String {
    let main = source(&format!("functions/{function}/src/main.rs"));
    match main.contains("consumer::run::<") {
        true => source("functions/shared/adapters/src/consumer.rs"),
        false if main.contains("receiver::run(") => {
            source("functions/shared/adapters/src/receiver.rs")
        }
        false => main,
    }
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect()
}

#[test]
fn each_function_has_the_readers_that_its_source_names() {
    let all: BTreeSet<_> = functions().flat_map(reads::readers).collect();
    for function in functions() {
        let text = wiring(function);
        let named: Vec<_> = all
            .iter()
            .filter(|reader| text.contains(&format!("{reader}(")))
            .map(|reader| **reader)
            .collect();
        let mut given = reads::readers(function).to_vec();
        given.sort_unstable();
        assert_eq!(named, given, "{function}");
        // An unknown reader would read variables that no rule checks.
        let configs = usize::from(function != "notify");
        assert_eq!(text.matches("Config::read(").count(), configs, "{function}");
        assert_eq!(
            text.matches("std::env").count(),
            0,
            "{function} reads its environment by itself"
        );
    }
}

#[test]
fn nothing_but_the_readers_and_the_logs_start_looks_at_the_environment() {
    let looks = calls::sources().into_iter().flat_map(|(file, text)| {
        let found: Vec<_> = text
            .match_indices("std::env::var")
            .map(|(at, _)| text[at..].lines().next().unwrap_or_default().to_owned())
            .collect();
        found.into_iter().map(move |line| (file.clone(), line))
    });
    let looks: Vec<_> = looks
        .map(|(file, line)| (file, line.contains("METRICS_NAMESPACE")))
        .collect();
    assert_eq!(
        looks,
        [("config".to_owned(), false), ("telemetry".to_owned(), true)]
    );
}

#[test]
fn what_is_left_at_its_default_is_read_by_some_function() {
    let read: BTreeSet<_> = functions()
        .flat_map(|function| reads::of(function).all)
        .collect();
    let idle: Vec<_> = reads::LEFT_AT_DEFAULT
        .iter()
        .filter(|name| !read.contains(**name))
        .collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn each_function_is_made_of_the_adapters_that_its_source_names() {
    let all: BTreeSet<_> = functions()
        .flat_map(calls::uses)
        .map(|(adapter, _)| *adapter)
        .collect();
    for function in functions() {
        let text = wiring(function);
        let named: BTreeSet<_> = words(&text)
            .into_iter()
            .filter(|word| all.contains(word))
            .collect();
        let given: BTreeSet<_> = calls::uses(function)
            .iter()
            .map(|(adapter, _)| *adapter)
            .collect();
        assert_eq!(named, given, "{function}");
    }
}

#[test]
fn each_function_reaches_its_adapters_through_the_ports_that_its_source_asks_for() {
    let all: BTreeSet<_> = functions()
        .flat_map(calls::uses)
        .map(|(_, port)| *port)
        .collect();
    for function in functions() {
        let mut ports = match function {
            "ingest" | "sweep" | "reconcile" => source(&format!("functions/{function}/src/lib.rs")),
            "notify" => source("functions/shared/kernel/src/effects/receive.rs"),
            _ => {
                source("functions/shared/kernel/src/consumer/consume.rs")
                    + &source("functions/shared/kernel/src/consumer/batch.rs")
            }
        };
        // A queue isn't a port: its method belongs to the runner.
        ports += &wiring(function).replace(".delay(", " delay ");
        let imported: BTreeSet<_> = words(&ports)
            .into_iter()
            .filter(|word| all.contains(word))
            .collect();
        let given: BTreeSet<_> = calls::uses(function)
            .iter()
            .map(|(_, port)| *port)
            .collect();
        assert_eq!(imported, given, "{function}");
    }
}

#[test]
fn every_operation_of_the_sdk_that_an_adapter_calls_is_known() {
    let known: BTreeSet<_> = calls::OPERATIONS
        .iter()
        .map(|(operation, _)| *operation)
        .collect();
    let mut found = BTreeSet::new();
    for (file, text) in calls::sources() {
        let flat: String = text.split_whitespace().collect();
        for client in ["client.", "secrets."] {
            for (at, _) in flat.match_indices(client) {
                let call = &flat[at + client.len()..];
                let end = call
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(call.len());
                let is_operation = call[end..].starts_with("().");
                if is_operation && known.contains(&call[..end]) {
                    found.insert(call[..end].to_owned());
                } else if is_operation {
                    panic!(
                        "{file}: {} is no operation that is known here",
                        &call[..end]
                    );
                }
            }
        }
    }
    for operation in ["put_item", "get_item", "put_events", "get_secret_value"] {
        assert!(
            found.contains(operation),
            "{operation} was not found: {found:?}"
        );
    }
}

#[test]
fn calls_are_followed_to_where_they_are_made() {
    let actions = |function: &str| -> BTreeSet<String> {
        let calls = calls::of(function).into_iter();
        calls
            .map(|call| format!("{} {}{}", call.action, call.variable, call.index))
            .collect()
    };
    let notify = [
        "dynamodb:PutItem RECEIPTS_TABLE",
        "dynamodb:UpdateItem RECEIPTS_TABLE",
        "sns:Publish TOPIC_ARN",
        "sqs:ChangeMessageVisibility QUEUE_URL",
    ];
    assert_eq!(actions("notify"), notify.map(str::to_owned).into());
    let sweep = [
        "dynamodb:GetItem LEDGER_TABLE",
        "dynamodb:Query LEDGER_TABLE",
        "dynamodb:Query LEDGER_TABLE/index/due",
        "dynamodb:UpdateItem LEDGER_TABLE",
        "events:PutEvents BUS_NAME",
    ];
    assert_eq!(actions("sweep"), sweep.map(str::to_owned).into());
    assert!(
        !actions("payments").contains("dynamodb:PutItem LEDGER_TABLE"),
        "a domain writes no ledger"
    );
}
