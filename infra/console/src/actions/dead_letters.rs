//! Dead letters: moved back to their queue, or given up.

use std::sync::Arc;

use maud::{Markup, html};
use sluice_operations::dlq::{self, Discarded, Filter, LOOK_MAX, What};
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::runs::{self, Confirmed, RunKind};
use sluice_operations::stack::Stack;
use sluice_operations::words::counted;

use super::{Action, Begun};
use crate::app::About;
use crate::fields::Fields;
use crate::limits::ROWS;
use crate::query::url;
use crate::show::{Tone, command, more, toned};

/// Which letters.
fn filter(fields: &Fields) -> Result<Filter, Problem> {
    Ok(Filter {
        domain: fields.needed("domain", "name the domain whose dead letters they are")?,
        code: fields.one("code"),
        digest: fields.one("cause"),
        event: fields.one("event"),
        kind: fields.one("type"),
    })
}

fn fields(filter: &Filter) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        ("domain", filter.domain.clone()),
        ("code", text(&filter.code)),
        ("cause", text(&filter.digest)),
        ("event", text(&filter.event)),
        ("type", text(&filter.kind)),
    ]
}

/// The same letters for the program.
fn options(filter: &Filter) -> String {
    let options = [
        ("--code", &filter.code),
        ("--digest", &filter.digest),
        ("--event", &filter.event),
        ("--type", &filter.kind),
    ];
    let given = options
        .iter()
        .filter_map(|(name, value)| Some(format!(" {name} {}", value.as_ref()?)));
    format!("{}{}", filter.domain, given.collect::<String>())
}

/// Links to both plans, for the letters of a domain, or of one cause of it.
pub(crate) fn links(domain: &str, code: &str, digest: &str, has_queue: bool) -> Markup {
    let fields = [("domain", domain), ("code", code), ("cause", digest)];
    html! {
        @if has_queue { a.button href=(url(Redrive::PATH, &fields)) { "Redrive…" } " " }
        a.button href=(url(Discard::PATH, &fields)) { "Discard…" }
    }
}

async fn plan(stack: &Stack, filter: &Filter) -> Result<dlq::Plan, Problem> {
    dlq::plan(stack, filter.clone(), LOOK_MAX, &mut |_| {}).await
}

async fn begin(
    plan: dlq::Plan,
    what: What,
    stack: &Arc<Stack>,
    confirmed: Confirmed,
) -> Result<Begun, Problem> {
    let name = confirmed.run.clone();
    let work = plan.begin_as(stack, what, confirmed).await?;
    let stack = stack.clone();
    Ok(Begun {
        name,
        began_ms: work.began_ms(),
        work: Box::pin(async move { work.run(&stack).await }),
    })
}

/// How many letters a plan has, and what it hasn't seen.
fn head(plan: &dlq::Plan, what: &str) -> Markup {
    let count = plan.selection.count;
    let filter = &plan.selection.filter;
    html! {
        p {
            strong { (counted(count, "dead letter")) } " of " (filter.domain)
            @if let Some(code) = &filter.code { " with " code { (code) } }
            @if let Some(id) = &filter.event { " of " (id) }
            " would be " (what) "."
        }
        @if plan.left > 0 { p { (toned(Tone::Warn, "not all")) " Not looked at: about " (counted(plan.left, "letter")) ". Plan again afterwards." } }
        @if plan.hidden > 0 { p { (toned(Tone::Warn, "hidden")) " Another command looks at about " (counted(plan.hidden, "letter")) "." } }
    }
}

/// Moving letters back.
#[derive(Debug, Clone)]
pub(crate) struct Redrive(Filter);

impl Action for Redrive {
    type Plan = dlq::Plan;

    const PATH: &'static str = "/actions/redrive";

    fn title(&self) -> String {
        format!("Redrive dead letters of {}", self.0.domain)
    }

    fn kind(&self) -> RunKind {
        RunKind::Redrive
    }

    fn read(fields: &Fields) -> Result<Self, Problem> {
        filter(fields).map(Self)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        fields(&self.0)
    }

    async fn plan(&self, stack: &Stack) -> Result<dlq::Plan, Problem> {
        // Letters of the rules and of the bus have no queue to go back to.
        domains::check(stack, &self.0.domain)?;
        plan(stack, &self.0).await
    }

    async fn shown(&self, plan: dlq::Plan, stack: &Stack) -> Result<dlq::Plan, Problem> {
        plan.release(stack).await?;
        Ok(plan)
    }

    fn digest(&self, plan: &dlq::Plan) -> String {
        plan.digest(What::Redrive)
    }

    fn name(&self, _: &dlq::Plan) -> String {
        runs::name(RunKind::Redrive, &self.0.domain)
    }

