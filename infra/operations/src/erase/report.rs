//! What an erasure found, did, left and could not see.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_adapters::erase::Place;
use sluice_kernel::erase::Belongings;

use super::find::{Found, Mention, Spot, Target, Unseen, object_of};
use super::letters::Looked;
use crate::context::Context;
use crate::output::fields;
use crate::status::depth;
use sluice_operations::problem::Problem;

/// The most of a kind that people are shown; machines are shown all.
const SHOWN_MAX: usize = 20;

/// What no erasure reaches, in words for the person who answers for it.
const NOT_REACHED: &str =
    "an archive, point-in-time recovery, exported logs, and what receivers keep";

/// Something that has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    /// By which it is found again, although what led to it is erased; none of what is found anyway.
    id: Option<String>,
    text: String,
}

impl Wait {
    pub(super) fn of(event: &str, why: &str) -> Self {
        Self {
            id: Some(event.to_owned()),
            text: format!("{event}: {why}"),
        }
    }

    pub(super) fn of_projection(key: &str, why: &str) -> Self {
        Self {
            id: Some(object_of(key).to_owned()),
            text: format!("{key}: {why}"),
        }
    }

    pub(super) fn of_queue(queue: &str, why: &str) -> Self {
        Self {
            id: None,
            text: format!("{queue}: {why}"),
        }
    }
}

/// The report.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) is_done: bool,
    pub(super) bodies: usize,
    pub(super) projections: usize,
    pub(super) letters: usize,
    pub(super) waits: Vec<Wait>,
    found_bodies: Vec<Value>,
    found_projections: Vec<Value>,
    found_letters: Vec<Value>,
    mentions: Vec<Mention>,
    unseen: Vec<Unseen>,
    left: BTreeMap<String, u64>,
    hidden: BTreeMap<String, u64>,
    on_their_way: BTreeMap<String, u64>,
    also_named: Vec<String>,
}

impl Report {
    pub(super) fn of(
        is_done: bool,
        found: &Found,
        belongings: &Belongings,
        looked: &Looked,
    ) -> Self {
        let mut report = Self {
            is_done,
            waits: looked.waits.clone(),
            mentions: [&found.mentions[..], &looked.mentions].concat(),
            unseen: [&found.unseen[..], &looked.unseen].concat(),
            left: looked.left.clone(),
            hidden: looked.hidden.clone(),
            also_named: belongings.also_named().map(str::to_owned).collect(),
            ..Self::default()
        };
        for target in &found.targets {
            match target {
                Target::Body {
                    event,
                    place,
                    kind,
                    object,
                    mode,
                } => {
                    let item = match place {
                        Place::Entry => "entry",
                        Place::Beside(sk) => sk.split('#').next().unwrap_or_default(),
                    };
                    report.found_bodies.push(json!({
                        "event": event, "type": kind, "object": object, "mode": mode, "item": item,
                    }));
                }
                Target::Projection { domain, key, kind } => report
                    .found_projections
                    .push(json!({ "domain": domain, "key": key, "kind": kind })),
            }
        }
        for (queue, letters) in &looked.theirs {
            let rows = letters.iter().map(
                |letter| json!({ "queue": queue, "event": letter.subject, "type": letter.kind }),
            );
            report.found_letters.extend(rows);
        }
        report
    }

    /// Counts the messages that are in the domains' queues just now, and are not looked at.
    pub(super) async fn count_on_their_way(&mut self, context: &Context) -> Result<(), Problem> {
        for domain in context.stack.domains() {
            let Some(url) = context.stack.queues.get(domain) else {
                continue;
            };
            let (waiting, in_flight) = depth(context, url).await?;
            if waiting + in_flight > 0 {
                let count = waiting + in_flight;
                self.on_their_way.insert(domain.to_owned(), count);
            }
        }
        Ok(())
    }

    pub(super) fn print(&self, context: &Context) -> Result<(), Problem> {
        match context.out.is_json() {
            true => context.out.value(&self.json()),
            false => context.out.text(self.text()),
        }
    }

