//! Traffic for `make run`: lifecycles of a simulated Stripe under bad conditions, and whether each object ended as that
//! Stripe has it. Events come in any order, some twice, and one delivery is forged; or as a wave of renewals at once;
//! or through an outage with retries.
//!
//! The functions use the simulated Stripe too: they have a key to it, and ask it if events alone don't show which of
//! them was the last.
//!
//! The comparison covers each field that a projection keeps under Stripe's own name, including lists and ids of objects
//! within. Tests, not this module, show that every state is what its domain's own code makes of Stripe's object.

mod judge;
mod lifecycles;
mod posting;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use sluice_stripe::signature::sign;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::click::click_body;
use sluice_stripe_sim::server::{Refusal, Server};
use sluice_stripe_sim::{ApiVersion, Key, Occurrence, Story, World};

use crate::contents::messages;
use crate::event::{Sample, seconds};
use crate::follow::Follower;
use crate::post::{Answer, Sender};
use crate::problem::Problem;
use crate::stack::RunningStack;
use crate::table::columns;
use crate::test_stack;
use judge::Verdict;
use posting::Posted;

/// The longest wait for the domains. It takes them a second or two.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// The seed of the traffic: the same each time.
const SEED: u64 = 7;

/// How many objects the table shows; those that ended wrong come first.
const ROWS_MAX: usize = 60;

/// Types for which the dashboard's "send test webhook" is clicked.
const CLICKED: [&str; 2] = ["charge.succeeded", "customer.subscription.updated"];

/// Fetches per second from the simulated Stripe: no other client needs its limit.
const FETCHES_PER_SECOND: &str = "100";

/// Which events are delivered, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// A few lifecycles, in any order, with duplicates: one delivery after another.
    Sample,
    /// Many subscriptions, all their events at once over many connections.
    Renewals,
    /// The sample's lifecycles while the endpoints are unreachable, and then answer without success: Stripe's retries
    /// bring them.
    Outage,
}

/// The result of the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The table of how each object ended, with a sum of the deliveries.
    pub text: String,
    /// Whether every object is as Stripe has it.
    pub is_right: bool,
}

/// A simulated Stripe with lifecycles already played, which serves its objects.
#[derive(Debug)]
pub struct Stripe {
    traffic: Traffic,
    server: Server,
    /// The stories in their order, with the objects that each made.
    stories: Vec<(Story, Vec<Key>)>,
}

impl Stripe {
    /// Plays the lifecycles up to a minute ago. Its API answers as of now.
    ///
    /// # Errors
    /// When it can't listen on a port of its own.
    pub fn played(traffic: Traffic) -> Result<Self, Problem> {
        let now = seconds(SystemTime::now());
        let (world, stories) = lifecycles::play(traffic, now - 60);
        let server = test_stack::serve(world)?;
        server.set_now(Some(now));
        Ok(Self {
            traffic,
            server,
            stories,
        })
    }

