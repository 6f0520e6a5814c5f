//! What can happen next: one step by one of those at work with one result, a crash, a delivery, time passing.

use super::world::{Level, Message};

/// How a step ends. What each means is said where the step is.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum End {
    /// Carried out, and the answer came.
    Done,
    /// Carried out, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Not carried out, for good. Of the bus: an answer 200 in which this entry's own result is an error.
    Refused,
    /// Whoever was to do it dies, before it is carried out.
    Crash,
}

/// One step of the world. `place` and `worker` are indices.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// Stripe delivers an event: for the first time, again after a failure, or because it didn't hear the answer.
    Deliver {
        /// Which.
        event: u8,
    },
    /// Stripe sends the event no more: it has given up, or counts as delivered what was lost elsewhere.
    GiveUp {
        /// Which.
        event: u8,
    },
    /// An attempt at the door takes its next step.
    Ingest {
        /// Whose.
        place: usize,
        /// How it ends.
        end: End,
    },
    /// A claim's time is over.
    Lapse {
        /// Of which event.
        event: u8,
    },
    /// Sweep picks an event that is due.
    SweepPick {
        /// Which.
        event: u8,
    },
    /// Sweep takes its next step.
    Sweep {
        /// How it ends.
        end: End,
    },
    /// A run of reconcile begins.
    ReconcileBegin,
    /// Reconcile compares an event with the ledger.
    ReconcileLook,
    /// Reconcile dies between two events. With an event in hand it is an attempt at the door.
    ReconcileCrash,
    /// The operator begins a replay of all that the ledger has.
    ReplayBegin,
    /// The replay takes its next step.
    Replay {
        /// How it ends.
        end: End,
    },
    /// The operator resumes a replay that has died.
    ReplayResume,
    /// The operator begins the next import or rebuild, and Stripe shows the object.
    RefreshBegin {
        /// The event whose state Stripe shows.
        shown: u8,
    },
    /// The import or rebuild takes its next step.
    Refresh {
        /// How it ends.
        end: End,
    },
    /// The operator runs an import or rebuild again that has died.
    RefreshAgain {
        /// The event whose state Stripe shows now.
        shown: u8,
    },
    /// The item is kept as it is, to be restored later.
    Backup,
    /// The item is put back to what was kept.
    Restore,
    /// The bus or the queue gives one more copy of a message.
    Again {
        /// Which.
        message: Message,
    },
    /// A message that was given up is put back into its queue.
    Redrive {
        /// Which.
        message: Message,
    },
    /// A worker receives a message.
    Receive {
        /// Who.
        worker: usize,
        /// Which.
        message: Message,
    },
    /// A worker takes its next step.
    Work {
        /// Who.
        worker: usize,
        /// How it ends. After a crash, the message is visible again.
        end: End,
    },
    /// A worker fails a message at its last receive.
    DeadLetter {
        /// Who.
        worker: usize,
    },
    /// The bus gives a level to its receiver.
    Arrive {
        /// Which.
        level: Level,
    },
}
