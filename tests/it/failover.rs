//! Two stacks that share a table of receipts, as two Regions do: a standby takes over and hands back, a new stack follows an
//! old one, and a projection is restored from an earlier copy. `infra/docs/availability.md` says how it is done in AWS.
//!
//! Both stacks are in one local AWS, each with its own tables, bus, queue and signing secrets. Only the receipts are
//! shared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{Key, Moment, Occurrence, Scope, Story, World as Stripe};

use crate::receivers::{Notify, Topic, template};
use crate::reconcile::{at_once, stripe};
use crate::replay::sluice;
use crate::truth::{asks, truth_at, world_with_key};
use crate::world::{World, eventually, now_s};

const DAY_S: i64 = 86_400;

/// The kinds in the sample receiver's rule.
const KINDS: &str = "        detail-type: [DisputeOpened, InquiryOpened]\n";

/// The sample receiver's template with a rule for every effect, including levels, and with time for a slow machine: an
/// invocation that is cut off after it has acted doesn't log the act.
fn of_every_effect(world: &World) -> PathBuf {
    let mut text = std::fs::read_to_string(template()).expect("readable");
    for (what, instead) in [(KINDS, ""), ("Timeout: 10\n", "Timeout: 120\n")] {
        assert!(text.contains(what), "{what}");
        text = text.replace(what, instead);
    }
    world.file(&text).into()
}

/// A stack's receiver, and what was put on its bus.
struct Side<'a> {
    world: &'a World,
    notify: Notify<'a>,
}

impl<'a> Side<'a> {
    /// A stack of Sluice with a receiver of this name.
    fn of(world: &'a World, name: &str, topic: &Topic<'_>, more: &[(&str, &str)]) -> Self {
        let parameters = [&[("TopicArn", topic.arn.as_str())], more].concat();
        let notify = Notify::deploy(world, name, &of_every_effect(world), &parameters);
        Self { world, notify }
    }

    /// The ids of all effects of the stack so far, each once.
    fn emitted(&self) -> BTreeSet<String> {
        self.world.drained();
        self.world.see_all_of_the_bus();
        let effects = self.world.all_effects().into_iter();
        effects
            .map(|effect| text(&effect["detail"]["id"]))
            .collect()
    }

    /// Waits until the receiver has handled everything that the stack has emitted.
    fn receives_all(&self) {
        let emitted = self.emitted();
        eventually("every effect at the receiver", || {
            let log = self.notify.log().into_iter();
            let had: BTreeSet<_> = log.map(|(id, _)| id).collect();
            emitted.is_subset(&had).then_some(())
        });
        eventually("an empty queue", || {
            (self.notify.waiting() == 0).then_some(())
        });
    }

    /// The ids of the effects that the receiver has acted on.
    fn acted(&self) -> Vec<String> {
        let log = self.notify.log().into_iter();
        let acted = log.filter(|(_, outcome)| outcome == "reacted");
        acted.map(|(id, _)| id).collect()
    }

    /// How often the object's item was written.
    fn writes(&self, domain: &str, object: &Key) -> i64 {
        let item = self.world.projection(domain, &object.id);
        item.expect("an item")["version"].as_i64().expect("a count")
    }

