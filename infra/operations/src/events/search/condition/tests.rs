use proptest::prelude::*;

use super::*;

#[test]
fn conditions_are_read_as_people_write_them() {
    for (text, printed) in [
        (
            "data.object.metadata.order=1234",
            "data.object.metadata.order = 1234",
        ),
        ("  a . b = 1", ""),
        (
            r#"metadata."my key" ~ "a b" and type=x"#,
            r#"metadata."my key" ~ "a b" and type = x"#,
        ),
        (
            "lines.data[*].amount>9007199254740993",
            "lines.data[*].amount > 9007199254740993",
        ),
        ("a[0][12].b exists", "a[0][12].b exists"),
        ("a.exists != null", "a.exists != null"),
        ("[0].a = x", "[0].a = x"),
        ("a = and and b = c", "a = and and b = c"),
        (r#"email = ann@example.com"#, "email = ann@example.com"),
        (r#"preise."grüße" = "é\"\\""#, r#"preise.grüße = "é\"\\""#),
    ] {
        match text.parse::<Conditions>() {
            Ok(read) => assert_eq!(read.to_string(), printed, "{text}"),
            Err(wrong) => assert!(printed.is_empty(), "{text}: {wrong}"),
        }
    }
}

#[test]
fn what_is_no_condition_is_one_sentence_with_the_place_of_the_fault() {
    for (text, place, words) in [
        ("", "ends at character 1", "a name"),
        ("a", "ends at character 2", "one of"),
        ("a.b", "ends at character 4", "one of"),
        ("é.b ? 1", "at character 5", "one of"),
        ("a. = 1", "at character 3", "a name"),
        ("a..b = 1", "at character 3", "a name"),
        ("a[x] = 1", "at character 3", "a number or `*`"),
        ("a[] = 1", "at character 3", "a number or `*`"),
        ("a[1 = 1", "at character 3", "`]`"),
        ("a[99999999999999999999] = 1", "at character 3", "a number"),
        ("a =", "ends at character 4", "a value"),
        ("a == 1", "at character 4", "quotes"),
        ("a >= 1", "at character 4", "a number"),
        ("a < x", "at character 5", "a number"),
        ("a < \"1\"", "at character 5", "a number"),
        ("a = b c", "at character 7", "`and`"),
        ("a = 1 and", "ends at character 10", "a name"),
        ("a = \"b", "at character 5", "closed"),
        (r#"a = "\x""#, "at character 5", "JSON"),
        ("a existst", "at character 3", "one of"),
    ] {
        let wrong = text.parse::<Conditions>().expect_err(text);
        assert!(
            wrong.contains(place) && wrong.contains(words),
            "{text}: {wrong}"
        );
        assert!(!wrong.contains('\n'));
    }
}

#[test]
fn a_path_and_a_search_have_limits() {
    let deep = |depth| format!("{} = 1", vec!["a"; depth].join("."));
    assert!(deep(PATH_DEPTH_MAX).parse::<Conditions>().is_ok());
    let wrong = deep(PATH_DEPTH_MAX + 1).parse::<Conditions>();
    assert!(wrong.expect_err("too deep").contains("at most 32"));
    let long = |length| format!("{} = 1", "a".repeat(length));
    assert!(long(PATH_BYTES_MAX).parse::<Conditions>().is_ok());
    let wrong = long(PATH_BYTES_MAX + 1).parse::<Conditions>();
    assert!(wrong.expect_err("too long").contains("501 bytes"));
    let many = |count| vec!["a = 1".to_owned(); count];
    assert!(Conditions::of(&many(CONDITIONS_MAX)).is_ok());
    assert!(Conditions::of(&many(CONDITIONS_MAX + 1)).is_err());
    let text = format!("a = \"{}\"", "x".repeat(CONDITIONS_BYTES_MAX));
    assert!(text.parse::<Conditions>().is_err());
}

fn segment() -> impl Strategy<Value = Segment> {
    prop_oneof![
        6 => "\\PC{0,6}".prop_map(Segment::Name),
        6 => "[a-z_]{1,6}".prop_map(Segment::Name),
        1 => any::<usize>().prop_map(Segment::Index),
        1 => Just(Segment::Any),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let word = |text: String| Value::Word {
        number: Decimal::read(&text),
        text,
    };
    prop_oneof![
        any::<String>().prop_map(Value::Text),
        any::<i64>().prop_map(move |number| word(number.to_string())),
        "[a-z@.\\-]{1,9}".prop_map(word),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    (any::<i64>(), 0_u32..99).prop_filter_map("a number", |(number, exponent)| {
        let text = format!("{number}e{exponent}");
        let decimal = Decimal::read(&text)?;
        Some(Number { text, decimal })
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let test = prop_oneof![
        value().prop_map(Test::Equal),
        value().prop_map(Test::Differs),
        value().prop_map(Test::Contains),
        number().prop_map(Test::Less),
        number().prop_map(Test::More),
        Just(Test::Exists),
    ];
    let path = prop::collection::vec(segment(), 1..6);
    (path, test).prop_map(|(path, test)| Condition { path, test })
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same_conditions(all in prop::collection::vec(condition(), 1..4)) {
        let conditions = Conditions(all);
        let printed = conditions.to_string();
        prop_assume!(printed.len() <= CONDITIONS_BYTES_MAX);
        prop_assert_eq!(printed.parse::<Conditions>(), Ok(conditions.clone()), "{}", printed);
        let json = serde_json::to_string(&conditions).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Conditions>(&json).expect("read"), conditions);
    }

    #[test]
    fn any_text_is_conditions_or_one_sentence(text: String) {
        if let Err(wrong) = text.parse::<Conditions>() {
            prop_assert!(wrong.contains("condition"), "{}", wrong);
        }
    }
}
