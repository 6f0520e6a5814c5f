//! The joined model as a stateright model: what can happen in a world, and what it leads to.

use super::action::{Action, End};
use super::rules::Rules;
use super::world::{
    Event, GENERATIONS, Message, RECONCILE, Refresh, RefreshStep, ReplayStep, Step, Sweep, Work,
    World,
};

/// The mode of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events are published again as they came.
    Plain,
    /// …under a generation: their facts are to be emitted once more.
    Forced,
}

/// One configuration of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The number of the object's events: at most [`EVENTS`](super::EVENTS).
    pub events: u8,
    /// The number of deliveries that Stripe may send of each.
    pub deliveries: u8,
    /// How many of them ingest may handle at a time: 1 or 2.
    pub ingest_attempts_max: usize,
    /// The most runs of reconcile. With none, Stripe never gives up before its last delivery.
    pub reconciles: u8,
    /// Whether there is a replay, and in which mode.
    pub replay: Option<Kind>,
    /// The imports and rebuilds that the operator runs, one after the other.
    pub refreshes: &'static [Refresh],
    /// Whether the item may be restored, once. Not together with [`Joined::refreshes`]: a replay doesn't bring back the
    /// state that they read from Stripe.
    pub restores: bool,
    /// How many further copies of messages the bus and the queue may deliver.
    pub duplicates: u8,
    /// The number of workers: 1 or 2.
    pub workers: usize,
    /// The most crashes, refusals, failed calls, lost answers and dead letters, in total.
    pub disturbances: u8,
    /// The rules that are kept.
    pub rules: Rules,
}

impl Joined {
    /// The world after `action`. The caller ensures that `action` is possible.
    #[must_use]
    pub fn after(&self, world: &World, action: Action) -> World {
        let mut world = world.clone();
        let end = match action {
            Action::Ingest { end, .. }
            | Action::Sweep { end }
            | Action::Replay { end }
            | Action::Refresh { end }
            | Action::Work { end, .. } => end,
            Action::DeadLetter { .. } | Action::ReconcileCrash => End::Crash,
            _ => End::Done,
        };
        world.disturbances += u8::from(end != End::Done);
        match action {
            Action::Deliver { event } => Self::deliver(&mut world, event),
            Action::GiveUp { event } => world.event(event).sent = self.deliveries,
            Action::Ingest { place, end } => self.ingest(&mut world, place, end),
            Action::Lapse { event } => Self::lapse(&mut world, event),
            Action::SweepPick { event } => self.sweep_pick(&mut world, event),
            Action::Sweep { end } => self.sweep(&mut world, end),
            Action::ReconcileBegin => self.reconcile_begin(&mut world),
            Action::ReconcileLook => self.reconcile_look(&mut world),
            Action::ReconcileCrash => world.reconcile.walk = None,
            Action::ReplayBegin => self.replay_begin(&mut world),
            Action::Replay { end } => self.replay(&mut world, end),
            Action::ReplayResume => self.replay_resume(&mut world),
            Action::RefreshBegin { shown } => self.refresh_begin(&mut world, shown),
            Action::Refresh { end } => self.refresh(&mut world, end),
            Action::RefreshAgain { shown } => Self::refresh_again(&mut world, shown),
            Action::Backup => world.backup = Some(world.item.clone()),
            Action::Restore => Self::restore(&mut world),
            Action::Again { message } => {
                world.duplicates += 1;
                world.queue.add(message);
            }
            Action::Redrive { message } => Self::redrive(&mut world, message),
            Action::Receive { worker, message } => self.receive(&mut world, worker, message),
            Action::Work { worker, end } => self.work(&mut world, worker, end),
            Action::DeadLetter { worker } => Self::dead_letter(&mut world, worker),
            Action::Arrive { level } => self.arrive(&mut world, level),
        }
        world
    }