    fn deliver(&self, stripe: &Stripe, events: &[&Occurrence]) {
        for event in events {
            self.world.deliver_to(stripe, event);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Judges what all receivers together have done, by what was emitted and by Stripe's own objects at a moment. No effect
/// was acted on twice, each fact was acted on, and the last value of each level that was acted on is the object's
/// value.
fn all_is_carried_out_once(sides: &[&Side<'_>], stripe: &Stripe, moment: Moment) {
    let mut acted = BTreeMap::new();
    for id in sides.iter().flat_map(|side| side.acted()) {
        *acted.entry(id).or_insert(0) += 1;
    }
    let twice: Vec<_> = acted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "acted on more than once: {twice:?}");

    let effects = sides.iter().flat_map(|side| side.world.all_effects());
    let (mut lost, mut kept) = (BTreeSet::new(), BTreeMap::new());
    for effect in effects {
        let detail = &effect["detail"];
        let id = text(&detail["id"]);
        match (detail["seq"].as_u64(), acted.contains_key(&id)) {
            (None, false) => drop(lost.insert(id)),
            (Some(seq), true) => {
                let level = (seq, detail["data"].clone());
                let kept = kept.entry(text(&detail["key"])).or_insert(level.clone());
                if seq > kept.0 {
                    *kept = level;
                }
            }
            (None, true) | (Some(_), false) => {}
        }
    }
    assert!(lost.is_empty(), "never acted on: {lost:?}");
    let right = stripe.objects();
    let right = right.filter_map(|object| truth_at(stripe, object, moment));
    let right: BTreeMap<_, _> = right.flat_map(|right| right.levels).collect();
    assert!(!right.is_empty());
    for (key, value) in right {
        let kept = kept.get(&key).map(|(_, value)| value);
        assert_eq!(kept, Some(&value), "the last {key}");
    }
}

/// The first object of a story with an id of this prefix, and its events in order.
fn life<'a>(stripe: &'a Stripe, story: &[Key], prefix: &str) -> (Key, Vec<&'a Occurrence>) {
    let mut objects = story.iter().filter(|key| key.id.starts_with(prefix));
    let object = objects.next().expect("there").clone();
    let events = stripe.events().iter();
    let events = events.filter(|event| event.object == object);
    (object.clone(), events.collect())
}

/// Stripe's events in the order in which they happened, cut before each of these events.
fn parts<'a>(stripe: &'a Stripe, cuts: &[&Occurrence]) -> Vec<Vec<&'a Occurrence>> {
    let mut events: Vec<_> = stripe.events().iter().collect();
    events.sort_by_key(|event| event.created);
    let mut parts = vec![Vec::new()];
    for event in events {
        if cuts.iter().any(|cut| cut.id == event.id) {
            parts.push(Vec::new());
        }
        parts.last_mut().expect("one").push(event);
    }
    assert_eq!(parts.len(), cuts.len() + 1);
    parts
}

/// Sets Stripe to its state after these events; returns that moment.
fn set_now(server: &Server, events: &[&Occurrence]) -> Moment {
    let last = events.iter().map(|event| event.created).max();
    let last = last.expect("some events");
    server.set_now(Some(last));
    Moment::Second(last)
}

/// A simulated Stripe with its last event a minute ago: an inquiry that becomes a dispute and is won (two of these),
/// and a renewal that fails and is paid in the end.
fn stripe_until_now(seed: u64) -> (Stripe, [Vec<Key>; 3]) {
    let (mut stripe, own, end) = (stripe(seed), Scope::platform(false), now_s() - 60);
    let ends = [
        (Story::InquiryReopened, end - 2 * DAY_S),
        (Story::InquiryReopened, end - DAY_S / 2),
        (Story::RenewalRecovered, end),
    ];
    let stories = ends.map(|(story, end)| stripe.play_until(story, &own, end));
    (stripe, stories)
}

