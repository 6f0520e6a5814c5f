//! Shows an event's stored body unmasked, as a run: who looked at which event, and why.
//!
//! The record is written before the body is given out. The console makes it: a person who may read the ledger's
//! table can read bodies without it, as `sluice event show --body` does.

use serde_json::json;

use super::story::body;
use crate::problem::Problem;
use crate::runs::{Confirmed, Record, RunKind, is_begun, name, plan_digest};
use crate::stack::Stack;

/// The longest part of an event's id in the name of a run.
const ID_MAX: usize = 90;

/// The event's id as part of a run's name. Ids as Stripe makes them stay as they are.
fn plain(id: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let letters = id.chars().take(ID_MAX);
    letters
        .map(|letter| if is_plain(letter) { letter } else { '.' })
        .collect()
}

/// A name for a run that shows this event's body now: `view-evt_1-19b0c3d5a2f`.
pub fn run_name(id: &str) -> String {
    name(RunKind::View, &plain(id))
}

/// The event that a run of this name has shown, if its id is part of the name.
pub fn event_of(run: &str) -> Option<&str> {
    let rest = run.strip_prefix("view-")?;
    rest.rsplit_once('-').map(|(id, _)| id)
}

/// Distinguishes this body from another one of the same event.
pub fn digest(id: &str, hash: &str) -> String {
    plan_digest([RunKind::View.as_str(), id, hash])
}

/// The event's stored body, byte for byte, once it is on record who looks at it and why.
///
/// # Errors
/// `Partly` if this run has shown it; `NotFound` if the ledger has no such event; `Failed` if its body isn't whole, or the
/// record can't be written.
pub async fn view(stack: &Stack, id: &str, confirmed: Confirmed) -> Result<Vec<u8>, Problem> {
    if is_begun(stack, RunKind::View, &confirmed.run).await? {
        return Err(Problem::Partly(
            "a body is shown once: ask for it again on the event's page".to_owned(),
        ));
    }
    let body = body(stack, id).await?;
    let asked = json!({ "event": id });
    let mut record = Record::begin(stack, RunKind::View, confirmed, asked).await?;
    record.count("shown", 1, false);
    record.end(None).await?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::check_name;

    #[test]
    fn the_name_of_a_run_says_which_event_was_looked_at() {
        let run = run_name("evt_1-x");
        assert_eq!(event_of(&run), Some("evt_1-x"));
        assert_eq!(event_of("replay-1"), None);
    }

    #[test]
    fn any_id_that_an_event_can_have_makes_a_name() {
        for id in [&"x".repeat(255), "evt_1/../<b>?#%", "é", "-"] {
            check_name(RunKind::View, &run_name(id)).expect("a name");
        }
    }

    #[test]
    fn another_body_or_event_is_another_plan() {
        let of = [("evt_1", "a"), ("evt_1", "b"), ("evt_2", "a")];
        let [one, other, third] = of.map(|(id, hash)| digest(id, hash));
        assert!(one != other && one != third && other != third);
    }
}
