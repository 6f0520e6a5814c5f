//! The parts of a world: the projection's item, the queue, two workers, and the receivers behind the bus.
//!
//! One world follows one object. Every growing value is bounded by the number of events and redeliveries, or capped, so
//! the set of worlds is finite.

use std::collections::BTreeSet;

/// A current value. The value is the number of the event that made the state: events are numbered in their true order.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level {
    /// Receivers keep the highest.
    pub seq: u8,
    /// The event that made the state.
    pub value: u8,
}

/// The id by which receivers distinguish effects.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectId {
    /// A fact's.
    Fact(u8),
    /// A level's: its key, of which there is one here, and its `seq`.
    Level(u8),
}

/// An effect that is stored with the item.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pending {
    /// Its id.
    pub id: EffectId,
    /// The event that called for it.
    pub event: u8,
}

/// The projection's item.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Item {
    /// Counts the writes.
    pub version: u8,
    /// The event that made its state.
    pub state: Option<u8>,
    /// The last events that were written here, newest last.
    pub history: Vec<u8>,
    /// Facts ever called for, newest last.
    pub facts: Vec<u8>,
    /// Effects not yet known to be on the bus.
    pub pending: BTreeSet<Pending>,
}

/// What a worker does next with its message.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Step {
    /// It has read the item; it decides and writes.
    Apply {
        /// The item as it was read.
        read: Item,
    },
    /// It puts effects on the bus.
    Emit {
        /// The item as this worker last knew it.
        seen: Item,
        /// The effects.
        effects: BTreeSet<Pending>,
    },
    /// It removes effects from the item.
    Clear {
        /// The item as this worker last knew it.
        seen: Item,
        /// The effects.
        effects: BTreeSet<Pending>,
    },
    /// It deletes the message.
    Acknowledge,
}

/// A worker with a message.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Worker {
    /// The message's event.
    pub event: u8,
    /// The message is deleted already.
    pub acknowledged: bool,
    /// What it does next.
    pub step: Step,
}

/// Everything at one moment. Vectors of numbers have one for each event.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct World {
    /// The projection's item.
    pub item: Item,
    /// Visible messages.
    pub queue: Vec<u8>,
    /// Two workers, `None` while idle. They belong to two environments, or to one batch and its redelivery.
    pub workers: [Option<Worker>; 2],
    /// Events with a message among the dead letters.
    pub dead: BTreeSet<u8>,
    /// How often each change's fact was called for; 2 stands for two or more.
    pub minted: Vec<u8>,
    /// How often each change's fact was put on the bus; 2 stands for two or more.
    pub emitted: Vec<u8>,
    /// Levels on their way to the receiver.
    pub bus: BTreeSet<Level>,
    /// The level that the receiver holds.
    pub receiver: Option<Level>,
    /// Effects that were removed from the item.
    pub cleared: BTreeSet<Pending>,
    /// How many redeliveries there were.
    pub redeliveries: u8,
    /// How many crashes, failed calls and lost answers there were.
    pub disturbances: u8,
}

impl World {
    /// Each event has one message in the queue, in no order.
    #[must_use]
    pub fn new(events: u8) -> Self {
        let events = usize::from(events);
        Self {
            item: Item::default(),
            queue: vec![1; events],
            workers: [None, None],
            dead: BTreeSet::new(),
            minted: vec![0; events],
            emitted: vec![0; events],
            bus: BTreeSet::new(),
            receiver: None,
            cleared: BTreeSet::new(),
            redeliveries: 0,
            disturbances: 0,
        }
    }

    /// No message is in the queue or at a worker.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.queue.iter().all(|copies| *copies == 0) && self.workers.iter().all(Option::is_none)
    }

    /// Quiet, and every message was acknowledged in the end.
    #[must_use]
    pub fn done(&self) -> bool {
        self.quiet() && self.dead.is_empty()
    }

    /// Quiet, and the bus has delivered everything.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.quiet() && self.bus.is_empty()
    }
}
