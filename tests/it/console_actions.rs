//! What an operator does in the console in an incident: each action as a browser asks for it, against a deployed stack.

use std::process::Stdio;
use std::thread;

use serde_json::{Value, json};

use crate::browser::{Answer, Browser, between};
use crate::consumers::message;
use crate::reconcile::damage;
use crate::replay::{leave_pending, program, recorded, sluice};
use crate::rollback::{deployed, versioned};
use crate::world::{World, eventually, intent, now_s, paid, unique};

const WHY: (&str, &str) = ("why", "a test");

/// The digest of a page's plan, and the name of its run.
fn confirmation(page: &str) -> (String, String) {
    let of = |name: &str| between(page, &format!("name=\"{name}\" value=\""), "\"").to_owned();
    (of("digest"), of("run"))
}

/// Confirms the plan of a page, with the fields that it was asked for.
fn confirm(browser: &Browser, path: &str, fields: &[(&str, &str)], page: &str) -> Answer {
    let (digest, run) = confirmation(page);
    let confirmed = [("digest", digest.as_str()), ("run", &run), WHY];
    browser.send(path, &[fields, &confirmed].concat(), "same-origin")
}

/// Where the page of a run is that has begun.
fn begun(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").expect("a place").to_owned()
}

/// Waits until a run's page has these words.
fn shows(browser: &Browser, run: &str, words: &str) -> String {
    eventually(&format!("{words} on {run}"), || {
        let page = browser.page(run);
        page.contains(words).then_some(page)
    })
}

const DONE: &str = ">done</span>";

fn dead_letter(world: &World) -> String {
    let (_, object, body) = paid();
    let body: Value = serde_json::from_str(&body).expect("JSON");
    world.enqueue("payments_dead_letters", &[message(&body)]);
    object
}

#[test]
fn dead_letters_are_redriven_by_one_of_two_confirmations_and_only_as_they_were_shown() {
    let world = World::own(|_| {});
    let first = dead_letter(&world);
    let browser = Browser::open(&world, &["--write"]);
    let causes = browser.page("/failures?letters=yes");
    assert!(
        causes.contains("unknown") && causes.contains("payments"),
        "{causes}"
    );
    let cause = "/failures/cause?domain=payments&code=unknown&letters=yes";
    let links = browser.page(cause);
    assert!(
        links.contains("Redrive…") && links.contains("Discard…"),
        "{links}"
    );

    let fields = [("domain", "payments"), ("code", "unknown")];
    let path = "/actions/redrive";
    let plan = browser.page(&format!("{path}?domain=payments&code=unknown"));
    assert!(plan.contains("Move 1 back"), "{plan}");
    let second = dead_letter(&world);
    let changed = confirm(&browser, path, &fields, &plan);
    assert_eq!(changed.status, 409);
    let page = &changed.body;
    assert!(
        page.contains("selection.changed") && page.contains("Move 2 back"),
        "{page}"
    );
    assert!(
        page.contains("value=\"a test\""),
        "the reason stays: {page}"
    );
    assert!(
        !browser
            .page("/runs?kind=redrive")
            .contains("/runs/redrive/"),
        "nothing was done"
    );
    assert_eq!(world.depth("payments_dead_letters"), 2);

    let answers = thread::scope(|scope| {
        let twice = [(); 2].map(|()| scope.spawn(|| confirm(&browser, path, &fields, page)));
        twice.map(|one| one.join().expect("an answer"))
    });
    let mut places = answers.map(|answer| begun(&answer));
    places.sort();
    let (_, name) = confirmation(page);
    assert!(
        places[0].starts_with(&format!("/runs/redrive/{name}?")),
        "{places:?}"
    );
    assert_eq!(places[1], format!("/runs?run={name}"));
    let run = shows(&browser, &places[0], DONE);
    assert!(
        run.contains("a test") && run.contains("an operator"),
        "{run}"
    );
    for object in [first, second] {
        assert_eq!(
            world.settled("payments", &object)["state"]["status"],
            "succeeded"
        );
    }
    assert_eq!(world.depth("payments_dead_letters"), 0);
    let runs = browser.page("/runs?kind=redrive");
    assert_eq!(runs.matches("href=\"/runs/redrive/").count(), 1, "{runs}");
}

