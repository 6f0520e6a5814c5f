//! `sluice verify`: judges signatures from its input, one JSON object per line, with the code that ingest runs.
//!
//! If a line can't be read, its number is printed on standard error and the next line follows. The command then fails.

use std::io::{BufRead, Write, stdin, stdout};

use sluice_stripe::vectors::answer_line;

use sluice_operations::problem::Problem;

/// Answers every line of standard input.
pub(crate) fn run() -> Result<(), Problem> {
    answer_lines(stdin().lock(), stdout().lock(), |problem| {
        eprintln!("sluice: {problem}")
    })
}

fn answer_lines(
    input: impl BufRead,
    mut output: impl Write,
    mut complain: impl FnMut(String),
) -> Result<(), Problem> {
    let mut unreadable = 0_usize;
    for (index, line) in input.lines().enumerate() {
        let number = index + 1;
        let line = line.map_err(|error| Problem::Failed(format!("line {number}: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        match answer_line(&line) {
            Ok(answer) => writeln!(output, "{answer}")?,
            Err(problem) => {
                unreadable += 1;
                complain(format!("line {number}: {problem}"));
            }
        }
    }
    match unreadable {
        0 => Ok(()),
        count => Err(Problem::Partly(format!("{count} lines could not be read"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_answered_and_an_unreadable_one_is_named() {
        let input = concat!(
            r#"{"name":"none","secrets":["whsec_1"],"header_null":true,"header_b64":"","body_b64":"","now":0,"tolerance":300}"#,
            "\n\nnonsense\n",
            r#"{"name":"empty","secrets":[],"header_null":false,"header_b64":"eA==","body_b64":"","now":0,"tolerance":300}"#,
        );
        let (mut output, mut complaints) = (Vec::new(), Vec::new());
        let result = answer_lines(input.as_bytes(), &mut output, |complaint| {
            complaints.push(complaint)
        });
        let output = String::from_utf8(output).expect("text");
        let answers: Vec<_> = output.lines().collect();
        assert_eq!(
            answers[0],
            r#"{"name":"none","verdict":"signature.missing"}"#
        );
        assert_eq!(
            answers[1],
            r#"{"name":"empty","verdict":"signature.malformed"}"#
        );
        assert!(complaints[0].starts_with("line 3: "), "{complaints:?}");
        assert!(result.is_err());
    }
}
