//! The file that describes the running stack, with its URLs, tables and queues: `target/local/stack.json`.

use std::path::{Path, PathBuf};

use sluice_stack::StackInfo;

use crate::problem::Problem;

/// The path of the file.
pub fn path_of(root: &Path) -> PathBuf {
    root.join("target/local/stack.json")
}

/// Reads the file.
///
/// # Errors
/// When there is none.
pub fn read(root: &Path) -> Result<StackInfo, Problem> {
    let path = path_of(root);
    let text = std::fs::read(&path).map_err(|error| {
        Problem::file(
            &path,
            format!(
                "{error}; is the local AWS running? `make run` starts it, or `./run` of a release"
            ),
        )
    })?;
    serde_json::from_slice(&text).map_err(|error| Problem::file(&path, error))
}

/// Writes the file in one step: a reader that sees the file sees all of it.
///
/// # Errors
/// When it can't be written.
pub fn write(info: &StackInfo, root: &Path) -> Result<PathBuf, Problem> {
    let path = path_of(root);
    let text = serde_json::to_string_pretty(info).map_err(|error| Problem::file(&path, error))?;
    let new = path.with_extension("new");
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder).map_err(|error| Problem::file(folder, error))?;
    std::fs::write(&new, text + "\n").map_err(|error| Problem::file(&new, error))?;
    std::fs::rename(&new, &path).map_err(|error| Problem::file(&path, error))?;
    Ok(path)
}