    fn json(&self) -> Value {
        let waits: Vec<_> = self.waits.iter().map(|wait| &wait.text).collect();
        json!({
            "erased": self.is_done, "bodies": self.bodies, "projections": self.projections, "dead_letters": self.letters,
            "waits": waits,
            "found": {
                "bodies": self.found_bodies, "projections": self.found_projections, "dead_letters": self.found_letters,
            },
            "mentions": self.mentions.iter().map(mention).collect::<Vec<_>>(),
            "unseen": self.unseen.iter().map(unseen).collect::<Vec<_>>(),
            "dead_letters_not_looked_at": self.left, "dead_letters_hidden": self.hidden,
            "on_their_way": self.on_their_way, "also_named": self.also_named, "not_reached": NOT_REACHED,
        })
    }

    fn text(&self) -> String {
        let title = if self.is_done {
            "erased"
        } else {
            "would be erased; --yes does it, for good"
        };
        let mut lines = vec![
            ("bodies", self.bodies.to_string()),
            ("projections", self.projections.to_string()),
            ("dead letters", self.letters.to_string()),
        ];
        let words = |names: &'static [&str]| {
            move |row: &Value| {
                let texts = names.iter().filter_map(|name| row[*name].as_str());
                texts.collect::<Vec<_>>().join(" ")
            }
        };
        let body = words(&["event", "type", "object", "mode", "item"]);
        let projection = words(&["domain", "key", "kind"]);
        let letter = words(&["queue", "event", "type"]);
        add(&mut lines, "body", self.found_bodies.iter().map(body));
        let projections = self.found_projections.iter().map(projection);
        add(&mut lines, "projection", projections);
        let letters = self.found_letters.iter().map(letter);
        add(&mut lines, "dead letter", letters);
        let waits = self.waits.iter().map(|wait| wait.text.clone());
        add(&mut lines, "waits", waits);
        add(
            &mut lines,
            "mentions",
            self.mentions.iter().map(mention_words),
        );
        let unseen = self.unseen.iter();
        let unseen = unseen.map(|one| format!("{}: {}", spot(&one.spot).1, one.why));
        add(&mut lines, "not seen", unseen);
        let counts = |counts: &BTreeMap<String, u64>, words: &str| {
            let all = counts.iter();
            let all = all.map(|(queue, count)| format!("{queue}: about {count} {words}"));
            all.collect::<Vec<_>>().into_iter()
        };
        let left = counts(&self.left, "dead letters more than were looked at");
        add(&mut lines, "not seen", left);
        let hidden = "dead letters are hidden by another command; again in five minutes";
        add(&mut lines, "not seen", counts(&self.hidden, hidden));
        let on_their_way = counts(&self.on_their_way, "messages");
        add(&mut lines, "on the way", on_their_way);
        let also = self.also_named.iter();
        let also =
            also.map(|id| format!("{id} is the same customer: give it too, and run it again"));
        add(&mut lines, "also named", also);
        lines.push(("not reached", NOT_REACHED.to_owned()));
        fields(title, &lines)
    }

    /// Done, or what is left to do; `ids` are those that were given.
    pub(super) fn verdict(&self, ids: &[String]) -> Result<(), Problem> {
        let mut parts = Vec::new();
        if !self.waits.is_empty() {
            let mut again: Vec<&str> = ids.iter().map(String::as_str).collect();
            for id in self.waits.iter().filter_map(|wait| wait.id.as_deref()) {
                if !again.contains(&id) {
                    again.push(id);
                }
            }
            parts.push(format!(
                "{} to wait; then: sluice erase {}",
                match self.waits.len() {
                    1 => "1 has".to_owned(),
                    count => format!("{count} have"),
                },
                again.join(" ")
            ));
        }
        if !self.unseen.is_empty() {
            let count = self.unseen.len();
            parts.push(format!("{count} could not be seen"));
        }
        for (queue, count) in &self.left {
            parts.push(format!(
                "dead letters of {queue} that were not looked at: about {count}"
            ));
        }
        for (queue, count) in &self.hidden {
            parts.push(format!(
                "dead letters of {queue} are hidden just now: {count}"
            ));
        }
        match parts.is_empty() {
            true => Ok(()),
            false => Err(Problem::Partly(parts.join("; "))),
        }
    }
}

