//! `/search`: events by what is in their bodies, page by page.
//!
//! A page of a search is bounded, and begins only when a person asks for it, or has asked for all of them. It says what
//! was looked at, what that cost, and where the next one begins. With scripts it appears below the last one, and
//! "Search to the end" asks for each by itself until it is stopped. Found events are shown as in a list: of their bodies
//! nothing is shown here. What is searched is in the URL, and in no line of the log.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::events::search::{
    self, Bounds, Conditions, Estimate, Page, Position, Totals,
};
use sluice_operations::prices;
use sluice_operations::problem::Problem;
use tokio::time::timeout;

use super::events::{self, form, list_of};
use crate::app::{App, Shared};
use crate::layout::{Section, page as framed};
use crate::limits::{REQUEST_WAIT, SEARCH_COUNTED, SEARCH_FOUND};
use crate::query::given;
use crate::refusal::{Refusal, Worded};
use crate::show::{command, time};

/// Conditions as people write them.
const EXAMPLES: [&str; 4] = [
    "data.object.metadata.order = 1234",
    "data.object.customer = cus_123 and data.object.amount > 1000",
    "data.object.description ~ \"blue chair\"",
    "data.object.lines.data[*].price.id = price_123",
];

/// What the URL asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    #[serde(flatten)]
    of: events::Asked,
    /// What the pages before this one looked at, as JSON.
    so_far: String,
    /// Not empty: each page asks for the next one.
    all: String,
    /// Not empty: only where the search may go on is shown.
    hold: String,
}

impl Asked {
    fn query(&self) -> Result<search::Query, Problem> {
        let conditions = given(&self.of.body).ok_or_else(|| {
            Problem::Usage("say what has to be in the body, as in data.object.id = pi_1".to_owned())
        })?;
        Ok(search::Query {
            of: self.of.query()?,
            conditions: conditions.parse::<Conditions>().map_err(Problem::Usage)?,
        })
    }

    fn so_far(&self) -> Result<Totals, Problem> {
        let Some(text) = given(&self.so_far) else {
            return Ok(Totals::default());
        };
        serde_json::from_str(&text)
            .map_err(|_| Problem::Usage("the address doesn't say what was looked at".to_owned()))
    }

    /// The address of the next page, or of a part of it.
    fn at(&self, path: &str, next: &Position, so_far: &Totals, more: &[(&str, &str)]) -> String {
        let text = |value: serde_json::Result<String>| value.unwrap_or_default();
        let (next, so_far) = (
            text(serde_json::to_string(next)),
            text(serde_json::to_string(so_far)),
        );
        let more = [&[("so_far", so_far.as_str())], more].concat();
        self.of.at(path, &next, &more)
    }
}

/// The page: what the search would cost, and its first events.
pub(crate) async fn page(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let query = match asked.query() {
        Ok(query) => query,
        Err(Problem::Usage(said)) => return Ok(misread(&app, &asked, &said).await?),
        Err(problem) => return Err(problem.into()),
    };
    let (after, mut so_far) = (asked.of.position()?, asked.so_far()?);
    let turn = turn(&app).await?;
    let (counted, found, domains) = app
        .operations
        .ask(move |stack| async move {
            let _turn = turn;
            let counted = match &after {
                None => Some(search::estimate(&stack, &query, None, SEARCH_COUNTED).await?),
                Some(_) => None,
            };
            let found = search::page(&stack, &query, after, &Bounds::default()).await?;
            let domains: Vec<_> = stack.domains().map(str::to_owned).collect();
            Ok((counted, found, domains))
        })
        .await?;
    if let Some(counted) = &counted {
        so_far.usage += counted.used;
    }
    let line = format!("event search {}", quoted(&asked.of.body));
    let content = html! {
        (form(&asked.of, &domains))
        @if let Some(counted) = &counted { (cost(counted)) }
        section aria-labelledby="found" {
            h2 #found { "Found" }
            (part(&asked, so_far, &found))
        }
        p.dim { "In the terminal: " (command(&app.about.command(&line))) }
    };
    Ok(framed(&app.about, Section::Events, "Search", content).into_response())
}

/// What was asked for can't be understood: the form as it was filled, why, and examples.
async fn misread(app: &App, asked: &Asked, said: &str) -> Result<Response, Problem> {
    let domains = app
        .operations
        .ask(|stack| async move { Ok(stack.domains().map(str::to_owned).collect::<Vec<_>>()) });
    let domains = domains.await?;
    let content = html! {
        (form(&asked.of, &domains))
        p.note role="alert" { (said) }
        p { "A condition is a path, an operator and a value:" }
        ul { @for example in EXAMPLES { li { code { (example) } } } }
    };
    let page = framed(&app.about, Section::Events, "Search", content);
    let mut answer = (StatusCode::BAD_REQUEST, page).into_response();
    answer.extensions_mut().insert(Worded);
    Ok(answer)
}

