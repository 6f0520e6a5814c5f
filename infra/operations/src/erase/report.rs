//! What an erasure found, did, left and could not see.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_adapters::erase::Place;

use super::find::{Found, Target};
use super::letters::Looked;
use super::wait::Wait;

pub use super::find::{Mention, Spot, Unseen};

/// What no erasure reaches, in words for the person who answers for it.
pub const NOT_REACHED: &str =
    "an archive, point-in-time recovery, exported logs, and what receivers keep";

/// A stored body that belongs to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Body {
    /// The event that it belongs to, or is stored under.
    pub event: String,
    /// Stripe's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The object's id, if it names one.
    pub object: Option<String>,
    /// `live` or `test`; empty if it isn't known.
    pub mode: &'static str,
    /// `entry`, `other` or `discarded`.
    pub item: String,
}

/// A projection that belongs to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Projection {
    /// The domain.
    pub domain: String,
    /// `platform#live#ch_1`.
    pub key: String,
    /// Stripe's name for what it is.
    pub kind: String,
}

/// A dead letter that belongs to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The domain that it belongs to, or `rule`.
    pub queue: String,
    /// The event that it names, or the subject that a message without an event is recorded under.
    pub event: String,
    /// Stripe's type.
    #[serde(rename = "type")]
    pub kind: String,
}

/// All that belongs to the customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Belonging {
    /// In the ledger.
    pub bodies: Vec<Body>,
    /// As domains have them.
    pub projections: Vec<Projection>,
    /// In queues.
    pub dead_letters: Vec<DeadLetter>,
}

/// The report.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether it was done; otherwise the report says what would be done.
    #[serde(rename = "erased")]
    pub is_done: bool,
    /// How many bodies were erased.
    pub bodies: usize,
    /// How many projections were erased.
    pub projections: usize,
    /// How many dead letters were erased.
    #[serde(rename = "dead_letters")]
    pub letters: usize,
    /// What wasn't erased, for now.
    pub waits: Vec<Wait>,
    /// What was found.
    pub found: Belonging,
    /// What stays, because it only mentions the customer.
    pub mentions: Vec<Mention>,
    /// What could not be seen or judged.
    pub unseen: Vec<Unseen>,
    /// Queue → about how many dead letters were not looked at.
    #[serde(rename = "dead_letters_not_looked_at")]
    pub left: BTreeMap<String, u64>,
    /// Queue → how many dead letters another command hides just now.
    #[serde(rename = "dead_letters_hidden")]
    pub hidden: BTreeMap<String, u64>,
    /// Domain → how many messages are in its queue just now. They are not looked at.
    pub on_their_way: BTreeMap<String, u64>,
    /// Ids that belong to the same customer, and weren't given.
    pub also_named: Vec<String>,
    /// [`NOT_REACHED`]
    pub not_reached: &'static str,
}

impl Report {
    /// What was found, before anything is done.
    pub(super) fn of(
        is_done: bool,
        found: &Found,
        looked: &Looked,
        also_named: Vec<String>,
    ) -> Self {
        Self {
            is_done,
            waits: looked.waits.clone(),
            found: Belonging::of(found, looked),
            mentions: [&found.mentions[..], &looked.mentions].concat(),
            unseen: [&found.unseen[..], &looked.unseen].concat(),
            left: looked.left.clone(),
            hidden: looked.hidden.clone(),
            also_named,
            not_reached: NOT_REACHED,
            ..Self::default()
        }
    }

    /// The ids to give next time, so that what waits is found: those that were given, and those that it is found by.
    pub fn again<'a>(&'a self, given: &'a [String]) -> Vec<&'a str> {
        let mut again: Vec<&str> = given.iter().map(String::as_str).collect();
        for id in self.waits.iter().filter_map(|wait| wait.id.as_deref()) {
            if !again.contains(&id) {
                again.push(id);
            }
        }
        again
    }
}

impl Belonging {
    fn of(found: &Found, looked: &Looked) -> Self {
        let mut all = Self::default();
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
                    all.bodies.push(Body {
                        event: event.clone(),
                        kind: kind.clone(),
                        object: object.clone(),
                        mode,
                        item: item.to_owned(),
                    });
                }
                Target::Projection { domain, key, kind } => all.projections.push(Projection {
                    domain: domain.clone(),
                    key: key.clone(),
                    kind: kind.clone(),
                }),
            }
        }
        for (queue, letters) in &looked.theirs {
            let letters = letters.iter().map(|letter| DeadLetter {
                queue: queue.clone(),
                event: letter.subject.clone(),
                kind: letter.kind.clone(),
            });
            all.dead_letters.extend(letters);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_one() -> Report {
        let mut found = Found::default();
        found.add(Target::Body {
            event: "evt_1".to_owned(),
            place: Place::Beside("other#00".to_owned()),
            kind: "charge.succeeded".to_owned(),
            object: None,
            mode: "live",
        });
        found.add(Target::Projection {
            domain: "payments".to_owned(),
            key: "platform#live#ch_1".to_owned(),
            kind: "charge".to_owned(),
        });
        found.mentions.push(Mention {
            spot: Spot::Event("evt_other".to_owned()),
            account: Some("acct_1".to_owned()),
            object: Some("in_2".to_owned()),
            kind: "invoice.paid".to_owned(),
            fields: ["metadata".to_owned()].into(),
        });
        found.unseen.push(Unseen {
            spot: Spot::Letter("message-1".to_owned()),
            why: "why".to_owned(),
        });
        let mut report = Report::of(false, &found, &Looked::default(), Vec::new());
        report.waits = vec![
            Wait::of("evt_1", "why"),
            Wait::of_projection("platform#live#sub_1", "why"),
            Wait::of_queue("payments", "why"),
            Wait::of("evt_1", "why"),
        ];
        report
    }

    #[test]
    fn machines_are_given_everything_each_thing_by_the_place_where_it_is() {
        let json = serde_json::to_value(of_one()).expect("JSON");
        assert_eq!(
            json["found"],
            json!({
                "bodies": [{ "event": "evt_1", "type": "charge.succeeded", "object": null, "mode": "live", "item": "other" }],
                "projections": [{ "domain": "payments", "key": "platform#live#ch_1", "kind": "charge" }],
                "dead_letters": [],
            })
        );
        assert_eq!(
            json["mentions"],
            json!([{ "event": "evt_other", "account": "acct_1", "object": "in_2", "type": "invoice.paid", "fields": ["metadata"] }])
        );
        assert_eq!(
            json["unseen"],
            json!([{ "dead_letter": "message-1", "why": "why" }])
        );
        assert_eq!(json["waits"][1], "platform#live#sub_1: why");
        let mut names: Vec<_> = json.as_object().expect("an object").keys().collect();
        names.sort();
        assert_eq!(
            names,
            [
                "also_named",
                "bodies",
                "dead_letters",
                "dead_letters_hidden",
                "dead_letters_not_looked_at",
                "erased",
                "found",
                "mentions",
                "not_reached",
                "on_their_way",
                "projections",
                "unseen",
                "waits",
            ]
        );
    }

    #[test]
    fn what_waits_is_given_next_time_once_beside_what_was_given() {
        let given = ["cus_1".to_owned(), "evt_9".to_owned()];
        assert_eq!(of_one().again(&given), ["cus_1", "evt_9", "evt_1", "sub_1"]);
    }
}
