//! Outcomes in memory.

use std::sync::{Mutex, PoisonError};

use sluice_kernel::code;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Finding, Outcomes, Record, RecordKind};

use crate::noted::Noted;

/// The table.
#[derive(Debug, Default)]
pub struct MemoryOutcomes {
    recorded: Mutex<Vec<Record>>,
    remarks: Mutex<Vec<Finding>>,
    noted: Noted,
    fail: Mutex<bool>,
}

impl MemoryOutcomes {
    /// Everything recorded so far, oldest first; a table keeps only the newest for each subject and domain.
    pub fn recorded(&self) -> Vec<Record> {
        self.recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Everything noted so far, oldest first.
    pub fn remarks(&self) -> Vec<Finding> {
        self.remarks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The ties and drifts that exist now, for reconcile.
    pub fn noted(&self) -> Noted {
        self.noted.clone()
    }

    /// Makes every record fail, or stops that.
    pub fn set_failing(&self, fail: bool) {
        *self.fail.lock().unwrap_or_else(PoisonError::into_inner) = fail;
    }
}

impl Outcomes for MemoryOutcomes {
    async fn record(&self, record: &Record) -> Result<(), Fault> {
        if *self.fail.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Fault::retry(code::OUTCOME_UNAVAILABLE, "scripted"));
        }
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_same = recorded.iter().rev();
        let standing = of_same
            .find(|found| (&found.subject, found.domain) == (&record.subject, record.domain));
        let fails = standing.is_some_and(|standing| standing.word == RecordKind::Failing);
        if !(record.is_fallback && fails) {
            recorded.push(record.clone());
        }
        Ok(())
    }

    async fn remark(&self, remark: &Finding) -> Result<(), Fault> {
        if *self.fail.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Fault::retry(code::OUTCOME_UNAVAILABLE, "scripted"));
        }
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.push(remark.clone());
        self.noted.note(remark);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::MemoryNotes;

    crate::ties_conformance!(async || {
        let outcomes = MemoryOutcomes::default();
        let notes = MemoryNotes::of(outcomes.noted());
        (outcomes, notes)
    });
}
