//! Lambda's Runtime API, and the environments that it drives. It starts a function as Lambda does and hands it one
//! invocation after the other. It records when the function answered what, and how much CPU time and memory it has
//! used.
//!
//! The CPU time of an event runs from the poll before the first measured event to the poll after the last. So whatever
//! a function does after it has answered (logs, a connection's upkeep) counts as well.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::contestant::Contestant;
use crate::http::Connection;
use crate::problem::{Problem, Result, While};
use crate::process::{self, Cores};
use crate::stub::{SECRET_ACCESS_KEY, Stub};

/// The memory that the environment names to the function: at this size Lambda gives a whole core.
const MEMORY_MB: &str = "1769";

/// How long an invocation may take, as the environment tells the function.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a whole run may take before it counts as hanging.
const RUN_MAX: Duration = Duration::from_secs(300);

/// The session token that a function reads: AWS's tokens have about this number of characters.
const TOKEN_CHARS: usize = 700;

/// How many bytes of a function's log are shown when it fails.
const LOG_TAIL_BYTES: usize = 2_000;

/// The input of a function's run.
pub(crate) struct Launch<'a> {
    pub(crate) contestant: &'a Contestant,
    /// Variables besides Lambda's own and the contestant's.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) cores: Option<Cores>,
    /// The AWS that it calls.
    pub(crate) stub: &'a Stub,
    /// The file for the function's output.
    pub(crate) log: &'a Path,
    /// Payloads in order; the environment that asks first gets the next.
    pub(crate) payloads: Arc<Payloads>,
    /// Invocations of one environment that aren't measured.
    pub(crate) warm_up: usize,
    /// Invocations of one environment, warm-up included.
    pub(crate) count: usize,
}

/// Payloads, and the index of the next one.
pub(crate) struct Payloads {
    pub(crate) bytes: Vec<Vec<u8>>,
    next: AtomicUsize,
}

impl Payloads {
    pub(crate) fn new(bytes: Vec<Vec<u8>>) -> Self {
        Self {
            bytes,
            next: AtomicUsize::new(0),
        }
    }
}

/// What the function answered to an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The payload that it answers.
    pub(crate) payload: usize,
    /// Whether the invocation failed as such.
    pub(crate) is_error: bool,
    /// What the function returned.
    pub(crate) body: Vec<u8>,
}

/// What one environment did.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// From the start of the process to its first poll.
    pub(crate) init: Duration,
    /// From the start of the process to its first answer.
    pub(crate) first_answer: Duration,
    /// CPU time up to the first answer, in nanoseconds.
    pub(crate) first_answer_cpu_ns: u64,
    /// From the payload to its answer, without the stub's own work meanwhile, of measured invocations.
    pub(crate) latencies: Vec<Duration>,
    /// CPU time from poll to poll, of measured invocations, in nanoseconds.
    pub(crate) cpu_ns: Vec<u64>,
    /// When the measured events began and ended.
    pub(crate) span: Option<(Instant, Instant)>,
    /// How long, in between, the function or its driver was ready and had no processor, in nanoseconds.
    pub(crate) waited_ns: u64,
    /// The most resident memory, in KiB.
    pub(crate) resident_peak_kb: u64,
    /// Every answer, in order.
    pub(crate) answers: Vec<Answer>,
}

/// An invocation that hasn't been answered.
#[derive(Clone, Copy)]
struct Sent {
    payload: usize,
    at: Instant,
    /// How long the stub had worked until then.
    worked: Duration,
}

/// Clock values at the beginning of the measured events.
struct Reading {
    at: Instant,
    waited_ns: u64,
}

#[derive(Default)]
struct Progress {
    process: u32,
    started: Option<Instant>,
    sent: Option<Sent>,
    has_polled: bool,
    measured_from: Option<Reading>,
    /// CPU time at the last poll.
    polled_ns: u64,
    is_done: bool,
    observed: Observed,
}

