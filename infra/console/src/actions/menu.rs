//! `/actions`: where each action begins. A form asks for a plan, and changes nothing.

use axum::extract::{Query, State};
use maud::{Markup, html};
use sluice_operations::versions::has_alias;

use super::dead_letters::{Discard, Redrive};
use super::rebuild::Rebuild;
use super::reconcile::Reconcile;
use super::replay::Replay;
use super::rollback::Rollback;
use super::{Action, plan};
use crate::app::Shared;
use crate::fields::{Asked, Fields};
use crate::layout::{Section, page as framed};
use crate::refusal::Refusal;
use crate::show::{command, word};

/// What the forms offer.
struct Names {
    domains: Vec<String>,
    letters: Vec<String>,
    functions: Vec<String>,
}

/// The page.
pub(crate) async fn page(State(app): State<Shared>) -> Result<Markup, Refusal> {
    let names = app.operations.ask(|stack| async move {
        let owned = |name: &str| name.to_owned();
        let letters = stack.queues.keys();
        let letters = letters.filter_map(|name| name.strip_suffix("_dead_letters"));
        let functions = stack.functions.keys().map(String::as_str);
        Ok(Names {
            domains: stack.domains().map(owned).collect(),
            letters: letters.map(owned).collect(),
            functions: functions
                .filter(|role| has_alias(role))
                .map(owned)
                .collect(),
        })
    });
    let names = names.await?;
    let erase = app.about.command("erase --customer cus_…");
    let content = html! {
        p.dim { "Each asks for a plan first, which changes nothing. Where a cause is known, begin at " a href="/failures" { "its failures" } "." }
        (replay_form(&names.domains))
        (letters_form(&names))
        (rebuild_form(&names.domains))
        (rollback_form(&names.functions))
        section {
            h2 { "Reconcile" }
            p { "Compares the ledger with Stripe's list of events. " a.button href=(Reconcile::PATH) { "Plan" } }
        }
        section {
            h2 { "In the terminal only" }
            p { "Erasing a customer: " (command(&erase)) }
            p { "Rolling a signing secret: " (command(&app.about.command("secret roll"))) }
            p { "Importing existing objects: " (command(&app.about.command("import"))) }
        }
    };
    Ok(framed(&app.about, Section::Actions, "Actions", content))
}

/// A form of a replay, or the plan of one.
pub(crate) async fn replay(
    State(app): State<Shared>,
    Query(pairs): Asked,
) -> Result<Markup, Refusal> {
    let fields = Fields(pairs);
    if !Replay::is_empty(&fields) {
        return plan::<Replay>(app, fields, false).await;
    }
    let domains = app
        .operations
        .ask(|stack| async move { Ok(stack.domains().map(str::to_owned).collect::<Vec<_>>()) });
    let form = replay_form(&domains.await?);
    Ok(framed(&app.about, Section::Actions, "Replay", form))
}

fn options(names: &[String], empty: Option<&str>) -> Markup {
    html! {
        @if let Some(empty) = empty { option value="" { (empty) } }
        @for name in names { option value=(name) { (name) } }
    }
}

fn text(name: &str, label: &str, example: &str) -> Markup {
    html! { label { (label) input name=(name) placeholder=(example) spellcheck="false" autocomplete="off"; } }
}

fn tick(name: &str, label: &str) -> Markup {
    html! { label.tick { input type="checkbox" name=(name) value="yes"; (label) } }
}

fn replay_form(domains: &[String]) -> Markup {
    html! {
        section {
            h2 { "Replay" }
            p.dim { "Publishes recorded events again: those with these ids, or all that a filter matches." }
            form.filter method="get" action=(Replay::PATH) {
                label { "ids" textarea name="id" rows="2" cols="32" placeholder="evt_… evt_…" spellcheck="false" {} }
                (text("type", "types", "charge.*"))
                (text("account", "account", "acct_… or platform"))
                (text("since", "received since", "24h or 2026-11-30"))
                (text("until", "received before", "1h"))
                label { "outcome" select name="outcome" {
                    @for outcome in ["", "rejected", "failing"] { option value=(outcome) { @if outcome.is_empty() { "any" } @else { (word(outcome)) } } }
                } }
                (text("code", "code", "object.field_missing"))
                label { "to" select name="domain" { (options(domains, Some("every domain"))) } }
                label { "events per second" input type="number" name="rate" min="1" max="1000" placeholder="50"; }
                (tick("waiting", "waiting for a configuration"))
                (tick("force", "forced: receivers get effects again"))
                button type="submit" { "Plan" }
            }
        }
    }
}

fn letters_form(names: &Names) -> Markup {
    let form = |path: &str, names: &[String], more: Markup| {
        html! {
            form.filter method="get" action=(path) {
                label { "of" select name="domain" { (options(names, None)) } }
                (text("code", "code", "any"))
                (text("event", "event", "evt_…"))
                (text("type", "type", "any"))
                (more)
                button type="submit" { "Plan" }
            }
        }
    };
    let unchecked = tick("unchecked", "also those that can't be checked");
    html! {
        section {
            h2 { "Redrive dead letters" }
            p.dim { "Moves them back to their queue, once the cause is gone." }
            (form(Redrive::PATH, &names.domains, html! {}))
            h2 { "Discard dead letters" }
            p.dim { "Gives them up. One is refused while effects of its object are pending." }
            (form(Discard::PATH, &names.letters, unchecked))
        }
    }
}

fn rebuild_form(domains: &[String]) -> Markup {
    html! {
        section {
            h2 { "Rebuild" }
            p.dim { "Derives states again from the ledger and from Stripe, by the domains' code as this program was built with it." }
            form.filter method="get" action=(Rebuild::PATH) {
                label { "domain" select name="domain" { (options(domains, None)) } }
                label { "objects; all if it is empty" textarea name="key" rows="2" cols="32" placeholder="platform#live#pi_…" spellcheck="false" {} }
                (tick("without_key", "don't ask Stripe"))
                (tick("emit", "emit levels at once"))
                (tick("reopen", "reopen ended states"))
                button type="submit" { "Plan" }
            }
        }
    }
}

fn rollback_form(functions: &[String]) -> Markup {
    html! {
        section {
            h2 { "Roll back a function" }
            p.dim { "Makes another version live: the previous one, or the one that is named." }
            form.filter method="get" action=(Rollback::PATH) {
                label { "function" select name="function" { (options(functions, None)) } }
                label { "to version" input type="number" name="to" min="1" placeholder="previous"; }
                button type="submit" { "Plan" }
            }
        }
    }
}
