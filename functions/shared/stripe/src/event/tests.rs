//! What is an event and what isn't, and what is read of it, case by case.

use super::*;

pub(super) fn head(body: &str) -> Head<'_> {
    parse_head(body.as_bytes()).unwrap_or_else(|fault| panic!("{}: {body:.200}", fault.code()))
}

pub(super) fn code(body: impl AsRef<[u8]>) -> &'static str {
    parse_head(body.as_ref())
        .expect_err("this is not an event")
        .code()
        .as_str()
}

/// A minimal event with more fields added in front.
pub(super) fn event_with(fields: &str) -> String {
    format!(r#"{{{fields},"id":"evt_1","type":"a.b"}}"#)
}

const SNAPSHOT_BODY: &str = r#"{
  "id": "evt_1Q2w3e4r5t6y",
  "object": "event",
  "account": "acct_1032D82eZvKYlo2C",
  "api_version": "2026-09-30.dahlia",
  "created": 1790000000,
  "data": {
    "object": {
      "id": "pi_3Q2w3e4r5t6y",
      "object": "payment_intent",
      "amount": 2000,
      "metadata": {"id": "not this", "object": "nor this"}
    },
    "previous_attributes": {"id": "nor that"}
  },
  "livemode": false,
  "pending_webhooks": 2,
  "request": {"id": "req_1", "idempotency_key": null},
  "type": "payment_intent.succeeded"
}"#;

const THIN_BODY: &str = r#"{
  "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0",
  "object": "v2.core.event",
  "type": "v1.billing.meter.error_report_triggered",
  "livemode": true,
  "created": "2024-09-17T06:20:52.246Z",
  "context": "org_61abc/acct_1T",
  "related_object": {"id": "mtr_test_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_test_1"},
  "reason": null
}"#;

#[test]
fn a_snapshot_event_is_read() {
    assert_eq!(
        head(SNAPSHOT_BODY),
        Head {
            id: "evt_1Q2w3e4r5t6y".into(),
            kind: "payment_intent.succeeded".into(),
            shape: Shape::Snapshot,
            account: Some("acct_1032D82eZvKYlo2C".into()),
            context: None,
            livemode: Some(false),
            created: Some(1_790_000_000),
            api_version: Some("2026-09-30.dahlia".into()),
            object: Some(ObjectRef {
                kind: Some("payment_intent".into()),
                id: Some("pi_3Q2w3e4r5t6y".into()),
            }),
            has_reserved_key: false,
        }
    );
}

#[test]
fn a_thin_event_is_read() {
    assert_eq!(
        head(THIN_BODY),
        Head {
            id: "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0".into(),
            kind: "v1.billing.meter.error_report_triggered".into(),
            shape: Shape::Thin,
            account: Some("acct_1T".into()),
            context: Some("org_61abc/acct_1T".into()),
            livemode: Some(true),
            created: Some(1_726_554_052),
            api_version: None,
            object: Some(ObjectRef {
                kind: Some("billing.meter".into()),
                id: Some("mtr_test_1".into()),
            }),
            has_reserved_key: false,
        }
    );
}

