//! What a URL holds: text in a path or a query, escaped.

use sluice_operations::events::list::Position;
use sluice_operations::problem::Problem;

/// The characters that need no escape in any part of a URL.
const PLAIN: &[u8] = b"-._~";

/// A text as part of a path or a query.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A path with those of these fields that have a value.
pub(crate) fn url(path: &str, fields: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    let with_value = fields.iter().filter(|(_, value)| !value.is_empty());
    for (index, (name, value)) in with_value.enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(&format!("{name}={}", escaped(value)));
    }
    out
}

/// The place in a list that a query's field names; none if it is empty.
///
/// # Errors
/// `Usage` if no list has said it.
pub(crate) fn position(after: &str) -> Result<Option<Position>, Problem> {
    let read = given(after).map(|text| serde_json::from_str(&text));
    read.transpose()
        .map_err(|_| Problem::Usage("the address names no place in the list".to_owned()))
}

/// The page of an event.
pub(crate) fn event(id: &str) -> String {
    format!("/events/{}", escaped(id))
}

/// The page of an object: by its id in an account, or by its projection's whole key.
pub(crate) fn object(id: &str, account: Option<&str>) -> String {
    url(
        &format!("/objects/{}", escaped(id)),
        &[("account", account.unwrap_or_default())],
    )
}

/// The path of a run's page, by its kind and name.
pub(crate) fn run_path(kind: &str, name: &str) -> String {
    format!("/runs/{kind}/{}", escaped(name))
}

/// The page of a run, by its kind, its name and when it was begun.
pub(crate) fn run(kind: &str, name: &str, began_ms: i64) -> String {
    let began = began_ms.to_string();
    url(&run_path(kind, name), &[("began", &began)])
}

/// The page of a customer of an account.
pub(crate) fn customer(id: &str, account: &str) -> String {
    let account = match account {
        "platform" => "",
        account => account,
    };
    url(
        &format!("/customers/{}", escaped(id)),
        &[("account", account)],
    )
}

/// A text of a form's field; none if it is empty.
pub(crate) fn given(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_holds_any_text_and_leaves_empty_fields_out() {
        let made = url(
            "/events",
            &[("type", "charge.*"), ("state", ""), ("a", "é&=\"#")],
        );
        assert_eq!(made, "/events?type=charge.%2A&a=%C3%A9%26%3D%22%23");
        assert_eq!(url("/events", &[("type", "")]), "/events");
        assert_eq!(
            object("acct_1#live#pi_1", None),
            "/objects/acct_1%23live%23pi_1"
        );
        assert_eq!(event("../x"), "/events/..%2Fx");
    }
}
