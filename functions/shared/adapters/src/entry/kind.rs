//! An object's type, if the event's type contains it.
//!
//! `customer.subscription.updated` is about a `subscription`. If an entry names its object and the object's type is
//! that word, the type isn't stored; any other type is stored as it is, and none as an empty text.

/// The word before an event type's last word, after the dot before it.
fn said_by(event: &str) -> Option<&str> {
    let (object, _) = event.rsplit_once('.')?;
    object.rsplit('.').next().filter(|word| !word.is_empty())
}

/// What is stored for the object's type; `has_id` says whether the event names its object.
pub(crate) fn stored<'a>(event: &str, has_id: bool, object: Option<&'a str>) -> Option<&'a str> {
    match (has_id, object) {
        (true, object) if object == said_by(event) => None,
        (true, None) => Some(""),
        (_, object) => object,
    }
}

/// The object's type, from what was stored of it.
pub(crate) fn read(event: &str, has_id: bool, stored: Option<String>) -> Option<String> {
    match stored {
        Some(stored) => Some(stored).filter(|stored| !(has_id && stored.is_empty())),
        None if has_id => said_by(event).map(str::to_owned),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn an_object_s_type_is_stored_only_where_the_event_s_type_doesn_t_say_it() {
        for (event, object, stored) in [
            ("invoice.paid", Some("invoice"), None),
            ("customer.subscription.updated", Some("subscription"), None),
            (
                "checkout.session.completed",
                Some("checkout.session"),
                Some("checkout.session"),
            ),
            ("charge.dispute.created", None, Some("")),
            ("ping", None, None),
        ] {
            assert_eq!(super::stored(event, true, object), stored, "{event}");
        }
        assert_eq!(
            super::stored("balance.available", false, Some("balance")),
            Some("balance")
        );
    }

    proptest! {
        #[test]
        fn every_type_is_read_back_as_it_was(
            event in "[a-z]{0,3}(\\.[a-z]{0,3}){0,3}", has_id: bool, object in proptest::option::of("[a-z.]{1,5}")
        ) {
            let stored = super::stored(&event, has_id, object.as_deref());
            prop_assert_eq!(super::read(&event, has_id, stored.map(str::to_owned)), object);
        }
    }
}
