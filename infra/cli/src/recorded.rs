//! Which records of outcomes: the options that `rejected` and `replay` share.

use clap::Args;
use sluice_operations::problem::Problem;
use sluice_operations::rejected::{self, StoredRecord};

use crate::context::Context;
use crate::progress::Progress;

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
    pub(crate) fn wanted(&self) -> rejected::Filter {
        rejected::Filter {
            outcome: self.outcome.clone(),
            code: self.code.clone(),
            digest: self.digest.clone(),
            domain: self.domain.clone(),
            ..rejected::Filter::default()
        }
    }
}

/// All records that match, newest first.
pub(crate) async fn all(context: &Context, filter: &Filter) -> Result<Vec<StoredRecord>, Problem> {
    let mut bar = Progress::new(context, "records", None);
    let mut progress = |looked_at| bar.at(looked_at);
    let wanted = filter.wanted();
    rejected::all(&context.stack, &wanted, rejected::ALL_MAX, &mut progress).await
}
