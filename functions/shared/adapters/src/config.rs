//! Each function's configuration: one typed struct, read from the environment once, at the start.
//!
//! A bad configuration fails the start and names every bad variable at once, so that one deployment can correct them
//! all.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;
use sluice_kernel::delivery::endpoint::Endpoint;
use sluice_kernel::delivery::ledger::RETENTION_DAYS_MIN;

/// The largest body that ingest can be configured to accept. A Lambda invocation carries 6 MB, and API Gateway may have
/// encoded the body as base64, which turns three bytes into four.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest list of addresses: Stripe has 15.
pub const SOURCES_MAX: usize = 100;

/// Every variable that is missing or can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariables(pub Vec<String>);

impl fmt::Display for BadVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "config.bad_variables: {}", self.0.join("; "))
    }
}

impl std::error::Error for BadVariables {}

/// Reads variables and remembers every bad one.
pub struct Vars<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    bad: Vec<String>,
}

impl<'a> Vars<'a> {
    /// Reads through `lookup`: the process's environment, or a test's map.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            bad: Vec::new(),
        }
    }

    /// A text that must be present; if it isn't, an empty text is returned and the variable remembered as bad.
    pub fn text(&mut self, name: &str) -> String {
        self.optional_text(name).unwrap_or_else(|| {
            self.bad.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// A text that may be absent or empty.
    pub fn optional_text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// A whole number between two bounds, both included.
    pub fn number(&mut self, name: &str, default: u32, min: u32, max: u32) -> u32 {
        let Some(value) = self.optional_text(name) else {
            return default;
        };
        match value.parse() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.bad.push(format!(
                    "{name} must be a whole number from {min} to {max}, and is {value:?}"
                ));
                default
            }
        }
    }

    fn json<T: for<'de> Deserialize<'de>>(&mut self, name: &str) -> Option<T> {
        let value = self.text(name);
        if value.is_empty() {
            return None;
        }
        serde_json::from_str(&value)
            .map_err(|error| self.bad.push(format!("{name}: {error}")))
            .ok()
    }

    /// `DOMAIN_SETTINGS`, or the defaults if that isn't set.
    fn settings<T: for<'de> Deserialize<'de> + Default>(&mut self) -> T {
        match self.optional_text("DOMAIN_SETTINGS") {
            None => T::default(),
            Some(_) => self.json("DOMAIN_SETTINGS").unwrap_or_default(),
        }
    }

    /// Remembers what is wrong with a variable.
    pub fn reject(&mut self, what: String) {
        self.bad.push(what);
    }

    /// Ends the reading: called once, after all reads, so that every bad variable is named at once.
    ///
    /// # Errors
    /// Returns every variable that was bad.
    pub fn finish(&mut self) -> Result<(), BadVariables> {
        match std::mem::take(&mut self.bad) {
            bad if bad.is_empty() => Ok(()),
            bad => Err(BadVariables(bad)),
        }
    }
}

/// Ingest's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestConfig {
    /// `LEDGER_TABLE`.
    pub ledger_table: String,
    /// `BUS_NAME`.
    pub bus_name: String,
    /// `SECRET_ID`: the secret in Secrets Manager that holds every endpoint's signing secrets.
    pub secret_id: String,
    /// `ENDPOINTS`: JSON, name → scope, livemode and, if it is known, the id of the account itself.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// `ALLOWED_SOURCES`: the only addresses that deliveries may come from, comma-separated (at most [`SOURCES_MAX`]);
    /// an empty list allows all.
    pub sources: Vec<IpAddr>,
    /// `TOLERANCE_SECONDS`: how far a signature's timestamp may be from now (300; 1 to 3600).
    pub tolerance_s: u32,
    /// `MAX_BODY_BYTES`: larger bodies are answered 413 (4 MiB, also the maximum).
    pub body_bytes_max: usize,
    /// `RETENTION_DAYS`: how long an entry counts (35; at least 31, since Stripe resends for 30).
    pub retention_days: u32,
    /// `SECRET_TTL_SECONDS`: how long secrets are kept before they are read again (300).
    pub secret_ttl_s: u32,
    /// `LAPSE_MARGIN_MS`: how long after the invocation's deadline its claim lapses, for clock skew (5,000).
    pub lapse_margin_ms: u32,
}

impl IngestConfig {
    /// Reads the configuration. `vars` remembers bad variables: nothing may be used before [`Vars::finish`].
    pub fn read(vars: &mut Vars<'_>) -> Self {
        let bytes_max = u32::try_from(BODY_BYTES_MAX).unwrap_or(u32::MAX);
        let config = Self {
            ledger_table: vars.text("LEDGER_TABLE"),
            bus_name: vars.text("BUS_NAME"),
            secret_id: vars.text("SECRET_ID"),
            endpoints: vars.json("ENDPOINTS").unwrap_or_default(),
            sources: sources(vars),
            tolerance_s: vars.number("TOLERANCE_SECONDS", 300, 1, 3_600),
            body_bytes_max: vars.number("MAX_BODY_BYTES", bytes_max, 1, bytes_max) as usize,
            retention_days: retention_days(vars),
            secret_ttl_s: vars.number("SECRET_TTL_SECONDS", 300, 1, 86_400),
            lapse_margin_ms: lapse_margin_ms(vars),
        };
        for (name, endpoint) in &config.endpoints {
            let is_id = |account: &String| account.len() > 5 && account.starts_with("acct_");
            if !endpoint.account.as_ref().is_none_or(is_id) {
                vars.bad.push(format!(
                    "ENDPOINTS: the account of {name:?} is no account's id (acct_…)"
                ));
            }
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            {
                vars.bad.push(format!(
                    "ENDPOINTS: {name:?} is no name of letters, digits, - and _"
                ));
            }
        }
        config
    }
}

