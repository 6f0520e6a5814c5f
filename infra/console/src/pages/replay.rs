//! A replay of one event: the plan, its confirmation with a reason, and the run.
//!
//! The plan is made again when it is confirmed, and its digest has to be the one that was shown. So what is carried out
//! is what a person has seen. The run is recorded before the browser gets an answer; it then goes on by itself and is
//! shown under `/runs`.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::actor::{self, Reason, WHY_MAX};
use sluice_operations::problem::Problem;
use sluice_operations::replay::select::Wanted;
use sluice_operations::replay::{self, Plan, Request};

use crate::app::{About, Shared};
use crate::layout::{Section, page as framed};
use crate::query::{event, given, url};
use crate::refusal::Refusal;
use crate::show::{Tone, command, toned, word};

/// How the run goes: as the program's own defaults.
const RATE_PER_S: u32 = 50;
const CANARY: usize = 10;
const STOP_PERCENT: u32 = 10;
const SETTLE_S: u64 = 30;

/// How the event is replayed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// The one domain that it goes to; all that the rules name if it is empty.
    domain: String,
}

/// A plan that a person has confirmed.
#[derive(Debug, Deserialize)]
pub(crate) struct Confirmed {
    event: String,
    #[serde(default)]
    domain: String,
    digest: String,
    #[serde(default)]
    why: String,
}

fn request(event: &str, domain: &str) -> Request {
    Request {
        wanted: Wanted {
            ids: vec![event.to_owned()],
            ..Wanted::default()
        },
        domain: given(domain),
        forced: false,
        rate: RATE_PER_S,
        canary: CANARY,
        stop_percent: STOP_PERCENT,
        settle_s: SETTLE_S,
    }
}

/// What a replay would do. It changes nothing.
pub(crate) async fn plan(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Markup, Refusal> {
    let request = request(&id, &asked.domain);
    let planned = app.operations.ask(|stack| async move {
        let plan = replay::plan(&stack, request).await?;
        let domains: Vec<_> = stack.domains().map(str::to_owned).collect();
        Ok((plan, domains))
    });
    let (plan, domains) = planned.await?;
    let part = view(&app.about, &id, &asked.domain, &plan, &domains);
    match headers.contains_key("hx-request") {
        true => Ok(part),
        false => Ok(framed(
            &app.about,
            Section::Events,
            &format!("Replay of {id}"),
            part,
        )),
    }
}

fn view(about: &About, id: &str, domain: &str, plan: &Plan, domains: &[String]) -> Markup {
    let path = format!("{}/replay", event(id));
    let only = given(domain)
        .map(|domain| format!(" --domain {domain}"))
        .unwrap_or_default();
    let others = [
        (
            plan.skipped,
            "is skipped: no entry, no whole body, or kept in the ledger on purpose",
        ),
        (
            plan.admitted,
            "waited for its endpoint's configuration and fits it now: sweep publishes it for the first time",
        ),
        (
            plan.waiting,
            "still doesn't fit its endpoint, and goes on waiting",
        ),
        (plan.nowhere, "reaches no domain"),
    ];
    html! {
        h2 { "What a replay would do" }
        p { strong { (plan.events) @if plan.events == 1 { " event" } @else { " events" } } ", plan " code { (plan.digest()) } }
        div.scroll tabindex="0" { table {
            thead { tr { th { "domain" } th { "would" } th.number { "events" } } }
            tbody { @for (name, expected) in &plan.domains {
                @for (outcome, count) in &expected.outcomes { tr {
                    th scope="row" { (name) }
                    td { (outcome_of(outcome)) }
                    td.number { (count) }
                } }
                @for ((kind, again), count) in &expected.effects { tr {
                    th scope="row" { (name) }
                    td { "emits " (kind) @if *again { " again" } }
                    td.number { (count) }
                } }
            } }
        } }
        @for (count, what) in others { @if count > 0 { p { (toned(Tone::Warn, "note")) " The event " (what) "." } } }
        @if domains.len() > 1 {
            p.dim {
                "Reaching "
                @if domain.is_empty() { strong { "every domain that the rules name" } }
                @else { strong { (domain) } " only; " a href=(path) hx-get=(path) hx-target="#replay" { "every domain" } }
                @for name in domains.iter().filter(|name| plan.domains.contains_key(*name) && *name != domain) {
                    @let only = url(&path, &[("domain", name)]);
                    " · " a href=(only) hx-get=(only) hx-target="#replay" { "only " (name) }
                }
            }
        }
        @if about.write {
            form.confirm method="post" action="/replays" {
                input type="hidden" name="event" value=(id);
                input type="hidden" name="domain" value=(domain);
                input type="hidden" name="digest" value=(plan.digest());
                label { "Why, for the record" input name="why" required maxlength=(WHY_MAX) placeholder="fixed in 1.4"; }
                button.primary type="submit" { "Replay this event" }
            }
        } @else {
            p.dim { "This console is read-only. " code { "sluice console --write" } " starts one that may replay." }
        }
        p { "In the terminal: " (command(&about.command(&format!("replay {id}{only}")))) }
    }
}

/// An outcome, with the code if it has one.
fn outcome_of(outcome: &str) -> Markup {
    let (what, code) = outcome.split_once(' ').unwrap_or((outcome, ""));
    html! { (word(what)) @if !code.is_empty() { " " code { (code) } } }
}

/// Begins the run of a confirmed plan.
pub(crate) async fn begin(
    State(app): State<Shared>,
    Form(confirmed): Form<Confirmed>,
) -> Result<Redirect, Refusal> {
    let request = request(&confirmed.event, &confirmed.domain);
    let why = given(&confirmed.why)
        .ok_or_else(|| Problem::Usage("say why, for the record".to_owned()))
        .and_then(|why| actor::checked(&why))?;
    let log = app.log.clone();
    let begun = app.operations.ask(move |stack| async move {
        let plan = replay::plan(&stack, request).await?;
        if plan.digest() != confirmed.digest {
            return Err(Problem::Partly(
                "selection.changed: the plan is not the one that was shown: nothing was done, look again".to_owned(),
            ));
        }
        let who = actor::who(&stack).await?;
        let run = plan.begin(&stack, Reason { who, why }).await?;
        let name = run.run.id.clone();
        let stack = Arc::clone(&stack);
        tokio::task::spawn_local(async move {
            if let Err(problem) = run.resume(&stack, |_| ControlFlow::Continue(())).await {
                log(&format!("a replay was cut off: {problem}"));
            }
        });
        Ok(name)
    });
    let name = begun.await?;
    Ok(Redirect::to(&url("/runs", &[("run", &name)])))
}
