//! HTTP for the SDK's calls: HTTP/1.1 over TCP or TLS, one request a connection at a time, connections kept.
//!
//! The SDK's own client also speaks HTTP/2, goes through proxies and balances over addresses; a function calls three
//! hosts, one request after the other. This client drives a connection within the call that uses it, so there is no
//! task and no channel between them. It reads each answer whole, because none of Sluice's calls streams.
//! infra/docs/performance.md has what that saves.
//!
//! Guarantees:
//! - A kept connection that the other side has closed is detected before a request is written to it. If it closes while
//!   the request waits to be written, the request goes over a new one. A request that may have been received is never
//!   repeated here (the SDK does that, and the protocol expects it).
//! - A call that is given up closes its connection.
//! - A connection that the SDK has found unhealthy (`poison`) is not used again.
//! - A connection unused for `IDLE_MAX` is not used again. The clock that shows the longer time counts: Lambda freezes
//!   environments between invocations, and the clock that never jumps may stand still meanwhile.
//! - If a kept connection turns out to be dead, the client closes those to the same host that have been unused for
//!   longer. What was sent to a frozen environment is lost, including the end of a connection. So several connections
//!   may look alive that aren't: one try of a call finds out about all of them, and the SDK's next one gets a new
//!   connection.
//! - TLS is rustls with ring and the system's root certificates, read when the first `https` connection is made.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Context;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use moment::{Moment, Time};

mod moment;

/// Connections unused for longer are closed: AWS's endpoints soon close theirs as well.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// The most connections kept for one host, more than any of Sluice's programs makes calls at once.
const KEPT_MAX: usize = 64;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The client. Clones share their connections.
#[derive(Debug, Clone, Default)]
pub struct Http {
    kept: Arc<Mutex<Kept>>,
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
    time: Time,
}

/// The connections that are kept.
#[derive(Debug, Default)]
struct Kept {
    /// The most recently used connection comes last.
    lines: Vec<KeptConnection>,
    /// How often a connection was put here.
    uses: u64,
}

impl Http {
    /// Opens a connection to the host of this base (`https://host[:port]`) and keeps it for the next request there. A
    /// failure to open it is ignored: the request will meet it.
    pub async fn open(&self, base: &str, timeout: Duration) {
        let Some(host) = base.parse().ok().as_ref().and_then(Host::of) else {
            return;
        };
        if let Ok(line) = self.connect(host, Some(timeout)).await {
            self.keep(line);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kept connection to this host that was used last, if it is alive.
    fn take(&self, host: &Host) -> Option<KeptConnection> {
        let now = self.time.now();
        let mut line = {
            let lines = &mut self.kept().lines;
            lines.retain(|line| line.used_at.until(now) < IDLE_MAX);
            let index = lines.iter().rposition(|line| line.host == *host)?;
            lines.remove(index)
        };
        if line.is_alive() {
            return Some(line);
        }
        self.forget_older(host, line.used);
        None
    }

    fn keep(&self, mut line: KeptConnection) {
        line.used_at = self.time.now();
        let mut kept = self.kept();
        kept.uses += 1;
        line.used = kept.uses;
        let of_host = kept.lines.iter().filter(|other| other.host == line.host);
        if of_host.count() < KEPT_MAX {
            kept.lines.push(line);
        }
    }

    /// Closes the kept connections to this host that were used before this use.
    fn forget_older(&self, host: &Host, used: u64) {
        let lines = &mut self.kept().lines;
        lines.retain(|line| line.host != *host || line.used > used);
    }

    async fn connect(
        &self,
        host: Host,
        timeout: Option<Duration>,
    ) -> Result<KeptConnection, ConnectorError> {
        let connecting = async {
            let tcp = TcpStream::connect((host.name.as_str(), host.port)).await?;
            tcp.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match host.is_tls {
                false => Box::new(tcp),
                true => {
                    let config = self.tls.get_or_init(tls).clone();
                    let name = ServerName::try_from(host.name.clone())?;
                    Box::new(TlsConnector::from(config).connect(name, tcp).await?)
                }
            };
            Ok::<_, Failure>(http1::handshake(TokioIo::new(stream)).await?)
        };
        let connected = match timeout {
            None => connecting.await,
            Some(timeout) => match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected,
                Err(elapsed) => return Err(ConnectorError::timeout(elapsed.into())),
            },
        };
        let (send, connection) = connected.map_err(ConnectorError::io)?;
        Ok(KeptConnection {
            host,
            send,
            connection,
            poisoned: Arc::default(),
            used: 0,
            used_at: self.time.now(),
        })
    }

    async fn call(
        &self,
        request: HttpRequest,
        connect_timeout: Option<Duration>,
    ) -> Result<HttpResponse, ConnectorError> {
        let mut request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let host = Host::of(request.uri()).ok_or_else(|| ConnectorError::user("no host".into()))?;
        let captured = request.extensions_mut().remove::<CaptureSmithyConnection>();
        // In HTTP/1.1 a request names its host in a header, and the request line has only its path.
        request.headers_mut().insert(HOST, host.header.clone());
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        loop {
            let kept = self.take(&host);
            let is_kept = kept.is_some();
            let unproven = kept.as_ref().map(|line| Unproven {
                http: self,
                host: &host,
                used: line.used,
            });
            let mut line = match kept {
                Some(line) => line,
                None => self.connect(host.clone(), connect_timeout).await?,
            };
            if let Some(captured) = &captured {
                line.capture(captured);
            }
            match line.exchange(request).await {
                Ok(response) => {
                    if let Some(unproven) = unproven {
                        unproven.has_answered();
                    }
                    self.keep(line);
                    return HttpResponse::try_from(response)
                        .map_err(|error| ConnectorError::other(error.into(), None));
                }
                // The connection had died meanwhile: nothing was written.
                Err(Lost::Unsent(unsent)) if is_kept => request = *unsent,
                Err(Lost::Unsent(_)) => {
                    let closed = "the connection was closed as soon as it was open";
                    return Err(ConnectorError::io(closed.into()));
                }
                Err(Lost::Sent(error)) => return Err(ConnectorError::io(error.into())),
            }
        }
    }
}

/// The client with the SDK configuration's settings.
#[derive(Debug)]
struct Connector {
    http: Http,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            http: self.clone(),
            connect_timeout: settings.connect_timeout(),
            read_timeout: settings.read_timeout(),
        })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (http, connect_timeout) = (self.http.clone(), self.connect_timeout);
        let read_timeout = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let call = http.call(request, connect_timeout);
            match read_timeout {
                None => call.await,
                Some(timeout) => match tokio::time::timeout(timeout, call).await {
                    Ok(answer) => answer,
                    Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
                },
            }
        })
    }
}

