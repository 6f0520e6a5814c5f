//! `/rejected`: what domains would not apply, or are failing at: groups by cause, and each record of a group.

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::rejected::{self, Filter, Group, StoredRecord, groups};
use sluice_operations::words::counted;

use crate::app::{About, Shared};
use crate::layout::{Section, page as framed};
use crate::limits::ROWS;
use crate::query::{event, given, url};
use crate::refusal::{Refusal, runbook};
use crate::show::{more, time, word};

/// Which records. An empty field filters nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    outcome: String,
    code: String,
    digest: String,
    domain: String,
}

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let filter = Filter {
        outcome: given(&asked.outcome),
        code: given(&asked.code),
        digest: given(&asked.digest),
        domain: given(&asked.domain),
    };
    let read = app
        .operations
        .ask(|stack| async move { rejected::records(&stack, &filter).await });
    let records = read.await?;
    let content = match asked.digest.is_empty() {
        true => of_groups(&groups(records)),
        false => of_records(&app.about, &asked, &records),
    };
    Ok(framed(
        &app.about,
        Section::Rejected,
        "Rejected and failing",
        content,
    ))
}

fn of_groups(groups: &[Group]) -> Markup {
    html! {
        @if groups.is_empty() { p.empty { "No event is rejected or failing, as far as this is on record." } }
        @else {
            p.dim { "By domain, code and cause. A group opens its events." }
            div.scroll tabindex="0" { table.list {
                thead { tr {
                    th { "domain" } th { "outcome" } th.number { "events" } th { "code" } th { "newest, UTC" } th { "example" } th { "cause" }
                } }
                tbody { @for group in groups.iter().take(ROWS) { (group_row(group)) } }
            } }
            (more(groups.len().saturating_sub(ROWS), "sluice rejected list"))
        }
    }
}

fn group_row(group: &Group) -> Markup {
    let fields = [
        ("domain", group.domain.as_str()),
        ("outcome", &group.outcome),
        ("digest", &group.digest),
    ];
    html! {
        tr {
            td { (group.domain) }
            td { (word(&group.outcome)) }
            td.number { a href=(url("/rejected", &fields)) { (group.count) } }
            td { code { (group.code) } }
            td { (time(group.newest_at_ms)) }
            td { (subject(&group.newest)) }
            td.text { (group.cause) }
        }
    }
}

/// A link to an event; a check is recorded under its object and has no page.
fn subject(subject: &str) -> Markup {
    html! {
        @if subject.starts_with("evt_") { a href=(event(subject)) { (subject) } } @else { (subject) }
    }
}

fn of_records(about: &About, asked: &Asked, records: &[StoredRecord]) -> Markup {
    let all = about.command(&format!("rejected show --digest {}", asked.digest));
    html! {
        p { a href="/rejected" { "All groups" } }
        @if let Some(first) = records.first() {
            div.note.bad[first.outcome == "rejected"].warn[first.outcome != "rejected"] {
                p { strong { (first.domain) } " " (word(&first.outcome)) " " (counted(records.len(), "event")) }
                p { (first.cause) }
                (runbook(&first.code))
            }
            div.scroll tabindex="0" { table.list {
                thead { tr { th { "recorded, UTC" } th { "event" } th { "type" } th { "domain" } th { "outcome" } th { "code" } } }
                tbody { @for record in records.iter().take(ROWS) { tr {
                    td { (time(record.at_ms)) }
                    td { (subject(&record.subject)) }
                    td { (record.kind) }
                    td { (record.domain) }
                    td { (word(&record.outcome)) }
                    td { code { (record.code) } }
                } } }
            } }
            (more(records.len().saturating_sub(ROWS), &all))
        } @else { p.empty { "No record is like this any more." } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{about, weigh};

    fn record(at: usize) -> StoredRecord {
        StoredRecord {
            subject: format!("evt_1S{at:022}"),
            domain: "subscriptions".to_owned(),
            outcome: "rejected".to_owned(),
            code: "object.field_missing".to_owned(),
            cause: format!(
                "data.object.items.data[0].price has no product, of an object of the kind subscription {at}"
            ),
            digest: format!("{at:024}"),
            kind: "customer.subscription.updated".to_owned(),
            at_ms: 1_767_225_600_000,
        }
    }

    #[test]
    fn full_lists_of_groups_and_of_records_are_light_and_count_what_is_not_shown() {
        let records: Vec<_> = (0..2 * ROWS).map(record).collect();
        let asked = Asked {
            digest: "1".to_owned(),
            ..Asked::default()
        };
        for (name, content) in [
            ("rejected, groups", of_groups(&groups(records.clone()))),
            (
                "rejected, records",
                of_records(&about(true), &asked, &records),
            ),
        ] {
            let page = framed(&about(true), Section::Rejected, "Rejected", content);
            assert!(page.0.contains(&format!("{ROWS} more aren't shown")));
            let bytes = weigh(name, page);
            assert!(bytes < PAGE_BYTES, "{bytes}");
        }
    }

    #[test]
    fn a_check_has_no_link_since_it_is_no_event() {
        assert!(
            !subject("check-platform#live#pi_1")
                .into_string()
                .contains("href")
        );
    }
}
