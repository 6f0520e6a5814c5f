//! Restore: the item is set back to an earlier version, as from a backup, and its later events have to come again.

use super::protocol::Joined;
use super::world::World;

impl Joined {
    /// The item is set back. That takes longer than the difference between clocks, so it is later than any write
    /// before.
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