#[test]
fn a_dead_letter_whose_effects_are_pending_is_refused_and_the_other_one_is_given_up() {
    let world = World::own(|_| {});
    let (event, object, body) = paid();
    world.deliver(&body);
    world.settled("payments", &object);
    leave_pending(&world, "payments", &object, &event);
    let body: Value = serde_json::from_str(&body).expect("JSON");
    world.enqueue("payments_dead_letters", &[message(&body)]);
    dead_letter(&world);
    let browser = Browser::open(&world, &["--write"]);
    let path = "/actions/discard";
    let plan = browser.page(&format!("{path}?domain=payments"));
    for words in [
        "Give 1 up",
        "1 effect of its object is pending in payments",
        event.as_str(),
    ] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    // A plan to move the same letters back is another plan.
    let fields = [("domain", "payments")];
    assert_eq!(
        confirm(&browser, "/actions/redrive", &fields, &plan).status,
        409
    );
    let run = begun(&confirm(&browser, path, &fields, &plan));
    let page = shows(&browser, &run, DONE);
    assert!(
        page.contains("1 failed") && page.contains("refused"),
        "{page}"
    );
    assert_eq!(world.depth("payments_dead_letters"), 1);
}

#[test]
fn all_that_are_rejected_for_a_cause_are_replayed_in_one_run_and_a_forced_one_says_what_receivers_get()
 {
    let world = World::own(|_| {});
    let mut events = Vec::new();
    for _ in 0..3 {
        let event = unique("evt");
        let mut poison = intent(&event, &unique("pi"), "succeeded", now_s(), "succeeded");
        poison["data"]["object"]["status"] = Value::Null;
        world.deliver(&poison.to_string());
        events.push(event);
    }
    for event in &events {
        eventually("a record", || world.rejections(event).pop());
    }
    let browser = Browser::open(&world, &["--write"]);
    let causes = browser.page("/failures");
    let cause = between(&causes, "<a href=\"/failures/cause?", "\"").replace("&amp;", "&");
    let cause = browser.page(&format!("/failures/cause?{cause}"));
    assert!(
        cause.contains("Replay all 3 rejected") && cause.contains("An object lacks a field"),
        "{cause}"
    );
    let plan = between(&cause, "<a class=\"button\" href=\"", "\"").replace("&amp;", "&");
    let forced = browser.page(&format!("{plan}&force=yes"));
    assert!(forced.contains("Receivers act again"), "{forced}");
    let page = browser.page(&plan);
    assert!(page.contains("Replay 3 events"), "{page}");
    let fields = plan.split_once('?').expect("a filter").1.split('&');
    let fields: Vec<_> = fields.filter_map(|pair| pair.split_once('=')).collect();

    let forced = [&fields[..], &[("force", "yes")]].concat();
    assert_eq!(
        confirm(&browser, "/replays", &forced, &page).status,
        409,
        "it was shown as a plain one"
    );
    let run = begun(&confirm(&browser, "/replays", &fields, &page));
    // They are rejected once more, which stops it.
    let page = shows(&browser, &run, ">stopped</span>");
    assert!(page.contains("3 of 3 failed"), "{page}");
    assert!(
        !page.contains("<form class=\"confirm\""),
        "nothing is left to resume: {page}"
    );
    // The records are newer now, and the plan is still the same.
    let (digest, _) = confirmation(&browser.page(&plan));
    assert!(page.contains(&digest), "the plan's digest: {page}");
    for event in &events {
        let notes = world.rejections(event);
        let note = notes.iter().find(|note| note["outcome"]["S"] == "replayed");
        assert_eq!(note.expect("a note")["why"]["S"], "a test");
    }

    let two = format!("/replays?id={}&id={}", events[0], events[1]);
    assert!(browser.page(&two).contains("Replay 2 events"));
}