    /// The undisturbed steps that need no outside action: started work is finished, due events are swept, queued
    /// messages are received, dead runs are resumed and dead letters redriven. Nothing new comes from outside.
    pub(super) fn progress<'a>(&'a self, world: &'a World) -> impl Iterator<Item = Action> + 'a {
        let end = End::Done;
        let in_ingest = (0..)
            .zip(&world.attempts)
            .filter(|(_, attempt)| attempt.is_some())
            .map(move |(place, _)| Action::Ingest { place, end });
        let entries = (0..self.events).zip(&world.events);
        let lapses = entries
            .clone()
            .filter(|(_, one)| self.may_lapse(one))
            .map(|(event, _)| Action::Lapse { event });
        let sweep = world.sweep.map(|_| Action::Sweep { end });
        let picks = entries
            .filter(|(_, one)| world.sweep.is_none() && one.entry.is_some_and(|entry| entry.due))
            .map(|(event, _)| Action::SweepPick { event });
        let looks = (world.reconcile.walk.is_some() && world.attempts[RECONCILE].is_none())
            .then_some(Action::ReconcileLook);
        let replay = world.replay.and_then(|replay| match replay.step {
            ReplayStep::Publish | ReplayStep::Advance => Some(Action::Replay { end }),
            ReplayStep::Dead => Some(Action::ReplayResume),
            ReplayStep::Finished => None,
        });
        let refresh = world
            .refreshing
            .as_ref()
            .filter(|running| running.step != RefreshStep::Dead)
            .map(|_| Action::Refresh { end });
        let again = world
            .refreshing
            .iter()
            .filter(|running| running.step == RefreshStep::Dead)
            .flat_map(|_| {
                self.shows(world)
                    .map(|shown| Action::RefreshAgain { shown })
            });
        let redrives = world.dead.some().map(|message| Action::Redrive { message });
        let works = (0..)
            .zip(&world.workers)
            .filter(|(_, worker)| worker.is_some())
            .map(move |(worker, _)| Action::Work { worker, end });
        let receives = self.idle(world).into_iter().flat_map(|worker| {
            let messages = world.queue.some();
            messages.map(move |message| Action::Receive { worker, message })
        });
        let arrivals = world.bus.iter().map(|&level| Action::Arrive { level });
        in_ingest
            .chain(lapses)
            .chain(sweep)
            .chain(picks)
            .chain(looks)
            .chain(replay)
            .chain(refresh)
            .chain(again)
            .chain(redrives)
            .chain(works)
            .chain(receives)
            .chain(arrivals)
    }

    /// Nothing is active, and no step is left that needs no outside action.
    #[must_use]
    pub fn settled(&self, world: &World) -> bool {
        self.progress(world).next().is_none()
    }

    /// The world after all undisturbed steps that need no outside action.
    pub(super) fn settle(&self, mut world: World) -> World {
        loop {
            let next = self.progress(&world).next();
            let Some(action) = next else { return world };
            world = self.after(&world, action);
        }
    }

    /// If no actor would read the lapse, it makes no difference.
    fn may_lapse(&self, one: &Event) -> bool {
        self.rules.claim_lapses
            && one.entry.is_some_and(|entry| {
                entry.holder.is_none() && !entry.lapsed && !entry.published && !entry.due
            })
    }

    /// Workers are alike: the first idle one receives.
    fn idle(&self, world: &World) -> Option<usize> {
        let workers = world.workers.iter().take(self.workers);
        workers.into_iter().position(Option::is_none)
    }

