//! What is not erased yet, and why.

use serde::{Serialize, Serializer};

use super::find::object_of;

/// Something that has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The id by which it is found again, although what led to it is erased; none if it is found anyway.
    pub id: Option<String>,
    /// What waits, and why.
    pub text: String,
}

impl Serialize for Wait {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl Wait {
    /// An event that waits.
    pub fn of(event: &str, why: &str) -> Self {
        Self {
            id: Some(event.to_owned()),
            text: format!("{event}: {why}"),
        }
    }

    /// A projection that waits, by its key.
    pub fn of_projection(key: &str, why: &str) -> Self {
        Self {
            id: Some(object_of(key).to_owned()),
            text: format!("{key}: {why}"),
        }
    }

    /// Dead letters that wait.
    pub fn of_queue(queue: &str, why: &str) -> Self {
        Self {
            id: None,
            text: format!("{queue}: {why}"),
        }
    }
}
