//! Compares projections and levels with the objects as Stripe has them.
//!
//! An object is kept as one API version shows it, whichever event or answer was the last. Its level has to be the level
//! of the kept state. So a change with a missing level is found, also a change between two versions.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_kernel::rebuild::{IMPORTED, REBUILT};

use super::{End, Findings};
use crate::truth::{Objects, Rendering, Truth};
use crate::witness::Seen;

pub(super) fn judge(truth: &Truth, seen: &Seen, end: &End, findings: &mut Findings) {
    let nothing = BTreeMap::new();
    for (domain, objects) in &truth.objects {
        let kept = end.projections.get(domain).unwrap_or(&nothing);
        for (key, renderings) in objects {
            let document = kept.get(key);
            match document {
                None => findings.lost.push(format!("{domain} doesn't keep {key}")),
                Some(document) => {
                    projection(
                        &format!("{domain} has {key}"),
                        document,
                        renderings,
                        findings,
                    );
                    left(domain, key, document, findings);
                }
            }
            levels(document, renderings, seen, findings);
        }
    }
    for (domain, kept) in &end.projections {
        let of_domain = |objects: &Objects, key: &str| objects.get(domain)?.get(key).cloned();
        for (key, document) in kept {
            if of_domain(&truth.objects, key).is_some() {
                continue;
            }
            match of_domain(&truth.undelivered.objects, key).filter(|_| is_imported(document)) {
                None => findings
                    .drifted
                    .push(format!("{domain} keeps {key}, which no event reported")),
                Some(renderings) => {
                    let what = format!("{domain} has imported {key}");
                    projection(&what, document, &renderings, findings);
                }
            }
            if is_pending(document) {
                findings
                    .unexplained
                    .push(format!("{domain} has effects pending at {key}"));
            }
        }
    }
    uncalled(truth, seen, findings);
}

/// Whether a projection rests on no event, and so on what operators did.
pub(super) fn is_imported(document: &Value) -> bool {
    let history = document["history"].as_array();
    history.is_some_and(|ids| {
        let marks = [IMPORTED, REBUILT].map(|mark| json!(mark));
        ids.iter().all(|id| marks.contains(id))
    })
}

fn is_pending(document: &Value) -> bool {
    let pending = document["pending"].as_array();
    pending.is_some_and(|pending| !pending.is_empty())
}

/// The rendering that is kept.
fn kept<'a>(document: &Value, renderings: &'a [Rendering]) -> Option<&'a Rendering> {
    renderings.iter().find(|one| one.state == document["state"])
}

fn projection(what: &str, document: &Value, renderings: &[Rendering], findings: &mut Findings) {
    if kept(document, renderings).is_none() {
        let right = renderings.first().map(|one| &one.state);
        findings.drifted.push(format!(
            "{what} as {} instead of {}",
            document["state"],
            right.unwrap_or(&Value::Null)
        ));
    }
}

/// What has to be finished by the end.
fn left(domain: &str, key: &str, document: &Value, findings: &mut Findings) {
    let unexplained = &mut findings.unexplained;
    if document["tie_unresolved"] == true {
        unexplained.push(format!("{domain} has only guessed {key}"));
    }
    if is_pending(document) {
        unexplained.push(format!("{domain} has effects pending at {key}"));
    }
    if document["levels_owed"] == true {
        unexplained.push(format!("{domain} owes the levels of {key}"));
    }
}

/// The levels that receivers have of an object are those of the kept state.
fn levels(
    document: Option<&Value>,
    renderings: &[Rendering],
    seen: &Seen,
    findings: &mut Findings,
) {
    let right = document.and_then(|document| kept(document, renderings));
    for (key, (data, until)) in right
        .or(renderings.first())
        .into_iter()
        .flat_map(|one| &one.levels)
    {
        match seen.levels.get(key) {
            None => findings
                .lost
                .push(format!("the level {key} reached no receiver")),
            Some(level) if (&level.data, &level.until) != (data, until) => {
                findings.drifted.push(format!(
                    "the level {key} ends as {} instead of {data}",
                    level.data
                ));
            }
            Some(_) => {}
        }
    }
}

