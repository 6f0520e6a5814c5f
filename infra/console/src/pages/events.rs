//! `/events`: the ledger's events, the newest first, with a filter and a place in the URL.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::events::filter::{Filter, State as InLedger};
use sluice_operations::events::list::{self, Listed, Position};
use sluice_operations::problem::Problem;
use sluice_operations::times::{When, now_ms};

use crate::app::Shared;
use crate::layout::{Section, page as framed};
use crate::limits::{EVENTS_PAGE, INDEX_PAGES};
use crate::query::{event, given, object, position, url};
use crate::refusal::Refusal;
use crate::show::{time, word};

const STATES: [InLedger; 6] = [
    InLedger::Published,
    InLedger::LedgerOnly,
    InLedger::Due,
    InLedger::Held,
    InLedger::Lapsed,
    InLedger::Expired,
];

/// The windows that the form offers.
const WINDOWS: [(&str, &str); 6] = [
    ("15m", "15 minutes"),
    ("1h", "an hour"),
    ("24h", "a day"),
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("36d", "all that is kept"),
];

/// What the URL asks for. An empty field filters nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// Types, comma-separated; `*` stands for anything.
    r#type: String,
    state: String,
    outcome: String,
    code: String,
    domain: String,
    account: String,
    /// `live` or `test`.
    mode: String,
    since: String,
    until: String,
    /// What has to be in the body: then it is a search.
    pub(super) body: String,
    /// Where the page begins.
    pub(super) after: String,
}

impl Asked {
    fn filter(&self) -> Result<Filter, Problem> {
        let types = self.r#type.split(',').filter_map(given);
        let state = given(&self.state).map(|state| {
            let found = STATES.into_iter().find(|one| one.as_str() == state);
            found.ok_or_else(|| Problem::Usage(format!("{state:?} is no state of an event")))
        });
        let livemode = match self.mode.as_str() {
            "" => None,
            "live" => Some(true),
            "test" => Some(false),
            other => {
                return Err(Problem::Usage(format!(
                    "{other:?} is no mode: live or test"
                )));
            }
        };
        Ok(Filter {
            types: types.collect(),
            account: given(&self.account),
            livemode,
            state: state.transpose()?,
            outcome: given(&self.outcome),
            code: given(&self.code),
            domain: given(&self.domain),
        })
    }

    pub(super) fn query(&self) -> Result<list::Query, Problem> {
        let when = |text: &str, default: &str| {
            let text = given(text).unwrap_or_else(|| default.to_owned());
            text.parse::<When>().map_err(Problem::Usage)
        };
        let now_ms = now_ms();
        Ok(list::Query {
            filter: self.filter()?,
            from_ms: when(&self.since, "24h")?.ms(now_ms),
            until_ms: when(&self.until, "0s")?.ms(now_ms + 1),
            oldest_first: false,
        })
    }

    pub(super) fn position(&self) -> Result<Option<Position>, Problem> {
        position(&self.after)
    }

    /// The address of the same list from another place.
    fn from(&self, after: &str) -> String {
        self.at("/events", after, &[])
    }

    /// The address of the same events at a path, from another place, with more fields.
    pub(super) fn at(&self, path: &str, after: &str, more: &[(&str, &str)]) -> String {
        let fields = [
            ("type", self.r#type.as_str()),
            ("state", &self.state),
            ("outcome", &self.outcome),
            ("code", &self.code),
            ("domain", &self.domain),
            ("account", &self.account),
            ("mode", &self.mode),
            ("since", &self.since),
            ("until", &self.until),
            ("body", &self.body),
            ("after", after),
        ];
        url(path, &[&fields[..], more].concat())
    }
}

/// A page of the list.
#[derive(Debug, Default)]
struct Found {
    events: Vec<Listed>,
    next: Option<Position>,
}

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    if given(&asked.body).is_some() {
        return Ok(Redirect::to(&asked.at("/search", "", &[])).into_response());
    }
    let (query, after) = (asked.query()?, asked.position()?);
    let (found, domains) = app
        .operations
        .ask(|stack| async move {
            let mut pages = list::list(&stack, &query, after).await?;
            let mut found = Found::default();
            for _ in 0..INDEX_PAGES {
                let Some(page) = pages.next().await? else {
                    break;
                };
                found.events.extend(page.events);
                found.next = page.next;
                if found.events.len() >= EVENTS_PAGE || found.next.is_none() {
                    break;
                }
            }
            let domains: Vec<_> = stack.domains().map(str::to_owned).collect();
            Ok((found, domains))
        })
        .await?;
    let content = html! {
        (form(&asked, &domains))
        p.dim { "The list isn't live: " a href=(asked.at("/events", "", &[])) { "the newest" } " shows what came in since." }
        (table(&asked, &found))
    };
    Ok(framed(&app.about, Section::Events, "Events", content).into_response())
}

