//! The API on a loopback port, with controls to make it fail.
//!
//! It runs on a thread of its own, so tests may be synchronous or not, and it ends when it is dropped. Time is the
//! world's: `Date` and every answer are as of [`Server::set_now`], or the end of the world. With [`Server::run_from`]
//! time passes.
//!
//! Programs in other languages can use two of the controls over HTTP:
//! `POST /_sim/refuse?times=3&status=429&retry_after=2&reason=global-rate` and `POST /_sim/now?second=1767603600`.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::api::{self, Answer, Error, Terms};
use crate::world::World;

/// An answer that replaces the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 429, 500, 503, …
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after_s: Option<u32>,
    /// `Stripe-Rate-Limited-Reason`: `global-rate`, `global-concurrency`, `endpoint-rate`, `endpoint-concurrency`,
    /// `resource-specific`.
    pub reason: Option<String>,
}

impl Refusal {
    /// A 429.
    #[must_use]
    pub fn rate_limited(retry_after_s: u32, reason: &str) -> Self {
        Self {
            status: 429,
            retry_after_s: Some(retry_after_s),
            reason: Some(reason.to_owned()),
        }
    }

    /// A 403 without a code: the key lacks a permission.
    #[must_use]
    pub fn no_permission() -> Self {
        Self::broken(403)
    }

    /// Stripe's own fault.
    #[must_use]
    pub fn broken(status: u16) -> Self {
        Self {
            status,
            retry_after_s: None,
            reason: None,
        }
    }
}

/// A request that was made, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `/v1/charges/ch_…?expand[]=…`
    pub target: String,
    /// `Stripe-Account` or `Stripe-Context`, as sent.
    pub account: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// The second (Unix) that answers are as of.
#[derive(Debug, Default, Clone, Copy)]
enum Now {
    /// The end of the world.
    #[default]
    End,
    /// This second.
    At(i64),
    /// This second at that moment; time passes from then on.
    From(i64, Instant),
}

#[derive(Debug, Default)]
struct Knobs {
    now: Now,
    refusals: VecDeque<Refusal>,
    /// By the account that the request acts for.
    refused: BTreeMap<String, Refusal>,
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Shared {
    world: RwLock<World>,
    terms: Terms,
    knobs: Mutex<Knobs>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves a world on 127.0.0.1; port 0 takes a free one.
    ///
    /// # Errors
    /// If the port can't be opened.
    pub fn start(world: World, terms: Terms, port: u16) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            world: RwLock::new(world),
            terms,
            knobs: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let app = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                // Taking over a listener that is bound and non-blocking can't fail.
                let Ok(listener) = TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    _ = axum::serve(listener, app) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:port`: a client uses it instead of `https://api.stripe.com`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world, for reading.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        read(&self.shared)
    }

    /// The world, to play more. Requests wait until it is released.
    pub fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        let world = self.shared.world.write();
        world.unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers as of this second (Unix) from now on; with `None`, as of the end of the world.
    pub fn set_now(&self, second: Option<i64>) {
        knobs(&self.shared).now = second.map_or(Now::End, Now::At);
    }

    /// Answers as of this second (Unix) now, and as of later ones as time passes.
    pub fn run_from(&self, second: i64) {
        knobs(&self.shared).now = Now::From(second, Instant::now());
    }

    /// Refuses this number of requests, after the refusals that are queued already.
    pub fn refuse_next(&self, times: usize, refusal: &Refusal) {
        let refusals = std::iter::repeat_n(refusal.clone(), times);
        knobs(&self.shared).refusals.extend(refusals);
    }

    /// Removes the refusals that no request has got yet.
    pub fn refuse_no_more(&self) {
        knobs(&self.shared).refusals.clear();
    }

    /// Refuses each request for this account, until a call with `None` ends it.
    pub fn refuse_account(&self, account: &str, refusal: Option<Refusal>) {
        let refused = &mut knobs(&self.shared).refused;
        match refusal {
            Some(refusal) => refused.insert(account.to_owned(), refusal),
            None => refused.remove(account),
        };
    }

    /// The requests since the last call.
    #[must_use]
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut knobs(&self.shared).asked)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(shared: &Shared) -> RwLockReadGuard<'_, World> {
    shared.world.read().unwrap_or_else(PoisonError::into_inner)
}

