//! The order of accounts in reconcile as a stateright model: what can happen in a world, and what it leads to.

use super::world::{ACCOUNTS, Action, Event, Run, Step, Trouble, World};

/// Which rules are kept. `true` is reconcile as designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// An account that fails doesn't end the run. Without it, the accounts after it wait for the next run.
    pub a_failure_ends_no_run: bool,
    /// Accounts are ordered by their last attempt. Without it, if they are ordered by their progress, an account that
    /// always fails makes none and is always first.
    pub turns_go_by_attempt: bool,
    /// The attempt is noted before the request. Without it, if it is noted with the answer, a run that ends while it
    /// waits leaves no trace, and the next one begins with the same account.
    pub attempts_are_noted_first: bool,
}

impl Rules {
    /// Reconcile as designed.
    pub const ALL: Self = Self {
        a_failure_ends_no_run: true,
        turns_go_by_attempt: true,
        attempts_are_noted_first: true,
    };
}

/// One configuration of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// How the first account fails.
    pub trouble: Trouble,
    /// The most requests per run: each account takes one, even if it fails.
    pub requests: usize,
    /// The most runs.
    pub runs: u8,
    /// The most crashes, in total.
    pub crashes: u8,
    /// The rules that are kept.
    pub rules: Rules,
}

impl Scopes {
    /// The world after `action`. The caller ensures that `action` is possible.
    #[must_use]
    pub fn after(&self, world: &World, action: Action) -> World {
        let mut world = *world;
        match action {
            Action::Happens { account } => world.accounts[account].event = Event::Missing,
            Action::Heals => world.well_again = true,
            Action::Begin => self.begin(&mut world),
            Action::Step => self.step(&mut world),
            Action::Crash => {
                world.crashes += 1;
                world.run = None;
                for account in &mut world.accounts {
                    account.waited = 0;
                }
            }
        }
        world
    }

    fn begin(&self, world: &mut World) {
        let accounts = world.accounts;
        let mut order = [0, 1];
        // Equal accounts stay in the order of their names.
        order.sort_by_key(|&index| match self.rules.turns_go_by_attempt {
            true => accounts[index].attempted,
            false => accounts[index].compared,
        });
        let is_expected = |index: usize| {
            accounts[index].event == Event::Missing && self.fails(world, index).is_none()
        };
        let run = Run {
            order,
            at: 0,
            step: self.first_step(),
            expected: [0, 1].map(is_expected),
        };
        world.runs += 1;
        world.has_failed = false;
        world.run = Some(run);
    }

    fn first_step(&self) -> Step {
        match self.rules.attempts_are_noted_first {
            true => Step::Note,
            false => Step::Compare,
        }
    }

    fn step(&self, world: &mut World) {
        let Some(run) = world.run else {
            return;
        };
        let index = run.order[run.at];
        let number = world.runs;
        let fails = self.fails(world, index);
        let account = &mut world.accounts[index];
        if run.step == Step::Note {
            account.attempted = number;
            let step = Step::Compare;
            world.run = Some(Run { step, ..run });
            return;
        }
        world.has_failed |= fails.is_some();
        if fails != Some(Trouble::Hangs) {
            account.attempted = number;
        }
        if fails.is_none() {
            account.compared = number;
            account.waited = 0;
            if account.event == Event::Missing {
                account.event = Event::LetIn;
            }
        }
        let goes_on = match fails {
            None => true,
            Some(Trouble::Refused) => self.rules.a_failure_ends_no_run,
            Some(Trouble::Hangs) => false,
        };
        let at = run.at + 1;
        if goes_on && at < self.requests.min(ACCOUNTS) {
            let step = self.first_step();
            world.run = Some(Run { at, step, ..run });
        } else {
            end(world, run);
        }
    }

    /// How an account fails now.
    pub(super) fn fails(&self, world: &World, account: usize) -> Option<Trouble> {
        (account == 0 && !world.well_again).then_some(self.trouble)
    }
}

/// A run has ended.
fn end(world: &mut World, run: Run) {
    world.run = None;
    for (account, expected) in world.accounts.iter_mut().zip(run.expected) {
        if expected && account.event == Event::Missing {
            account.waited = (account.waited + 1).min(ACCOUNTS);
        }
    }
}
