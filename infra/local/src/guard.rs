//! A process that ends when this program ends, however this program ends.
//!
//! A destructor doesn't run when a process is killed, and asking the kernel to kill a child with its parent takes
//! unsafe code. So a small shell, the guard, starts each server; it holds the reading end of a pipe from us. The kernel
//! closes the writing end when we exit, crash or are killed. Then the guard ends the server, removes its scratch folder
//! and ends what remains of its process group.
//!
//! The guard is in a process group of its own: Ctrl-C at the terminal reaches us, and we choose the order of shutdown.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use crate::problem::Problem;

/// `$1` is the scratch folder, the rest the server and its arguments. A frozen server is resumed so that it can end.
/// Before that it is asked to end its own children, which init would otherwise have to reap.
const SCRIPT: &str = r#"
scratch=$1; shift
trap : HUP INT TERM
exec 3<&0 0</dev/null
"$@" 3<&- &
server=$!
echo "$server" >"$scratch/pid"
(
    cat <&3 >/dev/null
    kill -CONT "$server"
    if [ -f "$scratch/farewell.py" ]; then "${1%/*}/python" "$scratch/farewell.py"; fi
    kill -TERM "$server"
    tries=0
    while [ "$tries" -lt 5 ] && kill -0 "$server"; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$server"
) 2>/dev/null &
while kill -0 "$server" 2>/dev/null; do wait "$server"; done
rm -rf "$scratch"
kill -KILL 0
"#;

/// A guarded process. Dropping it ends the process and waits until it is gone, at most about 3 s.
#[derive(Debug)]
pub struct Guard {
    name: String,
    shell: Child,
    pipe: Option<ChildStdin>,
    scratch: PathBuf,
}

impl Guard {
    /// Starts `program` with exactly the environment that `env` makes, and appends its output to `log`. `env` gets the
    /// process's scratch folder, which is also its `TMPDIR` and is removed with it. `farewell` is a script for the
    /// Python beside the program; it runs before the process is ended, and has to be quick.
    ///
    /// # Errors
    /// When the folder, the log or the process can't be made.
    pub fn start(
        program: &Path,
        args: &[String],
        env: impl FnOnce(&Path) -> Vec<(String, String)>,
        log: &Path,
        farewell: Option<&str>,
    ) -> Result<Self, Problem> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !program.is_file() {
            return Err(Problem::file(
                program,
                "not found; make it with `infra/setup/setup.sh local`",
            ));
        }
        let scratch = tempfile::Builder::new().prefix("sluice-local-").tempdir();
        let scratch = scratch.map_err(|error| Problem::process(&name, error))?;
        if let Some(script) = farewell {
            let path = scratch.path().join("farewell.py");
            std::fs::write(&path, script).map_err(|error| Problem::file(&path, error))?;
        }
        let output = append(log)?;
        let errors = output
            .try_clone()
            .map_err(|error| Problem::file(log, error))?;
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(scratch.path())
            .arg(program)
            .args(args)
            .env_clear()
            .envs(env(scratch.path()))
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| Problem::process(&name, error))?;
        let pipe = shell.stdin.take();
        Ok(Self {
            name,
            shell,
            pipe,
            // From here on the shell removes it.
            scratch: scratch.keep(),
        })
    }

    /// Whether the process has ended without being stopped, and how.
    ///
    /// # Errors
    /// When the system can't say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.shell.try_wait()
    }

    /// The scratch folder, for files of ours that are removed with the process, however we end.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The server's process id.
    ///
    /// # Errors
    /// When it has ended, or has only just been started.
    pub fn pid(&self) -> Result<u32, Problem> {
        let path = self.scratch.join("pid");
        let text = std::fs::read_to_string(&path).map_err(|error| Problem::file(&path, error))?;
        text.trim()
            .parse()
            .map_err(|_| Problem::file(&path, "is not a process id"))
    }

    /// Sends the server a signal: `STOP` freezes it, `CONT` resumes it, `KILL` ends it at once.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&self, signal: &str) -> Result<(), Problem> {
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &self.pid()?.to_string()])
            .status();
        match sent {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Problem::process(
                &self.name,
                format!("signal {signal}: {status}"),
            )),
            Err(error) => Err(Problem::process(&self.name, error)),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It ends itself with its whole group; its exit status doesn't matter.
        let _ = self.shell.wait();
    }
}