/// Levels that receivers have and that no object has; and levels of objects without a delivered event. Those aren't
/// required, and have to be right if they exist.
fn uncalled(truth: &Truth, seen: &Seen, findings: &mut Findings) {
    let all = |objects: &Objects| -> Vec<Rendering> {
        let objects = objects.values().flat_map(BTreeMap::values);
        objects.flatten().cloned().collect()
    };
    let (delivered, others) = (all(&truth.objects), all(&truth.undelivered.objects));
    for (key, level) in &seen.levels {
        if delivered.iter().any(|one| one.levels.contains_key(key)) {
            continue;
        }
        let mut known = others.iter().filter_map(|one| one.levels.get(key));
        let is_right =
            |(data, until): &(Value, Option<i64>)| (&level.data, &level.until) == (data, until);
        if known.clone().next().is_none() {
            findings
                .drifted
                .push(format!("nothing calls for the level {key}"));
        } else if !known.any(is_right) {
            findings.drifted.push(format!(
                "the level {key}, of an object that was only imported, ends as {}",
                level.data
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{effect, found};

    use super::*;

    fn document(change: impl Fn(&mut Value)) -> impl Fn(&mut Truth, &mut Seen, &mut End) {
        move |_, _, end| {
            let documents = end.projections.values_mut().flatten();
            documents.for_each(|(_, document)| change(document));
        }
    }

    #[test]
    fn a_state_that_no_version_shows_has_drifted_and_a_level_that_is_not_the_states_too() {
        let other = document(|document| document["state"] = json!({}));
        assert_eq!(found(other), [0, 0, 1, 0]);
        let until = |_: &mut Truth, seen: &mut Seen, _: &mut End| {
            seen.levels.values_mut().for_each(|one| one.until = Some(9));
        };
        assert_eq!(found(until), [0, 0, 1, 0]);
        let another = |_: &mut Truth, seen: &mut Seen, _: &mut End| {
            seen.levels
                .insert("x".to_owned(), effect(Some("x"), json!(2)));
        };
        assert_eq!(found(another), [0, 0, 1, 0]);
    }

    #[test]
    fn an_object_may_be_kept_as_any_version_shows_it_and_its_level_is_of_the_same() {
        let older = |data: i64| {
            move |truth: &mut Truth, seen: &mut Seen, end: &mut End| {
                let older = Rendering {
                    state: json!({ "status": "paid", "invoice": "in_1" }),
                    levels: [("l".to_owned(), (json!(3), None))].into(),
                };
                let objects = truth.objects.values_mut().flat_map(BTreeMap::values_mut);
                objects.for_each(|all| all.push(older.clone()));
                let documents = end.projections.values_mut().flatten();
                documents.for_each(|(_, it)| it["state"] = older.state.clone());
                let levels = seen.levels.values_mut();
                levels.for_each(|level| level.data = json!(data));
            }
        };
        assert_eq!(found(older(3)), [0; 4]);
        // The level of the other version: this version's level is missing.
        assert_eq!(found(older(2)), [0, 0, 1, 0]);
    }

    #[test]
    fn what_an_object_still_has_to_do_is_unexplained() {
        let guessed = document(|it| it["tie_unresolved"] = json!(true));
        assert_eq!(found(guessed), [0, 0, 0, 1]);
        let pending = document(|it| it["pending"] = json!([{}]));
        assert_eq!(found(pending), [0, 0, 0, 1]);
        let owed = document(|it| it["levels_owed"] = json!(true));
        assert_eq!(found(owed), [0, 0, 0, 1]);
    }

    #[test]
    fn an_object_of_which_no_event_came_may_be_imported_and_is_then_as_stripe_has_it() {
        let imported = |history: Value, kept: i64, level: Option<i64>| {
            move |truth: &mut Truth, seen: &mut Seen, end: &mut End| {
                let rendering = Rendering {
                    state: json!({ "amount": 7 }),
                    levels: [("li".to_owned(), (json!(7), None))].into(),
                };
                let objects = truth.undelivered.objects.entry("payments").or_default();
                objects.insert("i".to_owned(), vec![rendering]);
                // Its first event will emit what it owes.
                let document =
                    json!({ "state": { "amount": kept }, "history": history, "levels_owed": true });
                let documents = end.projections.entry("payments").or_default();
                documents.insert("i".to_owned(), document);
                let level = level.map(|data| effect(Some("li"), json!(data)));
                seen.levels
                    .extend(level.map(|level| ("li".to_owned(), level)));
            }
        };
        let by_import = json!(["import", "rebuild"]);
        assert_eq!(found(imported(by_import.clone(), 7, None)), [0; 4]);
        assert_eq!(found(imported(by_import.clone(), 7, Some(7))), [0; 4]);
        assert_eq!(found(imported(by_import.clone(), 8, None)), [0, 0, 1, 0]);
        assert_eq!(found(imported(by_import, 7, Some(8))), [0, 0, 1, 0]);
        let by_event = json!(["import", "evt_9"]);
        assert_eq!(found(imported(by_event, 7, None)), [0, 0, 1, 0]);
    }
}
