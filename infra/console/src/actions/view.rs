//! A stored body with nothing masked: shown once, to a person who said why, in the answer to a request that no address
//! repeats.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use sluice_operations::actor::{self, Reason};
use sluice_operations::events::story::{self, Story};
use sluice_operations::events::view;
use sluice_operations::runs::{Confirmed, RunKind};

use super::{changed, form};
use crate::app::{About, Shared};
use crate::body::unmasked;
use crate::fields::{Confirmation, Fields, Sent};
use crate::layout::{Section, page as framed};
use crate::limits::BODY_BYTES;
use crate::query::{event, url};
use crate::refusal::Refusal;
use crate::show::{Tone, command, toned};

/// The form that shows an event's body unmasked.
pub(crate) fn offer(about: &About, story: &Story) -> Markup {
    let entry = &story.recorded.entry;
    let fields = [
        ("digest", view::digest(&entry.id, &entry.hash)),
        ("run", view::run_name(&entry.id)),
    ];
    let path = format!("{}/body", event(&entry.id));
    html! {
        details {
            summary { "Show it with personal data" }
            p.dim { "It is shown once. Who looked, at which event and why is recorded among the runs." }
            (form(about, &path, &fields, "Show it unmasked", ""))
        }
    }
}

/// What became of a request.
enum Done {
    Shown { body: Vec<u8>, run: String },
    Changed(Box<Story>),
}

/// Shows an event's body unmasked, once it is on record.
pub(crate) async fn body(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Form(pairs): Sent,
) -> Result<Response, Refusal> {
    let Confirmation { digest, run, why } = Fields(pairs).confirmation()?;
    let of = id.clone();
    let done = app.operations.ask(move |stack| async move {
        let story = story::without_lines(&stack, &of).await?;
        if view::digest(&of, &story.recorded.entry.hash) != digest {
            return Ok(Done::Changed(Box::new(story)));
        }
        let who = actor::who(&stack).await?;
        let run = run.unwrap_or_else(|| view::run_name(&of));
        let confirmed = Confirmed {
            run: run.clone(),
            plan: digest,
            reason: Reason { who, why },
        };
        let body = view::view(&stack, &of, confirmed).await?;
        Ok(Done::Shown { body, run })
    });
    let title = format!("Event {id}, unmasked");
    Ok(match done.await? {
        Done::Shown { body, run } => {
            let page = page(&app.about, &id, &run, &body);
            framed(&app.about, Section::Events, &title, page).into_response()
        }
        Done::Changed(story) => changed(&app.about, &title, offer(&app.about, &story)),
    })
}

fn page(about: &About, id: &str, run: &str, body: &[u8]) -> Markup {
    let runs = url("/runs", &[("kind", RunKind::View.as_str()), ("run", run)]);
    let whole = about.command(&format!("event show {id} --body"));
    html! {
        p { a href=(event(id)) { "Back to the event" } }
        div.note.warn { p {
            (toned(Tone::Warn, "personal data")) " Nothing is masked. This is on record: " a href=(runs) { (run) }
            ". To see it once more, ask once more."
        } }
        @match unmasked(body, BODY_BYTES) {
            Some(shown) => {
                (shown.html)
                @if shown.is_cut { p { "The body is longer than this page shows. All of it: " (command(&whole)) } }
            }
            None => p { "It isn't JSON. Byte for byte: " (command(&whole)) },
        }
    }
}
