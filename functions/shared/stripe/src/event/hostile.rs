//! Bodies at the edges of JSON and beyond them.

use super::tests::{code, event_with, head};
use super::*;

#[test]
fn what_is_not_json_is_distinguished_from_what_is_not_an_object() {
    for body in [
        "",
        " ",
        "{",
        "}",
        "{]",
        "[",
        "nul",
        "evt_1",
        "{\"id\":\"evt_1\",\"type\":\"a\"",
        "{\"id\":\"evt_1\",\"type\":\"a\"}}",
        "{\"id\":\"evt_1\",\"type\":\"a\"} x",
        "{'id':'evt_1','type':'a'}",
        "{\"id\":\"evt_1\",\"type\":\"a\",}",
        "{\"id\":\"evt_1\",\"type\":\"a\",\"n\":NaN}",
        "{\"id\":\"evt_1\",\"type\":\"a\",\"n\":01}",
        "{\"id\":\"evt_1\",\"type\":\"a\nb\"}",
        "{\"id\":\"evt_1\",\"type\":\"a\",\"x\":\"\\q\"}",
        "{id:\"evt_1\"}",
        "{\"id\":\"evt_1\",\"type\":\"a\"}{\"id\":\"evt_2\",\"type\":\"a\"}",
        "eyJpZCI6ImV2dF8xIn0=",
        "id=evt_1&type=a",
        "\u{feff}{\"id\":\"evt_1\",\"type\":\"a\"}",
        "\u{a0}{\"id\":\"evt_1\",\"type\":\"a\"}",
        "\0",
        "[1,2",
        "\"open",
    ] {
        assert_eq!(code(body), "event.not_json", "{body:?}");
    }
    for body in [
        "null",
        "true",
        "1",
        "-0.5e9",
        "\"evt_1\"",
        "[]",
        " [{\"id\":\"evt_1\",\"type\":\"a\"}] ",
        "1e999",
    ] {
        assert_eq!(code(body), "event.not_an_object", "{body:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_not_json() {
    assert_eq!(
        code(b"{\"id\":\"evt_1\",\"type\":\"a\",\"x\":\"\xff\"}"),
        "event.not_json"
    );
    assert_eq!(code(b"\xff\xfe{\0}\0"), "event.not_json");
    assert_eq!(code(b"\x28\xb5\x2f\xfd"), "event.not_json");
}

#[test]
fn a_hundred_thousand_levels_of_nesting_pass() {
    const LEVELS: usize = 100_000;
    let nested = [
        format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS)),
        format!("{}1{}", "{\"a\":".repeat(LEVELS), "}".repeat(LEVELS)),
        format!(
            "{}{}",
            "[{\"object\":".repeat(LEVELS / 2) + "0",
            "}]".repeat(LEVELS / 2)
        ),
    ];
    // A test thread has 2 MiB of stack, a Lambda's main thread 8.
    for nested in nested {
        for field in [
            "data", "id_", "object", "created", "livemode", "account", "sluice",
        ] {
            assert_eq!(
                head(&event_with(&format!(r#""{field}":{nested}"#))).id,
                "evt_1"
            );
        }
        let data = format!(
            r#""object":"event","data":{{"x":{nested},"object":{{"id":"o_1","y":{nested},"object":"k"}}}}"#
        );
        assert_eq!(
            head(&event_with(&data)).object,
            Some(ObjectRef {
                kind: Some("k".into()),
                id: Some("o_1".into())
            })
        );
        assert_eq!(
            code(&nested),
            if nested.starts_with('[') {
                "event.not_an_object"
            } else {
                "event.no_id"
            }
        );
        assert_eq!(code(&nested[..nested.len() - 1]), "event.not_json");
    }
}

#[test]
fn unusual_numbers_strings_and_keys_in_the_data_pass() {
    let digits = "9".repeat(10_000);
    for value in [
        &format!("{digits}.{digits}e{digits}"),
        "1e999999999999",
        "-1E-999999999999",
        "-0.0",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\u0000""#,
        r#"{"\ud800":1,"":2,"\u0000":3}"#,
        "\"\u{7f}\u{2028}\u{10ffff}\"",
        r#"{"a":1,"a":2,"a":{"a":[]}}"#,
    ] {
        let body = event_with(&format!(
            r#""\ud800":{value},"data":{{"\udfff":{value},"object":{{"v":{value},"id":"o_1"}}}}"#
        ));
        assert_eq!(
            head(&body).object,
            Some(ObjectRef {
                kind: None,
                id: Some("o_1".into())
            }),
            "{value:.50}"
        );
    }
}

#[test]
fn of_duplicate_keys_the_last_one_counts() {
    let body = r#"{"id":"evt_0","type":"a","livemode":true,"i\u0064":"evt_1","data":{"object":{"id":"x"}},
        "object":"v2.core.event","object":"event","account":"acct_1","account":null,
        "data":{"object":{"id":"y"},"object":{"id":"z","object":"k","id":"w"}},"livemode":false}"#;
    let head = head(body);
    assert_eq!(
        (head.id.as_ref(), head.shape, head.livemode),
        ("evt_1", Shape::Snapshot, Some(false))
    );
    assert_eq!(head.account, None);
    assert_eq!(
        head.object,
        Some(ObjectRef {
            kind: Some("k".into()),
            id: Some("w".into())
        })
    );
    assert_eq!(
        code(r#"{"id":"evt_1","type":"a","id":null}"#),
        "event.no_id"
    );
    assert_eq!(
        code(r#"{"id":"evt_1","type":"a","type":[]}"#),
        "event.bad_type"
    );
}

#[test]
fn white_space_around_and_within_passes() {
    let head = head(
        " \r\n\t{ \"id\" : \"evt_1\" ,\n\"type\"\t:\r\"a\" , \"livemode\" : true , \"created\" : 5 } \n",
    );
    assert_eq!(
        (head.id.as_ref(), head.livemode, head.created),
        ("evt_1", Some(true), Some(5))
    );
}
