//! What a worker does with a message: receive, apply, emit, clear, acknowledge.
//!
//! Each function here is one call, carried out at once, and the decision that its answer leads to. Anything may happen
//! between two of them.

use std::collections::BTreeSet;

use super::action::{Bus, Write};
use super::protocol::Consumer;
use super::world::{EffectId, Item, Level, Pending, Step, Worker, World};

/// The effect of an event on an item.
struct Decision {
    /// The item to write, if anything changes.
    write: Option<Item>,
    /// The fact that the event calls for, if it is new.
    minted: bool,
}

impl Consumer {
    /// A message is received and the item read.
    pub(super) fn receive(world: &mut World, worker: usize, event: u8) {
        world.queue[usize::from(event)] -= 1;
        world.workers[worker] = Some(Worker {
            event,
            acknowledged: false,
            step: Step::Apply {
                read: world.item.clone(),
            },
        });
    }

    /// The id of the fact that the event calls for.
    fn fact_id(&self, event: u8) -> u8 {
        if self.rules.fact_id_says_what_happened {
            self.change(event)
        } else {
            event
        }
    }

    fn decide(&self, item: &Item, event: u8) -> Decision {
        let rules = self.rules;
        let nothing = Decision {
            write: None,
            minted: false,
        };
        if rules.history_is_kept && item.history.contains(&event) {
            return nothing;
        }
        let newer = item.state.is_none_or(|state| event > state);
        let fact = self.fact_id(event);
        let minted = !item.facts.contains(&fact) && (newer || rules.stale_events_emit_their_facts);
        if !newer && !minted {
            return nothing;
        }
        let mut item = item.clone();
        item.version += 1;
        if newer && !rules.overtaking_keeps_pending {
            item.pending.clear();
        }
        if minted {
            item.facts.push(fact);
            item.pending.insert(Pending {
                id: EffectId::Fact(fact),
                event,
            });
        }
        if !rules.facts_never_evicted && item.facts.len() > self.history {
            item.facts.remove(0);
        }
        if newer {
            item.state = Some(event);
            let seq = if rules.seq_is_the_version {
                item.version
            } else {
                Self::second(event)
            };
            item.pending.insert(Pending {
                id: EffectId::Level(seq),
                event,
            });
        }
        item.history.push(event);
        self.evict(&mut item);
        Decision {
            write: Some(item),
            minted,
        }
    }

    /// Drops the oldest ids beyond the bound, but none with pending effects.
    fn evict(&self, item: &mut Item) {
        while item.history.len() > self.history {
            let evictable = |event: &u8| {
                !self.rules.history_keeps_ids_with_pending
                    || !item.pending.iter().any(|pending| pending.event == *event)
            };
            let Some(oldest) = item.history.iter().position(evictable) else {
                return;
            };
            item.history.remove(oldest);
        }
    }

    /// The conditional write.
    pub(super) fn apply(&self, world: &mut World, worker: usize, write: Write) {
        let Some(Worker {
            event,
            step: Step::Apply { read },
            ..
        }) = world.workers[worker].clone()
        else {
            return;
        };
        let decision = self.decide(&read, event);
        let seen = match decision.write {
            None => read,
            Some(_) if self.rules.apply_is_conditional && world.item.version != read.version => {
                Self::go(
                    world,
                    worker,
                    Step::Apply {
                        read: world.item.clone(),
                    },
                );
                return;
            }
            Some(item) => {
                if decision.minted {
                    let minted = &mut world.minted[usize::from(self.change(event))];
                    *minted = (*minted + 1).min(2);
                }
                world.item = item.clone();
                if write == Write::AnswerLost {
                    return;
                }
                item
            }
        };
        let all = self.rules.delivery_emits_everything_pending;
        let effects: BTreeSet<_> = seen
            .pending
            .iter()
            .filter(|pending| all || pending.event == event)
            .copied()
            .collect();
        if !self.rules.emit_before_acknowledge
            && let Some(worker) = &mut world.workers[worker]
        {
            worker.acknowledged = true;
        }
        if effects.is_empty() {
            Self::finish(world, worker);
        } else if self.rules.clear_after_emit {
            Self::go(world, worker, Step::Emit { seen, effects });
        } else {
            Self::go(world, worker, Step::Clear { seen, effects });
        }
    }

