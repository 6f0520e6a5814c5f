use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;

use maud::html;

use super::*;

/// A topic that shows its number of readings, for as long as this one is the same.
fn counting(name: &str, readings: &Arc<AtomicUsize>) -> Topic {
    let readings = readings.clone();
    let every = Duration::from_millis(1);
    Topic::new(name.to_owned(), every, move || {
        let count = readings.fetch_add(1, Ordering::SeqCst);
        async move { Shown::of([("part", html! { (count) })]) }
    })
}

/// A topic that shows this, and never anything else.
fn steady(parts: &'static [&'static str], is_end: bool) -> Topic {
    let every = Duration::from_secs(3_600);
    Topic::new("steady".to_owned(), every, move || async move {
        let parts = parts.iter().map(|part| (*part, html! { (part) }));
        Shown {
            parts: parts.collect(),
            is_end,
        }
    })
}

fn opened(streams: &Arc<Streams>, seen: &str, topics: impl IntoIterator<Item = Topic>) -> Response {
    streams.open(seen, topics).expect("a place")
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
    let streams = Arc::new(Streams::default());
    let of = |seen: &str| texts(opened(&streams, seen, [steady(&["a", "b"], false)]));
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

    // A browser that has the one gets the other.
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
}

#[tokio::test]
async fn what_a_page_was_made_with_is_not_sent_again() {
    let seen = format!("a-{}", seen_of("a"));
    let mut messages = texts(opened(&Arc::default(), &seen, [steady(&["a", "b"], false)]));
    messages.next().await.expect("a greeting");
    let message = messages.next().await.expect("a part");
    assert!(message.contains(r#""part":"b""#), "{message}");
}

#[tokio::test]
async fn a_topic_is_read_once_for_all_its_streams_and_no_more_after_the_last() {
    let streams = Arc::new(Streams::default());
    let readings = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let opened_ = [0, 1, 2].map(|place| {
        let readings = &readings[usize::from(place > 0)];
        opened(&streams, "", [counting("x", readings)])
    });
    until(|| readings[0].load(Ordering::SeqCst) > 3).await;
    assert_eq!(readings[1].load(Ordering::SeqCst), 0, "the first one reads");
    assert_eq!(streams.topics().len(), 1);
    drop(opened_);
    until(|| streams.topics().is_empty()).await;
    let before = readings[0].load(Ordering::SeqCst);
    let mut next = texts(opened(&streams, "", [counting("x", &readings[1])]));
    next.next().await.expect("a greeting");
    assert!(next.next().await.expect("a part").contains(r#""html":"0""#));
    assert_eq!(readings[0].load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_topic_at_its_end_is_shown_once_more_and_ends_its_stream() {
    let streams = Arc::new(Streams::default());
    let messages = texts(opened(&streams, "", [steady(&["a"], true)]));
    let all: Vec<_> = messages.collect().await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[1].contains("event: part") && all[2].contains("event: end"));
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_one_that_ends_gives_its_place_back() {
    let streams = Arc::new(Streams::default());
    let open = || streams.open("", [steady(&["a"], false)]);
    let all: Vec<_> = (0..STREAMS).map(|_| open().expect("a place")).collect();
    assert!(open().is_none(), "no place");
    drop(all);
    assert!(open().is_some());
}

#[tokio::test]
async fn a_stream_ends_after_its_time_once_it_has_sent_what_there_is() {
    let streams = Arc::new(Streams::default());
    let mut topic = streams.listen(steady(&["a"], false));
    topic.changed().await.expect("it is read");
    let place = streams.places.clone().try_acquire_owned();
    let open = Open {
        // Not looked at yet.
        topics: vec![streams.listen(steady(&["a"], false))],
        seen: HashMap::new(),
        until: Instant::now(),
        is_greeted: false,
        is_over: false,
        _place: place.expect("a place"),
    };
    assert_eq!(messages(open).count().await, 2);
}
