//! What is sent, and how the client handles a server that misbehaves.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use sluice_kernel::consumer::fetch::{Fetched, Proof};
use sluice_kernel::fault::Class;

use crate::stub::{Reply, Stub};
use crate::{LIVE, TEST, client, client_with, code, fetch, keys, of};

fn charge() -> Reply {
    Reply::Answer(
        200,
        vec![],
        r#"{"id":"ch_1","object":"charge","livemode":true}"#.to_owned(),
    )
}

fn missing() -> Reply {
    Reply::Answer(
        404,
        vec![],
        r#"{"error":{"code":"resource_missing","type":"invalid_request_error"}}"#.to_owned(),
    )
}

#[test]
fn the_key_the_version_and_the_account_are_sent_and_the_connection_is_kept() {
    let stub = Stub::replying([charge(), charge()]);
    let client = client(&stub.url);
    let mut request = of("charge", "ch_1");
    request.api_version = Some("2024-06-20".to_owned());
    request.scope.account = Some("acct_1".to_owned());
    let found = fetch(&client, &request).expect("found");
    let Fetched::Found {
        api_version,
        date_s,
        ..
    } = found
    else {
        panic!("{found:?}")
    };
    // The answer doesn't name a version, so it is the requested one.
    assert_eq!(api_version.as_deref(), Some("2024-06-20"));
    assert_eq!(date_s, 1_767_603_600);

    fetch(&client, &of("charge", "ch_1")).expect("found");
    let [first, second] = &stub.asked()[..] else {
        panic!("two requests")
    };
    let target = "get /v1/charges/ch_1?expand%5b%5d=refunds http/1.1";
    assert!(first.has(target), "{}", first.head);
    assert!(first.has(&format!("authorization: bearer {}", LIVE.to_lowercase())));
    assert!(first.has("stripe-version: 2024-06-20"));
    assert!(first.has("stripe-account: acct_1"));
    assert!(first.head.contains("user-agent: sluice/"));
    assert!(!second.head.contains("stripe-version") && !second.head.contains("stripe-account"));
    assert_eq!(first.connection, second.connection);
}

#[test]
fn a_key_that_may_not_read_what_lies_beside_an_object_is_shown_the_object_alone() {
    let refused = r#"{"error":{"type":"invalid_request_error"}}"#.to_owned();
    let stub = Stub::replying([Reply::Answer(403, vec![], refused.clone()), charge()]);
    let found = fetch(&client(&stub.url), &of("charge", "ch_1")).expect("found");
    assert!(
        matches!(found, Fetched::Found { whole: None, .. }),
        "{found:?}"
    );
    let [expanded, plain] = &stub.asked()[..] else {
        panic!("two requests")
    };
    assert!(expanded.has("get /v1/charges/ch_1?expand%5b%5d=refunds http/1.1"));
    assert!(plain.has("get /v1/charges/ch_1 http/1.1"));
    // A key that may not read the object either is refused, and no third request is made.
    let answers = [(); 2].map(|()| Reply::Answer(403, vec![], refused.clone()));
    let stub = Stub::replying(answers);
    let refusal = code(fetch(&client(&stub.url), &of("charge", "ch_1")));
    assert_eq!(refusal, (Class::Retry, "stripe.key_refused"));
    assert_eq!(stub.asked().len(), 2);
}

