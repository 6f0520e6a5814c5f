//! `sluice state`: an object of Stripe's, as its domain has it.

use clap::Subcommand;
use serde_json::{Value, json};
use sluice_adapters::inspect;

use crate::context::Context;
use crate::output::{fields, said};
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;

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
    let Args { id, account } = args;
    let account = context.stack.account_key(&account).await;
    let keys = match id.contains('#') {
        true => vec![id],
        false => ["live", "test"]
            .map(|mode| format!("{account}#{mode}#{id}"))
            .to_vec(),
    };
    let mut found = Vec::new();
    for domain in context.stack.domains() {
        for key in &keys {
            let item =
                inspect::projection(context.stack.aws.sdk(), context.stack.table(domain)?, key)
                    .await?;
            found.extend(item.map(|item| of_domain(domain, item)));
        }
    }
    if found.is_empty() {
        return Err(Problem::NotFound(format!(
            "no domain has {}",
            keys.join(" or ")
        )));
    }
    for item in found {
        match context.out.is_json() {
            true => context.out.value(&item)?,
            false => context.out.text(words(&item))?,
        }
    }
    Ok(())
}

/// The item with its document's fields at the top.
fn of_domain(domain: &str, item: Value) -> Value {
    let mut shown = json!({ "domain": domain, "key": item["pk"], "version": item["version"] });
    if let (Some(shown), Some(document)) = (shown.as_object_mut(), item["doc"].as_object()) {
        shown.extend(document.clone());
    }
    shown
}

fn words(item: &Value) -> String {
    let listed = |name: &str| {
        let all = item[name].as_array().into_iter().flatten();
        all.map(said).collect::<Vec<_>>().join(" ")
    };
    let pending = item["pending"].as_array().map_or(0, Vec::len);
    fields(
        &said(&item["key"]),
        &[
            ("domain", said(&item["domain"])),
            ("version", said(&item["version"])),
            ("state", said(&item["state"])),
            ("rests on", rests_on(item)),
            ("events", listed("history")),
            ("facts", listed("facts")),
            (
                "pending",
                if pending > 0 {
                    pending.to_string()
                } else {
                    String::new()
                },
            ),
        ],
    )
}

/// The newest events or fetches, their second, and whether the state is a guess between them.
fn rests_on(item: &Value) -> String {
    let members = item["members"].as_array().into_iter().flatten();
    let names: Vec<_> = members
        .map(|member| member["event"].as_str().unwrap_or("a fetch"))
        .collect();
    let second = item["second"].as_i64();
    let second = second.map(|second| time_of_ms(second * 1_000));
    let guess = match item["tie_unresolved"] == true {
        true => ", a guess",
        false => "",
    };
    format!(
        "{} of {}{guess}",
        names.join(" "),
        second.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::without_colour;

    #[test]
    fn an_object_shows_its_documents_fields() {
        let item = json!({ "pk": "platform#live#ch_1", "version": 2, "doc": { "state": { "status": "succeeded" }, "history": ["evt_1"] } });
        let shown = of_domain("payments", item);
        assert_eq!(
            (&shown["key"], &shown["version"], &shown["history"]),
            (&json!("platform#live#ch_1"), &json!(2), &json!(["evt_1"]))
        );
        let words = without_colour(&words(&shown));
        assert!(
            words.contains(r#"state        {"status":"succeeded"}"#),
            "{words}"
        );
    }
}
