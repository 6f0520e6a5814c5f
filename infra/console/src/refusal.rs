//! What a page says when something isn't done: refused by the guard, or a problem of an operation.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use sluice_operations::problem::Problem;

use crate::app::App;
use crate::layout::{Section, page};

/// Why something isn't done. A response that carries one becomes a page in the guard.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    title: String,
    said: String,
    /// Whether it belongs into the log.
    is_problem: bool,
}

/// Marks an answer that isn't a success and has a page of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Worded;

impl Refusal {
    /// The request isn't allowed.
    pub(crate) fn forbidden(title: &str, said: &str) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: title.to_owned(),
            said: said.to_owned(),
            is_problem: false,
        }
    }

    /// There is no such page.
    pub(crate) fn no_page() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "There is no such page".to_owned(),
            said: "The menu above has every page.".to_owned(),
            is_problem: false,
        }
    }

    /// There are as many streams as there may be.
    pub(crate) fn too_many() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            title: "Too many pages are live".to_owned(),
            said: "Close some tabs of the console.".to_owned(),
            is_problem: false,
        }
    }

    /// The request is none that a page makes: its form, its method or its size.
    pub(crate) fn not_understood(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("it can't be read");
        Self {
            status,
            title: "That can't be understood".to_owned(),
            said: format!("No page of the console asks like this ({reason}). Nothing was done."),
            is_problem: false,
        }
    }

    /// The line of the log; none for what is the browser's own matter. A problem's words hold no payload.
    pub(crate) fn line(&self) -> Option<String> {
        self.is_problem.then(|| self.said.clone())
    }

    /// The stable name of a fault, if the words begin with one: `ledger.unavailable: …`.
    fn code(&self) -> Option<&str> {
        code_of(&self.said)
    }
}

/// The code that the words of a problem begin with: `area.word`.
pub(crate) fn code_of(said: &str) -> Option<&str> {
    let (code, _) = said.split_once(": ")?;
    let (area, word) = code.split_once('.')?;
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    (is_name(area) && is_name(word)).then_some(code)
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (status, title) = match &problem {
            Problem::Usage(_) => (StatusCode::BAD_REQUEST, "That can't be understood"),
            Problem::NotFound(_) => (StatusCode::NOT_FOUND, "It isn't there"),
            Problem::Partly(_) => (StatusCode::CONFLICT, "It was not done, or only in part"),
            Problem::Failed(_) | Problem::OutputClosed => {
                (StatusCode::BAD_GATEWAY, "The stack could not be asked")
            }
        };
        Self {
            status,
            title: title.to_owned(),
            said: problem.to_string(),
            is_problem: status == StatusCode::BAD_GATEWAY || status == StatusCode::CONFLICT,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut answer = self.status.into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// The page of a refusal, or the part of a page.
pub(crate) fn render(app: &App, refusal: &Refusal, is_part: bool) -> Markup {
    let Refusal { title, said, .. } = refusal;
    let note = html! {
        div.note.bad role="alert" {
            // A page has it as its heading.
            @if is_part { h2 { (title) } }
            p { (said) }
            @if let Some(code) = refusal.code() { (runbook(code)) }
        }
    };
    match is_part {
        true => note,
        false => page(&app.about, Section::None, title, note),
    }
}

/// The code of a fault, and the name of its runbook.
pub(crate) fn runbook(code: &str) -> Markup {
    html! {
        p.dim { "Code " code { (code) } ". What to do is in " code { "infra/runbooks/" (code) ".md" } "." }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_that_begins_with_a_code_names_its_runbook() {
        assert_eq!(
            code_of("ledger.unavailable: no answer"),
            Some("ledger.unavailable")
        );
        for other in [
            "no code",
            "127.0.0.1: refused",
            "a.b",
            "GetItem: 400",
            "x. y: z",
        ] {
            assert_eq!(code_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_person_asked_wrongly_is_no_line_of_the_log() {
        let line = |problem| Refusal::from(problem).line();
        assert_eq!(line(Problem::Usage("x".to_owned())), None);
        assert_eq!(line(Problem::NotFound("x".to_owned())), None);
        assert_eq!(line(Problem::failed("x")).as_deref(), Some("x"));
    }
}
