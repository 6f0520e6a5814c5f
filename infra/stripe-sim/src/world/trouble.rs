//! What Stripe itself gets wrong: one change told by two events, and a change that is told by none.
//!
//! A change without an event is still a change: the objects are as they are, only nobody hears of it. Some time later
//! Stripe says that it failed to generate the event, with an event of API v2,
//! `v2.core.health.event_generation_failure.resolved`. Its data say which type and which object; they come with the
//! fetched event, not with the delivered one.

use super::{About, Notice, World};
use crate::ids::{Purpose, event_id, stream, thin_id};

impl World {
    /// Tells one change twice: a second event beside this one, the same but for its id. Returns the new id; `None`
    /// where there is no such event.
    pub fn twin(&mut self, event: &str) -> Option<String> {
        let place = self.events.iter().position(|one| one.id == event)?;
        let mut twin = self.events[place].clone();
        // A stream of its own: ids of stories stay as they are.
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::Twins);
        twin.id = event_id(&mut dice, &twin.kind);
        let id = twin.id.clone();
        self.events.insert(place + 1, twin);
        Some(id)
    }

    /// Gives so many of a hundred events a twin. Returns how many.
    pub fn twin_some(&mut self, percent: u8) -> usize {
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::Twins);
        let events = self.events.iter().map(|event| event.id.clone());
        let chosen: Vec<_> = events.filter(|_| dice.u8(0..100) < percent).collect();
        let made = chosen.iter().filter_map(|event| self.twin(event));
        made.count()
    }

    /// Lets Stripe fail to generate this event: it is in no list and is delivered to nobody, as if it had never been, and
    /// so many seconds later Stripe says so. Returns the notice's id; `None` where there is no such event.
    ///
    /// The object's last event may then show less than the truth.
    pub fn fail_to_generate(&mut self, event: &str, told_after_s: u32) -> Option<String> {
        let place = self.events.iter().position(|one| one.id == event)?;
        let failed = self.events.remove(place);
        let id = thin_id(&failed.thin_id(), failed.object.scope.livemode);
        self.note(Notice {
            id: id.clone(),
            created: failed.created + i64::from(told_after_s),
            about: About::Ungenerated(failed),
        });
        Some(id)
    }

    /// Lets Stripe fail to generate so many events, drawn from all. Returns how many: fewer only where
    /// there are fewer.
    pub fn fail_to_generate_some(&mut self, events: usize, told_after_s: u32) -> usize {
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::Twins);
        let mut failed = 0;
        while failed < events && !self.events.is_empty() {
            let event = self.events[dice.usize(..self.events.len())].id.clone();
            self.fail_to_generate(&event, told_after_s);
            failed += 1;
        }
        failed
    }
}