fn knobs(shared: &Shared) -> MutexGuard<'_, Knobs> {
    shared.knobs.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let asked = api::Request {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: texts(request.headers()),
    };
    if let Some(knob) = asked.path.strip_prefix("/_sim/") {
        let (status, body) = turn(&shared, knob, &asked.query);
        return respond(now(&shared), status, &body, &[]);
    }
    // The answer is as of the second in its own `Date`.
    let now = now(&shared);
    let account = asked.account().map(str::to_owned);
    let refusal = {
        let mut knobs = knobs(&shared);
        let next = knobs.refusals.pop_front();
        next.or_else(|| knobs.refused.get(account.as_deref()?).cloned())
    };
    let (answer, mut headers) = match refusal {
        Some(refusal) => refuse(&refusal),
        None => {
            let answer = api::answer(&read(&shared), &shared.terms, now, &asked);
            (answer, Vec::new())
        }
    };
    if let Some(version) = answer.version {
        headers.push(("stripe-version", version.name().to_owned()));
    }
    let number = {
        let mut knobs = knobs(&shared);
        let target = match asked.query.as_str() {
            "" => asked.path,
            query => format!("{}?{query}", asked.path),
        };
        knobs.asked.push(Asked {
            target,
            account: account.clone(),
            status: answer.status,
        });
        knobs.asked.len()
    };
    headers.push(("request-id", format!("req_Sluice{number:08}")));
    headers.extend(account.map(|account| ("stripe-account", account)));
    respond(now, answer.status, &answer.body, &headers)
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let texts = headers.iter();
    texts
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn now(shared: &Shared) -> i64 {
    let now = knobs(shared).now;
    match now {
        Now::End => read(shared).end(),
        Now::At(second) => second,
        Now::From(second, since) => {
            let passed = i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX);
            second.saturating_add(passed)
        }
    }
}

fn refuse(refusal: &Refusal) -> (Answer, Vec<(&'static str, String)>) {
    let error = match refusal.status {
        429 => Error::rate_limited(),
        403 => Error::no_permission(),
        status => Error::broken(status),
    };
    let mut headers = Vec::new();
    headers.extend(
        refusal
            .retry_after_s
            .map(|s| ("retry-after", s.to_string())),
    );
    let reason = refusal.reason.clone();
    headers.extend(reason.map(|reason| ("stripe-rate-limited-reason", reason)));
    let answer = Answer {
        status: refusal.status,
        body: error.body(),
        version: None,
    };
    (answer, headers)
}

fn respond(now: i64, status: u16, body: &Value, headers: &[(&'static str, String)]) -> Response {
    let second = u64::try_from(now).unwrap_or_default();
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
    let text = serde_json::to_vec_pretty(body).unwrap_or_default();
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("date", date);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    // A header that can't be sent (an account with a line break in it) came from the request.
    response.body(Body::from(text)).unwrap_or_default()
}

/// A control used over HTTP.
fn turn(shared: &Shared, knob: &str, query: &str) -> (u16, Value) {
    let mut given = [
        ("times", None),
        ("status", None),
        ("retry_after", None),
        ("second", None),
    ];
    let mut reason = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "reason" {
            reason = Some(value.into_owned());
        } else if let Some(slot) = given.iter_mut().find(|(known, _)| *known == name) {
            slot.1 = value.parse::<i64>().ok();
        }
    }
    let [times, status, retry_after, second] = given.map(|(_, value)| value);
    match knob {
        "now" => knobs(shared).now = second.map_or(Now::End, Now::At),
        "refuse" => {
            let refusal = Refusal {
                status: status.and_then(|s| u16::try_from(s).ok()).unwrap_or(429),
                retry_after_s: retry_after.and_then(|s| u32::try_from(s).ok()),
                reason,
            };
            let times = times
                .and_then(|times| usize::try_from(times).ok())
                .unwrap_or(1);
            let refusals = std::iter::repeat_n(refusal, times);
            knobs(shared).refusals.extend(refusals);
        }
        _ => return (404, json!({ "error": "knobs are: now, refuse" })),
    }
    (200, json!({ "ok": true }))
}
