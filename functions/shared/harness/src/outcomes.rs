//! Outcomes in memory.

use std::sync::{Mutex, PoisonError};

use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Outcomes, Rejection};

/// The table.
#[derive(Debug, Default)]
pub struct MemoryOutcomes {
    recorded: Mutex<Vec<Rejection>>,
    fail: Mutex<bool>,
}

impl MemoryOutcomes {
    /// Every rejection recorded so far.
    pub fn recorded(&self) -> Vec<Rejection> {
        self.recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes every record fail, or ends that.
    pub fn set_failing(&self, fail: bool) {
        *self.fail.lock().unwrap_or_else(PoisonError::into_inner) = fail;
    }
}

impl Outcomes for MemoryOutcomes {
    async fn record(&self, rejection: &Rejection) -> Result<(), Fault> {
        if *self.fail.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Fault::retry("outcome.unavailable", "scripted"));
        }
        self.recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(rejection.clone());
        Ok(())
    }
}
