//! Each change as each who may ask: without the cookie, read-only, from another site, and with `--write`.

use axum::body::{Body, to_bytes};
use axum::http::header::COOKIE;
use axum::http::{Method, StatusCode};

use crate::limits::PAGE_BYTES;
use crate::query::escaped;
use crate::routes::{ROUTES, Route};
use crate::testing::Tested;

/// What a page sends to this route, besides what confirms it. A new change belongs here: without it the test fails.
fn asked(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/replays" => &[("id", "evt_1")],
        "/actions/redrive" | "/actions/discard" => &[("domain", "payments"), ("cause", "00ff")],
        "/actions/rebuild" => &[("domain", "payments"), ("key", "platform#test#pi_1")],
        "/actions/rollback" => &[("function", "payments")],
        "/actions/reconcile" | "/events/{id}/body" => &[],
        "/runs/{kind}/{name}/stop" | "/runs/{kind}/{name}/resume" => &[("began", "1")],
        path => panic!("say here what a page sends to {path}"),
    }
}

const DIGEST: (&str, &str) = ("digest", "00112233445566778899aabb");
const RUN: (&str, &str) = ("run", "x-1");
const WHY: (&str, &str) = ("why", "a test");

fn changes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.method != Method::GET)
}

fn form(fields: &[&[(&str, &str)]]) -> String {
    let fields = fields.concat();
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The status and the page of a change, as this browser asks for it.
async fn answer(
    console: &Tested,
    route: &Route,
    body: String,
    has_cookie: bool,
    site: &str,
) -> (StatusCode, String) {
    let mut request = console
        .request(route.method.as_str(), route.example)
        .header("content-type", "application/x-www-form-urlencoded");
    let headers = request.headers_mut().expect("headers");
    headers.insert("sec-fetch-site", site.parse().expect("a value"));
    if !has_cookie {
        headers.remove(COOKIE);
    }
    let answer = console
        .answer(request.body(Body::from(body)).expect("a request"))
        .await;
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), PAGE_BYTES).await;
    let page = String::from_utf8(bytes.expect("a page").to_vec());
    (status, page.expect("text"))
}

#[tokio::test]
async fn each_change_is_made_by_who_may_write_and_by_no_one_else() {
    let (read_only, write) = (Tested::new(false), Tested::new(true));
    let mut tried = 0;
    for route in changes() {
        let path = route.path;
        let whole = form(&[asked(path), &[DIGEST, RUN, WHY]]);
        for (who, console, has_cookie, site) in [
            ("no cookie", &write, false, "same-origin"),
            ("read-only", &read_only, true, "same-origin"),
            ("cross-site", &write, true, "cross-site"),
            ("same-site", &write, true, "same-site"),
            ("typed address", &write, true, "none"),
        ] {
            let (status, page) = answer(console, route, whole.clone(), has_cookie, site).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} {who}");
            assert!(page.contains("role=\"alert\""), "{path} {who}: {page}");
        }
        // This stack has nothing and answers nothing: a request that may write comes as far as that.
        let (status, page) = answer(&write, route, whole, true, "same-origin").await;
        let is_asked = [StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY].contains(&status);
        let has_no_domain = status == StatusCode::BAD_REQUEST && page.contains("there ");
        assert!(is_asked || has_no_domain, "{path} {status}: {page}");
        tried += 1;
    }
    assert!(tried >= 8, "{tried}");
}

#[tokio::test]
async fn each_change_wants_the_digest_of_a_plan_and_a_reason_and_says_so() {
    let console = Tested::new(true);
    for route in changes() {
        let path = route.path;
        for (confirmation, word) in [
            (&[WHY][..], "digest is missing"),
            (&[("digest", ""), WHY], "digest is missing"),
            (&[("digest", "not a digest"), WHY], "no digest"),
            (&[DIGEST], "say why"),
            (&[DIGEST, ("why", " \t")], "say why"),
        ] {
            let body = form(&[asked(path), confirmation]);
            let (status, page) = answer(&console, route, body, true, "same-origin").await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {confirmation:?}");
            assert!(page.contains(word), "{path} {confirmation:?}: {page}");
            assert!(page.contains("nothing was done"), "{path}: {page}");
        }
        let long = "x".repeat(501);
        let body = form(&[asked(path), &[DIGEST, ("why", &long)]]);
        let (status, page) = answer(&console, route, body, true, "same-origin").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(page.contains("500"), "{path}: {page}");
    }
}
