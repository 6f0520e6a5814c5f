//! The functions' binaries: built by one `cargo build`, or found in an unpacked archive.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::problem::Problem;
use crate::template;

/// The binaries that the main template names in its metadata.
///
/// # Errors
/// If there is no template at the root, or one of its functions names no binary.
pub fn names(root: &Path) -> Result<Vec<String>, Problem> {
    let path = root.join("template.yaml");
    let text = std::fs::read_to_string(&path).map_err(|error| Problem::file(&path, error))?;
    template::binaries(&template::read(&text)?)
}

/// Name of a binary → its file.
pub type Binaries = BTreeMap<String, PathBuf>;

/// Names the profile that functions are built in, if it isn't cargo's `dev`: `faults` of `Cargo.toml` is `release` with
/// the faults that tests inject.
const PROFILE: &str = "SLUICE_PROFILE";

/// Builds the functions for this machine, in the development profile or in the one that the environment's
/// `SLUICE_PROFILE` names. Cargo's own messages go to standard error.
///
/// # Errors
/// When the template can't be read, or cargo fails.
pub fn functions(root: &Path) -> Result<Binaries, Problem> {
    let names = names(root)?;
    binaries(root, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The same for these binaries, e.g. of a receiver that has a template of its own.
///
/// # Errors
/// When cargo fails.
pub fn binaries(root: &Path, names: &[&str]) -> Result<Binaries, Problem> {
    let failed = |error: &dyn std::fmt::Display| Problem::process("cargo build", error);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Binaries and not packages: then the features are the whole workspace's, so this build shares its dependencies
    // with `cargo lambda watch` and `cargo build`.
    let wanted = names.iter().flat_map(|name| ["--bin", name]);
    let profile = std::env::var(PROFILE).unwrap_or_else(|_| "dev".to_owned());
    let mut build = Command::new(cargo);
    // Cargo sets these variables for a test of its package. Crates that read them (ring, and all that depends on it)
    // would be compiled again here, and once more at the next `cargo test`.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&*name);
        }
    }
    let mut child = build
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--message-format",
            "json-render-diagnostics",
            "--profile",
            &profile,
        ])
        .args(wanted)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let output = child.stdout.take().ok_or_else(|| failed(&"no output"))?;
    let mut binaries = Binaries::new();
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| failed(&error))?;
        if let Some((name, path)) = binary(&line) {
            binaries.insert(name, path);
        }
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    if !status.success() {
        return Err(failed(&status));
    }
    match names.iter().find(|name| !binaries.contains_key(**name)) {
        Some(missing) => Err(failed(&format!("no binary {missing}"))),
        None => Ok(binaries),
    }
}

/// The functions of a release's unpacked archive, where `infra/deploy/release.py` puts them. Nothing is compiled.
///
/// # Errors
/// When one is missing, or the template can't be read.
pub fn prebuilt(root: &Path) -> Result<Binaries, Problem> {
    let place = |name: &str| root.join("functions").join(name).join("bootstrap");
    let found = names(root)?.into_iter().map(|name| {
        let path = place(&name);
        if path.is_file() {
            Ok((name, path))
        } else {
            Err(Problem::file(
                &path,
                "isn't there; unpack the archive as a whole, and run it from its own folder",
            ))
        }
    });
    found.collect()
}

/// The binary that a line of cargo's messages is about.
fn binary(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message["executable"].as_str()?;
    let is_binary = message["target"]["kind"]
        .as_array()?
        .iter()
        .any(|kind| kind == "bin");
    is_binary.then(|| {
        Some((
            message["target"]["name"].as_str()?.to_owned(),
            PathBuf::from(path),
        ))
    })?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_unpacked_archive_gives_every_function_or_names_the_one_that_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let functions = names(&crate::stack::root()).expect("the project's template");
        let template = crate::stack::root().join("template.yaml");
        std::fs::copy(template, folder.path().join("template.yaml")).expect("a template");
        for name in &functions {
            let code = folder.path().join("functions").join(name);
            std::fs::create_dir_all(&code).expect("a folder");
            std::fs::write(code.join("bootstrap"), name).expect("a file");
        }
        let found = prebuilt(folder.path()).expect("all of them");
        assert!(found.keys().eq(functions.iter().collect::<BTreeSet<_>>()));
        assert!(found["billing"].ends_with("functions/billing/bootstrap"));

        std::fs::remove_file(&found["billing"]).expect("it was there");
        let problem = prebuilt(folder.path()).expect_err("one is missing");
        let said = problem.to_string();
        assert!(said.contains("functions/billing/bootstrap: isn't there; unpack the archive"));
    }

    #[test]
    fn binaries_are_read_from_cargo_s_messages_and_other_lines_are_passed_over() {
        let line = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"ingest"},"executable":"/t/ingest"}"#;
        assert_eq!(
            binary(line),
            Some(("ingest".to_owned(), PathBuf::from("/t/ingest")))
        );
        let library = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"ingest"},"executable":null}"#;
        assert_eq!(binary(library), None);
        assert_eq!(binary("warning: something"), None);
    }
}
