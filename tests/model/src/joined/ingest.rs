//! Ingest, with sweep and reconcile: from Stripe's delivery to the bus.
//!
//! Each function is one call, carried out at once, and the decision that its answer leads to. A claim, by a put or a
//! takeover, is one step here, and a body is part of its entry: ingest's own model has their single calls.

use super::action::End;
use super::protocol::Joined;
use super::world::{Attempt, Entry, RECONCILE, Reconcile, Step, Sweep, Walk, World};

/// How an attempt ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// 200.
    Acknowledged,
    /// 409.
    Held,
    /// 5xx, or no answer at all.
    Failed,
}

impl Joined {
    /// Stripe delivers an event: an attempt begins in a free place.
    pub(super) fn deliver(world: &mut World, event: u8) {
        world.event(event).sent += 1;
        let free = world.attempts[..RECONCILE]
            .iter_mut()
            .find(|place| place.is_none());
        if let Some(place) = free {
            *place = Some(Attempt {
                event,
                step: Step::Claim,
            });
        }
    }

    /// An attempt's next step.
    pub(super) fn ingest(&self, world: &mut World, place: usize, end: End) {
        let Some(Attempt { event, step }) = world.attempts[place] else {
            return;
        };
        if end == End::Crash {
            if matches!(
                step,
                Step::Mark
                    | Step::Defer {
                        after_publish: true
                    }
            ) {
                world.event(event).in_doubt = true;
            }
            if place == RECONCILE {
                world.reconcile.walk = None;
            }
            self.leave(world, place, Answer::Failed);
            return;
        }
        match step {
            Step::Claim => self.claim(world, place, event, end),
            Step::Publish => self.publish(world, place, event, end),
            Step::Mark => self.mark(world, place, event, end),
            Step::Defer { after_publish } => self.defer(world, place, event, after_publish, end),
        }
    }

    fn claim(&self, world: &mut World, place: usize, event: u8, end: End) {
        let rules = self.rules;
        let conditional = if place == RECONCILE {
            rules.reconcile_goes_through_the_claim
        } else {
            rules.claim_is_conditional
        };
        let holder = u8::try_from(place).ok();
        let entry = &mut world.event(event).entry;
        let won = match entry {
            Some(entry) if conditional => {
                let own = entry.holder == holder;
                if entry.published || entry.due {
                    self.leave(world, place, Answer::Acknowledged);
                    return;
                }
                let knows_it = own && rules.attempt_knows_its_own_claim;
                if !(entry.lapsed || knows_it) {
                    let answer = if rules.held_is_not_acknowledged {
                        Answer::Held
                    } else {
                        Answer::Acknowledged
                    };
                    world.held_by_itself |= own;
                    self.leave(world, place, answer);
                    return;
                }
                // A takeover changes only the claim's holder and its lapse.
                Entry {
                    holder,
                    lapsed: false,
                    ..*entry
                }
            }
            _ => Entry {
                holder,
                lapsed: false,
                published: false,
                due: false,
            },
        };
        *entry = Some(won);
        if end == End::Done {
            go(world, place, Step::Publish);
        }
    }

    fn publish(&self, world: &mut World, place: usize, event: u8, end: End) {
        match end {
            End::Refused if self.rules.ingest_checks_each_result => {
                let after_publish = false;
                go(world, place, Step::Defer { after_publish });
            }
            End::Refused => go(world, place, Step::Mark),
            End::AnswerLost => {
                world.publish(event);
                world.event(event).in_doubt = true;
            }
            End::Done | End::Crash => {
                world.publish(event);
                go(world, place, Step::Mark);
            }
        }
    }

    fn mark(&self, world: &mut World, place: usize, event: u8, end: End) {
        if end == End::Refused {
            world.event(event).in_doubt = true;
            let after_publish = true;
            go(world, place, Step::Defer { after_publish });
            return;
        }
        if let Some(entry) = held(world, place, event) {
            entry.published = true;
            entry.due = false;
        }
        self.leave(world, place, Answer::Acknowledged);
    }

