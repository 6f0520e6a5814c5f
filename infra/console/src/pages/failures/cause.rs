//! `/failures/cause`: all records of one cause, the newest first, and what can be done with them.

use axum::extract::{Query, State};
use maud::{Markup, html};
use sluice_operations::failures::{Cause, causes};
use sluice_operations::problem::Problem;
use sluice_operations::rejected::StoredRecord;

use super::{Asked, Found, address, extent, find, is_cut, step, subject};
use crate::actions::{Action, dead_letters, replay::Replay};
use crate::app::{About, Shared};
use crate::layout::{Section, page as framed};
use crate::limits::ROWS;
use crate::query::url;
use crate::refusal::Refusal;
use crate::runbooks;
use crate::show::{command, more, time, word};

const PATH: &str = "/failures/cause";

/// The page of one cause.
pub(crate) async fn cause(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    if asked.domain.is_empty() || asked.code.is_empty() {
        let said = "a cause is named by its domain, its code and its digest".to_owned();
        return Err(Problem::Usage(said).into());
    }
    let of = asked.clone();
    let read = app
        .operations
        .ask(move |stack| async move { find(&stack, &of).await });
    let content = of_cause(&app.about, &asked, &read.await?);
    let title = format!("{} in {}", asked.code, asked.domain);
    Ok(framed(&app.about, Section::Failures, &title, content))
}

pub(super) fn of_cause(about: &About, asked: &Asked, found: &Found) -> Markup {
    let records = &found.rows.page.records;
    let Some(cause) = causes(records, &found.letters).into_iter().next() else {
        return html! {
            p { a href="/failures" { "All failures" } }
            @if is_cut(found) { (extent(found)) } @else { p.empty { "Nothing on record fails for this cause any more." } }
            p.bar { (step(PATH, asked, found.rows.next.as_ref())) }
        };
    };
    let is_whole = asked.after.is_empty() && !is_cut(found);
    let is_looked_at = !asked.letters.is_empty();
    let all = about.command(&format!("rejected show --digest {}", cause.digest));
    let letters: Vec<_> = found
        .letters
        .iter()
        .flat_map(|(_, letters)| letters)
        .collect();
    html! {
        p { a href="/failures" { "All failures" } }
        dl.facts {
            dt { "cause" } dd { (cause.cause) }
            dt { "on record" } dd {
                @if !is_whole { "at least " }
                @for (outcome, count) in &cause.outcomes { (count) " " (word(outcome)) " " }
            }
            @if let (Some(first), Some(last)) = (cause.first_at_ms, cause.last_at_ms) { dt { "first, last" } dd { (time(first)) " – " (time(last)) " UTC" } }
            dt { "example" } dd { (subject(&cause.example)) }
            dt { "dead letters" } dd {
                @if is_looked_at { (cause.dead) }
                @else { a href=(address(&cause, "", true)) { "Look at those of " (cause.domain) } }
            }
        }
        (extent(found))
        div.note { (runbooks::part(&cause.code)) }
        h2 { "All that match" }
        p.dim { "These plan for all that match when the plan is made, and not only for what is in view." }
        p.bar {
            @for outcome in ["rejected", "failing"] {
                @let count = cause.count(outcome);
                @if count > 0 { a.button href=(retry(&cause, outcome)) { "Replay all " @if is_whole { (count) " " } (outcome) "…" } }
            }
            @if is_looked_at && cause.dead > 0 {
                @let has_queue = found.domains.contains(&cause.domain);
                (dead_letters::links(&cause.domain, &cause.code, &cause.digest, has_queue))
            }
        }
        @if !records.is_empty() { (selection(asked, records)) }
        p.bar { (step(PATH, asked, found.rows.next.as_ref())) }
        @if !letters.is_empty() {
            h2 { "Dead letters" }
            div.scroll tabindex="0" { table.list {
                thead { tr { th { "event" } th { "type" } th { "message" } } }
                tbody { @for letter in letters.iter().take(ROWS) { tr {
                    td { (subject(&letter.subject)) }
                    td { (letter.kind) }
                    td { (letter.message_id) }
                } } }
            } }
            (more(letters.len().saturating_sub(ROWS), &about.command(&format!("dlq show {}", cause.domain))))
        }
        p { "In the terminal: " (command(&all)) }
    }
}

