//! `sluice-local`: the local AWS at the command line. `run` keeps a stack up, `send` posts events to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use clap::{Parser, Subcommand, ValueEnum};
use sluice_console::Console;
use sluice_local::aws::Aws;
use sluice_local::event::{Sample, seconds};
use sluice_local::follow::Follower;
use sluice_local::post::Sender;
use sluice_local::problem::Problem;
use sluice_local::server;
use sluice_local::stack::{Options, RunningStack, root};
use sluice_local::stack_file;
use sluice_local::stop;
use sluice_local::traffic::{self, Stripe};
use sluice_local::trickle::{TRICKLE_EVERY, Trickle};
use sluice_operations::stack as operations;
use sluice_stripe_sim::delivery::HttpApi;
use sluice_stripe_sim::delivery::http_api::SAMPLE_SECRET;

/// How often the program looks for new lines.
const FOLLOW_EVERY: Duration = Duration::from_millis(300);

#[derive(Parser)]
#[command(
    about = "Sluice on this machine: an AWS emulator, template.yaml deployed into it, the functions built here."
)]
struct Arguments {
    /// A release's unpacked trial: its files replace the checkout's, and nothing is compiled.
    #[arg(long, global = true, value_name = "FOLDER")]
    unpacked: Option<PathBuf>,
    #[command(subcommand)]
    command: Action,
}

/// Where the template, the samples and the functions are.
enum Source {
    /// The checkout that this program was built in; cargo builds the functions.
    Checkout,
    /// A release's unpacked trial.
    Unpacked(PathBuf),
}

impl Source {
    fn root(&self) -> PathBuf {
        match self {
            Self::Checkout => root(),
            Self::Unpacked(folder) => folder.clone(),
        }
    }

    fn options(&self) -> Result<Options, Problem> {
        match self {
            Self::Checkout => Options::built_here(),
            Self::Unpacked(folder) => Options::prebuilt(folder),
        }
    }

    /// The command that sends an event here.
    fn send(&self) -> &str {
        match self {
            Self::Checkout => "make send EVENT=charge.succeeded",
            Self::Unpacked(_) => "./run send --event charge.succeeded",
        }
    }

    /// The command that runs the operator's program here.
    fn program(&self) -> &str {
        match self {
            Self::Checkout => "cargo run -q -p sluice-cli --",
            Self::Unpacked(_) => "./sluice",
        }
    }
}

