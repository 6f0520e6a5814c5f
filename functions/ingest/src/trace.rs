//! The W3C trace context of a delivery: the request's own, or one derived from the ids that AWS gave the invocation.

use lambda_http::{Request, RequestExt};
use sluice_kernel::bus::trace;

/// A `traceparent`: the request's, if it is valid; else derived from X-Ray's trace id; else from the request id, so
/// that no random numbers are needed.
pub(crate) fn traceparent(request: &Request) -> String {
    let given = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    if let Some(given) = given.filter(|given| trace::is_sound(given)) {
        return given.to_owned();
    }
    let context = request.lambda_context_ref();
    let xray = context.and_then(|context| context.xray_trace_id.as_deref());
    trace::of_invocation(xray, context.map_or("", |context| &context.request_id))
}
