//! Which records of outcomes: the options that `rejected` and `replay` share.

use clap::Args;
use sluice_operations::problem::Problem;
use sluice_operations::rejected::{self, StoredRecord};

use crate::context::Context;

/// What became of events, as the domains recorded it.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct Filter {
    /// Events that domains recorded as this: `rejected`, `failing`, or what a failing one came to.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Events recorded with this code, e.g. `object.field_missing`.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Events recorded with this digest of code and cause; `rejected list` shows them.
    #[arg(long)]
    pub(crate) digest: Option<String>,
    /// Of this domain only: another one's record is no reason to try it here. No option of its own, since `replay` has one.
    #[arg(skip)]
    pub(crate) domain: Option<String>,
}

impl Filter {
    /// Whether no record is asked for: a domain alone asks for none.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcome.is_none() && self.code.is_none() && self.digest.is_none()
    }

    /// The same without a command line.
    fn wanted(&self) -> rejected::Filter {
        rejected::Filter {
            outcome: self.outcome.clone(),
            code: self.code.clone(),
            digest: self.digest.clone(),
            domain: self.domain.clone(),
        }
    }
}

/// The records that are wanted, newest first.
pub(crate) async fn records(
    context: &Context,
    filter: &Filter,
) -> Result<Vec<StoredRecord>, Problem> {
    rejected::records(&context.stack, &filter.wanted()).await
}
