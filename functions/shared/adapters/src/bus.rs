//! The bus on EventBridge.
//!
//! An HTTP 200 says nothing: each entry has its own result, which is checked. If a call is refused as a whole for its
//! form, it is repeated entry by entry, so that one bad entry doesn't fail the others.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_types::SdkConfig;
use sluice_kernel::bus::trace::to_xray;
use sluice_kernel::bus::{Bus, Outgoing, PublishRefusal, pack};

use crate::aws;

/// The codes by which EventBridge says that it will never accept an entry or a call as it is. All others, including
/// throttling and permissions, may be fixed while the entry waits.
const FORM_CODES: [&str; 5] = [
    "MalformedDetail",
    "InvalidArgument",
    "ValidationException",
    "ValidationError",
    "RequestEntityTooLarge",
];

/// An EventBridge bus.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

impl EventBridgeBus {
    /// The bus of this name.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self {
            client: aws::eventbridge(config),
            name,
        }
    }

    async fn put(&self, entries: &[Outgoing]) -> Vec<Result<(), PublishRefusal>> {
        let request = entries.iter().map(|entry| self.entry(entry)).collect();
        let output = self
            .client
            .put_events()
            .set_entries(Some(request))
            .send()
            .await;
        match output {
            Ok(output) => results(entries.len(), output.entries()),
            Err(error) => {
                let refusal = refusal_of_call(&error);
                vec![Err(refusal); entries.len()]
            }
        }
    }

    fn entry(&self, entry: &Outgoing) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(entry.source)
            .detail_type(&entry.detail_type)
            .detail(&entry.detail)
            .set_trace_header(to_xray(&entry.traceparent))
            .build()
    }
}

impl Bus for EventBridgeBus {
    async fn publish(&self, entries: &[Outgoing]) -> Vec<Result<(), PublishRefusal>> {
        let mut fates = Vec::with_capacity(entries.len());
        for call in pack(entries) {
            let results = self.put(call).await;
            let refused_whole = |fate: &Result<(), PublishRefusal>| {
                matches!(fate, Err(PublishRefusal::Form { .. }))
            };
            if call.len() > 1 && results.iter().all(refused_whole) {
                for entry in call {
                    fates.extend(self.put(std::slice::from_ref(entry)).await);
                }
            } else {
                fates.extend(results);
            }
        }
        fates
    }
}

/// One result per entry, in order; an entry that the response doesn't mention has an unknown result.
fn results(count: usize, answered: &[PutEventsResultEntry]) -> Vec<Result<(), PublishRefusal>> {
    (0..count)
        .map(|index| {
            let Some(entry) = answered.get(index) else {
                return Err(PublishRefusal::Later {
                    cause: "PutEvents: no result for the entry".to_owned(),
                });
            };
            match entry.error_code() {
                Some(code) => Err(refusal(code, format!("PutEvents entry: {code}"))),
                None if entry.event_id().is_none() => Err(PublishRefusal::Later {
                    cause: "PutEvents entry: neither id nor code".to_owned(),
                }),
                None => Ok(()),
            }
        })
        .collect()
}

fn refusal(code: &str, cause: String) -> PublishRefusal {
    if FORM_CODES.contains(&code) {
        PublishRefusal::Form { cause }
    } else {
        PublishRefusal::Later { cause }
    }
}

fn refusal_of_call<E: ProvideErrorMetadata>(
    error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
) -> PublishRefusal {
    let cause = aws::cause("PutEvents", error);
    let too_large = error
        .raw_response()
        .is_some_and(|response| response.status().as_u16() == 413);
    if too_large {
        return PublishRefusal::Form { cause };
    }
    match error {
        SdkError::ServiceError(_) => refusal(error.code().unwrap_or_default(), cause),
        _ => PublishRefusal::Later { cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: Option<&str>, id: Option<&str>) -> PutEventsResultEntry {
        PutEventsResultEntry::builder()
            .set_error_code(code.map(str::to_owned))
            .set_event_id(id.map(str::to_owned))
            .build()
    }

    #[test]
    fn each_entry_of_an_answer_is_judged_by_itself() {
        let fates = results(
            5,
            &[
                answered(None, Some("1")),
                answered(Some("ThrottlingException"), None),
                answered(Some("MalformedDetail"), None),
                answered(None, None),
            ],
        );
        assert_eq!(fates[0], Ok(()));
        assert!(matches!(fates[1], Err(PublishRefusal::Later { .. })));
        assert!(matches!(fates[2], Err(PublishRefusal::Form { .. })));
        assert!(matches!(fates[3], Err(PublishRefusal::Later { .. })));
        assert!(matches!(fates[4], Err(PublishRefusal::Later { .. })));
    }
}
