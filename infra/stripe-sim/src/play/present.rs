//! Stories that end at a given second, instead of beginning at one: lifecycles that end now.

use crate::stories::Story;
use crate::world::{Key, Scope, World};

impl World {
    /// Plays one of [`Story::ALL`] so that its last change is in this second (Unix), and returns the objects that it
    /// made. It is the same story with the same ids as [`World::play`] would play, except for the time. The clock
    /// doesn't move.
    ///
    /// A subscription that the story leaves active is then in the period that it was last paid for.
    pub fn play_until(&mut self, story: Story, scope: &Scope, end: i64) -> Vec<Key> {
        self.plays += 1;
        let clock = self.clock;
        // A first play shows how long the story takes: it takes as long in a world without anything else.
        let mut rehearsal = Self::new(self.seed, self.options);
        (rehearsal.plays, rehearsal.clock) = (self.plays, clock);
        let (_, ended) = rehearsal.perform(story, scope, self.plays);
        self.clock = end - (ended - clock);
        let (made, _) = self.perform(story, scope, self.plays);
        self.clock = clock;
        made
    }

    /// Plays the stories that [`World::play_some`] would play, each up to this second (Unix) or up to 90 s before the
    /// last one's end.
    pub fn play_some_until(&mut self, stories: usize, scopes: &[Scope], end: i64) {
        let mut last = end;
        for _ in 0..stories {
            if let Some((story, scope)) = self.draw(scopes) {
                self.play_until(story, scope, last);
                last -= self.dice.i64(0..=90);
            }
        }
    }
}
