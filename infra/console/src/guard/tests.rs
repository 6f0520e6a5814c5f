use axum::body::{Body, to_bytes};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, Request, Response, StatusCode};

use sluice_operations::stack::Stack;

use crate::limits::{PAGE_BYTES, REQUEST_BYTES};
use crate::routes::{ROUTES, Route};
use crate::testing::{PORT, Tested};

fn empty() -> Body {
    Body::empty()
}

async fn text(answer: Response<Body>) -> String {
    let bytes = to_bytes(answer.into_body(), PAGE_BYTES)
        .await
        .expect("a page");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn changes() -> Vec<&'static Route> {
    let changes = ROUTES.iter().filter(|route| route.method != Method::GET);
    let changes: Vec<_> = changes.collect();
    assert!(!changes.is_empty());
    changes
}

#[tokio::test]
async fn every_change_is_refused_to_a_read_only_console() {
    let console = Tested::new(false);
    for route in changes() {
        let request = console.request(route.method.as_str(), route.example);
        let answer = console
            .answer(request.body(empty()).expect("a request"))
            .await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{}", route.path);
        assert!(text(answer).await.contains("read-only"), "{}", route.path);
    }
}

#[tokio::test]
async fn every_change_needs_a_request_of_a_page_of_this_console() {
    let console = Tested::new(true);
    for route in changes() {
        for site in [
            None,
            Some("cross-site"),
            Some("same-site"),
            Some("none"),
            Some("Same-Origin"),
        ] {
            let mut request = console.request(route.method.as_str(), route.example);
            let headers = request.headers_mut().expect("headers");
            headers.remove("sec-fetch-site");
            if let Some(site) = site {
                headers.insert("sec-fetch-site", site.parse().expect("a value"));
            }
            let answer = console
                .answer(request.body(empty()).expect("a request"))
                .await;
            assert_eq!(
                answer.status(),
                StatusCode::FORBIDDEN,
                "{} {site:?}",
                route.path
            );
        }
    }
}

#[tokio::test]
async fn every_change_reaches_its_handler_only_with_all_that_it_needs() {
    let console = Tested::new(true);
    for route in changes() {
        let request = console.request(route.method.as_str(), route.example);
        let answer = console
            .answer(request.body(empty()).expect("a request"))
            .await;
        // An empty form is refused by the handler.
        let status = answer.status();
        assert!(
            status.is_client_error() && status != StatusCode::FORBIDDEN,
            "{} {status}",
            route.path
        );
    }
}

#[tokio::test]
async fn every_route_but_the_files_needs_the_cookie() {
    let console = Tested::new(true);
    for route in ROUTES
        .iter()
        .filter(|route| !route.path.starts_with("/assets/"))
    {
        for cookie in [None, Some("sluice_console_7=00"), Some("sluice_console_7=")] {
            let mut request = console.request(route.method.as_str(), route.example);
            let headers = request.headers_mut().expect("headers");
            headers.remove(COOKIE);
            if let Some(cookie) = cookie {
                headers.insert(COOKIE, cookie.parse().expect("a value"));
            }
            let answer = console
                .answer(request.body(empty()).expect("a request"))
                .await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{}", route.path);
            assert!(
                text(answer).await.contains("sluice console"),
                "{}",
                route.path
            );
        }
    }
}

