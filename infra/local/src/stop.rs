//! Signals that end the program in order: Ctrl-C, a polite kill, and the end of the terminal.
//!
//! A program that was started with `nohup` is to survive its terminal. So the end of the terminal counts only if it
//! wasn't ignored when the program started.

use std::io;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

/// The names of the signals as they come, such as `SIGTERM`.
///
/// # Errors
/// If the system doesn't let the program take them.
pub fn signals() -> io::Result<Receiver<&'static str>> {
    let mut taken = vec![SIGINT, SIGTERM];
    if !hangups_are_ignored()? {
        taken.push(SIGHUP);
    }
    let mut signals = Signals::new(taken)?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for signal in signals.forever() {
            // The receiver is dropped only when the program is already ending.
            let _ = sender.send(signal_name(signal).unwrap_or("a signal"));
        }
    });
    Ok(receiver)
}

/// Whether the end of the terminal leaves this program running. Only unsafe code could ask the system. A child has what
/// we have, so one that survives the signal answers.
fn hangups_are_ignored() -> io::Result<bool> {
    let child = Command::new("/bin/sh")
        .args(["-c", "kill -HUP $$"])
        .stdin(Stdio::null())
        .status()?;
    Ok(child.success())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Makes this same test, in a process of its own, say whether it survives its terminal.
    const ASKED: &str = "SLUICE_STOP_ASKED";

    #[test]
    fn a_hangup_ends_the_program_unless_it_was_started_to_ignore_it() {
        if std::env::var_os(ASKED).is_some() {
            println!("\nignored: {}", hangups_are_ignored().expect("a shell"));
            return;
        }
        let program = std::env::current_exe().expect("this program");
        let name = "stop::tests::a_hangup_ends_the_program_unless_it_was_started_to_ignore_it";
        assert!(said(&program, "trap '' HUP; ", name).contains("\nignored: true\n"));
        // Hangups may be ignored where the tests themselves run, and a shell can't undo that.
        if !hangups_are_ignored().expect("a shell") {
            assert!(said(&program, "", name).contains("\nignored: false\n"));
        }
    }

    /// What the test says in a process that a shell has prepared.
    fn said(program: &Path, first: &str, name: &str) -> String {
        let script = format!("{first}exec \"$0\" --exact {name} --nocapture");
        let output = Command::new("/bin/sh")
            .args(["-c", &script])
            .arg(program)
            .env(ASKED, "1")
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
