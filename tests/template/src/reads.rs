//! Finds the variables that a function's code reads: its own readers run with an environment that records each request.
//! This module lists the readers of each function; a test compares the list with the source of its `main.rs`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;

use sluice_adapters::aws;
use sluice_adapters::config::{DomainConfig, IngestConfig, ReconcileConfig, SweepConfig, Vars};
use sluice_adapters::http::Http;
use sluice_adapters::objects::StripeObjects;
use sluice_kernel::domain::NoSettings;

use crate::template::root;

/// What a function reads.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Every variable requested, except those that Lambda itself sets.
    pub all: BTreeSet<String>,
    /// Those without which it doesn't start.
    pub required: BTreeSet<String>,
}

/// Variables with a default that no deployment needed to change; tests set some of them.
pub const LEFT_AT_DEFAULT: [&str; 6] = [
    // The template sets it for each domain that has settings.
    "DOMAIN_SETTINGS",
    "LAPSE_MARGIN_MS",
    "MAX_BODY_BYTES",
    "MAX_CHECKS",
    "SECRET_TTL_SECONDS",
    "TOLERANCE_SECONDS",
];

/// Every function reads it when its log starts.
const TELEMETRY: &str = "METRICS_NAMESPACE";

/// The readers that a function's source names, as they are written there.
pub fn readers(function: &str) -> &'static [&'static str] {
    match function {
        "ingest" => &["IngestConfig::read", "aws::sdk_config_over"],
        "sweep" => &["SweepConfig::read", "aws::sdk_config"],
        "reconcile" => &[
            "ReconcileConfig::read",
            "aws::sdk_config",
            "StripeObjects::read_for_lists",
        ],
        // The receivers' runner, and the receiver's own readers.
        "notify" => &["Receiver::start", "aws::sdk_config"],
        // The domains' readers, in the runner that they share.
        _ => &[
            "DomainConfig::read",
            "aws::sdk_config",
            "StripeObjects::read",
        ],
    }
}

/// What a function reads, by running its readers on an empty environment.
pub fn of(function: &str) -> Reads {
    let asked = RefCell::new(BTreeSet::from([TELEMETRY.to_owned()]));
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };
    let mut vars = Vars::new(&lookup);
    for reader in readers(function) {
        match *reader {
            "IngestConfig::read" => drop(IngestConfig::read(&mut vars)),
            "SweepConfig::read" => drop(SweepConfig::read(&mut vars)),
            "ReconcileConfig::read" => drop(ReconcileConfig::read(&mut vars)),
            "DomainConfig::read" => drop(DomainConfig::<NoSettings>::read(&mut vars)),
            "aws::sdk_config" => drop(aws::sdk_config(&mut vars)),
            "aws::sdk_config_over" => drop(aws::sdk_config_over(&Http::default(), &mut vars)),
            "StripeObjects::read" => drop(StripeObjects::read(&mut vars, &sdk())),
            "StripeObjects::read_for_lists" => {
                drop(StripeObjects::read_for_lists(&mut vars, &sdk()))
            }
            "Receiver::start" => [
                "functions/shared/adapters/src/receiver.rs",
                "functions/notify/src/main.rs",
            ]
            .into_iter()
            .for_each(|file| read_as(file, &mut vars)),
            other => panic!("no reader {other}"),
        }
    }
    let bad = vars.finish().err().map(|bad| bad.0).unwrap_or_default();
    let missing = bad
        .iter()
        .filter_map(|what| what.strip_suffix(" is not set"));
    // Only a development build has faults.
    let own = |name: &str| !name.starts_with("AWS_") && name != "SLUICE_FAULTS_FILE";
    let required = missing
        .filter(|name| own(name))
        .map(str::to_owned)
        .collect();
    let all = asked.take().into_iter().filter(|name| own(name)).collect();
    Reads { all, required }
}

/// Reads the variables that a source file reads by name, with the same methods: a receiver's start makes clients and
/// can't run alone.
fn read_as(file: &str, vars: &mut Vars<'_>) {
    let text =
        fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    for (at, _) in text.match_indices("vars.") {
        let call = &text[at + "vars.".len()..];
        let Some((method, rest)) = call.split_once("(\"") else {
            continue;
        };
        let name = rest.split('"').next().unwrap_or_default();
        match method {
            "text" => drop(vars.text(name)),
            "optional_text" => drop(vars.optional_text(name)),
            "number" => {
                vars.number(name, 0, 0, u32::MAX);
            }
            // Another call of `vars`, without a name as its first argument.
            _ => {}
        }
    }
}

/// A client configuration that sends nothing.
fn sdk() -> aws_types::SdkConfig {
    let lookup = |name: &str| name.starts_with("AWS_").then(|| "us-east-1".to_owned());
    aws::sdk_config(&mut Vars::new(&lookup))
}