#[test]
fn a_standby_takes_over_and_hands_back_without_losing_or_repeating_an_effect() {
    let (stripe, stories) = stripe_until_now(41);
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, at_once);
    let second = world.second("sluice-2", |options| {
        asks(options, &server);
        at_once(options);
    });
    let topic = Topic::in_aws_of(&world);
    let mut one = Side::of(&world, "notify-1", &topic, &[]);
    let receipts = one.notify.output("ReceiptsTable").to_owned();
    let standby = [
        ("ReceiptsTableName", receipts.as_str()),
        ("Active", "false"),
    ];
    let mut two = Side::of(&second, "notify-2", &topic, &standby);
    assert_eq!(two.notify.output("ReceiptsTable"), receipts);

    let stripe = server.world();
    let (dispute, of_dispute) = life(&stripe, &stories[0], "du_");
    let (_, of_other) = life(&stripe, &stories[1], "du_");
    let (subscription, of_subscription) = life(&stripe, &stories[2], "sub_");
    // It is created, activated, renewed, past due and active again.
    let renewed = of_subscription[2];
    // Created, closed, escalated, its money withdrawn, under review, won, its money returned.
    let (returned, escalated, won) = (of_dispute[6], of_other[2], of_other[5]);
    let parts = parts(&stripe, &[escalated, renewed, returned, won]);
    let [before, unreceived, gap, after, at_last] = &parts[..] else {
        panic!("five parts");
    };

    // Both get every event, the second in another order. Only the first has active receivers.
    let now = set_now(&server, before);
    one.deliver(&stripe, before);
    let reversed: Vec<_> = before.iter().rev().copied().collect();
    two.deliver(&stripe, &reversed);
    one.receives_all();
    // Its items have more writes than the second's, because of an operator's work there.
    let again = [
        "replay",
        "--force",
        "--why",
        "a receiver lost them",
        "--yes",
    ];
    let ids: Vec<_> = before.iter().map(|event| event.id.as_str()).collect();
    for _ in 0..2 {
        let (said, code) = sluice(&world, &[&again[..1], &ids, &again[1..]].concat());
        assert_eq!(code, 0, "{said:?}");
    }
    one.receives_all();
    all_is_carried_out_once(&[&one], &stripe, now);

    // The first's receiver stops, then the first itself, in the middle of these objects' lives.
    let function = one.notify.output("NotifyFunctionName").to_owned();
    let stop = |copies| world.stack(|stack| stack.aws().reserve(&function, copies));
    stop(Some(0)).expect("stopped");
    set_now(&server, unreceived);
    one.deliver(&stripe, unreceived);
    two.deliver(&stripe, unreceived);
    one.emitted();
    eventually("effects that the first's receiver hasn't had", || {
        (one.notify.waiting() > 0).then_some(())
    });
    let now = set_now(&server, gap);
    two.deliver(&stripe, gap);

    // What the second has emitted all waits there, and no receiver has acted on it.
    let emitted = two.emitted();
    eventually("the standby's effects in its queue", || {
        let waiting = usize::try_from(two.notify.waiting()).unwrap_or(0);
        (waiting == two.world.all_effects().len()).then_some(())
    });
    assert!(two.notify.log().is_empty(), "a standby receives nothing");
    assert!(emitted.len() > 10, "{emitted:?}");
    // A seq that counted an item's writes would be lower there.
    for (domain, object) in [("payments", &dispute), ("subscriptions", &subscription)] {
        let writes = (one.writes(domain, object), two.writes(domain, object));
        assert!(writes.0 > writes.1, "{}: {writes:?}", object.id);
    }

    // Fail over to the second.
    two.notify.set("Active", "true");
    two.receives_all();
    all_is_carried_out_once(&[&one, &two], &stripe, now);
    let now = set_now(&server, after);
    two.deliver(&stripe, after);
    two.receives_all();
    all_is_carried_out_once(&[&one, &two], &stripe, now);

    // The first returns, with its receiver disabled until it has what it missed: Stripe delivers some events, late and
    // in another order, and reconcile finds those that Stripe has given up.
    one.notify.set("Active", "false");
    stop(None).expect("free again");
    let missed: Vec<_> = gap.iter().chain(after).copied().collect();
    let (late, given_up): (Vec<_>, Vec<_>) =
        (missed.iter().enumerate().rev()).partition(|(n, _)| n % 2 == 0);
    let late: Vec<_> = late.into_iter().map(|(_, event)| *event).collect();
    one.deliver(&stripe, &late);
    world.deployed_at(&Scope::platform(false), missed[0].created - 1);
    let report = world.try_reconcile().expect("reconcile runs");
    let found = u64::try_from(given_up.len()).expect("small");
    assert_eq!((report.missing, report.recovered), (found, found));
    one.emitted();

    // Fail back to the first.
    two.notify.set("Active", "false");
    two.receives_all();
    one.notify.set("Active", "true");
    one.receives_all();
    all_is_carried_out_once(&[&one, &two], &stripe, now);
    server.set_now(None);
    one.deliver(&stripe, at_last);
    two.deliver(&stripe, at_last);
    one.receives_all();
    all_is_carried_out_once(&[&one, &two], &stripe, Moment::End);
    assert!(two.notify.waiting() > 0, "the second stands by again");

    // Both stacks equal Stripe, and people got one message per fact.
    for side in [&one, &two] {
        side.emitted();
        side.world.is_as_stripe_has_it(&stripe);
        assert_eq!(side.notify.given_up(), 0);
    }
    let kinds = ["DisputeOpened#", "InquiryOpened#"];
    let acted = one.acted().into_iter().chain(two.acted());
    let acted = acted.filter(|id| kinds.iter().any(|kind| id.starts_with(kind)));
    assert_eq!(topic.messages().len(), acted.count());
}

