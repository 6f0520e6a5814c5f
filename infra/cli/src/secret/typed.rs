//! A new secret, as somebody gives it: typed unseen, or from standard input.

use std::io::{IsTerminal, Read, Write};
use std::process::{Command, Stdio};

use sluice_operations::problem::Problem;
use sluice_operations::signing::{PREFIX, is_placeholder};

/// What is longer is no secret of Stripe's but a file that went astray.
const CHARS_MAX: usize = 256;

/// The new secret, typed unseen or from standard input.
pub(super) fn new_secret(name: &str) -> Result<String, Problem> {
    let stdin = std::io::stdin();
    let text = if stdin.is_terminal() {
        unseen(&format!(
            "The new signing secret of {name} (whsec_…, it isn't shown): "
        ))?
    } else {
        let mut text = String::new();
        // One more than is taken, so that what is longer is seen to be.
        let most = u64::try_from(CHARS_MAX * 4).unwrap_or(u64::MAX);
        stdin.take(most + 1).read_to_string(&mut text)?;
        text
    };
    checked(&text)
}

/// What was given, if it may be a secret of Stripe's. Its words quote nothing.
fn checked(text: &str) -> Result<String, Problem> {
    let secret = text.trim();
    let refused = |what: &str| Err(Problem::Usage(format!("that is no signing secret: {what}")));
    match secret {
        "" => refused("it is empty"),
        _ if secret.len() > CHARS_MAX => refused("it is too long"),
        _ if ["sk_", "rk_", "pk_"]
            .iter()
            .any(|it| secret.starts_with(it)) =>
        {
            refused("it is an API key, which belongs into the secret of ApiKeySecretArn")
        }
        _ if !secret.starts_with(PREFIX) => refused("Stripe's begin with whsec_"),
        _ if is_placeholder(secret) => refused("it is a placeholder, or cut"),
        _ => Ok(secret.to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_0123456789abcdefghijklmnopqrstuv";

    #[test]
    fn only_what_may_be_a_secret_of_stripes_is_taken_and_nothing_of_it_is_quoted() {
        assert_eq!(checked(&format!(" {SECRET}\n")).expect("a secret"), SECRET);
        for text in [
            "",
            "whsec_",
            "whsec_…",
            "whsec_any",
            "rk_live_0123456789abcdefghijkl",
            "hello, this is a text",
        ] {
            let said = checked(text).expect_err(text).to_string();
            assert!(
                text.is_empty() || !said.contains(text) || text == "whsec_",
                "{said}"
            );
        }
        let long = format!("{PREFIX}{}", "x".repeat(CHARS_MAX));
        assert!(checked(&long).is_err());
    }
}
