//! The SQS runner: what a domain's `main.rs` calls.
//!
//! Reads the configuration, then for each batch: hands the messages to the kernel, logs one line a message, and names
//! to SQS those that must come back. A message that isn't named is deleted, so a name is only left out when the kernel
//! said `Ok`.

use std::pin::Pin;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use sluice_kernel::batch::{self, Handled, Received};
use sluice_kernel::consume::Ports;
use sluice_kernel::domain::Domain;

use crate::aws;
use crate::bus::EventBridgeBus;
use crate::clock::SystemClock;
use crate::config::{BadVariables, DomainConfig, Vars, environment};
use crate::ledger::DynamoLedger;
use crate::objects::StripeObjects;
use crate::outcomes::DynamoOutcomes;
use crate::projections::DynamoProjections;
use crate::telemetry;

struct Consumer {
    projections: DynamoProjections,
    outcomes: DynamoOutcomes,
    ledger: DynamoLedger<SystemClock>,
    bus: EventBridgeBus,
    objects: StripeObjects,
}

impl Consumer {
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
        })
    }

    fn boxed_batch<D: Domain>(
        &self,
        event: LambdaEvent<SqsEvent>,
    ) -> Pin<Box<dyn Future<Output = SqsBatchResponse> + Send + '_>> {
        Box::pin(self.batch::<D>(event))
    }

    async fn batch<D: Domain>(&self, event: LambdaEvent<SqsEvent>) -> SqsBatchResponse {
        let deadline_ms = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let messages: Vec<_> = event.payload.records.into_iter().map(received).collect();
        let ports = Ports {
            projections: &self.projections,
            bus: &self.bus,
            bodies: &self.ledger,
            objects: &self.objects,
        };
        let handled =
            batch::handle::<D>(&ports, &self.outcomes, &SystemClock, &messages, deadline_ms).await;
        for message in &handled {
            log::<D>(message);
        }
        answer(
            handled
                .iter()
                .map(|message| (message.message_id.as_str(), message.result.is_ok())),
        )
    }
}

/// A message that SQS gave no id or body can't be named: it is taken as empty, rejected and recorded.
pub(crate) fn received(message: SqsMessage) -> Received {
    let receives = message.attributes.get("ApproximateReceiveCount");
    Received {
        message_id: message.message_id.unwrap_or_default(),
        text: message.body.unwrap_or_default(),
        receives: receives.and_then(|count| count.parse().ok()).unwrap_or(1),
    }
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

fn log<D: Domain>(message: &Handled) {
    let Handled {
        event,
        kind,
        account,
        traceparent,
        took_ms,
        ..
    } = message;
    let (event, kind) = (event.as_deref(), kind.as_deref());
    let (account, trace) = (account.as_deref(), traceparent.as_deref());
    // The levels differ, the fields don't.
    macro_rules! line {
        ($level:ident, $($fields:tt)*) => {
            tracing::$level!(domain = D::NAME, event, r#type = kind, account, trace, $($fields)*, took_ms)
        };
    }
    match (&message.result, &message.rejected) {
        (Ok(outcome), None) => line!(info, outcome = outcome.as_str(), code = message.note),
        (Ok(outcome), Some(fault)) => {
            line!(
                error,
                outcome = outcome.as_str(),
                code = fault.code,
                cause = fault.cause
            );
        }
        (Err(fault), _) => {
            line!(
                warn,
                outcome = "failed",
                code = fault.code,
                cause = fault.cause
            );
        }
    }
}

/// Runs a domain as a Lambda function until Lambda ends it.
///
/// # Errors
/// Where the configuration is bad, or the runtime's own.
pub async fn run<D: Domain>() -> Result<(), Error> {
    telemetry::start();
    let consumer = Consumer::start().inspect_err(|error| telemetry::failed_start(error))?;
    let consumer = &consumer;
    // Boxed, because the SDK's futures nest deeper than the compiler looks when it lays them out in one.
    let batch = move |event| async move { Ok::<_, Error>(consumer.boxed_batch::<D>(event).await) };
    lambda_runtime::run(service_fn(batch)).await
}
