//! Worlds that end at a second that is given, and not after a start that is given: lifecycles that reach up to now.

use super::{Key, Options, Scope, World};
use crate::stories::Story;

impl World {
    /// The world that `play` makes, moved in time so that it ends in this second (Unix). The same seed makes the same
    /// stories with the same ids, whenever that is.
    #[must_use]
    pub fn ending_at<T>(
        end: i64,
        seed: u64,
        options: Options,
        play: impl Fn(&mut Self) -> T,
    ) -> (Self, T) {
        // How long it takes is known once it has been played.
        let mut rehearsal = Self::new(seed, options);
        play(&mut rehearsal);
        let start = end - (rehearsal.end() - options.start);
        let mut world = Self::new(seed, Options { start, ..options });
        let made = play(&mut world);
        (world, made)
    }

    /// Plays a story so that its last change is in this second (Unix), and returns the objects that it made. The clock
    /// stays where it is.
    ///
    /// A subscription that the story leaves active is then in the period that it was last paid for.
    pub fn play_until(&mut self, story: Story, scope: &Scope, end: i64) -> Vec<Key> {
        self.plays += 1;
        let clock = self.clock;
        let mut rehearsal = self.clone();
        let (_, ended) = rehearsal.perform(story, scope, self.plays);
        self.clock = end - (ended - clock);
        let (made, _) = self.perform(story, scope, self.plays);
        self.clock = clock;
        made
    }
}
