//! The processes of the local AWS: the emulator (MiniStack), and the proxy (microburst) that breaks the wire to it.
//!
//! Both come from `.venv/local`, listen on 127.0.0.1 only, and start from an environment of a few variables. Functions
//! inherit the emulator's environment, so it contains none of the user's own AWS settings.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::aws::Aws;
use crate::client_faults::ClientFaults;
use crate::guard::Guard;
use crate::problem::Problem;

/// The longest wait until a process answers: an interpreter compiles a lot at its first start.
const START_MAX: Duration = Duration::from_secs(120);

/// A running process that answers over HTTP.
#[derive(Debug)]
pub struct Server {
    guard: Guard,
    url: String,
}

impl Server {
    /// The URL at which it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A folder that is removed with the process, however we end.
    pub fn folder(&self) -> &Path {
        self.guard.scratch()
    }

    /// The process's guard, to freeze the process or to kill it.
    pub fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// The emulator, on this port. `functions_see` is the address at which functions find AWS: the emulator's own, or the
/// proxy's. With `client_faults`, functions find their rules of faults in its folder.
///
/// # Errors
/// When the port is taken, the packages aren't installed, or it doesn't come up.
pub fn emulator(
    root: &Path,
    port: u16,
    functions_see: &str,
    client_faults: bool,
    log: &Path,
) -> Result<Server, Problem> {
    let env = [
        ("GATEWAY_PORT", port.to_string()),
        ("BIND_HOST", Ipv4Addr::LOCALHOST.to_string()),
        ("AWS_ENDPOINT_URL", functions_see.to_owned()),
        // Listeners that nothing here uses.
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("SFTP_ENABLED", "0".to_owned()),
    ];
    // A reset ends the functions and waits for them; an exit leaves them running.
    let farewell = format!(
        "from urllib.request import Request, urlopen\n\
         urlopen(Request('http://127.0.0.1:{port}/_ministack/reset', method='POST'), timeout=2)\n"
    );
    let emulator = Program {
        name: "ministack",
        args: Vec::new(),
        env: &env,
        port,
        client_faults,
        health: "/_ministack/health",
        farewell: Some(&farewell),
    };
    emulator.start(root, log)
}

/// The proxy, on this port, before the AWS at `upstream`.
///
/// # Errors
/// As [`emulator`].
pub fn proxy(root: &Path, port: u16, upstream: &str, log: &Path) -> Result<Server, Problem> {
    let listen = ["--host", "127.0.0.1", "--port", &port.to_string()].map(str::to_owned);
    let forward = ["--upstream", upstream, "--no-resign"].map(str::to_owned);
    let proxy = Program {
        name: "microburst",
        args: [&listen[..], &forward[..]].concat(),
        env: &[],
        port,
        client_faults: false,
        health: "/_microburst/health",
        farewell: None,
    };
    proxy.start(root, log)
}

/// A program of `.venv/local`.
struct Program<'a> {
    name: &'a str,
    args: Vec<String>,
    env: &'a [(&'a str, String)],
    port: u16,
    client_faults: bool,
    health: &'a str,
    farewell: Option<&'a str>,
}

impl Program<'_> {
    fn start(&self, root: &Path, log: &Path) -> Result<Server, Problem> {
        must_be_free(self.port)?;
        let env = |scratch: &Path| {
            let mut env = self.env.to_vec();
            env.push(("PATH", std::env::var("PATH").unwrap_or_default()));
            // Neither program needs anything from the user's home.
            env.push(("HOME", "/nonexistent".to_owned()));
            env.extend(
                self.client_faults
                    .then(|| ClientFaults::within(scratch).variable()),
            );
            let owned = |(name, value): (&str, _)| (name.to_owned(), value);
            env.into_iter().map(owned).collect()
        };
        let path = root.join(".venv/local/bin").join(self.name);
        let mut guard = Guard::start(&path, &self.args, env, log, self.farewell)?;
        let url = format!("http://127.0.0.1:{}", self.port);
        let aws = Aws::at(&url);
        let until = Instant::now() + START_MAX;
        while aws.get_status(&format!("{url}{}", self.health)) != Some(200) {
            let ended = guard
                .ended()
                .map_err(|error| Problem::process(self.name, error))?
                .is_some();
            if ended || Instant::now() > until {
                let how = if ended {
                    "ended at once"
                } else {
                    "doesn't answer"
                };
                let said = last_lines(log, 10);
                return Err(Problem::process(
                    self.name,
                    format!("{how}; its last lines are:\n{said}"),
                ));
            }
            thread::sleep(Duration::from_millis(25));
        }
        Ok(Server { guard, url })
    }
}