/// Addresses, each once. An address that can't be read is an error and isn't skipped: without it, Stripe might be
/// refused.
fn sources(vars: &mut Vars<'_>) -> Vec<IpAddr> {
    let list = vars.optional_text("ALLOWED_SOURCES").unwrap_or_default();
    let listed = list.split(',').map(str::trim).filter(|it| !it.is_empty());
    let mut sources = Vec::new();
    for one in listed {
        match one.parse::<IpAddr>() {
            Ok(address) => sources.push(address.to_canonical()),
            Err(_) => vars.reject(format!("ALLOWED_SOURCES: {one:?} is no address")),
        }
    }
    // A list with only commas would otherwise let every address in, although the operator meant to restrict them.
    if sources.is_empty() && !list.is_empty() {
        vars.reject("ALLOWED_SOURCES names no address".to_owned());
    }
    if sources.len() > SOURCES_MAX {
        let count = sources.len();
        vars.reject(format!(
            "ALLOWED_SOURCES has {count} addresses; {SOURCES_MAX} are the most"
        ));
    }
    sources
}

fn lapse_margin_ms(vars: &mut Vars<'_>) -> u32 {
    vars.number("LAPSE_MARGIN_MS", 5_000, 1_000, 600_000)
}

fn retention_days(vars: &mut Vars<'_>) -> u32 {
    vars.number("RETENTION_DAYS", 35, RETENTION_DAYS_MIN, 3_650)
}

/// Sweep's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepConfig {
    /// `LEDGER_TABLE`.
    pub ledger_table: String,
    /// `BUS_NAME`.
    pub bus_name: String,
    /// `SWEEP_MAX_ENTRIES`: the most entries that a run publishes (1,000; 1 to 10,000).
    pub entries_max: usize,
}

impl SweepConfig {
    /// Reads the configuration. `vars` remembers bad variables: nothing may be used before [`Vars::finish`].
    pub fn read(vars: &mut Vars<'_>) -> Self {
        Self {
            ledger_table: vars.text("LEDGER_TABLE"),
            bus_name: vars.text("BUS_NAME"),
            entries_max: vars.number("SWEEP_MAX_ENTRIES", 1_000, 1, 10_000) as usize,
        }
    }
}

/// Reconcile's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcileConfig {
    /// `LEDGER_TABLE`.
    pub ledger_table: String,
    /// `OUTCOMES_TABLE`: ties and drift, as domains note them.
    pub outcomes_table: String,
    /// `BUS_NAME`.
    pub bus_name: String,
    /// `ENDPOINTS`: JSON, name → scope and livemode; as ingest's.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// `SUBSCRIBED_TYPES`: names and patterns (`charge.*`), comma-separated; none means all.
    pub types: Vec<String>,
    /// `RETENTION_DAYS`: as ingest's.
    pub retention_days: u32,
    /// `LAPSE_MARGIN_MS`: as ingest's.
    pub lapse_margin_ms: u32,
    /// `SETTLE_SECONDS`: a walk ends this long before now (300).
    pub settle_s: u32,
    /// `MAX_PAGES`: the most pages per run (200; a page has 100 events).
    pub pages_max: u32,
    /// `MAX_CHECKS`: the most objects that are checked per run, besides ties (20; 0 for none).
    pub checks_max: u32,
}

impl ReconcileConfig {
    /// Reads the configuration. `vars` remembers bad variables: nothing may be used before [`Vars::finish`].
    pub fn read(vars: &mut Vars<'_>) -> Self {
        let types = vars.optional_text("SUBSCRIBED_TYPES").unwrap_or_default();
        let types = types.split(',').map(str::trim);
        Self {
            ledger_table: vars.text("LEDGER_TABLE"),
            outcomes_table: vars.text("OUTCOMES_TABLE"),
            bus_name: vars.text("BUS_NAME"),
            endpoints: vars.json("ENDPOINTS").unwrap_or_default(),
            types: types
                .filter(|one| !one.is_empty())
                .map(str::to_owned)
                .collect(),
            retention_days: retention_days(vars),
            lapse_margin_ms: lapse_margin_ms(vars),
            settle_s: vars.number("SETTLE_SECONDS", 300, 0, 86_400),
            pages_max: vars.number("MAX_PAGES", 200, 1, 10_000),
            checks_max: vars.number("MAX_CHECKS", 20, 0, 1_000),
        }
    }
}

