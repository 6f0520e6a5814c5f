//! The AWS that functions call, in this process: DynamoDB, EventBridge and Secrets Manager on loopback. It does as
//! little work as possible, so that the function is measured and not the stub.
//!
//! A run is judged afterwards by what the stub keeps: every item, every entry published, every call. It answers over
//! HTTP and, with a CA of its own, over HTTPS. It checks that requests are signed, and verifies the signature of each
//! connection's first request. Nothing is throttled, nothing fails.

mod expression;
mod signature;
mod tables;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::PrivateKeyDer;
use serde_json::{Map, Value, json};

pub(crate) use tables::billed_bytes;

use crate::http::{Connection, Request};
use crate::problem::{Result, While};
use tables::Tables;

/// The credentials that functions sign their calls with: those of AWS's examples.
pub(crate) const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The most entries of a PutEvents.
const ENTRIES_MAX: usize = 10;

/// The most bytes of an entry's detail.
const DETAIL_BYTES_MAX: usize = 1024 * 1024;

/// The host that the certificate is for.
const HOST: &str = "localhost";

/// AWS's answer: a document, or a refusal.
type Answer = std::result::Result<Value, Refused>;

/// Why AWS refuses a call.
#[derive(Debug)]
struct Refused {
    kind: &'static str,
    message: String,
    /// Further members of the answer.
    with: Value,
}

impl Refused {
    fn unknown(operation: &str) -> Self {
        Self {
            kind: "UnknownOperationException",
            message: format!("{operation} is not known here"),
            with: json!({}),
        }
    }
}

/// An entry that was put on the bus.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// The type that rules match.
    pub(crate) detail_type: String,
    /// The detail as it was sent.
    pub(crate) detail: String,
}

/// How long AWS takes to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delays {
    /// DynamoDB and Secrets Manager, in microseconds.
    pub(crate) store_us: u64,
    /// EventBridge, in microseconds.
    pub(crate) bus_us: u64,
}

/// What one run left.
#[derive(Debug, Default)]
struct Kept {
    tables: Tables,
    published: Vec<Published>,
    calls: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Shared {
    kept: Mutex<Kept>,
    store_us: AtomicU64,
    bus_us: AtomicU64,
    sequence: AtomicU64,
    worked_ns: AtomicU64,
    secret: String,
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A thread that panicked has reported it; what it left is still what was stored.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stub, once it listens.
#[derive(Debug, Clone)]
pub(crate) struct Stub {
    shared: Arc<Shared>,
    /// Its address without TLS.
    pub(crate) http: String,
    /// Its address with TLS.
    pub(crate) https: String,
}

impl Stub {
    /// Listens on two free ports of loopback, and writes its CA's certificate to `ca`. GetSecretValue answers with the
    /// secret.
    ///
    /// # Errors
    /// If no port is free, or the file can't be written.
    pub(crate) fn start(secret: String, ca: &Path) -> Result<Self> {
        let shared = Arc::new(Shared {
            secret,
            ..Shared::default()
        });
        let own = Arc::clone(&shared);
        let http = listen(move |stream| own.serve(stream))?;
        let tls = Arc::new(certificates(ca)?);
        let own = Arc::clone(&shared);
        let https = listen(move |stream| {
            let session = rustls::ServerConnection::new(Arc::clone(&tls));
            let session = session.map_err(std::io::Error::other)?;
            own.serve(rustls::StreamOwned::new(session, stream))
        })?;
        Ok(Self {
            shared,
            http: format!("http://127.0.0.1:{http}"),
            https: format!("https://{HOST}:{https}"),
        })
    }

    /// Deletes what was kept, and uses these delays from now on.
    pub(crate) fn reset(&self, delays: Delays) {
        *self.shared.kept() = Kept::default();
        self.shared.store_us.store(delays.store_us, Relaxed);
        self.shared.bus_us.store(delays.bus_us, Relaxed);
    }

    /// How long it has worked on calls until now: from a call that has been read to an answer that can be sent. The
    /// time is added before the caller gets the answer, so a caller that makes one call after the other sees all of
    /// them in it.
    pub(crate) fn worked(&self) -> Duration {
        Duration::from_nanos(self.shared.worked_ns.load(Relaxed))
    }

    /// Every entry on the bus, in order.
    pub(crate) fn published(&self) -> Vec<Published> {
        self.shared.kept().published.clone()
    }

    /// Every item of a table.
    pub(crate) fn items(&self, table: &str) -> Vec<Map<String, Value>> {
        self.shared.kept().tables.of(table)
    }

    /// How often each operation was called; a refused call is counted under `Operation:Code`.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.kept().calls.clone()
    }
}

fn listen<F>(serve: F) -> Result<u16>
where
    F: Fn(TcpStream) -> std::io::Result<()> + Clone + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("no free port")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            // A killed client may end its connections in any way.
            thread::spawn(move || stream.set_nodelay(true).and_then(|()| serve(stream)));
        }
    });
    Ok(port)
}

/// A CA that exists for this run only, and its certificate for [`HOST`].
fn certificates(ca: &Path) -> Result<rustls::ServerConfig> {
    let what = "the stub's certificates";
    let named = |name: &str| {
        let mut distinguished = rcgen::DistinguishedName::new();
        distinguished.push(rcgen::DnType::CommonName, name);
        distinguished
    };
    let mut authority = rcgen::CertificateParams::new([]).during(what)?;
    authority.distinguished_name = named("Sluice's benchmark");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    let authority_key = rcgen::KeyPair::generate().during(what)?;
    let authority_certificate = authority.self_signed(&authority_key).during(what)?;
    std::fs::write(ca, authority_certificate.pem()).during(&ca.display().to_string())?;
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let mut own = rcgen::CertificateParams::new([HOST.to_owned()]).during(what)?;
    own.distinguished_name = named(HOST);
    let key = rcgen::KeyPair::generate().during(what)?;
    let certificate = own.signed_by(&key, &issuer).during(what)?;
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .during(what)?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .during(what)
}

