//! The parts of a world: the ledger's entry and parts, the bus, the deliveries at ingest and the sweeps.
//!
//! One world follows one event. Every growing value is bounded by the number of deliveries and sweeps, or capped, so
//! the set of worlds is finite.

/// The number of items that a large body is split into. Two are enough for an incomplete or mixed body.
pub const PARTS: u8 = 2;

/// The bytes of one event can differ between deliveries (`pending_webhooks` counts down), and their hash with them.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Version {
    /// The bytes of deliveries 1, 3, …
    A,
    /// The bytes of deliveries 2, 4, …
    B,
}

/// The items that hold large bodies: which parts of which version are stored.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Parts(u8);

impl Parts {
    const fn bit(version: Version, part: u8) -> u8 {
        1 << (version as u8 * PARTS + part)
    }

    /// Stores one part. If keyed by content, it is stored next to the other version's; otherwise it replaces it.
    pub const fn store(&mut self, version: Version, part: u8, keyed_by_content: bool) {
        if !keyed_by_content {
            self.0 &= !(Self::bit(Version::A, part) | Self::bit(Version::B, part));
        }
        self.0 |= Self::bit(version, part);
    }

    /// Whether some parts of `version` are stored and others not.
    #[must_use]
    pub fn torn(self, version: Version) -> bool {
        !self.complete(version) && (0..PARTS).any(|part| self.0 & Self::bit(version, part) != 0)
    }

    /// Whether every part of `version` can be read.
    #[must_use]
    pub fn complete(self, version: Version) -> bool {
        (0..PARTS).all(|part| self.0 & Self::bit(version, part) != 0)
    }
}

/// The ledger's row for the event.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Entry {
    /// The attempt that holds the claim: an index into [`World::attempts`].
    pub attempt: u8,
    /// `lapses_at` has passed, by the clock of the reader.
    pub lapsed: bool,
    /// `published_at` is set.
    pub published: bool,
    /// `due_at` is set: the entry is in sweep's index.
    pub due: bool,
    /// The body that the entry holds, if small, or names, if large. A large one is named after its parts are stored.
    pub body: Option<Version>,
}

/// The outcome of a delivery's claim.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Outcome {
    /// The first claim, or this attempt's own claim met again.
    Won,
    /// The claim had lapsed; this attempt holds it now.
    TookOver,
    /// Published before.
    Finished,
    /// Due: sweep will publish it.
    Queued,
    /// Another attempt is live.
    Held,
}

/// The answer to Stripe, if it isn't 5xx ([`Step::Failed`]).
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Answer {
    /// 200: on the bus.
    Accepted,
    /// 200: on the bus before.
    Duplicate,
    /// 200: sweep will publish it.
    Queued,
    /// 409: another attempt is live; Stripe should send it again.
    Held,
}

impl Answer {
    /// Whether Stripe counts the event as delivered and never sends it again.
    #[must_use]
    pub const fn acknowledges(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate | Self::Queued)
    }
}

/// What a delivery does next.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Step {
    /// Not sent by Stripe yet.
    Waiting,
    /// It puts the entry, on condition that there is none.
    Claim,
    /// It updates the entry of a lapsed claim.
    TakeOver {
        /// The attempt that was seen to hold it.
        seen: u8,
        /// Whether the entry was seen to hold or name a body.
        named: bool,
    },
    /// It stores this part of its own body.
    StorePart(u8),
    /// It makes the entry name its own body.
    NameBody,
    /// It puts the event on the bus.
    Publish,
    /// It writes `published_at`.
    Mark,
    /// It writes `due_at`.
    Defer {
        /// The event is on the bus, and only the mark failed.
        after_publish: bool,
    },
    /// Done.
    Answered(Answer),
    /// Answered 5xx, or died without an answer: Stripe sends it again after both.
    Failed,
}

/// One delivery of the event by Stripe, and the attempt that serves it.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Attempt {
    /// What it does next.
    pub step: Step,
    /// The outcome of its claim. It is kept only while the attempt is live, or if the answer depends on it: the
    /// knowledge of an ended attempt changes nothing, and without it equal worlds are equal.
    pub outcome: Option<Outcome>,
}

impl Attempt {
    /// A delivery that Stripe has not sent yet.
    pub const WAITING: Self = Self {
        step: Step::Waiting,
        outcome: None,
    };

    /// Whether it has begun and not ended.
    #[must_use]
    pub const fn live(self) -> bool {
        !matches!(self.step, Step::Waiting | Step::Answered(_) | Step::Failed)
    }
}

/// What a run of sweep does next with the event.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum SweepStep {
    /// Not running.
    Idle,
    /// Has read the entry as due; puts it on the bus in a batch.
    Publish,
    /// The bus has it; removes `due_at` and writes `published_at`.
    Clear,
    /// The bus refused it; moves `due_at` forward.
    Postpone,
}

/// Everything at one moment.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct World {
    /// Stripe's deliveries of the event. They begin in this order and then run in parallel.
    pub attempts: Vec<Attempt>,
    /// The ledger's row.
    pub entry: Option<Entry>,
    /// The ledger's items for large bodies.
    pub parts: Parts,
    /// Copies of the event on the bus; 2 stands for two or more.
    pub copies: u8,
    /// Two sweeps, which may overlap.
    pub sweeps: [SweepStep; 2],
    /// How often a sweep has picked the entry up.
    pub picks: u8,
    /// Something has happened after which a second copy may be published without an error: the bus's answer was lost,
    /// the publisher died or could not record it, a live claim lapsed, or two sweeps overlapped.
    pub in_doubt: bool,
}

impl World {
    /// Before Stripe's first delivery.
    #[must_use]
    pub fn new(attempts: u8) -> Self {
        Self {
            attempts: vec![Attempt::WAITING; usize::from(attempts)],
            entry: None,
            parts: Parts::default(),
            copies: 0,
            sweeps: [SweepStep::Idle; 2],
            picks: 0,
            in_doubt: false,
        }
    }

    /// No attempt or sweep is active. Deliveries that Stripe may still send don't count: an acknowledged event is not
    /// sent again.
    #[must_use]
    pub fn quiet(&self) -> bool {
        !self.attempts.iter().any(|attempt| attempt.live()) && self.sweeps == [SweepStep::Idle; 2]
    }

    /// Stripe was answered 2xx at least once.
    #[must_use]
    pub fn acknowledged(&self) -> bool {
        self.answers().any(Answer::acknowledges)
    }

    /// The answers given so far.
    pub fn answers(&self) -> impl Iterator<Item = Answer> {
        self.attempts
            .iter()
            .filter_map(|attempt| match attempt.step {
                Step::Answered(answer) => Some(answer),
                _ => None,
            })
    }

    /// Whether the attempt that holds the claim is still active.
    #[must_use]
    pub fn holder_is_live(&self) -> bool {
        self.entry
            .as_ref()
            .is_some_and(|entry| self.attempts[usize::from(entry.attempt)].live())
    }

    /// The attempt continues with this step, or ends with it.
    pub(crate) fn go(&mut self, attempt: u8, step: Step) {
        let attempt = &mut self.attempts[usize::from(attempt)];
        attempt.step = step;
        if !attempt.live() {
            attempt.outcome = None;
        }
    }

    /// The bus accepts one more copy.
    pub(crate) fn take_copy(&mut self) {
        self.copies = (self.copies + 1).min(2);
    }
}
