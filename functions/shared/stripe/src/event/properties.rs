//! Compares heads with a plain parse of generated events; and times.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::reference::{plain, plain_head};
use super::*;

/// The text of a JSON string, some characters of it escaped at random.
fn string_text(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (inner, vec(any::<bool>(), 8)).prop_map(|(inner, escape)| {
        let mut text = String::from('"');
        for (character, escape) in inner.chars().zip(escape.into_iter().cycle()) {
            if escape || character < ' ' || matches!(character, '"' | '\\') {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                text.push(character);
            }
        }
        text + "\""
    })
}

fn known_text() -> impl Strategy<Value = String> {
    select(vec![
        "event",
        "v2.core.event",
        "evt_1",
        "a.b",
        "acct_1",
        "org_1/acct_2",
        "acct_1/acct_",
        "payment_intent",
        "",
        "2026-11-22T10:50:00Z",
        "sluice",
        "null",
    ])
    .prop_map(str::to_owned)
}

/// The text of any JSON value that `serde_json::Value` can read.
fn value_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => string_text(known_text()),
        1 => string_text("\\PC{0,8}"),
        1 => string_text("[\\x00-\\x20a]{1,3}"),
        1 => string_text("[a-z_]{120,300}"),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => select(vec!["null", "true", "false", "-0", "1.0", "1e5", "18446744073709551616"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 5, |value| {
        prop_oneof![
            1 => vec(value.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(" , "))),
            4 => object_text(value),
        ]
    })
}

fn object_text(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = select(vec![
        "id",
        "type",
        "object",
        "account",
        "user_id",
        "context",
        "livemode",
        "created",
        "api_version",
        "data",
        "related_object",
        "sluice",
        "other",
    ]);
    vec((string_text(key.prop_map(str::to_owned)), value), 0..8).prop_map(|fields| {
        let fields: Vec<String> = fields
            .into_iter()
            .map(|(key, value)| format!("{key} :{value}"))
            .collect();
        format!("{{{}}}", fields.join(",\n"))
    })
}

/// An event more often than by chance: fields appended last win.
fn event_text() -> impl Strategy<Value = String> {
    let object = object_text(value_text());
    let data = object_text(value_text()).prop_map(|object| format!(r#"{{"object":{object}}}"#));
    let tail = (
        proptest::option::of(select(vec!["event", "v2.core.event", "v9"])),
        proptest::option::of(data),
        proptest::option::of(object_text(value_text())),
        any::<bool>(),
    );
    (object, tail).prop_map(|(object, (shape, data, related, named))| {
        let mut text = object[..object.len() - 1].to_owned();
        let mut add = |key: &str, value: String| {
            let separator = if text.len() > 1 { "," } else { "" };
            text.push_str(&format!(r#"{separator}"{key}":{value}"#));
        };
        if let Some(shape) = shape {
            add("object", format!("\"{shape}\""));
        }
        if let Some(data) = data {
            add("data", data);
        }
        if let Some(related) = related {
            add("related_object", related);
        }
        if named {
            add("id", "\"evt_9\"".to_owned());
            add("type", "\"x.y\"".to_owned());
        }
        text + "}"
    })
}

fn agrees_with_the_plain_reading(body: &str) -> Result<(), TestCaseError> {
    let value: Value = serde_json::from_str(body)
        .map_err(|error| TestCaseError::fail(format!("{error}: {body}")))?;
    match (parse_head(body.as_bytes()), plain_head(&value)) {
        (Ok(head), expected) => prop_assert_eq!(Ok(plain(&head, &value)), expected, "{}", body),
        (Err(fault), expected) => prop_assert_eq!(Err(fault.code().as_str()), expected, "{}", body),
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_head_is_what_the_plain_reading_finds(body in event_text()) {
        agrees_with_the_plain_reading(&body)?;
    }

    #[test]
    fn any_json_value_gets_the_answer_of_the_plain_reading(body in value_text()) {
        agrees_with_the_plain_reading(&body)?;
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in vec(any::<u8>(), 0..300)) {
        let _ = parse_head(&body);
    }

    #[test]
    fn a_cut_event_is_not_json_and_a_changed_one_never_panics(
        body in event_text(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = body.into_bytes();
        let at = at.index(bytes.len());
        prop_assert_eq!(parse_head(&bytes[..at]), Err(NotAnEvent::NotJson));
        bytes[at] = byte;
        if parse_head(&bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&bytes).is_ok());
        }
    }

    #[test]
    fn a_time_is_written_as_it_is_read(seconds in -62_135_596_800_i64..253_402_300_800) {
        prop_assert_eq!(time::unix_seconds(&time::written(seconds)), Some(seconds));
    }

    #[test]
    fn arbitrary_text_is_no_time_and_never_panics(text in "\\PC{0,40}") {
        let _ = time::unix_seconds(&text);
    }
}

#[test]
fn a_time_has_a_date_a_t_a_time_with_seconds_and_a_zone() {
    let s = Some(1_767_603_605);
    for text in [
        "2026-01-05T09:00:05Z",
        "2026-01-05t09:00:05z",
        "2026-01-05T09:00:05.902Z",
        "2026-01-05T09:00:05.999999999999Z",
        "2026-01-05T10:30:05+01:30",
        "2026-01-04T23:00:05-10:00",
    ] {
        assert_eq!(time::unix_seconds(text), s, "{text}");
    }
    for text in [
        "",
        "1767603605",
        "2026-01-05",
        "2026-01-05 09:00:05Z",
        "2026-01-05T09:00:05",
        "2026-01-05T09:00Z",
        "2026-01-05T09:00:05.Z",
        "2026-01-05T09:00:05Z ",
        "2026-01-05T09:00:05+0130",
        "2026-01-05T09:00:05+24:00",
        "2026-02-29T09:00:05Z",
        "2026-13-05T09:00:05Z",
        "2026-01-05T24:00:05Z",
        "+026-01-05T09:00:05Z",
    ] {
        assert_eq!(time::unix_seconds(text), None, "{text}");
    }
}

#[test]
fn a_leap_second_is_the_last_second_of_its_day() {
    assert_eq!(
        time::unix_seconds("2016-12-31T23:59:60Z"),
        time::unix_seconds("2016-12-31T23:59:59Z")
    );
    assert_eq!(time::unix_seconds("2016-12-31T23:59:61Z"), None);
}

#[test]
fn times_before_1970_are_rounded_down_too() {
    assert_eq!(time::unix_seconds("1969-12-31T23:59:59.999Z"), Some(-1));
    assert_eq!(
        time::unix_seconds("0000-03-01T00:00:00Z"),
        Some(-719_468 * 86_400)
    );
    assert_eq!(
        time::unix_seconds("0000-01-01T00:00:00Z"),
        Some(-62_167_219_200)
    );
}
