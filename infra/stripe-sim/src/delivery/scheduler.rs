//! What to post next, and what an answer means: Stripe's side of deliveries as a state machine without I/O or clock.
//!
//! The caller asks [`Scheduler::next`], posts, and reports the answer to [`Scheduler::answered`]. Times are Stripe's since the
//! run began and must not go back.
//!
//! Guarantee: each event that was added ends as acknowledged, given up or disabled, once all that `next` returned is
//! answered. A post that is never answered leaves its event waiting.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::endpoint::Destination;
use crate::delivery::outage::How;
use crate::delivery::plan::{Mix, mixed};
use crate::delivery::retry::TRIES_MAX;
use crate::delivery::sender::Answered;

/// The most of an answer's text that is kept, in characters.
const TEXT_MAX: usize = 200;

/// How an event ended at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It hasn't ended: more is to be posted, or to be answered.
    Waiting,
    /// Answered with 2xx.
    Acknowledged {
        /// The number of the first acknowledged delivery: 1 is the first one.
        delivery: u32,
    },
    /// Each try failed.
    GivenUp,
    /// The endpoint was disabled when the event was made, or before its next try.
    Disabled,
}

impl Outcome {
    /// The outcome's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Acknowledged { .. } => "acknowledged",
            Self::GivenUp => "given up",
            Self::Disabled => "disabled",
        }
    }
}

/// One delivery that was posted, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The destination's name.
    pub destination: Arc<str>,
    /// `evt_…`.
    pub event: Arc<str>,
    /// Its type.
    pub kind: Arc<str>,
    /// Which delivery of the event to this destination it was: 1 is the first.
    pub number: u32,
    /// A duplicate: it is sent whether or not the event is acknowledged, and isn't retried.
    pub again: bool,
    /// Stripe's time when it was posted, since the run began.
    pub at: Duration,
    /// The second of its signature (Unix).
    pub signed_at: i64,
    /// The body's `pending_webhooks`: how many destinations hadn't acknowledged it yet.
    pub pending_webhooks: u32,
    /// The answer, its text cut to 200 characters.
    pub answered: Answered,
    pub(crate) task: usize,
}

/// What to post.
#[derive(Debug, Clone)]
pub(crate) struct Posting {
    pub(crate) url: String,
    pub(crate) body: Vec<u8>,
    pub(crate) secrets: Vec<String>,
    /// The outage that hits the post, if any.
    pub(crate) trouble: Option<How>,
    at: Duration,
    task: usize,
    number: u32,
    again: bool,
    pending: u32,
}

/// What a destination's connection does now.
#[derive(Debug)]
pub(crate) enum Next {
    Post(Box<Posting>),
    /// Nothing before this time.
    At(Duration),
    /// Nothing, unless more is added or something in flight fails.
    Nothing,
}

/// An event as one destination receives it.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub(crate) event: String,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) destination: usize,
    pub(crate) event: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) outcome: Outcome,
    body: Vec<u8>,
    /// Where the body has the number of `pending_webhooks`.
    pending_at: Option<Range<usize>>,
    /// When the event was made, which is when its first post is due.
    made: Duration,
    posted: u32,
    /// Posts that weren't duplicates.
    tries: u32,
}

/// Ordered by time, then by the order of adding.
type Entry = Reverse<(Duration, u64, usize, bool)>;

#[derive(Debug)]
struct Seat {
    destination: Destination,
    name: Arc<str>,
    queue: BinaryHeap<Entry>,
    known: BTreeSet<Arc<str>>,
    failing_since: Option<Duration>,
    disabled_since: Option<Duration>,
    /// Earlier periods in which it was disabled.
    disabled: Vec<Range<Duration>>,
}

/// All destinations, all events.
#[derive(Debug)]
pub(crate) struct Scheduler {
    seed: u64,
    seats: Vec<Seat>,
    tasks: Vec<Task>,
    posts: Vec<Post>,
    /// How many destinations haven't acknowledged an event.
    pending: BTreeMap<Arc<str>, u32>,
    entries: u64,
    waiting: usize,
    repeats_queued: usize,
    in_flight: usize,
}

