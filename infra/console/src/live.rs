//! What pages have to do with their streams: the bar that says that a page is live, and the topics that it shows.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::Shared;
use crate::refusal::{Refusal, render};
use crate::streams::{Part, Shown, Topic, seen_of, write_seen};

/// What a browser has of what its page shows live.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    pub(crate) seen: String,
}

/// A topic that is read this often while a page shows it. Its name says all that the reading depends on. If it can't be
/// read, its part `first` says so, and the log does, once.
pub(crate) fn topic<R, F>(
    app: &Shared,
    name: String,
    first: &'static str,
    every: Duration,
    read: R,
) -> Topic
where
    R: Fn(Shared) -> F + Send + 'static,
    F: Future<Output = Result<Shown, Refusal>> + Send + 'static,
{
    let app = app.clone();
    let logged = Arc::new(Mutex::new(None));
    Topic::new(name, every, move || {
        let (app, reading, logged) = (app.clone(), read(app.clone()), logged.clone());
        async move {
            let read = reading.await;
            let line = read.as_ref().err().and_then(Refusal::line);
            let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
            if *logged != line {
                if let Some(line) = &line {
                    (app.log)(line);
                }
                *logged = line;
            }
            read.unwrap_or_else(|refusal| Shown::of([(first, render(&app, &refusal, true))]))
        }
    })
}

/// The stream of a page: what these topics show, but for what the browser has.
///
/// # Errors
/// If there are too many streams.
pub(crate) fn stream(
    app: &Shared,
    headers: &HeaderMap,
    seen: &str,
    topics: impl IntoIterator<Item = Topic>,
) -> Result<Response, Refusal> {
    // A stream that the browser opens again by itself has the address of the first one.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let opened = app.streams.open(last.unwrap_or(seen), topics);
    opened.ok_or_else(Refusal::too_many)
}

/// The bar of a page that is live: where its stream is, what the page has of it, and the button that pauses it.
pub(crate) fn bar(stream: &str, parts: &[&Part], words: &str) -> Markup {
    let seen = parts.iter().map(|(name, part)| {
        let of = seen_of(&part.0);
        ((*name).to_owned(), of)
    });
    html! {
        p.bar data-live=(stream) data-seen=(write_seen(&seen.collect())) {
            button type="button" data-pause aria-pressed="false" { "Pause" }
            span.dim { (words) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use axum::http::{HeaderName, StatusCode};
    use futures_util::StreamExt;
    use sluice_operations::problem::Problem;

    use super::*;
    use crate::routes::ROUTES;
    use crate::testing::Tested;

    #[tokio::test]
    async fn a_stack_that_does_not_answer_is_said_in_the_page_and_once_in_the_log() {
        let console = Tested::new(false);
        let tried = AtomicUsize::new(0);
        let every = Duration::from_secs(5);
        let topic = topic(&console.app, "x".to_owned(), "part", every, move |_| {
            let count = tried.fetch_add(1, Ordering::SeqCst);
            async move {
                match count {
                    3 => Ok(Shown::of([("part", html! { "well" })])),
                    _ => Err(Problem::failed("ledger.unavailable: no answer").into()),
                }
            }
        });
        let logged = || console.lines.lock().expect("whole").len();
        for lines in [1, 1, 1, 1, 2] {
            let shown = topic.read().await;
            let html = shown.parts[0].1.0.as_str();
            assert!(
                html == "well" || html.contains("ledger.unavailable"),
                "{html}"
            );
            assert_eq!(logged(), lines);
        }
    }

    #[tokio::test]
    async fn a_stream_that_the_browser_opens_again_goes_on_after_its_last_message() {
        let console = Tested::new(false);
        let parts = async || Shown::of([("a", html! { "1" }), ("b", html! { "2" })]);
        let topic = Topic::new("x".to_owned(), Duration::from_secs(5), parts);
        let last = format!("a-{}", seen_of("1")).parse().expect("a value");
        let headers = HeaderMap::from_iter([(HeaderName::from_static("last-event-id"), last)]);
        let answer = stream(&console.app, &headers, "b-0", [topic]).expect("a place");
        let mut messages = answer.into_body().into_data_stream();
        messages.next().await.expect("a greeting").expect("bytes");
        let message = messages.next().await.expect("a part").expect("bytes");
        let message = String::from_utf8_lossy(&message);
        assert!(message.contains(r#""part":"b""#), "{message}");
    }

    #[tokio::test]
    async fn each_live_page_has_a_stream_that_no_browser_may_keep() {
        let console = Tested::new(false);
        let mut tried = 0;
        for route in ROUTES
            .iter()
            .filter(|route| route.path.starts_with("/live/"))
        {
            let request = console.request("GET", route.example).body(Body::empty());
            let answer = console.answer(request.expect("a request")).await;
            assert_eq!(answer.status(), StatusCode::OK, "{}", route.path);
            let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
            assert_eq!(header("content-type"), "text/event-stream");
            assert_eq!(header("cache-control"), "no-store");
            tried += 1;
        }
        assert_eq!(tried, 4);
    }
}
