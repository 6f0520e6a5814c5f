//! Restore: the item is put back to an earlier version of it, as from a backup, and its later events have to come again.

use super::protocol::Joined;
use super::world::World;

impl Joined {
    /// The item is put back. That takes longer than clocks disagree, so it is later than any write before.
    pub(super) fn restore(world: &mut World) {
        if let Some(item) = world.backup.take() {
            world.item = item;
            world.time += 1;
            world.restored = true;
            world.behind = true;
            world.before_replay = None;
        }
    }
}
