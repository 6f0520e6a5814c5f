//! The console, as a browser sees it: the program serves a stack on loopback, and each page is asked for over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::replay::program;
use crate::world::{World, eventually, intent, now_s, paid, unique};

/// The most bytes of a page.
const PAGE_BYTES: usize = 100 * 1024;

/// A console, and the browser that was let in.
pub(crate) struct Browser {
    console: Child,
    host: String,
    cookie: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.console.kill();
        let _ = self.console.wait();
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(one, value)| one.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// One request, whose connection ends with it.
fn ask(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut connection = TcpStream::connect(host).expect("it listens");
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    connection
        .write_all(request.as_bytes())
        .expect("it is sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

impl Browser {
    /// Starts the program, and opens the address that it prints.
    pub(crate) fn open(world: &World, options: &[&str]) -> Self {
        let call = [&["console", "--no-open", "--port", "0", "--json"], options].concat();
        let mut call = program(world, &call);
        let mut console = call.stdout(Stdio::piped()).spawn().expect("it runs");
        let mut line = String::new();
        let mut lines = BufReader::new(console.stdout.take().expect("its output"));
        lines.read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        let address = said["address"].as_str().expect("an address");
        let (host, path) = address
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .expect("a host and a path");
        assert!(host.starts_with("127.0.0.1:"), "{host}");
        let entered = ask(host, "GET", &format!("/{path}"), &[], "");
        assert_eq!(
            (entered.status, entered.header("location")),
            (303, Some("/"))
        );
        let cookie = entered.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        Self {
            host: host.to_owned(),
            cookie,
            console,
        }
    }

    pub(crate) fn answer(&self, path: &str) -> Answer {
        ask(&self.host, "GET", path, &[("Cookie", &self.cookie)], "")
    }

    /// The status of the answer.
    pub(crate) fn status(&self, path: &str) -> u16 {
        self.answer(path).status
    }

    /// A page, whose weight is printed and has a limit.
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.answer(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        println!("{path}: {} bytes", answer.body.len());
        assert!(answer.body.len() < PAGE_BYTES, "{path}");
        assert_eq!(space_within(&answer.body), None, "{path}");
        answer.body
    }

    /// Opens a page's stream: the event and the data of each message, until the console ends it.
    pub(crate) fn live(&self, path: &str) -> impl Iterator<Item = (String, String)> {
        let mut connection = TcpStream::connect(&self.host).expect("it listens");
        let Self { host, cookie, .. } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        connection
            .write_all(request.as_bytes())
            .expect("it is sent");
        let mut lines = BufReader::new(connection)
            .lines()
            .map(|line| line.expect("text"));
        assert!(
            lines
                .next()
                .is_some_and(|line| line.starts_with("HTTP/1.1 200"))
        );
        let mut event = String::new();
        lines.filter_map(move |line| {
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event);
            }
            let data = line.strip_prefix("data: ")?;
            Some((event.clone(), data.to_owned()))
        })
    }

    /// Sends a form, as a page of this site does.
    pub(crate) fn send(&self, path: &str, fields: &[(&str, &str)], site: &str) -> Answer {
        let plain = |text: &str| text.replace(' ', "+");
        let fields = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(value)));
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Sec-Fetch-Site", site),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let body = fields.collect::<Vec<_>>().join("&");
        ask(&self.host, "POST", path, &headers, &body)
    }
}

/// What is around two spaces in the text of a page, outside of what is laid out: a sentence that lost a line's end.
fn space_within(page: &str) -> Option<&str> {
    let parts = page.split("</pre>");
    let mut parts = parts.map(|part| part.split("<pre").next().unwrap_or_default());
    parts.find_map(|part| {
        let at = part.find("  ")?;
        let begin = part[..at].rfind('>').unwrap_or_default();
        part[begin..].split('<').next()
    })
}

#[test]
fn two_spaces_in_a_sentence_are_found_and_those_of_a_body_are_none() {
    assert_eq!(space_within("<p>a b</p><pre>{  }</pre><p>c</p>"), None);
    assert_eq!(space_within("<pre>a</pre><p>b  c</p>"), Some(">b  c"));
}

/// The text between two others, of the first place that has both.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    found
        .unwrap_or_else(|| panic!("no {before:?} … {after:?} in {text}"))
        .0
}

