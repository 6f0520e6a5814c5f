//! `sluice console`: serves the stack to a browser on this machine.

use std::io::IsTerminal;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::json;
use sluice_console::{Console, Options};
use sluice_operations::problem::Problem;

use crate::context::Context;

/// The port, unless another is asked for: a bookmark keeps working.
const PORT: u16 = 4580;

const EXAMPLES: &str = "Examples:
  sluice console                               the local stack, read-only
  sluice --stack sluice-prod console --write   a stack in AWS, with your usual credentials; may replay events
  sluice console --no-open --port 0            prints the address, on any free port

The address works once, in one browser. It answers this machine only. Ctrl-C ends it.";

/// How to serve it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Allow changes. Each is shown as a plan first, and is recorded with who and why.
    #[arg(long)]
    write: bool,
    /// The port; any free one for 0.
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Open no browser.
    #[arg(long)]
    no_open: bool,
}

/// Serves until the process ends.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let options = Options {
        port: args.port,
        write: args.write,
        log: Arc::new(|line| anstream::eprintln!("sluice console: {line}")),
    };
    let console = Console::bind(context.stack.clone(), options).map_err(|error| {
        Problem::Failed(format!("port {}: {error}; another: --port 0", args.port))
    })?;
    let address = console.address();
    match context.out.is_json() {
        true => context
            .out
            .value(&json!({ "address": address, "write": args.write }))?,
        false => context.out.line(address)?,
    }
    context.out.flush()?;
    if !args.no_open && std::io::stdout().is_terminal() && has_display() {
        open(address);
    }
    Ok(console.serve().await?)
}

/// Whether a browser can show anything: on macOS always, elsewhere with a display.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Opens the usual browser. If there is none, the printed address is enough.
fn open(address: &str) {
    let program = match cfg!(target_os = "macos") {
        true => "open",
        false => "xdg-open",
    };
    let mut command = Command::new(program);
    command
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _ = command.spawn();
}