impl Scheduler {
    pub(crate) fn new(destinations: Vec<Destination>, seed: u64) -> Self {
        let seat = |destination: Destination| Seat {
            name: Arc::from(destination.name.as_str()),
            destination,
            queue: BinaryHeap::new(),
            known: BTreeSet::new(),
            failing_since: None,
            disabled_since: None,
            disabled: Vec::new(),
        };
        Self {
            seed,
            seats: destinations.into_iter().map(seat).collect(),
            tasks: Vec::new(),
            posts: Vec::new(),
            pending: BTreeMap::new(),
            entries: 0,
            waiting: 0,
            repeats_queued: 0,
            in_flight: 0,
        }
    }

    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.seats.iter().map(|seat| &seat.destination)
    }

    pub(crate) fn place_of(&self, name: &str) -> Option<usize> {
        self.destinations().position(|one| one.name == name)
    }

    pub(crate) fn destination_mut(&mut self, place: usize) -> &mut Destination {
        &mut self.seats[place].destination
    }

    pub(crate) fn knows(&self, place: usize, event: &str) -> bool {
        self.seats[place].known.contains(event)
    }

    /// Adds events for a destination, mixed; `due` gives the time of the delivery at a place.
    pub(crate) fn add(
        &mut self,
        place: usize,
        events: Vec<NewEvent>,
        mix: Mix,
        due: impl Fn(usize) -> Duration,
    ) {
        // Each destination and each batch has an order of its own.
        let seed = mix.seed ^ ((place as u64) << 48) ^ ((self.tasks.len() as u64) << 16);
        let comings = mixed(events.len(), Mix { seed, ..mix });
        let first = self.tasks.len();
        for one in events {
            let event: Arc<str> = Arc::from(one.event.as_str());
            if self.seats[place].known.insert(Arc::clone(&event)) {
                *self.pending.entry(Arc::clone(&event)).or_default() += 1;
            }
            self.tasks.push(Task {
                destination: place,
                event,
                kind: Arc::from(one.kind.as_str()),
                outcome: Outcome::Waiting,
                pending_at: pending_at(&one.body),
                body: one.body,
                made: Duration::ZERO,
                posted: 0,
                tries: 0,
            });
            self.waiting += 1;
        }
        for (coming, (index, again)) in comings.into_iter().enumerate() {
            let (task, at) = (first + index, due(coming));
            if again {
                self.repeats_queued += 1;
            } else {
                self.tasks[task].made = at;
            }
            self.queue(place, at, task, again);
        }
    }

    fn queue(&mut self, place: usize, at: Duration, task: usize, again: bool) {
        self.entries += 1;
        let entry = Reverse((at, self.entries, task, again));
        self.seats[place].queue.push(entry);
    }

    /// What a connection to this destination does now.
    pub(crate) fn next(&mut self, place: usize, now: Duration) -> Next {
        self.seats[place].refresh(now);
        loop {
            let seat = &mut self.seats[place];
            let Some(&Reverse((at, _, index, again))) = seat.queue.peek() else {
                return Next::Nothing;
            };
            if at > now {
                return Next::At(at);
            }
            seat.queue.pop();
            self.repeats_queued -= usize::from(again);
            let task = &self.tasks[index];
            let settled = matches!(task.outcome, Outcome::Acknowledged { .. });
            if seat.is_disabled(now) || seat.is_disabled(task.made) {
                self.disable_task(index);
            } else if again || !settled {
                return Next::Post(Box::new(self.posting(index, again, now)));
            }
        }
    }

    /// The endpoint is disabled: none of this is sent any more.
    fn disable_task(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        if task.outcome != Outcome::Waiting {
            return;
        }
        task.outcome = Outcome::Disabled;
        self.waiting -= 1;
        // Stripe never planned to send it here.
        if task.posted == 0
            && let Some(pending) = self.pending.get_mut(&task.event)
        {
            *pending = pending.saturating_sub(1);
        }
    }

    fn posting(&mut self, index: usize, again: bool, now: Duration) -> Posting {
        let task = &mut self.tasks[index];
        task.posted += 1;
        task.tries += u32::from(!again);
        self.in_flight += 1;
        let destination = &self.seats[task.destination].destination;
        let pending = self.pending.get(&task.event).copied().unwrap_or_default();
        let chance = (index as u64) << 16 | u64::from(task.posted);
        let mut outages = destination.outages.iter();
        let trouble = outages.find(|outage| outage.hits(now, self.seed, chance));
        Posting {
            url: destination.endpoint.url.clone(),
            body: task.body_with(pending),
            secrets: destination.secrets_at(now),
            trouble: trouble.map(|outage| outage.how),
            at: now,
            task: index,
            number: task.posted,
            again,
            pending,
        }
    }

    /// Takes a post's answer; `signed_at` is in Unix seconds.
    pub(crate) fn answered(
        &mut self,
        posting: &Posting,
        answered: Answered,
        signed_at: i64,
        now: Duration,
    ) {
        self.in_flight -= 1;
        let taken = answered.is_success();
        let task = &mut self.tasks[posting.task];
        let seat = &mut self.seats[task.destination];
        self.posts.push(Post {
            destination: Arc::clone(&seat.name),
            event: Arc::clone(&task.event),
            kind: Arc::clone(&task.kind),
            number: posting.number,
            again: posting.again,
            at: posting.at,
            signed_at,
            pending_webhooks: posting.pending,
            answered: shortened(answered),
            task: posting.task,
        });
        seat.note(taken, now);
        let was = task.outcome;
        if taken {
            if !matches!(was, Outcome::Acknowledged { .. }) {
                task.outcome = Outcome::Acknowledged {
                    delivery: posting.number,
                };
                self.waiting -= usize::from(was == Outcome::Waiting);
                if let Some(pending) = self.pending.get_mut(&task.event) {
                    *pending = pending.saturating_sub(1);
                }
            }
        } else if was == Outcome::Waiting && !posting.again {
            let retry = seat.destination.retry;
            match retry.after(task.tries, self.seed, posting.task as u64) {
                Some(wait) => {
                    let place = task.destination;
                    self.queue(place, now.saturating_add(wait), posting.task, false);
                }
                None => {
                    task.outcome = Outcome::GivenUp;
                    self.waiting -= 1;
                }
            }
        }
    }

    /// Whether nothing waits, nothing is in flight, and no duplicate is to come.
    pub(crate) fn is_settled(&self) -> bool {
        self.waiting == 0 && self.in_flight == 0 && self.repeats_queued == 0
    }

    pub(crate) fn disable(&mut self, place: usize, now: Duration) {
        let since = &mut self.seats[place].disabled_since;
        since.get_or_insert(now);
    }

    pub(crate) fn enable(&mut self, place: usize, now: Duration) {
        self.seats[place].enable(now);
    }

    /// How many destinations haven't acknowledged this event.
    pub(crate) fn pending(&self, event: &str) -> u32 {
        self.pending.get(event).copied().unwrap_or_default()
    }

    pub(crate) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// In the order in which they were answered.
    pub(crate) fn posts(&self) -> &[Post] {
        &self.posts
    }
}

