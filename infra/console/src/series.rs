//! What happened over a span, read once for every tab that asks within a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sluice_operations::problem::Problem;
use sluice_operations::series::types::{self, Types};
use sluice_operations::series::{self, Series, Span};
use tokio::sync::Mutex;

use crate::limits::{FRESH_IN_AWS, FRESH_LINES};
use crate::operations::Operations;

/// What happened over a span.
#[derive(Debug)]
pub(crate) struct Happened {
    pub(crate) series: Series,
    pub(crate) types: Types,
}

/// What happened over each span, and when it was read.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<BTreeMap<Span, (Instant, Arc<Happened>)>>);

impl Kept {
    /// What happened over a span; read again if it is no longer fresh.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) async fn read(
        &self,
        operations: &Operations,
        is_real: bool,
        span: Span,
    ) -> Result<Arc<Happened>, Problem> {
        let fresh = match is_real {
            true => FRESH_IN_AWS,
            false => FRESH_LINES,
        };
        // Held while it is read: others wait for the same numbers.
        let mut kept = self.0.lock().await;
        if let Some((at, happened)) = kept.get(&span)
            && at.elapsed() < fresh
        {
            return Ok(happened.clone());
        }
        let read = operations.ask(move |stack| async move {
            Ok(Happened {
                series: series::look(&stack, span).await?,
                types: types::look(&stack, span).await?,
            })
        });
        let happened = Arc::new(read.await?);
        kept.insert(span, (Instant::now(), happened.clone()));
        Ok(happened)
    }
}