    async fn begin(
        &self,
        plan: dlq::Plan,
        stack: &Arc<Stack>,
        confirmed: Confirmed,
    ) -> Result<Begun, Problem> {
        begin(plan, What::Redrive, stack, confirmed).await
    }

    fn view(&self, about: &About, plan: &dlq::Plan) -> Markup {
        html! {
            (head(plan, "moved back to its queue"))
            p.dim { "The domain gets each again, as the same event. One that fails again comes back here after its receives." }
            p { "In the terminal: " (command(&about.command(&format!("dlq redrive {}", options(&self.0))))) }
        }
    }

    fn button(&self, plan: &dlq::Plan) -> Option<String> {
        let count = plan.selection.count;
        (count > 0).then(|| format!("Move {count} back"))
    }
}

/// Giving letters up.
#[derive(Debug, Clone)]
pub(crate) struct Discard {
    filter: Filter,
    unchecked: bool,
}

impl Discard {
    fn what(&self) -> What {
        What::Discard {
            unchecked: self.unchecked,
        }
    }
}

impl Action for Discard {
    /// The letters, and once it is shown, what would become of them.
    type Plan = (dlq::Plan, Discarded);

    const PATH: &'static str = "/actions/discard";

    fn title(&self) -> String {
        format!("Discard dead letters of {}", self.filter.domain)
    }

    fn kind(&self) -> RunKind {
        RunKind::Discard
    }

    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self {
            filter: filter(fields)?,
            unchecked: fields.is_on("unchecked"),
        })
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = fields(&self.filter);
        let unchecked = if self.unchecked { "yes" } else { "" };
        fields.push(("unchecked", unchecked.to_owned()));
        fields
    }

    async fn plan(&self, stack: &Stack) -> Result<Self::Plan, Problem> {
        Ok((plan(stack, &self.filter).await?, Discarded::default()))
    }

    async fn shown(&self, plan: Self::Plan, stack: &Stack) -> Result<Self::Plan, Problem> {
        let (plan, _) = plan;
        let would = plan.dry_run_discard(stack, self.unchecked).await;
        // What the dry run didn't come to is given back too.
        plan.release(stack).await?;
        Ok((plan, would?))
    }

    fn digest(&self, (plan, _): &Self::Plan) -> String {
        plan.digest(self.what())
    }

    fn name(&self, _: &Self::Plan) -> String {
        runs::name(RunKind::Discard, &self.filter.domain)
    }

    async fn begin(
        &self,
        (plan, _): Self::Plan,
        stack: &Arc<Stack>,
        confirmed: Confirmed,
    ) -> Result<Begun, Problem> {
        begin(plan, self.what(), stack, confirmed).await
    }

    fn view(&self, about: &About, (plan, would): &Self::Plan) -> Markup {
        let unchecked = if self.unchecked { " --unchecked" } else { "" };
        let call = format!("dlq discard {}{unchecked}", options(&self.filter));
        html! {
            (head(plan, "given up, unless it is refused"))
            p { strong { (would.discarded) } " would be given up, " strong { (would.refused.len()) } " refused." }
            @if !would.refused.is_empty() {
                div.scroll tabindex="0" { table.list {
                    thead { tr { th { "refused" } th { "why" } } }
                    tbody { @for one in would.refused.iter().take(ROWS) { tr { td { (one.event) } td.text { (one.why) } } } }
                } }
                (more(would.refused.len().saturating_sub(ROWS), &about.command(&call)))
            }
            p.dim { "The bodies stay in the ledger, and each letter's record says by whom it was given up and why. Each is checked again \
                right before it is deleted." }
            p {
                @if self.unchecked { a href=(url(Self::PATH, &short(&self.filter))) { "Leave out what can't be checked" } }
                @else {
                    @let all = short(&self.filter).into_iter().chain([("unchecked", "yes")]).collect::<Vec<_>>();
                    a href=(url(Self::PATH, &all)) { "Also those that can't be checked" }
                }
            }
            p { "In the terminal: " (command(&about.command(&call))) }
        }
    }

    fn button(&self, (_, would): &Self::Plan) -> Option<String> {
        let count = would.discarded;
        (count > 0).then(|| format!("Give {count} up"))
    }
}

/// A filter's fields for a URL.
fn short(filter: &Filter) -> Vec<(&'static str, &str)> {
    let fields = [
        ("domain", Some(filter.domain.as_str())),
        ("code", filter.code.as_deref()),
        ("cause", filter.digest.as_deref()),
        ("event", filter.event.as_deref()),
        ("type", filter.kind.as_deref()),
    ];
    let given = fields.into_iter();
    given
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