/// Holds a run's environments back until all of them are ready.
struct Gate {
    missing: Mutex<usize>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        *missing = missing.saturating_sub(1);
        self.opened.notify_all();
        while *missing > 0 {
            missing = self
                .opened
                .wait(missing)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Api {
    progress: Mutex<Progress>,
    changed: Condvar,
    is_over: AtomicBool,
    payloads: Arc<Payloads>,
    stub: Stub,
    gate: Arc<Gate>,
    warm_up: usize,
    count: usize,
}

impl Api {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut connection = Connection::new(stream);
        let mut response = Vec::with_capacity(64 * 1024);
        while let Some(request) = connection.request()? {
            let arrived = Instant::now();
            response.clear();
            if request.path.ends_with("/invocation/next") {
                if !self.next(arrived, &mut response)? {
                    return connection.wait_for_end();
                }
            } else if request.path.ends_with("/init/error") {
                self.answered(arrived, true, request.body);
                write!(
                    response,
                    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
                )?;
            } else {
                self.answered(arrived, request.path.ends_with("/error"), request.body);
                let body = "{\"status\":\"OK\"}\n";
                write!(
                    response,
                    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )?;
            }
            connection.send(&response)?;
        }
        Ok(())
    }

    /// Writes the next invocation; `false` if none is left.
    fn next(&self, arrived: Instant, response: &mut Vec<u8>) -> std::io::Result<bool> {
        let is_first = {
            let mut progress = self.progress();
            let is_first = !progress.has_polled;
            if is_first {
                progress.has_polled = true;
                progress.observed.init = progress
                    .started
                    .map(|started| arrived - started)
                    .unwrap_or_default();
            }
            is_first
        };
        if is_first {
            self.gate.pass();
        }
        let mut progress = self.progress();
        let done = progress.observed.answers.len();
        let used_ns = process::cpu_ns(progress.process);
        if progress.measured_from.is_some() {
            let since_ns = used_ns.saturating_sub(progress.polled_ns);
            progress.observed.cpu_ns.push(since_ns);
        } else if done == self.warm_up {
            progress.measured_from = Some(Reading {
                waited_ns: waited_ns(progress.process),
                at: Instant::now(),
            });
        }
        progress.polled_ns = used_ns;
        let payload = match done < self.count {
            true => self.payloads.next.fetch_add(1, Relaxed),
            false => usize::MAX,
        };
        let Some(bytes) = self.payloads.bytes.get(payload) else {
            let now = Instant::now();
            progress.observed.resident_peak_kb = process::resident_peak_kb(progress.process);
            if let Some(Reading {
                at,
                waited_ns: before,
            }) = progress.measured_from
            {
                progress.observed.span = Some((at, now));
                progress.observed.waited_ns = waited_ns(progress.process).saturating_sub(before);
            }
            progress.is_done = true;
            self.changed.notify_all();
            return Ok(false);
        };
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let deadline_ms = now_ms + TIMEOUT.as_millis();
        write!(
            response,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
             Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{payload:012x}\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
             Content-Length: {}\r\n\r\n",
            bytes.len()
        )?;
        response.extend_from_slice(bytes);
        progress.sent = Some(Sent {
            payload,
            worked: self.stub.worked(),
            at: Instant::now(),
        });
        Ok(true)
    }

    fn answered(&self, arrived: Instant, is_error: bool, body: Vec<u8>) {
        let mut progress = self.progress();
        // A function that can't start has no invocation to answer.
        let sent = progress.sent.take().unwrap_or(Sent {
            payload: usize::MAX,
            at: arrived,
            worked: Duration::MAX,
        });
        let is_first = progress.observed.answers.is_empty();
        if progress.observed.answers.len() >= self.warm_up {
            let by_the_stub = self.stub.worked().saturating_sub(sent.worked);
            let latency = (arrived - sent.at).saturating_sub(by_the_stub);
            progress.observed.latencies.push(latency);
        }
        if is_first {
            let started = progress.started;
            progress.observed.first_answer =
                started.map(|started| arrived - started).unwrap_or_default();
            progress.observed.first_answer_cpu_ns = process::cpu_ns(progress.process);
        }
        progress.observed.answers.push(Answer {
            payload: sent.payload,
            is_error,
            body,
        });
    }
}

/// How long a function and this process, its driver, have been ready without a processor.
fn waited_ns(function: u32) -> u64 {
    process::waited_ns(function) + process::waited_ns(std::process::id())
}

/// A function's process, with a Runtime API of its own. The process ends when this value is dropped.
struct Environment {
    process: Child,
    api: Arc<Api>,
    address: std::net::SocketAddr,
}

impl Environment {
    fn start(launch: &Launch<'_>, gate: &Arc<Gate>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("no free port")?;
        let address = listener.local_addr()?;
        let api = Arc::new(Api {
            progress: Mutex::default(),
            changed: Condvar::new(),
            is_over: AtomicBool::new(false),
            payloads: Arc::clone(&launch.payloads),
            stub: launch.stub.clone(),
            gate: Arc::clone(gate),
            warm_up: launch.warm_up,
            count: launch.count,
        });
        let own = Arc::clone(&api);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.is_over.load(Relaxed) {
                    return;
                }
                let own = Arc::clone(&own);
                // A killed function may end its connections in any way.
                thread::spawn(move || own.serve(stream));
            }
        });
        let mut command = command(launch, &address.to_string())?;
        let mut progress = api.progress();
        // A process starts on the processor of the thread that starts it.
        if let Some(cores) = launch.cores {
            process::pin(cores.functions)?;
        }
        progress.started = Some(Instant::now());
        let started = command.spawn();
        if let Some(cores) = launch.cores {
            process::pin(cores.own)?;
        }
        let process = started.during(&launch.contestant.command[0])?;
        progress.process = process.id();
        drop(progress);
        Ok(Self {
            process,
            api,
            address,
        })
    }

    /// Waits for the last answer.
    fn wait(&mut self, launch: &Launch<'_>) -> Result<()> {
        let begun = Instant::now();
        let mut progress = self.api.progress();
        while !progress.is_done {
            let waited = self
                .api
                .changed
                .wait_timeout(progress, Duration::from_millis(200));
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
            if progress.is_done {
                break;
            }
            let ended = self.process.try_wait()?;
            let what = match ended {
                Some(status) => format!("ended by itself ({status})"),
                None if begun.elapsed() > RUN_MAX => {
                    format!("hangs after {} answers", progress.observed.answers.len())
                }
                None => continue,
            };
            let last = progress.observed.answers.last();
            let last = last.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
            return Err(Problem::new(format!(
                "{} {what}.\nIts last answer: {}\nThe end of its log:\n{}",
                launch.contestant.name,
                last.unwrap_or_default(),
                tail(launch.log)
            )));
        }
        Ok(())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.api.is_over.store(true, Relaxed);
        // It wakes the listener, which then sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

fn command(launch: &Launch<'_>, api: &str) -> Result<Command> {
    let log = File::options().create(true).append(true).open(launch.log);
    let log = log.during(&launch.log.display().to_string())?;
    let contestant = launch.contestant;
    let mut command = Command::new(&contestant.command[0]);
    command
        .args(&contestant.command[1..])
        .current_dir(&contestant.folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "en_US.UTF-8")
        .env("TZ", ":UTC")
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB)
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]0")
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("AWS_SESSION_TOKEN", "x".repeat(TOKEN_CHARS))
        .envs(launch.variables.iter().map(|(name, value)| (name, value)))
        .envs(
            contestant
                .variables
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(command)
}

fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let from = bytes.len().saturating_sub(LOG_TAIL_BYTES);
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}

/// Runs this number of environments of a function side by side until they have handled all payloads. Returns what each
/// did.
///
/// # Errors
/// If an environment can't be started, ends without being asked to, or hangs.
pub(crate) fn run(launch: &Launch<'_>, environments: usize) -> Result<Vec<Observed>> {
    let gate = Arc::new(Gate {
        missing: Mutex::new(environments),
        opened: Condvar::new(),
    });
    let mut started = Vec::with_capacity(environments);
    for _ in 0..environments {
        started.push(Environment::start(launch, &gate)?);
    }
    for environment in &mut started {
        environment.wait(launch)?;
    }
    let observed = started
        .iter()
        .map(|environment| std::mem::take(&mut environment.api.progress().observed));
    Ok(observed.collect())
}
