//! The parts of a world: two accounts at Stripe with their cursors, and a run of reconcile.

/// The number of accounts. The first one fails.
pub const ACCOUNTS: usize = 2;

/// How the first account fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Stripe refuses to list its events.
    Refused,
    /// Stripe doesn't answer before the run's time is over: the run ends there.
    Hangs,
}

/// The event of an account.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub enum Event {
    /// It hasn't happened.
    #[default]
    Unborn,
    /// Stripe lists it, and the ledger doesn't have it.
    Missing,
    /// Reconcile has recorded it.
    LetIn,
}

/// An account, with its cursor.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct Account {
    /// Its event.
    pub event: Event,
    /// In the cursor: the run that attempted it last; 0 for none.
    pub attempted: u8,
    /// In the cursor: the run that compared it last; 0 for none.
    pub compared: u8,
    /// The number of consecutive runs that didn't die and left its event missing, although it was listed at their
    /// beginning.
    pub waited: usize,
}

/// What a run does next with its account.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Step {
    /// It writes into the cursor that it attempts the account.
    Note,
    /// It lists the account's events, records what is missing, and writes into the cursor that the account was
    /// compared.
    Compare,
}

/// A run of reconcile.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Run {
    /// The accounts in their order.
    pub order: [usize; ACCOUNTS],
    /// Its position in the order.
    pub at: usize,
    /// What it does next.
    pub step: Step,
    /// Which accounts had an event missing, and didn't fail, when it began.
    pub expected: [bool; ACCOUNTS],
}

/// Everything at one moment.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub struct World {
    /// The accounts, by their names.
    pub accounts: [Account; ACCOUNTS],
    /// The first one no longer fails.
    pub well_again: bool,
    /// The number of runs that have begun.
    pub runs: u8,
    /// The active run.
    pub run: Option<Run>,
    /// The active run has met the account that fails.
    pub has_failed: bool,
    /// The number of crashes so far.
    pub crashes: u8,
}

/// One step of the world.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// An account's event happens.
    Happens {
        /// The account.
        account: usize,
    },
    /// The account that failed has recovered.
    Heals,
    /// A run begins.
    Begin,
    /// The run takes its next step.
    Step,
    /// The run dies before its next step.
    Crash,
}
