//! A ledger with calls that fail, or succeed with a lost response, as a test scripts it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use sluice_kernel::code;
use sluice_kernel::delivery::ledger::{Arrival, Claimed, Decision, Deferred, EntryState, Ledger};
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::Standings;

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It works.
    Works,
    /// It doesn't happen.
    DropBefore,
    /// It happens, and the answer is lost.
    DropAfter,
}

/// A call of the [`Ledger`] that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// [`Ledger::claim`].
    Claim,
    /// [`Ledger::complete`].
    Complete,
    /// [`Ledger::mark`].
    Mark,
    /// [`Ledger::defer`].
    Defer,
}

/// The ledger with scripted faults.
#[derive(Debug)]
pub struct FaultyLedger<L> {
    inner: L,
    script: Mutex<VecDeque<(Call, Fate)>>,
}

impl<L> FaultyLedger<L> {
    /// Wraps a ledger that works.
    pub fn new(inner: L) -> Self {
        Self {
            inner,
            script: Mutex::default(),
        }
    }

    /// The ledger behind the faults.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// Scripts the result of the next call of this kind that has none yet.
    pub fn then(self, call: Call, fate: Fate) -> Self {
        self.script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back((call, fate));
        self
    }

    fn fate(&self, call: Call) -> Fate {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let next = script.iter().position(|(scripted, _)| *scripted == call);
        next.and_then(|index| script.remove(index))
            .map_or(Fate::Works, |(_, fate)| fate)
    }

    async fn run<T>(
        &self,
        call: Call,
        inner: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let lost = || Fault::retry(code::LEDGER_UNAVAILABLE, "scripted");
        match self.fate(call) {
            Fate::Works => inner.await,
            Fate::DropBefore => Err(lost()),
            Fate::DropAfter => inner.await.and(Err(lost())),
        }
    }
}

impl<L: Ledger> Ledger for FaultyLedger<L> {
    async fn claim(&self, arrival: &Arrival<'_>) -> Result<Claimed, Fault> {
        self.run(Call::Claim, self.inner.claim(arrival)).await
    }

    async fn look(&self, arrival: &Arrival<'_>) -> Result<Decision, Fault> {
        self.inner.look(arrival).await
    }

    async fn complete(&self, arrival: &Arrival<'_>) -> Result<(), Fault> {
        self.run(Call::Complete, self.inner.complete(arrival)).await
    }

    async fn mark(&self, arrival: &Arrival<'_>, now_ms: i64) -> Result<bool, Fault> {
        self.run(Call::Mark, self.inner.mark(arrival, now_ms)).await
    }

    async fn defer(&self, arrival: &Arrival<'_>, due_at_ms: i64) -> Result<Deferred, Fault> {
        self.run(Call::Defer, self.inner.defer(arrival, due_at_ms))
            .await
    }

    async fn keep_other(&self, arrival: &Arrival<'_>) -> Result<(), Fault> {
        self.inner.keep_other(arrival).await
    }
}

impl<L: Standings> Standings for FaultyLedger<L> {
    async fn standings(&self, ids: &[&str]) -> Result<Vec<Option<EntryState>>, Fault> {
        self.inner.standings(ids).await
    }

    async fn accounts_seen(
        &self,
        livemode: bool,
        since_ms: i64,
        limit: usize,
    ) -> Result<BTreeSet<String>, Fault> {
        self.inner.accounts_seen(livemode, since_ms, limit).await
    }
}
