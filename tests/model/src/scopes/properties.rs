//! What must always hold, and what must be possible.

use stateright::Property;

use super::protocol::Scopes;
use super::world::{ACCOUNTS, Event, Trouble, World};

/// If a run has a request for each account, and its time is not used up by one of them, one run is enough.
pub const NEXT_RUN_REACHES_ALL: &str =
    "the next run lets in what each account that doesn't fail lists";
/// This holds regardless of what an account does, and for any number of requests per run.
pub const EACH_HAS_ITS_TURN: &str = "within a run for each account, each has had its turn";

/// A run continues after an account that failed.
pub const GOES_ON: &str = "a run continues with another account after one has failed";
/// The account that failed is not the first in a later run.
pub const FAILING_COMES_LATER: &str = "the account that fails comes after the other";
/// The event of an account that failed is recorded once the account has recovered.
pub const HEALED: &str = "what an account lists comes in once it is well again";
/// A crash has come between the note of an attempt and its request.
pub const NOTED_IN_VAIN: &str = "a run has died after it had noted an attempt";

/// The promises: in force in every world.
pub const PROMISES: [&str; 2] = [NEXT_RUN_REACHES_ALL, EACH_HAS_ITS_TURN];

/// Sights, which show that the model reaches the interesting worlds.
pub const SIGHTS: [&str; 4] = [GOES_ON, FAILING_COMES_LATER, HEALED, NOTED_IN_VAIN];

type Promise = Property<Scopes>;

pub(super) fn all() -> Vec<Promise> {
    vec![
        Promise::always(NEXT_RUN_REACHES_ALL, |scopes, world| {
            let is_bounded = scopes.requests < ACCOUNTS || scopes.trouble == Trouble::Hangs;
            is_bounded || none_waited(world, 1)
        }),
        Promise::always(EACH_HAS_ITS_TURN, |_, world| none_waited(world, ACCOUNTS)),
        Promise::sometimes(GOES_ON, |_, world| {
            world.has_failed && world.run.is_some_and(|run| run.order[run.at] != 0)
        }),
        Promise::sometimes(FAILING_COMES_LATER, |scopes, world| {
            let is_later = world.run.is_some_and(|run| run.order[0] != 0);
            is_later && scopes.fails(world, 0).is_some()
        }),
        Promise::sometimes(HEALED, |_, world| {
            world.well_again && world.accounts[0].event == Event::LetIn
        }),
        Promise::sometimes(NOTED_IN_VAIN, |_, world| {
            let is_vain = |index: usize| {
                let account = world.accounts[index];
                account.attempted == world.runs && account.compared < world.runs
            };
            world.run.is_none() && world.crashes > 0 && is_vain(1)
        }),
    ]
}

/// No account's event has stayed missing over this number of runs.
fn none_waited(world: &World, runs: usize) -> bool {
    world.accounts.iter().all(|account| account.waited < runs)
}
