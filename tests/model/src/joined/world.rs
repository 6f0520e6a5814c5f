//! The parts of a world: Stripe, ingest with its ledger, the queue, the workers and their item, and a receiver of
//! effects.
//!
//! One world follows the events of one object. Every growing value is bounded by the configuration, or capped, so the
//! set of worlds is finite.

use std::collections::BTreeSet;

/// The most events that a world can have.
pub const EVENTS: usize = 2;

/// Generation 0 means never forced, 1 a forced run, 2 that run after it has forgotten its generation.
pub const GENERATIONS: usize = 3;

/// The number of places for attempts of ingest: two for Stripe's deliveries, and reconcile's.
pub const PLACES: usize = 3;

/// Reconcile's place among the attempts.
pub const RECONCILE: usize = 2;

/// An event under a generation. It identifies a message in the queue, and the fact that the event calls for.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// Events are numbered in their true order.
    pub event: u8,
    /// 0, except for forced replays.
    pub generation: u8,
}

/// A number for each event under each generation.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Counts([[u8; GENERATIONS]; EVENTS]);

impl Counts {
    /// The count of a message; 2 stands for two or more.
    #[must_use]
    pub const fn of(&self, message: Message) -> u8 {
        self.0[message.event as usize][message.generation as usize]
    }

    /// Counts one more, up to 2.
    pub fn add(&mut self, message: Message) {
        let count = &mut self.0[usize::from(message.event)][usize::from(message.generation)];
        *count = (*count + 1).min(2);
    }

    /// Counts one less.
    pub fn take(&mut self, message: Message) {
        let count = &mut self.0[usize::from(message.event)][usize::from(message.generation)];
        *count = count.saturating_sub(1);
    }

    /// The messages with a count of at least one.
    pub fn some(self) -> impl Iterator<Item = Message> {
        Message::all().filter(move |message| self.of(*message) > 0)
    }
}

impl Message {
    /// An event as Stripe sends it.
    #[must_use]
    pub const fn plain(event: u8) -> Self {
        Self {
            event,
            generation: 0,
        }
    }

    /// All possible messages.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(EVENTS).flat_map(|event| {
            (0_u8..)
                .take(GENERATIONS)
                .map(move |generation| Self { event, generation })
        })
    }
}

/// The ledger's row for an event, with its body.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Entry {
    /// The attempt that holds the claim, by its place; `None` once it has ended.
    pub holder: Option<u8>,
    /// `lapses_at` has passed. Never while the holder is active: ingest's model has differing clocks.
    pub lapsed: bool,
    /// `published_at` is set.
    pub published: bool,
    /// `due_at` is set.
    pub due: bool,
}

/// What an attempt of ingest does next.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Step {
    /// It claims the entry: it puts it, takes it over, or learns why it can't.
    Claim,
    /// It puts the event on the bus.
    Publish,
    /// It writes `published_at`.
    Mark,
    /// It writes `due_at`.
    Defer {
        /// The event is on the bus, and only the mark failed.
        after_publish: bool,
    },
}

/// An attempt of ingest: one of Stripe's deliveries, or reconcile with an event that it has found.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Attempt {
    /// The event.
    pub event: u8,
    /// What it does next.
    pub step: Step,
}

/// One event, from Stripe to the bus.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Event {
    /// The number of deliveries that Stripe has sent, or has given up sending.
    pub sent: u8,
    /// Stripe was answered 2xx, even if that answer was lost.
    pub acknowledged: bool,
    /// The ledger's row.
    pub entry: Option<Entry>,
    /// Copies that ingest, sweep and reconcile have put on the bus; 2 stands for two or more.
    pub copies: u8,
    /// Something has happened after which a second copy isn't an error: the bus's answer was lost, or the publisher
    /// died or could not record it.
    pub in_doubt: bool,
}

/// What sweep does next with the event that it has picked.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Sweep {
    /// It puts the event on the bus.
    Publish {
        /// The event.
        event: u8,
    },
    /// It records that the event is published.
    Clear {
        /// The event.
        event: u8,
    },
}

/// Reconcile: it lists Stripe's events, compares them with the ledger, and moves its cursor past the events that it has
/// settled.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Reconcile {
    /// The number of runs so far.
    pub runs: u8,
    /// The active run.
    pub walk: Option<Walk>,
    /// The cursor is past the events: no run reads them again.
    pub passed: bool,
}

/// A run of reconcile.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Walk {
    /// The event that it reads.
    pub event: u8,
    /// An earlier event could not be settled.
    pub unsettled: bool,
}

/// The state of a replay's record and process.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Replay {
    /// The events that it has to publish, one bit each.
    pub selected: u8,
    /// In the record: 0 for a plain one.
    pub generation: u8,
    /// In the record: the first event that is not known to be published.
    pub cursor: u8,
    /// What the process does next.
    pub step: ReplayStep,
}

/// What a replay does next.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum ReplayStep {
    /// It puts the event at the cursor on the bus.
    Publish,
    /// It moves the cursor.
    Advance,
    /// Its process has died: the operator resumes it from the record.
    Dead,
    /// Nothing more.
    Finished,
}

/// A current value: the event that made the state.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level {
    /// Receivers keep the highest.
    pub seq: u8,
    /// The event that made the state.
    pub value: u8,
}

/// What a change calls for.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The event's fact, known by its event and generation.
    Fact(Message),
    /// A level.
    Level(Level),
}

