//! Stripe's JSON as it was written: every number and text is copied from the body, none is read and written again. So
//! 2^53 + 1 is shown as such. Only the white space between is the console's.
//!
//! Personal data is masked by the names of the fields ([`PERSONAL`]): a field whose name is listed, or ends with an
//! underscore and a listed name, and everything below it. A text with an `@` is masked wherever it is. Ids, objects'
//! types, `true`, `false` and `null` stay. Metadata and free texts are masked too: their writers may put anything there.

use maud::{Markup, PreEscaped, html};
use serde_json::value::RawValue;

/// Names of fields that hold what belongs to a person, or may.
const PERSONAL: [&str; 36] = [
    "address",
    "bank_account",
    "billing_details",
    "business_profile",
    "card",
    "client_secret",
    "comment",
    "custom_fields",
    "customer_details",
    "description",
    "dob",
    "email",
    "evidence",
    "exp_month",
    "exp_year",
    "fingerprint",
    "footer",
    "id_number",
    "individual",
    "ip",
    "last4",
    "line1",
    "line2",
    "memo",
    "metadata",
    "name",
    "nickname",
    "number",
    "owner",
    "payment_method_details",
    "phone",
    "postal_code",
    "shipping",
    "tax_ids",
    "text",
    "user_agent",
];

/// Fields that stay, wherever they are: what names an object says nothing of a person.
const KEPT: [&str; 2] = ["id", "object"];

/// What stands for a masked value.
const MASK: &str = "<i>masked</i>";

/// A body as HTML.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) html: Markup,
    /// How many values are masked, of those that are shown.
    pub(crate) masked: usize,
    /// Whether it was longer than may be shown.
    pub(crate) is_cut: bool,
}

/// A JSON text in at most about this many bytes of HTML, with personal data masked; none if it isn't JSON.
pub(crate) fn shown(text: &[u8], bytes_max: usize) -> Option<Shown> {
    written(text, bytes_max, true)
}

/// The same with nothing masked.
pub(crate) fn unmasked(text: &[u8], bytes_max: usize) -> Option<Shown> {
    written(text, bytes_max, false)
}

fn written(text: &[u8], bytes_max: usize, masks: bool) -> Option<Shown> {
    let text = serde_json::from_slice::<&RawValue>(text).ok()?.get();
    let mut writer = Writer {
        out: String::new(),
        frames: Vec::new(),
        key: None,
        is_at_key: false,
        masks,
        masked: 0,
    };
    let mut rest = text;
    while !rest.is_empty() && writer.out.len() < bytes_max {
        rest = writer.token(rest);
    }
    Some(Shown {
        is_cut: !rest.trim().is_empty(),
        masked: writer.masked,
        html: html! { pre.json tabindex="0" { code { (PreEscaped(writer.out)) } } },
    })
}

/// Whether a field's name says that it is masked.
fn is_personal(key: &str) -> bool {
    let is_listed = |name: &str| PERSONAL.contains(&name);
    let mut ends = key.match_indices('_').map(|(at, _)| &key[at + 1..]);
    is_listed(key) || ends.any(is_listed)
}

/// An object or an array that isn't closed.
struct Frame {
    is_object: bool,
    is_masked: bool,
}

struct Writer {
    out: String,
    frames: Vec<Frame>,
    /// The key of the value that comes next.
    key: Option<String>,
    /// Whether a text is a key.
    is_at_key: bool,
    /// Whether personal data is masked.
    masks: bool,
    masked: usize,
}

impl Writer {
    /// Writes the next token of a valid JSON text, and returns what is after it.
    fn token<'a>(&mut self, text: &'a str) -> &'a str {
        let (first, after) = text.split_at(1);
        match first {
            "{" | "[" => {
                let is_empty = after.trim_start().starts_with(['}', ']']);
                self.out.push_str(first);
                self.frames.push(Frame {
                    is_object: first == "{",
                    is_masked: self.is_masked(),
                });
                self.key = None;
                self.is_at_key = first == "{";
                if !is_empty {
                    self.line();
                }
                after
            }
            "}" | "]" => {
                let is_empty = self.out.ends_with(['{', '[']);
                self.frames.pop();
                if !is_empty {
                    self.line();
                }
                self.out.push_str(first);
                after
            }
            "," => {
                self.out.push(',');
                self.line();
                self.key = None;
                self.is_at_key = self.frames.last().is_some_and(|frame| frame.is_object);
                after
            }
            ":" => {
                self.out.push_str(": ");
                after
            }
            "\"" => {
                let end = end_of_text(after) + 1;
                self.text(&text[..end]);
                &text[end..]
            }
            _ if first.trim().is_empty() => after,
            _ => {
                let is_end = |c: char| c.is_ascii_whitespace() || ",]}".contains(c);
                let end = text.find(is_end).unwrap_or(text.len());
                let scalar = &text[..end];
                let is_said = matches!(scalar, "true" | "false" | "null");
                self.value(scalar, !is_said);
                &text[end..]
            }
        }
    }

    /// A text in its quotes: a key, or a value.
    fn text(&mut self, text: &str) {
        if self.is_at_key {
            self.is_at_key = false;
            self.key = serde_json::from_str(text).ok();
            self.out.push_str("<b>");
            self.escaped(text);
            self.out.push_str("</b>");
            return;
        }
        match self.masks && text.contains('@') {
            true => self.mask(),
            false => self.value(text, true),
        }
    }

    fn value(&mut self, value: &str, says_something: bool) {
        let is_kept = self.key.as_deref().is_some_and(|key| KEPT.contains(&key));
        match self.masks && says_something && !is_kept && self.is_masked() {
            true => self.mask(),
            false => self.escaped(value),
        }
    }

    fn mask(&mut self) {
        self.masked += 1;
        self.out.push_str(MASK);
    }

    /// Whether what comes next is masked: by its key, or by what it is in.
    fn is_masked(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.is_masked)
            || self.key.as_deref().is_some_and(is_personal)
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                c => self.out.push(c),
            }
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out
            .extend(std::iter::repeat_n(' ', 2 * self.frames.len()));
    }
}

