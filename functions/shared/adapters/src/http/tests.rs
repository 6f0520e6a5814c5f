//! Tests against servers that answer byte by byte as a test says.

use std::sync::atomic::AtomicUsize;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use std::task::Poll;

use super::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// What a server does with a request that it has read.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer,
    /// Answers, and closes without announcing it.
    AnswerAndClose,
    Close,
    Hang,
}

/// A server on a port of its own, with the connections that it accepted and the requests that it read; a request ends
/// in `~`.
struct Server {
    base: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    /// How many connections the other side has closed.
    closed: Arc<AtomicUsize>,
}

async fn server(acts: &'static [Act]) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = Server {
        base: format!("http://127.0.0.1:{port}"),
        connections: Arc::default(),
        requests: Arc::default(),
        closed: Arc::default(),
    };
    let (connections, requests) = (server.connections.clone(), server.requests.clone());
    let closed = server.closed.clone();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let (requests, closed) = (requests.clone(), closed.clone());
            tokio::spawn(async move {
                while let Some(request) = read(&mut tcp).await {
                    let act = {
                        let mut requests = requests.lock().expect("whole");
                        requests.push(request);
                        acts[requests.len() - 1]
                    };
                    match act {
                        Act::Answer => tcp.write_all(OK).await.expect("written"),
                        Act::AnswerAndClose => return tcp.write_all(OK).await.expect("written"),
                        Act::Close => return,
                        Act::Hang => {}
                    }
                }
                closed.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    server
}

/// A request, up to the tilde that ends its body; `None` at the connection's end.
async fn read(tcp: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while request.last() != Some(&b'~') {
        let byte = tcp.read_u8().await.ok()?;
        request.push(byte);
    }
    String::from_utf8(request).ok()
}

impl Server {
    fn request(&self) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from("a body~"));
        request.set_method("POST").expect("a method");
        request
            .set_uri(format!("{}/path", self.base))
            .expect("a URL");
        request
    }

    async fn ask(&self, http: &Http) -> Result<HttpResponse, ConnectorError> {
        http.call(self.request(), Some(Duration::from_secs(5)))
            .await
    }

    fn saw(&self) -> (usize, usize) {
        let requests = self.requests.lock().expect("whole").len();
        (self.connections.load(Ordering::SeqCst), requests)
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_and_may_be_opened_beforehand() {
    let server = server(&[Act::Answer; 3]).await;
    let http = Http::default();
    http.open(&server.base, Duration::from_secs(5)).await;
    for _ in 0..3 {
        let answer = server.ask(&http).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.body().bytes(), Some(&b"{}"[..]));
    }
    assert_eq!(server.saw(), (1, 3));
    let request = server.requests.lock().expect("whole")[0].clone();
    let host = server.base.strip_prefix("http://").expect("HTTP");
    assert!(request.starts_with("POST /path HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {host}\r\n")), "{request}");
}

#[tokio::test]
async fn requests_at_once_have_a_connection_each() {
    let server = server(&[Act::Answer; 3]).await;
    let http = Http::default();
    let answers = tokio::join!(server.ask(&http), server.ask(&http), server.ask(&http));
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok());
    assert_eq!(server.saw(), (3, 3));
}

