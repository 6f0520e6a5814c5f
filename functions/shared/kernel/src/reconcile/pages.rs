//! Asks Stripe for a page of one of its lists, for every part of a run.

use super::ports::Listed;
use super::window::Walk;
use crate::clock::Clock;
use crate::code;
use crate::fault::{Class, Fault};

/// Why a walk ended before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing else can be done in this run either.
    Run(Fault),
    /// Other scopes may succeed.
    Scope(Fault),
}

impl Stop {
    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Run(fault) | Self::Scope(fault) => fault,
        }
    }

    /// The ledger refuses this one entry, or nothing can be done with the ledger now.
    pub(super) fn of_ledger(fault: Fault) -> Self {
        match fault.class {
            Class::Reject => Self::Scope(fault),
            _ => Self::Run(fault),
        }
    }
}

/// Asks for a page. While the budget is spent it waits, as long as that ends before `until_ms`. Returns the page and
/// where the next one begins.
pub(super) async fn patiently<T, F>(
    clock: &impl Clock,
    until_ms: i64,
    mut ask: impl FnMut() -> F,
) -> Result<(Vec<T>, Option<String>), Stop>
where
    F: Future<Output = Result<Listed<T>, Fault>>,
{
    loop {
        match ask().await {
            Ok(Listed::Page { items, next }) => return Ok((items, next)),
            Ok(Listed::NoKey) => return Err(Stop::Scope(no_key())),
            Ok(Listed::Spent { wait_ms }) => {
                let left_ms = until_ms - clock.now_ms();
                if i64::try_from(wait_ms).unwrap_or(i64::MAX) >= left_ms {
                    let fault =
                        Fault::retry(code::STRIPE_BUDGET_SPENT, "no request is left for now");
                    return Err(Stop::Run(fault.with_delay(wait_ms)));
                }
                clock.sleep_ms(wait_ms).await;
            }
            Err(fault) => return Err(Stop::Scope(fault)),
        }
    }
}

pub(super) fn no_key() -> Fault {
    Fault::retry(code::RECONCILE_NO_KEY, "there is no API key for this mode")
}

/// Stripe no longer knows where the page begins, or refuses such a request. The walk begins again, without that
/// position, at the second that the list had reached. `again_s` is where it was begun again before; the same place
/// twice is no progress.
pub(super) fn begin_again(
    walk: &mut Walk,
    again_s: &mut Option<i64>,
    fault: Fault,
) -> Result<(), Stop> {
    let had_place = walk.after.take().is_some();
    let to_s = walk.asked_to_s();
    if had_place && *again_s != Some(to_s) {
        *again_s = Some(to_s);
        return Ok(());
    }
    Err(Stop::Scope(fault))
}
