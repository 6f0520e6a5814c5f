//! What an operator does in an incident: each action is a plan, its confirmation with a reason, and a run.
//!
//! A plan is made again when it is confirmed, and its digest has to be the one that was shown. Otherwise nothing is done
//! (`selection.changed`), and the new plan is shown. A plan is shown with the name of the run that carries it out, and
//! that name is used once: a second confirmation leads to the run that the first one began. The run is recorded before
//! the browser gets an answer; it then goes on in the background, and its page shows what its record says.
//!
//! # Layout
//! - `replay`, `dead_letters`, `rebuild`, `rollback`, `reconcile`: the actions. `control`: stops and resumes runs.
//! - `menu`: where each of them begins. `view`: shows a body unmasked, which is a run without a plan to look at.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use sluice_operations::actor::{self, Reason, WHY_MAX};
use sluice_operations::problem::Problem;
use sluice_operations::runs::{self, Confirmed, RunKind};
use sluice_operations::stack::Stack;
use tokio::task::spawn_local;

use crate::app::{About, Shared};
use crate::fields::{Asked, Confirmation, Fields, Sent};
use crate::layout::{Section, page as framed};
use crate::query::{run as run_url, url};
use crate::refusal::{Refusal, Worded, runbook};

pub(crate) mod control;
pub(crate) mod dead_letters;
pub(crate) mod menu;
pub(crate) mod rebuild;
pub(crate) mod reconcile;
pub(crate) mod replay;
pub(crate) mod rollback;
pub(crate) mod view;

/// The code of a plan that isn't the one that was shown.
const CHANGED: &str = "selection.changed";

/// The work of a run, which goes on by itself.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<(), Problem>>>>;

/// A run that has begun.
pub(crate) struct Begun {
    pub(crate) name: String,
    pub(crate) began_ms: i64,
    pub(crate) work: Work,
}

/// Something that a person plans, confirms and runs.
pub(crate) trait Action: Clone + Send + Sized + 'static {
    /// What would be done.
    type Plan: Send + 'static;

    /// Where it is planned and confirmed.
    const PATH: &'static str;

    /// What it is, in a few words.
    fn title(&self) -> String;

    /// The kind of its runs.
    fn kind(&self) -> RunKind;

    /// What the fields ask for.
    ///
    /// # Errors
    /// `Usage`, which says what is wrong.
    fn read(fields: &Fields) -> Result<Self, Problem>;

    /// The same as fields, for the form that confirms it.
    fn fields(&self) -> Vec<(&'static str, String)>;

    /// Finds out what would be done. Changes nothing.
    async fn plan(&self, stack: &Stack) -> Result<Self::Plan, Problem>;

    /// What is shown of a plan that isn't carried out now; what it holds is given back.
    async fn shown(&self, plan: Self::Plan, _: &Stack) -> Result<Self::Plan, Problem> {
        Ok(plan)
    }

    fn digest(&self, plan: &Self::Plan) -> String;

    /// The name of the run that would carry it out.
    fn name(&self, plan: &Self::Plan) -> String;

    /// Whether there is a run of this name, for the kinds whose runs are found by their name alone.
    async fn is_begun(&self, stack: &Stack, name: &str) -> Result<bool, Problem> {
        runs::is_begun(stack, self.kind(), name).await
    }

    /// Records the run.
    async fn begin(
        &self,
        plan: Self::Plan,
        stack: &Arc<Stack>,
        confirmed: Confirmed,
    ) -> Result<Begun, Problem>;

    /// The plan, for a person.
    fn view(&self, about: &About, plan: &Self::Plan) -> Markup;

    /// What the button says that confirms it; none if there is nothing to do.
    fn button(&self, plan: &Self::Plan) -> Option<String>;
}

/// The page of a plan.
pub(crate) async fn plan<A: Action>(
    app: Shared,
    fields: Fields,
    is_part: bool,
) -> Result<Markup, Refusal> {
    let action = A::read(&fields)?;
    let planned = app.operations.ask(|stack| async move {
        let plan = action.plan(&stack).await?;
        let plan = action.shown(plan, &stack).await?;
        Ok((action, plan))
    });
    let (action, plan) = planned.await?;
    let part = with_form(&app.about, &action, &plan, "");
    Ok(match is_part {
        true => part,
        false => framed(&app.about, Section::Actions, &action.title(), part),
    })
}

