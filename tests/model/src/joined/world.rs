//! What there is: Stripe, the door with its ledger, the queue, the workers and their item, and a receiver of effects.
//!
//! One world follows the events of one object. Everything that only grows is bounded by the configuration or capped, so
//! the set of worlds is finite.

use std::collections::BTreeSet;

/// How many events a world can have, at most.
pub const EVENTS: usize = 2;

/// Generation 0 is what was never forced, 1 a forced run, 2 what that run becomes if it forgets its generation.
pub const GENERATIONS: usize = 3;

/// Where attempts at the door have their places: two for Stripe's deliveries, and reconcile's.
pub const PLACES: usize = 3;

/// Reconcile's place among the attempts.
pub const RECONCILE: usize = 2;

/// An event under a generation. A message of the queue is known by it, and so is the fact that the event tells.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// Events are numbered in their true order.
    pub event: u8,
    /// 0, but for forced replays.
    pub generation: u8,
}

/// A number for each event under each generation.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Counts([[u8; GENERATIONS]; EVENTS]);

impl Counts {
    /// How many; 2 stands for two or more.
    #[must_use]
    pub const fn of(&self, message: Message) -> u8 {
        self.0[message.event as usize][message.generation as usize]
    }

    /// One more, up to 2.
    pub fn add(&mut self, message: Message) {
        let count = &mut self.0[usize::from(message.event)][usize::from(message.generation)];
        *count = (*count + 1).min(2);
    }

    /// One less.
    pub fn take(&mut self, message: Message) {
        let count = &mut self.0[usize::from(message.event)][usize::from(message.generation)];
        *count = count.saturating_sub(1);
    }

    /// Of which there is at least one.
    pub fn some(self) -> impl Iterator<Item = Message> {
        Message::all().filter(move |message| self.of(*message) > 0)
    }
}

impl Message {
    /// An event as Stripe tells it.
    #[must_use]
    pub const fn plain(event: u8) -> Self {
        Self {
            event,
            generation: 0,
        }
    }

    /// All that there can be.
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
    /// The attempt that holds the claim, by its place; `None` once it is over.
    pub holder: Option<u8>,
    /// `lapses_at` has passed. Never while the holder is at work: clocks that differ are the door's model's.
    pub lapsed: bool,
    /// `published_at` is set.
    pub published: bool,
    /// `due_at` is set.
    pub due: bool,
}

/// What an attempt at the door does next.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Step {
    /// Claims the entry: puts it, takes it over, or learns why not.
    Claim,
    /// Puts the event on the bus.
    Publish,
    /// Writes `published_at`.
    Mark,
    /// Writes `due_at`.
    Defer {
        /// The event is on the bus, and only the mark failed.
        after_publish: bool,
    },
}

/// An attempt at the door: one of Stripe's deliveries, or reconcile with an event that it has found.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Attempt {
    /// Which event.
    pub event: u8,
    /// What it does next.
    pub step: Step,
}

/// One event, from Stripe to the bus.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Event {
    /// How many deliveries Stripe has sent, or has given up to send.
    pub sent: u8,
    /// Stripe was answered 2xx, whether or not it heard.
    pub acknowledged: bool,
    /// The ledger's row.
    pub entry: Option<Entry>,
    /// Copies that the door, sweep and reconcile have put on the bus; 2 stands for two or more.
    pub copies: u8,
    /// Something has happened after which a second copy is nobody's mistake: an answer of the bus was lost, or who
    /// published died or could not write it down.
    pub in_doubt: bool,
}

/// What sweep does next with the event that it has picked.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Sweep {
    /// Puts it on the bus.
    Publish {
        /// Which.
        event: u8,
    },
    /// Writes that it is published.
    Clear {
        /// Which.
        event: u8,
    },
}

/// Reconcile: it walks over Stripe's events, compares with the ledger, and moves its cursor behind what it has settled.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Reconcile {
    /// How many runs there were.
    pub runs: u8,
    /// The run at work.
    pub walk: Option<Walk>,
    /// The cursor is behind the events: no run looks at them again.
    pub passed: bool,
}

/// A run of reconcile.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Walk {
    /// The event that it looks at.
    pub event: u8,
    /// One before it could not be settled.
    pub unsettled: bool,
}

/// A replay, as its record and its process stand.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Replay {
    /// The events that it was to publish, one bit each.
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
    /// Puts the event at the cursor on the bus.
    Publish,
    /// Moves the cursor.
    Advance,
    /// Its process has died: the operator resumes it from the record.
    Dead,
    /// Nothing more.
    Finished,
}

