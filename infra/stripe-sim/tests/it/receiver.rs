//! A webhook receiver on loopback that answers as a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// A delivery as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// `Stripe-Signature`.
    pub(crate) signature: String,
    /// The event's id.
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an event")
    }
}

/// Its threads end with the test's process.
pub(crate) struct Receiver {
    pub(crate) url: String,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Answers each delivery with the status that `answer` computes from it and from the number of earlier deliveries
    /// of its event.
    pub(crate) fn start(answer: impl Fn(&Received, usize) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/webhooks", listener.local_addr().expect("bound"));
        let receiver = Self {
            url,
            connections: Arc::default(),
            received: Arc::default(),
        };
        let (connections, received) = (receiver.connections.clone(), receiver.received.clone());
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::Relaxed);
                let (received, answer) = (received.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &received, &*answer));
            }
        });
        receiver
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        let received = self.received.lock();
        received.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections were made in all.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn serve(
    stream: TcpStream,
    received: &Mutex<Vec<Received>>,
    answer: &dyn Fn(&Received, usize) -> u16,
) {
    let mut reader = BufReader::new(stream);
    while let Some(one) = read(&mut reader) {
        let id = &one.id;
        let before = {
            let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
            let before = received.iter().filter(|other| other.id == *id).count();
            received.push(one.clone());
            before
        };
        let status = answer(&one, before);
        let text = format!(
            "HTTP/1.1 {status} Answered\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n\r\nok"
        );
        if reader.get_mut().write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let (mut length, mut signature) = (0, String::new());
    loop {
        let mut line = String::new();
        // An empty read is the connection's end.
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.split_once(':') else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "stripe-signature" => value.trim().clone_into(&mut signature),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let event: Value = serde_json::from_slice(&body).ok()?;
    let id = event["id"].as_str()?.to_owned();
    Some(Received {
        signature,
        id,
        body,
    })
}