#[tokio::test]
async fn a_connection_that_the_other_side_has_closed_is_replaced_before_a_request_is_lost_on_it() {
    let server = server(&[Act::AnswerAndClose, Act::AnswerAndClose, Act::Answer]).await;
    let http = Http::default();
    for n in 1..=3 {
        server.ask(&http).await.expect("an answer");
        assert_eq!(server.saw(), (n, n));
        // The end of the connection reaches loopback at once, and the runtime knows it after its next poll.
        while !http
            .kept()
            .lines
            .iter_mut()
            .all(|line| line.is_alive() == (n == 3))
        {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_was_unused_for_too_long_by_either_clock_is_not_used_again() {
    let server = server(&[Act::Answer; 6]).await;
    let at = Arc::new(Mutex::new(Moment {
        steady: Duration::ZERO,
        wall: Duration::from_secs(1_000_000),
    }));
    let clock = at.clone();
    let http = Http {
        time: Time::of(move || *clock.lock().expect("whole")),
        ..Http::default()
    };
    let almost = IDLE_MAX - Duration::from_millis(1);
    let second = Duration::from_secs(1);
    server.ask(&http).await.expect("an answer");
    // How far each clock advances before the next request, and the number of connections after it.
    for (steady, wall, connections) in [
        (almost, almost, 1),
        // Frozen meanwhile: the steady clock stood still.
        (Duration::ZERO, IDLE_MAX, 2),
        (IDLE_MAX, second, 3),
        (almost, second, 3),
    ] {
        {
            let mut at = at.lock().expect("whole");
            at.steady += steady;
            at.wall += wall;
        }
        server.ask(&http).await.expect("an answer");
        assert_eq!(server.saw().0, connections, "{steady:?} {wall:?}");
    }
    // Set back: the steady clock counts.
    {
        let mut at = at.lock().expect("whole");
        at.steady += IDLE_MAX;
        at.wall -= Duration::from_secs(3_600);
    }
    server.ask(&http).await.expect("an answer");
    assert_eq!(server.saw().0, 4);
}

/// A client that keeps four connections to the server, each of which has answered once.
async fn four_kept(server: &Server) -> Http {
    let http = Http::default();
    let ask = || server.ask(&http);
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok() && answers.3.is_ok());
    assert_eq!(server.saw(), (4, 4));
    http
}

#[tokio::test]
async fn of_several_kept_connections_that_are_dead_unseen_one_request_is_lost_and_no_more() {
    use Act::{Answer, Close};
    let server = server(&[Answer, Answer, Answer, Answer, Close, Answer]).await;
    let http = four_kept(&server).await;
    assert!(server.ask(&http).await.expect_err("no answer").is_io());
    server.ask(&http).await.expect("an answer");
    assert_eq!(server.saw(), (5, 6));
}

#[tokio::test]
async fn a_call_that_is_given_up_on_a_kept_connection_leaves_those_that_have_answered_since() {
    use Act::{Answer, Hang};
    let server = server(&[Answer, Answer, Answer, Answer, Hang, Answer, Answer, Answer]).await;
    let http = four_kept(&server).await;
    {
        let mut call = pin!(server.ask(&http));
        while server.saw().1 == 4 {
            assert!(futures_now(call.as_mut()).await.is_none());
            tokio::task::yield_now().await;
        }
        server.ask(&http).await.expect("an answer");
        assert_eq!(server.saw(), (4, 6));
        assert_eq!(http.kept().lines.len(), 3);
    }
    // Two were unused for longer than the one that hung; the third has since answered.
    assert_eq!(http.kept().lines.len(), 1);
    server.ask(&http).await.expect("an answer");
    assert_eq!(server.saw(), (4, 7));
}

#[tokio::test]
async fn a_kept_connection_that_is_seen_to_be_dead_takes_those_unused_for_longer_with_it() {
    let server = server(&[Act::Answer; 5]).await;
    let http = four_kept(&server).await;
    let last = http.kept().lines.last().expect("kept").poisoned.clone();
    last.store(true, Ordering::Relaxed);
    server.ask(&http).await.expect("an answer");
    assert_eq!(server.saw(), (5, 5));
    assert_eq!(http.kept().lines.len(), 1);
}

#[tokio::test]
async fn a_request_that_may_have_been_received_is_not_repeated() {
    let server = server(&[Act::Answer, Act::Close]).await;
    let http = Http::default();
    server.ask(&http).await.expect("an answer");
    let error = server.ask(&http).await.expect_err("no answer");
    assert!(error.is_io(), "{error}");
    assert_eq!(server.saw(), (1, 2));
}

#[tokio::test]
async fn a_call_that_is_given_up_takes_its_connection_with_it() {
    let server = server(&[Act::Hang, Act::Answer]).await;
    let http = Http::default();
    {
        let mut call = pin!(server.ask(&http));
        while server.saw().1 == 0 {
            assert!(futures_now(call.as_mut()).await.is_none());
            tokio::task::yield_now().await;
        }
    }
    while server.closed.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    server.ask(&http).await.expect("an answer");
    assert_eq!(server.saw(), (2, 2));
}

/// The state of a future now.
async fn futures_now<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_connection_that_the_sdk_has_found_unhealthy_is_not_used_again() {
    let server = server(&[Act::Answer; 2]).await;
    let http = Http::default();
    let captured = CaptureSmithyConnection::new();
    let mut request = server.request();
    request.add_extension(captured.clone());
    http.call(request, None).await.expect("an answer");
    captured.get().expect("captured").poison();
    server.ask(&http).await.expect("an answer");
    assert_eq!(server.saw(), (2, 2));
}

#[tokio::test]
async fn who_does_not_answer_in_time_or_refuses_is_distinguished_from_a_wrong_request() {
    let http = Http::default();
    // In TLS the client speaks first; this server reads that and doesn't answer.
    let silent = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = silent.local_addr().expect("bound").port();
    let ask = async |url: String| {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(url).expect("a URL");
        http.call(request, Some(Duration::from_millis(50)))
            .await
            .expect_err("no answer")
    };
    assert!(ask(format!("https://localhost:{port}/")).await.is_timeout());
    // Port 1 on loopback: refused at once.
    assert!(ask("http://127.0.0.1:1/".to_owned()).await.is_io());
    assert!(ask("/no-host".to_owned()).await.is_user());
}

#[test]
fn a_host_is_named_with_its_port_where_that_is_not_the_schemes_own() {
    for (url, is_tls, name, port, header) in [
        ("https://a.com/x", true, "a.com", 443, "a.com"),
        ("https://a.com:443/", true, "a.com", 443, "a.com"),
        ("http://a.com:443/", false, "a.com", 443, "a.com:443"),
        ("http://[::1]:80/", false, "::1", 80, "[::1]"),
    ] {
        let host = Host::of(&Uri::from_static(url)).expect("a host");
        let expected = (is_tls, name, port, header);
        let header = host.header.to_str().expect("a text");
        assert_eq!(
            (host.is_tls, &*host.name, host.port, header),
            expected,
            "{url}"
        );
    }
    assert_eq!(Host::of(&Uri::from_static("ftp://a.com/")), None);
    assert_eq!(Host::of(&Uri::from_static("/path")), None);
}
