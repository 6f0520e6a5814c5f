//! A comparison of the ledger with Stripe's list of events, now.

use std::sync::Arc;

use maud::{Markup, html};
use sluice_operations::problem::Problem;
use sluice_operations::reconcile::{self, Plan, summary};
use sluice_operations::runs::{Confirmed, RunKind};
use sluice_operations::stack::Stack;
use sluice_operations::times::now_ms;

use super::{Action, Begun};
use crate::app::About;
use crate::fields::Fields;
use crate::show::command;

/// All accounts and modes that have an API key.
#[derive(Debug, Clone)]
pub(crate) struct Reconcile;

impl Action for Reconcile {
    type Plan = Plan;

    const PATH: &'static str = "/actions/reconcile";

    fn title(&self) -> String {
        "Reconcile now".to_owned()
    }

    fn kind(&self) -> RunKind {
        RunKind::Reconcile
    }

    fn read(_: &Fields) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    async fn plan(&self, stack: &Stack) -> Result<Plan, Problem> {
        reconcile::plan(stack).await
    }

    fn digest(&self, plan: &Plan) -> String {
        plan.digest()
    }

    fn name(&self, plan: &Plan) -> String {
        plan.name().to_owned()
    }

    async fn begin(
        &self,
        _: Plan,
        stack: &Arc<Stack>,
        confirmed: Confirmed,
    ) -> Result<Begun, Problem> {
        let name = confirmed.run.clone();
        let comparison = reconcile::begin(stack, confirmed).await?;
        let stack = stack.clone();
        Ok(Begun {
            name,
            began_ms: comparison.began_ms(),
            work: Box::pin(async move {
                let reports = comparison.run(&stack, &mut |_| {}).await?;
                reports
                    .first()
                    .and_then(reconcile::stopped)
                    .map_or(Ok(()), Err)
            }),
        })
    }

    fn view(&self, about: &About, plan: &Plan) -> Markup {
        let last = plan.last.as_ref().map(|last| &last.report);
        html! {
            p { "The last comparison: " (summary(last, now_ms())) "." }
            p {
                "Stripe's list of events is compared with the ledger, for each account and mode that has an API key. What is missing is \
                    stored and published for the first time; objects that drifted are corrected by their domains. It repeats until nothing is \
                    left to compare."
            }
            p { "In the terminal: " (command(&about.command("reconcile --run"))) }
        }
    }

    fn button(&self, _: &Plan) -> Option<String> {
        Some("Compare now".to_owned())
    }
}
