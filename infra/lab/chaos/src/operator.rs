//! Operators: each makes its calls with the operator's program as it is built, on the stack of the run.
//!
//! The program reaches AWS over the wire that breaks. In some calls its AWS client gets the same faults as the
//! functions' clients, and Stripe's API refuses it as it refuses them. A call that is killed or fails is resumed, or
//! begun again if nothing can be resumed, as an operator would do: it isn't done before the program says so. Everything
//! that went wrong is counted.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_local::operator::OperatorProgram;
use sluice_local::problem::Problem;
use sluice_local::stack::{RunningStack, StackInfo};
use sluice_local::stack_file;
use tempfile::TempDir;

use crate::calls::{Call, Calls, Command};

/// How often a running call is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The longest that the program may take. After this time it counts as hanging.
const PROGRAM_MAX: Duration = Duration::from_secs(600);

/// The pause before a failed call is made again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How often a call may fail when no fault is made any more.
const FAILURES_MAX: usize = 3;

/// The fewest calls that an operator makes, however short the traffic is.
const CALLS_MIN: usize = 4;

/// The program's exit code if a part was done, or if what was looked at has a problem.
const PARTLY: i32 = 4;

/// What operators did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operated {
    /// Calls that were carried out, by their command.
    pub calls: BTreeMap<&'static str, usize>,
    /// Objects that they looked at.
    pub looked: usize,
    /// The number of these that were written: made or changed.
    pub written: usize,
    /// Processes of the program that were killed.
    pub killed: usize,
    /// Runs that were resumed.
    pub resumed: usize,
    /// Calls that failed and were made again: the command, the exit code, how often.
    pub failed: BTreeMap<String, usize>,
    /// Runs of reconcile that a fault stopped, or that lacked events.
    pub unwell: usize,
    /// Calls that couldn't be carried out, one sentence each.
    pub unfinished: Vec<String>,
}

impl Operated {
    /// Adds what another operator did.
    pub(crate) fn add(&mut self, other: Self) {
        for (command, count) in other.calls {
            *self.calls.entry(command).or_default() += count;
        }
        for (how, count) in other.failed {
            *self.failed.entry(how).or_default() += count;
        }
        self.looked += other.looked;
        self.written += other.written;
        self.killed += other.killed;
        self.resumed += other.resumed;
        self.unwell += other.unwell;
        self.unfinished.extend(other.unfinished);
    }

    /// Counts what a finished run reports of itself: `{"import": {"looked": 7, "counts": {"made": 3}}}`.
    fn count(&mut self, command: Command, said: &Value) {
        *self.calls.entry(command.name()).or_default() += 1;
        let run = &said[command.name()];
        let number = |value: &Value| value.as_u64().unwrap_or_default() as usize;
        self.looked += number(&run["looked"]);
        self.written += number(&run["counts"]["made"]) + number(&run["counts"]["changed"]);
    }
}

/// The operator's program, and how it finds the stack.
#[derive(Debug)]
pub(crate) struct Program {
    program: OperatorProgram,
    folder: TempDir,
    stack_file: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Program {
    /// Builds it, and describes the stack to it as it is behind the broken wire.
    pub(crate) fn built(root: &Path, stack: &RunningStack) -> Result<Self, Problem> {
        let program = OperatorProgram::build(root)?;
        let folder = TempDir::with_prefix("sluice-operator-");
        let folder = folder.map_err(|error| Problem::file(&std::env::temp_dir(), error))?;
        let mut info: StackInfo = stack.info().clone();
        if let Some(faults) = stack.faults() {
            faults.endpoint_url().clone_into(&mut info.aws_endpoint_url);
        }
        let stack_file = stack_file::write(&info, folder.path())?;
        let variables = stack.client_faults().map(|faults| faults.variable());
        Ok(Self {
            program,
            folder,
            stack_file,
            variables: variables.into_iter().collect(),
        })
    }

    /// The kinds of object that it can import. The program names them itself if it is asked for a kind that doesn't
    /// exist.
    pub(crate) fn kinds(&self) -> Result<Vec<String>, Problem> {
        let arguments = ["import", "--mode", "test", "--kind", "?"];
        let failed = |what: &dyn std::fmt::Display| Problem::process("sluice import", what);
        let output = self.program.call(arguments, &self.stack_file).output();
        let output = output.map_err(|error| failed(&error))?;
        let said = String::from_utf8_lossy(&output.stderr);
        kinds_in(&said).ok_or_else(|| failed(&said))
    }

    fn start(
        &self,
        number: usize,
        arguments: &[String],
        is_faulty: bool,
    ) -> Result<Running, Problem> {
        let variables = self.variables.iter().filter(|_| is_faulty);
        let said = self.folder.path().join(format!("{number}.out"));
        let complained = self.folder.path().join(format!("{number}.err"));
        let create = |path: &Path| File::create(path).map_err(|error| Problem::file(path, error));
        let (out, err) = (create(&said)?, create(&complained)?);
        let mut call = self.program.call(arguments, &self.stack_file);
        let child = call
            .arg("--json")
            .envs(variables.map(|(name, value)| (*name, value)))
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|error| Problem::process("sluice", error))?;
        Ok(Running {
            child,
            said,
            complained,
        })
    }
}