#[test]
fn an_id_and_a_type_suffice() {
    let head = head(r#"{"id":"evt_1","type":"never.seen.before"}"#);
    assert_eq!(
        (head.id.as_ref(), head.kind.as_ref()),
        ("evt_1", "never.seen.before")
    );
    assert_eq!(head.shape, Shape::Unknown);
    assert_eq!(
        (head.account, head.context, head.api_version),
        (None, None, None)
    );
    assert_eq!(
        (head.livemode, head.created, head.object),
        (None, None, None)
    );
}

#[test]
fn a_head_borrows_from_the_body_unless_escapes_have_to_be_resolved() {
    let plain = head(SNAPSHOT_BODY);
    assert!(matches!(
        (&plain.id, &plain.kind, &plain.account),
        (Cow::Borrowed(_), Cow::Borrowed(_), Some(Cow::Borrowed(_)))
    ));
    assert!(matches!(head(THIN_BODY).account, Some(Cow::Borrowed(_))));

    let escaped = head(
        r#"{"\u0069d":"evt\u005f1","type":"a\/b","object":"v2.core.e\u0076ent","context":"org_1\/acct_2"}"#,
    );
    assert_eq!(
        (escaped.id, escaped.kind),
        (Cow::Owned("evt_1".into()), Cow::Owned("a/b".into()))
    );
    assert_eq!(
        (escaped.shape, escaped.account),
        (Shape::Thin, Some(Cow::Owned("acct_2".into())))
    );
}

#[test]
fn an_id_is_required_and_has_to_fit_a_key() {
    for body in [
        "{}",
        r#"{"type":"a"}"#,
        r#"{"id":null,"type":"a"}"#,
        r#"{"ID":"evt_1","type":"a"}"#,
        r#"{"data":{"id":"evt_1"}}"#,
    ] {
        assert_eq!(code(body), "event.no_id", "{body}");
    }
    for id in [
        "\"\"",
        "\" \"",
        "\"evt 1\"",
        "\"evt_1\\n\"",
        "\"evt_\u{e9}\"",
        "\"evt_\\u0000\"",
        "\"evt_\\ud800\"",
        "\"\u{7f}\"",
        "1",
        "1.5",
        "true",
        "[]",
        "[\"evt_1\"]",
        "{}",
        &format!("\"{}\"", "e".repeat(256)),
    ] {
        assert_eq!(
            code(format!(r#"{{"id":{id},"type":"a"}}"#)),
            "event.bad_id",
            "{id}"
        );
    }
    let longest = format!("evt_{}~!", "#".repeat(249));
    assert_eq!(
        head(&format!(r#"{{"id":"{longest}","type":"a"}}"#)).id,
        longest
    );
}

#[test]
fn a_type_is_required_and_has_to_fit_the_bus() {
    for body in [
        r#"{"id":"evt_1"}"#,
        r#"{"id":"evt_1","type":null}"#,
        r#"{"id":"evt_1","Type":"a"}"#,
    ] {
        assert_eq!(code(body), "event.no_type", "{body}");
    }
    let long = format!("\"{}\"", "é".repeat(65));
    for kind in [
        "\"\"",
        "\"a\\tb\"",
        "\"\\u0085\"",
        "\"\\udc00\"",
        "7",
        "false",
        "{}",
        "[\"a\"]",
        &long,
    ] {
        assert_eq!(
            code(format!(r#"{{"id":"evt_1","type":{kind}}}"#)),
            "event.bad_type",
            "{kind}"
        );
    }
    for kind in [
        "a",
        " ",
        "customer.subscription.updated",
        "ünïcode",
        &"é".repeat(64),
    ] {
        assert_eq!(
            head(&format!(r#"{{"id":"evt_1","type":"{kind}"}}"#)).kind,
            kind
        );
    }
}

#[test]
fn the_id_is_judged_before_the_type() {
    assert_eq!(code(r#"{"id":1,"type":2}"#), "event.bad_id");
    assert_eq!(code(r#"{"type":2}"#), "event.no_id");
}

#[test]
fn optional_fields_of_an_unexpected_type_are_as_good_as_absent() {
    let plain = head(r#"{"id":"evt_1","type":"a.b"}"#);
    for value in [
        "null",
        "[]",
        "{}",
        "[{\"id\":\"x\"}]",
        "1e999",
        "-1.5",
        "\"\"",
        "\"\\ud83d\"",
        "{\"object\":[1],\"id\":2,\"type\":3}",
    ] {
        for field in [
            "object",
            "account",
            "context",
            "livemode",
            "created",
            "api_version",
            "data",
            "related_object",
        ] {
            let body = event_with(&format!(r#""{field}":{value}"#));
            assert_eq!(head(&body), plain, "{body}");
        }
    }
    for (field, value) in [
        ("livemode", "\"true\""),
        ("livemode", "1"),
        ("account", "true"),
        ("data", "\"object\""),
        ("object", "7"),
    ] {
        let body = event_with(&format!(r#""{field}":{value}"#));
        assert_eq!(head(&body), plain, "{body}");
    }
}

#[test]
fn optional_strings_are_bounded() {
    let with = |field: &str, bytes: usize| {
        let body = event_with(&format!(r#""{field}":"{}""#, "x".repeat(bytes)));
        let head = parse_head(body.as_bytes()).expect("an event");
        (
            head.account.is_some(),
            head.context.is_some(),
            head.api_version.is_some(),
        )
    };
    assert_eq!(with("account", ACCOUNT_BYTES_MAX), (true, false, false));
    assert_eq!(
        with("account", ACCOUNT_BYTES_MAX + 1),
        (false, false, false)
    );
    assert_eq!(with("context", TEXT_BYTES_MAX), (false, true, false));
    assert_eq!(with("context", TEXT_BYTES_MAX + 1), (false, false, false));
    assert_eq!(
        with("api_version", TEXT_BYTES_MAX + 1),
        (false, false, false)
    );
    let long_account = format!("org_1/acct_{}", "x".repeat(ACCOUNT_BYTES_MAX));
    let body = event_with(&format!(
        r#""object":"v2.core.event","context":"{long_account}""#
    ));
    assert_eq!(
        (head(&body).account, head(&body).context),
        (None, Some(long_account.as_str().into()))
    );
    let body = event_with(&format!(
        r#""object":"event","data":{{"object":{{"id":"{}","object":"x"}}}}"#,
        "x".repeat(TEXT_BYTES_MAX + 1)
    ));
    assert_eq!(
        head(&body).object,
        Some(ObjectRef {
            kind: Some("x".into()),
            id: None
        })
    );
}

#[test]
fn created_is_whole_seconds_or_a_time_and_nothing_else() {
    for (value, created) in [
        ("1790000000", Some(1_790_000_000)),
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("\"2026-11-22T10:50:00Z\"", Some(1_795_344_600)),
        ("9223372036854775808", None),
        ("1790000000.0", None),
        ("1.79e9", None),
        ("\"1790000000\"", None),
        ("[1790000000]", None),
        ("\"2026-11-22\"", None),
    ] {
        assert_eq!(
            head(&event_with(&format!(r#""created":{value}"#))).created,
            created,
            "{value}"
        );
    }
}

#[test]
fn the_account_of_a_context_is_its_last_one() {
    for (context, account) in [
        ("acct_1", Some("acct_1")),
        ("org_1/acct_2", Some("acct_2")),
        ("acct_1/acct_2", Some("acct_2")),
        ("acct_1/ws_2", Some("acct_1")),
        ("org_1", None),
        ("org_acct_1", None),
        ("acct_", None),
        ("acct_/", None),
        ("acct_1/acct_", Some("acct_1")),
        ("ACCT_1", None),
        ("/", None),
    ] {
        let body = event_with(&format!(
            r#""object":"v2.core.event","context":"{context}""#
        ));
        let head = head(&body);
        assert_eq!(
            (head.account.as_deref(), head.context.as_deref()),
            (account, Some(context))
        );
    }
}

#[test]
fn each_shape_names_account_and_object_its_own_way() {
    let fields = r#""account":"acct_own","context":"acct_context","data":{"object":{"id":"o_1","object":"x"}},
        "related_object":{"id":"r_1","type":"y","object":"z"}"#;
    let read = |extra: &str| {
        let body = event_with(&format!("{fields}{extra}"));
        let head = parse_head(body.as_bytes()).expect("an event");
        let object = head.object.expect("both objects are there");
        format!(
            "{} {} {}",
            head.account.unwrap_or_default(),
            object.kind.unwrap_or_default(),
            object.id.unwrap_or_default()
        )
    };
    assert_eq!(read(r#","object":"event""#), "acct_own x o_1");
    assert_eq!(read(r#","object":"v2.core.event""#), "acct_context y r_1");
    assert_eq!(read(r#","object":"v3.event""#), "acct_own x o_1");
    // An unknown shape has a fallback; in a known one the object is in its shape's place.
    let only_thin_fields = r#""context":"acct_c","related_object":{"id":"r_1"}"#;
    let body = event_with(only_thin_fields);
    assert_eq!(head(&body).account.as_deref(), Some("acct_c"));
    assert_eq!(
        head(&body).object,
        Some(ObjectRef {
            kind: None,
            id: Some("r_1".into())
        })
    );
    let body = event_with(&format!(r#""object":"event",{only_thin_fields}"#));
    assert_eq!(head(&body).account.as_deref(), Some("acct_c"));
    assert_eq!(head(&body).object, None);
}

#[test]
fn objects_without_an_id_are_named_by_their_kind() {
    let body =
        event_with(r#""object":"event","data":{"object":{"object":"balance","available":[]}}"#);
    assert_eq!(
        head(&body).object,
        Some(ObjectRef {
            kind: Some("balance".into()),
            id: None
        })
    );
    let body = event_with(
        r#""object":"v2.core.event","related_object":{"type":"balance_settings","url":"/v1/x"}"#,
    );
    assert_eq!(
        head(&body).object,
        Some(ObjectRef {
            kind: Some("balance_settings".into()),
            id: None
        })
    );
}

#[test]
fn our_own_key_is_noticed_at_the_top_level_only() {
    for (fields, reserved) in [
        (r#""sluice":{}"#, true),
        (r#""sluice":null"#, true),
        (r#""sl\u0075ice":1"#, true),
        (r#""Sluice":1"#, false),
        (r#""data":{"sluice":1,"object":{"sluice":1}}"#, false),
        (r#""object":"sluice""#, false),
    ] {
        assert_eq!(
            head(&event_with(fields)).has_reserved_key,
            reserved,
            "{fields}"
        );
    }
}

#[test]
fn codes_are_stable() {
    use NotAnEvent::{BadId, BadType, NoId, NoType, NotAnObject, NotJson};
    assert_eq!(
        [NotJson, NotAnObject, NoId, BadId, NoType, BadType].map(NotAnEvent::code),
        [
            "event.not_json",
            "event.not_an_object",
            "event.no_id",
            "event.bad_id",
            "event.no_type",
            "event.bad_type"
        ]
    );
}

#[test]
fn a_snapshot_names_its_account_in_account_or_in_context_or_as_of_old_in_user_id() {
    let account = |fields: &str| {
        let body = event_with(&format!(r#""object":"event",{fields}"#));
        head(&body).account.map(Cow::into_owned)
    };
    for (fields, expected) in [
        (r#""account":"acct_1""#, Some("acct_1")),
        (
            r#""account":"acct_1","context":"acct_2/acct_1""#,
            Some("acct_1"),
        ),
        (r#""context":"acct_2""#, Some("acct_2")),
        (r#""account":null,"context":"org_1/acct_2""#, Some("acct_2")),
        (r#""context":"acct_2/acct_3""#, Some("acct_3")),
        (r#""context":"org_1""#, None),
        (r#""user_id":"acct_4""#, Some("acct_4")),
        (r#""user_id":"acct_4","context":"acct_2""#, Some("acct_2")),
        (r#""user_id":"acct_4","account":"acct_1""#, Some("acct_1")),
        (r#""user_id":"","context":null"#, None),
    ] {
        assert_eq!(account(fields).as_deref(), expected, "{fields}");
    }
    // A thin event never had the field `user_id`.
    let thin = event_with(r#""object":"v2.core.event","user_id":"acct_4","account":"acct_1""#);
    assert_eq!(head(&thin).account, None);
}
