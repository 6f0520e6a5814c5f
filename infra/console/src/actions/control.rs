//! Stops a run, or resumes it.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use sluice_operations::actor::{self, Reason};
use sluice_operations::control::{self, May};
use sluice_operations::problem::Problem;
use sluice_operations::runs::{self, RunKind, Summary};
use sluice_operations::stack::Stack;
use tokio::task::spawn_local;

use super::{changed, form as confirm};
use crate::app::{About, Shared};
use crate::fields::{Confirmation, Fields, Sent};
use crate::query::run as run_url;
use crate::refusal::Refusal;
use crate::show::time;

/// The run that a path and its fields name.
pub(crate) fn named(
    kind: &str,
    name: String,
    fields: &Fields,
) -> Result<(RunKind, String, i64), Problem> {
    let began_ms = fields.one("began").and_then(|began| began.parse().ok());
    match (RunKind::of(kind), began_ms) {
        (Some(kind), Some(began_ms)) => Ok((kind, name, began_ms)),
        _ => Err(Problem::Usage(
            "a run is named by its kind, its name and when it began".to_owned(),
        )),
    }
}

/// The path of a change of a run.
fn path(run: &Summary, change: &str) -> String {
    let kind = run.kind.as_str();
    format!("{}/{change}", crate::query::run_path(kind, &run.name))
}

/// The form that stops or resumes a run, if it may be.
pub(crate) fn form(about: &About, run: &Summary, now_ms: i64) -> Markup {
    let fields = [
        ("began", run.began_ms.to_string()),
        ("digest", control::digest(run)),
    ];
    match control::may(run, now_ms) {
        May::Stop => confirm(about, &path(run, "stop"), &fields, "Stop", ""),
        May::Resume => confirm(about, &path(run, "resume"), &fields, "Resume", ""),
        May::Neither => Markup::default(),
    }
}

/// What became of a confirmation.
enum Done {
    Done(RunKind, String, i64),
    Changed(Box<Summary>),
}

/// Stops a run: its record says so, and the program that works on it ends after what it is at.
pub(crate) async fn stop(
    State(app): State<Shared>,
    Path((kind, name)): Path<(String, String)>,
    Form(pairs): Sent,
) -> Result<Response, Refusal> {
    change(
        app,
        (kind, name),
        Fields(pairs),
        async |stack, run, reason, _| control::stop(stack, run.kind, &run.name, &reason).await,
    )
    .await
}

/// Resumes a run in the background.
pub(crate) async fn resume(
    State(app): State<Shared>,
    Path((kind, name)): Path<(String, String)>,
    Form(pairs): Sent,
) -> Result<Response, Refusal> {
    change(
        app,
        (kind, name),
        Fields(pairs),
        async |stack, run, reason, app| {
            let resumed = control::resume(stack, run, reason).await?;
            let (stack, log, of) = (stack.clone(), app.log.clone(), run.name.clone());
            spawn_local(async move {
                if let Err(problem) = resumed.run(&stack).await {
                    log(&format!("{of} has ended early: {problem}"));
                }
            });
            Ok(())
        },
    )
    .await
}

async fn change<C>(
    app: Shared,
    (kind, name): (String, String),
    fields: Fields,
    make: C,
) -> Result<Response, Refusal>
where
    C: AsyncFnOnce(&Arc<Stack>, &Summary, Reason, &Shared) -> Result<(), Problem> + Send + 'static,
{
    let Confirmation { digest, why, .. } = fields.confirmation()?;
    let (kind, name, began_ms) = named(&kind, name, &fields)?;
    let turn = app.confirming.clone();
    let shared = app.clone();
    let done = app.operations.ask(move |stack| async move {
        let _turn = turn.lock().await;
        let run = runs::find(&stack, kind, &name, began_ms).await?;
        if control::digest(&run) != digest {
            return Ok(Done::Changed(Box::new(run)));
        }
        let who = actor::who(&stack).await?;
        make(&stack, &run, Reason { who, why }, &shared).await?;
        Ok(Done::Done(kind, name, began_ms))
    });
    Ok(match done.await? {
        Done::Done(kind, name, began_ms) => {
            Redirect::to(&run_url(kind.as_str(), &name, began_ms)).into_response()
        }
        Done::Changed(run) => {
            let kind = run.kind.as_str();
            let link = run_url(kind, &run.name, run.began_ms);
            let now = maud::html! {
                p { a href=(link) { (run.name) } ", as it was written last at " (time(run.at_ms)) "." }
                (form(&app.about, &run, sluice_operations::times::now_ms()))
            };
            changed(&app.about, "Runs", now)
        }
    })
}
