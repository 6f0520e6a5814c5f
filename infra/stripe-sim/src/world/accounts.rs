//! Connected accounts: when each left the platform and came back.

use std::collections::BTreeMap;

use super::{Scope, World};

/// When each account disconnected (`false`) and connected again (`true`), by second (Unix). An account that never
/// disconnected isn't here.
pub(super) type Connections = BTreeMap<Scope, Vec<(i64, bool)>>;

impl World {
    /// Records when the last event of this type was.
    pub(crate) fn note_connection(&mut self, scope: &Scope, kind: &str, connected: bool) {
        let mut events = self.events.iter().rev();
        let last = events.find(|event| event.object.scope == *scope && event.kind == kind);
        if let Some(created) = last.map(|event| event.created) {
            let connections = self.connections.entry(scope.clone()).or_default();
            connections.push((created, connected));
            connections.sort_unstable();
        }
    }

    /// Whether the account is disconnected in this second (Unix).
    pub(crate) fn has_left(&self, account: &Scope, second: i64) -> bool {
        let connections = self.connections.get(account);
        let mut past = connections.into_iter().flatten().rev();
        past.find(|(at, _)| *at <= second)
            .is_some_and(|(_, connected)| !connected)
    }
}
