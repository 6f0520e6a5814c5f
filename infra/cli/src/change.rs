//! What every command that changes something has in common: it shows a plan, and carries it out with `--yes` and a
//! reason.

use sluice_operations::actor::{self, Reason};
use sluice_operations::problem::Problem;
use sluice_operations::stack::Stack;

use crate::context::Context;

/// Whether to do it, and why.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Change {
    /// Do it. Without this, only the plan is shown.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why, for the record; 500 characters at most.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
}

/// A reason that was given with `--yes`.
#[derive(Debug, Clone)]
pub(crate) struct Why(String);

impl Change {
    /// The reason, with `--yes`; none without.
    ///
    /// # Errors
    /// `Usage` with `--yes` and no reason, or with one that is too long.
    pub(crate) fn checked(&self) -> Result<Option<Why>, Problem> {
        match (self.yes, self.why.as_deref()) {
            (true, why) => actor::checked(why.unwrap_or_default()).map(Why).map(Some),
            (false, Some(why)) if !why.trim().is_empty() => actor::checked(why).map(|_| None),
            (false, _) => Ok(None),
        }
    }
}

impl Why {
    /// The reason, with the person who acts as AWS names them.
    pub(crate) async fn reason(self, stack: &Stack) -> Result<Reason, Problem> {
        let who = actor::who(stack).await?;
        Ok(Reason { who, why: self.0 })
    }
}

/// Prints that only the plan was shown.
pub(crate) fn not_done(context: &Context) -> Result<(), Problem> {
    match context.out.is_json() {
        true => Ok(()),
        false => context
            .out
            .line("Nothing was done: this was the plan. --yes carries it out."),
    }
}