/// Adds a line for each, up to [`SHOWN_MAX`], and how many there are more.
fn add(
    lines: &mut Vec<(&'static str, String)>,
    name: &'static str,
    all: impl ExactSizeIterator<Item = String>,
) {
    let more = all.len().saturating_sub(SHOWN_MAX);
    lines.extend(all.take(SHOWN_MAX).map(|text| (name, text)));
    if more > 0 {
        lines.push((name, format!("and {more} more; --json lists all")));
    }
}

fn spot(spot: &Spot) -> (&'static str, &str) {
    match spot {
        Spot::Event(id) => ("event", id),
        Spot::Projection(key) => ("projection", key),
        Spot::Letter(subject) => ("dead_letter", subject),
    }
}

fn mention(mention: &Mention) -> Value {
    let (name, id) = spot(&mention.spot);
    json!({
        name: id, "account": mention.account, "object": mention.object, "type": mention.kind, "fields": mention.fields,
    })
}

fn mention_words(mention: &Mention) -> String {
    let mut words = vec![spot(&mention.spot).1, &mention.kind];
    words.extend(mention.object.as_deref());
    words.extend(mention.account.as_deref());
    let fields: Vec<_> = mention.fields.iter().map(String::as_str).collect();
    format!("{} in {}", words.join(" "), fields.join(", "))
}

fn unseen(unseen: &Unseen) -> Value {
    let (name, id) = spot(&unseen.spot);
    json!({ name: id, "why": unseen.why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::without_colour;

    fn of_everything(count: usize) -> Report {
        let mut found = Found::default();
        for n in 0..count {
            found.add(Target::Body {
                event: format!("evt_{n}"),
                place: Place::Entry,
                kind: "charge.succeeded".to_owned(),
                object: Some("ch_1".to_owned()),
                mode: "live",
            });
        }
        found.mentions.push(Mention {
            spot: Spot::Event("evt_other".to_owned()),
            account: Some("acct_1".to_owned()),
            object: Some("in_2".to_owned()),
            kind: "invoice.paid".to_owned(),
            fields: ["metadata".to_owned()].into(),
        });
        let looked = Looked::default();
        Report::of(false, &found, &Belongings::default(), &looked)
    }

    #[test]
    fn people_are_shown_a_bounded_list_and_machines_everything() {
        let report = of_everything(SHOWN_MAX + 3);
        let text = without_colour(&report.text());
        assert!(
            text.contains("evt_0 charge.succeeded ch_1 live entry"),
            "{text}"
        );
        assert!(text.contains("and 3 more; --json lists all"), "{text}");
        assert!(!text.contains(&format!("evt_{SHOWN_MAX} ")), "{text}");
        assert!(
            text.contains("evt_other invoice.paid in_2 acct_1 in metadata"),
            "{text}"
        );
        let json = report.json();
        let bodies = json["found"]["bodies"].as_array().map(Vec::len);
        assert_eq!(bodies, Some(SHOWN_MAX + 3));
        assert_eq!(json["mentions"][0]["fields"], json!(["metadata"]));
    }

    #[test]
    fn what_only_mentions_the_customer_leaves_nothing_to_do_and_what_was_not_seen_does() {
        let ids = ["cus_1".to_owned()];
        assert!(of_everything(1).verdict(&ids).is_ok());
        let words = |change: fn(&mut Report)| {
            let mut report = of_everything(1);
            change(&mut report);
            let problem = report.verdict(&ids).expect_err("partly");
            assert_eq!(problem.exit_code(), 4);
            problem.to_string()
        };
        let waits = words(|report| {
            report.waits.push(Wait::of("evt_1", "why"));
            report
                .waits
                .push(Wait::of_projection("platform#live#sub_1", "why"));
            report.waits.push(Wait::of_queue("payments", "why"));
        });
        assert_eq!(
            waits,
            "3 have to wait; then: sluice erase cus_1 evt_1 sub_1"
        );
        let unseen = words(|report| {
            report.unseen.push(Unseen {
                spot: Spot::Letter("message-1".to_owned()),
                why: "why".to_owned(),
            });
        });
        assert_eq!(unseen, "1 could not be seen");
        let left = words(|report| report.left = [("billing".to_owned(), 12)].into());
        assert_eq!(
            left,
            "dead letters of billing that were not looked at: about 12"
        );
        let hidden = words(|report| report.hidden = [("rule".to_owned(), 1)].into());
        assert_eq!(hidden, "dead letters of rule are hidden just now: 1");
    }
}
