//! The SQS runner for receivers of effects: what the `main.rs` of a user's own function calls.
//!
//! Reads the configuration, then for each batch: passes the messages to the kernel, logs one line per message, sets the
//! delay of those that must come back, and names them to SQS. Without `QUEUE_URL` the delay is the queue's own
//! visibility.

use std::pin::Pin;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_types::SdkConfig;
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use sluice_kernel::effects::receive::{self, Batch, HandledEffect, Reaction, ReceiveOutcome};

use crate::aws;
use crate::clock::SystemClock;
use crate::config::{BadVariables, Vars, environment};
use crate::consumer::{answer, delays, received};
use crate::receipts::DynamoReceipts;
use crate::telemetry;
use crate::visibility::Queue;

/// How long after the invocation's deadline a claim lapses, for clock skew.
const LAPSE_MARGIN_MS: i64 = 5_000;

const DAY_S: i64 = 86_400;

/// Makes a reaction from the receiver's own variables and the SDK's configuration; `Vars` remembers bad ones.
pub type Make<R> = fn(&mut Vars<'_>, &SdkConfig) -> R;

struct Receiver<R> {
    receipts: DynamoReceipts,
    reaction: R,
    queue: Option<Queue>,
    keep_s: i64,
}

impl<R: Reaction> Receiver<R> {
    fn start(make: Make<R>) -> Result<Self, BadVariables> {
        let mut vars = Vars::new(&environment);
        let table = vars.text("RECEIPTS_TABLE");
        let queue_url = vars.optional_text("QUEUE_URL");
        let keep_days = vars.number("RETENTION_DAYS", 35, 1, 3_650);
        let sdk = aws::sdk_config(&mut vars);
        let reaction = make(&mut vars, &sdk);
        vars.finish()?;
        Ok(Self {
            receipts: DynamoReceipts::new(&sdk, table),
            reaction,
            queue: queue_url.map(|url| Queue::new(&sdk, url)),
            keep_s: i64::from(keep_days) * DAY_S,
        })
    }

    fn boxed_batch(
        &self,
        event: LambdaEvent<SqsEvent>,
    ) -> Pin<Box<dyn Future<Output = SqsBatchResponse> + Send + '_>> {
        Box::pin(self.batch(event))
    }

    async fn batch(&self, event: LambdaEvent<SqsEvent>) -> SqsBatchResponse {
        let (messages, receipts): (Vec<_>, Vec<_>) =
            event.payload.records.into_iter().map(received).unzip();
        let batch = Batch {
            invocation: &event.context.request_id,
            deadline_ms: i64::try_from(event.context.deadline).unwrap_or(i64::MAX),
            lapse_margin_ms: LAPSE_MARGIN_MS,
            keep_s: self.keep_s,
        };
        let handled = receive::receive_batch(
            &self.receipts,
            &self.reaction,
            &SystemClock,
            batch,
            &messages,
        )
        .await;
        handled.iter().for_each(log);
        if let Some(queue) = &self.queue {
            let wanted = handled.iter().map(|message| message.delay_s);
            queue
                .delay(&delays(receipts, wanted), batch.deadline_ms)
                .await;
        }
        answer(
            handled
                .iter()
                .map(|message| (message.message_id.as_str(), message.result.is_ok())),
        )
    }
}

fn log(message: &HandledEffect) {
    let duration_ms = message.took_ms;
    let read = message.effect.as_ref();
    let (effect, id) = read
        .map(|effect| (effect.kind.as_str(), effect.id.as_str()))
        .unzip();
    // Stripe's id of the event that called for it joins this line with ingest's and the domain's.
    let event = read.map(|effect| effect.event.as_str());
    match &message.result {
        Ok(ReceiveOutcome::Reacted) => {
            tracing::info!(effect, id, event, outcome = "reacted", duration_ms)
        }
        Ok(ReceiveOutcome::Dropped) => {
            tracing::info!(effect, id, event, outcome = "dropped", duration_ms)
        }
        Err(fault) => {
            let (code, cause) = (fault.code.as_str(), fault.cause.as_str());
            let (receives, delay_s) = (message.receives, message.delay_s);
            tracing::warn!(
                effect,
                id,
                event,
                outcome = "failed",
                code,
                cause,
                receives,
                delay_s,
                duration_ms
            );
        }
    }
}

/// Runs a receiver as a Lambda function until Lambda ends it. `make` reads its own variables; `RECEIPTS_TABLE`,
/// `RETENTION_DAYS` (35) and `QUEUE_URL` (none) are the runner's.
///
/// # Errors
/// If the configuration is bad, and the runtime's own errors.
pub async fn run<R: Reaction>(make: Make<R>) -> Result<(), Error> {
    telemetry::start("receiver");
    let receiver = Receiver::start(make).inspect_err(|error| telemetry::failed_start(error))?;
    let receiver = &receiver;
    let batch = move |event| async move { Ok::<_, Error>(receiver.boxed_batch(event).await) };
    lambda_runtime::run(service_fn(batch)).await
}
