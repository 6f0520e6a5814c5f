//! The frame of a page: head, menu, the box that finds by any id.

use maud::{DOCTYPE, Markup, html};

use crate::app::About;
use crate::assets::ADDRESSES;

/// What htmx may do: run no text as code, write no style, ask for this console's own paths only, show refusals too, and
/// keep no copy of a page.
const HTMX: &str = r#"{"allowEval":false,"allowScriptTags":false,"includeIndicatorStyles":false,"selfRequestsOnly":true,"historyCacheSize":0,"responseHandling":[{"code":"204","swap":false},{"code":"...","swap":true}]}"#;

/// A part of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Events,
    Failures,
    DeadLetters,
    Runs,
    Actions,
    Reconcile,
    Setup,
    /// None of them: objects, refusals.
    None,
}

const MENU: [(Section, &str, &str); 8] = [
    (Section::Overview, "/", "Overview"),
    (Section::Events, "/events", "Events"),
    (Section::Failures, "/failures", "Failures"),
    (Section::DeadLetters, "/dead-letters", "Dead letters"),
    (Section::Runs, "/runs", "Runs"),
    (Section::Actions, "/actions", "Actions"),
    (Section::Reconcile, "/reconcile", "Reconcile"),
    (Section::Setup, "/setup", "Setup"),
];

/// A whole page.
pub(crate) fn page(about: &About, section: Section, title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(HTMX);
                title { (title) " · " (about.stack) }
                link rel="stylesheet" href=(ADDRESSES.style);
                link rel="icon" type="image/svg+xml" href=(ADDRESSES.icon);
                script src=(ADDRESSES.htmx) defer {}
                script src=(ADDRESSES.script) defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header.top {
                    a.brand href="/" { "Sluice" }
                    nav aria-label="Pages" {
                        @for (one, path, name) in MENU {
                            a href=(path) aria-current=[(one == section).then_some("page")] { (name) }
                        }
                    }
                    form.find action="/find" method="get" role="search" {
                        label.hidden for="find" { "Find by id" }
                        input #find name="id" type="search" placeholder="evt_… pi_… cus_…" autocomplete="off"
                            spellcheck="false" required;
                        button type="submit" { "Find" }
                    }
                    p.stack {
                        strong { (about.stack) } " " (about.place) " "
                        @if about.write { span.word.warn { "read-write" } }
                        @else { span.word.dim { "read-only" } }
                    }
                }
                main #main { h1 { (title) } (content) }
            }
        }
    }
}
