//! Counterexamples in words, for the order of accounts in reconcile.

use super::protocol::Scopes;
use super::world::{Action, Event, Step, Trouble, World};
use crate::checking::Described;

impl Described for Scopes {
    const STEP_WIDTH: usize = 35;

    fn title(&self) -> String {
        let trouble = match self.trouble {
            Trouble::Refused => "is refused",
            Trouble::Hangs => "hangs",
        };
        let plural = if self.requests == 1 { "" } else { "s" };
        format!(
            "account 1 {trouble}, {} request{plural} per run",
            self.requests
        )
    }

    fn line(&self, before: &World, action: Action, after: &World) -> (String, String, String) {
        let (actor, step, then) = match action {
            Action::Happens { account } => (
                "Stripe",
                format!("lists an event of account {}", account + 1),
                String::new(),
            ),
            Action::Heals => (
                "Stripe",
                "answers for account 1 again".to_owned(),
                String::new(),
            ),
            Action::Begin => (
                "reconcile",
                format!("begins run {}", after.runs),
                next(after),
            ),
            Action::Step => ("reconcile", self.step_in_words(before), next(after)),
            Action::Crash => ("reconcile", "dies".to_owned(), next(after)),
        };
        (actor.to_owned(), step, then)
    }

    fn ending(&self, world: &World) -> String {
        let accounts = world.accounts.iter().zip(1..).map(|(account, name)| {
            let attempted = match account.attempted {
                0 => "never attempted".to_owned(),
                run => format!("attempted in run {run}"),
            };
            let event = match account.event {
                Event::Unborn => "has no event",
                Event::Missing => "its event is missing",
                Event::LetIn => "its event was let in",
            };
            format!("account {name} {attempted}, {event}")
        });
        accounts.collect::<Vec<_>>().join("; ")
    }
}

impl Scopes {
    fn step_in_words(&self, world: &World) -> String {
        let Some(run) = world.run else {
            return String::new();
        };
        let index = run.order[run.at];
        let name = index + 1;
        match (run.step, self.fails(world, index)) {
            (Step::Note, _) => format!("notes an attempt of account {name}"),
            (Step::Compare, None) => format!("compares account {name}"),
            (Step::Compare, Some(Trouble::Refused)) => {
                format!("is refused the list of account {name}")
            }
            (Step::Compare, Some(Trouble::Hangs)) => format!("gets no answer for account {name}"),
        }
    }
}

fn next(world: &World) -> String {
    let Some(run) = world.run else {
        return "ends".to_owned();
    };
    format!("account {} next", run.order[run.at] + 1)
}
