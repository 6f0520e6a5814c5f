//! What a page shows live: one stream of server-sent events per page, over the same guard as any other request.
//!
//! A page holds a stream only while its tab is visible and isn't paused (`assets/console.js`). What a stream carries
//! comes from topics: the first stream of a topic starts its reader, all streams of the same topic share it, and it ends
//! with the last of them. So a stack is asked as often for ten tabs as for one.
//!
//! A message is a part of a page, as the page itself has it. It is sent if the browser has another one. The browser says
//! which it has: first by what the page was made with, then by the last message's id.
//!
//! # Limits
//! | what | limit |
//! |---|---|
//! | streams at the same time | [`STREAMS`]; one more is refused, and the page tries again later |
//! | how long one stream lasts | [`STREAM_TIME`]; the browser then opens the next after [`STREAM_RETRY`] |

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::header::CACHE_CONTROL;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::select_all;
use futures_util::stream::{Stream, unfold};
use maud::Markup;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::assets::digest;
use crate::limits::{STREAM_ALIVE, STREAM_RETRY, STREAM_TIME, STREAMS};

/// The digits of a part's digest.
const DIGITS: usize = 16;

/// A part of a page: its name, as `data-part` has it, and what it shows.
pub(crate) type Part = (&'static str, Markup);

/// What a topic shows by now.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) parts: Vec<Part>,
    /// Whether it has come to its end: other things may be done with it then, so the whole page is loaded again.
    pub(crate) is_end: bool,
}

impl Shown {
    /// Parts that go on changing.
    pub(crate) fn of(parts: impl Into<Vec<Part>>) -> Self {
        Self {
            parts: parts.into(),
            is_end: false,
        }
    }
}

type Reading = Pin<Box<dyn Future<Output = Shown> + Send>>;

/// Something that pages show live.
pub(crate) struct Topic {
    name: String,
    every: Duration,
    read: Box<dyn Fn() -> Reading + Send>,
}

impl Topic {
    /// A topic that is read this often while a page shows it. Its name says all that the reading depends on.
    pub(crate) fn new<R, F>(name: String, every: Duration, read: R) -> Self
    where
        R: Fn() -> F + Send + 'static,
        F: Future<Output = Shown> + Send + 'static,
    {
        Self {
            name,
            every,
            read: Box::new(move || Box::pin(read())),
        }
    }

    /// What it shows now.
    pub(crate) fn read(&self) -> Reading {
        (self.read)()
    }
}

/// What a topic showed when it was read last.
#[derive(Debug, Default, PartialEq, Eq)]
struct Now {
    /// Name, digest and HTML of each part.
    parts: Vec<(&'static str, String, String)>,
    is_end: bool,
}

impl Now {
    fn of(shown: Shown) -> Self {
        let parts = shown.parts.into_iter().map(|(name, part)| {
            let part = part.into_string();
            (name, seen_of(&part), part)
        });
        Self {
            parts: parts.collect(),
            is_end: shown.is_end,
        }
    }
}

type Sender = Arc<watch::Sender<Arc<Now>>>;
type Receiver = watch::Receiver<Arc<Now>>;

/// The streams that are open, and the topics that are read for them.
pub(crate) struct Streams {
    topics: Mutex<BTreeMap<String, Sender>>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            topics: Mutex::default(),
            places: Arc::new(Semaphore::new(STREAMS)),
        }
    }
}

impl Streams {
    fn topics(&self) -> MutexGuard<'_, BTreeMap<String, Sender>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new stream: what these topics show, but for what the browser has. None if there are too many.
    pub(crate) fn open(
        self: &Arc<Self>,
        seen: &str,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Option<Response> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let open = Open {
            topics: topics.into_iter().map(|topic| self.listen(topic)).collect(),
            seen: read_seen(seen),
            until: Instant::now() + STREAM_TIME,
            is_greeted: false,
            is_over: false,
            _place: place,
        };
        let alive = KeepAlive::new().interval(STREAM_ALIVE);
        let sse = Sse::new(messages(open)).keep_alive(alive);
        Some(([(CACHE_CONTROL, "no-store")], sse).into_response())
    }

