//! The files under `tests/goldens`: compared, or written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sluice_local::stack::root;

/// The most files and the most lines of a file that a failure shows.
const SHOWN_MAX: usize = 5;

/// The most characters of a line that are shown, from shortly before where it differs.
const WIDTH: usize = 160;

/// Path below the folder → content.
pub(super) type Goldens = BTreeMap<String, String>;

/// Compares with the files in this folder of `tests/goldens`, or with `SLUICE_GOLDENS=write` replaces them.
pub(super) fn check(folder: &str, goldens: &Goldens) {
    let path = root().join("tests/goldens").join(folder);
    if std::env::var("SLUICE_GOLDENS").is_ok_and(|value| value == "write") {
        return write(&path, goldens);
    }
    let stored = read(&path, &path);
    let names: std::collections::BTreeSet<_> = stored.keys().chain(goldens.keys()).collect();
    let differing = names.into_iter().filter_map(|name| {
        let difference = difference(stored.get(name), goldens.get(name))?;
        Some(format!("{folder}/{name}:\n{difference}"))
    });
    let differing: Vec<_> = differing.collect();
    let count = differing.len();
    let shown = differing[..count.min(SHOWN_MAX)].join("\n");
    assert!(
        differing.is_empty(),
        "{count} files differ from tests/goldens:\n{shown}\nIf that is meant: \
         SLUICE_GOLDENS=write cargo test --locked --workspace --test it goldens"
    );
}

fn write(path: &Path, goldens: &Goldens) {
    // A file that is no longer produced is deleted.
    if path.exists() {
        fs::remove_dir_all(path).expect("removed");
    }
    for (name, content) in goldens {
        let file = path.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, content).expect("written");
    }
}

fn read(top: &Path, folder: &Path) -> Goldens {
    let mut found = Goldens::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path: PathBuf = entry.expect("readable").path();
        if path.is_dir() {
            found.append(&mut read(top, &path));
        } else {
            let name = path.strip_prefix(top).expect("below").to_string_lossy();
            let content = fs::read_to_string(&path).expect("readable");
            found.insert(name.into_owned(), content);
        }
    }
    found
}

/// The first lines that differ; `None` if none does.
fn difference(stored: Option<&String>, found: Option<&String>) -> Option<String> {
    let (stored, found) = match (stored, found) {
        (Some(stored), Some(found)) => (stored, found),
        (Some(_), None) => return Some("  isn't made any more".to_owned()),
        (None, _) => return Some("  is new".to_owned()),
    };
    if stored == found {
        return None;
    }
    let (mut old, mut new) = (stored.lines(), found.lines());
    let mut shown = Vec::new();
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (old, new) if old == new => {}
            (old, new) => {
                let [old, new] = [old, new].map(Option::unwrap_or_default);
                let alike = old.chars().zip(new.chars()).take_while(|(a, b)| a == b);
                let from = alike.count().saturating_sub(WIDTH / 4);
                let part = |line: &str| line.chars().skip(from).take(WIDTH).collect::<String>();
                shown.push(format!(
                    "  line {number}, from character {}\n  - {}\n  + {}",
                    from + 1,
                    part(old),
                    part(new)
                ));
            }
        }
        if shown.len() == SHOWN_MAX {
            break;
        }
    }
    Some(shown.join("\n"))
}

#[test]
fn a_difference_is_shown_by_its_first_lines_and_where_there_is_none_nothing_is() {
    let [one, other] = ["a\nb\nc\n", "a\nx\nc\n"].map(str::to_owned);
    assert_eq!(difference(Some(&one), Some(&one)), None);
    let shown = difference(Some(&one), Some(&other)).expect("a difference");
    assert_eq!(shown, "  line 2, from character 1\n  - b\n  + x");
    assert!(difference(None, Some(&one)).is_some_and(|it| it.contains("new")));
    assert!(difference(Some(&one), None).is_some());
}
