//! Behind the bus: a worker's receive, apply, emit, clear and acknowledge, and the receiver of its effects.
//!
//! Each function is one call, carried out at once, and the decision that its answer leads to. A conflict isn't a
//! separate step here, since the worker then reads and decides again: the consumer's own model has it.

use std::collections::BTreeSet;

use super::action::End;
use super::protocol::Joined;
use super::world::{Effect, Item, Level, Message, Work, Worker, World};

/// The effect of a message on an item.
struct Decision {
    /// The item to write, if anything changes, without the new pending effects.
    write: Option<Item>,
    /// The fact that the message calls for, if it is new.
    fact: Option<Message>,
    /// What the change calls for: the fact, and the level.
    effects: BTreeSet<Effect>,
}

impl Joined {
    /// A message is received and the item read.
    pub(super) fn receive(&self, world: &mut World, worker: usize, message: Message) {
        world.queue.take(message);
        let read = (!self.rules.apply_is_conditional).then(|| world.item.clone());
        world.workers[worker] = Some(Worker {
            message,
            acknowledged: false,
            work: Work::Apply { read },
        });
    }

    /// The fact of the message that the item doesn't know yet: under a generation, a known fact is emitted again, once.
    fn fact(&self, item: &Item, message: Message) -> Option<Message> {
        let rules = self.rules;
        let plain = Message::plain(message.event);
        let known = item.facts.contains(&plain);
        if message == plain || (!known && rules.first_emit_is_plain) {
            return (!known).then_some(plain);
        }
        if !rules.generation_is_part_of_the_id {
            return None;
        }
        (!item.facts.contains(&message)).then_some(message)
    }

    fn decide(&self, item: &Item, message: Message, now: u8) -> Decision {
        let rules = self.rules;
        let mut decision = Decision {
            write: None,
            fact: None,
            effects: BTreeSet::new(),
        };
        let forced = message.generation > 0;
        let in_history = item.last.is_some_and(|last| {
            last == message || (!rules.history_separates_generations && last.event == message.event)
        });
        let newer = item.state.is_none_or(|state| message.event > state);
        let emits_owed = item.owed && (newer || rules.stale_events_emit_what_is_owed);
        if in_history && !emits_owed {
            return decision;
        }
        let fact = (!in_history).then(|| self.fact(item, message)).flatten();
        let is_quiet = fact.is_none() || !forced && !rules.stale_events_emit_their_facts;
        if !newer && !emits_owed && is_quiet {
            return decision;
        }
        let mut item = item.clone();
        item.version += 1;
        item.last = Some(message);
        if let Some(fact) = fact {
            decision.fact = Some(fact);
            decision.effects.insert(Effect::Fact(fact));
            if rules.facts_never_evicted {
                item.facts.insert(Message::plain(message.event));
            }
            if forced && rules.generations_are_recorded {
                item.facts.insert(message);
            }
        }
        if newer || (forced && !rules.forced_never_regresses) {
            item.state = Some(message.event);
        }
        // A forced replay emits the current level, for any event.
        let repeats = forced && !in_history && rules.forced_emits_the_level;
        if newer || emits_owed || repeats {
            let level = self.call_for_level(&mut item, now);
            decision.effects.extend(level.map(Effect::Level));
        }
        decision.write = Some(item);
        decision
    }

    /// A worker's next step.
    pub(super) fn work(&self, world: &mut World, worker: usize, end: End) {
        if end == End::Crash {
            Self::fail(world, worker);
            return;
        }
        let Some(Worker { message, work, .. }) = world.workers[worker].clone() else {
            return;
        };
        match work {
            Work::Apply { read } => self.apply(world, worker, message, read),
            Work::Emit(effects) => self.emit(world, worker, effects, end),
            Work::Clear(effects) => self.clear(world, worker, effects),
            Work::Acknowledge => world.workers[worker] = None,
        }
    }

