//! What the handlers share.

use std::fmt;
use std::sync::Arc;

use sluice_operations::stack::Stack;

use crate::numbers::Kept;
use crate::operations::Operations;
use crate::series;
use crate::session::Session;
use crate::streams::Streams;

/// Where problems are logged: a line each.
pub(crate) type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// What the handlers share.
pub(crate) struct App {
    pub(crate) operations: Operations,
    pub(crate) session: Session,
    pub(crate) about: About,
    /// Held while a plan is confirmed: one after the other.
    pub(crate) confirming: Arc<tokio::sync::Mutex<()>>,
    /// Held by the search that works: one after the other.
    pub(crate) searching: Arc<tokio::sync::Mutex<()>>,
    /// The overview's numbers, for as long as they are fresh.
    pub(crate) overview: Kept,
    /// What happened over each span, for as long as it is fresh.
    pub(crate) series: series::Kept,
    /// What pages show live.
    pub(crate) streams: Arc<Streams>,
    pub(crate) log: Log,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// As the router hands it to handlers.
pub(crate) type Shared = Arc<App>;

/// Which stack, where, and what may be done with it.
#[derive(Debug, Clone)]
pub(crate) struct About {
    /// The stack's name.
    pub(crate) stack: String,
    /// The Region; `local` for the local stack.
    pub(crate) place: String,
    /// Whether the stack is in AWS.
    pub(crate) is_real: bool,
    /// Whether changes are allowed.
    pub(crate) write: bool,
    /// The `Host` headers that are taken.
    pub(crate) hosts: [String; 2],
}

impl About {
    /// Of a stack, for a console on this port.
    pub(crate) fn of(stack: &Stack, write: bool, port: u16) -> Self {
        let is_real = stack.aws.is_real();
        Self {
            stack: stack.name.clone(),
            place: match is_real {
                true => stack.aws.region().to_owned(),
                false => "local".to_owned(),
            },
            is_real,
            write,
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
        }
    }

    /// A call of the program `sluice` on this stack.
    pub(crate) fn command(&self, arguments: &str) -> String {
        match self.is_real {
            true => format!("sluice --stack {} {arguments}", self.stack),
            false => format!("sluice {arguments}"),
        }
    }
}