/// The host that a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    is_tls: bool,
    name: String,
    port: u16,
    /// As the header `host` has it.
    header: HeaderValue,
}

impl Host {
    fn of(uri: &Uri) -> Option<Self> {
        let authority = uri.authority()?;
        let is_tls = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTPS => true,
            scheme if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let port_of_scheme = if is_tls { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(port_of_scheme);
        let name = authority.host();
        let header = match port == port_of_scheme {
            true => HeaderValue::from_str(name),
            false => HeaderValue::try_from(format!("{name}:{port}")),
        };
        Some(Self {
            is_tls,
            // An IPv6 address is in brackets only in a URL.
            name: name.trim_matches(['[', ']']).to_owned(),
            port,
            header: header.ok()?,
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection.
#[derive(Debug)]
struct KeptConnection {
    host: Host,
    send: SendRequest<SdkBody>,
    connection: Connection<TokioIo<Box<dyn Stream>>, SdkBody>,
    /// The SDK has found it unhealthy.
    poisoned: Arc<AtomicBool>,
    /// The number of its last use among all uses; 0 before the first.
    used: u64,
    /// The time of that use.
    used_at: Moment,
}

/// A kept connection that has not yet answered. If it is dropped without an answer, or because the caller no longer
/// waits for one, it closes the connections that have been unused for longer.
struct Unproven<'a> {
    http: &'a Http,
    host: &'a Host,
    used: u64,
}

impl Unproven<'_> {
    fn has_answered(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unproven<'_> {
    fn drop(&mut self) {
        self.http.forget_older(self.host, self.used);
    }
}

impl std::fmt::Debug for dyn Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

/// Why there is no answer.
enum Lost {
    /// Nothing of the request was written.
    Unsent(Box<Request<SdkBody>>),
    /// It may have been received.
    Sent(hyper::Error),
}

impl KeptConnection {
    /// Whether it can be used, as far as that can be known without using it: it reads what the other side has sent.
    fn is_alive(&mut self) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let polled = Pin::new(&mut self.connection).poll(&mut context);
        polled.is_pending() && !self.send.is_closed() && !self.poisoned.load(Ordering::Relaxed)
    }

    /// Gives the SDK what it needs to have this connection closed.
    fn capture(&self, captured: &CaptureSmithyConnection) {
        let poisoned = self.poisoned.clone();
        captured.set_connection_retriever(move || {
            let poisoned = poisoned.clone();
            let poison = move || poisoned.store(true, Ordering::Relaxed);
            let metadata = ConnectionMetadata::builder().proxied(false);
            Some(metadata.poison_fn(poison).build())
        });
    }

    /// Sends a request and reads the whole answer, driving the connection meanwhile.
    async fn exchange(&mut self, request: Request<SdkBody>) -> Result<Response<SdkBody>, Lost> {
        let (send, connection) = (&mut self.send, &mut self.connection);
        let mut exchange = pin!(async move {
            if send.ready().await.is_err() {
                return Err(Lost::Unsent(Box::new(request)));
            }
            let answer = send.try_send_request(request).await;
            let answer = answer.map_err(|mut error| match error.take_message() {
                Some(request) => Lost::Unsent(Box::new(request)),
                None => Lost::Sent(error.into_error()),
            })?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.map_err(Lost::Sent)?;
            Ok(Response::from_parts(head, SdkBody::from(body.to_bytes())))
        });
        let mut is_open = true;
        std::future::poll_fn(move |context| {
            // What the connection reads is for the exchange, and the connection proceeds when the exchange consumes it;
            // each wakes this task when it has something for the other.
            if is_open {
                is_open = Pin::new(&mut *connection).poll(context).is_pending();
            }
            let polled = exchange.as_mut().poll(context);
            if polled.is_pending() && is_open {
                is_open = Pin::new(&mut *connection).poll(context).is_pending();
                return exchange.as_mut().poll(context);
            }
            polled
        })
        .await
    }
}

fn tls() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[cfg(test)]
mod tests;
