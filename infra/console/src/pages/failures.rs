//! `/failures`: rejected and failing events and dead letters by cause; [`cause()`] is `/failures/cause`, all of one.
//!
//! Both read a bounded number of records, the newest first, and say how far they looked; the place where the next ones
//! begin is in the URL.
//!
//! To look at dead letters is to receive them, which hides them from others for a moment: they are only counted, unless
//! the page is asked to look (`letters`).

mod cause;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::dlq::{self, Letter};
use sluice_operations::failures::{Cause, causes};
use sluice_operations::problem::Problem;
use sluice_operations::queues::depth;
use sluice_operations::rejected::{self, Filter, Position, Rows};
use sluice_operations::stack::Stack;
use sluice_operations::times::{When, now_ms};
use sluice_operations::words::counted;

pub(crate) use cause::cause;

use crate::app::Shared;
use crate::layout::{Section, page as framed};
use crate::limits::{CAUSES, ROWS};
use crate::query::{event, given, position, url};
use crate::refusal::Refusal;
use crate::show::{Tone, more, time, toned};

/// The outcomes that the form offers.
const OUTCOMES: [&str; 2] = ["rejected", "failing"];

/// Which failures. An empty field filters nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    outcome: String,
    domain: String,
    code: String,
    digest: String,
    r#type: String,
    account: String,
    /// Recorded from here on, and before.
    since: String,
    until: String,
    /// Where the page begins.
    after: String,
    /// Whether dead letters are looked at.
    letters: String,
}

