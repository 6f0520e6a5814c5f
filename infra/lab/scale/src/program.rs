//! The operator's program, run on the measured AWS.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sluice_local::operator::OperatorProgram;
use sluice_local::problem::Problem;
use sluice_local::stack::{StackInfo, root};
use sluice_local::stack_file;

/// How often its memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The program, and the address of its AWS.
#[derive(Debug)]
pub(crate) struct Program {
    program: OperatorProgram,
    stack_file: PathBuf,
    /// The file for its standard error.
    said: PathBuf,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Lines on standard output.
    pub(crate) lines: usize,
    /// The last of them.
    pub(crate) last: Value,
    /// The most memory that it used, in KiB; 0 if the system doesn't say.
    pub(crate) peak_kib: u64,
}

impl Program {
    /// Builds it, and describes this AWS to it in this folder.
    pub(crate) fn build(info: &StackInfo, folder: PathBuf) -> Result<Self, Problem> {
        Ok(Self {
            program: OperatorProgram::build(&root())?,
            stack_file: stack_file::write(info, &folder)?,
            said: folder.join("stderr"),
        })
    }

    /// A call of it.
    pub(crate) fn call(&self, args: &[&str]) -> Command {
        self.program.call(args, &self.stack_file)
    }

    /// Runs it with `--json`. `progress` is called again and again.
    pub(crate) fn run(&self, args: &[&str], progress: &mut dyn FnMut()) -> Result<Ran, Problem> {
        let failed = |what: &dyn std::fmt::Display| {
            Problem::process(&format!("sluice {}", args.join(" ")), what)
        };
        let said = File::create(&self.said).map_err(|error| Problem::file(&self.said, error))?;
        let mut call = self.call(args);
        let mut child = call
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .map_err(|error| failed(&error))?;
        let output = child.stdout.take().ok_or_else(|| failed(&"no output"))?;
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let reader = std::thread::spawn(|| {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.fold((0, String::new()), |(count, _), line| (count + 1, line))
        });
        let mut peak_kib = 0;
        while !reader.is_finished() {
            peak_kib = peak_kib.max(peak(&status));
            progress();
            std::thread::sleep(LOOK_EVERY);
        }
        let (lines, last) = reader.join().unwrap_or_default();
        let status = child.wait().map_err(|error| failed(&error))?;
        if !status.success() {
            let said = std::fs::read_to_string(&self.said).unwrap_or_default();
            return Err(failed(&format!("{status}: {}", said.trim())));
        }
        Ok(Ran {
            lines,
            last: serde_json::from_str(&last).unwrap_or_default(),
            peak_kib,
        })
    }
}

/// The most memory that a process has used so far, in KiB.
fn peak(status: &std::path::Path) -> u64 {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}
