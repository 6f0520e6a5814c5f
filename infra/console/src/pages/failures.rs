//! `/failures`: rejected and failing events and dead letters by cause; `/failures/cause`: all of one cause, and what can
//! be done with them.
//!
//! To look at dead letters is to receive them, which hides them from others for a moment: they are only counted, unless
//! the page is asked to look (`letters`).

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::dlq::{self, Letter};
use sluice_operations::failures::{Cause, causes};
use sluice_operations::problem::Problem;
use sluice_operations::queues::depth;
use sluice_operations::rejected::{self, Filter, StoredRecord};
use sluice_operations::stack::Stack;
use sluice_operations::words::counted;

use crate::actions::{Action, dead_letters, replay::Replay};
use crate::app::{About, Shared};
use crate::layout::{Section, page as framed};
use crate::limits::{CAUSES, ROWS};
use crate::query::{event, given, url};
use crate::refusal::Refusal;
use crate::runbooks;
use crate::show::{Tone, command, more, time, toned, word};

/// Which failures. An empty field filters nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    outcome: String,
    domain: String,
    code: String,
    digest: String,
    /// Whether dead letters are looked at.
    letters: String,
}

/// What was found.
struct Found {
    records: Vec<StoredRecord>,
    /// Dead letters by the name of their queue, as far as they were looked at.
    letters: Vec<(String, Vec<Letter>)>,
    /// How many dead letters there are by SQS's count, by the name of their queue.
    counts: Vec<(String, u64)>,
    /// The domains that have a queue to move letters back to.
    domains: Vec<String>,
}

async fn find(stack: &Stack, asked: &Asked) -> Result<Found, Problem> {
    let filter = Filter {
        outcome: given(&asked.outcome),
        code: given(&asked.code),
        digest: given(&asked.digest),
        domain: given(&asked.domain),
    };
    let is_asked = |name: &str| asked.domain.is_empty() || asked.domain == name;
    let mut found = Found {
        records: rejected::records(stack, &filter).await?,
        letters: Vec::new(),
        counts: Vec::new(),
        domains: stack.domains().map(str::to_owned).collect(),
    };
    for (role, url) in &stack.queues {
        let Some(name) = role
            .strip_suffix("_dead_letters")
            .filter(|name| is_asked(name))
        else {
            continue;
        };
        let (waiting, hidden) = depth(stack, url).await?;
        if waiting > 0 && !asked.letters.is_empty() {
            let filter = dlq::Filter {
                domain: name.to_owned(),
                code: given(&asked.code),
                digest: given(&asked.digest),
                ..dlq::Filter::default()
            };
            let received = dlq::list(stack, &filter, &mut |_| {}).await?;
            found.letters.push((name.to_owned(), received.letters));
        }
        found.counts.push((name.to_owned(), waiting + hidden));
    }
    Ok(found)
}

/// The page of causes.
pub(crate) async fn page(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let of = asked.clone();
    let read = app
        .operations
        .ask(move |stack| async move { find(&stack, &of).await });
    let content = of_causes(&asked, &read.await?);
    Ok(framed(&app.about, Section::Failures, "Failures", content))
}

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

fn of_causes(asked: &Asked, found: &Found) -> Markup {
    let causes = causes(&found.records, &found.letters);
    let dead: u64 = found.counts.iter().map(|(_, count)| count).sum();
    let look = url(
        "/failures",
        &[
            ("outcome", &*asked.outcome),
            ("domain", &asked.domain),
            ("letters", "yes"),
        ],
    );
    html! {
        p.bar {
            @if dead > 0 {
                strong { "About " (counted(dead, "dead letter")) }
                span.dim { @for (name, count) in found.counts.iter().filter(|(_, count)| *count > 0) { (name) " " (count) " " } }
                @if asked.letters.is_empty() {
                    a.button href=(look) { "Look at them" }
                    span.dim { "To look at letters is to receive them: others don't see them for that moment." }
                }
            } @else { span.dim { "No dead letters." } }
        }
        @if !(asked.outcome.is_empty() && asked.domain.is_empty()) {
            @let only = [&*asked.outcome, &asked.domain].join(" ");
            p { "Only " (only.trim()) ". " a href="/failures" { "All failures" } }
        }
        @if causes.is_empty() { p.empty { "No event is rejected or failing, as far as this is on record." } } @else {
            div.scroll tabindex="0" { table.list {
                thead { tr {
                    th { "domain" } th { "code" } th.number { "rejected" } th.number { "failing" } th.number { "dead" }
                    th { "first, UTC" } th { "last, UTC" } th { "example" } th { "cause" }
                } }
                tbody { @for cause in causes.iter().take(CAUSES) { (row(cause, !asked.letters.is_empty())) } }
            } }
            (more(causes.len().saturating_sub(CAUSES), "sluice rejected list"))
        }
    }
}