/// A port that no program listens on right now.
///
/// # Errors
/// When the system has none.
pub fn free_port() -> Result<u16, Problem> {
    let bound =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound
        .map(|address| address.port())
        .map_err(|error| Problem::process("a free port", error))
}

/// Reports early that a port is taken.
///
/// # Errors
/// [`Problem::PortTaken`].
pub fn must_be_free(port: u16) -> Result<(), Problem> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map(drop)
        .map_err(|_| Problem::PortTaken(port))
}

fn last_lines(path: &Path, count: usize) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Faults on the wire between the functions and AWS.
#[derive(Debug)]
pub struct Faults {
    proxy: Server,
    agent: ureq::Agent,
}

impl Faults {
    /// Prepares a proxy for use. It loads a service's model at the first call, which takes seconds: longer than a
    /// function waits. So each service is called once here.
    pub(crate) fn of(proxy: Server) -> Result<Self, Problem> {
        let through = Aws::at(proxy.url());
        for target in [
            "DynamoDB_20120810.ListTables",
            "AWSEvents.ListEventBuses",
            "secretsmanager.ListSecrets",
        ] {
            // On a busy machine, loading the model may take longer than one call waits for.
            let until = Instant::now() + START_MAX;
            while let Err(problem) = through.json(target, &json!({})) {
                if Instant::now() > until {
                    return Err(problem);
                }
                thread::sleep(Duration::from_millis(200));
            }
        }
        Ok(Self {
            proxy,
            agent: ureq::Agent::new_with_defaults(),
        })
    }

    /// Replaces the rules by these, a JSON array of microburst's rules. A rule says which calls (`service`,
    /// `operation`), how often (`times`, `probability`) and what happens (`error`, `latency`, `reset`, `response`).
    /// `{"service":"dynamodb","operation":"PutItem","response":{"abort_frac":0.0},"times":1}` loses the answer of the next
    /// PutItem after it was carried out.
    ///
    /// # Errors
    /// When the rules aren't valid.
    pub fn set(&self, rules: &Value) -> Result<(), Problem> {
        let answer = self.agent.post(self.url("rules")).send_json(rules);
        answer
            .map(drop)
            .map_err(|error| Problem::aws("fault rules", error))
    }

    /// Removes all faults from the wire.
    ///
    /// # Errors
    /// When the proxy can't be reached.
    pub fn clear(&self) -> Result<(), Problem> {
        self.set(&Value::Array(Vec::new()))
    }

    /// What fired since the start, as microburst's records.
    ///
    /// # Errors
    /// When the proxy can't be reached.
    pub fn fired(&self) -> Result<Value, Problem> {
        let answer = self.agent.get(self.url("fired")).call();
        let mut answer = answer.map_err(|error| Problem::aws("faults fired", error))?;
        answer
            .body_mut()
            .read_json()
            .map_err(|error| Problem::aws("faults fired", error))
    }

    /// How often each of the present rules has fired, in their order.
    ///
    /// # Errors
    /// When the proxy can't be reached.
    pub fn counts(&self) -> Result<Vec<u64>, Problem> {
        let failed = |error| Problem::aws("fault rules", error);
        let mut answer = self.agent.get(self.url("rules")).call().map_err(failed)?;
        let rules: Vec<Value> = answer.body_mut().read_json().map_err(failed)?;
        let counts = rules.iter().map(|rule| rule["fired_count"].as_u64());
        Ok(counts.map(Option::unwrap_or_default).collect())
    }

    /// Where functions find AWS.
    pub fn endpoint_url(&self) -> &str {
        self.proxy.url()
    }

    fn url(&self, what: &str) -> String {
        format!("{}/_microburst/{what}", self.proxy.url())
    }
}
