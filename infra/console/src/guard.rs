//! Who may ask for what. Every request passes here before a handler sees it.
//!
//! 1. `Host` is this console's own. A page of another name that was pointed at 127.0.0.1 (DNS rebinding) ends here.
//! 2. The files of `assets` are anyone's: they hold no secret, and the page of a refusal uses them.
//! 3. The token of the printed address becomes a cookie, once; the address without it is asked for then.
//! 4. Anything else needs that cookie.
//! 5. What isn't read needs `Sec-Fetch-Site: same-origin`, which a browser sets and no page can, and
//!    [`Options::write`](crate::Options::write).
//!
//! Every answer has the headers of [`HEADERS`], the refusals too.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::{App, Shared};
use crate::refusal::{Refusal, Worded, render};

/// No inline script or style, nothing of another place, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The headers of each answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "clipboard-write=(self)",
    ),
];

/// What becomes of a request.
enum Verdict {
    /// A handler answers it.
    Pass,
    /// The token was right: the browser gets its cookie, and asks again for this.
    Enter(String),
    /// Refused with this.
    Refuse(Refusal),
}

/// Lets a request through to its handler, or refuses it. What a handler refuses becomes a page here, and a line of the
/// log.
pub(crate) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let is_part = request.headers().contains_key("hx-request");
    let mut answer = match judge(&app, &request) {
        Verdict::Pass => next.run(request).await,
        Verdict::Enter(to) => {
            let headers = [
                (header::LOCATION, to),
                (header::SET_COOKIE, app.session.cookie()),
            ];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Verdict::Refuse(refusal) => refusal.into_response(),
    };
    let status = answer.status();
    let refusal = answer.extensions_mut().remove::<Refusal>();
    // What the router or a form's reader refuses has no words of its own.
    let is_worded = answer.extensions_mut().remove::<Worded>().is_some();
    let refusal = refusal.or_else(|| {
        (status.is_client_error() && !is_worded).then(|| Refusal::not_understood(status))
    });
    if let Some(refusal) = refusal {
        if let Some(line) = refusal.line() {
            (app.log)(&line);
        }
        let body = render(&app, &refusal, is_part);
        answer = (status, body).into_response();
    }
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}

fn judge(app: &App, request: &Request) -> Verdict {
    let (headers, uri) = (request.headers(), request.uri());
    if !is_own_host(app, headers, uri) {
        return Verdict::Refuse(Refusal::forbidden(
            "This is not the console's own address",
            "Open the address that the console printed: it begins with http://127.0.0.1.",
        ));
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_read && uri.path().starts_with("/assets/") {
        return Verdict::Pass;
    }
    let has_entered = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|cookies| app.session.has_entered(cookies));
    if let Some((token, rest)) = token_of(uri)
        && is_read
        && (has_entered || app.session.enter(&token))
    {
        return Verdict::Enter(rest);
    }
    if !has_entered {
        return Verdict::Refuse(Refusal::forbidden(
            "This browser has not been let in",
            "The address that the console printed works once, in one browser. If you opened it a moment ago, reload \
             this page. Otherwise start another console (make run, or sluice console) and open the address that it prints.",
        ));
    }
    if is_read {
        return Verdict::Pass;
    }
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site != Some(b"same-origin") {
        return Verdict::Refuse(Refusal::forbidden(
            "A change has to come from a page of the console",
            "The request came from another site, or from a browser that doesn't say where from. Nothing was done.",
        ));
    }
    match app.about.write {
        true => Verdict::Pass,
        false => Verdict::Refuse(Refusal::forbidden(
            "This console is read-only",
            "Nothing was done. `sluice console --write` starts one that may change things.",
        )),
    }
}

/// Whether the request names this console, in its one `Host` header and in its target, if that has a name too.
fn is_own_host(app: &App, headers: &HeaderMap, uri: &Uri) -> bool {
    let is_own = |name: &str| app.about.hosts.iter().any(|host| host == name);
    let mut hosts = headers.get_all(header::HOST).iter();
    let is_host_own = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_own),
        _ => false,
    };
    is_host_own && uri.authority().is_none_or(|name| is_own(name.as_str()))
}

/// The token of an address, and the address without it.
fn token_of(uri: &Uri) -> Option<(String, String)> {
    let pairs = uri.query()?.split('&');
    let (tokens, rest): (Vec<_>, Vec<_>) = pairs.partition(|pair| pair.starts_with("token="));
    let token = tokens.first()?.strip_prefix("token=")?.to_owned();
    // From the path's own segments: what begins with two slashes would be another host.
    let path: Vec<_> = uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let mut to = format!("/{}", path.join("/"));
    if !rest.is_empty() {
        to = format!("{to}?{}", rest.join("&"));
    }
    HeaderValue::from_str(&to).ok()?;
    Some((token, to))
}

#[cfg(test)]
mod changes;
#[cfg(test)]
mod tests;
