//! What can happen next: one call to AWS by one attempt or sweep with one result, a crash, or time passing.

/// How a call to the ledger ends. A call that fails its condition was `Done`: the caller learns it.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Call {
    /// Carried out, and the answer came.
    Done,
    /// Carried out, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Not carried out, for good: throttled or unreachable until there was no time left.
    Failed,
}

/// How PutEvents ends for this event.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Bus {
    /// On the bus.
    Accepted,
    /// The call succeeded (HTTP 200) and this entry's own result is an error.
    Refused,
    /// On the bus, and the answer was lost: the SDK sends it again.
    AnswerLost,
    /// Not on the bus, for good: the bus is out until there was no time left.
    Failed,
}

/// One step of the world. `attempt` and `sweep` are indices.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// Stripe's delivery puts its claim, or the SDK repeats it.
    Claim {
        /// Whose.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// The update that takes a lapsed claim over.
    TakeOver {
        /// Whose.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// One part of the attempt's own body is stored.
    StorePart {
        /// Whose.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// The entry is made to name the attempt's own body.
    NameBody {
        /// Whose.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// PutEvents by the door.
    Publish {
        /// Whose.
        attempt: u8,
        /// How the call ends.
        bus: Bus,
    },
    /// `published_at` is written by the door.
    Mark {
        /// Whose.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// `due_at` is written by the door.
    Defer {
        /// Whose.
        attempt: u8,
        /// How the call ends.
        call: Call,
    },
    /// The attempt dies, or gives up with a 5xx before it has published: the ledger can't tell these apart.
    Crash {
        /// Whose.
        attempt: u8,
    },
    /// `lapses_at` passes, by the clock of whoever looks next.
    Lapse,
    /// A sweep reads the entry as due.
    SweepPick {
        /// Whose.
        sweep: u8,
    },
    /// PutEvents by sweep, in a batch with other entries.
    SweepPublish {
        /// Whose.
        sweep: u8,
        /// How the call ends for this entry.
        bus: Bus,
    },
    /// `due_at` is removed and `published_at` written by sweep.
    SweepClear {
        /// Whose.
        sweep: u8,
        /// How the call ends.
        call: Call,
    },
    /// `due_at` is moved forward by sweep.
    SweepPostpone {
        /// Whose.
        sweep: u8,
    },
    /// The sweep dies.
    SweepCrash {
        /// Whose.
        sweep: u8,
    },
}
