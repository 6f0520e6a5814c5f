//! A new secret, as an operator enters it: typed without being shown, or read from standard input.

use std::io::{IsTerminal, Read, Write};
use std::process::{Command, Stdio};

use sluice_operations::problem::Problem;
use sluice_operations::secrets::{CHARS_MAX, checked};

/// The new secret, typed without being shown or read from standard input.
pub(super) fn new_secret(name: &str) -> Result<String, Problem> {
    let stdin = std::io::stdin();
    let text = if stdin.is_terminal() {
        unseen(&format!(
            "The new signing secret of {name} (whsec_…, it isn't shown): "
        ))?
    } else {
        let mut text = String::new();
        // It reads one byte more than is allowed, so that a longer text is noticed.
        let most = u64::try_from(CHARS_MAX * 4).unwrap_or(u64::MAX);
        stdin.take(most + 1).read_to_string(&mut text)?;
        text
    };
    checked(&text)
}

/// Asks on the terminal without showing what is typed.
fn unseen(question: &str) -> Result<String, Problem> {
    let echo = |how: &str| {
        let set = Command::new("stty")
            .arg(how)
            .stdin(Stdio::inherit())
            .status();
        set.is_ok_and(|status| status.success())
    };
    if !echo("-echo") {
        return Err(Problem::failed(
            "the terminal can't be kept from showing it: give it on standard input",
        ));
    }
    let mut stderr = std::io::stderr();
    let asked = stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush());
    let mut text = String::new();
    let read = std::io::stdin().read_line(&mut text);
    echo("echo");
    anstream::eprintln!();
    asked?;
    read?;
    Ok(text)
}
