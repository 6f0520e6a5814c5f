//! Compares `event::parse_head` with a plain parse through `serde_json::Value`, and what it accepts with the promises
//! of its documentation.
#![no_main]

#[path = "../../src/event/reference.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use reference::{plain, plain_head};
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_kernel::event::{EVENT_ID_BYTES_MAX, EVENT_TYPE_BYTES_MAX};
use sluice_stripe::event::{NotAnEvent, parse_head};

fuzz_target!(|body: &[u8]| {
    let answer = parse_head(body);

    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        match (&answer, plain_head(&value)) {
            (Ok(head), expected) => assert_eq!(Ok(plain(head, &value)), expected),
            (Err(fault), expected) => assert_eq!(Err(fault.code().as_str()), expected),
        }
    }

    // `RawValue` checks the same grammar in one go, and is not bounded in depth either.
    let is_json =
        str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    assert_eq!(answer == Err(NotAnEvent::NotJson), !is_json);

    if let Ok(head) = answer {
        assert!((1..=EVENT_ID_BYTES_MAX).contains(&head.id.len()));
        assert!((1..=EVENT_TYPE_BYTES_MAX).contains(&head.kind.len()));
        // A body that passes can be embedded unchanged in another document, after one more leading key.
        let text = str::from_utf8(body)
            .expect("an event is UTF-8")
            .trim_start();
        let published = format!(
            "{{\"sluice\":{{}},{}",
            text.strip_prefix('{').expect("an event is an object")
        );
        let head_again =
            parse_head(published.as_bytes()).expect("one more key makes it no less an event");
        assert!(head_again.has_reserved_key);
        assert_eq!(
            (head_again.id, head_again.kind, head_again.object),
            (head.id, head.kind, head.object)
        );
    }
});
