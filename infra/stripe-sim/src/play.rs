//! Playing stories in a world: one after another, the same one in several scopes, or up to a given second.

mod accounts;
mod present;

use crate::ids::{Purpose, stream};
use crate::stories::Story;
use crate::story_context::{StoryContext, Streams};
use crate::world::{Key, Scope, World};

impl World {
    /// Plays a story, beginning now, and returns the objects that it made. The next one begins up to 90 s later:
    /// stories overlap.
    pub fn play(&mut self, story: Story, scope: &Scope) -> Vec<Key> {
        self.plays += 1;
        let (made, _) = self.perform(story, scope, self.plays);
        self.clock += self.dice.i64(0..=90);
        made
    }

    /// Plays a story once in each scope **with equal object ids** (event ids differ, as do seconds). That happens to
    /// accounts that were copied from each other, and makes an id alone a bad key.
    pub fn play_alike(&mut self, story: Story, scopes: &[Scope]) -> Vec<Vec<Key>> {
        let objects = self.plays + 1;
        let mut made = Vec::new();
        for scope in scopes {
            self.plays += 1;
            made.push(self.perform(story, scope, objects).0);
            self.clock += self.dice.i64(0..=90);
        }
        made
    }

    /// Plays this number of stories, drawn from [`Story::ALL`] and the scopes.
    pub fn play_some(&mut self, stories: usize, scopes: &[Scope]) {
        for _ in 0..stories {
            if let Some((story, scope)) = self.draw(scopes) {
                self.play(story, scope);
            }
        }
    }

    /// A story, and one of the scopes for it; `None` without scopes.
    fn draw<'s>(&mut self, scopes: &'s [Scope]) -> Option<(Story, &'s Scope)> {
        let story = Story::ALL[self.dice.usize(..Story::ALL.len())];
        let index = (!scopes.is_empty()).then(|| self.dice.usize(..scopes.len()))?;
        Some((story, &scopes[index]))
    }

    /// Plays a story from now on. Returns the objects that it made, and the second in which it ended.
    fn perform(&mut self, story: Story, scope: &Scope, objects: u64) -> (Vec<Key>, i64) {
        let streams = Streams {
            objects: stream(self.seed, objects, Purpose::Objects),
            events: stream(self.seed, self.plays, Purpose::Events),
            // Plays with equal object ids play the same story.
            dice: stream(self.seed, objects, Purpose::Story),
        };
        let now = self.clock;
        let mut context = StoryContext::new(self, scope.clone(), now, streams);
        story.play(&mut context);
        let end = context.now();
        (context.end(), end)
    }
}
