//! A server with scripted answers that remembers its requests.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The result of a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// An answer: status, further headers, body. `Date` is Mon, 05 Jan 2026 09:00:00 GMT.
    Answer(u16, Vec<(&'static str, &'static str)>, String),
    /// Exactly these bytes, and then the connection is closed.
    Bytes(String),
    /// No answer, and the connection stays open.
    Silence,
    /// No answer, and the connection is closed.
    HangUp,
}

/// A request's head, in lower case, and the number of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) connection: usize,
}

#[derive(Debug, Clone, Default)]
struct Shared {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The server. Its threads end with the test program.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) url: String,
    shared: Shared,
}

impl Stub {
    /// Gives these replies, one per request.
    pub(crate) fn replying(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Shared::default();
        lock(&shared.replies).extend(replies);
        let given = shared.clone();
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (stream, shared) = (stream.expect("a connection"), given.clone());
                std::thread::spawn(move || serve(stream, connection, &shared));
            }
        });
        Self { url, shared }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }
}

impl Asked {
    pub(crate) fn has(&self, line: &str) -> bool {
        self.head.lines().any(|one| one == line)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no test panics with it")
}

fn serve(mut stream: TcpStream, connection: usize, shared: &Shared) {
    let mut held = Vec::new();
    loop {
        let mut bytes = [0; 4_096];
        let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") else {
            match stream.read(&mut bytes) {
                Ok(read) if read > 0 => held.extend_from_slice(&bytes[..read]),
                _ => return,
            }
            continue;
        };
        let head: Vec<u8> = held.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).to_lowercase();
        lock(&shared.asked).push(Asked { head, connection });
        let reply = lock(&shared.replies).pop_front();
        match reply.expect("a reply for each request") {
            Reply::Answer(status, headers, body) => {
                let mut answer = format!(
                    "HTTP/1.1 {status} \r\ndate: Mon, 05 Jan 2026 09:00:00 GMT\r\ncontent-length: {}\r\n",
                    body.len()
                );
                for (name, value) in headers {
                    answer.push_str(&format!("{name}: {value}\r\n"));
                }
                // The client may have stopped reading.
                let _ = stream.write_all(format!("{answer}\r\n{body}").as_bytes());
            }
            Reply::Bytes(text) => {
                let _ = stream.write_all(text.as_bytes());
                return;
            }
            Reply::Silence => {}
            Reply::HangUp => return,
        }
    }
}