/// A domain's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainConfig<S> {
    /// `DOMAIN_TABLE`: the domain's projections.
    pub domain_table: String,
    /// `OUTCOMES_TABLE`: what every domain rejected, or is failing to apply.
    pub outcomes_table: String,
    /// `LEDGER_TABLE`: the source of bodies.
    pub ledger_table: String,
    /// `BUS_NAME`: where effects go.
    pub bus_name: String,
    /// `RETENTION_DAYS`: how long such a record is kept (35, as the ledger's).
    pub retention_days: u32,
    /// `QUEUE_URL`: the domain's queue, to delay its messages.
    pub queue_url: String,
    /// `MAX_RECEIVES`: how often the queue delivers a message before it is a dead letter (500; 1 to 1,000).
    pub receives_max: u32,
    /// `DOMAIN_SETTINGS`: the domain's own settings, as JSON (its defaults).
    pub settings: S,
}

impl<S: for<'de> Deserialize<'de> + Default> DomainConfig<S> {
    /// Reads the configuration. `vars` remembers bad variables: nothing may be used before [`Vars::finish`].
    pub fn read(vars: &mut Vars<'_>) -> Self {
        Self {
            domain_table: vars.text("DOMAIN_TABLE"),
            outcomes_table: vars.text("OUTCOMES_TABLE"),
            ledger_table: vars.text("LEDGER_TABLE"),
            bus_name: vars.text("BUS_NAME"),
            retention_days: retention_days(vars),
            queue_url: vars.text("QUEUE_URL"),
            receives_max: vars.number("MAX_RECEIVES", 500, 1, 1_000),
            settings: vars.settings(),
        }
    }
}

/// The process's environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use sluice_kernel::delivery::endpoint::AccountScope;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<IngestConfig, BadVariables> {
        let lookup = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let mut vars = Vars::new(&lookup);
        let config = IngestConfig::read(&mut vars);
        vars.finish().map(|()| config)
    }

    const GOOD: [(&str, &str); 4] = [
        ("LEDGER_TABLE", "ledger"),
        ("BUS_NAME", "bus"),
        ("SECRET_ID", "secret"),
        (
            "ENDPOINTS",
            r#"{"platform":{"scope":"platform","livemode":true}}"#,
        ),
    ];

    #[test]
    fn the_least_configuration_takes_every_default() {
        let config = read(&GOOD).expect("good");
        assert_eq!((config.tolerance_s, config.retention_days), (300, 35));
        assert_eq!(config.body_bytes_max, BODY_BYTES_MAX);
        assert_eq!(
            config.endpoints["platform"],
            Endpoint::of(AccountScope::Platform, true)
        );
    }

    #[test]
    fn every_bad_variable_is_named_at_once() {
        let bad = read(&[
            ("LEDGER_TABLE", " "),
            ("ENDPOINTS", r#"{"a b":{"scope":"all","livemode":true}}"#),
            ("RETENTION_DAYS", "30"),
            ("TOLERANCE_SECONDS", "off"),
        ])
        .expect_err("bad")
        .to_string();
        for name in [
            "LEDGER_TABLE",
            "BUS_NAME",
            "SECRET_ID",
            "ENDPOINTS",
            "RETENTION_DAYS",
            "TOLERANCE_SECONDS",
        ] {
            assert!(bad.contains(name), "{name} is missing in: {bad}");
        }
    }

    #[test]
    fn sources_are_addresses_and_a_bad_one_is_named() {
        let with = |list| read(&[&GOOD[..], &[("ALLOWED_SOURCES", list)]].concat());
        let sources = |list| with(list).expect("good").sources;
        let parsed = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(sources("").is_empty());
        let two = [parsed("3.18.12.63"), parsed("2001:db8::1")];
        assert_eq!(sources(" 3.18.12.63, 2001:db8::1,"), two);
        assert_eq!(sources("::ffff:3.18.12.63"), two[..1]);
        for bad in ["3.18.12.0/24", "3.18.12", ",", "3.18.12.63;4.4.4.4"] {
            let said = with(bad).expect_err(bad).to_string();
            assert!(said.contains("ALLOWED_SOURCES"), "{said}");
        }
        assert!(with(&"1.1.1.1,".repeat(SOURCES_MAX + 1)).is_err());
    }

    #[test]
    fn an_endpoints_account_is_an_accounts_id() {
        let with = |account: &str| {
            let json = format!(
                r#"{{"platform":{{"scope":"both","livemode":true,"account":"{account}"}}}}"#
            );
            let mut pairs = GOOD;
            pairs[3].1 = &json;
            read(&pairs).map(|config| config.endpoints["platform"].account.clone())
        };
        assert_eq!(with("acct_1"), Ok(Some("acct_1".to_owned())));
        for bad in ["", "acct_", "org_1", "1"] {
            let said = with(bad).expect_err("bad").to_string();
            assert!(said.contains("acct_…"), "{said}");
        }
    }

    #[test]
    fn an_endpoint_name_must_fit_a_path() {
        let mut pairs = GOOD;
        pairs[3].1 = r#"{"a/b":{"scope":"both","livemode":false}}"#;
        assert!(read(&pairs).expect_err("bad").to_string().contains("a/b"));
    }
}