/// The list in the program's message about an unknown kind: `[possible values: customer, account]`.
fn kinds_in(said: &str) -> Option<Vec<String>> {
    let (_, rest) = said.split_once("[possible values: ")?;
    let (list, _) = rest.split_once(']')?;
    Some(list.split(", ").map(str::to_owned).collect())
}

/// The running program. It is killed when this is dropped.
#[derive(Debug)]
struct Running {
    child: Child,
    said: PathBuf,
    complained: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless a problem ends this early.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Waits for its end, and kills it when the time has come.
    fn end(mut self, kill_after: Option<Duration>) -> Result<Ended, Problem> {
        let started = Instant::now();
        let until = kill_after.unwrap_or(PROGRAM_MAX);
        let failed = |error| Problem::process("sluice", error);
        let status = loop {
            if let Some(status) = self.child.try_wait().map_err(failed)? {
                break status;
            }
            if started.elapsed() >= until {
                self.child.kill().map_err(failed)?;
                if kill_after.is_none() {
                    return Err(Problem::process("sluice", "hangs"));
                }
                break self.child.wait().map_err(failed)?;
            }
            std::thread::sleep(LOOK);
        };
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        Ok(Ended::of(
            status.code(),
            &text(&self.said),
            &text(&self.complained),
        ))
    }
}

/// How a process of the program ended.
#[derive(Debug, Clone, PartialEq)]
struct Ended {
    /// None if it was killed.
    code: Option<i32>,
    /// The run that it began or resumed.
    run: Option<String>,
    /// Its last line.
    last: Value,
    /// Its error message.
    complaint: String,
}

impl Ended {
    fn of(code: Option<i32>, said: &str, complained: &str) -> Self {
        // The last line of a killed program may be cut off.
        let lines = said
            .lines()
            .map_while(|line| serde_json::from_str(line).ok());
        let lines: Vec<Value> = lines.collect();
        let begun = lines.iter().find_map(|line| line["begun"].as_str());
        Self {
            code,
            run: begun.map(str::to_owned),
            last: lines.last().cloned().unwrap_or_default(),
            complaint: complained.trim().to_owned(),
        }
    }
}

/// A working operator.
#[derive(Debug)]
pub(crate) struct Operator<'a> {
    pub(crate) program: &'a Program,
    /// Part of the names of its files.
    pub(crate) number: usize,
    /// No fault is made any more, and what has begun is finished.
    pub(crate) is_over: &'a AtomicBool,
}

