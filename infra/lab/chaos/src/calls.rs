//! What operators do beside the traffic, as a function of the seed: which calls of the operator's program, how long
//! after the previous call, and which of them are killed.
//!
//! The first operator imports from every scope as soon as the endpoints exist, when most objects' first event is still
//! on its way. The second rebuilds each domain first. From then on both draw imports and rebuilds. The third runs
//! reconcile again and again instead of its schedule: an hour is long in a run of minutes.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use sluice_domains::ALL as DOMAINS;
use sluice_stripe_sim::Scope;

/// How many operators work side by side.
pub(crate) const OPERATORS: usize = 3;

/// How many of a hundred calls are killed.
const KILLS_PERCENT: u8 = 25;

/// In how many of a hundred calls the program's AWS client gets the faults of the functions' clients. They kill a
/// process within some hundred objects, so resumed calls don't get them.
const FAULTY_PERCENT: u8 = 40;

/// The longest time after which a call is killed, in milliseconds.
const KILL_MS_MAX: u64 = 3_000;

/// The longest pause between two calls, in milliseconds.
const PAUSE_MS_MAX: u64 = 3_000;

/// A command of the operator's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Command {
    /// `sluice import`
    Import,
    /// `sluice rebuild`
    Rebuild,
    /// `sluice reconcile --run`
    Reconcile,
}

impl Command {
    /// Its name, as it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Rebuild => "rebuild",
            Self::Reconcile => "reconcile",
        }
    }
}

/// One call of the operator's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) command: Command,
    /// All of its arguments, the command's name first.
    pub(crate) arguments: Vec<String>,
    /// How long after the end of the previous call.
    pub(crate) pause: Duration,
    /// When it is killed after its start, if it isn't over by then; its resumption isn't killed.
    pub(crate) kill_after: Option<Duration>,
    /// Whether its AWS client gets the faults of the functions' clients; its resumption's client doesn't.
    pub(crate) is_faulty: bool,
}

/// One operator's calls, without an end.
#[derive(Debug)]
pub(crate) struct Calls {
    dice: Rng,
    scopes: Vec<Scope>,
    kinds: Vec<String>,
    kills: bool,
    reconciles: bool,
    first: VecDeque<Vec<String>>,
}

impl Calls {
    /// The calls of the operator with this number, from 0. `scopes` are those that objects are in, `kinds` those that
    /// the program can import. Without `kills`, none is killed.
    pub(crate) fn of(
        seed: u64,
        operator: usize,
        scopes: &[Scope],
        kinds: &[String],
        kills: bool,
    ) -> Self {
        // Each operator has a stream of its own: the plan of faults uses the seed itself.
        let mut dice = Rng::with_seed(seed ^ (operator as u64 + 1).rotate_right(8));
        let mut first: Vec<_> = match operator {
            0 => scopes.iter().map(|scope| import(scope, &[])).collect(),
            1 => Vec::from(DOMAINS.map(|domain| rebuild(&mut dice, domain))),
            _ => Vec::new(),
        };
        dice.shuffle(&mut first);
        Self {
            dice,
            scopes: scopes.to_vec(),
            kinds: kinds.to_vec(),
            kills,
            reconciles: operator == OPERATORS - 1,
            first: first.into(),
        }
    }

    fn draw(&mut self) -> Vec<String> {
        match self.dice.bool() {
            _ if self.reconciles => words(&["reconcile", "--run"]),
            true => {
                let scope = &self.scopes[self.dice.usize(..self.scopes.len())];
                let kinds = self.kinds.iter().map(String::as_str);
                // Connected accounts are the platform's objects.
                let mut kinds: Vec<_> = kinds
                    .filter(|name| scope.account.is_none() || *name != "account")
                    .collect();
                self.dice.shuffle(&mut kinds);
                kinds.truncate(self.dice.usize(..5));
                import(scope, &kinds)
            }
            false => {
                let domain = DOMAINS[self.dice.usize(..DOMAINS.len())];
                rebuild(&mut self.dice, domain)
            }
        }
    }
}

