//! What can happen next: one call by one worker with one result, a crash, a delivery by the queue or by the bus.
//!
//! A call that is not carried out for good ends the item in failure, and its message goes back to the queue: to the
//! item that is a crash, and it is not told apart from one, except for Clear, where that is a rule.

use super::world::Level;

/// How a conditional write ends. A write that fails its condition was `Done`: the worker learns it.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Write {
    /// Carried out, or its condition failed, and the answer came.
    Done,
    /// Carried out, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Not carried out, for good. Clear only.
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
    /// A worker receives a message and reads the item. That the read after a conflict is one step with the conflict
    /// leaves nothing out: whatever happens in between could have happened before the write that met it.
    Receive {
        /// Who.
        worker: usize,
        /// Which event's message.
        event: u8,
    },
    /// The item is written as the event makes it.
    Apply {
        /// Who.
        worker: usize,
        /// How the call ends.
        write: Write,
    },
    /// Effects are put on the bus.
    Emit {
        /// Who.
        worker: usize,
        /// How the call ends.
        bus: Bus,
    },
    /// Emitted effects are taken off the item.
    Clear {
        /// Who.
        worker: usize,
        /// How the call ends.
        write: Write,
    },
    /// The message is deleted from the queue.
    Acknowledge {
        /// Who.
        worker: usize,
    },
    /// The worker dies or fails the item; an unacknowledged message is visible again.
    Crash {
        /// Who.
        worker: usize,
    },
    /// The same, and it was the message's last receive: it goes to the dead letters.
    DeadLetter {
        /// Who.
        worker: usize,
    },
    /// Another copy of an event's message is put into the queue: at-least-once delivery, a replay, a redrive.
    Redeliver {
        /// Which event's.
        event: u8,
    },
    /// The bus delivers a level to its receiver.
    Deliver {
        /// Which.
        level: Level,
    },
}
