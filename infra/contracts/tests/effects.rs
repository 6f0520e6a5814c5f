//! Each kind of effect that a domain's code names has a schema and a line in the catalogue, and the other way round.
//!
//! The kinds are read from the source. A test that runs a domain sees only the effects of the events that it plays, and no
//! story has the types of a new domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use sluice_effects::{SCHEMAS, types};

const CATALOGUE: &str = include_str!("../README.md");

/// Texts in the domains' code that look like a kind and are none.
const NO_KINDS: [&str; 0] = [];

/// What the code names as a kind of effect: texts in `CamelCase`, and whatever stands after `kind:`.
fn kinds(source: &str) -> BTreeSet<String> {
    // A module of tests ends the file.
    let source = source.split("#[cfg(test)]\nmod tests {").next();
    let lines = source.unwrap_or_default().lines();
    let mut found = BTreeSet::new();
    for line in lines.filter(|line| !line.trim_start().starts_with("//")) {
        let mut before = "";
        for (index, part) in line.split('"').enumerate() {
            let is_named = before.trim_end().ends_with("kind:");
            if index % 2 == 1 && (is_named || is_camel_case(part)) && !NO_KINDS.contains(&part) {
                found.insert(part.to_owned());
            }
            before = part;
        }
    }
    found
}

fn is_camel_case(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.contains(|other: char| other.is_ascii_lowercase())
        && text.chars().all(|one| one.is_ascii_alphanumeric())
}

/// What each domain's code names, without its tests.
fn emitted() -> BTreeMap<&'static str, BTreeSet<String>> {
    let domains: BTreeSet<_> = types().map(|(.., place)| place).collect();
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    let of = |domain| {
        let mut found = BTreeSet::new();
        read(&functions.join(domain).join("src"), &mut found);
        (domain, found)
    };
    let domains = domains.into_iter().filter(|domain| *domain != "ledger");
    domains.map(of).collect()
}

fn read(folder: &Path, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let path = entry.expect("an entry of the folder").path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            read(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(kinds(&fs::read_to_string(&path).expect("source is text")));
        }
    }
}

/// The kinds and classes of the catalogue's table.
fn catalogue(page: &str) -> BTreeMap<&str, &str> {
    let rows = page.lines().filter_map(|line| {
        let mut columns = line.strip_prefix("| `")?.split('|').map(str::trim);
        let (kind, class) = (columns.next()?.strip_suffix('`')?, columns.next()?);
        ["fact", "level"].contains(&class).then_some((kind, class))
    });
    rows.collect()
}

#[test]
fn every_kind_that_a_domain_emits_has_a_schema() {
    for (domain, kinds) in emitted() {
        for kind in kinds {
            assert!(
                SCHEMAS.iter().any(|(known, _)| *known == kind),
                "{domain} names {kind:?}: is it an effect without a schema in `schemas!`? If it is none, name it in NO_KINDS"
            );
        }
    }
}

#[test]
fn every_schema_is_of_a_kind_that_one_domain_emits() {
    let emitted = emitted();
    for (kind, _) in SCHEMAS {
        let by = emitted.iter().filter(|(_, kinds)| kinds.contains(*kind));
        let by: Vec<_> = by.map(|(domain, _)| *domain).collect();
        assert_eq!(by.len(), 1, "{kind} is emitted by {by:?}");
    }
}

#[test]
fn the_catalogue_has_a_line_of_each_kind_with_its_class() {
    let of_schemas = SCHEMAS.iter().map(|(kind, text)| {
        let schema: Value = serde_json::from_str(text).expect("a schema is JSON");
        let class = schema["properties"]["class"]["const"].as_str();
        (*kind, class.expect("a class").to_owned())
    });
    let of_schemas: BTreeMap<_, _> = of_schemas.collect();
    let of_catalogue = catalogue(CATALOGUE).into_iter();
    let of_catalogue: BTreeMap<_, _> = of_catalogue
        .map(|(kind, class)| (kind, class.to_owned()))
        .collect();
    assert_eq!(of_catalogue, of_schemas);
}

#[test]
fn kinds_are_found_however_they_are_named_and_nothing_else_is() {
    let source = r#"
        //! "InAComment".
        const PAID: &str = "QuotePaid";
        let kind = match status { "accepted" => "QuoteAccepted", _ => "quote.canceled" };
        Level { kind: "quote_open", key: "txr_1" }
        Fault::reject("quotes.unread", "No such quote, DE or EUR: a \"word\"")
"#;
    let tests = "#[cfg(test)]\nmod tests {\n    \"InATest\"\n}\n";
    let found: Vec<_> = kinds(&format!("{source}{tests}")).into_iter().collect();
    assert_eq!(found, ["QuoteAccepted", "QuotePaid", "quote_open"]);
    assert_eq!(
        catalogue("| `A` | fact | x |\n| `b` | counts |\nC | level |\n"),
        BTreeMap::from([("A", "fact")])
    );
}
