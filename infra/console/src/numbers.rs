//! What the overview shows, read once for every tab that asks within a while.

use std::sync::Arc;
use std::time::Instant;

use sluice_operations::problem::Problem;
use sluice_operations::rejected::{Counted, count};
use sluice_operations::status::{Status, look};
use tokio::sync::Mutex;

use crate::limits::{FRESH_IN_AWS, FRESH_LOCALLY};
use crate::operations::Operations;

/// What the overview shows.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) status: Status,
    /// How many events the domains rejected, as far as they are counted.
    pub(crate) rejected: Counted,
    /// How many are failing.
    pub(crate) failing: Counted,
}

/// The numbers, and when they were read.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Option<(Instant, Arc<Numbers>)>>);

impl Kept {
    /// The numbers; read again if they are no longer fresh.
    ///
    /// # Errors
    /// If they can't be read.
    pub(crate) async fn read(
        &self,
        operations: &Operations,
        is_real: bool,
    ) -> Result<Arc<Numbers>, Problem> {
        let fresh = match is_real {
            true => FRESH_IN_AWS,
            false => FRESH_LOCALLY,
        };
        // Held while they are read: others wait for the same numbers.
        let mut kept = self.0.lock().await;
        if let Some((at, numbers)) = &*kept
            && at.elapsed() < fresh
        {
            return Ok(numbers.clone());
        }
        let read = operations.ask(|stack| async move {
            let status = look(&stack).await?;
            let rejected = count(&stack, "rejected").await?;
            let failing = count(&stack, "failing").await?;
            Ok(Numbers {
                status,
                rejected,
                failing,
            })
        });
        let numbers = Arc::new(read.await?);
        *kept = Some((Instant::now(), numbers.clone()));
        Ok(numbers)
    }
}
