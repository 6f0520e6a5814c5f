//! Which lifecycles a traffic has. Each ends at about the same second, which is now. So a subscription that is active
//! in the end is in the period that it was last paid for, and its customer may use what it includes.

use sluice_stripe_sim::{ApiVersion, Key, Moment, Options, Scope, Story, World};

use super::{SEED, Traffic};

/// How many subscriptions the renewals have.
const RENEWALS: usize = 30;

/// The platform's lifecycles.
const STORIES: [Story; 7] = [
    Story::DeclinedThenPaid,
    Story::TwoEqualRefunds,
    Story::DisputeWon,
    Story::TrialCanceled,
    Story::RenewalRecovered,
    Story::BusySecond,
    Story::CustomerDeleted,
];

/// A connected account's, after it was onboarded.
const CONNECTED: [Story; 1] = [Story::PayoutFailsLater];

/// From the end of one lifecycle to the end of the next, in seconds.
const APART_S: i64 = 20;

/// How long before the end the account is onboarded, in seconds: 20 days, well before its lifecycles begin.
const ONBOARDED_BEFORE_S: i64 = 20 * 86_400;

/// Lifecycles with the objects that each made.
pub(super) type Played = Vec<(Story, Vec<Key>)>;

/// The world of a traffic, which ends in this second (Unix) or shortly before. It is the same each time, except for the
/// time.
pub(super) fn play(traffic: Traffic, end: i64) -> (World, Played) {
    let options = Options {
        start: end - ONBOARDED_BEFORE_S,
        ..Options::default()
    };
    let mut world = World::new(SEED, options);
    let own = Scope::platform(false);
    let mut played = Vec::new();
    let mut plan = Vec::new();
    if traffic == Traffic::Renewals {
        let kinds = [Story::Subscription, Story::RenewalRecovered];
        let renewals = kinds.into_iter().cycle().take(RENEWALS);
        plan.extend(renewals.map(|story| (story, own.clone())));
    } else {
        let connected = world.connect(false);
        let of_account = world.objects().cloned().collect();
        played.push((Story::Onboarding, of_account));
        plan.extend(STORIES.map(|story| (story, own.clone())));
        plan.extend(CONNECTED.map(|story| (story, connected.clone())));
    }
    let mut last = end - 1;
    for (story, scope) in plan {
        played.push((story, world.play_until(story, &scope, last)));
        last -= APART_S;
    }
    (world, played)
}

/// A customer of the platform who has a subscription that is paid for beyond the end of the world.
pub(super) fn served_customer(world: &World) -> Option<String> {
    let subscriptions = world.objects().filter(|key| {
        key.scope == Scope::platform(false) && world.kind(key) == Some("subscription")
    });
    let shown =
        subscriptions.filter_map(|key| world.object_at(key, ApiVersion::V2025_09_30, Moment::End));
    let mut active = shown.filter(|subscription| {
        let end = &subscription["items"]["data"][0]["current_period_end"];
        subscription["status"] == "active" && end.as_i64() > Some(world.end())
    });
    Some(active.next()?["customer"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAFFICS: [Traffic; 3] = [Traffic::Sample, Traffic::Renewals, Traffic::Outage];

    #[test]
    fn the_traffic_is_the_same_each_time_whenever_it_ends() {
        for traffic in TRAFFICS {
            let ends = [1_700_000_000, 1_800_000_000];
            let [(one, of_one), (other, of_other)] = ends.map(|end| play(traffic, end));
            assert_eq!(of_one, of_other);
            assert_eq!([one.end(), other.end()], ends);
            for (one, other) in one.events().iter().zip(other.events()) {
                assert_eq!(
                    (&one.id, one.created + 100_000_000),
                    (&other.id, other.created)
                );
            }
        }
    }

    #[test]
    fn every_lifecycle_ends_within_minutes_of_now_and_a_customer_is_served_then() {
        let end = 1_800_000_000;
        for traffic in TRAFFICS {
            let (world, played) = play(traffic, end);
            for (story, keys) in &played {
                let events = world.events().iter();
                let mut of_story = events.filter(|event| keys.contains(&event.object));
                let last = of_story.next_back().expect("it has events").created;
                let is_past = *story == Story::Onboarding;
                assert!(
                    is_past || (end - 900..end).contains(&last),
                    "{story:?}: {last}"
                );
            }
            assert!(served_customer(&world).is_some(), "{traffic:?}");
        }
    }
}
