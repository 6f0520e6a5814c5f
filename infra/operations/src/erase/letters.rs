//! Dead letters that belong to a customer: of every domain, and of the rules. They are erased completely.
//!
//! A letter is deleted only if it is known to be of the customer's account. A letter that doesn't say its account is
//! reported.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_kernel::erase::{Account, Belongings, event_in};

use super::find::{Found, Judged, Mention, NO_ACCOUNT, Spot, Unseen, object_in, of_event};
use super::wait::Wait;
use super::{Held, PENDING};
use crate::dlq::letters::{Letter, counts, delete, receive, release};
use crate::problem::Problem;
use crate::stack::Stack;

/// The queue of the messages that the bus could not put into a domain's queue.
const RULE: &str = "rule";

/// The queue of the messages that the bus could not decrypt. Their customer can't be determined, so they are counted
/// and left.
const BUS: &str = "bus";

/// What was found in the queues. All but `theirs` is made visible again.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Queue → letters that belong to the customer.
    pub(super) theirs: BTreeMap<String, Vec<Letter>>,
    pub(super) waits: Vec<Wait>,
    pub(super) mentions: Vec<Mention>,
    pub(super) unseen: Vec<Unseen>,
    /// Queue → about how many more letters there are.
    pub(super) left: BTreeMap<String, u64>,
    /// Queue → how many letters another command hides just now.
    pub(super) hidden: BTreeMap<String, u64>,
}

/// The customer whose letters are looked for, and how many letters are looked at.
pub(super) struct How<'a> {
    /// What belongs to the customer elsewhere.
    pub(super) found: &'a Found,
    pub(super) belongings: &'a Belongings,
    /// What stays for now.
    pub(super) held: &'a Held,
    /// The connected account; none for the platform's own.
    pub(super) account: Option<&'a str>,
    /// The most letters of each queue.
    pub(super) max: usize,
}

/// Looks at the letters of each queue. `progress` gets the number of letters of one queue received up to then.
pub(super) async fn look(
    stack: &Stack,
    how: &How<'_>,
    progress: &mut dyn FnMut(usize),
) -> Result<Looked, Problem> {
    let How {
        found,
        belongings,
        held,
        account,
        max,
    } = *how;
    let mut looked = Looked::default();
    for queue in stack.domains().chain([RULE]) {
        let received = receive(stack, queue, max, progress).await?;
        for (counts, count) in [
            (&mut looked.hidden, received.hidden),
            (&mut looked.left, received.left),
        ] {
            if count > 0 {
                counts.insert(queue.to_owned(), count);
            }
        }
        let (theirs, others) = parted(received.letters, found, belongings, account);
        release(stack, queue, &others).await?;
        for letter in &others {
            judge(letter, belongings, account, &mut looked);
        }
        let (waiting, theirs): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|letter| {
            let event = event_in(letter.text.as_bytes());
            let object = event.as_ref().and_then(object_in);
            held.holds(&letter.subject, object.as_deref())
        });
        release(stack, queue, &waiting).await?;
        let waits = waiting.iter().map(|one| Wait::of(&one.subject, PENDING));
        looked.waits.extend(waits);
        if !theirs.is_empty() {
            looked.theirs.insert(queue.to_owned(), theirs);
        }
    }
    let (waiting, hidden) = counts(stack, BUS).await?;
    if waiting + hidden > 0 {
        looked.left.insert(BUS.to_owned(), waiting + hidden);
    }
    Ok(looked)
}

impl Looked {
    /// The keys of the letters that belong to the customer, as text.
    pub(super) fn ids(&self) -> impl Iterator<Item = String> {
        let all = self.theirs.iter();
        all.flat_map(|(queue, letters)| {
            let ids = letters.iter().map(|letter| &letter.message_id);
            ids.map(move |id| format!("{queue} {id}"))
        })
    }
}

/// Separates the letters that belong from those that don't, and repeats this until nothing new is found among them.
fn parted(
    letters: Vec<Letter>,
    found: &Found,
    belongings: &Belongings,
    account: Option<&str>,
) -> (Vec<Letter>, Vec<Letter>) {
    let mut belongings = belongings.clone();
    let (mut theirs, mut others) = (Vec::new(), letters);
    loop {
        let before = theirs.len();
        let (more, rest): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|letter| is_theirs(letter, found, &mut belongings, account));
        theirs.extend(more);
        others = rest;
        if theirs.len() == before {
            return (theirs, others);
        }
    }
}

fn is_theirs(
    letter: &Letter,
    found: &Found,
    belongings: &mut Belongings,
    account: Option<&str>,
) -> bool {
    let stated = Account::of_message(&letter.text);
    if belongings.is_given(&letter.subject) {
        return stated.may_be_of(account);
    }
    let event = || event_in(letter.text.as_bytes());
    stated.is_of(account)
        && (found.has_entry(&letter.subject)
            || event().is_some_and(|event| belongings.takes_event(&event)))
}

