//! The operator's program: its output and exit code for a list of calls; and its help.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::files::{Goldens, check};
use super::placeholders::Placeholders;
use crate::replay::{PROGRAM, program};
use crate::world::World;

/// The output forms in which a call is made: once is enough for a call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people, then as JSON.
    Both,
    /// For people.
    Words,
    /// As JSON.
    Json,
}

/// A call: the file's name, the arguments separated by spaces, and standard input.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) args: Vec<String>,
    pub(super) input: String,
}

/// A call with these space-separated arguments.
pub(super) fn call(name: &'static str, form: Form, args: &str) -> Call {
    Call {
        name,
        form,
        args: args.split_whitespace().map(str::to_owned).collect(),
        input: String::new(),
    }
}

impl Call {
    pub(super) fn with_input(self, input: &str) -> Self {
        Self {
            input: input.to_owned(),
            ..self
        }
    }

    /// Makes the call in each of its forms.
    pub(super) fn make(&self, world: &World, placeholders: &Placeholders) -> String {
        let forms: &[&str] = match self.form {
            Form::Both => &["", "--json"],
            Form::Words => &[""],
            Form::Json => &["--json"],
        };
        let made = forms.iter().map(|form| {
            let mut args: Vec<&str> = self.args.iter().map(String::as_str).collect();
            args.extend((!form.is_empty()).then_some(*form));
            let mut output = with_input(&mut program(world, &args), &self.input);
            if self.name.contains("show") {
                output.stdout = sorted_steps(&String::from_utf8_lossy(&output.stdout)).into_bytes();
            }
            let said = format!("$ sluice {}\n", args.join(" "));
            placeholders.apply(&said) + &text(&output, form.is_empty(), placeholders)
        });
        made.collect()
    }
}

/// An event's steps sorted by their text: ingest logs its own while the domain works.
fn sorted_steps(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut story: Value = serde_json::from_str(line).ok()?;
        let steps = story["steps"].as_array_mut()?;
        steps.sort_by_key(|step| ["place", "what", "code"].map(|name| step[name].to_string()));
        Some(story.to_string())
    });
    let lines = lines.zip(text.lines());
    let lines: Vec<_> = lines
        .map(|(sorted, line)| sorted.unwrap_or_else(|| line.to_owned()))
        .collect();
    // For people a step is a line that begins with its time.
    let is_step = |line: &&String| line.starts_with("20") && line.get(10..11) == Some("T");
    let mut steps: Vec<_> = lines.iter().filter(is_step).collect();
    steps.sort_by_key(|line| {
        line.split_once(' ')
            .map(|(_, said)| said.trim_start().to_owned())
    });
    let mut steps = steps.into_iter();
    let lines = lines.iter().map(|line| match is_step(&line) {
        true => steps.next().unwrap_or(line),
        false => line,
    });
    lines.map(|line| line.to_owned() + "\n").collect()
}

fn with_input(command: &mut Command, input: &str) -> Output {
    let command = usual(command).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    // A call that reads nothing may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// The same environment on every machine.
fn usual(command: &mut Command) -> &mut Command {
    for variable in [
        "COLUMNS",
        "SLUICE_STACK",
        "AWS_PROFILE",
        "AWS_REGION",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(variable);
    }
    command.env("USER", "operator")
}

/// The exit code and what was printed.
fn text(output: &Output, is_words: bool, placeholders: &Placeholders) -> String {
    let code = output
        .status
        .code()
        .map_or("none".to_owned(), |it| it.to_string());
    let mut text = format!("== exit code: {code}\n");
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let printed = String::from_utf8_lossy(bytes);
        let printed = match is_words || name == "stderr" {
            true => placeholders.apply_to_words(&printed),
            false => placeholders.apply(&printed),
        };
        if !printed.is_empty() {
            text.push_str(&format!("== {name}\n{printed}"));
        }
    }
    text
}

/// Makes the calls one after the other.
pub(super) fn make_all(world: &World, placeholders: &Placeholders, calls: &[Call]) -> Goldens {
    let made = calls.iter().map(|call| {
        let file = format!("commands/{}.txt", call.name);
        (file, call.make(world, placeholders))
    });
    made.collect()
}

/// The first lines of a call that doesn't end by itself.
pub(super) fn begin(
    world: &World,
    args: &[&str],
    lines: usize,
    placeholders: &Placeholders,
) -> String {
    let mut command = program(world, args);
    let mut child = usual(&mut command)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let printed: Vec<String> = stdout
        .lines()
        .take(lines)
        .map(|line| line.expect("text"))
        .collect();
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    let printed = printed.join("\n");
    let printed = match args.contains(&"--json") {
        true => placeholders.apply(&printed) + "\n",
        false => placeholders.apply_to_words(&printed),
    };
    format!(
        "$ sluice {}\n== stdout, its first {lines} lines\n{printed}",
        args.join(" ")
    )
}

/// The help of a command and of those below it.
fn help(path: &[String], goldens: &mut Goldens) {
    let mut command = Command::new(PROGRAM.path());
    let output = usual(command.args(path).arg("--help")).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{path:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // Deeper lines continue the text of the command above.
    let commands = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for command in commands.filter(|it| !it.is_empty() && *it != "help") {
        help(&[path, &[command.to_owned()]].concat(), goldens);
    }
    let name = [&["sluice".to_owned()], path].concat().join("-");
    goldens.insert(format!("{name}.txt"), text);
}

#[test]
fn the_help_of_every_command_is_as_it_was() {
    let mut goldens = Goldens::new();
    help(&[], &mut goldens);
    assert!(goldens.len() > 25, "{:?}", goldens.keys());
    check("help", &goldens);
}