#[test]
fn a_replay_that_the_program_began_is_stopped_in_the_browser_and_resumed_there() {
    let world = World::own(|_| {});
    // After the first ten it rests, and after the next hundred for half a minute: then it is stopped.
    let events = 120;
    let ids = recorded(&world, events);
    let file = world.file(&ids.join("\n"));
    let browser = Browser::open(&world, &["--write"]);
    let call = [
        "replay", "--file", &file, "--rate", "4", "--settle", "0", "--why", "a try", "--yes",
    ];
    let mut call = program(&world, &call);
    let child = call
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.expect("it starts");
    let run = eventually("the run", || {
        let runs = browser.page("/runs?kind=replay");
        let (_, rest) = runs.split_once("href=\"/runs/replay/")?;
        Some(format!(
            "/runs/replay/{}",
            rest.split('"').next()?.replace("&amp;", "&")
        ))
    });
    let (path, began) = run.split_once('?').expect("when it began");
    let began = began.split_once('=').expect("a time");
    let page = browser.page(&run);
    let stream = between(&page, "data-live=\"", "\"").replace("&amp;", "&");
    let mut live = browser.live(&stream);
    let (event, part) = live.next().expect("progress");
    assert!(event == "part" && part.contains(" of 120"), "{part}");

    let send = |change: &str, page: &str| {
        let digest = between(page, "name=\"digest\" value=\"", "\"").to_owned();
        let fields = [began, ("digest", digest.as_str()), WHY];
        browser.send(&format!("{path}/{change}"), &fields, "same-origin")
    };
    let page = browser.page(&run);
    assert_eq!(send("resume", &page).status, 409, "it is running");
    assert_eq!(begun(&send("stop", &page)), run);
    let stopped = browser.page(&run);
    assert!(stopped.contains("by an operator: a test"), "{stopped}");
    assert!(
        live.any(|(event, _)| event == "end"),
        "the page is to be loaded again"
    );
    // The program ends by itself, and says who stopped it.
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("the run was stopped by an operator: a test"),
        "{said}"
    );
    assert_eq!(send("stop", &page).status, 409, "it isn't running any more");

    let stopped = browser.page(&run);
    assert_eq!(begun(&send("resume", &stopped)), run);
    assert_eq!(send("resume", &stopped).status, 409, "it was resumed");
    let done = shows(&browser, &run, DONE);
    assert!(
        done.contains("120 of 120") && done.contains("a try; resumed by an operator"),
        "{done}"
    );
    let name = path.rsplit('/').next().expect("a name");
    let (said, _) = sluice(&world, &["replay", "--resume", name]);
    let shown = &said.last().expect("a run")["run"];
    assert_eq!(
        (&shown["published"], &shown["standing"]["is"]),
        (&json!(events), &json!("done"))
    );
}

#[test]
fn an_object_is_rebuilt_as_its_plan_said_and_a_comparison_without_a_key_says_so() {
    let world = World::own(|_| {});
    let (_, object, body) = paid();
    world.deliver(&body);
    let right = world.settled("payments", &object);
    let key = format!("platform#test#{object}");
    damage(&world, "payments", &key);
    let damaged = world.document("payments", &key);
    let browser = Browser::open(&world, &["--write"]);
    let path = "/actions/rebuild";
    let asked = key.replace('#', "%23");
    let plan = browser.page(&format!(
        "{path}?domain=payments&key={asked}&without_key=yes"
    ));
    assert!(
        plan.contains("changed") && plan.contains("Rebuild this object"),
        "{plan}"
    );
    assert_eq!(
        world.document("payments", &key),
        damaged,
        "a plan changes nothing"
    );
    let fields = [
        ("domain", "payments"),
        ("key", key.as_str()),
        ("without_key", "yes"),
    ];
    let run = begun(&confirm(&browser, path, &fields, &plan));
    shows(&browser, &run, DONE);
    assert_eq!(world.document("payments", &key)["state"], right["state"]);
    // What the plan said isn't so any more.
    let (digest, _) = confirmation(&plan);
    let again = [&fields[..], &[("digest", digest.as_str()), WHY]].concat();
    assert_eq!(browser.send(path, &again, "same-origin").status, 409);

    let path = "/actions/reconcile";
    let run = begun(&confirm(&browser, path, &[], &browser.page(path)));
    let page = shows(&browser, &run, ">stopped</span>");
    assert!(page.contains("reconcile.no_key"), "{page}");
}

