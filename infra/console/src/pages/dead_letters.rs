//! `/dead-letters`: how many there are of each domain, of the rules and of the bus; `/dead-letters/{name}`: by cause.
//!
//! To look at letters is to receive them, which hides them from others for a moment. So the first page only counts, and
//! the letters are looked at on request.

use axum::extract::{Path, State};
use maud::{Markup, html};
use sluice_operations::dlq::{self, Filter, Letter, Received, causes};
use sluice_operations::queues::depth;

use crate::actions::dead_letters::links;
use crate::app::{About, Shared};
use crate::layout::{Section, page as framed};
use crate::limits::ROWS;
use crate::query::{escaped, event};
use crate::refusal::Refusal;
use crate::show::{Tone, command, more, toned};

/// The page of counts.
pub(crate) async fn page(State(app): State<Shared>) -> Result<Markup, Refusal> {
    let read = app.operations.ask(|stack| async move {
        let mut found = Vec::new();
        for (role, url) in &stack.queues {
            if let Some(name) = role.strip_suffix("_dead_letters") {
                found.push((name.to_owned(), depth(&stack, url).await?));
            }
        }
        Ok(found)
    });
    let found = read.await?;
    let content = html! {
        p.dim { "To look at letters is to receive them: others don't see them for that moment." }
        div.scroll tabindex="0" { table {
            thead { tr { th { "of" } th.number { "letters" } th.number { "hidden now" } th { span.hidden { "look" } } } }
            tbody { @for (name, (waiting, hidden)) in &found { tr {
                th scope="row" { (name) }
                td.number { @if *waiting == 0 { "0" } @else { (toned(Tone::Bad, &waiting.to_string())) } }
                td.number { (hidden) }
                td { @if *waiting > 0 { a.button href=(format!("/dead-letters/{}", escaped(name))) { "Look" } } }
            } } }
        } }
    };
    Ok(framed(
        &app.about,
        Section::DeadLetters,
        "Dead letters",
        content,
    ))
}

/// The page of one name's letters.
pub(crate) async fn letters(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Markup, Refusal> {
    let filter = Filter {
        domain: name.clone(),
        ..Filter::default()
    };
    let read = app.operations.ask(|stack| async move {
        let received = dlq::list(&stack, &filter, &mut |_| {}).await?;
        let has_queue = stack.domains().any(|domain| domain == filter.domain);
        Ok((received, has_queue))
    });
    let (received, has_queue) = read.await?;
    let title = format!("Dead letters of {name}");
    let content = view(&app.about, &name, &received, has_queue);
    Ok(framed(&app.about, Section::DeadLetters, &title, content))
}

fn view(about: &About, name: &str, received: &Received, has_queue: bool) -> Markup {
    let Received {
        letters,
        left,
        hidden,
    } = received;
    html! {
        p { a href="/dead-letters" { "All queues" } }
        @if *left > 0 { p { (toned(Tone::Warn, "not all")) " About " (left) " more weren't looked at." } }
        @if *hidden > 0 { p { (toned(Tone::Warn, "hidden")) " About " (hidden) " were hidden: another command looks at them." } }
        @if letters.is_empty() { p.empty { "No letter could be looked at." } } @else {
            h2 { "By cause" }
            div.scroll tabindex="0" { table {
                thead { tr { th.number { "letters" } th { "code" } th { "example" } th { "cause" } th { "plan" } } }
                tbody { @for cause in causes(name, letters).iter().take(ROWS) { tr {
                    td.number { (cause.count) }
                    td { code { (cause.code) } }
                    td { (link(&cause.example)) }
                    td.text { (cause.cause) }
                    td { (links(name, &cause.code, &cause.digest, has_queue)) }
                } } }
            } }
            h2 { "Letters" }
            div.scroll tabindex="0" { table.list {
                thead { tr { th { "event" } th { "type" } th { "code" } } }
                tbody { @for letter in letters.iter().take(ROWS) { (row(letter)) } }
            } }
            (more(letters.len().saturating_sub(ROWS), &about.command(&format!("dlq show {name}"))))
            p.bar { "All of them: " (links(name, "", "", has_queue)) }
            p { "In the terminal: " (command(&about.command(&format!("dlq redrive {name}")))) }
        }
    }
}

fn row(letter: &Letter) -> Markup {
    html! { tr { td { (link(&letter.subject)) } td { (letter.kind) } td { code { (letter.code) } } } }
}

fn link(subject: &str) -> Markup {
    html! { @if subject.starts_with("evt_") { a href=(event(subject)) { (subject) } } @else { (subject) } }
}
