use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt;
use sluice_operations::problem::Problem;

use super::*;
use crate::testing::Tested;

/// A topic that shows its number of readings, for as long as this one is the same.
fn counting(name: &str, readings: &Arc<AtomicUsize>) -> Topic {
    let readings = readings.clone();
    let every = Duration::from_millis(1);
    Topic::new(name.to_owned(), "part", every, move |_| {
        let count = readings.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Shown::of([("part", html! { (count) })])) }
    })
}

/// A topic that shows this, and never anything else.
fn steady(parts: &'static [&'static str], is_end: bool) -> Topic {
    let every = Duration::from_secs(3_600);
    Topic::new("steady".to_owned(), "part", every, move |_| async move {
        let parts = parts.iter().map(|part| (*part, html! { (part) }));
        Ok(Shown {
            parts: parts.collect(),
            is_end,
        })
    })
}

fn opened(app: &Shared, seen: &str, topics: impl IntoIterator<Item = Topic>) -> Response {
    stream(app, &HeaderMap::new(), seen, topics).expect("a place")
}

/// The stream's messages, one text each.
fn texts(answer: Response) -> impl Stream<Item = String> + Unpin {
    answer
        .into_body()
        .into_data_stream()
        .map(|bytes| String::from_utf8(bytes.expect("bytes").to_vec()).expect("text"))
}

/// Lets readers go on, until this is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_says_when_to_come_again_and_sends_what_the_browser_does_not_have() {
    let console = Tested::new(false);
    let of = |seen: &str| texts(opened(&console.app, seen, [steady(&["a", "b"], false)]));
    let mut first = of("");
    assert!(
        first
            .next()
            .await
            .expect("a greeting")
            .contains("retry: 3000")
    );
    let a = first.next().await.expect("a part");
    assert!(a.contains(r#"{"html":"a","part":"a"}"#), "{a}");
    let b = first.next().await.expect("a part");
    let id = b.lines().find_map(|line| line.strip_prefix("id: "));
    let id = id.expect("what was seen").to_owned();
    assert!(id.starts_with("a-") && id.contains(".b-"), "{id}");

    // A browser that has the one gets the other, and the address counts only without the header.
    let (only_a, _) = id.split_once('.').expect("two");
    let mut second = of(only_a);
    second.next().await.expect("a greeting");
    assert!(
        second
            .next()
            .await
            .expect("a part")
            .contains(r#""part":"b""#)
    );
    let headers = HeaderMap::from_iter([(
        axum::http::HeaderName::from_static("last-event-id"),
        only_a.parse().expect("a value"),
    )]);
    let third = stream(&console.app, &headers, "", [steady(&["a", "b"], false)]);
    let mut third = texts(third.expect("a place"));
    third.next().await.expect("a greeting");
    assert!(
        third
            .next()
            .await
            .expect("a part")
            .contains(r#""part":"b""#)
    );
}

#[tokio::test]
async fn what_a_page_was_made_with_is_not_sent_again() {
    let console = Tested::new(false);
    let part = ("a", html! { "a" });
    let page = bar("/live/x", &[&part], "").into_string();
    let seen = page.split("data-seen=\"").nth(1).expect("what it has");
    let seen = seen.split('"').next().expect("a value").to_owned();
    let mut messages = texts(opened(&console.app, &seen, [steady(&["a", "b"], false)]));
    messages.next().await.expect("a greeting");
    assert!(
        messages
            .next()
            .await
            .expect("a part")
            .contains(r#""part":"b""#)
    );
}

#[tokio::test]
async fn a_topic_is_read_once_for_all_its_streams_and_no_more_after_the_last() {
    let console = Tested::new(false);
    let readings = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let streams = [0, 1, 2].map(|place| {
        let readings = &readings[usize::from(place > 0)];
        opened(&console.app, "", [counting("x", readings)])
    });
    until(|| readings[0].load(Ordering::SeqCst) > 3).await;
    assert_eq!(readings[1].load(Ordering::SeqCst), 0, "the first one reads");
    assert_eq!(console.app.live.topics().len(), 1);
    drop(streams);
    until(|| console.app.live.topics().is_empty()).await;
    let before = readings[0].load(Ordering::SeqCst);
    let mut next = texts(opened(&console.app, "", [counting("x", &readings[1])]));
    next.next().await.expect("a greeting");
    assert!(next.next().await.expect("a part").contains(r#""html":"0""#));
    assert_eq!(readings[0].load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_topic_at_its_end_is_shown_once_more_and_ends_its_stream() {
    let console = Tested::new(false);
    let messages = texts(opened(&console.app, "", [steady(&["a"], true)]));
    let all: Vec<_> = messages.collect().await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[1].contains("event: part") && all[2].contains("event: end"));
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_one_that_ends_gives_its_place_back() {
    let console = Tested::new(false);
    let open = || {
        let topics = [steady(&["a"], false)];
        stream(&console.app, &HeaderMap::new(), "", topics)
    };
    let all: Vec<_> = (0..STREAMS).map(|_| open().expect("a place")).collect();
    let refused = open().expect_err("no place").into_response();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(all);
    assert!(open().is_ok());
}

#[tokio::test]
async fn a_stream_ends_after_its_time_once_it_has_sent_what_there_is() {
    let console = Tested::new(false);
    let mut topic = listen(&console.app, steady(&["a"], false));
    topic.changed().await.expect("it is read");
    let place = console.app.live.places.clone().try_acquire_owned();
    let open = Open {
        // Not looked at yet.
        topics: vec![listen(&console.app, steady(&["a"], false))],
        seen: HashMap::new(),
        until: Instant::now(),
        is_greeted: false,
        is_over: false,
        _place: place.expect("a place"),
    };
    assert_eq!(messages(open).count().await, 2);
}

#[tokio::test]
async fn a_stack_that_does_not_answer_is_said_in_the_page_and_once_in_the_log() {
    let console = Tested::new(false);
    let tried = Arc::new(AtomicUsize::new(0));
    let count = tried.clone();
    let every = Duration::from_millis(1);
    let topic = Topic::new("x".to_owned(), "part", every, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Err(Problem::failed("ledger.unavailable: no answer").into()) }
    });
    let mut messages = texts(opened(&console.app, "", [topic]));
    messages.next().await.expect("a greeting");
    let said = messages.next().await.expect("a part");
    assert!(
        said.contains("ledger.unavailable") && said.contains("alert"),
        "{said}"
    );
    until(|| tried.load(Ordering::SeqCst) > 3).await;
    assert_eq!(console.lines.lock().expect("whole").len(), 1);
}

#[tokio::test]
async fn each_live_page_has_a_stream_that_no_browser_may_keep() {
    let console = Tested::new(false);
    let mut tried = 0;
    for route in crate::routes::ROUTES {
        if route.path.starts_with("/live/") {
            let request = console.request("GET", route.example).body(Body::empty());
            let answer = console.answer(request.expect("a request")).await;
            assert_eq!(answer.status(), StatusCode::OK, "{}", route.path);
            let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
            assert_eq!(header("content-type"), "text/event-stream");
            assert_eq!(header("cache-control"), "no-store");
            tried += 1;
        }
    }
    assert_eq!(tried, 4);
}