#[test]
fn a_function_is_rolled_back_by_one_of_two_confirmations() {
    let world = versioned();
    deployed(
        &world,
        "2222222222",
        Some(("PaymentsFunction", "LOG_LEVEL", "debug")),
    );
    let browser = Browser::open(&world, &["--write"]);
    let path = "/actions/rollback";
    let plan = browser.page(&format!("{path}?function=payments"));
    assert!(
        plan.contains("Make version 1 live") && plan.contains("LOG_LEVEL"),
        "{plan}"
    );
    let fields = [("function", "payments")];
    let run = begun(&confirm(&browser, path, &fields, &plan));
    let page = shows(&browser, &run, DONE);
    assert!(
        page.contains("version 2 → 1") && page.contains("a test"),
        "{page}"
    );
    assert_ne!(
        confirm(&browser, path, &fields, &plan).status,
        303,
        "it was moved"
    );
    let (said, _) = sluice(&world, &["status"]);
    assert!(
        said[0]["not_as_deployed"].to_string().contains("payments"),
        "{said:?}"
    );
}

#[test]
fn a_body_is_shown_unmasked_once_to_who_says_why_and_that_is_on_record() {
    let world = World::own(|_| {});
    let (event, object) = (unique("evt"), unique("pi"));
    let mut paid = intent(&event, &object, "succeeded", now_s(), "succeeded");
    paid["data"]["object"]["receipt_email"] = "ann@example.com".into();
    world.deliver(&paid.to_string());
    let browser = Browser::open(&world, &["--write"]);
    let page = browser.page(&format!("/events/{event}"));
    assert!(!page.contains("ann@example.com"), "{page}");
    let path = format!("/events/{event}/body");
    assert!(page.contains(&format!("action=\"{path}\"")), "{page}");
    let (digest, run) = confirmation(&page);
    assert_eq!(browser.status(&path), 405, "no address shows it");

    let other = [("digest", "00"), ("run", &run), WHY];
    let changed = browser.send(&path, &other, "same-origin");
    assert_eq!(changed.status, 409);
    assert!(!changed.body.contains("ann@example.com"));
    let asked = [("digest", digest.as_str()), ("run", &run), WHY];
    assert_eq!(browser.send(&path, &asked, "cross-site").status, 403);
    assert_eq!(
        browser.send(&path, &asked[..2], "same-origin").status,
        400,
        "without a reason"
    );
    assert!(
        browser
            .page("/runs?kind=view")
            .contains("No run is on record"),
        "nothing was shown"
    );

    let shown = browser.send(&path, &asked, "same-origin");
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert!(shown.body.contains("ann@example.com"), "{}", shown.body);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert_eq!(shown.header("location"), None);
    let again = browser.send(&path, &asked, "same-origin");
    assert_eq!(again.status, 409, "it is shown once");
    assert!(!again.body.contains("ann@example.com"));
    let page = browser.page(&format!("/events/{event}"));
    assert!(!page.contains("ann@example.com"), "{page}");

    let list = browser.page("/runs?kind=view");
    for words in [run.as_str(), "an operator", "a test", "1 shown"] {
        assert!(list.contains(words), "{words}: {list}");
    }
    let of_run = between(&list, "href=\"/runs/view/", "\"").replace("&amp;", "&");
    let record = browser.page(&format!("/runs/view/{of_run}"));
    assert!(
        record.contains(&format!("href=\"/events/{event}\"")) && record.contains(&digest),
        "{record}"
    );
    let (said, _) = sluice(&world, &["runs"]);
    assert_eq!(
        (&said[0]["kind"], &said[0]["why"]),
        (&json!("view"), &json!("a test"))
    );

    let reader = Browser::open(&world, &[]);
    let page = reader.page(&format!("/events/{event}"));
    assert!(
        !page.contains(&path) && page.contains("read-only"),
        "{page}"
    );
    let refused = reader.send(&path, &asked, "same-origin");
    assert_eq!(refused.status, 403);
    assert!(!refused.body.contains("ann@example.com"));
}
