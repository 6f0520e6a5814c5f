//! The API over a socket, and its controls.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use sluice_stripe_sim::Story;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::{Refusal, Server};

use crate::played;

/// Status line, headers in lower case, body.
fn ask(server: &Server, method: &str, target: &str) -> (String, String, Value) {
    ask_with(server, method, target, "")
}

fn ask_with(server: &Server, method: &str, target: &str, headers: &str) -> (String, String, Value) {
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).expect("the server listens");
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer sk_live_Sluice\r\n\
         {headers}connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let (status, headers) = head.split_once("\r\n").expect("a status line");
    let body = serde_json::from_str(body).expect("JSON");
    (status.to_owned(), headers.to_lowercase(), body)
}

fn start() -> Server {
    Server::start(played(Story::RefundFailsLater), Terms::default(), 0).expect("a free port")
}

#[test]
fn the_server_answers_with_the_simulated_date_and_the_version() {
    let server = start();
    server.set_now(Some(1_767_603_600));
    let (status, headers, body) = ask(&server, "GET", "/v1/events");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(body["object"], "list");
    assert!(
        headers.contains("date: mon, 05 jan 2026 09:00:00 gmt"),
        "{headers}"
    );
    assert_eq!(headers.matches("date:").count(), 1);
    assert!(headers.contains("stripe-version: 2025-09-30.clover"));
    assert!(headers.contains("request-id: req_"));
}

#[test]
fn the_server_answers_as_of_its_second() {
    let server = start();
    let (charge, first, last) = {
        let world = server.world();
        let key = world.objects().find(|key| key.id.starts_with("ch_"));
        let key = key.expect("a charge").clone();
        let histories = world.histories();
        (key.id.clone(), histories[&key][0].created, world.end())
    };
    let target = format!("/v1/charges/{charge}");
    server.set_now(Some(first - 1));
    assert_eq!(ask(&server, "GET", &target).0, "HTTP/1.1 404 Not Found");
    server.set_now(Some(first + 86_500));
    assert_eq!(ask(&server, "GET", &target).2["refunded"], true);
    server.set_now(Some(last));
    assert_eq!(ask(&server, "GET", &target).2["refunded"], false);
}

#[test]
fn an_account_is_refused_until_that_is_taken_back_by_whichever_header_names_it() {
    let mut world = played(Story::PayoutPaid);
    let account = world.connect(true).account.expect("connected");
    let server = Server::start(world, Terms::default(), 0).expect("a free port");
    server.refuse_account(&account, Some(Refusal::no_permission()));
    let asked = |header: &str| {
        let line = format!("{header}: {account}\r\nstripe-version: 2025-11-17.clover\r\n");
        ask_with(&server, "GET", "/v2/core/events", &line).0
    };
    for header in ["stripe-account", "stripe-context"] {
        assert_eq!(asked(header), "HTTP/1.1 403 Forbidden");
    }
    assert_eq!(ask(&server, "GET", "/v1/events").0, "HTTP/1.1 200 OK");
    server.refuse_account(&account, None);
    assert_eq!(asked("stripe-context"), "HTTP/1.1 200 OK");
    let named = server
        .take_asked()
        .into_iter()
        .filter(|asked| asked.account.is_some());
    assert_eq!(named.count(), 3);
}

#[test]
fn time_passes_from_the_second_that_it_is_set_to() {
    let server = start();
    server.run_from(1_767_603_600);
    let date = || {
        let (_, headers, _) = ask(&server, "GET", "/v1/events");
        let mut lines = headers.lines();
        let date = lines.find_map(|line| line.strip_prefix("date: ").map(str::to_owned));
        date.expect("a date")
    };
    let first = date();
    assert!(first.starts_with("mon, 05 jan 2026 09:0"), "{first}");
    while date() == first {}
    assert!(date() > first);
    server.set_now(Some(1_767_603_600));
    assert_eq!(date(), "mon, 05 jan 2026 09:00:00 gmt");
}

#[test]
fn a_refusal_is_given_as_often_as_it_was_asked_for() {
    let server = start();
    server.refuse_next(2, &Refusal::rate_limited(3, "endpoint-rate"));
    server.refuse_next(1, &Refusal::broken(503));
    for _ in 0..2 {
        let (status, headers, body) = ask(&server, "GET", "/v1/events");
        assert_eq!(status, "HTTP/1.1 429 Too Many Requests");
        assert!(headers.contains("retry-after: 3"));
        assert!(headers.contains("stripe-rate-limited-reason: endpoint-rate"));
        assert_eq!(body["error"]["code"], "rate_limit");
    }
    assert!(ask(&server, "GET", "/v1/events").0.contains("503"));
    assert!(ask(&server, "GET", "/v1/events").0.contains("200"));
    let statuses: Vec<_> = server
        .take_asked()
        .iter()
        .map(|asked| asked.status)
        .collect();
    assert_eq!(statuses, [429, 429, 503, 200]);
}

#[test]
fn the_knobs_can_be_turned_over_http() {
    let server = start();
    ask(
        &server,
        "POST",
        "/_sim/refuse?times=1&retry_after=9&reason=global-rate",
    );
    let (status, headers, _) = ask(&server, "GET", "/v1/events");
    assert!(status.contains("429") && headers.contains("retry-after: 9"));
    ask(&server, "POST", "/_sim/now?second=1767603600");
    let (_, headers, _) = ask(&server, "GET", "/v1/events");
    assert!(headers.contains("date: mon, 05 jan 2026 09:00:00 gmt"));
    assert!(ask(&server, "POST", "/v1/charges").0.contains("404"));
}

#[test]
fn more_can_be_played_while_it_serves() {
    let server = start();
    let before = server.world().events().len();
    let scope = sluice_stripe_sim::Scope::platform(true);
    server.world_mut().play(Story::PayoutPaid, &scope);
    assert!(server.world().events().len() > before);
    let (_, _, body) = ask(&server, "GET", "/v1/events?type=payout.paid");
    assert_eq!(body["data"].as_array().map(Vec::len), Some(1));
}
