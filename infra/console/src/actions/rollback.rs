//! A rollback of a function: its alias `live` is pointed at another version.

use std::sync::Arc;

use maud::{Markup, html};
use sluice_operations::problem::Problem;
use sluice_operations::rollback::{self, Moved, Plan, Version};
use sluice_operations::runs::{Confirmed, RunKind};
use sluice_operations::stack::Stack;

use super::{Action, Begun};
use crate::app::About;
use crate::fields::Fields;
use crate::show::{Tone, command, time, toned};

/// Which function, and to which version.
#[derive(Debug, Clone)]
pub(crate) struct Rollback {
    function: String,
    /// The previous version, if none is named.
    to: Option<u64>,
}

impl Action for Rollback {
    type Plan = Plan;

    const PATH: &'static str = "/actions/rollback";

    fn title(&self) -> String {
        format!("Rollback of {}", self.function)
    }

    fn kind(&self) -> RunKind {
        RunKind::Rollback
    }

    fn read(fields: &Fields) -> Result<Self, Problem> {
        let to = fields.one("to").map(|to| {
            let number = to.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| Problem::Usage(format!("{to} is no version: a number from 1 on")))
        });
        Ok(Self {
            function: fields.needed("function", "name the function: a domain, or ingest")?,
            to: to.transpose()?,
        })
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let to = self.to.map(|to| to.to_string());
        vec![
            ("function", self.function.clone()),
            ("to", to.unwrap_or_default()),
        ]
    }

    async fn plan(&self, stack: &Stack) -> Result<Plan, Problem> {
        rollback::plan(stack, &self.function, self.to).await
    }

    fn digest(&self, plan: &Plan) -> String {
        plan.digest()
    }

    fn name(&self, _: &Plan) -> String {
        // A move is recorded under its function and its time.
        self.function.clone()
    }

    /// Never by its name: the digest has each change of the alias, so a move that was confirmed twice is refused.
    async fn is_begun(&self, _: &Stack, _: &str) -> Result<bool, Problem> {
        Ok(false)
    }

    async fn begin(
        &self,
        plan: Plan,
        stack: &Arc<Stack>,
        confirmed: Confirmed,
    ) -> Result<Begun, Problem> {
        let Moved { moved, record } = plan.carry_out(stack, confirmed.reason).await?;
        Ok(Begun {
            name: moved.role,
            began_ms: moved.at_ms,
            work: Box::pin(async move { record }),
        })
    }

    fn view(&self, about: &About, plan: &Plan) -> Markup {
        let to = self.to.map(|to| format!(" --to {to}")).unwrap_or_default();
        let call = format!("rollback {}{to}", self.function);
        html! {
            dl.facts {
                dt { "live now" } dd { (version(&plan.live)) }
                @if let Some(since) = &plan.since { dt { "since" } dd { (time(since.at_ms)) " by " (since.who) ": " (since.why) } }
                dt { "would be" } dd { (version(&plan.to)) }
            }
            @if plan.differences.is_empty() { p { "The same code and configuration." } } @else {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "differs" } th { "now → then" } } }
                    tbody { @for one in &plan.differences { tr { th scope="row" { (one.what) } td.text { (one.change) } } } }
                } }
            }
            @for warning in &plan.warnings { p { (toned(Tone::Warn, "note")) " " (warning) } }
            p { "In the terminal: " (command(&about.command(&call))) }
        }
    }

    fn button(&self, plan: &Plan) -> Option<String> {
        Some(format!("Make version {} live", plan.to.version))
    }
}

fn version(version: &Version) -> Markup {
    html! { "version " strong { (version.version) } ", published " (version.published) ": " (version.description) }
}
