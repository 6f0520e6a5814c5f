//! Posting: threads that keep their connections open deliver a world's events to its destinations.
//!
//! Each destination has threads of its own, one for each connection, so a slow destination delays no other. A thread
//! posts, waits for the answer up to the deadline, and takes the next delivery that is due.
//!
//! Failure window: a run that is dropped ends after the posts in flight are answered; waiting deliveries aren't posted.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::delivery::clock::Clock;
use crate::delivery::endpoint::{Destination, OVERLAP_MAX, Roll, Unsound, signature_of};
use crate::delivery::endpoint_event::{self, EndpointEvent};
use crate::delivery::outage::{How, Outage};
use crate::delivery::plan::{Mix, Pace};
use crate::delivery::report::{Report, Tally};
use crate::delivery::scheduler::{NewEvent, Next, Post, Posting, Scheduler};
use crate::delivery::sender::{Answered, Sender};
use crate::world::World;

#[derive(Debug)]
struct Shared {
    scheduler: Mutex<Scheduler>,
    /// One for each destination: signals that its queue got an entry.
    work: Vec<Condvar>,
    /// Signals an answer that may have been the last.
    settled: Condvar,
    clock: Clock,
    start: Instant,
    stop: AtomicBool,
}

/// Deliveries in progress.
#[derive(Debug)]
pub struct Run {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// How many posts were returned, and how many planned events the world knows.
    taken: usize,
    noted: usize,
}

impl Run {
    /// Opens the destinations; nothing is posted before [`Run::send`]. The seed decides the waits, and which deliveries
    /// an outage hits.
    ///
    /// # Errors
    /// If a destination's description is impossible, or two have one name.
    pub fn start(destinations: Vec<Destination>, clock: Clock, seed: u64) -> Result<Self, Unsound> {
        for (place, destination) in destinations.iter().enumerate() {
            destination.check()?;
            if destinations[..place]
                .iter()
                .any(|other| other.name == destination.name)
            {
                return Err(Unsound(format!(
                    "two destinations are called {}",
                    destination.name
                )));
            }
        }
        let seats: Vec<_> = destinations
            .iter()
            .enumerate()
            .map(|(place, one)| (place, one.connections, one.deadline))
            .collect();
        let shared = Arc::new(Shared {
            work: destinations.iter().map(|_| Condvar::new()).collect(),
            scheduler: Mutex::new(Scheduler::new(destinations, seed)),
            settled: Condvar::new(),
            clock,
            start: Instant::now(),
            stop: AtomicBool::new(false),
        });
        let mut threads = Vec::new();
        for (place, connections, deadline) in seats {
            for _ in 0..connections {
                let shared = Arc::clone(&shared);
                threads.push(std::thread::spawn(move || shared.post_all(place, deadline)));
            }
        }
        Ok(Self {
            shared,
            threads,
            taken: 0,
            noted: 0,
        })
    }

    /// Delivers the world's events that this run hasn't planned yet, to each destination that receives them, beginning
    /// now. Returns how many events that is, counted once for each destination. The mix applies to each call
    /// separately.
    pub fn send(&mut self, world: &World, mix: Mix, pace: Pace) -> usize {
        self.send_of(world, i64::MIN..i64::MAX, mix, pace)
    }

