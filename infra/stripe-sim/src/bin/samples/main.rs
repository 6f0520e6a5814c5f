//! `samples`: writes the sample events of `tests/events`; with `--check` it says whether they are current.
//!
//! The simulated Stripe plays the stories of `stories.rs` from a fixed seed. What it sends becomes
//! `stripe/<name>.json`; `lambda/<name>.json` is what AWS would then pass to the functions. The program reads no clock,
//! and writes the same bytes on every machine.

mod lambda;
mod stories;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

/// Samples that no simulation sends are written by hand: an unknown type, object and API version, with numbers and text
/// that are easy to damage.
const BY_HAND: &str = "stripe/galaxy.moved.json";

#[derive(Parser)]
#[command(about = "Writes the sample events of tests/events")]
struct Arguments {
    /// Write nothing; fail if a file isn't what would be written.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/events");
    match run(&folder, arguments.check) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("samples: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path, check: bool) -> Result<ExitCode, String> {
    let files = files()?;
    let stale = stale(folder, &files)?;
    if check {
        for path in &stale {
            eprintln!("tests/events/{path} isn't what the simulated Stripe sends: see README.md");
        }
        return Ok(ExitCode::from(u8::from(!stale.is_empty())));
    }
    for path in &stale {
        let place = folder.join(path);
        let done = match files.get(path) {
            Some(body) => fs::write(&place, body),
            None => fs::remove_file(&place),
        };
        done.map_err(|error| format!("{}: {error}", place.display()))?;
    }
    println!(
        "{} samples, {} written or removed",
        files.len(),
        stale.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// Every file: its path below `tests/events`, and its bytes.
fn files() -> Result<BTreeMap<String, Vec<u8>>, String> {
    let samples = stories::samples()?;
    let lambda = lambda::files(&samples)?;
    let below = |folder: &'static str| move |(name, body)| (format!("{folder}/{name}.json"), body);
    Ok(samples
        .into_iter()
        .map(below("stripe"))
        .chain(lambda.into_iter().map(below("lambda")))
        .collect())
}

/// The paths of files that are missing, differ from what would be written, or shouldn't exist.
fn stale(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<String>, String> {
    let mut stale = Vec::new();
    for (path, body) in files {
        if fs::read(folder.join(path)).ok().as_ref() != Some(body) {
            stale.push(path.clone());
        }
    }
    for name in ["stripe", "lambda"] {
        let unreadable = |error| format!("tests/events/{name}: {error}");
        for file in fs::read_dir(folder.join(name)).map_err(unreadable)? {
            let path = file.map_err(unreadable)?.path();
            let path = relative(&path, folder);
            if path.ends_with(".json") && path != BY_HAND && !files.contains_key(&path) {
                stale.push(path);
            }
        }
    }
    Ok(stale)
}

fn relative(path: &Path, folder: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// A text file ends with a line break.
fn ended(mut text: Vec<u8>) -> Vec<u8> {
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_changed_or_too_many_is_stale_and_one_written_by_hand_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let put = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("made");
            fs::write(path, text).expect("written");
        };
        let files = ["stripe/a.json", "stripe/b.json", "lambda/c.json"];
        let files: BTreeMap<_, _> = files.map(|path| (path.to_owned(), b"{}".to_vec())).into();
        put("stripe/a.json", "{}");
        put("stripe/b.json", "{ }");
        put("stripe/d.json", "{}");
        put(BY_HAND, "{}");
        put("lambda/notes.txt", "");
        let stale = stale(folder, &files).expect("readable");
        assert_eq!(stale, ["lambda/c.json", "stripe/b.json", "stripe/d.json"]);
    }
}
