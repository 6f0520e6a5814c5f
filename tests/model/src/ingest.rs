//! What ingest does: claim, store the parts of a large body, publish, mark, and defer if the bus is unavailable.
//!
//! Each function here is one call to AWS, carried out at once, and the decision that its answer leads to. Anything may
//! happen between two of them.

use crate::action::{Bus, Call};
use crate::protocol::{Protocol, Size};
use crate::world::{Answer, Attempt, Entry, Outcome, PARTS, Step, World};

impl Protocol {
    /// The put of a new entry. After a lost answer the attempt stays at this step: the SDK puts again.
    pub(crate) fn claim(&self, world: &mut World, attempt: u8, call: Call) {
        let outcome = match &world.entry {
            Some(entry) if self.guards.claim_is_conditional => self.decide(entry, attempt),
            _ => {
                world.entry = Some(self.fresh_entry(attempt));
                world.go(attempt, Step::Claim);
                Outcome::Won
            }
        };
        if call == Call::Done {
            match (outcome, &world.entry) {
                (Outcome::TookOver, Some(entry)) => {
                    let (seen, named) = (entry.attempt, entry.body.is_some());
                    world.go(attempt, Step::TakeOver { seen, named });
                }
                _ => self.follow(world, attempt, outcome, false),
            }
        }
    }

    fn fresh_entry(&self, attempt: u8) -> Entry {
        let named = self.size == Size::Small || !self.guards.body_named_after_its_parts;
        Entry {
            attempt,
            lapsed: false,
            published: false,
            due: false,
            body: named.then(|| Self::version(attempt)),
        }
    }

    /// What an existing entry means to this attempt. `TookOver` means that it may be taken over.
    fn decide(&self, entry: &Entry, attempt: u8) -> Outcome {
        if entry.published {
            Outcome::Finished
        } else if entry.due && self.guards.queued_is_left_to_sweep {
            Outcome::Queued
        } else if entry.attempt == attempt && self.guards.attempt_knows_its_own_claim {
            Outcome::Won
        } else if entry.lapsed {
            Outcome::TookOver
        } else {
            Outcome::Held
        }
    }

    /// The update that takes a lapsed claim over.
    pub(crate) fn take_over(&self, world: &mut World, attempt: u8, call: Call) {
        let Step::TakeOver { seen, mut named } = world.attempts[usize::from(attempt)].step else {
            return;
        };
        let Some(entry) = &mut world.entry else {
            return;
        };
        let guards = self.guards;
        let due = entry.due && guards.queued_is_left_to_sweep;
        let outcome = if !guards.takeover_is_conditional
            || (entry.attempt == seen && !entry.published && !due)
        {
            if guards.takeover_only_updates {
                entry.attempt = attempt;
                entry.lapsed = false;
            } else {
                *entry = self.fresh_entry(attempt);
            }
            Outcome::TookOver
        } else {
            match self.decide(entry, attempt) {
                // The attempt meets its own takeover again.
                Outcome::Won => {
                    named = entry.body.is_some();
                    Outcome::TookOver
                }
                // The claim has lapsed again with another holder: start again.
                Outcome::TookOver => {
                    world.go(attempt, Step::Claim);
                    return;
                }
                outcome => outcome,
            }
        };
        if call == Call::Done {
            self.follow(world, attempt, outcome, named);
        }
    }

    /// The next step after the claim's outcome. `named` means that the entry that was taken over holds or names a body.
    fn follow(&self, world: &mut World, attempt: u8, outcome: Outcome, named: bool) {
        let step = match outcome {
            Outcome::Won | Outcome::TookOver if self.guards.parts_before_publish => {
                self.body_step(outcome, named)
            }
            Outcome::Won | Outcome::TookOver => Step::Publish,
            Outcome::Finished => Step::Answered(Answer::Duplicate),
            Outcome::Queued => Step::Answered(Answer::Queued),
            Outcome::Held if self.guards.held_is_not_acknowledged => Step::Answered(Answer::Held),
            Outcome::Held => Step::Answered(Answer::Duplicate),
        };
        world.attempts[usize::from(attempt)] = Attempt {
            step,
            outcome: Some(outcome),
        };
    }

    /// The holder's first step with the body. The first complete body is kept.
    fn body_step(&self, outcome: Outcome, named: bool) -> Step {
        let stores = match outcome {
            Outcome::TookOver => !named && self.guards.finder_completes_the_body,
            _ => true,
        };
        if self.size == Size::Large && stores {
            Step::StorePart(0)
        } else {
            self.after_body()
        }
    }

    const fn after_body(&self) -> Step {
        if self.guards.parts_before_publish {
            Step::Publish
        } else {
            Step::Mark
        }
    }