#[test]
fn a_rejected_event_is_found_in_the_browser_its_reason_is_read_and_it_is_replayed() {
    let world = World::own(|_| {});
    let (event, object) = (unique("evt"), unique("pi"));
    let mut poison = intent(&event, &object, "succeeded", now_s(), "succeeded");
    let broken = &mut poison["data"]["object"];
    broken["status"] = Value::Null;
    broken["amount"] = (2_u64.pow(53) + 1).into();
    broken["receipt_email"] = "ann@example.com".into();
    broken["statement"] = "</code><script>alert(1)</script>".into();
    world.deliver(&poison.to_string());
    let (good, good_object, body) = paid();
    world.deliver(&body);
    world.settled("payments", &good_object);
    eventually("a record", || world.rejections(&event).pop());
    let browser = Browser::open(&world, &["--write"]);

    let overview = browser.page("/");
    assert!(
        overview.contains("/failures?outcome=rejected"),
        "{overview}"
    );
    let causes = browser.page("/failures?outcome=rejected");
    assert!(causes.contains("object.field_missing"), "{causes}");
    let cause = between(&causes, "<a href=\"/failures/cause?", "\"").replace("&amp;", "&");
    let cause = browser.page(&format!("/failures/cause?{cause}"));
    assert!(cause.contains(&format!("/events/{event}")), "{cause}");
    let page = browser.page(&format!("/events/{event}"));
    for word in [
        "no text at status",
        "infra/runbooks/object.field_missing.md",
        ": 9007199254740993,",
        "masked",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    assert!(
        !page.contains("ann@example.com") && !page.contains("<script>"),
        "{page}"
    );

    for path in [
        "/numbers?span=hour",
        "/events",
        "/events?type=payment_intent.*&state=published&outcome=rejected&domain=payments&mode=test&since=1h",
        &format!("/events/{event}/timeline"),
        &format!("/objects/{good_object}"),
        "/dead-letters",
        "/dead-letters/payments",
        "/setup",
        "/setup/findings",
    ] {
        browser.page(path);
    }
    let found = browser.answer(&format!("/find?id={good}"));
    assert_eq!(
        found.header("location"),
        Some(format!("/events/{good}").as_str())
    );
    assert_eq!(browser.answer("/events/evt_unknown").status, 404);

    let plan = browser.page(&format!("/events/{event}/replay"));
    assert!(
        plan.contains("rejected") && plan.contains("object.field_missing"),
        "{plan}"
    );
    let digest = between(&plan, "name=\"digest\" value=\"", "\"");
    let why = ("why", "the domain was fixed");
    let (of, right) = (("event", event.as_str()), ("digest", digest));
    assert_eq!(
        browser
            .send("/replays", &[of, right, why], "cross-site")
            .status,
        403
    );
    assert_eq!(
        browser
            .send("/replays", &[of, right, ("why", " ")], "same-origin")
            .status,
        400
    );
    let other = browser.send("/replays", &[of, ("digest", "00"), why], "same-origin");
    assert_eq!(other.status, 409);
    assert!(other.body.contains("selection.changed"), "{}", other.body);
    assert!(
        browser.page("/runs").contains("No run is on record"),
        "nothing was done"
    );

    let begun = browser.send("/replays", &[of, right, why], "same-origin");
    assert_eq!(begun.status, 303, "{}", begun.body);
    let runs = begun
        .header("location")
        .expect("where it is shown")
        .to_owned();
    let name = between(&runs, "/runs/replay/", "?");
    let page = browser.page(&runs);
    for word in [name, "the domain was fixed", "an operator", digest] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let list = browser.page(&format!("/runs?run={name}&kind=replay"));
    assert!(list.contains("aria-current=\"true\""), "{list}");
    // It is rejected once more, which stops the run.
    eventually("the run's end", || {
        let page = browser.page(&runs);
        page.contains("stopped").then_some(())
    });
    let story = browser.page(&format!("/events/{event}/timeline"));
    assert!(
        story.contains("replayed") && story.contains("by an operator: the domain was fixed"),
        "{story}"
    );

    let reader = Browser::open(&world, &[]);
    let plan = reader.page(&format!("/events/{event}/replay"));
    assert!(
        !plan.contains("<form class=\"confirm\"") && plan.contains("read-only"),
        "{plan}"
    );
    assert_eq!(
        reader
            .send("/replays", &[of, right, why], "same-origin")
            .status,
        403
    );
}
