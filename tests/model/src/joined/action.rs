//! What can happen next: one step by one active part with one result, a crash, a delivery, time passing.

use super::world::{Level, Message};

/// How a step ends. Each step documents what its ends mean.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum End {
    /// Carried out, and the answer came.
    Done,
    /// Carried out, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Permanently not carried out. For the bus: an answer 200 in which this entry's own result is an error.
    Refused,
    /// The actor dies before the step is carried out.
    Crash,
}

/// One step of the world. `place` and `worker` are indices.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// Stripe delivers an event: for the first time, again after a failure, or because the answer was lost.
    Deliver {
        /// The event.
        event: u8,
    },
    /// Stripe no longer sends the event: it has given up, or counts it as delivered although it was lost elsewhere.
    GiveUp {
        /// The event.
        event: u8,
    },
    /// An attempt of ingest takes its next step.
    Ingest {
        /// The attempt's place.
        place: usize,
        /// How it ends.
        end: End,
    },
    /// A claim lapses.
    Lapse {
        /// The event.
        event: u8,
    },
    /// Sweep picks an event that is due.
    SweepPick {
        /// The event.
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
    /// Reconcile dies between two events. While it handles an event, it counts as an attempt of ingest.
    ReconcileCrash,
    /// The operator begins a replay of everything in the ledger.
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
        /// The event that made the state which Stripe shows.
        shown: u8,
    },
    /// The import or rebuild takes its next step.
    Refresh {
        /// How it ends.
        end: End,
    },
    /// The operator runs a dead import or rebuild again.
    RefreshAgain {
        /// The event that made the state which Stripe shows now.
        shown: u8,
    },
    /// The item is kept as it is, to be restored later.
    Backup,
    /// The item is set back to the kept version.
    Restore,
    /// The bus or the queue delivers one more copy of a message.
    Again {
        /// The message.
        message: Message,
    },
    /// A dead letter is put back into its queue.
    Redrive {
        /// The message.
        message: Message,
    },
    /// A worker receives a message.
    Receive {
        /// The worker.
        worker: usize,
        /// The message.
        message: Message,
    },
    /// A worker takes its next step.
    Work {
        /// The worker.
        worker: usize,
        /// How it ends. After a crash, the message is visible again.
        end: End,
    },
    /// A worker fails a message at its last receive.
    DeadLetter {
        /// The worker.
        worker: usize,
    },
    /// The bus delivers a level to its receiver.
    Arrive {
        /// The level.
        level: Level,
    },
}
