//! Lines in, lines out.

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::signature::sign;

const T: i64 = 1_735_689_600;

/// A vector that verifies, with fields replaced or, if null, removed.
fn line(changes: Value) -> String {
    let mut vector = json!({
        "name": "a vector",
        "secrets": ["whsec_old", "whsec_new"],
        "header_b64": BASE64_STANDARD.encode(sign(b"{}", "whsec_new", T)),
        "header_null": false,
        "body_b64": "e30=",
        "now": T,
        "tolerance": 300,
    });
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    let fields = vector.as_object_mut().expect("a vector is an object");
    for (field, value) in changes {
        if value.is_null() {
            fields.remove(&field)
        } else {
            fields.insert(field, value)
        };
    }
    vector.to_string()
}

fn verdict(changes: Value) -> String {
    let answer = answer_line(&line(changes)).unwrap_or_else(|error| panic!("{error}"));
    let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
    answer["verdict"]
        .as_str()
        .expect("a verdict is a string")
        .to_owned()
}

fn complaint(line: &str) -> String {
    answer_line(line)
        .expect_err("this is not a vector")
        .to_string()
}

#[test]
fn a_vector_is_answered_on_one_line() {
    assert_eq!(
        answer_line(&line(json!({}))).as_deref(),
        Ok(r#"{"name":"a vector","verdict":"ok"}"#)
    );
    let answer = answer_line(&line(json!({"name": "a\n\"b\"", "now": T + 301})));
    assert_eq!(
        answer.as_deref(),
        Ok(r#"{"name":"a\n\"b\"","verdict":"signature.too_old"}"#)
    );
    assert_eq!(
        answer_line(&format!(" {}\r\n", line(json!({})))).as_deref(),
        Ok(r#"{"name":"a vector","verdict":"ok"}"#)
    );
}

#[test]
fn each_refusal_can_be_a_verdict() {
    let b64 = |text: &str| BASE64_STANDARD.encode(text);
    for (changes, code) in [
        (json!({"header_null": true}), "signature.missing"),
        (
            json!({"header_null": true, "header_b64": null}),
            "signature.missing",
        ),
        (
            json!({"header_null": true, "header_b64": 7}),
            "signature.missing",
        ),
        (json!({"header_b64": ""}), "signature.missing"),
        (json!({"header_b64": b64("junk")}), "signature.malformed"),
        (json!({"header_b64": "//79"}), "signature.malformed"),
        (
            json!({"header_b64": b64(&"x".repeat(10_000))}),
            "signature.too_large",
        ),
        (json!({"header_b64": b64("t=1")}), "signature.no_v1"),
        (json!({"secrets": []}), "signature.no_secret"),
        (json!({"secrets": ["", "  "]}), "signature.no_secret"),
        (json!({"secrets": ["whsec_old"]}), "signature.no_match"),
        (json!({"body_b64": "e30K"}), "signature.no_match"),
        (json!({"now": T + 301}), "signature.too_old"),
        (json!({"now": T - 301}), "signature.too_new"),
    ] {
        assert_eq!(verdict(changes.clone()), code, "{changes}");
    }
}

#[test]
fn optional_fields_have_their_defaults_and_unknown_ones_are_ignored() {
    assert_eq!(
        verdict(json!({"header_null": null, "tolerance": null, "now": T + 300})),
        "ok"
    );
    assert_eq!(
        verdict(json!({"tolerance": null, "now": T + 301})),
        "signature.too_old"
    );
    assert_eq!(
        verdict(json!({"expect": "ok", "note": [1, {"a": 1.5}]})),
        "ok"
    );
}

#[test]
fn a_tolerance_out_of_range_has_a_stated_answer() {
    for tolerance in [
        json!(3_601),
        json!(86_400),
        json!(u32::MAX),
        json!(u64::MAX),
    ] {
        assert_eq!(
            verdict(json!({"tolerance": tolerance, "now": T + 3_600})),
            "ok"
        );
        assert_eq!(
            verdict(json!({"tolerance": tolerance, "now": T + 3_601})),
            "signature.too_old"
        );
    }
    for tolerance in [0, -1, i64::MIN] {
        assert_eq!(
            verdict(json!({"tolerance": tolerance})),
            "tolerance.out_of_range"
        );
        assert_eq!(
            verdict(json!({"tolerance": tolerance, "header_null": true})),
            "tolerance.out_of_range"
        );
    }
}

#[test]
fn base64_goes_with_and_without_padding() {
    let header = sign(b"{}", "whsec_new", T);
    assert_eq!(
        verdict(json!({"body_b64": "e30", "header_b64": BASE64_STANDARD_NO_PAD.encode(header)})),
        "ok"
    );
}

#[test]
fn a_line_that_is_no_vector_gets_its_problem_named() {
    assert!(complaint("").starts_with("not JSON: EOF"));
    assert!(complaint("{\"name\":").starts_with("not JSON: EOF"));
    assert!(complaint("name,secrets").starts_with("not JSON: expected"));
    assert_eq!(complaint("[]"), "not a JSON object");
    for field in ["name", "secrets", "header_b64", "body_b64", "now"] {
        assert_eq!(
            complaint(&line(json!({ field: null }))),
            format!("`{field}` is missing")
        );
    }
    for (changes, text) in [
        (json!({"name": 1}), "`name` is not a string"),
        (
            json!({"secrets": "whsec_private"}),
            "`secrets` is not an array of strings",
        ),
        (
            json!({"secrets": ["whsec_private", 7]}),
            "`secrets` is not an array of strings",
        ),
        (
            json!({"header_null": "true"}),
            "`header_null` is not a boolean",
        ),
        (json!({"header_b64": []}), "`header_b64` is not a string"),
        (
            json!({"now": "1735689600"}),
            "`now` is not an integer of 64 bits",
        ),
        (json!({"now": 1.5}), "`now` is not an integer of 64 bits"),
        (
            json!({"now": u64::MAX}),
            "`now` is not an integer of 64 bits",
        ),
        (
            json!({"tolerance": 0.5}),
            "`tolerance` is not an integer of 64 bits",
        ),
        (
            json!({"tolerance": "300"}),
            "`tolerance` is not an integer of 64 bits",
        ),
    ] {
        assert_eq!(complaint(&line(changes)), text);
    }
    assert!(
        complaint(&line(json!({"header_b64": "t=1,v1=x"})))
            .starts_with("`header_b64` is not base64: ")
    );
    assert!(
        complaint(&line(json!({"body_b64": "e3_-"}))).starts_with("`body_b64` is not base64: ")
    );
}

proptest! {
    #[test]
    fn any_line_is_answered_or_complained_about(line in "\\PC{0,80}") {
        let _ = answer_line(&line);
    }
}
