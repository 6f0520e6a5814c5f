//! A model of the order of accounts in reconcile: two accounts in one run, of which one fails.
//!
//! [`joined`](crate::joined) has one account, and what reconcile does with each of its events. This model has two
//! accounts, each with an event that Stripe lists and the ledger doesn't have, and asks which account comes next.
//!
//! # The world
//!
//! - **An account** ([`Account`]) gets its event at any time. Its cursor holds the run in which it was last attempted,
//!   and the run in which it was last compared.
//! - **The first one fails** ([`Trouble`]): Stripe refuses its list, or doesn't answer until the run's time is over. It
//!   may recover at any time, or never.
//! - **A run** takes the accounts in an order that it decides at its beginning, by the cursors; equal accounts are
//!   ordered by their names, and the first is the one that fails. It notes the attempt, lists the account's events,
//!   records what the ledger doesn't have, and writes the cursor. It ends with the last account or at its bound of
//!   requests ([`Scopes::requests`]); it dies at any step.
//!
//! # What is promised
//!
//! [`properties`] lists it: regardless of what another account does, the next run records what is listed for an account
//! that doesn't fail; the second run does if one run doesn't have the requests or the time for both. Runs that die are
//! not counted, but what they wrote is there. [`properties::SIGHTS`] lists what must be reached.
//!
//! # What is not modelled
//!
//! How an event is recorded: [`joined`](crate::joined) has that. The platform's own scope next to its accounts; lists
//! of more than one page; what ends a run for all accounts, such as an unavailable ledger; accounts that come and go.
//! Two accounts, four runs and two crashes were tried.
//!
//! # Reading a counterexample
//!
//! `tests/scopes.rs` drops one rule ([`Rules`]) at a time. To read the stories:
//!
//! ```text
//! cargo test -p sluice-model --test scopes -- --nocapture --test-threads 1
//! ```
//!
//! One of them is:
//!
//! ```text
//! within a run for each account, each has had its turn (account 1 is refused, 1 request per run)
//!   1. Stripe     lists an event of account 2
//!   2. reconcile  begins run 1                        → account 1 next
//!   3. reconcile  notes an attempt of account 1       → account 1 next
//!   4. reconcile  is refused the list of account 1    → ends
//!   5. reconcile  begins run 2                        → account 1 next
//!   6. reconcile  notes an attempt of account 1       → account 1 next
//!   7. reconcile  is refused the list of account 1    → ends
//!      in the end: account 1 attempted in run 2, has no event; account 2 never attempted, its event is missing
//! ```
//!
//! Each line is one step: the actor, the step, and after the arrow its result. The last line is the state of the
//! accounts. Here the accounts are sorted by their progress: the first one makes none, comes first again, and uses up
//! the one request of each later run.

pub mod properties;
mod protocol;
mod story;
mod transitions;
mod world;

pub use protocol::{Rules, Scopes};
pub use world::{ACCOUNTS, Account, Action, Event, Run, Step, Trouble, World};