/// The filter.
pub(super) fn form(asked: &Asked, domains: &[String]) -> Markup {
    let text = |name: &str, label: &str, value: &str, example: &str| {
        html! { label { (label) input name=(name) value=(value) placeholder=(example) spellcheck="false"; } }
    };
    let choice = |name: &str, label: &str, chosen: &str, all: &[(&str, &str)]| {
        html! {
            label { (label) select name=(name) {
                @for (value, shown) in all { option value=(value) selected[*value == chosen] { (shown) } }
                @if !all.iter().any(|(value, _)| *value == chosen) { option value=(chosen) selected { (chosen) } }
            } }
        }
    };
    let same = |word: &'static str| (word, word);
    let states: Vec<_> = [("", "any")]
        .into_iter()
        .chain(STATES.map(|state| same(state.as_str())))
        .collect();
    let outcomes = [("", "any"), same("rejected"), same("failing")];
    let domains: Vec<_> = [("", "any")]
        .into_iter()
        .chain(domains.iter().map(|name| (name.as_str(), name.as_str())))
        .collect();
    let since = match asked.since.as_str() {
        "" => "24h",
        since => since,
    };
    html! {
        form.filter method="get" action="/events" {
            (text("type", "Type", &asked.r#type, "charge.*"))
            (choice("since", "Received within", since, &WINDOWS))
            @if !asked.until.is_empty() { (text("until", "Until", &asked.until, "")) }
            (choice("state", "State", &asked.state, &states))
            (choice("outcome", "Outcome", &asked.outcome, &outcomes))
            (choice("domain", "Domain", &asked.domain, &domains))
            (choice("mode", "Mode", &asked.mode, &[("", "any"), same("live"), same("test")]))
            (text("account", "Account", &asked.account, "acct_… or platform"))
            (text("code", "Code", &asked.code, "object.*"))
            (text("body", "In the body", &asked.body, "data.object.metadata.order = 1234"))
            button type="submit" { "Filter" }
            a.button href="/events" { "Clear" }
        }
    }
}

fn table(asked: &Asked, found: &Found) -> Markup {
    let next = found
        .next
        .as_ref()
        .and_then(|next| serde_json::to_string(next).ok());
    html! {
        @if found.events.is_empty() {
            p.empty {
                @if next.is_some() { "No event of those looked at matches. The list goes on." }
                @else { "No event matches. Widen the window, or clear the filter." }
            }
        } @else {
            (list_of(&found.events))
        }
        p.bar {
            @if !asked.after.is_empty() { a.button href=(asked.from("")) { "Newest" } }
            @if let Some(next) = next { a.button rel="next" href=(asked.from(&next)) { "Older" } }
        }
    }
}

/// Events in a table.
pub(super) fn list_of(events: &[Listed]) -> Markup {
    html! {
        div.scroll tabindex="0" { table.list {
            thead { tr {
                th { "received, UTC" }
                th { "event" }
                th { "type" }
                th { "state and outcome" }
                th { "object" }
                th { "mode" }
                th { "account" }
            } }
            tbody { @for listed in events { (row(listed)) } }
        } }
    }
}

fn row(listed: &Listed) -> Markup {
    let Listed {
        seen,
        state,
        domain,
        outcome,
        code,
    } = listed;
    let account = seen.account.as_deref();
    html! {
        tr {
            td { (time(seen.received_at_ms)) }
            td { a href=(event(&seen.id)) { (seen.id) } }
            td.type { (seen.kind) }
            td.state {
                (word(state))
                @if let (Some(domain), Some(outcome)) = (domain, outcome) { " " (domain) " " (word(outcome)) }
                @if let Some(code) = code { " " code { (code) } }
            }
            td { @if let Some(id) = &seen.object_id { a href=(object(id, account)) { (id) } } }
            td { (mode(seen.livemode)) }
            td { (account.unwrap_or_default()) }
        }
    }
}

/// The mode of an event, in a word.
pub(crate) fn mode(livemode: Option<bool>) -> &'static str {
    match livemode {
        Some(true) => "live",
        Some(false) => "test",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use sluice_operations::events::list::Seen;

    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{about, weigh};

    fn listed(at: usize, text: &str) -> Listed {
        Listed {
            seen: Seen {
                id: format!("evt_1S{at:022}"),
                received_at_ms: 1_767_225_600_000,
                kind: format!("customer.subscription.updated{text}"),
                account: Some("acct_1032D82eZvKYlo2C".to_owned()),
                livemode: Some(true),
                created: None,
                object_id: Some(format!("sub_1S{at:022}")),
            },
            state: "published",
            domain: Some("subscriptions"),
            outcome: Some("rejected".to_owned()),
            code: Some("object.field_missing".to_owned()),
        }
    }

    #[test]
    fn a_full_page_of_events_is_light() {
        // The first page of the index has 20, a further one 100.
        let events = (0..EVENTS_PAGE - 1 + 100).map(|at| listed(at, ""));
        let found = Found {
            events: events.collect(),
            next: None,
        };
        let asked = Asked::default();
        let content = html! { (form(&asked, &[])) (table(&asked, &found)) };
        let bytes = weigh(
            "events",
            framed(&about(true), Section::Events, "Events", content),
        );
        assert!(bytes < PAGE_BYTES, "{bytes}");
    }

    #[test]
    fn markup_in_what_stripe_sent_and_in_the_url_stays_text() {
        let evil = "\"><script>alert(1)</script>";
        let asked = Asked {
            r#type: evil.to_owned(),
            since: evil.to_owned(),
            ..Asked::default()
        };
        let found = Found {
            events: vec![listed(0, evil)],
            next: None,
        };
        let shown = html! { (form(&asked, &[])) (table(&asked, &found)) }.into_string();
        assert!(!shown.contains("<script"), "{shown}");
        assert_eq!(shown.matches("&lt;script&gt;").count(), 4);
    }

    #[test]
    fn a_filter_is_read_from_the_url_and_what_is_no_filter_is_said() {
        let asked = Asked {
            r#type: "charge.*, refund.created".to_owned(),
            state: "ledger_only".to_owned(),
            mode: "test".to_owned(),
            ..Asked::default()
        };
        let filter = asked.filter().expect("a filter");
        assert_eq!(filter.types, ["charge.*", "refund.created"]);
        assert_eq!(
            (filter.state, filter.livemode),
            (Some(InLedger::LedgerOnly), Some(false))
        );
        for asked in [
            Asked {
                state: "sent".to_owned(),
                ..Asked::default()
            },
            Asked {
                mode: "both".to_owned(),
                ..Asked::default()
            },
            Asked {
                since: "yesterday".to_owned(),
                ..Asked::default()
            },
        ] {
            assert_eq!(asked.query().expect_err("refused").exit_code(), 2);
        }
        let asked = Asked {
            after: "evt_1".to_owned(),
            ..Asked::default()
        };
        assert!(asked.position().is_err());
    }

    #[test]
    fn the_next_page_keeps_the_filter() {
        let asked = Asked {
            r#type: "charge.*".to_owned(),
            mode: "live".to_owned(),
            ..Asked::default()
        };
        assert_eq!(
            asked.from("{}"),
            "/events?type=charge.%2A&mode=live&after=%7B%7D"
        );
    }
}