    /// What a topic shows, from now on. Starts its reader if it has none.
    fn listen(self: &Arc<Self>, topic: Topic) -> Receiver {
        let mut topics = self.topics();
        if let Some(sender) = topics.get(&topic.name) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(Arc::default());
        let sender = Arc::new(sender);
        topics.insert(topic.name.clone(), sender.clone());
        tokio::spawn(read(self.clone(), topic, sender));
        receiver
    }
}

/// Takes a topic out of the list, also if its reader has panicked.
struct Listed(Arc<Streams>, String, Sender);

impl Drop for Listed {
    fn drop(&mut self) {
        let Self(streams, name, sender) = self;
        let mut topics = streams.topics();
        if topics.get(name).is_some_and(|one| Arc::ptr_eq(one, sender)) {
            topics.remove(name);
        }
    }
}

/// Reads a topic again and again, until no stream listens.
async fn read(streams: Arc<Streams>, topic: Topic, sender: Sender) {
    let listed = Listed(streams, topic.name.clone(), sender);
    let Listed(streams, name, sender) = &listed;
    loop {
        let now = Now::of(topic.read().await);
        sender.send_if_modified(|before| {
            let is_new = **before != now;
            if is_new {
                *before = Arc::new(now);
            }
            is_new
        });
        tokio::select! {
            () = sleep(topic.every) => {}
            () = sender.closed() => {}
        }
        // Under the lock, since a stream may have come in between.
        let mut topics = streams.topics();
        if sender.receiver_count() == 0 {
            topics.remove(name);
            break;
        }
    }
}

/// A stream that is open.
struct Open {
    topics: Vec<Receiver>,
    /// Which digest of each part the browser has.
    seen: HashMap<String, String>,
    until: Instant,
    /// Whether the browser knows when to come again.
    is_greeted: bool,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

fn messages(open: Open) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(open, async |mut open| {
        let message = open.next().await?;
        Some((Ok(message), open))
    })
}

impl Open {
    /// The next message; none at the end.
    async fn next(&mut self) -> Option<Event> {
        if !self.is_greeted {
            self.is_greeted = true;
            return Some(Event::default().retry(STREAM_RETRY));
        }
        while !self.is_over {
            if let Some(message) = self.unseen() {
                return Some(message);
            }
            let changes = self
                .topics
                .iter_mut()
                .map(|topic| Box::pin(topic.changed()));
            tokio::select! {
                (changed, ..) = select_all(changes) => changed.ok()?,
                () = sleep_until(self.until) => return None,
            }
        }
        None
    }

    /// A part that the browser doesn't have yet, or that a topic has come to its end.
    fn unseen(&mut self) -> Option<Event> {
        for topic in &mut self.topics {
            let now = topic.borrow_and_update().clone();
            for (name, of, part) in &now.parts {
                if self.seen.get(*name) != Some(of) {
                    self.seen.insert((*name).to_owned(), of.clone());
                    let data = json!({ "part": name, "html": part }).to_string();
                    let message = Event::default().event("part").data(data);
                    return Some(message.id(write_seen(&self.seen)));
                }
            }
            if now.is_end {
                self.is_over = true;
                return Some(Event::default().event("end").data("end"));
            }
        }
        None
    }
}

/// The digest of a part.
pub(crate) fn seen_of(part: &str) -> String {
    digest(part.as_bytes())[..DIGITS].to_owned()
}

/// `facts-0011.timeline-2233`
pub(crate) fn write_seen(seen: &HashMap<String, String>) -> String {
    let mut pairs: Vec<_> = seen
        .iter()
        .map(|(name, of)| format!("{name}-{of}"))
        .collect();
    pairs.sort_unstable();
    pairs.join(".")
}

fn read_seen(seen: &str) -> HashMap<String, String> {
    let pairs = seen.split('.').filter_map(|pair| pair.split_once('-'));
    pairs
        .map(|(name, of)| (name.to_owned(), of.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests;
