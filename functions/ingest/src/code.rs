//! What ingest's answers and log lines say, beside [the kernel's codes](sluice_kernel::code).

pub use sluice_kernel::code::*;

sluice_kernel::codes! {
    /// A body is larger than what is taken.
    BODY_TOO_LARGE = "body.too_large";
    /// One event id was delivered twice with another type, account or object.
    CLAIM_CONFLICT = "claim.conflict";
    /// Another attempt is at work on the same event.
    CLAIM_HELD = "claim.held";
    /// The path names an endpoint that isn't configured.
    ENDPOINT_UNKNOWN = "endpoint.unknown";
    /// Stripe's dashboard sent a test event.
    EVENT_TRIAL = "event.trial";
    /// The bus didn't take the event in time; it is due, and sweep publishes it.
    PUBLISH_DEFERRED = "publish.deferred";
    /// A request came to a path that no endpoint has.
    REQUEST_UNKNOWN_PATH = "request.unknown_path";
    /// The endpoint has no signing secret yet.
    SECRET_MISSING = "secret.missing";
    /// A request came from an address that isn't among the allowed ones.
    SOURCE_NOT_ALLOWED = "source.not_allowed";
}
