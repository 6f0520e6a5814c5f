//! Why a command couldn't do what was asked, in words for the person at the terminal, and the exit code that scripts
//! see.

use std::fmt;
use std::io;

use sluice_kernel::fault::Fault;

/// Why a command ended without having done everything that was asked.
#[derive(Debug)]
pub enum Problem {
    /// The call can't be understood: exit code 2, as clap's own.
    Usage(String),
    /// AWS can't be reached or refuses, or a file can't be read: exit code 1.
    Failed(String),
    /// What was asked for isn't there: exit code 3.
    NotFound(String),
    /// Some of it was done, or what was looked at has a problem: exit code 4.
    Partly(String),
    /// The reader of our output has gone: this is no problem, and there is nothing to say.
    OutputClosed,
}

impl Problem {
    /// The exit code, which scripts see.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Partly(_) => 4,
        }
    }

    /// Whether AWS refuses because the operator lacks the permission.
    pub fn is_denied(&self) -> bool {
        let Self::Failed(what) = self else {
            return false;
        };
        ["AccessDenied", "not authorized", "UnauthorizedOperation"]
            .iter()
            .any(|word| what.contains(word))
    }

    /// A failure with its words.
    pub fn failed(what: impl fmt::Display) -> Self {
        Self::Failed(what.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Failed(what) | Self::NotFound(what) | Self::Partly(what) => {
                f.write_str(what)
            }
            Self::OutputClosed => f.write_str("the output is read no further"),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.to_string())
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let gone = Problem::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(gone.exit_code(), 0);
        let full = Problem::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit_code(), 1);
    }
}
