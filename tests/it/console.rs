//! What operators see, by the program as it is built: an event's story, lists, health, and that the program works the
//! same on a stack in AWS and on the local one.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use sluice_local::stack::root;
use sluice_local::stack_file;
use sluice_scale::aws::Aws;
use sluice_scale::ledger::{Ledger, Spread};

use crate::replay::{PROGRAM, program};
use crate::world::{World, eventually, intent, now_s, paid, shared, unique};

/// The number of entries in the large ledger, unless SLUICE_LEDGER_ENTRIES says otherwise; a multiple of 20.
const MANY: usize = 100_000;

fn many() -> usize {
    let said = std::env::var("SLUICE_LEDGER_ENTRIES").ok();
    let many = said.map_or(MANY, |count| count.parse().expect("a number of entries"));
    assert!(
        many > 0 && many.is_multiple_of(20),
        "{many} is no multiple of 20"
    );
    many
}

/// The most kibibytes by which the program may grow while it streams them. All of them as text are 25 MB.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

fn run(world: &World, args: &[&str]) -> Output {
    program(world, args).output().expect("it runs")
}

/// Its output, one JSON value per line.
fn json_of(output: &Output) -> Vec<Value> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn story(world: &World, event: &str) -> Value {
    let mut shown = json_of(&run(world, &["event", "show", event, "--json"]));
    shown.pop().expect("a story")
}

/// The place and name of each step, in the order of the story.
fn steps(story: &Value) -> Vec<(String, String)> {
    let steps = story["steps"].as_array().expect("steps").iter();
    let text = |step: &Value, name: &str| step[name].as_str().expect("a text").to_owned();
    steps
        .map(|step| (text(step, "place"), text(step, "what")))
        .collect()
}

fn has(story: &Value, place: &str, what: &str) -> bool {
    let wanted = (place.to_owned(), what.to_owned());
    steps(story).contains(&wanted)
}

/// A stack with a connection that can be broken and functions that can be killed, with short waits: a claim lapses four
/// seconds after its delivery came.
fn breakable_and_mortal() -> World {
    World::own(|options| {
        (options.faults, options.client_faults) = (true, true);
        let short = [
            ("MaxReceiveCount", "100"),
            ("QueueVisibilitySeconds", "2"),
            ("DomainTimeoutSeconds", "10"),
            ("IngestTimeoutSeconds", "3"),
        ];
        let short = short.map(|(name, value)| (name.to_owned(), value.to_owned()));
        options.parameters.extend(short);
        let margin = [("LAPSE_MARGIN_MS".to_owned(), "1000".to_owned())];
        let ingest = "IngestFunction".to_owned();
        options.environment.insert(ingest, margin.into());
    })
}