    fn defer(&self, world: &mut World, place: usize, event: u8, after_publish: bool, end: End) {
        let answer = if end == End::Refused {
            if after_publish || !self.rules.failed_defer_is_not_acknowledged {
                Answer::Acknowledged
            } else {
                Answer::Failed
            }
        } else if let Some(entry) = held(world, place, event) {
            entry.due = !entry.published;
            Answer::Acknowledged
        } else if after_publish {
            Answer::Acknowledged
        } else {
            Answer::Held
        };
        self.leave(world, place, answer);
    }

    /// An attempt has ended: its claim can lapse, and its sender learns the result.
    fn leave(&self, world: &mut World, place: usize, answer: Answer) {
        let Some(Attempt { event, .. }) = world.attempts[place].take() else {
            return;
        };
        if let Some(entry) = held(world, place, event) {
            entry.holder = None;
        }
        if place == RECONCILE {
            let settled =
                answer == Answer::Acknowledged || !self.rules.cursor_waits_for_the_unsettled;
            self.walk_on(world, settled);
        } else if answer == Answer::Acknowledged {
            world.event(event).acknowledged = true;
        }
    }

    /// The time `lapses_at` passes.
    pub(super) fn lapse(world: &mut World, event: u8) {
        if let Some(entry) = &mut world.event(event).entry {
            entry.lapsed = true;
        }
    }

    /// Sweep reads an entry as due.
    pub(super) fn sweep_pick(&self, world: &mut World, event: u8) {
        if let Some(entry) = &mut world.event(event).entry
            && !self.rules.sweep_clears_after_publishing
        {
            entry.due = false;
        }
        world.sweep = Some(Sweep::Publish { event });
    }

    /// Sweep's next step. If it ends early, the entry stays due.
    pub(super) fn sweep(&self, world: &mut World, end: End) {
        match (world.sweep.take(), end) {
            (Some(Sweep::Publish { event }), End::Done) => {
                world.publish(event);
                world.sweep = Some(Sweep::Clear { event });
            }
            (Some(Sweep::Publish { event }), End::Refused)
                if !self.rules.sweep_checks_each_result =>
            {
                world.sweep = Some(Sweep::Clear { event });
            }
            (Some(Sweep::Clear { event }), End::Done) => {
                if let Some(entry) = &mut world.event(event).entry {
                    entry.due = false;
                    entry.published = true;
                }
            }
            (Some(Sweep::Clear { event }), _) => world.event(event).in_doubt = true,
            _ => {}
        }
    }

    /// A run of reconcile begins at its cursor.
    pub(super) fn reconcile_begin(&self, world: &mut World) {
        world.reconcile = Reconcile {
            runs: world.reconcile.runs.saturating_add(1),
            walk: Some(Walk {
                event: 0,
                unsettled: false,
            }),
            passed: !self.rules.cursor_moves_at_the_end,
        };
    }

    /// Reconcile compares one of Stripe's events with the ledger. It passes missing events to ingest.
    pub(super) fn reconcile_look(&self, world: &mut World) {
        let Some(Walk { event, .. }) = world.reconcile.walk else {
            return;
        };
        let there = world
            .event(event)
            .entry
            .is_some_and(|entry| entry.published || !self.rules.reconcile_takes_the_unpublished);
        if there {
            self.walk_on(world, true);
        } else {
            world.attempts[RECONCILE] = Some(Attempt {
                event,
                step: Step::Claim,
            });
        }
    }

    /// Moves to the next event, or to the end of the run, where the cursor moves if every event was settled.
    fn walk_on(&self, world: &mut World, settled: bool) {
        let reconcile = &mut world.reconcile;
        let Some(walk) = &mut reconcile.walk else {
            return;
        };
        walk.unsettled |= !settled;
        walk.event += 1;
        if walk.event == self.events {
            reconcile.passed |= !walk.unsettled;
            reconcile.walk = None;
        }
    }
}

/// The entry, if its claim is held by the attempt in this place.
fn held(world: &mut World, place: usize, event: u8) -> Option<&mut Entry> {
    let place = u8::try_from(place).ok();
    let entry = world.event(event).entry.as_mut();
    entry.filter(|entry| entry.holder == place)
}

fn go(world: &mut World, place: usize, step: Step) {
    if let Some(attempt) = &mut world.attempts[place] {
        attempt.step = step;
    }
}