    /// The template's parameters that point the functions at this Stripe.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let fetches = ["FetchesPerSecond", FETCHES_PER_SECOND].map(str::to_owned);
        let parameters = test_stack::parameters(&self.server).into_iter();
        parameters.chain([fetches.into()]).collect()
    }

    /// Puts the key at the place that those parameters name.
    ///
    /// # Errors
    /// When the emulator can't be reached.
    pub fn give_key(&self, stack: &RunningStack) -> Result<(), Problem> {
        test_stack::put_keys(stack.aws(), &Terms::default().keys)
    }

    /// Posts the traffic, waits for the domains, and reports how each object ended. The functions' lines are read
    /// meanwhile. `program` is the command that runs the operator's program here; the report ends with a command that
    /// uses it.
    ///
    /// # Errors
    /// When ingest doesn't answer, or the local AWS doesn't.
    pub fn deliver(
        &self,
        stack: &RunningStack,
        follower: &mut Follower,
        program: &str,
    ) -> Result<Report, Problem> {
        let start = Instant::now();
        for endpoint in ["platform", "connect"] {
            let url = stack.info().url_of(endpoint);
            self.server.world_mut().add_endpoint(false, &url, &["*"]);
        }
        let delivered = posting::post(stack.info(), &self.server, self.traffic)?;
        let taken = delivered.posted.iter().filter(|one| one.answered);
        for one in taken.filter(|one| ["accepted", "duplicate", "queued"].contains(&&*one.words)) {
            self.server.world_mut().set_pending_webhooks(&one.event, 0);
        }
        let posted = delivered.posted;
        let world = self.server.world();
        let sender = Sender::to(stack.info());
        let forged = forged(&sender, &world)?;
        let clicked = clicked(&sender)?;
        settle(stack)?;
        let took = start.elapsed();

        let ended = self.ended(stack, &world, &posted)?;
        let rows = rows(&ended);
        let heading = ["story", "object", "arrived", "Stripe has", "Sluice has", ""];
        let wrong = ended.iter().filter(|ended| !ended.verdict.is_right());
        let wrong = wrong.count();
        let answers = counted(posted.iter().map(|one| one.words.clone()));
        let outcomes = counted(outcomes(follower)?.into_iter());
        let events = world.events();
        let routed = events
            .iter()
            .filter(|event| judge::domain_of(&event.kind).is_some());
        let text = format!(
            "{}{}\n{}{} deliveries of {} events in {:.1} s were answered: {answers}.\nOne that a stranger signed: {} {}.\n\
             Clicks on \"send test webhook\" in the dashboard: {clicked}.\n\
             {} events are a domain's: {outcomes}.\n{} objects, {wrong} of them other than Stripe has them.\n{}",
            columns(heading, &rows),
            unshown(ended.len() - rows.len()),
            delivered.report,
            posted.len(),
            events.len(),
            took.as_secs_f64(),
            forged.status,
            forged.words(),
            routed.count(),
            ended.len(),
            served(&world, program),
        );
        Ok(Report {
            text,
            is_right: wrong == 0,
        })
    }

    /// Leaves one event rejected, as Stripe leaves them: it names its object, and Stripe refuses to show that once. A replay
    /// applies it. Returns a sentence about it.
    ///
    /// # Errors
    /// When ingest doesn't answer, or the local AWS doesn't.
    pub fn leave_one_rejected(&self, stack: &RunningStack) -> Result<String, Problem> {
        let intent = {
            let world = self.server.world();
            let mut events = world.events().iter();
            let paid = events.find(|event| event.kind == "payment_intent.succeeded");
            paid.map(|event| event.object.id.clone())
        };
        let Some(intent) = intent else {
            return Ok(String::new());
        };
        let now = SystemTime::now();
        let body = json!({
            "id": "evt_left_rejected", "object": "v2.core.event", "type": "v1.payment_intent.succeeded",
            "livemode": false, "created": "2026-01-01T00:00:00.000Z",
            "related_object": { "id": intent, "type": "payment_intent", "url": format!("/v1/payment_intents/{intent}") },
        });
        let event = Sample::of_body(body.to_string().into_bytes());
        let event = event
            .and_then(|event| event.fresh(now))
            .map_err(Problem::Deploy)?;
        self.server.refuse_next(1, &Refusal::broken(400));
        Sender::to(stack.info()).deliver("platform", &event.body)?;
        settle(stack)?;
        self.server.refuse_no_more();
        Ok(format!(
            "One event is left rejected, to be looked at in the console: Stripe refused a request about {intent}. A replay applies it."
        ))
    }

    /// How each object that a domain keeps ended, in the stories' order.
    fn ended(
        &self,
        stack: &RunningStack,
        world: &World,
        posted: &[Posted],
    ) -> Result<Vec<Ended>, Problem> {
        let histories = world.histories();
        let mut ended = Vec::new();
        for (story, keys) in &self.stories {
            let of_their_own = keys
                .iter()
                .filter(|key| !judge::is_kept_elsewhere(world, key));
            for key in of_their_own {
                let history = histories.get(key).map_or(&[][..], Vec::as_slice);
                let domain = history
                    .iter()
                    .find_map(|event| judge::domain_of(&event.kind));
                let Some(domain) = domain else { continue };
                let kept = projection(stack, domain, key)?;
                let (stripe, sluice) = judge::statuses(world, key, kept.as_ref());
                let verdict = judge::verdict(world, key, kept.as_ref());
                ended.push(Ended {
                    story: format!("{story:?}"),
                    object: key.id.clone(),
                    arrived: arrived(history, posted),
                    stripe,
                    sluice,
                    verdict,
                });
            }
        }
        Ok(ended)
    }
}

/// The answers to clicks on "send test webhook" in the dashboard: `charge.succeeded accepted`.
fn clicked(sender: &Sender) -> Result<String, Problem> {
    let mut answers = Vec::new();
    for kind in CLICKED {
        let body = click_body(kind).unwrap_or_default();
        let answer = sender.deliver("platform", &body)?;
        answers.push(format!("{kind} {}", answer.words()));
    }
    Ok(answers.join(", "))
}

/// What an attacker can do: post a real event with everything right except the secret.
fn forged(sender: &Sender, world: &World) -> Result<Answer, Problem> {
    let body = world
        .events()
        .first()
        .map(|event| world.body(event, ApiVersion::V2025_09_30));
    let body = body.unwrap_or_default();
    let signature = sign(&body, "whsec_guessed", seconds(SystemTime::now()));
    sender.post("platform", &body, Some(&signature))
}

/// How to see what a customer may use, for a customer that is served now.
fn served(world: &World, program: &str) -> String {
    match lifecycles::served_customer(world) {
        Some(customer) => format!(
            "What a customer may use now, and until when: {program} access show {customer}\n"
        ),
        None => String::new(),
    }
}

/// How an object ended.
struct Ended {
    story: String,
    object: String,
    arrived: String,
    stripe: String,
    sluice: String,
    verdict: Verdict,
}

impl Ended {
    fn row(&self) -> [String; 6] {
        [
            self.story.clone(),
            shortened(&self.object),
            self.arrived.clone(),
            self.stripe.clone(),
            self.sluice.clone(),
            self.verdict.to_string(),
        ]
    }
}

