//! A stack without an API key: every sample event, some that are out of order, repeated, unknown, rejected or
//! discarded; and every command that works on such a stack.

use std::fs;

use serde_json::{Value, json};
use sluice_domains::ALL;
use sluice_kernel::bus::route::{Route, route};
use sluice_local::stack::root;

use super::commands::{Call, Form, begin, call, make_all};
use super::files::{Goldens, check};
use super::placeholders::Placeholders;
use super::stored;
use crate::consumers::message;
use crate::world::{World, eventually, intent, now_s};

/// When the first of the test's own events was created; the samples are from that time too.
const CREATED: i64 = 1_768_000_000;

/// A delivery: the endpoint, the body.
struct Delivery {
    name: String,
    /// Whether it is put on the bus.
    is_published: bool,
    endpoint: &'static str,
    body: Value,
}

impl Delivery {
    fn of(name: &str, endpoint: &'static str, body: Value) -> Self {
        Self {
            name: name.to_owned(),
            is_published: true,
            endpoint,
            body,
        }
    }
}

/// The samples in the order in which they were created, and within one second by their file names.
fn samples() -> Vec<Delivery> {
    let folder = root().join("tests/events/stripe");
    let files = fs::read_dir(folder).expect("the samples");
    let mut found: Vec<_> = files
        .map(|file| {
            let file = file.expect("readable").path();
            let text = fs::read_to_string(&file).expect("text");
            let body: Value = serde_json::from_str(&text).expect("JSON");
            let name = file
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            // Thin events have a time as text, and come last.
            let order = (body["created"].as_i64().unwrap_or(i64::MAX), name.clone());
            let endpoint = if body["account"].is_string() || body["context"].is_string() {
                "connect"
            } else {
                "platform"
            };
            (order, Delivery::of(&name, endpoint, body))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().map(|(_, delivery)| delivery).collect()
}

/// The test's own deliveries.
fn own() -> Vec<Delivery> {
    let of = |event: &str, object: &str, kind: &str, after_s: i64, status: &str| {
        intent(event, object, kind, CREATED + after_s, status)
    };
    let mut rejected = of(
        "evt_g_rejected",
        "pi_g_rejected",
        "succeeded",
        30,
        "succeeded",
    );
    rejected["data"]["object"]["status"] = Value::Null;
    let mut waiting = of(
        "evt_g_waiting",
        "pi_g_waiting",
        "succeeded",
        40,
        "succeeded",
    );
    waiting["account"] = json!("acct_g_waits");
    let mut customer = of(
        "evt_g_customer",
        "pi_g_customer",
        "succeeded",
        50,
        "succeeded",
    );
    customer["data"]["object"]["customer"] = json!("cus_g_1");
    let unknown = json!({
        "id": "evt_g_unknown", "object": "event", "type": "gadget.made", "livemode": false, "created": CREATED + 60,
        "data": { "object": { "id": "gdg_1", "object": "gadget" } },
    });
    let all = [
        (
            "out of order: the later one",
            of("evt_g_later", "pi_g_order", "succeeded", 20, "succeeded"),
        ),
        (
            "out of order: the earlier one",
            of("evt_g_earlier", "pi_g_order", "created", 10, "processing"),
        ),
        (
            "of one second: one",
            of("evt_g_tie_1", "pi_g_tie", "processing", 25, "processing"),
        ),
        (
            "of one second: the other",
            of(
                "evt_g_tie_2",
                "pi_g_tie",
                "requires_action",
                25,
                "requires_action",
            ),
        ),
        (
            "a repeat",
            of("evt_g_later", "pi_g_order", "succeeded", 20, "succeeded"),
        ),
        ("rejected", rejected),
        ("waiting for its endpoint", waiting),
        ("of a customer", customer),
        ("unknown", unknown),
        ("live at an endpoint for tests", {
            let mut live = of("evt_g_live", "pi_g_live", "succeeded", 70, "succeeded");
            live["livemode"] = json!(true);
            live
        }),
        ("no event", json!({ "id": "evt_g_nothing" })),
    ];
    let all = all.map(|(name, body)| Delivery::of(name, "platform", body));
    let kept = ["evt_g_waiting", "evt_g_live"];
    let all = all.into_iter().map(|delivery| match &delivery.body["id"] {
        Value::String(id) if kept.contains(&id.as_str()) => Delivery {
            is_published: false,
            ..delivery
        },
        _ => delivery,
    });
    all.collect()
}

/// Delivers, and waits until everything that follows has happened.
fn deliver(world: &World, delivery: &Delivery) -> String {
    let Delivery {
        name,
        is_published,
        endpoint,
        body,
    } = delivery;
    let event = body["id"].as_str().expect("an id");
    let secret = world.info().webhook_secrets[*endpoint].clone();
    let answer = world.deliver_signed(endpoint, body.to_string().as_bytes(), &secret, now_s());
    if *is_published && answer.words() == "accepted" {
        wait_for(world, body["type"].as_str().unwrap_or_default());
    }
    format!(
        "{name}: {event} to {endpoint}: {} {}\n",
        answer.status, answer.text
    )
}

/// Waits until the domain that gets events of this type has handled what was published: the local AWS puts it into the
/// queue before it answers. The domain's line may come later.
pub(super) fn wait_for(world: &World, kind: &str) {
    if let Route::Domain(domain) = route(kind) {
        eventually("an empty queue", || {
            (world.depth(domain) == 0).then_some(())
        });
    }
}

fn deliver_all(world: &World, deliveries: &[Delivery]) -> String {
    deliveries
        .iter()
        .map(|delivery| deliver(world, delivery))
        .collect()
}

/// Waits until no message is left in the domains' queues, and all earlier bus entries and log lines have been seen.
pub(super) fn settle(world: &World) {
    world.drained();
    world.see_all_of_the_bus();
    // The local AWS waits 50 ms for a function's line, and on a busy machine gets it only after the next invocation.
    // These invocations do nothing.
    for domain in ALL {
        invoke(world, domain, &json!({ "Records": [] }));
    }
    invoke(world, "ingest", &json!({}));
}

fn invoke(world: &World, function: &str, event: &Value) {
    let name = world.info().functions[function].clone();
    // Ingest refuses what isn't a request.
    let _ = world.stack(|stack| stack.aws().invoke(&name, event));
}

#[test]
fn what_deliveries_leave_behind_and_what_commands_say_of_it_is_as_it_was() {
    let placeholders = Placeholders::new(now_s(), None);
    let world = World::own(|options| {
        for (endpoint, secrets) in &mut options.secrets {
            *secrets = vec![format!("whsec_local_{endpoint}_0123456789abcdef")];
        }
    });
    let mut answers = deliver_all(&world, &own());
    let forged = world.deliver_signed("platform", b"{}", "whsec_wrong", now_s());
    answers.push_str(&format!("forged: {} {}\n", forged.status, forged.text));
    // Dead letters: one of an event in the ledger, one of an event that isn't in it, and one that can't be read.
    let letters = [
        message(&intent(
            "evt_g_customer",
            "pi_g_customer",
            "succeeded",
            CREATED + 50,
            "succeeded",
        )),
        message(&intent(
            "evt_g_letter",
            "pi_g_letter",
            "succeeded",
            CREATED + 80,
            "succeeded",
        )),
        "nonsense".to_owned(),
    ];
    world.enqueue("payments_dead_letters", &letters);

    // Read-only calls run concurrently with the rest: mostly they wait for an answer. Concurrent receives from one
    // queue would hide its messages from each other.
    let mut goldens = Goldens::new();
    let (world, placeholders) = (&world, &placeholders);
    let made = |calls: Vec<Call>| make_all(world, placeholders, &calls);
    std::thread::scope(|scope| {
        let letters = scope.spawn(|| made(of_dead_letters()));
        answers.push_str(&deliver_all(world, &samples()));
        goldens.append(&mut letters.join().expect("made"));
    });
    settle(world);
    goldens.insert("answers.txt".to_owned(), placeholders.apply(&answers));
    std::thread::scope(|scope| {
        let lanes = [
            of_the_stack(),
            of_what_is_there(),
            vec![call("erase-plan", Form::Both, "erase cus_g_1")],
        ];
        let lanes = lanes.map(|calls| scope.spawn(|| made(calls)));
        goldens.insert(
            "commands/event-tail.txt".to_owned(),
            tail(world, placeholders),
        );
        for lane in lanes {
            goldens.append(&mut lane.join().expect("made"));
        }
    });
    // Received messages aren't counted as dead letters for a moment, so nothing else receives them now. Sweep has run,
    // with or without its schedule.
    world.sweep();
    goldens.append(&mut made(vec![
        call("status", Form::Both, "status"),
        call("status-check", Form::Both, "status --check"),
    ]));
    for call in changing() {
        goldens.append(&mut made(vec![call]));
        settle(world);
    }
    goldens.append(&mut stored::of(world, placeholders, true));
    check("plain", &goldens);
}

/// `event tail` never ends: its first lines.
fn tail(world: &World, placeholders: &Placeholders) -> String {
    let tail = [
        "event",
        "tail",
        "--since",
        "1h",
        "--type",
        "payment_intent.*",
    ];
    let forms = [&[][..], &["--json"]];
    let begun = forms.map(|form| begin(world, &[&tail[..], form].concat(), 3, placeholders));
    begun.concat()
}

/// Calls about the dead letters.
fn of_dead_letters() -> Vec<Call> {
    use Form::Both;
    vec![
        call("dlq-list", Both, "dlq list"),
        call("dlq-show", Both, "dlq show payments"),
        call(
            "dlq-redrive-plan",
            Both,
            "dlq redrive payments --event evt_g_letter",
        ),
        call(
            "dlq-discard-plan",
            Both,
            "dlq discard payments --event evt_g_customer --why test",
        ),
    ]
}

/// Calls about the stack as a whole.
fn of_the_stack() -> Vec<Call> {
    use Form::Both;
    let verify = concat!(
        r#"{"name":"none","secrets":["whsec_1"],"header_null":true,"header_b64":"","body_b64":"","now":0,"tolerance":300}"#,
        "\nnonsense\n",
    );
    vec![
        call("doctor", Both, "doctor"),
        call("doctor-all", Form::Words, "doctor --all --strict"),
        call("rollback-plan", Both, "rollback payments"),
        call("reconcile", Both, "reconcile"),
        call("secret-status", Both, "secret status"),
        call("secret-roll-plan", Both, "secret roll platform"),
        call("verify", Form::Words, "verify").with_input(verify),
    ]
}

/// Calls about events and objects.
fn of_what_is_there() -> Vec<Call> {
    use Form::Both;
    vec![
        call("event-show", Both, "event show evt_g_customer"),
        call("event-show-rejected", Both, "event show evt_g_rejected"),
        call("event-show-waiting", Both, "event show evt_g_waiting"),
        call("event-show-unknown", Both, "event show evt_g_unknown"),
        call("event-show-stale", Both, "event show evt_g_earlier"),
        call("event-show-absent", Both, "event show evt_g_absent"),
        call(
            "event-show-body",
            Form::Words,
            "event show evt_g_customer --body",
        ),
        call("event-list", Both, "event list --limit 20"),
        call(
            "event-list-filter",
            Both,
            "event list --type payment_intent.* --domain payments --oldest-first --limit 5",
        ),
        call("event-list-rejected", Both, "event list --outcome rejected"),
        call(
            "event-list-account",
            Both,
            "event list --account acct_1S6JlK2KfzrV9hgA",
        ),
        call(
            "event-search",
            Form::Words,
            "event search data.object.status=succeeded data.object.amount>1 --type payment_intent.*",
        ),
        call("event-search-wrong", Both, "event search data.object.id="),
        call("event-list-wrong", Both, "event list --since yesterday"),
        call("state-show", Both, "state show pi_g_customer"),
        call("state-show-tie", Both, "state show pi_g_tie"),
        call(
            "state-show-subscription",
            Both,
            "state show sub_1SEkmZWriFSluiceGNK1Vgc9",
        ),
        call(
            "state-show-invoice",
            Both,
            "state show in_1SXaW9zA3gSluicejQ3lV7IR",
        ),
        call(
            "state-show-account",
            Both,
            "state show acct_1S6JlK2KfzrV9hgA --account acct_1S6JlK2KfzrV9hgA",
        ),
        call("state-show-absent", Both, "state show pi_g_absent"),
        call("access-show", Both, "access show cus_iXrEYzC1teoJZg"),
        call("access-show-absent", Both, "access show cus_g_absent"),
        call("show", Both, "show evt_g_customer"),
        call("show-object", Both, "show pi_g_customer"),
        call("replay-plan", Both, "replay evt_g_customer"),
        call("replay-plan-force", Both, "replay evt_g_customer --force"),
        call(
            "replay-plan-filter",
            Both,
            "replay --type payment_intent.* --account platform --since 24h",
        ),
        call("replay-plan-waiting", Both, "replay --waiting --since 24h"),
        call("replay-plan-absent", Both, "replay evt_g_absent"),
        call(
            "replay-yes-without-why",
            Both,
            "replay evt_g_customer --yes",
        ),
        call("rejected-list", Both, "rejected list"),
        call("rejected-show", Both, "rejected show"),
        call(
            "rejected-retry-plan",
            Both,
            "rejected retry --code object.field_missing --domain payments",
        ),
        call("rebuild-plan", Both, "rebuild payments --without-key"),
        call(
            "rebuild-plan-key",
            Both,
            "rebuild payments platform#test#pi_g_customer --without-key",
        ),
        call("import-plan", Both, "import --mode test"),
        call("shadow", Both, "shadow --since 24h --until 0s"),
    ]
}

/// Calls that change something, in this order.
fn changing() -> Vec<Call> {
    use Form::{Json, Words};
    vec![
        call(
            "dlq-redrive",
            Json,
            "dlq redrive payments --event evt_g_letter --yes",
        ),
        call(
            "dlq-discard",
            Json,
            "dlq discard payments --event evt_g_customer --why test --yes",
        ),
        call(
            "dlq-discard-unchecked",
            Words,
            "dlq discard payments --unchecked --why test --yes",
        ),
        call(
            "replay",
            Json,
            "replay evt_g_customer --force --settle 1 --why test --yes",
        ),
        call(
            "replay-words",
            Words,
            "replay evt_g_later --settle 1 --why test --yes",
        ),
        call(
            "rejected-retry",
            Json,
            "rejected retry --code object.field_missing --domain payments --settle 1 --why test --yes",
        ),
        call(
            "rebuild",
            Json,
            "rebuild payments --without-key --why test --yes",
        ),
        call(
            "rebuild-words",
            Words,
            "rebuild billing --without-key --why test --yes",
        ),
        call("reconcile-run", Json, "reconcile --run"),
        call("smoke", Words, "smoke"),
        call("smoke-json", Json, "smoke"),
        call("event-show-replayed", Json, "event show evt_g_customer"),
        call("status-after", Json, "status"),
        call("runs", Form::Both, "runs"),
    ]
}