#[derive(Subcommand)]
enum Action {
    /// Builds the functions, starts everything, shows deliveries as they come; Ctrl-C stops it all.
    Run {
        /// The port of the local AWS.
        #[arg(long, default_value_t = 4566)]
        port: u16,
        /// What to post once it is up.
        #[arg(long, value_enum, default_value_t = Traffic::Sample)]
        traffic: Traffic,
        /// End after the traffic: with status 0 if every object is as Stripe has it, else 1.
        #[arg(long)]
        once: bool,
        /// Post nothing after the traffic, and leave no event rejected.
        #[arg(long)]
        still: bool,
    },
    /// Signs an event with a fresh id and posts it to the running stack.
    Send {
        /// A sample from tests/events/stripe: its type, or its file's name without `.json`.
        #[arg(long, required_unless_present = "file")]
        event: Option<String>,
        /// An event of your own, in place of a sample.
        #[arg(long)]
        file: Option<PathBuf>,
        /// How often the same event is posted, as Stripe does when it got no clear answer.
        #[arg(long, default_value_t = 1)]
        times: u32,
        /// The endpoint: `platform`, or `connect` for an event of a connected account.
        #[arg(long)]
        endpoint: Option<String>,
    },
    /// Prints a freshly signed webhook as Lambda's HTTP API event, for `cargo lambda invoke`.
    Sign {
        /// A sample from tests/events/stripe: its type, or its file's name without `.json`.
        #[arg(long, required_unless_present = "file")]
        event: Option<String>,
        /// An event of your own, in place of a sample.
        #[arg(long)]
        file: Option<PathBuf>,
        /// The endpoint whose path it is posted to, instead of the platform's.
        #[arg(long)]
        endpoint: Option<String>,
        /// The endpoint's signing secret, instead of the running stack's or, if no stack runs, the samples' own.
        #[arg(long)]
        secret: Option<String>,
        /// Hand the body over base64-encoded.
        #[arg(long)]
        base64: bool,
        /// Keep the event's id, to send it again.
        #[arg(long)]
        keep_id: bool,
    },
    /// Prints the environment of a deployed function as a shell reads it, to run that function by hand:
    /// eval "$(sluice-local env ingest)".
    Env {
        /// `ingest`, `sweep` or a domain.
        function: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Traffic {
    /// A simulated Stripe's lifecycles in any order, with duplicates and one forged.
    Sample,
    /// Thirty subscriptions and their renewals, all events at once.
    Renewals,
    /// The sample's events while the endpoints are unreachable: Stripe's retries bring them.
    Outage,
    /// Nothing.
    None,
}

impl Traffic {
    fn played(self) -> Option<traffic::Traffic> {
        match self {
            Self::Sample => Some(traffic::Traffic::Sample),
            Self::Renewals => Some(traffic::Traffic::Renewals),
            Self::Outage => Some(traffic::Traffic::Outage),
            Self::None => None,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let source = arguments
        .unpacked
        .map_or(Source::Checkout, Source::Unpacked);
    let result = match arguments.command {
        Action::Run {
            port,
            traffic,
            once,
            still,
        } => run(&source, port, traffic, once, still),
        Action::Send {
            event,
            file,
            times,
            endpoint,
        } => send(
            &source,
            event.as_deref(),
            file.as_deref(),
            times,
            endpoint.as_deref(),
        ),
        Action::Sign {
            event,
            file,
            endpoint,
            secret,
            base64,
            keep_id,
        } => {
            let signing = Signing {
                endpoint,
                secret,
                base64,
                keep_id,
            };
            sign(&source, event.as_deref(), file.as_deref(), &signing)
        }
        Action::Env { function } => env(&source, &function),
    };
    match result {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("sluice-local: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    source: &Source,
    port: u16,
    traffic: Traffic,
    once: bool,
    still: bool,
) -> Result<ExitCode, Problem> {
    let start = Instant::now();
    let mut progress = |line: &str| println!("[{:5.1} s] {line}", start.elapsed().as_secs_f64());
    let stop = stop::signals().map_err(|error| Problem::process("signals", error))?;
    // Before the build, which may take minutes.
    server::must_be_free(port)?;
    if matches!(source, Source::Checkout) {
        progress("building the functions (the first time takes some minutes)");
    }
    let mut options = Options {
        port: Some(port),
        ..source.options()?
    };
    let stripe = traffic.played().map(Stripe::played).transpose()?;
    if let Some(stripe) = &stripe {
        options.parameters.extend(stripe.parameters());
    }
    // The log of this run only, and no file that describes the run before.
    let _ = fs::remove_file(&options.log);
    let _ = fs::remove_file(stack_file::path_of(&options.root));

    let mut stack = RunningStack::start(&options, &mut progress)?;
    let file = Described(stack_file::write(stack.info(), &options.root)?);
    progress(&format!("up: POST {}", stack.info().webhook_url));
    let console = console(&file.0).map(|address| format!("{address} (works once, in one browser)"));
    match &console {
        Ok(address) => progress(&format!("console: {address}")),
        // The stack is worth having without it.
        Err(reason) => eprintln!("sluice-local: no console: {reason}"),
    }
    println!(
        "\nAll names are in {}; the emulator's log is {}.",
        shown(&file.0),
        shown(&options.log)
    );
    println!("What differs from AWS:");
    for note in stack.notes() {
        println!("- {note}");
    }
    let mut follower = Follower::of(stack.info());
    let mut is_right = true;
    if let Some(stripe) = &stripe {
        stripe.give_key(&stack)?;
        println!("- Stripe's API is a simulated one that knows the objects of the traffic");
        println!("\nTraffic, each object as it came and as it ended:\n");
        let report = stripe.deliver(&stack, &mut follower, source.program())?;
        println!("{}", report.text);
        is_right = report.is_right;
    }
    if once {
        println!("stopping");
        return Ok(if is_right {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let mut trickle = None;
    let mut samples = String::new();
    if let (Some(stripe), Traffic::Sample, false) = (&stripe, traffic, still) {
        println!("{}", stripe.leave_one_rejected(&stack)?);
        trickle = Some(Trickle::of(&source.root(), stack.info())?);
        samples = format!(", a sample every {} s", TRICKLE_EVERY.as_secs());
    }
    println!(
        "Deliveries as they come{samples} ({} posts one; Ctrl-C stops everything):",
        source.send()
    );
    if let Ok(address) = &console {
        println!("\nLook at them in the browser: {address}\n");
    }
    let signal = follow(&mut stack, &mut follower, &stop, trickle.as_mut())?;
    println!("stopping: {signal}");
    Ok(ExitCode::SUCCESS)
}

/// Serves the console of the stack that a file describes, on any free port. Returns its address, which works once.
fn console(file: &Path) -> Result<String, String> {
    let stack = operations::Stack::local(file).map_err(|problem| problem.to_string())?;
    let options = sluice_console::Options {
        port: 0,
        write: true,
        log: Arc::new(|line| eprintln!("sluice console: {line}")),
    };
    let console = Console::bind(stack, options).map_err(|error| error.to_string())?;
    let address = console.address().to_owned();
    console.spawn().map_err(|error| error.to_string())?;
    Ok(address)
}

/// Prints the functions' lines until a signal to stop, and returns its name.
fn follow(
    stack: &mut RunningStack,
    follower: &mut Follower,
    stop: &Receiver<&'static str>,
    mut trickle: Option<&mut Trickle>,
) -> Result<&'static str, Problem> {
    loop {
        match stop.recv_timeout(FOLLOW_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(signal) => return Ok(signal),
            Err(RecvTimeoutError::Disconnected) => return Ok("no more signals"),
        }
        stack.still_up()?;
        if let Some(trickle) = &mut trickle {
            trickle.go_on();
        }
        match follower.poll() {
            Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
            // It may be frozen, on purpose; whether it has ended was checked above.
            Err(problem) => eprintln!("sluice-local: {problem}"),
        }
    }
}

/// The description of the running stack, removed with it.
struct Described(PathBuf);

impl Drop for Described {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn send(
    source: &Source,
    event: Option<&str>,
    file: Option<&Path>,
    times: u32,
    endpoint: Option<&str>,
) -> Result<ExitCode, Problem> {
    let info = stack_file::read(&source.root())?;
    let event = sample(source, event, file)?
        .fresh(SystemTime::now())
        .map_err(Problem::Deploy)?;
    let of_account = if event.account.is_some() {
        "connect"
    } else {
        "platform"
    };
    let endpoint = endpoint.unwrap_or(of_account);
    println!("{}  {}  to {}", event.id, event.kind, info.url_of(endpoint));
    let sender = Sender::to(&info);
    let mut good = true;
    for _ in 0..times {
        let answer = sender.deliver(endpoint, &event.body)?;
        good &= answer.status == 200;
        println!(
            "{}  {}  {} ms",
            answer.status,
            answer.text,
            answer.took.as_millis()
        );
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn sample(source: &Source, event: Option<&str>, file: Option<&Path>) -> Result<Sample, Problem> {
    match (file, event) {
        (Some(file), _) => Sample::of_file(file),
        (None, event) => Sample::named(&source.root(), event.unwrap_or_default()),
    }
}

/// How to sign a webhook by hand.
struct Signing {
    endpoint: Option<String>,
    secret: Option<String>,
    base64: bool,
    keep_id: bool,
}

fn sign(
    source: &Source,
    event: Option<&str>,
    file: Option<&Path>,
    signing: &Signing,
) -> Result<ExitCode, Problem> {
    let now = SystemTime::now();
    let mut event = sample(source, event, file)?;
    if !signing.keep_id {
        event = event.fresh(now).map_err(Problem::Deploy)?;
    }
    let endpoint = signing.endpoint.as_deref();
    let of_stack = || {
        let secrets = stack_file::read(&source.root()).ok()?.webhook_secrets;
        secrets.get(endpoint.unwrap_or("platform")).cloned()
    };
    let secret = signing.secret.clone().or_else(of_stack);
    let api = HttpApi {
        endpoint,
        secret: secret.as_deref().unwrap_or(SAMPLE_SECRET),
        t: seconds(now),
        as_base64: signing.base64,
    };
    println!("{:#}", api.event(&event.body));
    Ok(ExitCode::SUCCESS)
}

fn env(source: &Source, function: &str) -> Result<ExitCode, Problem> {
    let info = stack_file::read(&source.root())?;
    let name = info.functions.get(function).ok_or_else(|| {
        let known: Vec<_> = info.functions.keys().map(String::as_str).collect();
        Problem::Deploy(format!(
            "has no function {function}, but {}",
            known.join(", ")
        ))
    })?;
    let mut variables = Aws::at(&info.aws_endpoint_url).environment(name)?;
    let aws = [
        ("AWS_ENDPOINT_URL", info.aws_endpoint_url.as_str()),
        ("AWS_REGION", info.region.as_str()),
        // The emulator accepts any.
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ];
    variables.extend(aws.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, value) in variables {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(ExitCode::SUCCESS)
}
