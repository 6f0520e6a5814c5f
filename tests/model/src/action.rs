//! What can happen next: one call to AWS by one attempt or sweep with one result, a crash, or time passing.

/// How a call to the ledger ends. A call that fails its condition was `Done`: the caller learns that.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Call {
    /// Carried out, and the answer came.
    Done,
    /// Carried out, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Permanently not carried out: throttled or unreachable until there was no time left.
    Failed,
}

/// How PutEvents ends for this event.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Bus {
    /// On the bus.
    Accepted,
    /// The call succeeded (HTTP 200) but this entry's own result is an error.
    Refused,
    /// On the bus, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Permanently not on the bus: the bus was unavailable until there was no time left.
    Failed,
}

/// One step of the world. `attempt` and `sweep` are indices.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// Stripe's delivery puts its claim, or the SDK repeats it.
    Claim {
        /// The attempt.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// The update that takes a lapsed claim over.
    TakeOver {
        /// The attempt.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// One part of the attempt's own body is stored.
    StorePart {
        /// The attempt.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// The entry is made to name the attempt's own body.
    NameBody {
        /// The attempt.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// Ingest calls `PutEvents`.
    Publish {
        /// The attempt.
        attempt: u8,
        /// How the call ends.
        bus: Bus,
    },
    /// Ingest writes `published_at`.
    Mark {
        /// The attempt.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// Ingest writes `due_at`.
    Defer {
        /// The attempt.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// The attempt dies, or gives up with a 5xx before it has published: the ledger can't tell these apart.
    Crash {
        /// The attempt.
        attempt: u8,
    },
    /// `lapses_at` passes, by the clock of the next reader.
    Lapse,
    /// A sweep reads the entry as due.
    SweepPick {
        /// The sweep.
        sweep: u8,
    },
    /// Sweep calls `PutEvents`, in a batch with other entries.
    SweepPublish {
        /// The sweep.
        sweep: u8,
        /// How the call ends for this entry.
        bus: Bus,
    },
    /// Sweep removes `due_at` and writes `published_at`.
    SweepClear {
        /// The sweep.
        sweep: u8,
        /// How the call ends.
        call: Call,
    },
    /// Sweep moves `due_at` forward.
    SweepPostpone {
        /// The sweep.
        sweep: u8,
    },
    /// The sweep dies.
    SweepCrash {
        /// The sweep.
        sweep: u8,
    },
}