/// The address of a cause's page.
fn address(cause: &Cause, with_letters: bool) -> String {
    url(
        "/failures/cause",
        &[
            ("domain", &*cause.domain),
            ("code", &cause.code),
            ("digest", &cause.digest),
            ("letters", if with_letters { "yes" } else { "" }),
        ],
    )
}

fn row(cause: &Cause, is_looked_at: bool) -> Markup {
    let bad = |tone: Tone, count: usize| match count {
        0 => html! { "0" },
        count => toned(tone, &count.to_string()),
    };
    html! {
        tr {
            td { (cause.domain) }
            td { a href=(address(cause, is_looked_at)) { code { (cause.code) } } }
            td.number { (bad(Tone::Bad, cause.count("rejected"))) }
            td.number { (bad(Tone::Warn, cause.count("failing"))) }
            td.number { @if is_looked_at { (bad(Tone::Bad, cause.dead)) } @else { span.dim title="not looked at" { "?" } } }
            td { @if let Some(at_ms) = cause.first_at_ms { (time(at_ms)) } }
            td { @if let Some(at_ms) = cause.last_at_ms { (time(at_ms)) } }
            td { (subject(&cause.example)) }
            td.text { (cause.cause) }
        }
    }
}

/// A link to an event; a check is recorded under its object and has no page.
fn subject(subject: &str) -> Markup {
    html! {
        @if subject.starts_with("evt_") { a href=(event(subject)) { (subject) } } @else { (subject) }
    }
}

fn of_cause(about: &About, asked: &Asked, found: &Found) -> Markup {
    let Some(cause) = causes(&found.records, &found.letters).into_iter().next() else {
        return html! { p { a href="/failures" { "All failures" } } p.empty { "Nothing on record fails for this cause any more." } };
    };
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
            dt { "on record" } dd { @for (outcome, count) in &cause.outcomes { (count) " " (word(outcome)) " " } }
            @if let (Some(first), Some(last)) = (cause.first_at_ms, cause.last_at_ms) { dt { "first, last" } dd { (time(first)) " – " (time(last)) " UTC" } }
            dt { "example" } dd { (subject(&cause.example)) }
            dt { "dead letters" } dd {
                @if is_looked_at { (cause.dead) }
                @else { a href=(address(&cause, true)) { "Look at those of " (cause.domain) } }
            }
        }
        div.note { (runbooks::part(&cause.code)) }
        h2 { "All that match" }
        p.dim { "These plan for all that match when the plan is made, and not only for what is in view." }
        p.bar {
            @for outcome in ["rejected", "failing"] {
                @let count = cause.count(outcome);
                @if count > 0 { a.button href=(retry(&cause, outcome)) { "Replay all " (count) " " (outcome) "…" } }
            }
            @if is_looked_at && cause.dead > 0 {
                @let has_queue = found.domains.contains(&cause.domain);
                (dead_letters::links(&cause.domain, &cause.code, &cause.digest, has_queue))
            }
        }
        @if !found.records.is_empty() { (selection(asked, &found.records, &all)) }
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
fn selection(asked: &Asked, records: &[StoredRecord], all: &str) -> Markup {
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
            (more(records.len().saturating_sub(ROWS), all))
            p { button type="submit" { "Plan a replay of the selected" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{about, weigh};

    fn record(at: usize, digest: &str) -> StoredRecord {
        StoredRecord {
            subject: format!("evt_1S{at:022}"),
            domain: "subscriptions".to_owned(),
            outcome: "rejected".to_owned(),
            code: "object.field_missing".to_owned(),
            cause: format!(
                "data.object.items.data[0].price has no <b>product</b>, of an object of the kind subscription {at}"
            ),
            digest: digest.to_owned(),
            kind: "customer.subscription.updated".to_owned(),
            at_ms: 1_767_225_600_000,
        }
    }

    fn found(records: Vec<StoredRecord>) -> Found {
        Found {
            records,
            letters: Vec::new(),
            counts: vec![("subscriptions".to_owned(), 3)],
            domains: vec!["subscriptions".to_owned()],
        }
    }

    #[test]
    fn full_lists_of_causes_and_of_one_cause_are_light_and_count_what_is_not_shown() {
        let all = found(
            (0..2 * ROWS)
                .map(|at| record(at, &format!("{at:024}")))
                .collect(),
        );
        let one = found((0..2 * ROWS).map(|at| record(at, "0011")).collect());
        let asked = Asked {
            domain: "subscriptions".to_owned(),
            ..Asked::default()
        };
        for (name, left, content) in [
            (
                "failures",
                2 * ROWS - CAUSES,
                of_causes(&Asked::default(), &all),
            ),
            (
                "failures, one cause",
                ROWS,
                of_cause(&about(true), &asked, &one),
            ),
        ] {
            let page = framed(&about(true), Section::Failures, "Failures", content);
            assert!(page.0.contains(&format!("{left} more aren't shown")));
            assert!(!page.0.contains("<b>product"), "markup stays text");
            let bytes = weigh(name, page);
            assert!(bytes < PAGE_BYTES, "{bytes}");
        }
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
    }
}