#[tokio::test]
async fn every_route_answers_this_consoles_own_names_only() {
    let console = Tested::new(true);
    for route in ROUTES {
        for host in [
            "evil.example",
            "127.0.0.1",
            "127.0.0.1:8",
            "localhost:7.evil.example",
            "0.0.0.0:7",
            "[::1]:7",
            "",
        ] {
            let mut request = console.request(route.method.as_str(), route.example);
            let headers = request.headers_mut().expect("headers");
            headers.insert(HOST, host.parse().expect("a value"));
            let answer = console
                .answer(request.body(empty()).expect("a request"))
                .await;
            assert_eq!(
                answer.status(),
                StatusCode::FORBIDDEN,
                "{} {host}",
                route.path
            );
        }
        let two = console
            .request(route.method.as_str(), route.example)
            .header(HOST, "evil.example");
        let answer = console.answer(two.body(empty()).expect("a request")).await;
        assert_eq!(
            answer.status(),
            StatusCode::FORBIDDEN,
            "{} with two hosts",
            route.path
        );
        let target = format!("http://evil.example{}", route.example);
        let absolute = console.request(route.method.as_str(), &target);
        let answer = console
            .answer(absolute.body(empty()).expect("a request"))
            .await;
        assert_eq!(
            answer.status(),
            StatusCode::FORBIDDEN,
            "{} with another target",
            route.path
        );
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_a_browser_from_harm() {
    let console = Tested::new(false);
    for route in ROUTES {
        let mut answers = Vec::new();
        let request = console.request(route.method.as_str(), route.example);
        answers.push(
            console
                .answer(request.body(empty()).expect("a request"))
                .await,
        );
        let refused = Request::builder()
            .method(route.method.clone())
            .uri(route.example);
        answers.push(
            console
                .answer(refused.body(empty()).expect("a request"))
                .await,
        );
        for answer in answers {
            let of = |name: &str| {
                answer
                    .headers()
                    .get(name)
                    .map(|value| value.to_str().expect("text").to_owned())
            };
            let policy = of(CONTENT_SECURITY_POLICY.as_str()).expect("a policy");
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(part), "{policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(
                of(X_CONTENT_TYPE_OPTIONS.as_str()).as_deref(),
                Some("nosniff")
            );
            assert_eq!(of(REFERRER_POLICY.as_str()).as_deref(), Some("no-referrer"));
            assert_eq!(
                of("cross-origin-opener-policy").as_deref(),
                Some("same-origin")
            );
            assert_eq!(
                of("cross-origin-resource-policy").as_deref(),
                Some("same-origin")
            );
            assert_eq!(
                of(CACHE_CONTROL.as_str()).as_deref(),
                Some("no-store"),
                "{}",
                route.path
            );
        }
    }
}

fn enter(query: &str, path: &str) -> Request<Body> {
    let request = Request::builder()
        .uri(format!("{path}?{query}"))
        .header(HOST, format!("127.0.0.1:{PORT}"));
    request.body(empty()).expect("a request")
}

#[tokio::test]
async fn the_token_becomes_a_cookie_once_and_leaves_the_address() {
    let console = Tested::new(false);
    let token = console.app.session.token().expect("unused");
    let wrong = console.answer(enter("token=00", "/")).await;
    assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    assert!(wrong.headers().get(SET_COOKIE).is_none());
    let first = console
        .answer(enter(
            &format!("type=charge.*&token={token}"),
            "//evil.example/events",
        ))
        .await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        first.headers()[LOCATION],
        "/evil.example/events?type=charge.*"
    );
    let cookie = first.headers()[SET_COOKIE]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let second = console.answer(enter(&format!("token={token}"), "/")).await;
    assert_eq!(second.status(), StatusCode::FORBIDDEN);
    assert!(second.headers().get(SET_COOKIE).is_none());
    // The browser that was let in may open the address again.
    let mut again = enter(&format!("token={token}"), "/");
    let pair = cookie.split(';').next().expect("a pair");
    again
        .headers_mut()
        .insert(COOKIE, pair.parse().expect("a value"));
    assert_eq!(console.answer(again).await.headers()[LOCATION], "/");
}

#[tokio::test]
async fn a_token_in_a_change_lets_no_one_in() {
    let console = Tested::new(true);
    let token = console.app.session.token().expect("unused");
    let mut request = enter(&format!("token={token}"), "/replays");
    *request.method_mut() = Method::POST;
    assert_eq!(
        console.answer(request).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(console.app.session.token(), Some(token));
}

#[tokio::test]
async fn a_stack_that_does_not_answer_is_a_page_and_one_line_of_the_log() {
    let mut stack = Stack::for_tests();
    let outcomes = "outcomes".to_owned();
    stack.tables.insert(outcomes.clone(), outcomes);
    for (console, status, word, lines) in [
        (
            Tested::of(stack, false),
            StatusCode::BAD_GATEWAY,
            "run.unavailable",
            1,
        ),
        // What isn't there is no problem of the console's.
        (
            Tested::new(false),
            StatusCode::NOT_FOUND,
            "no table outcomes",
            0,
        ),
    ] {
        let request = console.request("GET", "/runs").body(empty());
        let answer = console.answer(request.expect("a request")).await;
        assert_eq!(answer.status(), status);
        let page = text(answer).await;
        assert!(page.contains(word) && page.contains("<nav"), "{page}");
        assert_eq!(console.lines.lock().expect("whole").len(), lines);
    }
}

#[tokio::test]
async fn a_refusal_of_a_part_is_a_part_and_markup_in_it_stays_text() {
    let console = Tested::new(false);
    let request = console
        .request("GET", "/events?state=%3Cscript%3E")
        .header("hx-request", "true");
    let answer = console
        .answer(request.body(empty()).expect("a request"))
        .await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let page = text(answer).await;
    assert!(
        !page.contains("<nav") && !page.contains("<script"),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;"), "{page}");
}

#[tokio::test]
async fn what_is_no_page_is_said_and_a_body_has_a_limit() {
    let console = Tested::new(true);
    let answer = console
        .answer(
            console
                .request("GET", "/nothing")
                .body(empty())
                .expect("a request"),
        )
        .await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let long = Body::from(format!("why={}", "x".repeat(REQUEST_BYTES)));
    let request = console
        .request("POST", "/replays")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = console.answer(request.body(long).expect("a request")).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text(answer).await.contains("<nav"), "a page");
    let deleted = console.request("DELETE", "/runs").body(empty());
    let answer = console.answer(deleted.expect("a request")).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_console_listens_on_loopback_only() {
    let options = crate::Options {
        port: 0,
        write: false,
        log: std::sync::Arc::new(|_| {}),
    };
    let stack = Stack::for_tests();
    let console = crate::Console::bind(stack, options).expect("a port");
    assert!(
        console.address().starts_with("http://127.0.0.1:"),
        "{}",
        console.address()
    );
    assert!(console.is_on_loopback());
}
