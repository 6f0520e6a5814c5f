//! How each traffic is posted: one delivery after another by this program, or as Stripe does.

use std::time::Duration;

use sluice_stripe_sim::ApiVersion;
use sluice_stripe_sim::delivery::clock::HOUR;
use sluice_stripe_sim::delivery::{
    self, Answered, Clock, Destination, Endpoint, EventsFrom, How, Mix, Order, Outage, Pace,
    Payload, Post, Retry, Run,
};
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::world::World;

use super::{SEED, Traffic};
use crate::post::{Answer, Sender};
use crate::problem::Problem;
use crate::stack::StackInfo;

/// How many of a hundred events come twice.
const DUPLICATES_PERCENT: u8 = 25;

/// The endpoints, and which events each receives.
const ENDPOINTS: [(&str, EventsFrom); 2] = [
    ("platform", EventsFrom::Platform),
    ("connect", EventsFrom::Connect),
];

/// How many deliveries of the renewals are posted at once.
const RENEWALS_CONNECTIONS: usize = 16;

/// How long one of Stripe's hours lasts while the endpoints are away.
const OUTAGE_HOUR: Duration = Duration::from_secs(1);

/// The longest that deliveries may take, retries included.
const POSTING_MAX: Duration = Duration::from_secs(120);

/// A delivery that was posted.
pub(super) struct Posted {
    pub(super) event: String,
    /// Ingest's answer, in its words.
    pub(super) words: String,
    /// Whether Stripe got an answer. If the answer was lost, the delivery isn't listed among those that arrived.
    pub(super) answered: bool,
}

/// What was posted, in order, and a table of it if Stripe's own report has something to add.
pub(super) struct Delivered {
    pub(super) posted: Vec<Posted>,
    pub(super) report: String,
}

/// Posts the world's events to the stack's endpoints.
///
/// # Errors
/// When ingest doesn't answer, or not everything could be posted in two minutes.
pub(super) fn post(
    info: &StackInfo,
    server: &Server,
    traffic: Traffic,
) -> Result<Delivered, Problem> {
    match traffic {
        Traffic::Sample => one_by_one(info, &server.world()),
        Traffic::Renewals | Traffic::Outage => as_stripe_does(info, server, traffic),
    }
}

fn mix() -> Mix {
    Mix {
        order: Order::Shuffled,
        duplicates_percent: DUPLICATES_PERCENT,
        seed: SEED,
    }
}

fn endpoint(info: &StackInfo, name: &str, events_from: EventsFrom) -> Endpoint {
    Endpoint {
        url: info.url_of(name),
        secrets: info
            .webhook_secrets
            .get(name)
            .cloned()
            .into_iter()
            .collect(),
        events_from,
        livemode: false,
        api_version: ApiVersion::V2025_09_30,
        payload: Payload::Snapshot,
        types: Vec::new(),
    }
}

fn one_by_one(info: &StackInfo, world: &World) -> Result<Delivered, Problem> {
    let sender = Sender::to(info);
    let mut posted = Vec::new();
    for (name, events_from) in ENDPOINTS {
        for delivery in delivery::plan(world, &endpoint(info, name, events_from), mix()) {
            let words = sender.deliver(name, &delivery.body)?.words();
            posted.push(Posted {
                event: delivery.event,
                words,
                answered: true,
            });
        }
    }
    let report = String::new();
    Ok(Delivered { posted, report })
}

fn as_stripe_does(
    info: &StackInfo,
    server: &Server,
    traffic: Traffic,
) -> Result<Delivered, Problem> {
    let problem = |what: String| Problem::process("the simulated Stripe", what);
    let destinations = ENDPOINTS.map(|(name, events_from)| {
        let mut destination = Destination::new(name, endpoint(info, name, events_from));
        if traffic == Traffic::Outage {
            destination.outages = outages();
            // A sandbox's few retries would end within the outage.
            destination.retry = Retry::LIVE;
        } else {
            destination.connections = RENEWALS_CONNECTIONS;
        }
        destination
    });
    let run = Run::start(destinations.into(), Clock::hour_lasts(OUTAGE_HOUR), SEED);
    let mut run = run.map_err(|unsound| problem(unsound.to_string()))?;
    run.send(&server.world(), mix(), Pace::AtOnce);
    let settled = run.settle(POSTING_MAX);
    let posts = run.note_posts(&mut server.world_mut());
    let report = run.report().table();
    if !settled {
        let seconds = POSTING_MAX.as_secs();
        return Err(problem(format!(
            "was still delivering after {seconds} s:\n{report}"
        )));
    }
    Ok(Delivered {
        posted: posts.into_iter().map(posted).collect(),
        report,
    })
}

/// Unreachable for two of Stripe's hours; for four more hours every third answer is lost.
fn outages() -> Vec<Outage> {
    let away = Outage::whole(Duration::ZERO, HOUR * 2, How::Refused);
    let lossy = Outage {
        percent: 33,
        ..Outage::whole(HOUR * 2, HOUR * 6, How::AnswerLost)
    };
    vec![away, lossy]
}

fn posted(post: Post) -> Posted {
    let (words, answered) = match post.answered {
        Answered::Status { status, body } => {
            let answer = Answer {
                status,
                text: body,
                took: Duration::ZERO,
            };
            (answer.words(), true)
        }
        Answered::Nothing { .. } => ("no answer".to_owned(), false),
    };
    Posted {
        event: post.event.to_string(),
        words,
        answered,
    }
}