#[test]
fn a_thin_event_is_asked_for_by_its_url_in_its_context_and_proven_where_thin_events_are() {
    let event = r#"{"id":"evt_9","object":"v2.core.event","livemode":true}"#.to_owned();
    let stub = Stub::replying([missing(), Reply::Answer(200, vec![], event)]);
    let mut request = of("customer", "cus_1");
    request.scope.account = Some("acct_1".to_owned());
    request.context = Some("org_1/acct_1".to_owned());
    request.url = Some("/v1/customers/cus_1?a=b".to_owned());
    request.proof = Some(Proof::Thin("evt_9".to_owned()));
    let fetched = fetch(&client(&stub.url), &request).expect("proven");
    assert!(
        matches!(fetched, Fetched::Deleted { object: None, .. }),
        "{fetched:?}"
    );
    let [object, event] = &stub.asked()[..] else {
        panic!("two requests")
    };
    assert!(object.has("get /v1/customers/cus_1?a=b http/1.1"));
    assert!(event.has("get /v2/core/events/evt_9 http/1.1"));
    assert!(event.head.contains("stripe-version: 20"));
    for asked in [object, event] {
        assert!(asked.has("stripe-context: org_1/acct_1"));
        assert!(!asked.head.contains("stripe-account"));
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let stub = Stub::replying([Reply::Silence]);
    let client = client_with(&stub.url, keys(Some(LIVE), None), |settings| {
        settings.total_timeout = Duration::from_millis(200);
    });
    let started = Instant::now();
    let result = code(fetch(&client, &of("charge", "ch_1")));
    assert_eq!(result, (Class::Retry, "stripe.unavailable"));
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn an_answer_that_stops_in_the_middle_is_given_up_in_time() {
    let half = "HTTP/1.1 200 \r\ncontent-length: 100\r\n\r\n{".to_owned();
    let stub = Stub::replying([Reply::Bytes(half.clone()), Reply::Bytes(half)]);
    let result = code(fetch(&client(&stub.url), &of("charge", "ch_1")));
    assert_eq!(result, (Class::Retry, "stripe.unavailable"));
}

#[test]
fn a_connection_that_is_dead_when_it_is_used_costs_one_more_sending_and_no_more() {
    let stub = Stub::replying([
        charge(),
        Reply::HangUp,
        charge(),
        Reply::HangUp,
        Reply::HangUp,
    ]);
    let client = client(&stub.url);
    for _ in 0..2 {
        fetch(&client, &of("charge", "ch_1")).expect("found");
    }
    assert_eq!(stub.asked().len(), 3);
    let result = code(fetch(&client, &of("charge", "ch_1")));
    assert_eq!(result, (Class::Retry, "stripe.unavailable"));
    assert_eq!(stub.asked().len(), 5);
}

#[test]
fn where_nobody_listens_the_fault_says_so() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let fault = fetch(&client(&url), &of("charge", "ch_1")).expect_err("no server listens");
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (Class::Retry, "stripe.unavailable")
    );
    assert!(fault.cause.starts_with("no connection: "), "{fault}");
}

#[test]
fn a_server_that_speaks_no_tls_but_should_is_sent_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut bytes = vec![0; 16_384];
        let read = stream.read(&mut bytes).expect("a greeting");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        bytes.truncate(read);
        bytes
    });
    let fault = fetch(&client(&url), &of("charge", "ch_1")).expect_err("no TLS");
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (Class::Retry, "stripe.unavailable")
    );
    let received = server.join().expect("the server ends");
    // The greeting of TLS, and not a request.
    assert_eq!(received.first(), Some(&0x16));
    let received = String::from_utf8_lossy(&received).into_owned();
    assert!(
        !received.contains(LIVE) && !received.contains("charges"),
        "{received}"
    );
}

#[test]
fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    let large = format!(
        r#"{{"id":"ch_1","livemode":true,"x":"{}"}}"#,
        "x".repeat(2_000)
    );
    let limit = |bytes| {
        let stub = Stub::replying([Reply::Answer(200, vec![], large.clone())]);
        let client = client_with(&stub.url, keys(Some(LIVE), None), |settings| {
            settings.answer_bytes_max = bytes;
        });
        fetch(&client, &of("charge", "ch_1"))
    };
    assert!(limit(large.len()).is_ok());
    assert_eq!(
        code(limit(large.len() - 1)),
        (Class::Reject, "stripe.answer_too_large")
    );
}

