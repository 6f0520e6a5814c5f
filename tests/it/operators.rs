//! Going live and operating the stack, with the operator's program as it is built: wrong setups, what today's endpoint
//! has received, and rolled secrets.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use sluice_kernel::outcome::Record;
use sluice_local::test_stack::KEYS_SECRET;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::world::OWN_ACCOUNT;
use sluice_stripe_sim::{Options as Settings, Scope, Story, World as Stripe};

use crate::consumers::message;
use crate::records::{put, record};
use crate::replay::{leave_pending, program, sluice};
use crate::truth::world_with_key;
use crate::world::{World, eventually, now_s, paid, unique};

/// A simulated Stripe that began weeks ago, with this number of the platform's purchases.
fn stripe(seed: u64, purchases: usize) -> Stripe {
    let settings = Settings {
        start: now_s() - 20 * 86_400,
        ..Settings::default()
    };
    let mut stripe = Stripe::new(seed, settings);
    for _ in 0..purchases {
        stripe.play(Story::Purchase, &Scope::platform(false));
    }
    stripe
}

/// The problems found, as `area subject: said`, and the exit code.
fn complaints(world: &World) -> (Vec<(String, Value)>, i32) {
    let (found, code) = sluice(world, &["doctor"]);
    let not_good = found.into_iter().filter(|it| it["level"] != "good");
    let said = not_good.map(|it| {
        let text = |name: &str| it[name].as_str().expect("a text").to_owned();
        let line = format!("{} {}: {}", text("area"), text("subject"), text("said"));
        (line, it)
    });
    (said.collect(), code)
}

