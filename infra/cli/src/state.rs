//! `sluice state`: an object of Stripe's, as its domain has it.

use clap::Subcommand;
use serde_json::{Map, Value};
use sluice_operations::problem::Problem;
use sluice_operations::state::{Object, find};
use sluice_operations::times::time_of_ms;

use crate::context::Context;
use crate::output::{fields, said};

const EXAMPLES: &str = "Examples:
  sluice state show sub_1                              of the platform's own, live or test
  sluice state show pi_1 --account acct_1              of a connected account's
  sluice state show 'acct_1#live#pi_1' --json          by a projection's whole key

Exit code 3: no domain has it.";

/// What to do with objects.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(after_help = EXAMPLES)]
    /// An object's state, what it rests on, its facts, and effects that are pending.
    Show(Args),
}

/// Which object.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The object's id, or a projection's whole key (`acct_1#live#ch_1`).
    pub(crate) id: String,
    /// The connected account that it belongs to; without it, the platform's own.
    #[arg(long, default_value = "platform")]
    pub(crate) account: String,
}

/// Does it.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::Show(args) => show(context, args).await,
    }
}

/// Shows an object, in whichever domain and mode it is.
pub(crate) async fn show(context: &Context, args: Args) -> Result<(), Problem> {
    for object in find(&context.stack, &args.id, &args.account).await? {
        match context.out.is_json() {
            true => context.out.value(&object)?,
            false => context.out.text(words(&object))?,
        }
    }
    Ok(())
}

fn words(object: &Object) -> String {
    let document = &object.document;
    let listed = |name: &str| {
        let all = array(document, name);
        all.map(said).collect::<Vec<_>>().join(" ")
    };
    let pending = match array(document, "pending").count() {
        0 => String::new(),
        count => count.to_string(),
    };
    let version = object.version.map(|version| version.to_string());
    fields(
        object.key.as_deref().unwrap_or_default(),
        &[
            ("domain", object.domain.clone()),
            ("version", version.unwrap_or_default()),
            ("state", document.get("state").map(said).unwrap_or_default()),
            ("rests on", rests_on(document)),
            ("events", listed("history")),
            ("facts", listed("facts")),
            ("pending", pending),
        ],
    )
}

fn array<'a>(document: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = document.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// The newest events or fetches, their second, and whether the state is a guess between them.
fn rests_on(document: &Map<String, Value>) -> String {
    let names: Vec<_> = array(document, "members")
        .map(|member| member["event"].as_str().unwrap_or("a fetch"))
        .collect();
    let second = document.get("second").and_then(Value::as_i64);
    let second = second.map(|second| time_of_ms(second * 1_000));
    let guess = match document.get("tie_unresolved") {
        Some(Value::Bool(true)) => ", a guess",
        _ => "",
    };
    format!(
        "{} of {}{guess}",
        names.join(" "),
        second.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::without_colour;

    #[test]
    fn an_object_is_shown_with_its_state_and_what_it_rests_on() {
        let document = json!({
            "state": { "status": "succeeded" }, "history": ["evt_1"], "members": [{ "event": "evt_1" }, {}], "second": 0,
            "tie_unresolved": true,
        });
        let Value::Object(document) = document else {
            panic!("an object");
        };
        let object = Object {
            domain: "payments".to_owned(),
            key: Some("platform#live#ch_1".to_owned()),
            version: Some(2),
            document,
        };
        let words = without_colour(&words(&object));
        assert!(
            words.contains(r#"state        {"status":"succeeded"}"#),
            "{words}"
        );
        let rests_on = "rests on     evt_1 a fetch of 1970-01-01T00:00:00Z, a guess";
        assert!(words.contains(rests_on), "{words}");
    }
}
