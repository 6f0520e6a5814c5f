//! What an endpoint is sent: a change as a snapshot or as a thin event, or a notice that only API v2 has.

use crate::delivery::endpoint::{Endpoint, EventsFrom, Payload};
use crate::world::{Notice, Occurrence, World};

/// One event that an endpoint receives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndpointEvent<'w> {
    /// A snapshot.
    Snapshot(&'w Occurrence),
    /// A thin event.
    Thin(&'w Occurrence),
    /// An event of API v2 that has no snapshot.
    Notice(&'w Notice),
}

impl EndpointEvent<'_> {
    /// `evt_…`
    pub(crate) fn id(self) -> String {
        match self {
            Self::Snapshot(event) => event.id.clone(),
            Self::Thin(event) => event.thin_id(),
            Self::Notice(notice) => notice.id.clone(),
        }
    }

    /// Its type.
    pub(crate) fn kind(self) -> String {
        match self {
            Self::Snapshot(event) => event.kind.clone(),
            Self::Thin(event) => event.thin_kind(),
            Self::Notice(notice) => notice.kind().to_owned(),
        }
    }

    /// The bytes that this endpoint gets.
    pub(crate) fn body(self, world: &World, endpoint: &Endpoint) -> Vec<u8> {
        let in_organization = endpoint.events_from == EventsFrom::Organization;
        match self {
            Self::Snapshot(event) if in_organization => {
                world.body_of_organization(event, endpoint.api_version)
            }
            Self::Snapshot(event) => world.body(event, endpoint.api_version),
            Self::Thin(event) if in_organization => world.thin_body_of_organization(event),
            Self::Thin(event) => world.thin_body(event),
            Self::Notice(notice) => world.notice_body(notice),
        }
    }

    /// When the event was made, in Unix seconds.
    pub(crate) fn created(self) -> i64 {
        match self {
            Self::Snapshot(event) | Self::Thin(event) => event.created,
            Self::Notice(notice) => notice.created,
        }
    }
}

/// Everything that an endpoint receives, in the order in which it happened.
pub(crate) fn events_of<'w>(world: &'w World, endpoint: &Endpoint) -> Vec<EndpointEvent<'w>> {
    let events = world.events().iter();
    let events = events.filter(|event| endpoint.receives(event));
    let notices = world.notices().iter();
    let notices = notices.filter(|notice| endpoint.receives_notice(notice));
    let mut received: Vec<_> = match endpoint.payload {
        Payload::Snapshot => events.map(EndpointEvent::Snapshot).collect(),
        Payload::Thin => events.map(EndpointEvent::Thin).collect(),
    };
    received.extend(notices.map(EndpointEvent::Notice));
    // The sort is stable: events of one second stay in the order in which they happened.
    received.sort_by_key(|one| one.created());
    received
}