impl Task {
    fn body_with(&self, pending: u32) -> Vec<u8> {
        let Some(at) = self.pending_at.clone() else {
            return self.body.clone();
        };
        let number = pending.to_string();
        let parts = [
            &self.body[..at.start],
            number.as_bytes(),
            &self.body[at.end..],
        ];
        parts.concat()
    }
}

impl Seat {
    fn is_disabled(&self, at: Duration) -> bool {
        self.disabled_since.is_some_and(|since| since <= at)
            || self.disabled.iter().any(|range| range.contains(&at))
    }

    /// Enables the endpoint again if the time for that has come.
    fn refresh(&mut self, now: Duration) {
        let since = self.disabled_since.zip(self.destination.enable_after);
        if let Some((since, after)) = since
            && now >= since.saturating_add(after)
        {
            self.enable(since.saturating_add(after));
        }
    }

    fn enable(&mut self, now: Duration) {
        if let Some(since) = self.disabled_since.take() {
            self.disabled.push(since..now);
        }
        self.failing_since = None;
    }

    /// Records a success or a failure at this time; too long without success disables the endpoint.
    fn note(&mut self, taken: bool, now: Duration) {
        if taken {
            self.failing_since = None;
            return;
        }
        let since = *self.failing_since.get_or_insert(now);
        if now.saturating_sub(since) >= self.destination.disable_after {
            self.disabled_since.get_or_insert(now);
        }
    }
}

/// Where a body that is indented by two has its own number of pending webhooks. Keys of objects inside are indented
/// more, and a text can't contain a line break.
fn pending_at(body: &[u8]) -> Option<Range<usize>> {
    const KEY: &str = "\n  \"pending_webhooks\": ";
    let text = std::str::from_utf8(body).ok()?;
    let start = text.find(KEY)? + KEY.len();
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit);
    Some(start..start + digits.count())
}

fn shortened(answered: Answered) -> Answered {
    let cut = |text: String| match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    };
    match answered {
        Answered::Status { status, body } => Answered::Status {
            status,
            body: cut(body),
        },
        Answered::Nothing { cause } => Answered::Nothing { cause: cut(cause) },
    }
}

// Each post of an event has a number below 2^16; `posting` relies on it.
const _: () = assert!(TRIES_MAX < 1 << 15);

#[cfg(test)]
mod tests;
