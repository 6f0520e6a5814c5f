//! Rolls back a bad version with the operator's program as it is built: a domain that can't start, an ingest that
//! refuses Stripe. Deployments here are like those of `make deploy`: the template again, with another revision.

use std::collections::BTreeMap;
use std::process::Output;

use serde_json::{Value, json};

use crate::replay::{program, sluice};
use crate::world::{World, built, eventually, paid, shared};

/// Deploys with this revision, and with one variable of a function changed.
pub(crate) fn deployed(world: &World, revision: &str, change: Option<(&str, &str, &str)>) {
    let mut options = built();
    options.parameters.extend(parameters(revision));
    if let Some((function, variable, value)) = change {
        let variables = BTreeMap::from([(variable.to_owned(), value.to_owned())]);
        options.environment.insert(function.to_owned(), variables);
    }
    world
        .stack(|stack| stack.deploy_second("sluice", &options))
        .expect("it is deployed");
}

fn parameters(revision: &str) -> [(String, String); 4] {
    [
        ("Revision", revision),
        // If a function can't start, its message comes back soon.
        ("QueueVisibilitySeconds", "2"),
        ("DomainTimeoutSeconds", "10"),
        ("MaxReceiveCount", "1000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

pub(crate) fn versioned() -> World {
    World::own(|options| options.parameters.extend(parameters("1111111111")))
}

fn run(world: &World, args: &[&str]) -> Output {
    program(world, args).output().expect("it runs")
}

fn roll_back(world: &World, args: &[&str]) -> Value {
    let why = ["--why", "it can't start", "--yes"];
    let (said, code) = sluice(world, &[&["rollback"][..], args, &why].concat());
    assert_eq!(code, 0, "{said:?}");
    said.last().expect("what was done")["moved"].clone()
}

/// What `sluice doctor` reports about a function's alias: level, code and text.
fn alias(world: &World, role: &str) -> (String, String, String) {
    let (found, _) = sluice(world, &["doctor"]);
    let mut found = found.into_iter();
    let finding = found.find(|it| it["subject"] == format!("{role}:live"));
    let finding = finding.unwrap_or_else(|| panic!("nothing is said of {role}:live"));
    let text = |name: &str| finding[name].as_str().expect("a text").to_owned();
    (text("level"), text("code"), text("said"))
}

fn not_as_deployed(world: &World) -> Vec<String> {
    let (said, _) = sluice(world, &["status"]);
    let lines = said[0]["not_as_deployed"].as_array().expect("a list");
    let lines = lines.iter().map(|line| line.as_str().expect("a text"));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_domain_whose_new_version_can_not_start_applies_events_again_once_it_is_rolled_back() {
    let world = versioned();
    let good = "version 1, which was deployed last";
    assert_eq!(
        alias(&world, "payments"),
        ("good".into(), String::new(), good.into())
    );
    let bad = Some(("PaymentsFunction", "MAX_RECEIVES", "many"));
    deployed(&world, "2222222222", bad);
    let (_, object, body) = paid();
    assert_eq!(world.deliver(&body).words(), "accepted");
    // It is received again and again, and stays.
    eventually("the event in the queue", || {
        (world.depth("payments") == 1).then_some(())
    });

    // The plan changes nothing, and names the differences without their values.
    let (plan, code) = sluice(&world, &["rollback", "payments"]);
    let plan = &plan[0]["plan"];
    assert_eq!(code, 0);
    assert_eq!(
        [&plan["live"]["version"], &plan["to"]["version"]],
        [&json!("2"), &json!("1")]
    );
    let differences = plan["differences"].as_array().expect("a list");
    let variable = json!({ "what": "variable MAX_RECEIVES", "change": "changed" });
    assert!(differences.contains(&variable), "{plan}");
    assert!(plan["warnings"].to_string().contains("projection.newer"));
    let unexplained = run(&world, &["rollback", "payments", "--yes"]);
    assert_eq!(unexplained.status.code(), Some(2));
    assert_eq!(alias(&world, "payments").0, "good", "{plan}");
    assert_eq!(world.projection("payments", &object), None);

    let moved = roll_back(&world, &["payments"]);
    assert_eq!([&moved["from"], &moved["to"]], [&json!("2"), &json!("1")]);
    let document = world.settled("payments", &object);
    assert_eq!(document["state"]["status"], "succeeded");
    let (level, code, said) = alias(&world, "payments");
    assert_eq!((&*level, &*code), ("look", "alias.rolled_back"));
    let begin = "payments runs version 1, the last deployed is 2: rolled back from 2 to 1 at ";
    assert!(
        said.starts_with(begin) && said.ends_with(" by an operator because: it can't start"),
        "{said}"
    );
    assert_eq!(not_as_deployed(&world), [said]);

    // Forward again: the only remaining complaint is that the function can't start.
    let moved = roll_back(&world, &["payments", "--to", "2"]);
    assert_eq!(moved["to"], "2");
    assert_eq!(not_as_deployed(&world), Vec::<String>::new());
    let (found, _) = sluice(&world, &["doctor"]);
    let starts = |it: &&Value| it["subject"] == "payments" && it["area"] == "functions";
    let said: Vec<_> = found
        .iter()
        .filter(starts)
        .map(|it| it["said"].to_string())
        .collect();
    assert!(
        said.iter().any(|said| said.contains("can't start")),
        "{said:?}"
    );
    roll_back(&world, &["payments"]);

    // The next deployment moves the alias on; the version that was rolled back can't be chosen again.
    deployed(&world, "3333333333", None);
    assert_eq!(
        alias(&world, "payments").2,
        "version 3, which was deployed last"
    );
    let (plan, _) = sluice(&world, &["rollback", "payments"]);
    assert_eq!(plan[0]["plan"]["to"]["version"], "1");
}

#[test]
fn an_ingest_that_keeps_stripe_out_takes_deliveries_again_once_it_is_rolled_back() {
    let world = versioned();
    let narrow = Some(("IngestFunction", "ALLOWED_SOURCES", "203.0.113.7"));
    deployed(&world, "2222222222", narrow);
    let (_, _, body) = paid();
    assert_eq!(world.deliver(&body).status, 403);
    roll_back(&world, &["ingest", "--to", "1"]);
    let (_, object, body) = paid();
    let answer = eventually("an answer of the version before", || {
        Some(world.deliver(&body)).filter(|answer| answer.status == 200)
    });
    assert_eq!(answer.words(), "accepted");
    world.settled("payments", &object);
    assert_eq!(alias(&world, "ingest").1, "alias.rolled_back");
}

#[test]
fn a_rollback_that_can_go_nowhere_is_refused_with_its_code_and_changes_nothing() {
    let refused = |world: &World, args: &[&str], exit, code: &str| {
        let output = run(world, &[&["rollback"], args].concat());
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {words}");
        assert!(words.contains(code), "{args:?}: {words}");
    };
    // Without aliases, events go to the functions themselves.
    refused(shared(), &["payments"], 3, "rollback.no_alias");
    let world = versioned();
    for (args, exit, code) in [
        (&["payments"][..], 3, "rollback.no_version"),
        (&["payments", "--to", "7"], 3, "rollback.no_version"),
        (&["payments", "--to", "1"], 4, "rollback.is_live"),
        (&["sweep"], 3, "rollback.no_alias"),
        (&["nosuch"], 2, "billing, connect, ingest, payments"),
    ] {
        refused(&world, args, exit, code);
        refused(
            &world,
            &[args, &["--why", "x", "--yes"]].concat(),
            exit,
            code,
        );
    }
    let long = "x".repeat(501);
    refused(&world, &["payments", "--why", &long], 2, "more than 500");
    assert_eq!(alias(&world, "payments").0, "good");
}