/// One line for each object. If there are too many, those that ended wrong come first.
fn rows(ended: &[Ended]) -> Vec<[String; 6]> {
    let wrong = ended.iter().filter(|one| !one.verdict.is_right()).count();
    let mut room = ROWS_MAX.saturating_sub(wrong);
    let shown = ended.iter().filter(|one| {
        let has_room = room > 0;
        room -= usize::from(one.verdict.is_right() && has_room);
        !one.verdict.is_right() || has_room
    });
    shown.map(Ended::row).collect()
}

fn unshown(objects: usize) -> String {
    match objects {
        0 => String::new(),
        more => format!("… and {more} more, all of them right\n"),
    }
}

/// Ids of checkout sessions are longer than a terminal's line.
fn shortened(id: &str) -> String {
    const LONGEST: usize = 32;
    match id.get(..LONGEST - 1) {
        Some(start) if id.len() > LONGEST => format!("{start}…"),
        _ => id.to_owned(),
    }
}

/// The object's events in the order in which they arrived, each by its place in the order in which they happened:
/// `2 1 2` is the second, the first, and the second again.
fn arrived(history: &[&Occurrence], posted: &[Posted]) -> String {
    let place = |posted: &Posted| {
        let place = history.iter().position(|event| event.id == posted.event);
        place.map(|place| (place + 1).to_string())
    };
    posted
        .iter()
        .filter(|one| one.answered)
        .filter_map(place)
        .collect::<Vec<_>>()
        .join(" ")
}

/// How often each word occurs: `accepted 3, duplicate 1`.
fn counted(words: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let said = counts.iter().map(|(word, count)| format!("{word} {count}"));
    said.collect::<Vec<_>>().join(", ")
}

/// Waits until the domains' queues are empty.
fn settle(stack: &RunningStack) -> Result<(), Problem> {
    let until = Instant::now() + SETTLE_MAX;
    while waiting(stack)? > 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The domains' outcomes so far.
fn outcomes(follower: &mut Follower) -> Result<Vec<String>, Problem> {
    // A function's log lines appear shortly after its messages are deleted.
    thread::sleep(Duration::from_millis(300));
    let lines = follower.poll()?.into_iter();
    let others = ["ingest", "sweep", "reconcile"];
    let lines = lines.filter(|line| !others.contains(&&*line.function));
    Ok(lines
        .filter_map(|line| line.text("outcome").map(str::to_owned))
        .collect())
}

/// Messages in the domains' queues, those in flight included.
fn waiting(stack: &RunningStack) -> Result<u64, Problem> {
    let messages = messages(stack.aws(), stack.info())?.into_iter();
    let domains = messages.filter(|(name, _)| !name.ends_with("dead_letters"));
    Ok(domains.map(|(_, count)| count).sum())
}

/// An object's document, as its domain has it.
fn projection(stack: &RunningStack, domain: &str, key: &Key) -> Result<Option<Value>, Problem> {
    let table = stack.info().tables.get(domain).cloned().unwrap_or_default();
    let key = json!({ "pk": { "S": judge::projection_key(key) } });
    let input = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
    let answer = stack.aws().json("DynamoDB_20120810.GetItem", &input)?;
    let document = answer["Item"]["doc"]["S"].as_str();
    let read = |text| serde_json::from_str(text).map_err(|error| Problem::aws("GetItem", error));
    document.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrival_is_measured_by_the_places_in_which_events_happened() {
        let (world, stories) = lifecycles::play(Traffic::Sample, 1_800_000_000);
        let (_, keys) = &stories[1];
        let histories = world.histories();
        let history = keys
            .iter()
            .find_map(|key| histories.get(key).filter(|all| all.len() > 1));
        let history = history.expect("an object with two events");
        let posted =
            [(1, true), (0, false), (0, true), (1, true)].map(|(place, answered)| Posted {
                event: history[place].id.clone(),
                words: String::new(),
                answered,
            });
        assert_eq!(arrived(history, &posted), "2 1 2");
    }

    #[test]
    fn words_are_counted_and_long_ids_cut() {
        let words = ["b", "a", "b"].map(str::to_owned);
        assert_eq!(counted(words.into_iter()), "a 1, b 2");
        assert_eq!(shortened("pi_1"), "pi_1");
        assert_eq!(shortened(&"x".repeat(70)).chars().count(), 32);
    }

    #[test]
    fn the_table_shows_whatever_ended_wrong_and_otherwise_no_more_than_it_has_room_for() {
        let ended = |number: usize| Ended {
            story: String::new(),
            object: number.to_string(),
            arrived: String::new(),
            stripe: String::new(),
            sluice: String::new(),
            verdict: match number {
                98.. => Verdict::Wrong("it is".to_owned()),
                _ => Verdict::Right(1),
            },
        };
        let shown = rows(&(0..100).map(ended).collect::<Vec<_>>());
        assert_eq!(shown.len(), ROWS_MAX);
        assert_eq!([&shown[57][1], &shown[59][1]], ["57", "99"]);
    }
}
