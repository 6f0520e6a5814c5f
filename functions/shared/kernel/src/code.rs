//! Codes: what faults, notes, refusals and findings are called.
//!
//! A code (`area.reason`) is stable: alarms, runbooks and operators' filters name it. Each stands in a table that
//! [`codes!`](crate::codes) makes, one in each crate that has codes of its own, and has a page in `infra/runbooks`.
//! `infra/checks/runbooks.py` reads the tables. What is read from storage or from a log line stays a text, and may be
//! compared with a code.

use std::fmt;

use serde::Serialize;

/// A code of a table of [`codes!`](crate::codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(&'static str);

impl Code {
    /// For [`codes!`](crate::codes) alone: what is no row of a table is no code.
    ///
    /// # Panics
    /// Where the table is compiled, if the text isn't `area.reason` of small letters, digits and `_`.
    #[doc(hidden)]
    pub const fn of_table(text: &'static str) -> Self {
        assert!(is_form(text.as_bytes()), "a code is `area.reason`");
        Self(text)
    }

    /// `area.reason`, as it is logged and stored.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// Whether this is two words with a dot in between, each beginning with a letter.
const fn is_form(text: &[u8]) -> bool {
    let (mut at, mut dots, mut begins) = (0, 0, true);
    while at < text.len() {
        match text[at] {
            b'a'..=b'z' => begins = false,
            b'0'..=b'9' | b'_' if !begins => {}
            b'.' if !begins => {
                dots += 1;
                begins = true;
            }
            _ => return false,
        }
        at += 1;
    }
    dots == 1 && !begins
}

/// For [`codes!`](crate::codes) alone.
///
/// # Panics
/// Where the table is compiled, if its rows aren't in the order of their texts, or two have one text.
#[doc(hidden)]
pub const fn check_order(table: &[Code]) {
    let mut row = 1;
    while row < table.len() {
        let (before, text) = (table[row - 1].0.as_bytes(), table[row].0.as_bytes());
        assert!(
            is_before(before, text),
            "rows stand in the order of their texts"
        );
        row += 1;
    }
}

/// `<`, which isn't `const`.
const fn is_before(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at < other.len() && (at == one.len() || one[at] < other[at])
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl PartialEq<Code> for String {
    fn eq(&self, code: &Code) -> bool {
        self == code.0
    }
}

/// Makes a table of codes: a constant for each row, and `ALL` of them in the order of the table.
///
/// A table is a crate's `code` module. A row has one line of documentation; its constant is called as its text is, in
/// capitals and with `_` for the dot.
///
/// ```
/// mod code {
///     sluice_kernel::codes! {
///         /// The rate has no country.
///         RATE_NO_COUNTRY = "rate.no_country";
///     }
/// }
///
/// use sluice_kernel::fault::Fault;
///
/// let fault = Fault::reject(code::RATE_NO_COUNTRY, "no text at country");
/// assert_eq!(fault.to_string(), "rate.no_country: no text at country");
/// assert_eq!(code::ALL, [code::RATE_NO_COUNTRY]);
/// ```
///
/// A text of another form doesn't compile, nor do two rows with one text: rows stand in the order of their texts.
///
/// ```compile_fail,E0080
/// sluice_kernel::codes! {
///     /// Has no area.
///     BROKEN = "broken";
/// }
/// ```
///
/// ```compile_fail,E0080
/// sluice_kernel::codes! {
///     /// One.
///     RATE_BAD = "rate.bad";
///     /// The same again.
///     RATE_WRONG = "rate.bad";
/// }
/// ```
#[macro_export]
macro_rules! codes {
    ($(#[doc = $doc:literal] $name:ident = $text:literal;)+) => {
        $(
            #[doc = $doc]
            #[doc = concat!("\n\n`", $text, "`")]
            pub const $name: $crate::code::Code = $crate::code::Code::of_table($text);
        )+

        /// The codes of this table, in its order.
        pub const ALL: &[$crate::code::Code] = &[$($name),+];

        const _: () = $crate::code::check_order(ALL);
    };
}

codes! {
    /// The invocation had too little time left to begin the message.
    BATCH_NO_TIME = "batch.no_time";
    /// A check found the projection to differ from Stripe's object, and corrected it.
    CHECK_DRIFTED = "check.drifted";
    /// Stripe's answer is no terminal state, but the object's older state here is, and stays: see [`crate::rebuild`].
    CHECK_TERMINAL_CONTRADICTED = "check.terminal_contradicted";
    /// A write of the ledger met an entry that another attempt holds by now.
    CLAIM_LOST = "claim.lost";
    /// The domain's code panicked over an event.
    DOMAIN_PANICKED = "domain.panicked";
    /// Effects are stored with the state, and the bus didn't take them.
    EFFECT_NOT_PUBLISHED = "effect.not_published";
    /// A receiver was sent something that is no effect.
    EFFECT_UNREADABLE = "effect.unreadable";
    /// An event of the platform's own came to an endpoint for connected accounts, and waits for the configuration.
    ENDPOINT_ACCOUNT_MISSING = "endpoint.account_missing";
    /// A connected account's event came to an endpoint for the platform, and waits for the configuration.
    ENDPOINT_UNEXPECTED_ACCOUNT = "endpoint.unexpected_account";
    /// An event of the other mode came to an endpoint, and waits for the configuration.
    ENDPOINT_WRONG_MODE = "endpoint.wrong_mode";
    /// A snapshot event has no whole-second `created`, so it has no place in the order.
    EVENT_NO_CREATED = "event.no_created";
    /// An event has no boolean `livemode`.
    EVENT_NO_LIVEMODE = "event.no_livemode";
    /// A snapshot event has no `data.object`.
    EVENT_NO_OBJECT = "event.no_object";
    /// The body isn't JSON, or has a value that can't be read: nested too deep, out of range, a lone surrogate.
    EVENT_NOT_JSON = "event.not_json";
    /// An event's type has no row in the routing table.
    EVENT_UNROUTED = "event.unrouted";
    /// A message points to a body in the ledger, and the entry has none.
    LEDGER_BODY_MISSING = "ledger.body_missing";
    /// The ledger couldn't be read or written in the time of a call with its repetitions.
    LEDGER_UNAVAILABLE = "ledger.unavailable";
    /// An event is on the bus, and writing that down failed.
    MARK_FAILED = "mark.failed";
    /// A message's generation isn't one that a replay can have.
    MESSAGE_BAD_GENERATION = "message.bad_generation";
    /// A message has no `detail`, so no rule of EventBridge made it.
    MESSAGE_NO_DETAIL = "message.no_detail";
    /// A message's `detail` has no `sluice` key or isn't Stripe's event.
    MESSAGE_NO_EVENT = "message.no_event";
    /// A message of a domain's queue isn't JSON.
    MESSAGE_NOT_JSON = "message.not_json";
    /// A message that was failing has succeeded.
    MESSAGE_RECOVERED = "message.recovered";
    /// A record made before a message's last receive. It remains if that receive never ends.
    MESSAGE_UNANSWERED = "message.unanswered";
    /// An event says that there are facts, but not which, and Stripe can't be asked.
    OBJECT_FACTS_LACKING = "object.facts_lacking";
    /// An object lacks a field that the domain needs, or has it in another form.
    OBJECT_FIELD_MISSING = "object.field_missing";
    /// A state is only a part of Stripe's object, and Stripe couldn't be asked for the rest.
    OBJECT_PARTIAL = "object.partial";
    /// Two events of one second, and nothing says which was last.
    ORDER_TIE_UNRESOLVED = "order.tie_unresolved";
    /// The outcomes couldn't be read or written.
    OUTCOME_UNAVAILABLE = "outcome.unavailable";
    /// Each write of an object's item met another's.
    PROJECTION_CONTENDED = "projection.contended";
    /// An item was written by a newer version.
    PROJECTION_NEWER = "projection.newer";
    /// A fact beyond [`FACTS_OF_KIND_MAX`](crate::consumer::projection::FACTS_OF_KIND_MAX).
    PROJECTION_TOO_MANY_FACTS = "projection.too_many_facts";
    /// The domain's items couldn't be read or written.
    PROJECTION_UNAVAILABLE = "projection.unavailable";
    /// An item of the domain's table isn't readable as one.
    PROJECTION_UNREADABLE = "projection.unreadable";
    /// The domain's state has no JSON form.
    PROJECTION_UNWRITABLE = "projection.unwritable";
    /// A rebuild met an item whose key isn't `account#mode#object`.
    REBUILD_BAD_KEY = "rebuild.bad_key";
    /// Another attempt of a receiver is at the same effect.
    RECEIPT_HELD = "receipt.held";
    /// There is no API key for a mode, so it isn't compared.
    RECONCILE_NO_KEY = "reconcile.no_key";
    /// Reconcile's cursors or reports couldn't be read or written.
    RECONCILE_UNAVAILABLE = "reconcile.unavailable";
    /// A replay's list of events is shorter than its record says.
    REPLAY_LIST_SHORT = "replay.list_short";
    /// Another program is running this replay.
    REPLAY_TAKEN = "replay.taken";
    /// A request came by another method than POST.
    REQUEST_NOT_POST = "request.not_post";
    /// The secret isn't JSON of the form that maps an endpoint's name to its secrets.
    SECRET_MALFORMED = "secret.malformed";
    /// The secrets couldn't be read.
    SECRET_UNAVAILABLE = "secret.unavailable";
    /// The key doesn't reach an account: it has disconnected, or it is another platform's.
    STRIPE_ACCOUNT_UNREACHABLE = "stripe.account_unreachable";
    /// An answer of Stripe's is larger than what is read.
    STRIPE_ANSWER_TOO_LARGE = "stripe.answer_too_large";
    /// An answer of Stripe's isn't the JSON that it should be, or has no `Date`.
    STRIPE_ANSWER_UNREADABLE = "stripe.answer_unreadable";
    /// This copy of a domain has spent its share of the fetches.
    STRIPE_BUDGET_SPENT = "stripe.budget_spent";
    /// An object is missing, and nothing proves that it existed.
    STRIPE_DELETION_UNPROVEN = "stripe.deletion_unproven";
    /// Stripe refused the API key.
    STRIPE_KEY_REFUSED = "stripe.key_refused";
    /// The key for live objects is a test key, or the other way round.
    STRIPE_KEY_WRONG_MODE = "stripe.key_wrong_mode";
    /// Stripe answered 429.
    STRIPE_RATE_LIMITED = "stripe.rate_limited";
    /// Stripe refused a request for good.
    STRIPE_REQUEST_REFUSED = "stripe.request_refused";
    /// Stripe's API couldn't be reached, answered 5xx, or not in time.
    STRIPE_UNAVAILABLE = "stripe.unavailable";
    /// A thin event came, and there is no API key to fetch its object with.
    THIN_NO_KEY = "thin.no_key";
    /// A thin event has no related object with an id.
    THIN_NO_OBJECT = "thin.no_object";
    /// A thin event names a kind of object whose place in Stripe's API is unknown.
    THIN_NO_PATH = "thin.no_path";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_two_words_of_small_letters_digits_and_underscores() {
        for good in ["a.b", "claim.held", "signature.no_v1"] {
            assert!(is_form(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ".", "a", "a.", ".b", "a.b.c", "A.b", "a.b c", "1.b", "a.1", "a._b", "a-b.c", "ä.b",
        ] {
            assert!(!is_form(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_code_is_its_text_wherever_it_is_shown_stored_or_compared() {
        let code = STRIPE_UNAVAILABLE;
        assert_eq!(code.as_str(), "stripe.unavailable");
        assert_eq!(code.to_string(), "stripe.unavailable");
        assert_eq!(serde_json::json!(code), "stripe.unavailable");
        assert!(code == "stripe.unavailable" && code == *"stripe.unavailable");
        assert_eq!(String::from("stripe.unavailable"), code);
        assert!(code != "stripe.unavailabl" && code != STRIPE_KEY_REFUSED);
    }

    #[test]
    fn a_table_lists_all_of_its_codes_in_its_order() {
        assert_eq!(ALL.first(), Some(&BATCH_NO_TIME));
        assert_eq!(ALL.last(), Some(&THIN_NO_PATH));
        assert!(ALL.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn the_order_of_a_table_is_the_texts_and_none_stands_twice() {
        for (one, other) in [("a.b", "a.c"), ("a.b", "a.bc"), ("a.no_x", "a.not")] {
            assert!(is_before(one.as_bytes(), other.as_bytes()), "{one} {other}");
            assert!(
                !is_before(other.as_bytes(), one.as_bytes()),
                "{other} {one}"
            );
            assert!(!is_before(one.as_bytes(), one.as_bytes()), "{one}");
        }
    }
}
