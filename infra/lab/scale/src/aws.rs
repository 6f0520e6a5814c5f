//! The AWS that is measured: an emulated DynamoDB in this process with the template's tables, and in front of it a
//! proxy that counts calls and capacity units.
//!
//! Each call of DynamoDB's is asked for its `ConsumedCapacity` on the way in. So units are the emulator's own counting,
//! by DynamoDB's rules. The bus accepts every entry and the queues are empty: a domain's work isn't part of this.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use aws_types::region::Region;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_adapters::aws::sdk_config_of;
use sluice_domains::ALL as DOMAINS;
use sluice_local::aws::REGION;
use sluice_local::problem::Problem;
use sluice_local::stack::StackInfo;
use sluice_local::template;

/// The ledger's table.
pub(crate) const LEDGER: &str = "ledger";

/// The table of outcomes that the console sees: what domains recorded. Replays write to the other one.
pub(crate) const EXCEPTIONS: &str = "exceptions";

/// The bus.
pub(crate) const BUS: &str = "bus";

/// The calls, each counted once: a client's repetitions are counted separately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// How often each operation was called.
    pub operations: BTreeMap<String, u64>,
    /// DynamoDB's read units, in halves.
    pub read_halves: u64,
    /// DynamoDB's write units, in halves.
    pub write_halves: u64,
    /// Calls that a client repeated because an answer took too long, or an error came. On AWS they wouldn't be
    /// repeated.
    pub repeated: u64,
}

impl Calls {
    /// All of them.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.operations.values().sum()
    }

    /// Read and write units.
    #[must_use]
    pub fn units(&self) -> (f64, f64) {
        let halves = |count: u64| u32::try_from(count).map_or(f64::INFINITY, f64::from) / 2.0;
        (halves(self.read_halves), halves(self.write_halves))
    }
}

#[derive(Clone)]
struct Front {
    database: Database,
    calls: Arc<Mutex<Calls>>,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Front {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A local AWS that counts. It ends with the process.
#[derive(Debug)]
pub struct Aws {
    front: Front,
    url: String,
}

impl Aws {
    /// Starts one, with the tables of this template, empty.
    ///
    /// # Errors
    /// If the template can't be read, or no port is free.
    pub fn start(template: &str) -> Result<Self, Problem> {
        let database = Database::memory().map_err(failed)?;
        create_tables(&database, &template::read(template)?)?;
        let front = Front {
            database,
            calls: Arc::default(),
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let app = Router::new().fallback(answer).with_state(front.clone());
        std::thread::spawn(move || {
            runtime.block_on(async move {
                // A bound, non-blocking listener can always be taken over, and serving it never ends.
                if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                    let _ = axum::serve(listener, app).await;
                }
            });
        });
        Ok(Self { front, url })
    }

    /// Where its resources are, in the form that `make run` describes its stack: the operator's program finds it by
    /// this.
    #[must_use]
    pub fn info(&self) -> StackInfo {
        let own = |name: &&str| ((*name).to_owned(), (*name).to_owned());
        let tables = [LEDGER, "outcomes"].iter().chain(&DOMAINS).map(own);
        let dead_letters = DOMAINS.map(|domain| format!("{domain}_dead_letters"));
        let queues = DOMAINS
            .into_iter()
            .chain(dead_letters.iter().map(String::as_str));
        let queue = |name: &str| (name.to_owned(), format!("{}/{name}", self.url));
        StackInfo {
            webhook_url: format!("{}/webhooks/stripe", self.url),
            webhook_secret: String::new(),
            webhook_secrets: BTreeMap::new(),
            aws_endpoint_url: self.url.clone(),
            region: REGION.to_owned(),
            tables: tables.collect(),
            queues: queues.map(queue).collect(),
            bus: BUS.to_owned(),
            secret_id: String::new(),
            functions: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            settings: BTreeMap::new(),
        }
    }

    /// The same, as the console sees it: with domains' records, and without the outcomes that replays wrote.
    #[must_use]
    pub fn info_with_records(&self) -> StackInfo {
        let mut info = self.info();
        info.tables
            .insert("outcomes".to_owned(), EXCEPTIONS.to_owned());
        info
    }

    /// For the adapters.
    pub(crate) fn sdk(&self) -> SdkConfig {
        sdk_config_of(
            Region::from_static(REGION),
            Credentials::new("local", "local", None, None, "local"),
            Some(self.url.clone()),
        )
    }

    pub(crate) fn database(&self) -> &Database {
        &self.front.database
    }

    /// The number of calls since they were last taken.
    pub(crate) fn calls_so_far(&self) -> u64 {
        self.front.calls().sum()
    }

    /// The calls since this was last asked.
    pub fn take_calls(&self) -> Calls {
        std::mem::take(&mut *self.front.calls())
    }
}

pub(crate) fn failed(error: impl std::fmt::Display) -> Problem {
    Problem::process("the emulated DynamoDB", error)
}

/// The template's tables, each under a short name. Of its properties, those that DynamoDB's CreateTable knows by the
/// same names.
fn create_tables(database: &Database, template: &Value) -> Result<(), Problem> {
    let domain = |name: &str| {
        (
            format!("{}{}Table", name[..1].to_uppercase(), &name[1..]),
            name.to_owned(),
        )
    };
    let common = [
        ("Ledger", LEDGER),
        ("Outcomes", "outcomes"),
        ("Outcomes", EXCEPTIONS),
    ];
    let common = common.map(|(resource, name)| (resource.to_owned(), name.to_owned()));
    for (resource, name) in common.into_iter().chain(DOMAINS.map(domain)) {
        let properties = &template["Resources"][&resource]["Properties"];
        let mut table = json!({ "TableName": name, "BillingMode": "PAY_PER_REQUEST" });
        for property in [
            "AttributeDefinitions",
            "KeySchema",
            "GlobalSecondaryIndexes",
        ] {
            if !properties[property].is_null() {
                table[property] = properties[property].clone();
            }
        }
        let request = serde_json::from_value(table)
            .map_err(|error| Problem::Template(format!("{resource}: {error}")))?;
        database
            .create_table(request)
            .map_err(|error| Problem::Template(format!("{resource}: {error}")))?;
    }
    Ok(())
}

async fn answer(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let target = header("x-amz-target").unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let input: Value = serde_json::from_slice(&body).unwrap_or_default();
    // `attempt=1; max=3`: what the SDK says of each try. The console's own calls say nothing and are first tries.
    let is_first = header("amz-sdk-request").is_none_or(|request| request.contains("attempt=1"));
    let answered = match service {
        "DynamoDB_20120810" => dynamodb(&front.database, operation, input),
        "AWSEvents" => Ok(taken(&input)),
        "AmazonSQS" => Ok(empty_queue()),
        _ => Err(DynoxideError::ValidationException(format!(
            "{target} is not known here"
        ))),
    };
    // CloudFormation takes forms.
    let text = String::from_utf8_lossy(&body);
    let action = text
        .strip_prefix("Action=")
        .and_then(|rest| rest.split('&').next());
    count(
        &mut front.calls(),
        action.unwrap_or(operation),
        is_first,
        answered.as_ref().ok(),
    );
    let kind = [("content-type", "application/x-amz-json-1.0")];
    match answered {
        Ok(answer) => (kind, answer.to_string()).into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, kind, error.to_json()).into_response()
        }
    }
}