/// The projection's item.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Item {
    /// Counts the writes.
    pub version: u8,
    /// The event that made its state.
    pub state: Option<u8>,
    /// A write that emitted nothing has changed the level: the next message emits it.
    pub owed: bool,
    /// While a level is owed, the state of the last emitted level, if there was one.
    pub emitted: Option<u8>,
    /// The `seq` of the level that was called for last; 0 if none.
    pub seq: u8,
    /// The history of messages, as short as possible: the last one that was written here.
    pub last: Option<Message>,
    /// Facts ever called for, and those that forced replays emitted: also known under the generation if the replay was
    /// first.
    pub facts: BTreeSet<Message>,
    /// Effects not yet known to be on the bus.
    pub pending: BTreeSet<Effect>,
}

/// The commands with which the operator's program reads an object's current state from Stripe.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Refresh {
    /// A rebuild that emits nothing: the changed level is owed.
    Suppressed,
    /// A rebuild that emits.
    Emitting,
    /// An import: it creates a missing object, and emits nothing; it corrects an existing one, and emits.
    Import,
}

/// An active import or rebuild.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Refreshing {
    /// The command.
    pub kind: Refresh,
    /// The event that made the state which Stripe has shown.
    pub shown: u8,
    /// What it does next.
    pub step: RefreshStep,
}

/// What an import or rebuild does next.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum RefreshStep {
    /// It decides and writes the item.
    Write,
    /// It puts effects on the bus.
    Emit(BTreeSet<Effect>),
    /// It removes them from the item.
    Clear(BTreeSet<Effect>),
    /// It has died or failed: the operator runs it again.
    Dead,
}

/// What a worker does next with its message.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Work {
    /// It decides and writes the item.
    Apply {
        /// The item as it was read, if the write has no condition. With the condition, the earlier read doesn't matter,
        /// since the worker reads again after a conflict.
        read: Option<Item>,
    },
    /// It puts effects on the bus.
    Emit(BTreeSet<Effect>),
    /// It removes them from the item.
    Clear(BTreeSet<Effect>),
    /// It deletes the message.
    Acknowledge,
}

/// A worker with a message.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Worker {
    /// The message.
    pub message: Message,
    /// The message is deleted already.
    pub acknowledged: bool,
    /// What it does next.
    pub work: Work,
}

/// The receiver of effects.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Receiver {
    /// How often it has acted on each fact.
    pub acted: Counts,
    /// The level that it holds.
    pub level: Option<Level>,
}

/// Everything at one moment.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct World {
    /// The path of each event to the bus.
    pub events: [Event; EVENTS],
    /// The attempts of ingest.
    pub attempts: [Option<Attempt>; PLACES],
    /// An attempt was refused because of its own claim.
    pub held_by_itself: bool,
    /// Sweep, while it is active.
    pub sweep: Option<Sweep>,
    /// Reconcile.
    pub reconcile: Reconcile,
    /// The replay, once it has begun.
    pub replay: Option<Replay>,
    /// The item and the receiver when a replay began with everything settled.
    pub before_replay: Option<(Item, Receiver)>,
    /// The number of imports and rebuilds that have begun.
    pub refreshes: u8,
    /// The active import or rebuild.
    pub refreshing: Option<Refreshing>,
    /// The newest state that one of them has brought to the item.
    pub taken: Option<u8>,
    /// One of them has changed the level with emission suppressed, and no message of the object was applied since.
    pub awaits_message: bool,
    /// The version that a restore brings back.
    pub backup: Option<Item>,
    /// The item was restored.
    pub restored: bool,
    /// …and the newest event, or a newer one, hasn't been applied since.
    pub behind: bool,
    /// The time: that of the latest level that was called for, or of a restore after it.
    pub time: u8,
    /// Visible messages, and those in transit from the bus: a waiting message counts as one that hasn't arrived.
    pub queue: Counts,
    /// Dead letters.
    pub dead: Counts,
    /// Two workers, `None` while idle.
    pub workers: [Option<Worker>; 2],
    /// The projection's item.
    pub item: Item,
    /// How often each fact was called for.
    pub minted: Counts,
    /// Events whose fact a forced replay emitted first, one bit each.
    pub first_by_replay: u8,
    /// Levels on their way to the receiver. A fact arrives at once: its receiver only asks whether it knows the id.
    pub bus: BTreeSet<Level>,
    /// The receiver.
    pub receiver: Receiver,
    /// How many further copies of messages there were.
    pub duplicates: u8,
    /// How many crashes, refusals, failed calls and lost answers there were.
    pub disturbances: u8,
}

impl World {
    /// An event's path to the bus.
    pub(super) fn event(&mut self, event: u8) -> &mut Event {
        &mut self.events[usize::from(event)]
    }

    /// The item is written. A level that it calls for sets the time.
    pub(super) fn wrote(&mut self, item: Item) {
        self.time = self.time.max(item.seq);
        self.item = item;
    }

    /// Ingest, sweep or reconcile puts an event on the bus.
    pub(super) fn publish(&mut self, event: u8) {
        let one = self.event(event);
        one.copies = (one.copies + 1).min(2);
        self.queue.add(Message::plain(event));
    }

    /// The event that made the state which the item should have: the newest event with a fact that was called for, or
    /// what Stripe has shown.
    #[must_use]
    pub fn newest(&self) -> Option<u8> {
        let event = self.minted.some().map(|fact| fact.event).max();
        event.max(self.taken)
    }

    /// A receiver has acted on the event's fact.
    #[must_use]
    pub const fn took_effect(&self, event: u8) -> bool {
        self.receiver.acted.of(Message::plain(event)) > 0
    }
}