impl Shared {
    fn serve<S: Read + Write>(&self, stream: S) -> std::io::Result<()> {
        let mut connection = Connection::new(stream);
        let mut response = Vec::with_capacity(4096);
        // A client that signs one call correctly signs all of them correctly.
        let mut is_known = false;
        while let Some(request) = connection.request()? {
            let start = Instant::now();
            let target = request.header("x-amz-target").unwrap_or_default();
            let (service, operation) = target.split_once('.').unwrap_or_default();
            let is_bus = service == "AWSEvents";
            is_known = is_known || signature::is_right(&request, SECRET_ACCESS_KEY);
            let answer = match is_known {
                true => self.answer(service, operation, &request),
                false => Err(Refused {
                    kind: "InvalidSignatureException",
                    message: "The request signature doesn't match".to_owned(),
                    with: json!({}),
                }),
            };
            let label = match &answer {
                Ok(_) => operation.to_owned(),
                Err(refused) => format!("{operation}:{}", refused.kind),
            };
            *self.kept().calls.entry(label).or_default() += 1;
            let delay_us = if is_bus { &self.bus_us } else { &self.store_us }.load(Relaxed);
            if let Some(left) = Duration::from_micros(delay_us).checked_sub(start.elapsed()) {
                thread::sleep(left);
            }
            response.clear();
            self.write(&mut response, service, &answer)?;
            let worked_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.worked_ns.fetch_add(worked_ns, Relaxed);
            connection.send(&response)?;
        }
        Ok(())
    }

    fn answer(&self, service: &str, operation: &str, request: &Request) -> Answer {
        let is_signed = request
            .header("authorization")
            .is_some_and(|header| header.starts_with("AWS4-HMAC-SHA256 Credential="));
        let document = serde_json::from_slice::<Value>(&request.body);
        match (is_signed, document) {
            (false, _) => Err(Refused {
                kind: "MissingAuthenticationTokenException",
                message: "Request is missing Authentication Token".to_owned(),
                with: json!({}),
            }),
            (true, Err(error)) => Err(Refused {
                kind: "SerializationException",
                message: error.to_string(),
                with: json!({}),
            }),
            (true, Ok(document)) => match (service, operation) {
                ("DynamoDB_20120810", _) => self.kept().tables.call(operation, document),
                ("AWSEvents", "PutEvents") => self.put_events(document),
                ("secretsmanager", "GetSecretValue") => Ok(self.secret_value(&document)),
                _ => Err(Refused::unknown(operation)),
            },
        }
    }

    fn put_events(&self, mut document: Value) -> Answer {
        let invalid = |message: &str| Refused {
            kind: "ValidationException",
            message: message.to_owned(),
            with: json!({}),
        };
        let Value::Array(entries) = document["Entries"].take() else {
            return Err(invalid("Entries is missing"));
        };
        if !(1..=ENTRIES_MAX).contains(&entries.len()) {
            return Err(invalid("a call has 1 to 10 entries"));
        }
        let mut published = Vec::with_capacity(entries.len());
        for mut entry in entries {
            match (entry["DetailType"].take(), entry["Detail"].take()) {
                (Value::String(detail_type), Value::String(detail))
                    if detail.len() <= DETAIL_BYTES_MAX =>
                {
                    published.push(Published {
                        detail_type,
                        detail,
                    });
                }
                _ => {
                    return Err(invalid(
                        "an entry has a DetailType, and a Detail of at most 1 MB",
                    ));
                }
            }
        }
        let ids = published.iter().map(|_| {
            let id = self.sequence.fetch_add(1, Relaxed);
            json!({ "EventId": format!("11710aed-b79e-4468-a20b-{id:012x}") })
        });
        let answer = json!({ "FailedEntryCount": 0, "Entries": ids.collect::<Vec<_>>() });
        self.kept().published.extend(published);
        Ok(answer)
    }

    fn secret_value(&self, document: &Value) -> Value {
        json!({
            "ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bench-AbCdEf",
            "Name": document["SecretId"],
            "VersionId": "5048c9de-9ea4-4a5e-9ae3-7d0d0b0b8a0a",
            "SecretString": self.secret,
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": 1_764_000_000.123,
        })
    }

    /// The answer as it is sent, with the checksum that DynamoDB's answers have.
    fn write(&self, response: &mut Vec<u8>, service: &str, answer: &Answer) -> std::io::Result<()> {
        let is_dynamo = service.starts_with("DynamoDB");
        let (status, body) = match answer {
            Ok(document) => ("200 OK", document.to_string()),
            Err(refused) => {
                let mut document = refused.with.clone();
                let namespace = if is_dynamo {
                    "com.amazonaws.dynamodb.v20120810#"
                } else {
                    ""
                };
                document["__type"] = format!("{namespace}{}", refused.kind).into();
                document["message"] = refused.message.as_str().into();
                ("400 Bad Request", document.to_string())
            }
        };
        let version = if is_dynamo { "1.0" } else { "1.1" };
        write!(
            response,
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-{version}\r\nContent-Length: {}\r\n\
             x-amzn-RequestId: {:052X}\r\n",
            body.len(),
            self.sequence.fetch_add(1, Relaxed),
        )?;
        if is_dynamo {
            write!(
                response,
                "x-amz-crc32: {}\r\n",
                crc32fast::hash(body.as_bytes())
            )?;
        }
        write!(response, "\r\n{body}")
    }
}
