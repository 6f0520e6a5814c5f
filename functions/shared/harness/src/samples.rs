//! The sample events under `tests/events/stripe`.

use std::path::Path;

use serde_json::Value;
use sluice_kernel::event::Event;

use crate::build;

/// The samples with a type that begins with `prefix`: file name without `.json`, and the event as Stripe sends it.
///
/// # Panics
/// If a sample can't be read: the test fails.
pub fn samples(prefix: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/events/stripe");
    let mut samples: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of samples")
        .map(|file| file.expect("readable").path())
        .filter_map(|path| {
            let name = path
                .file_name()?
                .to_str()?
                .strip_suffix(".json")?
                .to_owned();
            let text = std::fs::read_to_string(&path).expect("readable");
            name.starts_with(prefix)
                .then(|| (name, serde_json::from_str(&text).expect("JSON")))
        })
        .collect();
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(!samples.is_empty(), "no sample begins with {prefix}");
    samples
}

/// A sample as a domain sees it: as a live event of the platform.
///
/// # Panics
/// If there is no such sample, or it isn't a snapshot.
pub fn sample(name: &str) -> Event {
    let (_, event) = samples(name)
        .into_iter()
        .find(|(found, _)| found == name)
        .expect("the sample");
    as_event(&event)
}

/// A snapshot as a domain sees it.
///
/// # Panics
/// If it isn't one.
pub fn as_event(snapshot: &Value) -> Event {
    let text = |key: &str| snapshot[key].as_str().expect("a text");
    let created = snapshot["created"].as_i64().expect("a time");
    let mut event = build::event(
        text("id"),
        text("type"),
        created,
        snapshot["data"]["object"].clone(),
    );
    event.previous_attributes = snapshot["data"].get("previous_attributes").cloned();
    event.api_version = snapshot["api_version"].as_str().map(str::to_owned);
    event.request = snapshot["request"]["id"].as_str().map(str::to_owned);
    event
}
