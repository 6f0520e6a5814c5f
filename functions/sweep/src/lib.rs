//! Sweep as it runs each minute: one bounded run of [`sluice_kernel::delivery::sweep`], and one log line.

pub mod code;

use serde_json::{Value, json};
use sluice_kernel::bus::Bus;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::DueLedger;
use sluice_kernel::delivery::sweep::sweep;
use sluice_kernel::fault::Fault;

use crate::code::Code;

/// A run begins no batch with less time than this left before the invocation's deadline.
pub const RESERVE_MS: i64 = 10_000;

/// Runs once and logs what was done; it returns the same report, for an operator who invokes sweep by hand.
///
/// # Errors
/// `Retry` if the due index can't be read: the next run tries again.
pub async fn run_once(
    ledger: &impl DueLedger,
    bus: &impl Bus,
    clock: &impl Clock,
    entries_max: usize,
    deadline_ms: i64,
) -> Result<Value, Fault> {
    let start_ms = clock.now_ms();
    let swept = sweep(ledger, bus, clock, entries_max, deadline_ms - RESERVE_MS).await;
    let took_ms = clock.now_ms() - start_ms;
    match swept {
        Ok(swept) => {
            let code = match swept {
                _ if swept.torn > 0 => Some(code::SWEEP_BODY_MISSING),
                _ if swept.refused > 0 => Some(code::PUBLISH_REFUSED),
                _ if swept.unmarked > 0 => Some(code::MARK_FAILED),
                _ => None,
            };
            tracing::info!(
                published = swept.published,
                unmarked = swept.unmarked,
                publish_failures = swept.refused,
                torn = swept.torn,
                gone = swept.gone,
                more = swept.more,
                due_age_s = swept.oldest_ms / 1000,
                code = code.map(Code::as_str),
                duration_ms = took_ms,
                "swept"
            );
            Ok(json!({
                "published": swept.published, "unmarked": swept.unmarked, "refused": swept.refused,
                "torn": swept.torn, "gone": swept.gone, "more": swept.more,
                "due_age_s": swept.oldest_ms / 1000,
            }))
        }
        Err(fault) => {
            tracing::error!(
                code = fault.code.as_str(),
                cause = fault.cause,
                duration_ms = took_ms,
                "sweep failed"
            );
            Err(fault)
        }
    }
}