/// Notes of a letter that stays whether it mentions the customer, or may be the customer's.
fn judge(letter: &Letter, belongings: &Belongings, account: Option<&str>, looked: &mut Looked) {
    let spot = Spot::Letter(letter.subject.clone());
    let stated = Account::of_message(&letter.text);
    let Some(event) = event_in(letter.text.as_bytes()) else {
        let text = json!({ "text": letter.text });
        if stated.may_be_of(account) && !belongings.mentions(&text).is_empty() {
            looked.unseen.push(Unseen {
                spot,
                why: "it names the customer, and can't be read".to_owned(),
            });
        }
        return;
    };
    match of_event(belongings, &event, &stated) {
        Judged::Nothing => {}
        Judged::Undecided => looked.unseen.push(Unseen {
            spot,
            why: NO_ACCOUNT.to_owned(),
        }),
        Judged::Mention(fields, account) => looked.mentions.push(Mention {
            spot,
            account,
            object: object_in(&event),
            kind: kind(letter, &event),
            fields,
        }),
    }
}

fn kind(letter: &Letter, event: &Value) -> String {
    let said = event["type"].as_str().unwrap_or(&letter.kind);
    said.to_owned()
}

/// Deletes the letters that were found. If the plan is only shown, makes them visible again. Returns how many, and what
/// waits.
pub(super) async fn erase(
    stack: &Stack,
    looked: &Looked,
    is_done: bool,
) -> Result<(usize, Vec<Wait>), Problem> {
    let (mut erased, mut waits) = (0, Vec::new());
    for (queue, letters) in &looked.theirs {
        if !is_done {
            release(stack, queue, letters).await?;
            erased += letters.len();
            continue;
        }
        let deleted = delete(stack, queue, letters).await?;
        erased += deleted;
        if deleted < letters.len() {
            let left = letters.len() - deleted;
            let why = format!("{left} dead letters could not be deleted; again in a few minutes");
            waits.push(Wait::of_queue(queue, &why));
        }
    }
    Ok((erased, waits))
}

#[cfg(test)]
mod tests {
    use sluice_adapters::erase::Place;

    use super::super::find::Target;
    use super::*;

    /// A letter of this account about this object.
    fn letter(subject: &str, account: Value, object: Value) -> Letter {
        let tag = json!({ "account": account, "endpoint": "a", "livemode": true, "received_at_ms": 1, "traceparent": "", "body": "inline" });
        let detail = json!({ "sluice": tag, "id": subject, "object": "event", "type": "a.b", "data": { "object": object } });
        Letter::for_tests(subject, json!({ "detail": detail }).to_string())
    }

    fn subjects(letters: &[Letter]) -> Vec<&str> {
        letters.iter().map(|one| one.subject.as_str()).collect()
    }

    #[test]
    fn letters_are_matched_by_account_too_and_by_each_other_in_any_order() {
        let of_customer = |id: &str| json!({ "id": id, "customer": "cus_1" });
        let letters = vec![
            letter(
                "evt_refund",
                Value::Null,
                json!({ "id": "re_1", "charge": "ch_1" }),
            ),
            letter("evt_charge", Value::Null, of_customer("ch_1")),
            letter("evt_connected", json!("acct_1"), of_customer("ch_1")),
            letter("evt_entry", Value::Null, json!({ "id": "x_1" })),
            letter("evt_other", Value::Null, json!({ "id": "x_2" })),
        ];
        let mut found = Found::default();
        found.add(Target::Body {
            event: "evt_entry".to_owned(),
            place: Place::Entry,
            kind: String::new(),
            object: None,
            mode: "",
        });
        let belongings = Belongings::of(["cus_1".to_owned()]);
        let (theirs, others) = parted(letters.clone(), &found, &belongings, None);
        assert_eq!(subjects(&theirs), ["evt_charge", "evt_entry", "evt_refund"]);
        assert_eq!(subjects(&others), ["evt_connected", "evt_other"]);
        let (theirs, _) = parted(letters, &found, &belongings, Some("acct_1"));
        assert_eq!(subjects(&theirs), ["evt_connected"]);
    }

    #[test]
    fn a_letter_that_does_not_say_its_account_stays_is_reported_and_can_be_given() {
        let bare = |object: Value| {
            let detail = json!({ "data": { "object": object } });
            Letter::for_tests("message-1", json!({ "detail": detail }).to_string())
        };
        let theirs = bare(json!({ "customer": "cus_1" }));
        let found = Found::default();
        let belongings = Belongings::of(["cus_1".to_owned()]);
        let (none, others) = parted(vec![theirs.clone()], &found, &belongings, None);
        assert!(none.is_empty());
        let mut looked = Looked::default();
        let nonsense = Letter::for_tests("message-2", "cus_1 {".to_owned());
        let unrelated = bare(json!({ "customer": "cus_2" }));
        for letter in others.iter().chain([&nonsense, &unrelated]) {
            judge(letter, &belongings, None, &mut looked);
        }
        let whys: Vec<_> = looked.unseen.iter().map(|one| one.why.as_str()).collect();
        assert_eq!(
            whys,
            [NO_ACCOUNT, "it names the customer, and can't be read"]
        );
        assert!(looked.mentions.is_empty());
        let given = Belongings::of(["cus_1", "message-1"].map(str::to_owned));
        assert_eq!(parted(vec![theirs], &found, &given, None).0.len(), 1);
    }
}