/// The place after the closing quote, counted from after the opening one.
fn end_of_text(after: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in after.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    after.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(json: &str) -> String {
        let shown = shown(json.as_bytes(), usize::MAX).expect("JSON");
        assert!(!shown.is_cut);
        shown.html.into_string()
    }

    #[test]
    fn numbers_are_shown_as_stripe_wrote_them() {
        for number in [
            "9007199254740993",
            "-18446744073709551616",
            "1.10",
            "1E+2",
            "0.1000000000000000055",
        ] {
            let text = text_of(&format!(r#"{{"amount":{number}}}"#));
            assert!(
                text.contains(&format!("<b>\"amount\"</b>: {number}\n")),
                "{text}"
            );
        }
    }

    #[test]
    fn markup_in_a_body_stays_text() {
        let text = text_of(r#"{"<script>":"</code><script>alert(1)</script>&amp;"}"#);
        assert!(!text.contains("<script"), "{text}");
        assert!(
            text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;"),
            "{text}"
        );
    }

    #[test]
    fn personal_data_is_masked_by_the_names_of_fields_and_ids_stay() {
        let body = r#"{"id":"ch_1","amount":5,"receipt_email":"a\u0040b.c","customer_name":"Ann","livemode":false,
            "billing_details":{"address":{"city":"Rome","line1":null},"phone":"+39 1"},
            "payment_method_details":{"card":{"last4":"4242","exp_year":2031,"id":"card_1"},"type":"card"},
            "metadata":{"order":"17"},"note":"to ann@example.com","phones":["1"],"custom_fields":[{"value":["x"]}]}"#;
        let text = text_of(body);
        for word in [
            "Ann",
            "a\\u0040",
            "Rome",
            "+39",
            "4242",
            "2031",
            "17",
            "example.com",
            "\"x\"",
        ] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        for word in [
            "\"ch_1\"",
            "card_1",
            ": 5,",
            "false",
            "null",
            "[\n    \"1\"\n  ]",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn unmasked_all_of_it_is_shown_as_it_was_written() {
        let body = r#"{"email":"a@b.c","metadata":{"<b>":"x","n":1.50},"card":{"last4":"4242"}}"#;
        let shown = unmasked(body.as_bytes(), usize::MAX).expect("JSON");
        let html = shown.html.into_string();
        for word in ["a@b.c", "&lt;b&gt;", ": 1.50", "4242"] {
            assert!(html.contains(word), "{word}: {html}");
        }
        assert_eq!((shown.masked, html.contains("masked")), (0, false));
    }

    #[test]
    fn a_body_is_laid_out_and_an_empty_object_takes_no_line() {
        let text = text_of(r#"{"a":{},"b":[],"c":[1,{"d":"e\"f"}]}"#);
        let inner = "{\n  <b>\"a\"</b>: {},\n  <b>\"b\"</b>: [],\n  <b>\"c\"</b>: [\n    1,\n    {\n      <b>\"d\"</b>: \"e\\\"f\"\n    }\n  ]\n}";
        assert!(text.contains(inner), "{text}");
    }

    #[test]
    fn a_long_body_is_cut_and_what_is_no_json_is_not_shown() {
        let long = format!("[{}1]", "12345,".repeat(10_000));
        let cut = shown(long.as_bytes(), 1_000).expect("JSON");
        assert!(cut.is_cut && cut.html.into_string().len() < 1_200);
        for other in [&b"name=Ann"[..], b"", b"{\"a\":", b"\"\xff\""] {
            assert!(shown(other, 1_000).is_none());
        }
    }
}