#[test]
fn an_answer_that_cannot_be_read_is_asked_for_again_later() {
    let no_date = "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n{}".to_owned();
    for reply in [
        Reply::Answer(200, vec![], "<html>".to_owned()),
        Reply::Answer(200, vec![], "[]".to_owned()),
        Reply::Bytes(no_date),
    ] {
        let stub = Stub::replying([reply]);
        let result = code(fetch(&client(&stub.url), &of("charge", "ch_1")));
        assert_eq!(result, (Class::Retry, "stripe.answer_unreadable"));
    }
}

#[test]
fn an_object_of_the_other_mode_is_never_taken() {
    let object = r#"{"id":"ch_1","livemode":false,"deleted":true}"#.to_owned();
    let stub = Stub::replying([Reply::Answer(200, vec![], object)]);
    let result = code(fetch(&client(&stub.url), &of("charge", "ch_1")));
    assert_eq!(result, (Class::Retry, "stripe.key_wrong_mode"));
}

#[test]
fn a_404_without_stripes_code_is_no_deletion() {
    for body in [
        "{}",
        "",
        "<html>",
        r#"{"error":{"type":"invalid_request_error"}}"#,
        r#"{"error":{"code":"account_invalid"}}"#,
    ] {
        let stub = Stub::replying([Reply::Answer(404, vec![], body.to_owned())]);
        let mut request = of("charge", "ch_1");
        request.proof = Some(Proof::Snapshot("evt_1".to_owned()));
        let result = code(fetch(&client(&stub.url), &request));
        assert_eq!(result, (Class::Reject, "stripe.request_refused"), "{body}");
    }
}

#[test]
fn a_proof_that_shows_another_event_or_mode_proves_nothing() {
    for (event, livemode) in [("evt_2", true), ("evt_1", false)] {
        let body = format!(r#"{{"id":"{event}","livemode":{livemode}}}"#);
        let stub = Stub::replying([missing(), Reply::Answer(200, vec![], body)]);
        let mut request = of("charge", "ch_1");
        request.proof = Some(Proof::Snapshot("evt_1".to_owned()));
        let result = code(fetch(&client(&stub.url), &request));
        assert_eq!(result, (Class::Retry, "stripe.deletion_unproven"));
    }
}

#[test]
fn a_restricted_key_without_events_proves_no_deletion_and_a_busy_stripe_is_asked_again() {
    for (status, code_expected) in [
        (403, "stripe.deletion_unproven"),
        (401, "stripe.key_refused"),
        (503, "stripe.unavailable"),
        (429, "stripe.rate_limited"),
    ] {
        let stub = Stub::replying([missing(), Reply::Answer(status, vec![], "{}".to_owned())]);
        let mut request = of("charge", "ch_1");
        request.proof = Some(Proof::Snapshot("evt_1".to_owned()));
        let result = code(fetch(&client(&stub.url), &request));
        assert_eq!(result, (Class::Retry, code_expected));
    }
}

#[test]
fn no_fault_and_no_debug_text_shows_a_key_or_stripes_message() {
    let body = format!(
        r#"{{"error":{{"code":"bad {LIVE}","type":"invalid_request_error","param":"id","message":"Invalid key {LIVE}"}}}}"#
    );
    let headers = vec![("request-id", "req_1")];
    let stub = Stub::replying([Reply::Answer(401, headers, body)]);
    let client = client(&stub.url);
    let fault = fetch(&client, &of("charge", "ch_1")).expect_err("refused");
    assert_eq!(
        fault.to_string(),
        "stripe.key_refused: Stripe answered 401, type invalid_request_error, param id, request-id req_1"
    );
    let shown = format!("{client:?} {:?}", keys(Some(LIVE), Some(TEST)));
    assert!(!shown.contains(LIVE) && !shown.contains(TEST), "{shown}");
}

#[test]
fn what_a_header_cannot_carry_is_rejected_unsent() {
    let stub = Stub::replying([]);
    let mut request = of("charge", "ch_1");
    request.scope.account = Some("acct_1\r\nx: y".to_owned());
    let result = code(fetch(&client(&stub.url), &request));
    assert_eq!(result, (Class::Reject, "stripe.bad_reference"));
    assert!(stub.asked().is_empty());
}
