//! Makes a simulated event as varied as a real one: other ids, people, addresses, texts, amounts and metadata.
//!
//! What Stripe itself writes (keys, types, states, versions) stays. Within one event, equal values get equal
//! replacements.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Map, Value};

/// Keys with texts that users write, and Stripe doesn't.
const OWN_TEXTS: [&str; 24] = [
    "account_holder_name",
    "city",
    "client_reference_id",
    "client_secret",
    "description",
    "display_name",
    "email",
    "email_address",
    "first_name",
    "last_name",
    "line1",
    "line2",
    "memo",
    "name",
    "nickname",
    "number",
    "phone",
    "postal_code",
    "receipt_email",
    "receipt_number",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "calculated_statement_descriptor",
    "submitter",
];

/// The characters of tokens: letters and digits.
const TOKEN: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// From this number of characters on, a word of an id or address is a token, and not a word of Stripe's.
const TOKEN_CHARS_MIN: usize = 12;

pub(crate) struct Disguise<'a> {
    dice: &'a mut Rng,
    /// What each token was replaced by.
    tokens: BTreeMap<String, String>,
    /// How far all times are moved, in seconds.
    later_s: i64,
}

impl<'a> Disguise<'a> {
    pub(crate) fn new(dice: &'a mut Rng) -> Self {
        let later_s = dice.i64(..60_000_000);
        Self {
            dice,
            tokens: BTreeMap::new(),
            later_s,
        }
    }

    pub(crate) fn event(&mut self, mut event: Value) -> Value {
        self.value("", &mut event);
        event
    }

    fn value(&mut self, key: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                if key == "metadata" {
                    self.metadata(members);
                    return;
                }
                for (key, value) in members.iter_mut() {
                    self.value(key, value);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.value(key, value);
                }
            }
            Value::String(text) if OWN_TEXTS.contains(&key) => *text = self.own_text(text),
            Value::String(text) => *text = self.tokens_in(text),
            Value::Number(number) => {
                if let Some(number) = number.as_i64() {
                    *value = Value::from(self.number(number));
                }
            }
            Value::Bool(_) | Value::Null => {}
        }
    }

    /// None, or a few of a user's own keys and values.
    fn metadata(&mut self, members: &mut Map<String, Value>) {
        members.clear();
        for _ in 0..self.dice.usize(..4) {
            let (key, value) = (self.word(4..14), self.word(3..30));
            members.insert(key, Value::from(value));
        }
    }

    /// A text of about the same length and form.
    fn own_text(&mut self, text: &str) -> String {
        if text.contains('@') {
            return format!(
                "{}.{}@{}.com",
                self.word(3..9),
                self.word(3..10),
                self.word(4..14)
            );
        }
        let letter = |dice: &mut Rng, of: char| match of {
            'a'..='z' => dice.lowercase(),
            'A'..='Z' => dice.uppercase(),
            '0'..='9' => dice.digit(10),
            other => other,
        };
        text.chars().map(|of| letter(self.dice, of)).collect()
    }

    /// Other tokens in ids and addresses.
    fn tokens_in(&mut self, text: &str) -> String {
        let parts = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        parts.map(|part| self.part(part)).collect()
    }

    fn part(&mut self, part: &str) -> String {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_token = word.len() >= TOKEN_CHARS_MIN
            && word
                .bytes()
                .any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_token {
            return part.to_owned();
        }
        let known = self.tokens.get(word).cloned();
        let other = known.unwrap_or_else(|| {
            let tail = (2..word.len()).map(|_| char::from(TOKEN[self.dice.usize(..TOKEN.len())]));
            // `1S`, `3S`: the beginning of an id is the time when it was made, and stays the same for a year.
            let other: String = word[..2].chars().chain(tail).collect();
            self.tokens.insert(word.to_owned(), other.clone());
            other
        });
        format!("{other}{}", &part[word.len()..])
    }

    /// Times move together, amounts change, small numbers stay.
    fn number(&mut self, number: i64) -> i64 {
        match number {
            1_000_000_000.. => number + self.later_s,
            100..1_000_000_000 => self.dice.i64(100..20_000),
            _ => number,
        }
    }

    fn word(&mut self, lengths: std::ops::Range<usize>) -> String {
        let length = self.dice.usize(lengths);
        (0..length).map(|_| self.dice.lowercase()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_stripes_stays_and_what_is_somebodys_changes_alike() {
        let event = json!({
            "id": "evt_3SEYbNMdLTSluicekaYsdh0k", "object": "event", "type": "charge.succeeded", "created": 1_767_603_643,
            "data": { "object": { "id": "ch_3SRnH694r9SluiceE2Xnmdht", "status": "succeeded", "amount": 4200, "email": "a@b.c",
                "livemode": false, "seller_message": "Payment complete.", "again": "ch_3SRnH694r9SluiceE2Xnmdht" } },
        });
        let disguised = Disguise::new(&mut Rng::with_seed(1)).event(event.clone());
        let (before, after) = (&event["data"]["object"], &disguised["data"]["object"]);
        for same in ["status", "livemode", "seller_message"] {
            assert_eq!(before[same], after[same]);
        }
        for other in ["id", "amount", "email"] {
            assert_ne!(before[other], after[other]);
        }
        assert_eq!(after["id"], after["again"]);
        assert_eq!(disguised["type"], "charge.succeeded");
        let id = disguised["id"].as_str().expect("a text");
        assert!(id.starts_with("evt_3S") && id.len() == 28, "{id}");
    }
}