    /// The actions from outside, as far as the configuration allows them.
    pub(super) fn outside(&self, world: &World, actions: &mut Vec<Action>) {
        let attempts = &world.attempts[..RECONCILE];
        let in_ingest = attempts.iter().filter(|place| place.is_some()).count();
        for (event, one) in (0..self.events).zip(&world.events) {
            if one.sent < self.deliveries {
                if in_ingest < self.ingest_attempts_max {
                    actions.push(Action::Deliver { event });
                }
                if self.reconciles > 0 {
                    actions.push(Action::GiveUp { event });
                }
            }
        }
        let reconcile = world.reconcile;
        if reconcile.walk.is_none() && !reconcile.passed && reconcile.runs < self.reconciles {
            actions.push(Action::ReconcileBegin);
        }
        if self.replay.is_some()
            && world.replay.is_none()
            && world.events.iter().any(|one| one.entry.is_some())
        {
            actions.push(Action::ReplayBegin);
        }
        if usize::from(world.refreshes) < self.refreshes.len() && world.refreshing.is_none() {
            let shows = self.shows(world);
            actions.extend(shows.map(|shown| Action::RefreshBegin { shown }));
        }
        if self.restores && !world.restored {
            match &world.backup {
                None => actions.push(Action::Backup),
                Some(backup) if *backup != world.item => actions.push(Action::Restore),
                Some(_) => {}
            }
        }
        if world.duplicates < self.duplicates {
            let seen = |message: &Message| {
                world.queue.of(*message) == 0
                    && (world.minted.of(*message) > 0
                        || world
                            .workers
                            .iter()
                            .flatten()
                            .any(|at| at.message == *message))
            };
            let again = Message::all().filter(seen);
            actions.extend(again.map(|message| Action::Again { message }));
        }
    }

    /// What can go wrong with each active part.
    pub(super) fn disturbed(world: &World, actions: &mut Vec<Action>) {
        for (place, attempt) in (0..).zip(&world.attempts) {
            let ends: &[End] = match attempt.map(|attempt| attempt.step) {
                None => &[],
                Some(Step::Claim) => &[End::AnswerLost, End::Crash],
                Some(Step::Publish) => &[End::AnswerLost, End::Refused, End::Crash],
                Some(Step::Mark | Step::Defer { .. }) => &[End::Refused, End::Crash],
            };
            actions.extend(ends.iter().map(|&end| Action::Ingest { place, end }));
        }
        // A refusal leaves sweep's entry unchanged, like a crash, unless its result goes unread.
        match world.sweep {
            None => {}
            Some(Sweep::Publish { .. }) => {
                actions.extend([End::Refused, End::Crash].map(|end| Action::Sweep { end }));
            }
            Some(Sweep::Clear { .. }) => actions.push(Action::Sweep { end: End::Crash }),
        }
        if world.reconcile.walk.is_some() && world.attempts[RECONCILE].is_none() {
            actions.push(Action::ReconcileCrash);
        }
        match world.replay.map(|replay| replay.step) {
            Some(ReplayStep::Publish) => {
                actions.extend([End::Refused, End::Crash].map(|end| Action::Replay { end }));
            }
            Some(ReplayStep::Advance) => actions.push(Action::Replay { end: End::Crash }),
            Some(ReplayStep::Dead | ReplayStep::Finished) | None => {}
        }
        match world.refreshing.as_ref().map(|running| &running.step) {
            Some(RefreshStep::Write | RefreshStep::Clear(_)) => {
                actions.push(Action::Refresh { end: End::Crash });
            }
            Some(RefreshStep::Emit(_)) => {
                actions.extend([End::Refused, End::Crash].map(|end| Action::Refresh { end }));
            }
            Some(RefreshStep::Dead) | None => {}
        }
        for (worker, at_work) in (0..).zip(&world.workers) {
            let Some(at_work) = at_work else { continue };
            if matches!(at_work.work, Work::Emit(_)) {
                let end = End::Refused;
                actions.push(Action::Work { worker, end });
            }
            let end = End::Crash;
            actions.push(Action::Work { worker, end });
            actions.push(Action::DeadLetter { worker });
        }
    }
}

/// The generations, other than none, that a message can have.
pub(super) fn generations() -> impl Iterator<Item = u8> {
    (0_u8..).take(GENERATIONS).skip(1)
}
