//! What can happen next: one call by one worker with one result, a crash, a delivery by the queue or by the bus.
//!
//! A call that permanently fails ends the item in failure, and its message goes back to the queue. For the item that
//! equals a crash, so the model has no separate action, except for Clear, which has a rule for it.

use super::world::Level;

/// How a conditional write ends. A write that fails its condition was `Done`: the worker learns that.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Write {
    /// Carried out, or its condition failed, and the answer came.
    Done,
    /// Carried out, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Permanently not carried out. Only for Clear.
    Failed,
}

/// How PutEvents ends.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Bus {
    /// All effects are on the bus.
    Accepted,
    /// The call succeeded, and the first effect's own result is an error.
    FirstRefused,
    /// All effects are on the bus, and the answer was lost: the SDK sends it again.
    AnswerLost,
}

/// One step of the world. `worker` is an index.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// A worker receives a message and reads the item. The read after a conflict is one step with the conflict. That
    /// loses nothing: anything in between could also have happened before the conflicting write.
    Receive {
        /// The worker.
        worker: usize,
        /// The message's event.
        event: u8,
    },
    /// The item is written as the event makes it.
    Apply {
        /// The worker.
        worker: usize,
        /// How the call ends.
        write: Write,
    },
    /// Effects are put on the bus.
    Emit {
        /// The worker.
        worker: usize,
        /// How the call ends.
        bus: Bus,
    },
    /// Emitted effects are removed from the item.
    Clear {
        /// The worker.
        worker: usize,
        /// How the call ends.
        write: Write,
    },
    /// The message is deleted from the queue.
    Acknowledge {
        /// The worker.
        worker: usize,
    },
    /// The worker dies or fails the item; an unacknowledged message is visible again.
    Crash {
        /// The worker.
        worker: usize,
    },
    /// The same, and it was the message's last receive: it goes to the dead letters.
    DeadLetter {
        /// The worker.
        worker: usize,
    },
    /// Another copy of an event's message is put into the queue: at-least-once delivery, a replay, a redrive.
    Redeliver {
        /// The message's event.
        event: u8,
    },
    /// The bus delivers a level to its receiver.
    Deliver {
        /// The level.
        level: Level,
    },
}
