//! The SQS runner: what a domain's `main.rs` calls.
//!
//! Reads the configuration, then for each batch: passes the messages to the kernel, logs one line per message, sets the
//! delay of those that must come back, and names them to SQS. SQS deletes a message that isn't named, so a name is only
//! left out when the kernel returned `Ok`.

use std::pin::Pin;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::DeserializeOwned;
use sluice_kernel::bus::trace;
use sluice_kernel::code::Code;
use sluice_kernel::consumer::batch::{self, BatchRun, Handled};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::domain::Domain;
use sluice_kernel::queue::Received;

use crate::aws;
use crate::bus::EventBridgeBus;
use crate::clock::SystemClock;
use crate::config::{BadVariables, DomainConfig, Vars, environment};
use crate::ledger::DynamoLedger;
use crate::objects::StripeObjects;
use crate::outcomes::DynamoOutcomes;
use crate::projections::DynamoProjections;
use crate::telemetry;
use crate::visibility::{Delay, Queue};

struct Consumer<S> {
    projections: DynamoProjections,
    outcomes: DynamoOutcomes,
    ledger: DynamoLedger<SystemClock>,
    bus: EventBridgeBus,
    objects: StripeObjects,
    queue: Queue,
    receives_max: u32,
    settings: S,
}

impl<S: DeserializeOwned + Default + Send + Sync> Consumer<S> {
    fn start() -> Result<Self, BadVariables> {
        let mut vars = Vars::new(&environment);
        let config = DomainConfig::read(&mut vars);
        let sdk = aws::sdk_config(&mut vars);
        let objects = StripeObjects::read(&mut vars, &sdk);
        vars.finish()?;
        Ok(Self {
            projections: DynamoProjections::new(&sdk, config.domain_table),
            outcomes: DynamoOutcomes::new(&sdk, config.outcomes_table, config.retention_days),
            ledger: DynamoLedger::new(&sdk, config.ledger_table, SystemClock),
            bus: EventBridgeBus::new(&sdk, config.bus_name),
            objects: objects?,
            queue: Queue::new(&sdk, config.queue_url),
            receives_max: config.receives_max,
            settings: config.settings,
        })
    }

    fn boxed_batch<D: Domain<Settings = S>>(
        &self,
        event: LambdaEvent<SqsEvent>,
    ) -> Pin<Box<dyn Future<Output = SqsBatchResponse> + Send + '_>> {
        Box::pin(self.batch::<D>(event))
    }

    async fn batch<D: Domain<Settings = S>>(
        &self,
        event: LambdaEvent<SqsEvent>,
    ) -> SqsBatchResponse {
        let deadline_ms = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let (messages, receipts): (Vec<_>, Vec<_>) =
            event.payload.records.into_iter().map(received).unzip();
        let ports = Ports {
            projections: &self.projections,
            bus: &self.bus,
            bodies: &self.ledger,
            objects: &self.objects,
            settings: &self.settings,
        };
        let run = BatchRun {
            deadline_ms,
            receives_max: self.receives_max,
        };
        let handled =
            batch::handle::<D>(&ports, &self.outcomes, &SystemClock, &messages, run).await;
        for message in &handled {
            log(message);
        }
        let wanted = handled.iter().map(|message| message.delay_s);
        self.queue
            .delay(&delays(receipts, wanted), deadline_ms)
            .await;
        answer(
            handled
                .iter()
                .map(|message| (message.message_id.as_str(), message.result.is_ok())),
        )
    }
}

/// A message, and the receipt that identifies this receive to SQS. A message without an id or body can't be named: it
/// counts as empty, and is rejected and recorded.
pub(crate) fn received(message: SqsMessage) -> (Received, Option<String>) {
    let receives = message.attributes.get("ApproximateReceiveCount");
    let received = Received {
        message_id: message.message_id.unwrap_or_default(),
        text: message.body.unwrap_or_default(),
        receives: receives.and_then(|count| count.parse().ok()).unwrap_or(1),
    };
    (received, message.receipt_handle)
}

/// The delays to set: receipts, and the delay wanted for each.
pub(crate) fn delays(
    receipts: Vec<Option<String>>,
    wanted: impl Iterator<Item = Option<u32>>,
) -> Vec<Delay> {
    let pairs = receipts.into_iter().zip(wanted);
    pairs
        .filter_map(|(receipt, delay_s)| {
            let (receipt, delay_s) = (receipt?, delay_s?);
            Some(Delay { receipt, delay_s })
        })
        .collect()
}

/// Names to SQS the messages that must come back: message id, and whether it is acknowledged.
pub(crate) fn answer<'a>(handled: impl Iterator<Item = (&'a str, bool)>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = handled
        .filter(|(_, acknowledged)| !acknowledged)
        .map(|(message_id, _)| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message_id.to_owned();
            failure
        })
        .collect();
    response
}

fn log(message: &Handled) {
    let Handled {
        event,
        check,
        kind,
        account,
        traceparent,
        took_ms: duration_ms,
        lag_ms,
        ..
    } = message;
    let (event, check, kind) = (event.as_deref(), check.as_deref(), kind.as_deref());
    let (account, trace) = (account.as_deref(), traceparent.as_deref().map(trace::id));
    let emits = !message.emitted.is_empty();
    let (effects, emitted) = (message.emitted.len(), message.emitted.join(","));
    let (effects, emitted) = (emits.then_some(effects), emits.then_some(emitted.as_str()));
    let note = message.note.map(Code::as_str);
    // The levels differ, the fields don't.
    macro_rules! line {
        ($level:ident, $($fields:tt)*) => {
            tracing::$level!(event, check, r#type = kind, account, trace, $($fields)*, effects, emitted, duration_ms, lag_ms)
        };
    }
    match (&message.result, &message.rejected) {
        (Ok(outcome), None) => line!(info, outcome = outcome.as_str(), code = note),
        (Ok(outcome), Some(fault)) => {
            line!(
                error,
                outcome = outcome.as_str(),
                code = fault.code.as_str(),
                cause = fault.cause
            );
        }
        (Err(fault), _) => {
            line!(
                warn,
                outcome = "failed",
                code = fault.code.as_str(),
                cause = fault.cause,
                note,
                receives = message.receives,
                delay_s = message.delay_s
            );
        }
    }
}

/// Runs a domain as a Lambda function until Lambda ends it.
///
/// # Errors
/// If the configuration is bad, and the runtime's own errors.
pub async fn run<D: Domain>() -> Result<(), Error> {
    telemetry::start(D::NAME);
    let consumer =
        Consumer::<D::Settings>::start().inspect_err(|error| telemetry::failed_start(error))?;
    let consumer = &consumer;
    // Boxed, because the SDK's futures nest deeper than the compiler allows when it computes the layout of one.
    let batch = move |event| async move { Ok::<_, Error>(consumer.boxed_batch::<D>(event).await) };
    lambda_runtime::run(service_fn(batch)).await
}
