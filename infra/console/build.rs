//! Takes the beginning of each runbook into the console: what a code means, and what to do.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The parts of a runbook that the console shows.
const PARTS: [&str; 2] = ["It means", "Do"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../runbooks");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // The index is no runbook.
        if name.contains('.') {
            let text = fs::read_to_string(&path)?;
            println!("cargo::rerun-if-changed={}", path.display());
            pages.push((name.to_owned(), PARTS.map(|part| paragraph(&text, part))));
        }
    }
    pages.sort();
    let mut code = format!("const PAGES: [(&str, [&str; 2]); {}] = [\n", pages.len());
    for (name, [means, todo]) in &pages {
        writeln!(code, "    ({name:?}, [{means:?}, {todo:?}]),")?;
    }
    code.push_str("];\n");
    let to = Path::new(&env::var("OUT_DIR")?).join("runbooks.rs");
    Ok(fs::write(to, code)?)
}

/// The text of the paragraph that begins with this in bold, without marks and addresses of links.
fn paragraph(text: &str, part: &str) -> String {
    let start = format!("**{part}.**");
    let found = text.split_once(&start).map(|(_, rest)| rest);
    let found = found
        .unwrap_or_default()
        .split("\n\n")
        .next()
        .unwrap_or_default();
    let words: Vec<_> = found.split_whitespace().collect();
    without_addresses(&words.join(" ")).replace("**", "")
}

/// `[text](address)` as `text`.
fn without_addresses(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let (head, name) = before.rsplit_once('[').unwrap_or((before, ""));
        out.push_str(head);
        out.push_str(name);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}