    /// One part of the attempt's own body.
    pub(crate) fn store_part(&self, world: &mut World, attempt: u8, call: Call) {
        let Attempt {
            step: Step::StorePart(part),
            outcome,
        } = world.attempts[usize::from(attempt)]
        else {
            return;
        };
        let step = if call == Call::Failed {
            self.body_failed()
        } else {
            world.parts.store(
                Self::version(attempt),
                part,
                self.guards.parts_keyed_by_content,
            );
            if part + 1 < PARTS {
                Step::StorePart(part + 1)
            } else if outcome == Some(Outcome::Won) || self.guards.finder_names_its_body {
                Step::NameBody
            } else {
                self.after_body()
            }
        };
        world.go(attempt, step);
    }

    /// The update that makes the entry name the attempt's own body, on condition that the attempt holds the claim and
    /// that no body is named yet. If one is named, it is complete and is kept.
    pub(crate) fn name_body(&self, world: &mut World, attempt: u8, call: Call) {
        let Some(entry) = &mut world.entry else {
            return;
        };
        let step = if call == Call::Failed {
            self.body_failed()
        } else if entry.attempt == attempt {
            entry.body.get_or_insert(Self::version(attempt));
            self.after_body()
        } else if self.guards.parts_before_publish {
            // Another attempt has taken over.
            Step::Failed
        } else {
            // Another attempt has taken over, and the event was published before.
            Step::Answered(Answer::Accepted)
        };
        if call != Call::AnswerLost {
            world.go(attempt, step);
        }
    }

    /// The body can't be stored in the time left.
    const fn body_failed(&self) -> Step {
        if self.guards.parts_before_due {
            Step::Failed
        } else {
            Step::Defer {
                after_publish: false,
            }
        }
    }

    /// Calls `PutEvents` with this one entry.
    pub(crate) fn publish(&self, world: &mut World, attempt: u8, bus: Bus) {
        let outcome = world.attempts[usize::from(attempt)]
            .outcome
            .unwrap_or(Outcome::Won);
        let named = world
            .entry
            .as_ref()
            .is_some_and(|entry| entry.body.is_some());
        let published = if self.guards.parts_before_publish {
            Step::Mark
        } else {
            self.body_step(outcome, named)
        };
        let step = match bus {
            Bus::Accepted => {
                world.take_copy();
                published
            }
            Bus::Refused if !self.guards.ingest_checks_each_result => published,
            Bus::Refused | Bus::Failed => Step::Defer {
                after_publish: false,
            },
            Bus::AnswerLost => {
                world.take_copy();
                world.in_doubt = true;
                Step::Publish
            }
        };
        world.go(attempt, step);
    }

    /// `published_at`. The event is on the bus, even if this can't be written.
    pub(crate) fn mark(&self, world: &mut World, attempt: u8, call: Call) {
        let Some(entry) = &mut world.entry else {
            return;
        };
        if call != Call::Failed
            && (entry.attempt == attempt || !self.guards.mark_by_the_holder_only)
        {
            entry.published = true;
            entry.due = false;
        }
        match call {
            Call::Done => world.go(attempt, Step::Answered(Answer::Accepted)),
            Call::AnswerLost => {}
            Call::Failed => {
                world.in_doubt = true;
                world.go(
                    attempt,
                    Step::Defer {
                        after_publish: true,
                    },
                );
            }
        }
    }

    /// `due_at`. A failed condition has one of two reasons: the event is on the bus, or another attempt is live.
    pub(crate) fn defer(&self, world: &mut World, attempt: u8, call: Call) {
        let Step::Defer { after_publish } = world.attempts[usize::from(attempt)].step else {
            return;
        };
        let Some(entry) = &mut world.entry else {
            return;
        };
        let guards = self.guards;
        let step = if call == Call::Failed {
            match (after_publish, guards.failed_defer_is_not_acknowledged) {
                (true, _) => Step::Answered(Answer::Accepted),
                (false, true) => Step::Failed,
                (false, false) => Step::Answered(Answer::Queued),
            }
        } else if (entry.attempt == attempt || !guards.defer_by_the_holder_only)
            && (!entry.published || !guards.defer_unless_published)
        {
            entry.due = true;
            Step::Answered(if after_publish {
                Answer::Accepted
            } else {
                Answer::Queued
            })
        } else if after_publish || entry.published {
            Step::Answered(Answer::Accepted)
        } else {
            Step::Answered(Answer::Held)
        };
        if call != Call::AnswerLost {
            world.go(attempt, step);
        }
    }

    /// The end of an attempt without an answer.
    pub(crate) fn crash(world: &mut World, attempt: u8) {
        let step = world.attempts[usize::from(attempt)].step;
        if matches!(
            step,
            Step::Mark
                | Step::Defer {
                    after_publish: true
                }
        ) {
            world.in_doubt = true;
        }
        world.go(attempt, Step::Failed);
    }

    /// The time `lapses_at` passes.
    pub(crate) fn lapse(world: &mut World) {
        if world.holder_is_live() {
            world.in_doubt = true;
        }
        if let Some(entry) = &mut world.entry {
            entry.lapsed = true;
        }
    }
}
