//! Faults inside the functions, between their steps: at the AWS client that each of them has.
//!
//! Development builds of the functions read a file of rules at each AWS call (`sluice_adapters::faults` says which), if
//! the environment names one. Here it is named and written. Beside [`crate::server::Faults`], which breaks the wire,
//! this can end a function's process before or after a call, and refuse single entries of a PutEvents call.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::problem::Problem;

/// The variable by which the functions find the rules.
const FILE_VARIABLE: &str = "SLUICE_FAULTS_FILE";

/// The rules of a stack's functions, and what they did. Its files are in the emulator's folder, and go away with it.
#[derive(Debug)]
pub struct ClientFaults {
    file: PathBuf,
}

impl ClientFaults {
    /// Within the emulator's folder.
    pub(crate) fn within(folder: &Path) -> Self {
        Self {
            file: folder.join("client-faults"),
        }
    }

    /// What tells the functions, and any other program of development that is to take the same faults.
    pub fn variable(&self) -> (&'static str, String) {
        (FILE_VARIABLE, self.file.to_string_lossy().into_owned())
    }

    /// Replaces the rules by these, a JSON array of `sluice_adapters::faults::Rule`s, for every call that begins from now
    /// on. `{"id":"a1","call":"PutItem","contains":"evt_1","times":1,"do":"kill-after"}` ends the first process that
    /// claims this event, once it has. An id that was used before goes on counting where it stopped.
    ///
    /// # Errors
    /// When the file can't be written. Rules that aren't understood end the functions that read them.
    pub fn set(&self, rules: &Value) -> Result<(), Problem> {
        let (file, new) = (&self.file, self.file.with_extension("new"));
        let written = std::fs::write(&new, rules.to_string());
        written
            .and_then(|()| std::fs::rename(&new, file))
            .map_err(|error| Problem::file(file, error))
    }

    /// From now on no fault is made.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn clear(&self) -> Result<(), Problem> {
        self.set(&Value::Array(Vec::new()))
    }

    /// What was done since the start, oldest first: `rule`, `function`, `process`, `call`, `number`, `did`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn fired(&self) -> Result<Vec<Value>, Problem> {
        let path = self.file.with_extension("fired");
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| Problem::file(&path, error))?,
        };
        // A line that is being written just now is left for the next look.
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).map_err(|error| Problem::file(&path, error)))
            .collect()
    }
}
