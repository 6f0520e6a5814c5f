//! The errors that end a run, in words for the person who started it.

use std::fmt;

/// Why the benchmark can't continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem(pub(crate) String);

impl Problem {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A result, or the problem that prevented it.
pub(crate) type Result<T> = std::result::Result<T, Problem>;

/// Adds to an error what was being done when it came.
pub(crate) trait While<T> {
    /// `what` failed, and why.
    fn during(self, what: &str) -> Result<T>;
}

impl<T, E: fmt::Display> While<T> for std::result::Result<T, E> {
    fn during(self, what: &str) -> Result<T> {
        self.map_err(|error| Problem(format!("{what}: {error}")))
    }
}
