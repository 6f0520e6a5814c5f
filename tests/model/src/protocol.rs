//! The protocol as a stateright model: what can happen in a world, and what it leads to.

use crate::action::{Action, Bus, Call};
use crate::guards::Guards;
use crate::world::{Step, SweepStep, Version, World};

/// Whether the body fits into the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// It does: claim and body are one write.
    Small,
    /// It doesn't: it is stored in [`PARTS`](crate::PARTS) further items, and its bytes differ between deliveries.
    Large,
}

/// One configuration of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The number of deliveries that Stripe may send.
    pub attempts: u8,
    /// How many times a sweep may pick the entry up, over both sweeps.
    pub picks: u8,
    /// The size of the body.
    pub size: Size,
    /// Clocks differ by more than the margin: a claim may lapse while its holder is active.
    pub skew: bool,
    /// The rules that are kept.
    pub guards: Guards,
}

impl Protocol {
    /// The bytes that this delivery brings.
    #[must_use]
    pub const fn version(attempt: u8) -> Version {
        if attempt.is_multiple_of(2) {
            Version::A
        } else {
            Version::B
        }
    }

    /// Whether the body that the entry holds or names can be read in full. `false` if there is none.
    #[must_use]
    pub fn body_complete(&self, world: &World) -> bool {
        let body = world.entry.as_ref().and_then(|entry| entry.body);
        body.is_some_and(|version| self.size == Size::Small || world.parts.complete(version))
    }

    /// The world after `action`. The caller ensures that `action` is possible.
    #[must_use]
    pub fn after(&self, world: &World, action: Action) -> World {
        let mut world = world.clone();
        match action {
            Action::Claim { attempt, call } => self.claim(&mut world, attempt, call),
            Action::TakeOver { attempt, call } => self.take_over(&mut world, attempt, call),
            Action::StorePart { attempt, call } => self.store_part(&mut world, attempt, call),
            Action::NameBody { attempt, call } => self.name_body(&mut world, attempt, call),
            Action::Publish { attempt, bus } => self.publish(&mut world, attempt, bus),
            Action::Mark { attempt, call } => self.mark(&mut world, attempt, call),
            Action::Defer { attempt, call } => self.defer(&mut world, attempt, call),
            Action::Crash { attempt } => Self::crash(&mut world, attempt),
            Action::Lapse => Self::lapse(&mut world),
            Action::SweepPick { sweep } => self.sweep_pick(&mut world, sweep),
            Action::SweepPublish { sweep, bus } => self.sweep_publish(&mut world, sweep, bus),
            Action::SweepClear { sweep, call } => Self::sweep_clear(&mut world, sweep, call),
            Action::SweepPostpone { sweep } => self.sweep_postpone(&mut world, sweep),
            Action::SweepCrash { sweep } => Self::sweep_crash(&mut world, sweep),
        }
        world
    }

    /// What the attempt does next, with every result that its call can have; the undisturbed one comes first.
    pub(crate) fn next_of_attempt(world: &World, attempt: u8) -> Vec<Action> {
        const CALLS: [Call; 3] = [Call::Done, Call::AnswerLost, Call::Failed];
        // If a failed call ends in a 5xx with any guards, it is a crash for the ledger, and `Crash` covers it.
        const CALLS_OR_CRASH: [Call; 2] = [Call::Done, Call::AnswerLost];
        match world.attempts[usize::from(attempt)].step {
            Step::Waiting | Step::Claim => CALLS_OR_CRASH
                .map(|call| Action::Claim { attempt, call })
                .into(),
            Step::TakeOver { .. } => CALLS_OR_CRASH
                .map(|call| Action::TakeOver { attempt, call })
                .into(),
            // A part is the same item no matter how often it is stored, so a lost answer isn't a separate case.
            Step::StorePart(_) => [Call::Done, Call::Failed]
                .map(|call| Action::StorePart { attempt, call })
                .into(),
            Step::NameBody => CALLS.map(|call| Action::NameBody { attempt, call }).into(),
            Step::Publish => EVERY_BUS.map(|bus| Action::Publish { attempt, bus }).into(),
            Step::Mark => CALLS.map(|call| Action::Mark { attempt, call }).into(),
            Step::Defer { .. } => CALLS.map(|call| Action::Defer { attempt, call }).into(),
            Step::Answered(_) | Step::Failed => Vec::new(),
        }
    }

    /// What an active sweep does next, with every result that its call can have; the undisturbed one comes first.
    pub(crate) fn next_of_sweep(world: &World, sweep: u8) -> Vec<Action> {
        match world.sweeps[usize::from(sweep)] {
            SweepStep::Idle => Vec::new(),
            SweepStep::Publish => EVERY_BUS
                .map(|bus| Action::SweepPublish { sweep, bus })
                .into(),
            SweepStep::Clear => [Call::Done, Call::AnswerLost, Call::Failed]
                .map(|call| Action::SweepClear { sweep, call })
                .into(),
            SweepStep::Postpone => vec![Action::SweepPostpone { sweep }],
        }
    }

    pub(crate) fn may_lapse(&self, world: &World) -> bool {
        // If no actor would read the lapse, it makes no difference.
        let looked_at = |due: bool| !due || !self.guards.queued_is_left_to_sweep;
        self.guards.claim_lapses
            && world
                .entry
                .as_ref()
                .is_some_and(|entry| !entry.lapsed && !entry.published && looked_at(entry.due))
            && (self.skew || !world.holder_is_live())
    }

    pub(crate) fn may_pick(&self, world: &World, sweep: u8) -> bool {
        let idle = |sweep: u8| world.sweeps[usize::from(sweep)] == SweepStep::Idle;
        // Sweeps are alike: the second runs only while the first is active.
        idle(sweep)
            && (sweep == 0 || !idle(0))
            && world.picks < self.picks
            && world.entry.as_ref().is_some_and(|entry| entry.due)
    }
}

const EVERY_BUS: [Bus; 4] = [Bus::Accepted, Bus::Refused, Bus::AnswerLost, Bus::Failed];