    /// As [`Run::send`], for the events that were made in these seconds (Unix). Other events are planned by a later
    /// call, or never delivered.
    pub fn send_of(&mut self, world: &World, seconds: Range<i64>, mix: Mix, pace: Pace) -> usize {
        // Bodies are rendered before anything is queued: rendering is slower than a fast receiver.
        let mut batches = Vec::new();
        for (place, destination) in self.destinations().iter().enumerate() {
            let scheduler = self.shared.scheduler();
            let received = endpoint_event::events_of(world, &destination.endpoint).into_iter();
            let news: Vec<_> = received
                .filter(|event| seconds.contains(&event.created()))
                .filter(|event| !scheduler.knows(place, &event.id()))
                .collect();
            drop(scheduler);
            let new_event = |event: EndpointEvent<'_>| NewEvent {
                event: event.id(),
                kind: event.kind(),
                body: event.body(world, &destination.endpoint),
            };
            batches.push(news.into_iter().map(new_event).collect::<Vec<_>>());
        }
        let sent = batches.iter().map(Vec::len).sum();
        let now = self.now();
        let due = |place| now.saturating_add(self.shared.clock.stripe(pace.offset(place)));
        let mut scheduler = self.shared.scheduler();
        for (place, events) in batches.into_iter().enumerate() {
            scheduler.add(place, events, mix, due);
        }
        drop(scheduler);
        self.shared.wake();
        sent
    }

    /// Stripe's time since the run began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// The destinations in their current state.
    #[must_use]
    pub fn destinations(&self) -> Vec<Destination> {
        self.shared.scheduler().destinations().cloned().collect()
    }

    /// Waits until every event has its outcome and every duplicate was sent, at most this long (real time). Returns
    /// whether that is so.
    #[must_use]
    pub fn settle(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut scheduler = self.shared.scheduler();
        while !scheduler.is_settled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.settled.wait_timeout(scheduler, left);
            scheduler = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The posts that were answered since the last call, in that order.
    #[must_use]
    pub fn take_posts(&mut self) -> Vec<Post> {
        let scheduler = self.shared.scheduler();
        let posts = scheduler.posts()[self.taken..].to_vec();
        self.taken += posts.len();
        posts
    }

    /// As [`Run::take_posts`]. It also records in the world how many destinations each event still waits for, so that
    /// the API's `pending_webhooks` and `delivery_success` agree with the deliveries.
    pub fn note_posts(&mut self, world: &mut World) -> Vec<Post> {
        let posts = self.take_posts();
        let scheduler = self.shared.scheduler();
        for task in &scheduler.tasks()[self.noted..] {
            world.set_pending_webhooks(&task.event, scheduler.pending(&task.event));
        }
        for post in &posts {
            world.set_pending_webhooks(&post.event, scheduler.pending(&post.event));
        }
        self.noted = scheduler.tasks().len();
        drop(scheduler);
        posts
    }

    /// The counts so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::of(&self.shared.scheduler())
    }

    /// What became of each event so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::of(&self.shared.scheduler())
    }

    /// Rolls a destination's secret now: the new secret signs deliveries, and for this long (Stripe's time, at most 24
    /// h) the one before does too.
    ///
    /// # Errors
    /// If no destination has this name, or the overlap is too long.
    pub fn roll(&self, name: &str, secret: &str, overlap: Duration) -> Result<(), Unsound> {
        if overlap > OVERLAP_MAX {
            return Err(Unsound(
                "a rolled secret signs on for at most 24 h".to_owned(),
            ));
        }
        self.change(name, |scheduler, place, now| {
            let rolls = &mut scheduler.destination_mut(place).rolls;
            // Rolls that are planned for later stay.
            let at = rolls.partition_point(|roll| roll.at <= now);
            let secret = secret.to_owned();
            rolls.insert(
                at,
                Roll {
                    at: now,
                    secret,
                    overlap,
                },
            );
        })
    }

    /// Adds an outage; its times are Stripe's since the run began.
    ///
    /// # Errors
    /// If no destination has this name.
    pub fn add_outage(&self, name: &str, outage: Outage) -> Result<(), Unsound> {
        self.change(name, |scheduler, place, _| {
            scheduler.destination_mut(place).outages.push(outage);
        })
    }

    /// Disables a destination now.
    ///
    /// # Errors
    /// If no destination has this name.
    pub fn disable(&self, name: &str) -> Result<(), Unsound> {
        self.change(name, |scheduler, place, now| scheduler.disable(place, now))
    }

    /// Enables a destination again, whatever disabled it. Events that were made in between aren't sent.
    ///
    /// # Errors
    /// If no destination has this name.
    pub fn enable(&self, name: &str) -> Result<(), Unsound> {
        self.change(name, |scheduler, place, now| scheduler.enable(place, now))
    }

    fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut Scheduler, usize, Duration),
    ) -> Result<(), Unsound> {
        let mut scheduler = self.shared.scheduler();
        let place = scheduler.place_of(name);
        let place = place.ok_or_else(|| Unsound(format!("no destination is called {name}")))?;
        change(&mut scheduler, place, self.shared.now());
        drop(scheduler);
        self.shared.wake();
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        {
            // Under the lock, so that no thread is between checking and waiting.
            let _scheduler = self.shared.scheduler();
            self.shared.stop.store(true, Ordering::Relaxed);
        }
        self.shared.wake();
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed its panic.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn scheduler(&self) -> MutexGuard<'_, Scheduler> {
        self.scheduler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.clock.stripe(self.start.elapsed())
    }

    fn wake(&self) {
        for work in &self.work {
            work.notify_all();
        }
    }

    /// One connection's work, until the run ends.
    fn post_all(&self, place: usize, deadline: Duration) {
        let sender = Sender::with_deadline(deadline);
        let mut scheduler = self.scheduler();
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.now();
            scheduler = match scheduler.next(place, now) {
                Next::Post(posting) => {
                    drop(scheduler);
                    let signed_at = unix_s();
                    let answered = post(&sender, &posting, signed_at);
                    let mut scheduler = self.scheduler();
                    scheduler.answered(&posting, answered, signed_at, self.now());
                    // A retry may be due earlier than what the others wait for.
                    self.work[place].notify_one();
                    if scheduler.is_settled() {
                        self.settled.notify_all();
                    }
                    scheduler
                }
                // `next` may have dropped the last waiting event.
                Next::At(_) | Next::Nothing if scheduler.is_settled() => {
                    self.settled.notify_all();
                    wait(scheduler, &self.work[place])
                }
                Next::Nothing => wait(scheduler, &self.work[place]),
                Next::At(at) => {
                    let real = self.clock.real(at.saturating_sub(now));
                    // Rounded up, so that a very short wait doesn't become zero.
                    let waited = self.work[place].wait_timeout(scheduler, real.max(WAIT_MIN));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// The shortest wait for the next delivery that is due.
const WAIT_MIN: Duration = Duration::from_micros(100);

fn wait<'a>(scheduler: MutexGuard<'a, Scheduler>, work: &Condvar) -> MutexGuard<'a, Scheduler> {
    work.wait(scheduler).unwrap_or_else(PoisonError::into_inner)
}

fn post(sender: &Sender, posting: &Posting, signed_at: i64) -> Answered {
    let nothing = |cause: &str| Answered::Nothing {
        cause: cause.to_owned(),
    };
    let send = || {
        let signature = signature_of(&posting.body, &posting.secrets, signed_at);
        sender.send(&posting.url, &posting.body, &signature)
    };
    match posting.trouble {
        None => send(),
        Some(How::Refused) => nothing("outage: the connection was refused"),
        Some(How::Silent) => nothing("outage: no answer in time"),
        Some(How::Status(status)) => Answered::Status {
            status,
            body: "outage".to_owned(),
        },
        Some(How::AnswerLost) => {
            let _ = send();
            nothing("outage: the answer was lost")
        }
    }
}

/// The current second of real time: the receiver compares signatures with it.
fn unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
