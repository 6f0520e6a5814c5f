//! What a team's current endpoint has seen, according to a file: any file that names events, one per line.
//!
//! A line is JSON (`{"id": "evt_…", "status": 200, "type": "…", "api_version": "…", "livemode": true, "created": 1}`,
//! where only the id is required) or text: an export as CSV, or an access log. In text, the first word that is an
//! event's id is the id. A number from 100 to 599 after it is the answer, and a word that is a type of Stripe's is the
//! type. An event that is named several times was delivered several times; it was taken if one of these deliveries was.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_kernel::bus::route::{Route, route};

use crate::problem::Problem;

/// The most events that a file may name.
pub const EVENTS_MAX: usize = 500_000;

/// An event as they have it, if the file says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Theirs {
    /// Its type.
    pub kind: Option<String>,
    /// The version of its body.
    pub api_version: Option<String>,
    /// Its mode.
    pub livemode: Option<bool>,
    /// Unix seconds.
    pub created: Option<i64>,
    /// The best of their answers.
    pub status: Option<u16>,
    /// How often it is named.
    pub deliveries: usize,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// The events that it names, by id.
    pub events: BTreeMap<String, Theirs>,
    /// Lines that name no event.
    pub skipped: usize,
}

/// Reads it, line by line.
///
/// # Errors
/// Why a line can't be read; `Usage` for more events than are held in memory.
pub fn read(lines: impl Iterator<Item = std::io::Result<String>>) -> Result<File, Problem> {
    let mut file = File::default();
    for line in lines {
        let line = line?;
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let Some((id, theirs)) = of_json(line).or_else(|| of_text(line)) else {
            file.skipped += 1;
            continue;
        };
        if file.events.len() >= EVENTS_MAX && !file.events.contains_key(&id) {
            return Err(Problem::Usage(format!(
                "the file names more than {EVENTS_MAX} events: take a shorter time"
            )));
        }
        let known = file.events.entry(id).or_default();
        known.deliveries += 1;
        known.kind = theirs.kind.or(known.kind.take());
        known.api_version = theirs.api_version.or(known.api_version.take());
        known.livemode = theirs.livemode.or(known.livemode);
        known.created = theirs.created.or(known.created);
        known.status = match (known.status, theirs.status) {
            (Some(known), _) if is_taken(known) => Some(known),
            (known, new) => new.or(known),
        };
    }
    Ok(file)
}

/// Whether Stripe counts an answer as delivered.
pub fn is_taken(status: u16) -> bool {
    (200..300).contains(&status)
}

fn is_id(word: &str) -> bool {
    let rest = word.strip_prefix("evt_");
    rest.is_some_and(|rest| {
        rest.len() > 1 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

fn of_json(line: &str) -> Option<(String, Theirs)> {
    let object: Value = serde_json::from_str(line).ok()?;
    let text = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| object[*name].as_str());
        found.next().map(str::to_owned)
    };
    let status = ["status", "answer", "status_code"].iter().find_map(|name| {
        let value = &object[*name];
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        u16::try_from(number?).ok()
    });
    let id = text(&["id", "event", "event_id"]).filter(|id| is_id(id))?;
    Some((
        id,
        Theirs {
            kind: text(&["type"]),
            api_version: text(&["api_version"]),
            livemode: object["livemode"].as_bool(),
            created: object["created"].as_i64(),
            status,
            deliveries: 0,
        },
    ))
}

fn of_text(line: &str) -> Option<(String, Theirs)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut words = line.split(|c| !is_word(c)).filter(|word| !word.is_empty());
    // What comes before the id (a date, an address, a method) says nothing of the event, except perhaps its type.
    let mut theirs = Theirs::default();
    let mut take = |word: &str, with_status: bool| {
        if with_status && theirs.status.is_none() && word.len() == 3 {
            theirs.status = word
                .parse()
                .ok()
                .filter(|status| (100..600).contains(status));
        }
        if theirs.kind.is_none() && route(word) != Route::Unrouted {
            theirs.kind = Some(word.to_owned());
        }
    };
    let id = loop {
        let word = words.next()?;
        match is_id(word) {
            true => break word.to_owned(),
            false => take(word, false),
        }
    };
    words.for_each(|word| take(word, true));
    Some((id, theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> File {
        read(text.lines().map(|line| Ok(line.to_owned()))).expect("read")
    }

    #[test]
    fn ids_csv_access_logs_and_json_are_read() {
        let file = of(
            "id,status,type\nevt_1A\nevt_2A,200,charge.refunded\n\"evt_3A\";\"500\"\n\
            2026-11-24T10:00:00Z 3.18.12.63 POST /hooks charge.succeeded evt_4A 1.204s 503\n\
            {\"id\":\"evt_5A\",\"status\":\"204\",\"type\":\"a.b\",\"api_version\":\"2025-09-30.clover\",\"livemode\":true,\"created\":7}\n\n",
        );
        let theirs = |id: &str| file.events[id].clone();
        assert_eq!(file.skipped, 1, "the heading");
        assert_eq!(theirs("evt_1A").status, None);
        assert_eq!(theirs("evt_2A").status, Some(200));
        assert_eq!(theirs("evt_2A").kind.as_deref(), Some("charge.refunded"));
        assert_eq!(theirs("evt_3A").status, Some(500));
        let logged = theirs("evt_4A");
        assert_eq!(
            (logged.status, logged.kind.as_deref()),
            (Some(503), Some("charge.succeeded"))
        );
        let json = theirs("evt_5A");
        assert_eq!(
            (json.status, json.livemode, json.created),
            (Some(204), Some(true), Some(7))
        );
        assert_eq!(json.api_version.as_deref(), Some("2025-09-30.clover"));
    }

    #[test]
    fn of_several_deliveries_one_that_was_taken_counts() {
        let file = of("evt_1A 500\nevt_1A 200\nevt_1A 500\nevt_2A 500\nevt_2A 502\n");
        assert_eq!(
            (
                file.events["evt_1A"].status,
                file.events["evt_1A"].deliveries
            ),
            (Some(200), 3)
        );
        assert_eq!(file.events["evt_2A"].status, Some(502));
    }

    #[test]
    fn what_names_no_event_is_counted() {
        let file = of("hello\n{}\n[1]\n{\"id\":7}\nevt_\nevt_x\u{301}\n");
        assert_eq!((file.events.len(), file.skipped), (0, 6));
    }
}
