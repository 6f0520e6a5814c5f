//! Ids of hexadecimal digits in half their bytes.
//!
//! An attempt is named by a UUID and a trace by the W3C's form, 36 and 55 characters of each entry. If they have
//! exactly that form, in lower case, they are stored as bytes and read back unchanged; any other text is stored as it
//! is.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{bytes, text};

/// How long the groups of digits of a UUID are.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Those of a `traceparent`: version, trace, span, flags.
const TRACEPARENT: [usize; 4] = [2, 32, 16, 2];

/// An id, stored.
pub(crate) fn id(value: &str) -> AttributeValue {
    let packed = pack(value, &UUID).or_else(|| pack(value, &TRACEPARENT));
    packed.map_or_else(|| text(value), bytes)
}

/// An id, read back; `None` if the attribute is neither text nor bytes of a known form.
pub(crate) fn read(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(text.clone()),
        AttributeValue::B(bytes) => {
            let bytes = bytes.as_ref();
            unpack(bytes, &UUID).or_else(|| unpack(bytes, &TRACEPARENT))
        }
        _ => None,
    }
}

/// The values of the digits, if the text is groups of lower-case digits of these lengths, separated by dashes.
fn pack(value: &str, groups: &[usize]) -> Option<Vec<u8>> {
    let mut parts = value.split('-');
    let mut packed = Vec::with_capacity(value.len() / 2);
    for &length in groups {
        let part = parts.next().filter(|part| part.len() == length)?;
        for pair in part.as_bytes().chunks(2) {
            let mut value = 0;
            for digit in pair {
                value = value * 16
                    + match digit {
                        b'0'..=b'9' => digit - b'0',
                        b'a'..=b'f' => digit - b'a' + 10,
                        _ => return None,
                    };
            }
            packed.push(value);
        }
    }
    parts.next().is_none().then_some(packed)
}

fn unpack(bytes: &[u8], groups: &[usize]) -> Option<String> {
    if bytes.len() != groups.iter().sum::<usize>() / 2 {
        return None;
    }
    let digits = super::hex(bytes);
    let (mut value, mut rest) = (String::with_capacity(digits.len() + groups.len()), &*digits);
    for &length in groups {
        let (group, after) = rest.split_at(length);
        if !value.is_empty() {
            value.push('-');
        }
        value.push_str(group);
        rest = after;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_a_known_form_take_half_the_bytes_and_others_stay_as_they_are() {
        for (value, bytes) in [
            ("8476a536-e9f4-11e8-9739-2dfe598c3fcd", Some(16)),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                Some(26),
            ),
            ("8476A536-e9f4-11e8-9739-2dfe598c3fcd", None),
            ("8476a536-e9f4-11e8-9739-2dfe598c3fcd-", None),
            ("8476a536e-9f4-11e8-9739-2dfe598c3fcd", None),
            ("reconcile-1", None),
            ("", None),
        ] {
            let stored = id(value);
            let length = stored.as_b().ok().map(|bytes| bytes.as_ref().len());
            assert_eq!(length, bytes, "{value}");
            assert_eq!(read(&stored).as_deref(), Some(value));
        }
        assert_eq!(read(&bytes(vec![0_u8; 3])), None);
    }

    proptest! {
        #[test]
        fn every_id_is_read_back_as_it_was(value in "[0-9a-f]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-f]{12}|00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]|.{0,60}") {
            prop_assert_eq!(read(&id(&value)), Some(value));
        }
    }
}