#[test]
fn doctor_finds_nothing_wrong_with_a_stack_as_it_was_deployed_and_names_each_thing_that_is_broken()
{
    let server = Server::start(stripe(41, 1), Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, |options| {
        let endpoints = json!({
            "platform": { "scope": "platform", "livemode": false, "account": OWN_ACCOUNT },
            "connect": { "scope": "connect", "livemode": false },
        });
        let parameter = ("Endpoints".to_owned(), endpoints.to_string());
        options.parameters.extend([parameter]);
    });
    let url = world.info().url_of("platform");
    let ours = server.world_mut().add_endpoint(false, &url, &["*"]);
    let connect = world.info().url_of("connect");
    server.world_mut().add_endpoint(false, &connect, &["*"]);
    let (said, code) = complaints(&world);
    // Alarms notify no one here, and the report of that is right.
    let said: Vec<_> = said.into_iter().map(|(line, _)| line).collect();
    let [alarms] = &said[..] else {
        panic!("{said:#?}");
    };
    assert!(alarms.contains("notifies a topic"), "{alarms}");
    assert_eq!(code, 0);

    let aws = |target: &str, input: Value| {
        let answered = world.stack(|stack| stack.aws().json(target, &input));
        answered.expect("it is broken")
    };
    let info = world.info();
    let rule = json!({ "EventBusName": info.bus, "Name": "sluice-billing" });
    aws("AWSEvents.DisableRule", rule.clone());
    aws(
        "DynamoDB_20120810.UpdateTimeToLive",
        json!({ "TableName": info.tables["ledger"], "TimeToLiveSpecification": { "Enabled": false, "AttributeName": "expires_at" } }),
    );
    aws(
        "AmazonSQS.SetQueueAttributes",
        json!({ "QueueUrl": info.queues["connect_dead_letters"], "Attributes": { "MessageRetentionPeriod": "345600" } }),
    );
    aws(
        "secretsmanager.PutSecretValue",
        json!({ "SecretId": info.secret_id, "SecretString": r#"{"platform":["whsec_…"],"connect":[]}"# }),
    );
    aws(
        "secretsmanager.PutSecretValue",
        json!({ "SecretId": KEYS_SECRET, "SecretString": r#"{"test":"sk_live_oops"}"# }),
    );
    server.world_mut().change_endpoint(&ours, |endpoint| {
        endpoint.is_enabled = false;
    });
    let (said, code) = complaints(&world);
    assert_eq!(code, 4);
    for (wanted, fix) in [
        ("bus billing: its rule is disabled", "events enable-rule"),
        (
            "tables ledger: what is old is never deleted",
            "update-time-to-live",
        ),
        (
            "queues connect: its dead letters are kept 4 days",
            "set-queue-attributes",
        ),
        (
            "signing secrets platform: its secret is a placeholder",
            "sluice secret roll platform",
        ),
        (
            "signing secrets connect: it has no signing secret",
            "sluice secret roll connect",
        ),
        (
            "API key key: the test key is a live key",
            "put-secret-value",
        ),
    ] {
        let found = said.iter().find(|(line, _)| line.starts_with(wanted));
        let (_, finding) = found.unwrap_or_else(|| panic!("{wanted} is missing in {said:#?}"));
        let text = finding["mend"].as_str().expect("a command");
        assert!(text.contains(fix), "{wanted}: {text}");
        assert_eq!(finding["level"], "wrong", "{wanted}");
    }
    let all = format!("{said:?}");
    assert!(!all.contains("sk_live_oops"), "no key is shown");

    // With the key as it was, Stripe's own side can be read again.
    aws(
        "secretsmanager.PutSecretValue",
        json!({ "SecretId": KEYS_SECRET, "SecretString": r#"{"test":"sk_test_Sluice"}"# }),
    );
    aws("AWSEvents.EnableRule", rule);
    let (said, _) = complaints(&world);
    let lines: Vec<_> = said.iter().map(|(line, _)| line.as_str()).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("is disabled: events made meanwhile")),
        "{lines:#?}"
    );
    assert!(
        !lines.iter().any(|line| line.starts_with("bus ")),
        "{lines:#?}"
    );
}

#[test]
fn shadow_says_what_was_seen_by_both_by_one_and_by_neither_of_two_endpoints() {
    let server = Server::start(stripe(42, 4), Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, |_| {});
    let (url, types) = (world.info().url_of("platform"), ["*"]);
    server.world_mut().add_endpoint(false, &url, &types);
    let other = "https://example.com/hooks";
    let theirs = server.world_mut().add_endpoint(false, other, &["charge.*"]);
    let ids: Vec<String> = {
        let stripe = server.world();
        let ours = stripe
            .events()
            .iter()
            .filter(|event| event.object.scope.account.is_none());
        ours.map(|event| event.id.clone()).collect()
    };
    let [lost, only_ours, neither] = [&ids[0], &ids[1], &ids[2]];
    for event in server.world().events() {
        if ![lost, neither].contains(&&event.id) {
            world.deliver_to(&server.world(), event);
        }
    }
    // The lines name all events but two, one with an error answer first, and one event from another time.
    let mut lines: Vec<String> = ids
        .iter()
        .filter(|id| ![only_ours, neither].contains(id))
        .map(|id| format!("2026-11-24T10:00:00Z POST /hooks {id} 200"))
        .collect();
    lines.push(format!("{} 500", ids[3]));
    lines.push("evt_1OfAnotherTime 200".to_owned());
    lines.push("no event in here".to_owned());
    let file = world.file(&lines.join("\n"));
    let call = [
        "shadow", "--theirs", &file, "--since", "25d", "--until", "0s",
    ];
    let (said, code) = sluice(&world, &call);
    assert_eq!(code, 4);
    let shadow = &said.last().expect("a sum")["shadow"];
    let counts = &shadow["counts"];
    let count = |name: &str| counts[name].as_u64().expect("a count");
    assert_eq!(count("both"), ids.len() as u64 - 3, "{shadow}");
    assert_eq!(
        ["only_ours", "only_theirs", "neither", "differ"].map(count),
        [1, 1, 1, 0]
    );
    assert_eq!(
        (&shadow["beyond_the_window"], &shadow["lines_without_event"]),
        (&json!(1), &json!(1))
    );
    let seen_by = |id: &String| {
        let found = said.iter().find(|line| line["event"] == **id);
        found.map(|line| line["seen_by"].as_str().expect("a text").to_owned())
    };
    assert_eq!(seen_by(lost).as_deref(), Some("only_theirs"));
    assert_eq!(seen_by(only_ours).as_deref(), Some("only_ours"));
    assert_eq!(seen_by(neither).as_deref(), Some("neither"));
    assert_eq!(seen_by(&ids[3]), None, "it was taken in the end");
    let remarks = shadow["remarks"].to_string();
    assert!(
        remarks.contains(&theirs) && remarks.contains("isn't"),
        "{remarks}"
    );

    // Without a file, Stripe's own count of pending webhooks takes its place.
    for event in &ids {
        let pending = u32::from(event == only_ours || event == neither);
        server.world_mut().set_pending_webhooks(event, pending);
    }
    let (said, _) = sluice(&world, &["shadow", "--since", "25d", "--until", "0s"]);
    let counts = &said.last().expect("a sum")["shadow"]["counts"];
    let count = |name: &str| counts[name].as_u64().expect("a count");
    assert_eq!(
        ["only_ours", "only_theirs", "neither"].map(count),
        [1, 1, 1],
        "{counts}"
    );
    // Once reconcile has run, only the other endpoint's own loss is left.
    world.deliver_to(
        &server.world(),
        server
            .world()
            .events()
            .iter()
            .find(|it| it.id == *lost)
            .expect("it"),
    );
    world.deliver_to(
        &server.world(),
        server
            .world()
            .events()
            .iter()
            .find(|it| it.id == *neither)
            .expect("it"),
    );
    let (_, code) = sluice(&world, &call);
    assert_eq!(code, 0);
}

/// The program with this text on its standard input.
fn typed(world: &World, args: &[&str], input: &str) -> Output {
    let mut command = program(world, args);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_secret_is_rolled_without_losing_a_delivery_or_showing_it() {
    let world = World::own(|_| {});
    let old = world.info().webhook_secret.clone();
    let new = "whsec_rolled0123456789abcdefghijklmno";
    let of_platform = || {
        let (said, _) = sluice(&world, &["secret", "status"]);
        let mut found = said.into_iter().filter(|it| it["endpoint"] == "platform");
        found.next().expect("platform")
    };
    let deliver = |secret: &str| {
        let (_, _, body) = paid();
        let answer = world.deliver_signed("platform", body.as_bytes(), secret, now_s());
        assert_eq!(answer.words(), "accepted");
    };
    assert_eq!(of_platform()["secrets"], 1);

    let roll = ["secret", "roll", "platform"];
    for (args, input, code) in [
        (&roll[..], "", 0),
        (
            &["secret", "roll", "platform", "--yes"],
            "rk_live_0123456789abcdefghijkl",
            2,
        ),
        (&["secret", "roll", "platform", "--yes"], &old, 2),
        (&["secret", "roll", "platform", "--finish", "--yes"], "", 3),
        (&["secret", "roll", "nowhere", "--yes"], new, 2),
    ] {
        let output = typed(&world, args, input);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        assert_eq!(of_platform()["secrets"], 1, "{args:?}");
    }
    let output = typed(
        &world,
        &["secret", "roll", "platform", "--yes"],
        &format!("{new}\n"),
    );
    assert!(output.status.success(), "{output:?}");
    let shown = format!("{output:?}{}", of_platform());
    assert!(
        !shown.contains("rolled0123") && !shown.contains(&old),
        "{shown}"
    );
    assert_eq!(of_platform()["secrets"], 2);

    // An environment that has read only the old secret reads again when the new one comes, and from then on logs which
    // one signed.
    deliver(new);
    // Stripe signs with the old secret until it is rolled at Stripe.
    deliver(&old);
    let finish = ["secret", "roll", "platform", "--finish", "--yes"];
    eventually("both in the log", || {
        let status = of_platform();
        let count = |name: &str| status[name].as_u64();
        let counts = [count("signed_by_newest"), count("signed_by_older_alone")];
        (counts == [Some(1), Some(1)]).then_some(())
    });
    let output = typed(&world, &finish, "");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{words}");
    assert!(words.contains("signed with an old one alone"), "{words}");
    assert_eq!(of_platform()["secrets"], 2);
    let output = typed(&world, &[&finish[..], &["--force"]].concat(), "");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(of_platform()["secrets"], 1);
    deliver(new);

    // Both changes are listed, with who and why and without a secret; what was refused isn't.
    let (runs, _) = sluice(&world, &["runs"]);
    let said: Vec<_> = runs
        .iter()
        .map(|run| (&run["kind"], &run["counts"]))
        .collect();
    let wanted = [
        (&json!("roll_finish"), &json!({ "taken out": 1 })),
        (&json!("roll"), &json!({ "added": 1 })),
    ];
    assert_eq!(said, wanted);
    for run in &runs {
        assert_eq!(
            (&run["state"], &run["why"]),
            (&json!("done"), &json!("roll of a signing secret"))
        );
        assert_ne!(run["who"], "");
    }
    assert!(!json!(runs).to_string().contains("rolled0123"));
}

#[test]
fn a_dead_letter_of_any_kind_is_not_given_up_while_effects_of_its_object_are_pending() {
    let world = World::own(|_| {});
    let (event, object, body) = paid();
    assert_eq!(world.deliver(&body).words(), "accepted");
    world.settled("payments", &object);
    leave_pending(&world, "payments", &object, &event);
    let thin = |object: &str| {
        let event = json!({
            "id": unique("evt"), "object": "v2.core.event", "type": "v1.payment_intent.succeeded", "livemode": false,
            "related_object": { "id": object, "type": "payment_intent" },
        });
        message(&event)
    };
    let mut check: Value = serde_json::from_str(&thin(&object)).expect("JSON");
    check["detail"]["sluice"]["check"] = json!(true);
    let letters = [thin(&object), check.to_string()];
    world.enqueue("payments_dead_letters", &letters);

    let call = ["dlq", "discard", "payments", "--why", "a test"];
    let yes = [&call[..], &["--yes"]].concat();
    for args in [&call[..], &yes] {
        let output = program(&world, args).output().expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{args:?} {words}");
        let refusal = "1 effect of its object is pending in payments; redrive it";
        assert_eq!(words.matches(refusal).count(), 2, "{args:?} {words}");
        assert_eq!(world.depth("payments_dead_letters"), 2, "{args:?}");
    }
    // The same for an object without a projection, and for a message that doesn't name its object.
    world.enqueue("payments_dead_letters", &[thin(&unique("pi"))]);
    let (said, code) = sluice(&world, &yes);
    assert_eq!((&said[0]["discarded"], code), (&json!(1), 4));
    assert_eq!(world.depth("payments_dead_letters"), 2);
    let unreadable = unique("nonsense");
    world.enqueue("payments_dead_letters", std::slice::from_ref(&unreadable));
    let output = program(&world, &yes).output().expect("it runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("message.not_json") && words.contains("--unchecked"),
        "{words}"
    );
    assert_eq!(world.depth("payments_dead_letters"), 3);
    let (said, code) = sluice(&world, &[&yes[..], &["--unchecked"]].concat());
    assert_eq!(
        (&said[0]["discarded"], code),
        (&json!(1), 4),
        "effects are checked all the same"
    );
    assert_eq!(world.depth("payments_dead_letters"), 2);
    let (runs, _) = sluice(&world, &["runs", "--limit", "1"]);
    assert_eq!(
        (&runs[0]["kind"], &runs[0]["why"]),
        (&json!("discard"), &json!("a test"))
    );
    assert_eq!(
        (&runs[0]["done"], &runs[0]["failed"]),
        (&json!(3), &json!(2))
    );
}

#[test]
fn dead_letters_that_another_command_hides_leave_redrive_and_discard_partly_done() {
    let world = World::own(|_| {});
    let queue = "payments_dead_letters";
    let letter = || {
        let (_, _, body) = paid();
        message(&serde_json::from_str(&body).expect("JSON"))
    };
    world.enqueue(queue, &[letter()]);
    let receive = json!({ "QueueUrl": world.info().queues[queue], "VisibilityTimeout": 3_600, "WaitTimeSeconds": 1 });
    let taken = world
        .stack(|stack| stack.aws().json("AmazonSQS.ReceiveMessage", &receive))
        .expect("received");
    let taken = taken["Messages"].as_array().expect("messages");
    assert_eq!(taken.len(), 1, "another command has it");
    world.enqueue(queue, &[letter(), letter()]);

    let redrive = ["dlq", "redrive", "payments", "--yes"];
    let one = ["dlq", "redrive", "payments", "--max", "1", "--yes"];
    let discard = ["dlq", "discard", "payments", "--why", "a test", "--yes"];
    for (call, name, count) in [
        (&redrive[..3], "would_redrive", 2),
        (&one[..], "redriven", 1),
        (&discard[..5], "would_discard", 1),
        (&discard[..], "discarded", 1),
    ] {
        let output = program(&world, call).arg("--json").output();
        let output = output.expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{call:?} {words}");
        let hidden = "dead letters of payments are hidden just now: 1";
        assert!(words.contains(hidden), "{call:?} {words}");
        let said = String::from_utf8_lossy(&output.stdout);
        let last = said.lines().last().expect("a line");
        let last: Value = serde_json::from_str(last).expect("JSON");
        assert_eq!(last, json!({ name: count }), "{call:?}");
    }
    // Here the hidden message becomes visible to others again.
    let shown = json!({
        "QueueUrl": world.info().queues[queue], "ReceiptHandle": taken[0]["ReceiptHandle"], "VisibilityTimeout": 0,
    });
    world
        .stack(|stack| {
            stack
                .aws()
                .json("AmazonSQS.ChangeMessageVisibility", &shown)
        })
        .expect("shown");
    let (said, code) = sluice(&world, &redrive);
    assert_eq!((&said[0]["redriven"], code), (&json!(1), 0));
}

#[test]
fn what_one_domain_rejected_is_not_retried_in_another() {
    let world = World::own(|_| {});
    let digest = "00112233aabb";
    let ids = [(); 3].map(|()| unique("evt"));
    let of = ["payments", "payments", "billing"];
    let rejected = ids.into_iter().zip(of).map(|(event, domain)| Record {
        domain,
        ..record(event, digest, 1_000 * now_s())
    });
    put(&world, rejected.collect());
    let retried = |domain: &str| {
        let (plan, code) = sluice(
            &world,
            &["rejected", "retry", "--digest", digest, "--domain", domain],
        );
        assert_eq!(code, 0);
        plan[0]["plan"]["events"].clone()
    };
    assert_eq!(["payments", "billing"].map(retried), [json!(2), json!(1)]);
    let nothing = [
        "rejected", "retry", "--digest", digest, "--domain", "connect",
    ];
    let output = program(&world, &nothing).output().expect("it runs");
    assert_eq!(
        output.status.code(),
        Some(3),
        "connect has rejected nothing"
    );
}
