//! The console's numbers are those of what was delivered; what a customer may use is what the program says; the parts
//! of the set-up are served.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_stripe_sim::{Options, Scope, Story, World as Stripe};

use crate::browser::Browser;
use crate::replay::sluice;
use crate::truth::body;
use crate::world::{World, eventually, intent, now_s, paid, shared, unique};

/// The sum of each line of a measure.
fn sums(series: &Value, measure: &str) -> BTreeMap<String, f64> {
    let measures = series["measures"].as_array().expect("measures").iter();
    let mut measures = measures.filter(|one| one["measure"] == measure);
    let lines = measures.next().expect("it is there")["lines"].as_array();
    let sum = |line: &Value| {
        let name = line["name"].as_str().expect("a name").to_owned();
        let values = line["values"].as_array().expect("values").iter();
        (name, values.filter_map(Value::as_f64).sum())
    };
    lines.expect("lines").iter().map(sum).collect()
}

fn counts<const N: usize>(counts: [(&str, f64); N]) -> BTreeMap<String, f64> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

#[test]
fn the_numbers_of_the_overview_are_those_of_what_was_delivered() {
    let world = World::own(|_| {});
    // Three that are applied, one of them delivered three times, one that is rejected, and two that are forged.
    let paid: Vec<_> = (0..3).map(|_| paid()).collect();
    for (_, _, body) in &paid {
        assert_eq!(world.deliver(body).words(), "accepted");
    }
    for _ in 0..2 {
        assert_eq!(world.deliver(&paid[0].2).words(), "duplicate");
    }
    let (event, object) = (unique("evt"), unique("pi"));
    let mut poison = intent(&event, &object, "succeeded", now_s(), "succeeded");
    poison["data"]["object"]["status"] = Value::Null;
    assert_eq!(world.deliver(&poison.to_string()).words(), "accepted");
    for _ in 0..2 {
        let forged = world.post(paid[1].2.as_bytes(), Some("t=1,v1=00"));
        assert_eq!(forged.status, 400);
    }
    for (_, object, _) in &paid {
        world.settled("payments", object);
    }
    eventually("a record", || world.rejections(&event).pop());

    let browser = Browser::open(&world, &[]);
    let data = |span: &str| {
        let text = browser.page(&format!("/numbers.json?span={span}"));
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    // A stack that starts is asked whether it is up, which is no delivery: ingest refuses that.
    let asked = world.logged("ingest", "request.not_post").len();
    let refused = 2.0 + f64::from(u32::try_from(asked).expect("a few"));
    let delivered = counts([("accepted", 4.0), ("duplicate", 2.0), ("refused", refused)]);
    // Lines appear a moment after they were written, and numbers are kept for some seconds.
    for span in ["hour", "day", "week"] {
        let series = eventually("every line", || {
            let series = data(span);
            let is_whole = sums(&series, "deliveries") == delivered
                && sums(&series, "applied") == counts([("payments", 3.0)])
                && sums(&series, "rejected") == counts([("payments", 1.0)]);
            is_whole.then_some(series)
        });
        assert_eq!(sums(&series, "failed"), BTreeMap::new(), "{series}");
        assert_eq!(series["source"], "log_lines");
        let names = |measure| sums(&series, measure).into_keys().collect::<Vec<_>>();
        assert_eq!(names("latency"), ["p50", "p99"]);
        assert_eq!(names("lag"), ["payments p50", "payments p99"]);
    }

    let totals = browser.page("/numbers?span=hour");
    let received = 6.0 + refused;
    let received = format!("Received</th><td></td><td class=\"number\">{received}</td>");
    assert!(totals.contains(&received), "{received}: {totals}");
    // Four events, however often they were delivered.
    let kind = "payment_intent.succeeded</a></th><td>payments</td><td class=\"number\">4</td>";
    assert!(totals.contains(kind), "{totals}");
    let table = browser.page("/numbers/deliveries?span=hour");
    assert!(table.contains(">duplicate</th>"), "{table}");
    assert_eq!(browser.status("/numbers/nothing?span=hour"), 400);

    let overview = browser.page("/?span=day");
    for part in [
        "data-series=\"/numbers.json?span=day\"",
        "data-measure=\"lag\"",
        "As a table",
    ] {
        assert!(overview.contains(part), "{part}");
    }
    assert!(
        !overview.contains("<script>") && !overview.contains(" style="),
        "{overview}"
    );

    let reconcile = browser.page("/reconcile");
    assert!(
        reconcile.contains("it has not run") && reconcile.contains("sluice reconcile"),
        "{reconcile}"
    );
    let curve: Value = serde_json::from_str(&browser.page("/reconcile.json")).expect("JSON");
    assert_eq!(curve["measures"][0]["lines"], serde_json::json!([]));

    for (part, word) in [
        ("secrets", "platform"),
        ("versions", "ingest"),
        ("limits", "messages of payments at work"),
        ("cost", "GetMetricData"),
        ("alarms", "alarms"),
    ] {
        let shown = browser.page(&format!("/setup/{part}"));
        assert!(shown.contains(word), "{part}: {shown}");
        assert!(!shown.contains("whsec_"), "no secret's value: {shown}");
    }
    assert_eq!(browser.status("/setup/nothing"), 404);
}

#[test]
fn the_page_of_a_customer_says_what_the_program_says() {
    let world = shared();
    let mut stripe = Stripe::new(23, Options::default());
    let keys = stripe.play(Story::RenewalRecovered, &Scope::platform(false));
    let id = |prefix: &str| {
        let mut found = keys.iter().filter(|key| key.id.starts_with(prefix));
        found.next().expect("one of them").id.clone()
    };
    let (customer, subscription) = (id("cus_"), id("sub_"));
    for event in stripe.events() {
        if event.object.id == subscription || event.object.id.ends_with(&customer) {
            world.deliver(&body(&stripe, event));
        }
    }
    eventually("an active subscription", || {
        let document = world.projection("subscriptions", &subscription)?["doc"].clone();
        (document["state"]["status"] == "active" && world.depth("subscriptions") == 0).then_some(())
    });
    let (said, _) = sluice(world, &["access", "show", &customer]);
    let said = said.first().expect("a mode");
    assert_eq!(said["mode"], "test");
    let browser = Browser::open(world, &[]);
    let page = browser.page(&format!("/customers/{customer}"));
    for (name, one) in said["uses"].as_object().expect("uses") {
        assert!(page.contains(name), "{name}: {page}");
        assert!(one.get("until").is_some());
        let because = said["because_of"][name].as_array().expect("reasons");
        assert!(!because.is_empty(), "{said}");
        let verdict = browser.page(&format!("/customers/{customer}?use={name}"));
        assert!(verdict.contains(">Yes</span>"), "{verdict}");
    }
    assert!(page.contains(&subscription), "{page}");
    let no = browser.page(&format!("/customers/{customer}?use=prod_of_another"));
    assert!(no.contains(">No</span>"), "{no}");
    let object = browser.page(&format!("/objects/{customer}"));
    assert!(
        object.contains(&format!("/customers/{customer}")),
        "{object}"
    );
    assert_eq!(browser.status("/customers/cus_unknown"), 404);
}