/// The next page's events, and what may come after them.
pub(crate) async fn further(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let (query, after, so_far) = (asked.query()?, asked.of.position()?, asked.so_far()?);
    if let (Some(_), Some(place)) = (given(&asked.hold), &after) {
        let all = Asked {
            all: String::new(),
            ..asked.clone()
        };
        return Ok(control(&all, &so_far, Some(place), place.at_ms()));
    }
    let turn = turn(&app).await?;
    let found = app.operations.ask(move |stack| async move {
        let _turn = turn;
        search::page(&stack, &query, after, &Bounds::default()).await
    });
    let found = found.await?;
    Ok(part(&asked, so_far, &found))
}

/// The permission to search: one search of the session at a time. It is held until the search has ended, also if the
/// browser is gone.
async fn turn(app: &App) -> Result<tokio::sync::OwnedMutexGuard<()>, Problem> {
    let waited = timeout(REQUEST_WAIT, app.searching.clone().lock_owned()).await;
    waited.map_err(|_| Problem::failed("another search of this console is still working"))
}

/// What a whole search would cost.
fn cost(counted: &Estimate) -> Markup {
    html! {
        p.note {
            @if counted.is_more { "More than " }
            strong { (counted.events) }
            " events of the window may match. Estimated price of reading their bodies: "
            (prices::shown(counted.dollars))
            @if counted.is_more { " for each " (counted.events) }
            ". It is done page by page."
        }
    }
}

/// A page's events, and what may come after them.
fn part(asked: &Asked, mut so_far: Totals, found: &Page) -> Markup {
    so_far += found.totals;
    html! {
        @if !found.events.is_empty() { (list_of(&found.events)) }
        (control(asked, &so_far, found.next.as_ref(), found.reached_ms))
    }
}

/// How far the search has come, and how it goes on.
fn control(asked: &Asked, so_far: &Totals, next: Option<&Position>, reached_ms: i64) -> Markup {
    let is_many = so_far.matched >= SEARCH_FOUND;
    let progress = html! {
        p role="status" {
            (so_far.looked_at) " events looked at, "
            strong { (so_far.matched) " found" }
            ", " (so_far.bytes.div_ceil(1_000)) " KB of bodies, " (prices::shown(so_far.dollars()))
            @if so_far.usage.from_sizes { " (counted from sizes)" }
            ". "
            @if so_far.not_json > 0 { (so_far.not_json) " bodies aren't JSON. " }
            @if so_far.without_body > 0 { (so_far.without_body) " events have no body that can be read. " }
            @if next.is_some() { "Searched back to " (time(reached_ms)) "." } @else { "The window is searched to its end." }
        }
    };
    let Some(next) = next else {
        return html! { div #further { (progress) } };
    };
    let at = |path: &str, more: &[(&str, &str)]| asked.at(path, next, so_far, more);
    let whole = at("/search", &[]);
    let part = at("/search/further", &[]);
    let (all, hold) = (
        at("/search/further", &[("all", "yes")]),
        at("/search/further", &[("hold", "yes")]),
    );
    html! {
        @if is_many {
            div #further { (progress) p.bar { a.button rel="next" href=(whole) { "Search further" } } }
        } @else if given(&asked.all).is_some() {
            div #further hx-get=(all) hx-trigger="load" hx-swap="outerHTML" {
                (progress)
                p.bar {
                    button #stop type="button" hx-get=(hold) hx-target="#further" hx-swap="outerHTML" hx-sync="#further:replace" {
                        "Stop"
                    }
                }
            }
        } @else {
            div #further {
                (progress)
                p.bar {
                    a.button rel="next" href=(whole) hx-get=(part) hx-target="#further" hx-swap="outerHTML" { "Search further" }
                    button type="button" hx-get=(all) hx-target="#further" hx-swap="outerHTML" { "Search to the end" }
                }
            }
        }
    }
}

