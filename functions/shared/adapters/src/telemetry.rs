//! One JSON line an event on standard output, where Lambda picks it up.
//!
//! Fields are flat, so that a metric filter can name them: `code` is there whenever something was refused, rejected or
//! failed. No payload, secret or personal data is ever a field.

use tracing::Level;

/// Starts the subscriber.
pub fn start() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(Level::INFO)
        .init();
}

/// Logs a failure to start, once, at the boundary; the process ends with it.
pub fn failed_start(error: &dyn std::error::Error) {
    tracing::error!(code = "config.bad_variables", cause = %error, "the function can't start");
}