    /// The write, and what is to be emitted then: everything pending, from any message.
    fn apply(&self, world: &mut World, worker: usize, message: Message, read: Option<Item>) {
        let read = read.unwrap_or_else(|| world.item.clone());
        let decision = self.decide(&read, message, world.time);
        world.behind &= Some(message.event) < world.newest();
        world.awaits_message = false;
        let mut effects = read.pending;
        if let Some(mut item) = decision.write {
            effects.extend(decision.effects);
            if self.rules.effects_are_pending {
                item.pending.clone_from(&effects);
            }
            world.wrote(item);
        }
        if let Some(fact) = decision.fact {
            if fact != message && world.minted.of(fact) == 0 {
                world.first_by_replay |= 1 << fact.event;
            }
            world.minted.add(fact);
        }
        let Some(worker) = &mut world.workers[worker] else {
            return;
        };
        worker.acknowledged = !self.rules.emit_before_acknowledge;
        worker.work = if effects.is_empty() {
            Work::Acknowledge
        } else if self.rules.clear_after_emit {
            Work::Emit(effects)
        } else {
            Work::Clear(effects)
        };
        finish_if_acknowledged(world);
    }

    fn emit(&self, world: &mut World, worker: usize, effects: BTreeSet<Effect>, end: End) {
        self.put_on_bus(world, &effects, end);
        if end == End::Refused && self.rules.emit_checks_each_result {
            Self::fail(world, worker);
        } else if self.rules.clear_after_emit {
            go(world, worker, Work::Clear(effects));
        } else {
            go(world, worker, Work::Acknowledge);
        }
    }

    /// Calls `PutEvents` with effects; the first may be refused.
    pub(super) fn put_on_bus(&self, world: &mut World, effects: &BTreeSet<Effect>, end: End) {
        for effect in effects.iter().skip(usize::from(end == End::Refused)) {
            match *effect {
                Effect::Fact(fact) => {
                    if !self.rules.receivers_know_facts || world.receiver.acted.of(fact) == 0 {
                        world.receiver.acted.add(fact);
                    }
                }
                Effect::Level(level) => {
                    world.bus.insert(level);
                }
            }
        }
    }

    fn clear(&self, world: &mut World, worker: usize, effects: BTreeSet<Effect>) {
        self.take_off(&mut world.item, &effects);
        if self.rules.clear_after_emit {
            go(world, worker, Work::Acknowledge);
        } else {
            go(world, worker, Work::Emit(effects));
        }
    }

    /// Effects are removed from the item. If there are none, nothing is written.
    pub(super) fn take_off(&self, item: &mut Item, effects: &BTreeSet<Effect>) {
        if item.pending.iter().any(|pending| effects.contains(pending)) {
            item.version += 1;
            if self.rules.clear_removes_only_what_was_emitted {
                item.pending.retain(|pending| !effects.contains(pending));
            } else {
                item.pending.clear();
            }
        }
    }

    /// The message goes back to the queue, unless it is deleted.
    pub(super) fn fail(world: &mut World, worker: usize) {
        if let Some(Worker {
            message,
            acknowledged: false,
            ..
        }) = world.workers[worker].take()
        {
            world.queue.add(message);
        }
    }

    /// The message goes to the dead letters, unless it is deleted.
    pub(super) fn dead_letter(world: &mut World, worker: usize) {
        if let Some(Worker {
            message,
            acknowledged: false,
            ..
        }) = world.workers[worker].take()
        {
            world.dead.add(message);
        }
    }

    /// A dead letter is put back into its queue.
    pub(super) fn redrive(world: &mut World, message: Message) {
        world.dead.take(message);
        world.queue.add(message);
    }

    /// A level arrives.
    pub(super) fn arrive(&self, world: &mut World, level: Level) {
        world.bus.remove(&level);
        let held = &mut world.receiver.level;
        let higher = held.is_none_or(|held| level.seq > held.seq);
        if higher || !self.rules.receivers_keep_the_highest_seq {
            *held = Some(level);
        }
    }
}

fn go(world: &mut World, worker: usize, work: Work) {
    if let Some(worker) = &mut world.workers[worker] {
        worker.work = work;
    }
    finish_if_acknowledged(world);
}

/// A worker with a deleted message has nothing left to do at the acknowledgement.
fn finish_if_acknowledged(world: &mut World) {
    for worker in &mut world.workers {
        if let Some(Worker {
            acknowledged: true,
            work: Work::Acknowledge,
            ..
        }) = worker
        {
            *worker = None;
        }
    }
}