fn count(calls: &mut Calls, operation: &str, is_first: bool, answer: Option<&Value>) {
    if !is_first {
        calls.repeated += 1;
        return;
    }
    *calls.operations.entry(operation.to_owned()).or_default() += 1;
    let consumed = answer.map(|answer| &answer["ConsumedCapacity"]);
    let each = match consumed {
        Some(Value::Array(each)) => each.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for consumed in each {
        let units = consumed["CapacityUnits"].as_f64().unwrap_or_default();
        // Units are whole or halves, and far fewer than a float holds.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let halves = (units * 2.0).round() as u64;
        match operation {
            "Query" | "GetItem" | "BatchGetItem" | "Scan" => calls.read_halves += halves,
            _ => calls.write_halves += halves,
        }
    }
}

fn dynamodb(database: &Database, operation: &str, mut input: Value) -> dynoxide::Result<Value> {
    input["ReturnConsumedCapacity"] = "TOTAL".into();
    match operation {
        "Query" => with(input, |request| database.query(request)),
        "Scan" => with(input, |request| database.scan(request)),
        "GetItem" => with(input, |request| database.get_item(request)),
        "BatchGetItem" => with(input, |request| database.batch_get_item(request)),
        "PutItem" => with(input, |request| database.put_item(request)),
        "UpdateItem" => with(input, |request| database.update_item(request)),
        "BatchWriteItem" => with(input, |request| database.batch_write_item(request)),
        _ => Err(DynoxideError::ValidationException(format!(
            "{operation} is not known here"
        ))),
    }
}

fn with<I: DeserializeOwned, O: Serialize>(
    input: Value,
    operation: impl Fn(I) -> dynoxide::Result<O>,
) -> dynoxide::Result<Value> {
    let unreadable =
        |error: serde_json::Error| DynoxideError::ValidationException(error.to_string());
    let output = operation(serde_json::from_value(input).map_err(unreadable)?)?;
    serde_json::to_value(output).map_err(unreadable)
}

/// EventBridge's answer if it accepts every entry.
fn taken(input: &Value) -> Value {
    let entries = input["Entries"].as_array().map_or(0, Vec::len);
    let entries: Vec<_> = (0..entries)
        .map(|n| json!({ "EventId": n.to_string() }))
        .collect();
    json!({ "FailedEntryCount": 0, "Entries": entries })
}

/// SQS's answer if no message waits.
fn empty_queue() -> Value {
    json!({ "Attributes": { "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_tries_are_counted_with_their_units_and_repetitions_apart() {
        let mut calls = Calls::default();
        let one = json!({ "ConsumedCapacity": { "CapacityUnits": 1.5 } });
        let several =
            json!({ "ConsumedCapacity": [{ "CapacityUnits": 1.0 }, { "CapacityUnits": 2.0 }] });
        count(&mut calls, "Query", true, Some(&one));
        count(&mut calls, "Query", false, Some(&one));
        count(&mut calls, "BatchWriteItem", true, Some(&several));
        count(&mut calls, "PutEvents", true, Some(&json!({})));
        count(&mut calls, "GetItem", true, None);
        assert_eq!((calls.sum(), calls.repeated), (4, 1));
        assert_eq!(calls.units(), (1.5, 3.0));
    }
}
