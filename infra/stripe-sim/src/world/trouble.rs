//! Stripe's own failures: one change with two events, and a change without any event.
//!
//! A change without an event is still a change: the objects have changed, but no endpoint receives an event. Some time
//! later Stripe reports that it failed to generate the event, with an event of API v2,
//! `v2.core.health.event_generation_failure.resolved`. Its data name the type and the object; they come with the
//! fetched event, not with the delivered one.

use super::{About, Notice, World};
use crate::ids::{Purpose, event_id, stream, thin_id};

impl World {
    /// Reports one change twice: adds a second event beside this one, which differs only in its id. Returns the new id;
    /// `None` if there is no such event.
    pub fn add_second_event(&mut self, event: &str) -> Option<String> {
        let place = self.events.iter().position(|one| one.id == event)?;
        let mut second_event = self.events[place].clone();
        // A separate stream: ids of stories don't change.
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::SecondEvents);
        second_event.id = event_id(&mut dice, &second_event.kind);
        let id = second_event.id.clone();
        self.events.insert(place + 1, second_event);
        Some(id)
    }

    /// Gives this number of a hundred events a second event. Returns how many.
    pub fn add_second_events(&mut self, percent: u8) -> usize {
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::SecondEvents);
        let events = self.events.iter().map(|event| event.id.clone());
        let chosen: Vec<_> = events.filter(|_| dice.u8(0..100) < percent).collect();
        let made = chosen
            .iter()
            .filter_map(|event| self.add_second_event(event));
        made.count()
    }

    /// Makes Stripe fail to generate this event: no list contains it and no endpoint receives it, as if it had never
    /// existed. The given number of seconds later Stripe reports that. Returns the notice's id; `None` if there is no
    /// such event.
    ///
    /// The object's last event may then show an older state than the true one.
    pub fn fail_to_generate(&mut self, event: &str, notice_after_s: u32) -> Option<String> {
        let place = self.events.iter().position(|one| one.id == event)?;
        let failed = self.events.remove(place);
        let id = thin_id(&failed.thin_id(), failed.object.scope.livemode);
        self.note(Notice {
            id: id.clone(),
            created: failed.created + i64::from(notice_after_s),
            about: About::Ungenerated(failed),
        });
        Some(id)
    }

    /// Makes Stripe fail to generate this number of events, drawn from all. Returns how many: fewer only if there are
    /// fewer.
    pub fn fail_to_generate_some(&mut self, events: usize, notice_after_s: u32) -> usize {
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::SecondEvents);
        let mut failed = 0;
        while failed < events && !self.events.is_empty() {
            let event = self.events[dice.usize(..self.events.len())].id.clone();
            self.fail_to_generate(&event, notice_after_s);
            failed += 1;
        }
        failed
    }
}
