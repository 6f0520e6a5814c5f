//! The result of a comparison: counts by type, what only one of the two has seen, and what differs.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::compare::{Known, Verdict};

/// Counts of one type, or of all.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    verdicts: [usize; 5],
    /// Events that both have seen and that differ.
    pub differ: usize,
    /// Events that are here and not applied.
    pub stuck: usize,
}

impl Counts {
    /// Events with this verdict.
    pub fn of(&self, verdict: Verdict) -> usize {
        self.verdicts[verdict as usize]
    }

    /// Events that are missing here.
    pub fn missing(&self) -> usize {
        self.of(Verdict::OnlyTheirs) + self.of(Verdict::Neither)
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for verdict in Verdict::ALL {
            map.serialize_entry(verdict.as_str(), &self.of(verdict))?;
        }
        map.serialize_entry("differ", &self.differ)?;
        map.serialize_entry("stuck", &self.stuck)?;
        map.end()
    }
}

/// An event that there is something to say about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its id.
    pub event: String,
    /// Its type, or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who has seen it.
    #[serde(rename = "seen_by")]
    pub verdict: Verdict,
    /// What differs, in words.
    #[serde(rename = "differs")]
    pub differences: Vec<String>,
    /// What prevents it from being applied, in words.
    pub stuck: Option<String>,
    /// The best of their answers.
    pub answered_there: Option<u16>,
    /// How often their file names it.
    pub deliveries_there: Option<usize>,
    /// How many endpoints haven't taken it, by Stripe's count.
    pub pending_webhooks: Option<u64>,
    /// A sentence that says that they refused it.
    #[serde(skip)]
    pub refused: Option<String>,
}

impl Row {
    /// Whether it is a reason not to switch.
    pub fn is_trouble(&self) -> bool {
        self.verdict.is_trouble() || !self.differences.is_empty() || self.stuck.is_some()
    }
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Shadow {
    /// The window's beginning, in Unix seconds of Stripe's `created`, included.
    pub from_s: i64,
    /// The window's end, not included.
    pub to_s: i64,
    /// `live` or `test`.
    pub mode: &'static str,
    /// Counts of all types.
    pub counts: Counts,
    /// Counts by type.
    pub types: BTreeMap<String, Counts>,
    /// The events that their file names.
    pub named_by_file: Option<usize>,
    /// The lines of their file that name no event.
    pub lines_without_event: Option<usize>,
    /// The events that Stripe lists, if it was asked.
    pub listed_by_stripe: Option<usize>,
    /// Events of their file that were not made in the window, or have another mode or type.
    pub beyond_the_window: usize,
    /// What else an operator should know.
    pub remarks: Vec<String>,
    /// The events that there is something to say about, in the order of their ids.
    #[serde(skip)]
    pub rows: Vec<Row>,
}

impl Shadow {
    /// Adds an event.
    pub(super) fn add(
        &mut self,
        id: &str,
        known: &Known<'_>,
        is_subscribed: impl Fn(&str) -> bool,
    ) {
        let row = Row {
            event: id.to_owned(),
            kind: known.kind().unwrap_or("unknown").to_owned(),
            verdict: known.verdict(is_subscribed),
            differences: known.differences(),
            stuck: known.stuck(),
            answered_there: known.theirs.and_then(|theirs| theirs.status),
            deliveries_there: known.theirs.map(|theirs| theirs.deliveries),
            pending_webhooks: known.listed.and_then(|listed| listed.pending_webhooks),
            refused: known.refused(),
        };
        let of_type = self.types.entry(row.kind.clone()).or_default();
        for counts in [of_type, &mut self.counts] {
            counts.verdicts[row.verdict as usize] += 1;
            counts.differ += usize::from(!row.differences.is_empty());
            counts.stuck += usize::from(row.stuck.is_some());
        }
        if row.verdict != Verdict::Both || row.is_trouble() {
            self.rows.push(row);
        }
    }

    /// Why not to switch yet, in words.
    pub fn trouble(&self) -> Option<String> {
        let Counts { differ, stuck, .. } = self.counts;
        let missing = self.counts.missing();
        (missing + differ + stuck > 0).then(|| {
            format!("{missing} missing here, {differ} differ, {stuck} are here and not applied")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::compare::{Listed, Ours};
    use super::*;

    #[test]
    fn events_are_counted_by_type_and_those_that_both_have_are_not_listed() {
        let ours = Ours {
            kind: "charge.refunded".to_owned(),
            livemode: Some(true),
            api_version: None,
            state: "published".to_owned(),
            outcome: None,
            code: None,
        };
        let listed = |pending| Listed {
            kind: "charge.refunded".to_owned(),
            pending_webhooks: Some(pending),
        };
        let mut shadow = Shadow::default();
        for (id, ours, pending) in [("evt_1", Some(&ours), 0), ("evt_2", None, 2)] {
            let known = Known {
                ours,
                theirs: None,
                listed: Some(&listed(pending)),
                has_file: false,
            };
            shadow.add(id, &known, |_| true);
        }
        let counts = json!({
            "both": 1, "only_ours": 0, "only_theirs": 0, "neither": 1, "not_subscribed": 0, "differ": 0, "stuck": 0,
        });
        assert_eq!(json!(shadow)["counts"], counts);
        assert_eq!(json!(shadow)["types"], json!({ "charge.refunded": counts }));
        assert_eq!(
            json!(shadow.rows),
            json!([{
                "event": "evt_2", "type": "charge.refunded", "seen_by": "neither", "differs": [], "stuck": null,
                "answered_there": null, "deliveries_there": null, "pending_webhooks": 2,
            }])
        );
        let trouble = shadow.trouble().expect("one is missing");
        assert!(trouble.starts_with("1 missing here"), "{trouble}");
    }
}