    /// Calls `PutEvents` with everything that is to be emitted.
    pub(super) fn emit(&self, world: &mut World, worker: usize, bus: Bus) {
        let Some(Worker {
            step: Step::Emit { seen, effects },
            ..
        }) = world.workers[worker].clone()
        else {
            return;
        };
        for pending in effects.iter().skip(usize::from(bus == Bus::FirstRefused)) {
            match pending.id {
                EffectId::Fact(_) => {
                    let emitted = &mut world.emitted[usize::from(self.change(pending.event))];
                    *emitted = (*emitted + 1).min(2);
                }
                EffectId::Level(seq) => {
                    world.bus.insert(Level {
                        seq,
                        value: pending.event,
                    });
                }
            }
        }
        match bus {
            Bus::AnswerLost => {}
            Bus::FirstRefused if self.rules.emit_checks_each_result => Self::fail(world, worker),
            Bus::Accepted | Bus::FirstRefused if self.rules.clear_after_emit => {
                Self::go(world, worker, Step::Clear { seen, effects });
            }
            Bus::Accepted | Bus::FirstRefused => Self::finish(world, worker),
        }
    }

    /// The conditional write that removes effects from the item.
    pub(super) fn clear(&self, world: &mut World, worker: usize, write: Write) {
        let Some(Worker {
            step: Step::Clear { seen, effects },
            ..
        }) = world.workers[worker].clone()
        else {
            return;
        };
        let rules = self.rules;
        if write == Write::Failed {
            if rules.failed_clear_fails_the_item {
                Self::fail(world, worker);
            } else {
                Self::finish(world, worker);
            }
            return;
        }
        let emitted = |pending: &Pending| effects.iter().any(|effect| effect.id == pending.id);
        if rules.clear_is_conditional && world.item.version != seen.version {
            if world.item.pending.iter().any(emitted) {
                let seen = world.item.clone();
                Self::go(world, worker, Step::Clear { seen, effects });
            } else {
                self.after_clear(world, worker, seen, effects);
            }
            return;
        }
        let (off, stays): (BTreeSet<_>, BTreeSet<_>) = seen
            .pending
            .iter()
            .partition(|pending| !rules.clear_removes_only_what_was_emitted || emitted(pending));
        let version = seen.version + u8::from(rules.clear_bumps_the_version);
        world.item = Item {
            version,
            pending: stays,
            ..seen.clone()
        };
        world.cleared.extend(off);
        if write == Write::Done {
            self.after_clear(world, worker, seen, effects);
        }
    }

    fn after_clear(
        &self,
        world: &mut World,
        worker: usize,
        seen: Item,
        effects: BTreeSet<Pending>,
    ) {
        if self.rules.clear_after_emit {
            Self::finish(world, worker);
        } else {
            Self::go(world, worker, Step::Emit { seen, effects });
        }
    }

    /// The message is deleted.
    pub(super) fn acknowledge(world: &mut World, worker: usize) {
        world.workers[worker] = None;
    }

    /// The message goes back to the queue, unless it is deleted.
    pub(super) fn fail(world: &mut World, worker: usize) {
        if let Some(Worker {
            event,
            acknowledged: false,
            ..
        }) = world.workers[worker].take()
        {
            world.queue[usize::from(event)] += 1;
        }
    }

    /// The message goes to the dead letters, unless it is deleted.
    pub(super) fn dead_letter(world: &mut World, worker: usize) {
        if let Some(Worker {
            event,
            acknowledged: false,
            ..
        }) = world.workers[worker].take()
        {
            world.dead.insert(event);
        }
    }

    /// One more message of an event.
    pub(super) fn redeliver(world: &mut World, event: u8) {
        world.queue[usize::from(event)] += 1;
        world.dead.remove(&event);
        world.redeliveries += 1;
    }

    /// A level arrives.
    pub(super) fn deliver(&self, world: &mut World, level: Level) {
        world.bus.remove(&level);
        let higher = world.receiver.is_none_or(|held| level.seq > held.seq);
        if higher || !self.rules.receivers_keep_the_highest_seq {
            world.receiver = Some(level);
        }
    }

    fn go(world: &mut World, worker: usize, step: Step) {
        if let Some(worker) = &mut world.workers[worker] {
            worker.step = step;
        }
    }

    /// Only the acknowledgement is left to do.
    fn finish(world: &mut World, worker: usize) {
        match &mut world.workers[worker] {
            Some(Worker {
                acknowledged: true, ..
            }) => world.workers[worker] = None,
            Some(worker) => worker.step = Step::Acknowledge,
            None => {}
        }
    }
}
