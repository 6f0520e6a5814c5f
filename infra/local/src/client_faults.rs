//! Faults inside the functions, between their steps, injected at each function's AWS client.
//!
//! Development builds of the functions read a file of rules at each AWS call, if the environment names one
//! (`sluice_adapters::faults` has the format). This module names that file and writes it. [`crate::server::Faults`]
//! breaks the wire; this module can also end a function's process before or after a call, and refuse single entries of
//! a PutEvents call.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::problem::Problem;

/// The variable that names the file of rules to the functions.
const FILE_VARIABLE: &str = "SLUICE_FAULTS_FILE";

/// The rules of a stack's functions, and what they did. The files are in the emulator's folder, and are removed with
/// it.
#[derive(Debug)]
pub struct ClientFaults {
    file: PathBuf,
}

impl ClientFaults {
    /// The folder within the emulator's.
    pub(crate) fn within(folder: &Path) -> Self {
        Self {
            file: folder.join("client-faults"),
        }
    }

    /// The environment for the functions, and for any other development program that has to take the same faults.
    pub fn variable(&self) -> (&'static str, String) {
        (FILE_VARIABLE, self.file.to_string_lossy().into_owned())
    }

    /// Replaces the rules by these, a JSON array of `sluice_adapters::faults::Rule`s, for every call that begins from
    /// now on. `{"id":"a1","call":"PutItem","contains":"evt_1","times":1,"do":"kill-after"}` ends the first process
    /// that claims this event, after the claim. An id that was used before continues to count where it stopped.
    ///
    /// # Errors
    /// When the file can't be written. Rules that a function can't parse end that function.
    pub fn set(&self, rules: &Value) -> Result<(), Problem> {
        let (file, new) = (&self.file, self.file.with_extension("new"));
        let written = std::fs::write(&new, rules.to_string());
        written
            .and_then(|()| std::fs::rename(&new, file))
            .map_err(|error| Problem::file(file, error))
    }

    /// Removes all rules: no fault is made from now on.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn clear(&self) -> Result<(), Problem> {
        self.set(&Value::Array(Vec::new()))
    }

    /// What the rules did since the start, oldest first: `rule`, `function`, `process`, `call`, `number`, `did`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn fired(&self) -> Result<Vec<Value>, Problem> {
        let path = self.file.with_extension("fired");
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| Problem::file(&path, error))?,
        };
        // A line that is being written right now is read the next time.
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).map_err(|error| Problem::file(&path, error)))
            .collect()
    }
}