#[test]
fn the_story_of_an_event_that_was_duplicated_crashed_swept_retried_and_replayed_shows_each_step() {
    let world = breakable_and_mortal();
    let throttled = |service: &str, operation: &str| {
        let error = json!({ "code": "ThrottlingException", "status": 400 });
        json!([{ "service": service, "operation": operation, "error": error }])
    };
    let (event, object, body) = paid();
    // Ingest dies right after it has claimed the event: Stripe gets no answer, and sends it again.
    let kill = json!([{
        "id": "kill", "function": world.info().functions["ingest"], "call": "PutItem", "contains": event, "times": 1,
        "do": "kill-after",
    }]);
    let faults =
        |rules: &Value| world.stack(|stack| stack.client_faults().expect("mortal").set(rules));
    faults(&kill).expect("written");
    let died = world.try_deliver(&body);
    assert!(died.is_none_or(|answer| answer.status >= 500));
    assert_eq!(world.state(&event).as_deref(), Some("held"));
    // The next attempt takes it over once the claim has lapsed; then the bus refuses.
    world.break_wire(throttled("events", "PutEvents"));
    let answer = world.deliver_until_acknowledged(&body);
    assert_eq!(answer.text, r#"{"status":"queued"}"#);
    // The bus accepts it now, and the domain can't write.
    world.break_wire(throttled("dynamodb", "PutItem"));
    eventually("swept", || {
        world.sweep();
        (world.state(&event)? == "published").then_some(())
    });
    eventually("a failed receive in the story", || {
        has(&story(&world, &event), "payments", "failed").then_some(())
    });
    world.restore_wire();
    world.settled("payments", &object);
    // The queue's own numbers don't show a message that failed and came back.
    let status = json_of(&run(&world, &["status", "--json"])).remove(0);
    let queues = status["queues"].as_array().expect("queues");
    let failing = |domain: &str| {
        let queue = queues.iter().find(|queue| queue["domain"] == domain);
        queue.expect("its queue")["failing"].clone()
    };
    assert!(
        failing("payments")["receives"].as_f64() >= Some(1.0),
        "{status}"
    );
    assert!(failing("payments")["lag_ms"].is_number(), "{status}");
    assert_eq!(failing("billing")["receives"], 0.0, "{status}");
    assert_eq!(
        [&status["undelivered"], &status["unprocessed"]],
        [&json!(0), &json!(0)]
    );
    assert_eq!(world.deliver(&body).text, r#"{"status":"duplicate"}"#);
    let replay = [
        "replay", &event, "--yes", "--why", "a test", "--settle", "1", "--json",
    ];
    json_of(&run(&world, &replay));

    let shown = eventually("the replayed event at its domain", || {
        let shown = story(&world, &event);
        has(&shown, "payments", "duplicate").then_some(shown)
    });
    let shown_steps = steps(&shown);
    for (place, what) in [
        ("ledger", "received through platform"),
        ("ingest", "crashed"),
        ("ingest", "queued"),
        ("ledger", "published"),
        ("payments", "failed"),
        ("payments", "applied"),
        ("ingest", "duplicate"),
        ("payments", "duplicate"),
    ] {
        assert!(has(&shown, place, what), "{place} {what}: {shown_steps:?}");
    }
    let of_steps = shown["steps"].as_array().expect("steps").iter();
    let mut noted = of_steps.filter(|step| {
        let what = step["what"].as_str().unwrap_or_default();
        what.starts_with("replay#") && what.ends_with("replayed")
    });
    let replayed = noted.next().expect("the run, and who made it");
    assert!(
        replayed["more"]
            .as_str()
            .expect("words")
            .ends_with("a test"),
        "{replayed}"
    );
    let applied = shown["steps"].as_array().expect("steps").iter();
    let mut applied = applied.filter(|step| step["what"] == "applied");
    let applied = applied.next().expect("applied")["more"]
        .as_str()
        .expect("words");
    assert!(applied.contains("emitted PaymentSucceeded"), "{applied}");
    assert_eq!(shown["projection"]["rests_on_it"], true);
    assert_eq!(shown["projection"]["pending"], json!([]));
    assert_eq!(shown["log_lines_missing"], Value::Null);
    let failed = shown["steps"].as_array().expect("steps").iter();
    let mut failed = failed.filter(|step| step["what"] == "failed");
    let failed = failed.next().expect("there");
    assert_eq!(failed["code"], "projection.unavailable");
    assert!(
        failed["more"]
            .as_str()
            .expect("words")
            .contains("receive 1")
    );

    let words = run(&world, &["show", &event]);
    let words = String::from_utf8_lossy(&words.stdout);
    assert!(words.contains("rests on this event"), "{words}");
    assert!(!words.contains('\u{1b}'), "no colour into a pipe: {words}");
    let bytes = run(&world, &["event", "show", &event, "--body"]).stdout;
    assert_eq!(bytes, body.as_bytes());
}

#[test]
fn lines_carry_their_metrics_and_status_counts_them() {
    let world = shared();
    let (event, object, body) = paid();
    world.deliver(&body);
    world.settled("payments", &object);
    let forged = world.deliver_signed("platform", body.as_bytes(), "whsec_wrong", now_s());
    assert_eq!(forged.status, 400);

    let line = eventually("the domain's line", || {
        world.logged("payments", &event).into_iter().next()
    });
    for (name, value) in [
        ("event", &*event),
        ("type", "payment_intent.succeeded"),
        ("function", "payments"),
        ("outcome", "applied"),
    ] {
        assert_eq!(line[name], value, "{line}");
    }
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Sluice/sluice");
    assert_eq!(directive["Dimensions"], json!([["function", "outcome"]]));
    for metric in directive["Metrics"].as_array().expect("metrics") {
        let name = metric["Name"].as_str().expect("a name");
        assert!(line[name].is_number(), "{name}: {line}");
    }
    assert!(line["lag_ms"].is_number(), "{line}");
    // The trace is the request's, from ingest to the domain.
    let of_entry = story(world, &event)["traceparent"].clone();
    let of_entry = of_entry.as_str().map(sluice_kernel::bus::trace::id);
    assert!(of_entry.is_some_and(|trace| trace.len() == 32));
    assert_eq!(line["trace"].as_str(), of_entry, "{line}");

    let status = json_of(&run(world, &["status", "--json"])).remove(0);
    let hour = &status["last_hour"];
    assert!(
        hour["outcomes"]["ingest"]["accepted"].as_f64() >= Some(1.0),
        "{status}"
    );
    assert!(
        hour["outcomes"]["payments"]["applied"].as_f64() >= Some(1.0),
        "{status}"
    );
    assert!(
        hour["codes"]["signature.no_match"].as_f64() >= Some(1.0),
        "{status}"
    );
    let domains = status["queues"].as_array().expect("queues").iter();
    let domains: Vec<_> = domains.map(|queue| queue["domain"].clone()).collect();
    let mut all = sluice_domains::ALL;
    all.sort_unstable();
    assert_eq!(domains, all);
    let words = run(world, &["status"]);
    let words = String::from_utf8_lossy(&words.stdout);
    assert!(
        words.contains("signature.no_match") && words.contains("unknown"),
        "{words}"
    );
}

#[test]
fn a_stack_is_found_by_its_name_as_in_aws_and_lists_what_the_filter_asks_for() {
    let world = shared();
    let (event, object, body) = paid();
    world.deliver(&body);
    let other = intent(
        &unique("evt"),
        &unique("pi"),
        "created",
        now_s(),
        "processing",
    );
    world.deliver(&other.to_string());
    world.settled("payments", &object);

    let by_name = |args: &[&str]| {
        let mut command = Command::new(PROGRAM.path());
        command
            .args(["--stack", "sluice", "--region", &world.info().region])
            .args(args);
        command.env("AWS_ENDPOINT_URL", &world.info().aws_endpoint_url);
        command
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local");
        command.output().expect("it runs")
    };
    let list = [
        "event",
        "list",
        "--type",
        "*.succeeded",
        "--domain",
        "payments",
        "--limit",
        "0",
        "--json",
    ];
    let listed = json_of(&by_name(&list));
    assert!(listed.iter().any(|row| row["id"] == event), "{listed:?}");
    assert!(listed.iter().all(|row| {
        row["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with(".succeeded"))
    }));
    assert!(listed.is_sorted_by_key(|row| -row["received_at_ms"].as_i64().expect("a time")));
    let row = listed.iter().find(|row| row["id"] == event).expect("there");
    assert_eq!(
        (&row["state"], &row["object_id"]),
        (&json!("published"), &json!(object))
    );
    let state = json_of(&by_name(&["state", "show", &object, "--json"]));
    assert_eq!(state[0]["state"]["status"], "succeeded");

    for (args, code) in [
        (&["event", "show", "evt_absent"][..], 3),
        (&["state", "show", "pi_absent"], 3),
        (&["access", "show", "cus_absent"], 3),
        (&["event", "list", "--since", "yesterday"], 2),
        (&["event", "list", "--since", "1h", "--until", "2h"], 2),
    ] {
        assert_eq!(by_name(args).status.code(), Some(code), "{args:?}");
    }
    let absent = Command::new(PROGRAM.path())
        .args(["--stack", "another", "--region", "us-east-1", "status"])
        .env("AWS_ENDPOINT_URL", &world.info().aws_endpoint_url)
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .output();
    assert_eq!(absent.expect("it runs").status.code(), Some(3));
}

#[test]
fn tail_shows_an_event_as_it_comes() {
    let world = shared();
    let mut tail = program(
        world,
        &["event", "tail", "--type", "payment_intent.*", "--json"],
    );
    let mut tail = tail.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(tail.stdout.take().expect("piped")).lines();
    let (event, _, body) = paid();
    world.deliver(&body);
    // Other tests' events come, too. Without this one the test never ends, and the suite's time limit says so.
    let found = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(&event)));
    assert!(found.is_some());
    tail.kill().expect("it is there");
    tail.wait().expect("it ends");
}

/// A local AWS with a ledger of this number of entries of one day, every tenth a refund.
fn large(many: usize) -> Aws {
    let root = root();
    let template = std::fs::read_to_string(root.join("template.yaml")).expect("the template");
    let aws = Aws::start(&template).expect("a free port");
    let ledger = Ledger::new(&aws, &root, Spread::until_today(1, 0));
    let filled = ledger.and_then(|mut ledger| ledger.fill(many, &mut |_| {}));
    filled.expect("filled");
    aws
}

/// The most memory that a process has used so far, in KiB.
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

#[test]
fn a_hundred_thousand_entries_are_listed_from_the_first_page_on_in_bounded_memory() {
    let many = many();
    let folder = tempfile::tempdir().expect("a folder");
    let described = stack_file::write(&large(many).info(), folder.path()).expect("written");
    let list = |more: &[&str]| {
        let mut command = Command::new(PROGRAM.path());
        command
            .args(["event", "list", "--since", "3d", "--json", "--stack-file"])
            .arg(&described)
            .args(more);
        command
    };

    // Built before anything is timed.
    std::sync::LazyLock::force(&PROGRAM);
    let start = Instant::now();
    let refunds = list(&["--type", "*.refunded", "--limit", "0"])
        .stdout(Stdio::piped())
        .spawn();
    let mut refunds = refunds.expect("it runs");
    let mut lines = BufReader::new(refunds.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a row").expect("text");
    let first_row = start.elapsed();
    assert!(first.contains("charge.refunded"), "{first}");
    assert_eq!(1 + lines.count(), many / 10);
    let all_rows = start.elapsed();
    assert!(refunds.wait().expect("it ends").success());
    println!(
        "of {many} entries, {} match: the first row after {first_row:?}, the last after {all_rows:?}",
        many / 10
    );

    let all = list(&["--limit", "0"]).stdout(Stdio::piped()).spawn();
    let mut all = all.expect("it runs");
    let process = all.id();
    let mut lines = BufReader::new(all.stdout.take().expect("piped")).lines();
    let rows = |lines: &mut std::io::Lines<_>, count| {
        lines
            .by_ref()
            .take(count)
            .filter(|line: &Result<String, _>| line.is_ok())
            .count()
    };
    assert_eq!(rows(&mut lines, many / 10), many / 10);
    let early = peak_kib(process);
    let most = many / 20 * 17;
    assert_eq!(rows(&mut lines, most), most);
    let late = peak_kib(process);
    assert_eq!(lines.count(), many / 20);
    assert!(all.wait().expect("it ends").success());
    println!(
        "at most {early} KiB after {} rows, {late} KiB after {}",
        many / 10,
        many / 20 * 19
    );
    // On systems other than Linux both are 0.
    assert!(late - early < GROWTH_MAX_KIB, "{early} to {late} KiB");

    // A reader that closes early ends the program without a message.
    let mut some = list(&["--limit", "0"]);
    let mut some = some
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(some.stdout.take().expect("piped")).lines();
    assert!(lines.next().is_some());
    drop(lines);
    let ended = some.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]));
}
