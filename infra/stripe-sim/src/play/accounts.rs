//! Connected accounts: how they connect to the platform, leave it, and come back.

use crate::ids::{Purpose, stream};
use crate::stories::Story;
use crate::world::{Scope, World};

impl World {
    /// Connects an account, made in this mode, and plays its onboarding up to charges and payouts.
    pub fn connect(&mut self, livemode: bool) -> Scope {
        self.connect_by(Story::Onboarding, livemode)
    }

    /// Connects an account that only receives payouts: it has accepted the recipient agreement, and requests
    /// `transfers` alone.
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

    /// Makes Stripe ask a connected account for a document, disable it, and enable it again.
    pub fn restrict(&mut self, scope: &Scope) {
        self.play(Story::Restricted, scope);
    }

    /// Plays a connected account's offboarding, at the end of which it disconnects. From then on the API refuses to act
    /// for it. Other scopes don't change.
    pub fn disconnect(&mut self, scope: &Scope) {
        self.play(Story::Offboarding, scope);
        self.note_connection(scope, "account.application.deauthorized", false);
    }

    /// A connected account disconnects after 40 days and connects again three days later. Its state is unchanged, and
    /// no other event reports the pause.
    pub fn reconnect(&mut self, scope: &Scope) {
        self.play(Story::Reconnecting, scope);
        self.note_connection(scope, "account.application.deauthorized", false);
        self.note_connection(scope, "account.application.authorized", true);
    }
}
