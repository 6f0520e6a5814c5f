//! The delay after which SQS delivers a failed message again: its visibility, set message by message.
//!
//! A message that fails would stay hidden for the rest of its queue's visibility, for any reason. Setting the
//! visibility to the delay that the kernel chose makes the message come back when a retry is useful.
//!
//! Guarantee: none is needed. If a delay can't be set (the call failed, or there is no time for it), the queue's own
//! visibility stays, and the message comes back after that. So a call here never fails a batch.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry as Entry;
use aws_types::SdkConfig;
use sluice_kernel::clock::Clock;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::clock::SystemClock;
use crate::code;

/// The number of messages that SQS accepts in one call.
const ENTRIES_MAX: usize = 10;

/// The time that is kept for the invocation's response. If the invocation were cut off while it sets delays, every
/// message would come back, including those that are done.
const ANSWER_RESERVE_MS: i64 = 500;

/// A failed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delay {
    /// Identifies this receive of the message to SQS.
    pub(crate) receipt: String,
    /// For how long it is to be hidden, in seconds.
    pub(crate) delay_s: u32,
}

/// A queue, to delay its messages.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue at this URL. The URL is configured and not derived from the event's ARN, because the form of a URL
    /// differs by partition and in every emulator of AWS.
    pub(crate) fn new(config: &SdkConfig, url: String) -> Self {
        Self {
            client: Client::new(config),
            url,
        }
    }

    /// Sets the delays, as far as that can be done before `deadline_ms`; logs once what couldn't be set.
    pub(crate) async fn delay(&self, delays: &[Delay], deadline_ms: i64) {
        let mut missed = 0;
        let mut cause = None;
        for some in delays.chunks(ENTRIES_MAX) {
            match self.delay_some(some, deadline_ms).await {
                Ok(refused) => missed += refused,
                Err(fault) => {
                    missed += some.len();
                    cause.get_or_insert(fault.cause);
                }
            }
        }
        if missed > 0 {
            let cause = cause
                .as_deref()
                .unwrap_or("ChangeMessageVisibilityBatch: refused");
            tracing::warn!(
                code = code::QUEUE_DELAY_NOT_SET.as_str(),
                cause,
                messages = missed
            );
        }
    }

    /// Returns the number that were refused.
    async fn delay_some(&self, delays: &[Delay], deadline_ms: i64) -> Result<usize, Fault> {
        let left_ms = deadline_ms - SystemClock.now_ms() - ANSWER_RESERVE_MS;
        let no_time = || Fault::retry(code::QUEUE_DELAY_NOT_SET, "no time left");
        let left_ms = u64::try_from(left_ms).map_err(|_| no_time())?;
        let entries = delays.iter().enumerate().map(|(n, delay)| {
            let entry = Entry::builder()
                .id(n.to_string())
                .receipt_handle(&delay.receipt);
            entry
                .visibility_timeout(i32::try_from(delay.delay_s).unwrap_or(i32::MAX))
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>();
        let entries = entries
            .map_err(|_| Fault::retry(code::QUEUE_DELAY_NOT_SET, "an entry is incomplete"))?;
        let change = self.client.change_message_visibility_batch();
        let change = change
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send();
        let output = tokio::time::timeout(Duration::from_millis(left_ms), change)
            .await
            .map_err(|_| no_time())?;
        let output = output.map_err(|error| {
            aws::unavailable(
                code::QUEUE_DELAY_NOT_SET,
                "ChangeMessageVisibilityBatch",
                &error,
            )
        })?;
        Ok(output.failed().len())
    }
}