impl Operator<'_> {
    /// Makes calls until the traffic is over, and finishes the last one.
    pub(crate) fn work(&self, calls: Calls) -> Operated {
        let mut operated = Operated::default();
        for (place, call) in calls.enumerate() {
            if place >= CALLS_MIN && self.is_over() {
                break;
            }
            std::thread::sleep(call.pause);
            if let Err(problem) = self.carry_out(&call, &mut operated) {
                let call = call.arguments.join(" ");
                operated
                    .unfinished
                    .push(format!("sluice {call}: {problem}"));
            }
        }
        operated
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Makes a call, and repeats or resumes it until it is done.
    fn carry_out(&self, call: &Call, operated: &mut Operated) -> Result<(), Problem> {
        let (mut kill_after, mut is_faulty) = (call.kill_after, call.is_faulty);
        let mut run: Option<String> = None;
        let mut failures = 0;
        loop {
            let mut arguments = call.arguments.clone();
            if let Some(run) = &run {
                operated.resumed += 1;
                arguments.extend(["--resume".to_owned(), run.clone()]);
            }
            // Whether a failure happened without faults is decided by the state at the call's beginning.
            let is_peace = self.is_over();
            let running = self.program.start(self.number, &arguments, is_faulty)?;
            is_faulty = false;
            let ended = running.end(kill_after.take())?;
            match next(call.command, &ended) {
                Next::Done { is_well } => {
                    operated.unwell += usize::from(!is_well);
                    operated.count(call.command, &ended.last);
                    return Ok(());
                }
                Next::Killed => operated.killed += 1,
                Next::Failed { code } => {
                    let how = format!("{}, exit code {code}", call.command.name());
                    *operated.failed.entry(how).or_default() += 1;
                    failures += usize::from(is_peace);
                }
            }
            if failures > FAILURES_MAX {
                return Err(Problem::process("it", ended.complaint));
            }
            run = match ended.code {
                // It has finished, or met what it can't do: if it were resumed, it would say the same.
                Some(PARTLY) => None,
                _ => ended.run.or(run),
            };
            std::thread::sleep(AGAIN_AFTER);
        }
    }
}

/// The meaning of an ended process for its call.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Done { is_well: bool },
    Killed,
    Failed { code: i32 },
}

fn next(command: Command, ended: &Ended) -> Next {
    match ended.code {
        None => Next::Killed,
        Some(0) => Next::Done { is_well: true },
        // A finding of reconcile is no failure of the program, and reconcile's schedule repeats it.
        Some(PARTLY) if command == Command::Reconcile => Next::Done { is_well: false },
        Some(code) => Next::Failed { code },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_known_by_the_line_with_which_it_begins_also_if_it_is_killed_in_the_midst_of_a_line()
    {
        let said = "{\"begun\":\"import-platform-test-1\"}\n{\"key\":\"k\",\"change\":\"made\"}\n{\"key\":\"k2\",\"ch";
        let ended = Ended::of(None, said, "");
        assert_eq!(ended.run.as_deref(), Some("import-platform-test-1"));
        assert_eq!(ended.last["change"], "made");
        assert_eq!(next(Command::Import, &ended), Next::Killed);
        assert_eq!(Ended::of(Some(1), "", "sluice: no answer\n").run, None);
    }

    #[test]
    fn the_kinds_are_those_that_the_program_offers_and_none_where_it_says_something_else() {
        let said = "error: invalid value '?' for '--kind <KIND>'\n  [possible values: charge, payment-intent]\n\nFor more";
        let kinds = ["charge", "payment-intent"].map(str::to_owned);
        assert_eq!(kinds_in(said), Some(kinds.to_vec()));
        assert_eq!(kinds_in("sluice: no answer"), None);
    }

    #[test]
    fn only_what_reconcile_found_is_no_failure_to_make_good() {
        let ended = |code| Ended::of(Some(code), "", "");
        let done = |is_well| Next::Done { is_well };
        assert_eq!(next(Command::Rebuild, &ended(0)), done(true));
        assert_eq!(next(Command::Reconcile, &ended(4)), done(false));
        for command in [Command::Import, Command::Rebuild] {
            assert_eq!(next(command, &ended(4)), Next::Failed { code: 4 });
        }
        let failed = next(Command::Reconcile, &ended(1));
        assert_eq!(failed, Next::Failed { code: 1 });
    }

    #[test]
    fn what_operators_did_is_added_up() {
        let said =
            json!({ "import": { "looked": 9, "counts": { "made": 3, "changed": 2, "same": 4 } } });
        let mut all = Operated::default();
        for _ in 0..2 {
            let mut one = Operated {
                killed: 1,
                ..Operated::default()
            };
            one.count(Command::Import, &said);
            all.add(one);
        }
        let expected = Operated {
            calls: [("import", 2)].into(),
            looked: 18,
            written: 10,
            killed: 2,
            ..Operated::default()
        };
        assert_eq!(all, expected);
    }
}