#[test]
fn a_new_stack_that_imports_and_shares_receipts_is_received_from_its_first_level_on() {
    let (stripe, stories) = stripe_until_now(42);
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, at_once);
    let topic = Topic::in_aws_of(&world);
    let mut old = Side::of(&world, "notify-1", &topic, &[]);
    let stripe = server.world();
    let (dispute, _) = life(&stripe, &stories[0], "du_");
    let (_, events) = life(&stripe, &stories[2], "sub_");
    // It is created, activated and renewed; then its payment fails, and succeeds.
    let parts = parts(&stripe, &[events[3]]);
    let [before, after] = &parts[..] else {
        panic!("two parts");
    };
    set_now(&server, before);
    old.deliver(&stripe, before);
    old.receives_all();
    old.notify.set("Active", "false");

    let second = world.second("sluice-2", |options| {
        asks(options, &server);
        at_once(options);
    });
    let receipts = old.notify.output("ReceiptsTable").to_owned();
    let shared = [("ReceiptsTableName", receipts.as_str())];
    let new = Side::of(&second, "notify-2", &topic, &shared);
    let import = ["import", "--mode", "test", "--why", "a new stack", "--yes"];
    let (said, code) = sluice(&second, &import);
    assert_eq!(code, 0, "{said:?}");
    assert!(
        new.emitted().is_empty(),
        "an import of what is new emits nothing"
    );
    server.set_now(None);
    new.deliver(&stripe, after);
    new.receives_all();
    // It didn't know these disputes: it emits the earlier facts once more.
    let again: Vec<_> = old
        .emitted()
        .intersection(&new.emitted())
        .cloned()
        .collect();
    let opened = |id: &String| id.starts_with("DisputeOpened#");
    assert!(again.iter().any(opened), "{again:?}");
    // A seq that counted an item's writes would be lower there.
    let writes = (
        old.writes("payments", &dispute),
        new.writes("payments", &dispute),
    );
    assert!(writes.0 > writes.1, "{writes:?}");
    all_is_carried_out_once(&[&old, &new], &stripe, Moment::End);
}

#[test]
fn a_level_is_received_after_its_projection_was_restored_from_an_earlier_copy() {
    let world = World::own(|_| {});
    let topic = Topic::in_aws_of(&world);
    let side = Side::of(&world, "notify", &topic, &[]);
    let mut stripe = stripe(43);
    let story = stripe.play(Story::InquiryReopened, &Scope::platform(false));
    let (dispute, events) = life(&stripe, &story, "du_");
    let (last, before) = events.split_last().expect("some");
    let (copied, lost) = before.split_at(2);

    side.deliver(&stripe, copied);
    side.receives_all();
    let table = &world.info().tables["payments"];
    let call = |what: &str, input: &Value| {
        let target = format!("DynamoDB_20120810.{what}");
        let answer = world.stack(|stack| stack.aws().json(&target, input));
        answer.expect("answered")
    };
    let key = json!({ "pk": { "S": format!("platform#test#{}", dispute.id) } });
    let get = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
    let copy = call("GetItem", &get)["Item"].clone();
    side.deliver(&stripe, lost);
    side.receives_all();
    let writes = side.writes("payments", &dispute);
    call("PutItem", &json!({ "TableName": table, "Item": copy }));
    side.deliver(&stripe, &[last]);
    side.receives_all();

    let restored = side.writes("payments", &dispute);
    // A seq that counted an item's writes would be lower now.
    assert!(restored < writes, "{restored}, {writes}");
    all_is_carried_out_once(&[&side], &stripe, Moment::End);
}