/// Answers a page's request for a plan.
pub(crate) async fn planned<A: Action>(
    State(app): State<Shared>,
    Query(pairs): Asked,
    headers: HeaderMap,
) -> Result<Markup, Refusal> {
    plan::<A>(app, Fields(pairs), headers.contains_key("hx-request")).await
}

/// What became of a confirmation.
enum Done<A: Action> {
    Begun { name: String, began_ms: i64 },
    Before(String),
    Changed(A, A::Plan),
}

/// Carries out a confirmed plan.
pub(crate) async fn confirmed<A: Action>(
    State(app): State<Shared>,
    Form(pairs): Sent,
) -> Result<Response, Refusal> {
    let fields = Fields(pairs);
    let Confirmation { digest, run, why } = fields.confirmation()?;
    let action = A::read(&fields)?;
    let kind = action.kind();
    let turn = app.confirming.clone();
    let log = app.log.clone();
    let reason = why.clone();
    let done = app.operations.ask(move |stack| async move {
        // One after the other: the second confirmation of a plan finds the run that the first one began.
        let _turn = turn.lock().await;
        if let Some(name) = &run
            && action.is_begun(&stack, name).await?
        {
            return Ok(Done::Before(name.clone()));
        }
        let who = actor::who(&stack).await?;
        let plan = action.plan(&stack).await?;
        if action.digest(&plan) != digest {
            let plan = action.shown(plan, &stack).await?;
            return Ok(Done::Changed(action, plan));
        }
        let confirmed = Confirmed {
            run: run.unwrap_or_else(|| action.name(&plan)),
            plan: digest,
            reason: Reason { who, why: reason },
        };
        let Begun {
            name,
            began_ms,
            work,
        } = action.begin(plan, &stack, confirmed).await?;
        let of = name.clone();
        spawn_local(async move {
            if let Err(problem) = work.await {
                log(&format!("{of} has ended early: {problem}"));
            }
        });
        Ok(Done::Begun { name, began_ms })
    });
    Ok(match done.await? {
        Done::Begun { name, began_ms } => {
            Redirect::to(&run_url(kind.as_str(), &name, began_ms)).into_response()
        }
        Done::Before(name) => Redirect::to(&url("/runs", &[("run", &name)])).into_response(),
        Done::Changed(action, plan) => {
            let part = with_form(&app.about, &action, &plan, &why);
            changed(&app.about, &action.title(), part)
        }
    })
}

/// Nothing was done, since the plan isn't the one that was shown: this is what it is now.
pub(crate) fn changed(about: &About, title: &str, now: Markup) -> Response {
    let content = html! {
        div.note.bad role="alert" {
            h2 { "Nothing was done" }
            p { (CHANGED) ": it is not as it was when you looked. Below is how it is now." }
            (runbook(CHANGED))
        }
        (now)
    };
    let page = framed(about, Section::Actions, title, content);
    let mut answer = (StatusCode::CONFLICT, page).into_response();
    answer.extensions_mut().insert(Worded);
    answer
}

/// A plan, and the form that confirms it.
fn with_form<A: Action>(about: &About, action: &A, plan: &A::Plan, why: &str) -> Markup {
    let digest = action.digest(plan);
    let mut fields = action.fields();
    fields.retain(|(_, value)| !value.is_empty());
    fields.push(("digest", digest.clone()));
    fields.push(("run", action.name(plan)));
    html! {
        (action.view(about, plan))
        p.dim { "Plan " code { (digest) } ". It changes nothing until it is confirmed, and is made again then." }
        @if let Some(button) = action.button(plan) { (form(about, A::PATH, &fields, &button, why)) }
    }
}

/// The form that confirms something with a reason.
pub(crate) fn form(
    about: &About,
    path: &str,
    fields: &[(&str, String)],
    button: &str,
    why: &str,
) -> Markup {
    html! {
        @if about.write {
            form.confirm method="post" action=(path) {
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                label { "Why, for the record"
                    input name="why" required maxlength=(WHY_MAX) value=(why) placeholder="fixed in 1.4"; }
                button.primary type="submit" { (button) }
            }
        } @else {
            p.dim { "This console is read-only. " code { "sluice console --write" } " starts one that may do this." }
        }
    }
}