/// A text as an argument of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.trim().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{Tested, about, weigh};

    fn asked(body: &str) -> Asked {
        let fields = [("body", body), ("type", "charge.*"), ("since", "7d")];
        let address = crate::query::url("/search", &fields);
        let Query(asked) =
            Query::try_from_uri(&address.parse().expect("an address")).expect("read");
        asked
    }

    fn place() -> Position {
        serde_json::from_str(r#"{"at_ms":1767225600000,"ids":["evt_1"]}"#).expect("a place")
    }

    fn found(next: Option<Position>) -> Page {
        let totals = Totals {
            looked_at: 1_000,
            matched: 2,
            ..Totals::default()
        };
        Page {
            events: Vec::new(),
            totals,
            dollars: 0.0,
            reached_ms: 1_767_225_600_000,
            next,
        }
    }

    #[test]
    fn the_next_page_keeps_the_search_and_adds_up_what_was_looked_at() {
        let asked = asked("data.object.id = \"a&b\"");
        let first = part(&asked, Totals::default(), &found(Some(place()))).into_string();
        let href = first
            .split("href=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let href = href.expect("a link").replace("&amp;", "&");
        let Query(next) =
            Query::<Asked>::try_from_uri(&href.parse().expect("an address")).expect("read");
        assert_eq!(
            next.query().expect("a search").conditions,
            asked.query().expect("a search").conditions
        );
        assert_eq!(next.of.position().expect("a place"), Some(place()));
        let so_far = next.so_far().expect("totals");
        assert_eq!((so_far.looked_at, so_far.matched), (1_000, 2));
        let second = part(&next, so_far, &found(None)).into_string();
        assert!(
            second.contains("2000 events looked at") && second.contains("4 found"),
            "{second}"
        );
        assert!(
            second.contains("to its end") && !second.contains("href"),
            "{second}"
        );
    }

    #[test]
    fn a_search_that_goes_on_by_itself_can_be_stopped_and_stops_where_much_is_found() {
        let mut all = asked("id exists");
        all.all = "yes".to_owned();
        let page = found(Some(place()));
        let goes_on = part(&all, Totals::default(), &page).into_string();
        assert!(
            goes_on.contains("hx-trigger=\"load\"") && goes_on.contains("Stop"),
            "{goes_on}"
        );
        let so_far = Totals {
            matched: SEARCH_FOUND,
            ..Totals::default()
        };
        let stops = part(&all, so_far, &page).into_string();
        assert!(
            !stops.contains("hx-trigger") && stops.contains("Search further"),
            "{stops}"
        );
    }

    #[test]
    fn markup_in_what_is_searched_stays_text_and_a_page_is_light() {
        let evil = "a = \"\\\"><script>alert(1)</script>\"";
        let asked = asked(evil);
        assert!(asked.query().is_ok());
        let content = html! { (form(&asked.of, &[])) (part(&asked, Totals::default(), &found(Some(place())))) };
        let page = framed(&about(false), Section::Events, "Search", content);
        assert!(!page.clone().into_string().contains("<script>"));
        assert!(weigh("search", page) < PAGE_BYTES);
    }

    #[test]
    fn an_argument_of_the_terminal_is_quoted() {
        assert_eq!(quoted(" a = \"it's\" "), r#"'a = "it'\''s"'"#);
    }

    #[tokio::test]
    async fn a_search_that_is_stopped_reads_nothing_and_says_where_it_may_go_on() {
        // Nothing answers on this stack.
        let console = Tested::new(false);
        let all = Asked {
            all: "yes".to_owned(),
            ..asked("id exists")
        };
        let totals = found(None).totals;
        let path = all.at("/search/further", &place(), &totals, &[("hold", "yes")]);
        let request = console
            .request("GET", &path)
            .body(axum::body::Body::empty());
        let answer = console.answer(request.expect("a request")).await;
        assert!(answer.status().is_success());
        let bytes = axum::body::to_bytes(answer.into_body(), PAGE_BYTES).await;
        let part = String::from_utf8(bytes.expect("a part").to_vec()).expect("text");
        assert!(part.contains("1000 events looked at"), "{part}");
        assert!(part.contains("Search further"), "{part}");
        assert!(!part.contains("hx-trigger"), "{part}");
    }

    #[tokio::test]
    async fn what_is_searched_is_in_no_line_of_the_log() {
        let mut stack = sluice_operations::stack::Stack::for_tests();
        for table in ["ledger", "outcomes"] {
            stack.tables.insert(table.to_owned(), table.to_owned());
        }
        let console = Tested::of(stack, false);
        for (path, lines) in [
            ("/search?body=a%20%3D%20ann%40example.com", 1),
            ("/search/further?body=a%20%3D%20ann%40example.com", 2),
            ("/search?body=ann%40example.com", 2),
        ] {
            let request = console.request("GET", path).body(axum::body::Body::empty());
            let answer = console.answer(request.expect("a request")).await;
            assert!(!answer.status().is_success());
            let log = console.lines.lock().expect("whole").clone();
            assert_eq!(log.len(), lines, "{log:?}");
            assert!(!log.concat().contains("example"), "{log:?}");
        }
    }
}
