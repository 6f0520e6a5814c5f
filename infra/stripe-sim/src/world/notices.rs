//! Events of API v2 that have no snapshot. Their data come with the fetched event, not with the delivered one.

use super::{Key, Occurrence, Scope, World};

/// The type of the event that says which event wasn't generated.
pub const GENERATION_FAILURE: &str = "v2.core.health.event_generation_failure.resolved";

/// The type of the event that reports usage which a meter couldn't take.
pub const METER_ERRORS: &str = "v1.billing.meter.error_report_triggered";

/// An event of API v2 without a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `evt_…`, one of `/v2/core/events`.
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    /// What it reports.
    pub about: About,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Stripe failed to generate this event. The platform gets the notice.
    Ungenerated(Occurrence),
    /// This meter was sent usage that names no customer.
    MeterErrors(Key),
}

impl Notice {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.about {
            About::Ungenerated(_) => GENERATION_FAILURE,
            About::MeterErrors(_) => METER_ERRORS,
        }
    }

    /// Who gets it: for a meter's report the meter's owner; for events that weren't generated the platform, in the mode
    /// of the change.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match &self.about {
            About::Ungenerated(failed) => Scope::platform(failed.object.scope.livemode),
            About::MeterErrors(meter) => meter.scope.clone(),
        }
    }
}

impl World {
    /// Keeps a notice in order of time.
    pub(crate) fn note(&mut self, notice: Notice) {
        self.notices.push(notice);
        self.notices.sort_by_key(|notice| notice.created);
    }

    /// Events of API v2 that have no snapshot, by `created`.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}
