//! The operator's program, as built here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::build;
use crate::problem::Problem;

/// The built program.
#[derive(Debug, Clone)]
pub struct OperatorProgram {
    path: PathBuf,
}

impl OperatorProgram {
    /// Builds it.
    ///
    /// # Errors
    /// When cargo fails.
    pub fn build(root: &Path) -> Result<Self, Problem> {
        let built = build::binaries(root, &["sluice"])?.remove("sluice");
        let path = built.ok_or_else(|| Problem::process("cargo build", "made no sluice"))?;
        Ok(Self { path })
    }

    /// The program's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A call of the program on the stack that a file describes ([`stack_file::write`](crate::stack_file::write)),
    /// without input.
    pub fn call(
        &self,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
        stack_file: &Path,
    ) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .arg("--stack-file")
            .arg(stack_file)
            // Otherwise it would go to a stack of the user's in AWS.
            .env_remove("SLUICE_STACK")
            .stdin(Stdio::null());
        command
    }
}
