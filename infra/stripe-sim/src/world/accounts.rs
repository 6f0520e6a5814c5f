//! Connected accounts: how they connect to the platform, leave it, and come back.

use std::collections::BTreeMap;

use super::{Scope, World};
use crate::ids::{Purpose, stream};
use crate::stories::Story;

/// When each account disconnected (`false`) and connected again (`true`), by second (Unix). An account that never left
/// isn't here.
pub(super) type Connections = BTreeMap<Scope, Vec<(i64, bool)>>;

impl World {
    /// Connects an account, made in this mode, and plays its way to charges and payouts.
    pub fn connect(&mut self, livemode: bool) -> Scope {
        self.connect_by(Story::Onboarding, livemode)
    }

    /// Connects an account that is only paid out to: it has agreed to be a recipient, and requests `transfers` alone.
    pub fn connect_recipient(&mut self, livemode: bool) -> Scope {
        self.connect_by(Story::RecipientOnboarding, livemode)
    }

    fn connect_by(&mut self, story: Story, livemode: bool) -> Scope {
        self.plays += 1;
        let id = crate::ids::id(
            &mut stream(self.seed, self.plays, Purpose::World),
            "acct",
            livemode,
        );
        let scope = Scope {
            account: Some(id),
            livemode,
        };
        self.accounts.push(scope.clone());
        self.play(story, &scope);
        scope
    }

    /// Lets Stripe ask a connected account for a document, disable it, and enable it again.
    pub fn restrict(&mut self, scope: &Scope) {
        self.play(Story::Restricted, scope);
    }

    /// Plays a connected account's way out, in the end of which it disconnects. From then on the API refuses to act for
    /// it. Other scopes are left as they are.
    pub fn disconnect(&mut self, scope: &Scope) {
        self.play(Story::Offboarding, scope);
        self.note_connection(scope, "account.application.deauthorized", false);
    }

    /// A connected account disconnects after 40 days and connects again three days later. It is as it was, and no other
    /// event says so.
    pub fn reconnect(&mut self, scope: &Scope) {
        self.play(Story::Reconnecting, scope);
        self.note_connection(scope, "account.application.deauthorized", false);
        self.note_connection(scope, "account.application.authorized", true);
    }

    /// Keeps when the last event of this type was.
    fn note_connection(&mut self, scope: &Scope, kind: &str, connected: bool) {
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
