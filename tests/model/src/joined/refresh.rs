//! Import and rebuild: the operator's program reads the object's current state from Stripe.
//!
//! Stripe shows the object when the command begins, and the item is written later: events may be sent, delivered and
//! applied in between. A dead command is run again.

use super::action::End;
use super::protocol::Joined;
use super::world::{Effect, Refresh, RefreshStep, Refreshing, World};

impl Joined {
    /// The events that may have made the state which Stripe shows now: no older than what was sent or shown before. A
    /// later change may have happened although its event hasn't been sent yet.
    pub(super) fn shows(&self, world: &World) -> impl Iterator<Item = u8> + use<> {
        let sent = (0..self.events)
            .zip(&world.events)
            .filter(|(_, way)| way.sent > 0)
            .map(|(event, _)| event);
        let before = world.refreshing.as_ref().map(|running| running.shown);
        sent.max().max(before).max(world.taken).unwrap_or(0)..self.events
    }

    /// The next of the configuration's commands begins.
    pub(super) fn refresh_begin(&self, world: &mut World, shown: u8) {
        let kind = self.refreshes[usize::from(world.refreshes)];
        let step = RefreshStep::Write;
        world.refreshes += 1;
        world.refreshing = Some(Refreshing { kind, shown, step });
    }

    /// The operator runs the command again.
    pub(super) fn refresh_again(world: &mut World, shown: u8) {
        if let Some(running) = &mut world.refreshing {
            running.shown = shown;
            running.step = RefreshStep::Write;
        }
    }

    /// The command's next step.
    pub(super) fn refresh(&self, world: &mut World, end: End) {
        let Some(Refreshing { kind, shown, step }) = world.refreshing.clone() else {
            return;
        };
        if end == End::Crash {
            go(world, RefreshStep::Dead);
            return;
        }
        match step {
            RefreshStep::Write => self.take_state(world, kind, shown),
            RefreshStep::Emit(effects) => {
                self.put_on_bus(world, &effects, end);
                match end {
                    End::Refused => go(world, RefreshStep::Dead),
                    _ => go(world, RefreshStep::Clear(effects)),
                }
            }
            RefreshStep::Clear(effects) => {
                self.take_off(&mut world.item, &effects);
                world.refreshing = None;
            }
            RefreshStep::Dead => {}
        }
    }

    /// The write, and what is to be emitted then.
    fn take_state(&self, world: &mut World, kind: Refresh, shown: u8) {
        let rules = self.rules;
        let before = world.item.state;
        world.refreshing = None;
        if before.is_none() && kind != Refresh::Import {
            // A rebuild works only on an existing item.
            return;
        }
        let mut item = world.item.clone();
        item.state = match before {
            Some(state) if rules.answers_are_ordered => Some(state.max(shown)),
            _ => Some(shown),
        };
        world.taken = world.taken.max(Some(shown));
        let is_pending = !item.pending.is_empty();
        let (is_to_emit, is_left) = match kind {
            Refresh::Suppressed => (false, false),
            Refresh::Emitting => (true, item.owed || is_pending),
            // An object that was imported before its first event has emitted nothing, and waits for that event.
            Refresh::Import => (before.is_some(), item.emitted.is_some() || is_pending),
        };
        let changes = item.state != before;
        let emits_left = is_to_emit && is_left;
        if changes || emits_left {
            world.awaits_message = !is_to_emit;
            world.before_replay = None;
        }
        let goes_on = changes || (emits_left && rules.refreshes_emit_what_is_left);
        if !goes_on {
            return;
        }
        let emits = is_to_emit && (kind != Refresh::Import || rules.imports_emit_what_they_correct);
        // If there are only pending effects, they are emitted without a write.
        if changes || item.owed {
            item.version += 1;
            let level = if emits {
                self.call_for_level(&mut item, world.time)
            } else {
                self.owe_level(&mut item, before, world.time)
            };
            item.pending.extend(level.map(Effect::Level));
            world.wrote(item);
        }
        if emits && !world.item.pending.is_empty() {
            let step = RefreshStep::Emit(world.item.pending.clone());
            world.refreshing = Some(Refreshing { kind, shown, step });
        }
    }
}

fn go(world: &mut World, step: RefreshStep) {
    if let Some(running) = &mut world.refreshing {
        running.step = step;
    }
}
