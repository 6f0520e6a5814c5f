//! `/setup`: what isn't set up as it has to be, and the command that fixes it; what the set-up consists of.

mod parts;

use axum::extract::{Path, State};
use maud::{Markup, html};
use sluice_operations::doctor::{self, Finding, FindingLevel, Findings};

use crate::app::Shared;
use crate::layout::{Section, page as framed};
use crate::refusal::{Refusal, runbook};
use crate::show::{Tone, command, toned};
use parts::{Part, view};

/// The page. Its findings take a while: it asks for them once it is shown.
pub(crate) async fn page(State(app): State<Shared>) -> Markup {
    let content = html! {
        p.dim { "The same in the terminal: " (command(&app.about.command("doctor"))) }
        div #findings hx-get="/setup/findings" hx-trigger="load" {
            p.empty { "Asking AWS how things are…" }
            noscript { p { a href="/setup/findings" { "Show the findings" } } }
        }
        @for part in Part::ALL { (closed(part)) }
    };
    framed(&app.about, Section::Setup, "Setup", content)
}

/// A part that asks for its content when it is opened.
fn closed(part: Part) -> Markup {
    let own = format!("/setup/{}", part.name());
    html! {
        section {
            h2 { (part.title()) }
            details {
                summary { "Show" }
                div hx-get=(own) hx-trigger="toggle from:closest details" { a href=(own) { "Show" } }
            }
        }
    }
}

/// A part's content.
pub(crate) async fn part(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Markup, Refusal> {
    let part = Part::ALL.into_iter().find(|part| part.name() == name);
    let part = part.ok_or_else(Refusal::no_page)?;
    Ok(view(&app, part).await?)
}

/// The findings.
pub(crate) async fn findings(State(app): State<Shared>) -> Result<Markup, Refusal> {
    let read = app
        .operations
        .ask(|stack| async move { doctor::look(&stack).await });
    Ok(of_findings(&read.await?))
}

fn of_findings(found: &[Findings]) -> Markup {
    let all = || found.iter().flat_map(|findings| &findings.all);
    let count = |level| all().filter(|finding| finding.level == level).count();
    // What there is none of has no colour.
    let counted = |level, tone, name: &str| match count(level) {
        0 => toned(Tone::Dim, &format!("0 {name}")),
        count => toned(tone, &format!("{count} {name}")),
    };
    let is_all_good =
        |findings: &&Findings| !findings.all.is_empty() && findings.all.iter().all(is_good);
    let good: Vec<_> = found
        .iter()
        .filter(is_all_good)
        .map(|Findings { area, all }| format!("{area} {}", all.len()))
        .collect();
    html! {
        p {
            (counted(FindingLevel::Wrong, Tone::Bad, "wrong")) " · "
            (counted(FindingLevel::Look, Tone::Warn, "to look at")) " · "
            (counted(FindingLevel::Unknown, Tone::Warn, "unknown")) " · "
            (counted(FindingLevel::Good, Tone::Good, "good"))
        }
        @if !good.is_empty() { p.dim { "Nothing to do: " (good.join(" · ")) } }
        @for Findings { area, all } in found {
            @let rest: Vec<_> = all.iter().filter(|finding| !is_good(finding)).collect();
            @if !rest.is_empty() {
                section {
                    h2 { (area) " " span.dim { (all.len() - rest.len()) " of " (all.len()) " good" } }
                    @for finding in rest { (one(finding)) }
                }
            }
        }
    }
}

fn is_good(finding: &Finding) -> bool {
    finding.level == FindingLevel::Good
}

fn one(finding: &Finding) -> Markup {
    let (tone, name) = match finding.level {
        FindingLevel::Good => (Tone::Good, "good"),
        FindingLevel::Look => (Tone::Warn, "look"),
        FindingLevel::Unknown => (Tone::Warn, "unknown"),
        FindingLevel::Wrong => (Tone::Bad, "wrong"),
    };
    html! {
        div.note.bad[tone == Tone::Bad].warn[tone == Tone::Warn] {
            p { (toned(tone, name)) " " strong { (finding.subject) } ": " (finding.said) }
            @if !finding.fix.is_empty() { p { (command(&finding.fix)) } }
            @if let Some(code) = finding.code { (runbook(code.as_str())) }
        }
    }
}