impl Asked {
    fn filter(&self) -> Result<Filter, Problem> {
        let now_ms = now_ms();
        let when = |text: &str| {
            let when = given(text).map(|text| text.parse::<When>().map_err(Problem::Usage));
            when.map(|when| when.map(|when| when.ms(now_ms)))
                .transpose()
        };
        Ok(Filter {
            outcome: given(&self.outcome),
            code: given(&self.code),
            digest: given(&self.digest),
            domain: given(&self.domain),
            kind: given(&self.r#type),
            account: given(&self.account),
            since_ms: when(&self.since)?,
            until_ms: when(&self.until)?,
        })
    }

    /// The address of the same page from another place, with or without a look at dead letters.
    fn from(&self, path: &str, after: &str, letters: &str) -> String {
        let fields = [
            ("outcome", self.outcome.as_str()),
            ("domain", &self.domain),
            ("code", &self.code),
            ("digest", &self.digest),
            ("type", &self.r#type),
            ("account", &self.account),
            ("since", &self.since),
            ("until", &self.until),
            ("after", after),
            ("letters", letters),
        ];
        url(path, &fields)
    }

    /// Whether only some records are asked for.
    fn is_filtered(&self) -> bool {
        !Self {
            after: String::new(),
            letters: String::new(),
            ..self.clone()
        }
        .from("", "", "")
        .is_empty()
    }
}

/// What was found.
struct Found {
    rows: Rows,
    /// Dead letters by the name of their queue, as far as they were looked at.
    letters: Vec<(String, Vec<Letter>)>,
    /// How many dead letters there are by SQS's count, by the name of their queue.
    counts: Vec<(String, u64)>,
    /// The domains that have a queue to move letters back to.
    domains: Vec<String>,
}

async fn find(stack: &Stack, asked: &Asked) -> Result<Found, Problem> {
    let (filter, after) = (asked.filter()?, position(&asked.after)?);
    let is_asked = |name: &str| asked.domain.is_empty() || asked.domain == name;
    let mut found = Found {
        rows: rejected::rows(stack, &filter, after, ROWS).await?,
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

fn of_causes(asked: &Asked, found: &Found) -> Markup {
    let causes = causes(&found.rows.page.records, &found.letters);
    let dead: u64 = found.counts.iter().map(|(_, count)| count).sum();
    html! {
        (form(asked, &found.domains))
        p.bar {
            @if dead > 0 {
                strong { "About " (counted(dead, "dead letter")) }
                span.dim { @for (name, count) in found.counts.iter().filter(|(_, count)| *count > 0) { (name) " " (count) " " } }
                @if asked.letters.is_empty() {
                    a.button href=(asked.from("/failures", &asked.after, "yes")) { "Look at them" }
                    span.dim { "To look at letters is to receive them: others don't see them for that moment." }
                }
            } @else { span.dim { "No dead letters." } }
        }
        (extent(found))
        @if causes.is_empty() {
            @if !is_cut(found) {
                p.empty {
                    @if asked.is_filtered() { "No record matches. Clear the filter." }
                    @else { "No event is rejected or failing, as far as this is on record." }
                }
            }
        } @else {
            div.scroll tabindex="0" { table.list {
                thead { tr {
                    th { "domain" } th { "code" } th.number { "rejected" } th.number { "failing" } th.number { "dead" }
                    th { "first, UTC" } th { "last, UTC" } th { "example" } th { "cause" }
                } }
                tbody { @for cause in causes.iter().take(CAUSES) { (row(cause, asked)) } }
            } }
            (more(causes.len().saturating_sub(CAUSES), "sluice rejected list"))
        }
        p.bar { (step("/failures", asked, found.rows.page.next.as_ref())) }
    }
}

fn form(asked: &Asked, domains: &[String]) -> Markup {
    let text = |name: &str, label: &str, value: &str, example: &str| {
        html! { label { (label) input name=(name) value=(value) placeholder=(example) spellcheck="false"; } }
    };
    let choice = |name: &str, label: &str, chosen: &str, all: &[&str]| {
        html! {
            label { (label) select name=(name) {
                option value="" { "any" }
                @for value in all { option value=(value) selected[*value == chosen] { (value) } }
                @if !(chosen.is_empty() || all.contains(&chosen)) { option value=(chosen) selected { (chosen) } }
            } }
        }
    };
    let domains: Vec<_> = domains.iter().map(String::as_str).collect();
    html! {
        form.filter method="get" action="/failures" {
            (choice("outcome", "Outcome", &asked.outcome, &OUTCOMES))
            (choice("domain", "Domain", &asked.domain, &domains))
            (text("code", "Code", &asked.code, "object.field_missing"))
            (text("type", "Type", &asked.r#type, "charge.refunded"))
            (text("account", "Account", &asked.account, "acct_… or platform"))
            (text("since", "Recorded since", &asked.since, "24h"))
            @if !asked.until.is_empty() { (text("until", "Until", &asked.until, "")) }
            button type="submit" { "Filter" }
            a.button href="/failures" { "Clear" }
        }
    }
}

/// Whether more records are there than were looked at.
fn is_cut(found: &Found) -> bool {
    found.rows.page.next.is_some()
}

/// How far was looked, if not at everything.
fn extent(found: &Found) -> Markup {
    let page = &found.rows.page;
    html! {
        @if let (true, Some(to_ms)) = (is_cut(found), page.looked_to_ms) {
            div.note.warn { p {
                (toned(Tone::Warn, "at least")) " " (page.looked_at) " records were looked at, the newest first, back to "
                (time(to_ms)) " UTC, and " (page.records.len()) " of them match. Older ones aren't counted here."
            } }
        }
    }
}

/// The way back to the newest, and on to older ones.
fn step(path: &str, asked: &Asked, next: Option<&Position>) -> Markup {
    let next = next.and_then(|next| serde_json::to_string(next).ok());
    html! {
        @if !asked.after.is_empty() { a.button href=(asked.from(path, "", &asked.letters)) { "Newest" } }
        @if let Some(next) = next { a.button rel="next" href=(asked.from(path, &next, &asked.letters)) { "Older" } }
    }
}

/// The address of a cause's page, from this place on.
fn address(cause: &Cause, after: &str, with_letters: bool) -> String {
    url(
        "/failures/cause",
        &[
            ("domain", &*cause.domain),
            ("code", &cause.code),
            ("digest", &cause.digest),
            ("after", after),
            ("letters", if with_letters { "yes" } else { "" }),
        ],
    )
}

fn row(cause: &Cause, asked: &Asked) -> Markup {
    let is_looked_at = !asked.letters.is_empty();
    let bad = |tone: Tone, count: usize| match count {
        0 => html! { "0" },
        count => toned(tone, &count.to_string()),
    };
    html! {
        tr {
            td { (cause.domain) }
            td { a href=(address(cause, &asked.after, is_looked_at)) { code { (cause.code) } } }
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

#[cfg(test)]
mod tests {
    use sluice_operations::rejected::StoredRecord;

    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{about, weigh};

    pub(super) fn record(at: usize, digest: &str) -> StoredRecord {
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
            account: None,
            at_ms: 1_767_225_600_000,
        }
    }

    pub(super) fn found(records: Vec<StoredRecord>) -> Found {
        let page = rejected::Page {
            looked_at: records.len(),
            looked_to_ms: records.last().map(|record| record.at_ms),
            records,
            next: None,
        };
        Found {
            rows: Rows { page, next: None },
            letters: Vec::new(),
            counts: vec![("subscriptions".to_owned(), 3)],
            domains: vec!["subscriptions".to_owned()],
        }
    }

    /// A place as a page names it.
    pub(super) fn place() -> Option<Position> {
        serde_json::from_str(r#"{"at_ms":1767225600000,"ids":["evt_1 payments"]}"#).ok()
    }

    #[test]
    fn a_full_list_of_causes_is_light_and_counts_what_is_not_shown() {
        let records = (0..2 * ROWS).map(|at| record(at, &format!("{at:024}")));
        let content = of_causes(&Asked::default(), &found(records.collect()));
        let page = framed(&about(true), Section::Failures, "Failures", content);
        let left = 2 * ROWS - CAUSES;
        assert!(page.0.contains(&format!("{left} more aren't shown")));
        assert!(!page.0.contains("<b>product"), "markup stays text");
        let bytes = weigh("failures", page);
        assert!(bytes < PAGE_BYTES, "{bytes}");
    }

    #[test]
    fn a_list_that_did_not_reach_the_end_says_how_far_it_looked_and_leads_on_with_its_filter() {
        let asked = Asked {
            r#type: "charge.refunded".to_owned(),
            letters: "yes".to_owned(),
            ..Asked::default()
        };
        let mut found = found(Vec::new());
        found.rows.page.looked_at = 5_000;
        found.rows.page.looked_to_ms = Some(1_767_225_600_000);
        found.rows.page.next = place();
        let shown = of_causes(&asked, &found).into_string();
        for word in [
            "5000 records were looked at",
            "2026-01-01 00:00:00",
            "href=\"/failures?type=charge.refunded&amp;after=%7B%22at_ms",
            "Older",
        ] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert!(
            !shown.contains("No event is") && !shown.contains("No record matches"),
            "nothing was found yet: {shown}"
        );
        found.rows.page.next = None;
        let shown = of_causes(&asked, &found).into_string();
        assert!(shown.contains("No record matches"), "{shown}");
        assert!(!shown.contains("Older") && !shown.contains("looked at,"));
    }

    #[test]
    fn a_place_and_times_are_read_from_the_url_and_what_is_none_is_said() {
        let asked = Asked {
            since: "24h".to_owned(),
            after: serde_json::to_string(&place()).expect("JSON"),
            ..Asked::default()
        };
        assert_eq!(position(&asked.after).expect("a place"), place());
        let filter = asked.filter().expect("a filter");
        assert!(filter.since_ms.is_some() && filter.until_ms.is_none());
        let asked = Asked {
            since: "yesterday".to_owned(),
            after: "evt_1".to_owned(),
            ..Asked::default()
        };
        assert_eq!(asked.filter().expect_err("no time").exit_code(), 2);
        assert_eq!(position(&asked.after).expect_err("no place").exit_code(), 2);
    }

    #[test]
    fn a_check_has_no_link_since_it_is_no_event() {
        let check = subject("check-platform#live#pi_1").into_string();
        assert!(!check.contains("href"));
    }
}