impl Iterator for Calls {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        let arguments = match self.first.pop_front() {
            Some(first) => first,
            None => self.draw(),
        };
        let command = [Command::Import, Command::Rebuild, Command::Reconcile]
            .into_iter()
            .find(|command| arguments[0] == command.name())?;
        let ms = |dice: &mut Rng, most: u64| Duration::from_millis(dice.u64(..most));
        let is_killed = self.dice.u8(..100) < KILLS_PERCENT && self.kills;
        Some(Call {
            command,
            arguments,
            pause: ms(&mut self.dice, PAUSE_MS_MAX),
            kill_after: is_killed.then(|| ms(&mut self.dice, KILL_MS_MAX)),
            is_faulty: self.dice.u8(..100) < FAULTY_PERCENT,
        })
    }
}

/// An import from a scope: of these kinds, or of the kinds that the program chooses.
fn import(scope: &Scope, kinds: &[&str]) -> Vec<String> {
    let mode = if scope.livemode { "live" } else { "test" };
    let mut call = words(&["import", "--mode", mode]);
    if let Some(account) = &scope.account {
        call.extend(words(&["--account", account]));
    }
    for kind in kinds {
        call.extend(words(&["--kind", kind]));
    }
    for_the_record(call)
}

/// A rebuild of a domain, with and without `--emit`, with and without the API key.
fn rebuild(dice: &mut Rng, domain: &str) -> Vec<String> {
    let mut call = words(&["rebuild", domain]);
    for option in ["--emit", "--without-key"] {
        if dice.bool() {
            call.push(option.to_owned());
        }
    }
    for_the_record(call)
}

fn for_the_record(mut call: Vec<String>) -> Vec<String> {
    call.extend(words(&["--why", "chaos", "--rate", "100", "--yes"]));
    call
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn scopes() -> Vec<Scope> {
        let connected = Scope {
            account: Some("acct_1".to_owned()),
            livemode: false,
        };
        vec![Scope::platform(false), Scope::platform(true), connected]
    }

    fn kinds() -> Vec<String> {
        words(&["customer", "subscription-schedule", "account"])
    }

    fn calls(seed: u64, operator: usize) -> Vec<Call> {
        Calls::of(seed, operator, &scopes(), &kinds(), true)
            .take(300)
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_calls_and_each_operator_has_its_own() {
        assert_eq!(calls(1, 0), calls(1, 0));
        assert_ne!(calls(1, 0), calls(2, 0));
        assert_ne!(calls(1, 0), calls(1, 1));
    }

    #[test]
    fn every_scope_is_imported_first_and_every_kind_and_every_way_to_rebuild_comes_up() {
        let first: Vec<_> = calls(5, 0).into_iter().take(scopes().len()).collect();
        assert!(first.iter().all(|call| call.command == Command::Import));
        let accounts = first
            .iter()
            .filter(|call| call.arguments.contains(&"acct_1".to_owned()));
        assert_eq!(accounts.count(), 1);

        let all = [calls(5, 0), calls(5, 1)].concat();
        let said: BTreeSet<_> = all.iter().flat_map(|call| &call.arguments).collect();
        let options = ["--emit", "--without-key", "--kind", "--account"];
        let words = DOMAINS.into_iter().chain(options).map(str::to_owned);
        for word in kinds().into_iter().chain(words) {
            assert!(said.contains(&word), "{word}");
        }
        let rebuilds = all.iter().filter(|one| one.command == Command::Rebuild);
        let ways: BTreeSet<_> = rebuilds.map(|one| &one.arguments).collect();
        assert_eq!(ways.len(), DOMAINS.len() * 4);
        let third = calls(5, 2).into_iter();
        assert!({ third }.all(|one| one.command == Command::Reconcile));
    }

    #[test]
    fn some_calls_are_killed_and_in_peace_none_is() {
        let killed = |calls: Vec<Call>| {
            let killed = calls.iter().filter(|call| call.kill_after.is_some());
            killed.count()
        };
        assert!((30..150).contains(&killed(calls(3, 0))));
        let peace = Calls::of(3, 0, &scopes(), &kinds(), false)
            .take(300)
            .collect();
        assert_eq!(killed(peace), 0);
    }
}
