//! What can go wrong here, written for the person at the terminal: what happened, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why something couldn't be done.
#[derive(Debug)]
pub enum Problem {
    /// The port is in use.
    PortTaken(u16),
    /// A file or folder that should exist doesn't, or can't be used.
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// A process that was started here failed.
    Process {
        /// Its name.
        name: String,
        /// How it failed.
        what: String,
    },
    /// The emulator refused a call, or could not be reached.
    Aws {
        /// The call.
        call: String,
        /// Its answer.
        what: String,
    },
    /// The template can't be read.
    Template(String),
    /// The stack was not created, or doesn't take deliveries.
    Deploy(String),
}

impl Problem {
    /// A problem with a file.
    pub fn file(path: &Path, what: impl fmt::Display) -> Self {
        Self::File {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }

    /// A problem with a process.
    pub fn process(name: &str, what: impl fmt::Display) -> Self {
        Self::Process {
            name: name.to_owned(),
            what: what.to_string(),
        }
    }

    /// A problem with a call.
    pub fn aws(call: &str, what: impl fmt::Display) -> Self {
        Self::Aws {
            call: call.to_owned(),
            what: what.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortTaken(port) => write!(
                f,
                "port {port} on 127.0.0.1 is taken. Is another one running? Stop it, or choose another port with --port"
            ),
            Self::File { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Process { name, what } => write!(f, "{name}: {what}"),
            Self::Aws { call, what } => write!(f, "the local AWS, {call}: {what}"),
            Self::Template(what) => write!(f, "template.yaml: {what}"),
            Self::Deploy(what) => write!(f, "the stack: {what}"),
        }
    }
}

impl std::error::Error for Problem {}

/// The exit status of a tool: 0 if its run found everything right, 1 if it didn't, 2 if the run couldn't be made. The
/// reason for 2 goes to standard error.
pub fn exit_code(ran: Result<bool, Problem>) -> ExitCode {
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}