fn append(path: &Path) -> Result<File, Problem> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Problem::file(folder, error))?;
    }
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| Problem::file(path, error))
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::time::{Duration, Instant};

    use super::*;

    fn alive(pid: u32) -> bool {
        let sent = Command::new("kill")
            .args(["-0", &pid.to_string()])
            .stderr(Stdio::null())
            .status();
        sent.is_ok_and(|status| status.success())
    }

    fn sleeper() -> (Guard, u32, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder for the log");
        let (guard, pid) = sleeper_in(folder.path());
        (guard, pid, folder)
    }

    /// With its log in this folder.
    fn sleeper_in(folder: &Path) -> (Guard, u32) {
        let sleep = ["/bin/sleep", "/usr/bin/sleep"]
            .map(Path::new)
            .into_iter()
            .find(|path| path.is_file());
        let sleep = sleep.expect("every Unix has sleep");
        let guard = Guard::start(
            sleep,
            &["600".to_owned()],
            |_| Vec::new(),
            &folder.join("log"),
            None,
        )
        .expect("it starts");
        let until = Instant::now() + Duration::from_secs(5);
        let pid = loop {
            match guard.pid() {
                Ok(pid) => break pid,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        (guard, pid)
    }

    #[test]
    fn dropping_the_guard_ends_the_process_and_removes_its_scratch_folder() {
        let (guard, pid, _folder) = sleeper();
        let scratch = guard.scratch.clone();
        assert!(alive(pid) && scratch.is_dir());
        drop(guard);
        assert!(!alive(pid));
        assert!(!scratch.exists());
    }

    #[test]
    fn a_frozen_process_is_ended_too() {
        let (guard, pid, _folder) = sleeper();
        guard.signal("STOP").expect("it is there");
        drop(guard);
        assert!(!alive(pid));
    }

    #[test]
    fn a_process_that_ends_by_itself_is_noticed() {
        let (mut guard, _pid, _folder) = sleeper();
        guard.signal("KILL").expect("it is there");
        let until = Instant::now() + Duration::from_secs(5);
        while guard.ended().expect("the system can say").is_none() {
            assert!(Instant::now() < until, "the guard goes with its process");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Makes a process of this same test the one to be killed, and names its log.
    const VICTIM: &str = "SLUICE_GUARD_VICTIM";

    #[test]
    fn a_process_ends_and_its_scratch_folder_goes_where_its_owner_is_killed() {
        if let Some(folder) = std::env::var_os(VICTIM) {
            let (guard, pid) = sleeper_in(Path::new(&folder));
            println!("\nstarted {pid} {}", guard.scratch().display());
            // Until it is killed. If no test kills it, its owner has ended, and the guard ends it.
            let _ = std::io::stdin().read_line(&mut String::new());
            return;
        }
        let folder = tempfile::tempdir().expect("a folder for the log");
        let name =
            "guard::tests::a_process_ends_and_its_scratch_folder_goes_where_its_owner_is_killed";
        let mut victim = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", name, "--nocapture"])
            .env(VICTIM, folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let said = std::io::BufReader::new(victim.stdout.take().expect("piped"));
        let started = said.lines().find_map(|line| {
            let line = line.ok()?;
            let (pid, scratch) = line.strip_prefix("started ")?.split_once(' ')?;
            Some((pid.parse::<u32>().ok()?, PathBuf::from(scratch)))
        });
        let (pid, scratch) = started.expect("it says so");
        assert!(alive(pid) && scratch.is_dir());
        victim.kill().expect("it is there");
        victim.wait().expect("it ends");
        let until = Instant::now() + Duration::from_secs(30);
        while alive(pid) || scratch.exists() {
            assert!(Instant::now() < until, "{pid} in {}", scratch.display());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