/// The current value of something: the event whose state it is.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level {
    /// Receivers keep the highest.
    pub seq: u8,
    /// Which event's.
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
    /// The event whose state it holds.
    pub state: Option<u8>,
    /// A write that emitted nothing has changed the level: the next message emits it.
    pub owed: bool,
    /// While a level is owed, the state whose level was emitted last, if there was one.
    pub emitted: Option<u8>,
    /// The `seq` of the level that was called for last; 0 for none.
    pub seq: u8,
    /// The history of messages, as short as can be: the last one that was written here.
    pub last: Option<Message>,
    /// Facts ever called for, and what forced replays told: known under the generation, too, if the replay was first.
    pub facts: BTreeSet<Message>,
    /// Effects not yet known to be on the bus.
    pub pending: BTreeSet<Effect>,
}

/// How the operator has an object's state taken from Stripe as it is there now.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Refresh {
    /// A rebuild that emits nothing: what it changes is owed.
    Suppressed,
    /// A rebuild that emits.
    Emitting,
    /// An import: it makes an object that isn't there, and emits nothing; it corrects one that is there, and emits.
    Import,
}

/// An import or rebuild at work.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Refreshing {
    /// Which.
    pub kind: Refresh,
    /// The event whose state Stripe has shown.
    pub shown: u8,
    /// What it does next.
    pub step: RefreshStep,
}

/// What an import or rebuild does next.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum RefreshStep {
    /// Decides and writes the item.
    Write,
    /// Puts effects on the bus.
    Emit(BTreeSet<Effect>),
    /// Takes them off the item.
    Clear(BTreeSet<Effect>),
    /// It has died or failed: the operator runs it again.
    Dead,
}

/// What a worker does next with its message.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Work {
    /// Decides and writes the item.
    Apply {
        /// The item as it was read, where the write has no condition. With the condition, what was read before doesn't
        /// matter, since a conflict reads again.
        read: Option<Item>,
    },
    /// Puts effects on the bus.
    Emit(BTreeSet<Effect>),
    /// Takes them off the item.
    Clear(BTreeSet<Effect>),
    /// Deletes the message.
    Acknowledge,
}

/// A worker with a message.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Worker {
    /// Which.
    pub message: Message,
    /// The message is deleted already.
    pub acknowledged: bool,
    /// What it does next.
    pub work: Work,
}

/// Who receives effects.
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
    /// Each event's way to the bus.
    pub events: [Event; EVENTS],
    /// Who is at the door.
    pub attempts: [Option<Attempt>; PLACES],
    /// An attempt was sent away on account of its own claim.
    pub held_by_itself: bool,
    /// Sweep, while it is at work.
    pub sweep: Option<Sweep>,
    /// Reconcile.
    pub reconcile: Reconcile,
    /// The replay, once it has begun.
    pub replay: Option<Replay>,
    /// How the item and the receiver stood when a replay began with everything settled.
    pub before_replay: Option<(Item, Receiver)>,
    /// How many imports and rebuilds have begun.
    pub refreshes: u8,
    /// The one at work.
    pub refreshing: Option<Refreshing>,
    /// The newest state that one of them has brought to the item.
    pub taken: Option<u8>,
    /// One of them has changed the level and was to emit nothing, and no message of the object was applied since.
    pub awaits_message: bool,
    /// What a restore puts back.
    pub backup: Option<Item>,
    /// The item was restored.
    pub restored: bool,
    /// …and the newest event, or one that is newer, hasn't been applied since.
    pub behind: bool,
    /// The time: that of the latest level that was called for, or of a restore after it.
    pub time: u8,
    /// Visible messages, and those on the bus's way here: a message that waits is one that is not yet there.
    pub queue: Counts,
    /// Messages that were given up.
    pub dead: Counts,
    /// Two workers, `None` while idle.
    pub workers: [Option<Worker>; 2],
    /// The projection's item.
    pub item: Item,
    /// How often each fact was called for.
    pub minted: Counts,
    /// Events whose fact was told first by a forced replay, one bit each.
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
    /// An event's way to the bus.
    pub(super) fn event(&mut self, event: u8) -> &mut Event {
        &mut self.events[usize::from(event)]
    }

    /// The item is written. A level that it calls for says what time it is.
    pub(super) fn wrote(&mut self, item: Item) {
        self.time = self.time.max(item.seq);
        self.item = item;
    }

    /// An event is put on the bus by the door, sweep or reconcile.
    pub(super) fn publish(&mut self, event: u8) {
        let told = self.event(event);
        told.copies = (told.copies + 1).min(2);
        self.queue.add(Message::plain(event));
    }

    /// The event whose state the item should have: the newest whose fact was called for, or what Stripe has shown.
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