/// The plan of a replay of all that have this outcome for this cause.
fn retry(cause: &Cause, outcome: &str) -> String {
    let fields = [
        ("outcome", outcome),
        ("code", &cause.code),
        ("cause", &cause.digest),
        ("domain", &cause.domain),
    ];
    url(Replay::PATH, &fields)
}

/// The records with a box each, of which those that are ticked are planned for.
fn selection(asked: &Asked, records: &[StoredRecord]) -> Markup {
    html! {
        h2 { "Only some of them" }
        form method="get" action=(Replay::PATH) {
            input type="hidden" name="domain" value=(asked.domain);
            div.scroll tabindex="0" { table.list {
                thead { tr { th { span.hidden { "select" } } th { "recorded, UTC" } th { "event" } th { "type" } th { "outcome" } } }
                tbody { @for record in records.iter().take(ROWS) { tr {
                    td { @if record.subject.starts_with("evt_") {
                        input type="checkbox" name="id" value=(record.subject) aria-label=(record.subject);
                    } }
                    td { (time(record.at_ms)) }
                    td { (subject(&record.subject)) }
                    td { (record.kind) }
                    td { (word(&record.outcome)) }
                } } }
            } }
            p { button type="submit" { "Plan a replay of the selected" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{found, place, record};
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{about, weigh};

    #[test]
    fn a_full_list_of_a_cause_is_light_and_leads_to_what_is_not_shown() {
        let mut found = found((0..2 * ROWS).map(|at| record(at, "0011")).collect());
        found.rows.next = place();
        let asked = Asked {
            domain: "subscriptions".to_owned(),
            digest: "0011".to_owned(),
            ..Asked::default()
        };
        let content = of_cause(&about(true), &asked, &found);
        let page = framed(&about(true), Section::Failures, "Failures", content);
        assert_eq!(page.0.matches("type=\"checkbox\"").count(), ROWS);
        let older = "/failures/cause?domain=subscriptions&amp;digest=0011&amp;after=%7B";
        assert!(page.0.contains(older), "{}", page.0);
        assert!(
            page.0
                .contains(&format!("Replay all {} rejected", 2 * ROWS))
        );
        assert!(!page.0.contains("<b>product"), "markup stays text");
        let bytes = weigh("failures, one cause", page);
        assert!(bytes < PAGE_BYTES, "{bytes}");
    }

    #[test]
    fn a_cause_leads_to_the_plan_for_all_that_match_it_and_says_what_its_code_means() {
        let found = found(vec![record(1, "0011"), record(2, "0011")]);
        let shown = of_cause(&about(true), &Asked::default(), &found).into_string();
        let plan = "/replays?outcome=rejected&amp;code=object.field_missing&amp;cause=0011&amp;domain=subscriptions";
        for word in [
            plan,
            "Replay all 2 rejected",
            "An object lacks a field",
            "infra/runbooks/object.field_missing.md",
        ] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert!(!shown.contains("at least"), "{shown}");
    }

    #[test]
    fn a_number_that_was_not_counted_to_the_end_is_none_of_all_that_match() {
        let mut found = found(vec![record(1, "0011"), record(2, "0011")]);
        found.rows.page.next = place();
        let shown = of_cause(&about(true), &Asked::default(), &found).into_string();
        assert!(shown.contains("at least 2 "), "{shown}");
        assert!(shown.contains("Replay all rejected…"), "{shown}");
        found.rows.page.records.clear();
        found.rows.next = place();
        let shown = of_cause(&about(true), &Asked::default(), &found).into_string();
        assert!(
            shown.contains("looked at") && shown.contains("Older"),
            "{shown}"
        );
        assert!(!shown.contains("any more"), "{shown}");
    }
}
