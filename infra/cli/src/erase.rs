//! `sluice erase`: removes what belongs to a customer from the ledger, the projections and the dead letters.
//!
//! Without `--yes` it only says what would be erased. It ends with exit code 4 if something has to wait or could not be
//! seen. An event waits while it isn't on the bus yet; an object waits while it has effects pending or still gives
//! access. What waits is found again by its own id, which the report names.

use std::collections::BTreeMap;

use sluice_operations::actor::reason;
use sluice_operations::dlq::LOOK_MAX;
use sluice_operations::erase::report::{
    Body, DeadLetter, Mention, NOT_REACHED, Projection, Report,
};
use sluice_operations::erase::{ERASE_WHY, Wanted, plan};
use sluice_operations::problem::Problem;

use crate::context::Context;
use crate::dlq::{hidden_now, not_looked_at};
use crate::output::fields;
use crate::progress::Progress;

/// The most of a kind that people are shown; machines get all.
const SHOWN_MAX: usize = 20;

/// Which customer, and how far to look.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sluice erase cus_1                    says what would be erased
  sluice erase cus_1 --yes              erases it, for good
  sluice erase cus_1 cs_9 ch_7 --yes    with objects that name no customer: a guest's checkout
  sluice erase cus_1 in_5 evt_8 --yes   with an object and an event that only mention the customer
  sluice erase cus_1 --account acct_2   a connected account's customer

An object belongs to the customer that Stripe's own fields of it name (customer, customer_account, ...), or that an object
belongs to that it is a part of (a refund, by its charge). What only mentions the customer, in metadata or a description, is
listed and stays. Objects of both modes are erased, live and test: ids don't say which. --json lists everything.

Erase in Stripe first: what Stripe sends afterwards is stored as any other event.

Exit code 4: something has to wait, or could not be seen.")]
pub(crate) struct Args {
    /// Customers; and objects (cs_…, pi_…) and events (evt_…) that belong to them whatever these say.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The connected account that they belong to; without it, the platform's own.
    #[arg(long)]
    account: Option<String>,
    /// Look at this many dead letters of each queue at most.
    #[arg(long, value_name = "COUNT", default_value_t = LOOK_MAX)]
    letters: usize,
    /// Why, for the record; 500 characters at most. It stays when the customer is gone, so it names no person.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

/// Prints what would be erased, or erases it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let wanted = Wanted {
        ids: args.ids.clone(),
        account: args.account,
        letters: args.letters,
    };
    let stack = &context.stack;
    let reason = match args.yes {
        true => Some(reason(stack, args.why.as_deref(), ERASE_WHY).await?),
        false => None,
    };
    let mut bar = Progress::new(context, "dead letters", None);
    let plan = plan(stack, wanted, &mut |count| bar.at(count)).await?;
    drop(bar);
    let report = match &reason {
        Some(reason) => plan.carry_out(stack, reason).await?,
        None => plan.dry_run(stack).await?,
    };
    match context.out.is_json() {
        true => context.out.value(&report)?,
        false => context.out.text(text(&report))?,
    }
    verdict(&report, &args.ids)
}

fn text(report: &Report) -> String {
    let title = if report.is_done {
        "erased"
    } else {
        "would be erased; --yes does it, for good"
    };
    let mut lines = vec![
        ("bodies", report.bodies.to_string()),
        ("projections", report.projections.to_string()),
        ("dead letters", report.letters.to_string()),
    ];
    let found = &report.found;
    add(&mut lines, "body", found.bodies.iter().map(body));
    let projections = found.projections.iter().map(projection);
    add(&mut lines, "projection", projections);
    let letters = found.dead_letters.iter().map(dead_letter);
    add(&mut lines, "dead letter", letters);
    let waits = report.waits.iter().map(|wait| wait.text.clone());
    add(&mut lines, "waits", waits);
    add(&mut lines, "mentions", report.mentions.iter().map(mention));
    let unseen = report.unseen.iter();
    let unseen = unseen.map(|one| format!("{}: {}", one.spot.id(), one.why));
    add(&mut lines, "not seen", unseen);
    let counts = |counts: &BTreeMap<String, u64>, words: &str| {
        let all = counts.iter();
        let all = all.map(|(queue, count)| format!("{queue}: about {count} {words}"));
        all.collect::<Vec<_>>().into_iter()
    };
    let left = counts(&report.left, "dead letters more than were looked at");
    add(&mut lines, "not seen", left);
    let hidden = "dead letters are hidden by another command; again in five minutes";
    add(&mut lines, "not seen", counts(&report.hidden, hidden));
    let on_their_way = counts(&report.on_their_way, "messages");
    add(&mut lines, "on the way", on_their_way);
    let also = report.also_named.iter();
    let also = also.map(|id| format!("{id} is the same customer: give it too, and run it again"));
    add(&mut lines, "also named", also);
    lines.push(("not reached", NOT_REACHED.to_owned()));
    fields(title, &lines)
}

/// Success, or what is left to do. `ids` are the ids that were given.
fn verdict(report: &Report, ids: &[String]) -> Result<(), Problem> {
    let mut parts = Vec::new();
    if !report.waits.is_empty() {
        parts.push(format!(
            "{} to wait; then: sluice erase {}",
            match report.waits.len() {
                1 => "1 has".to_owned(),
                count => format!("{count} have"),
            },
            report.again(ids).join(" ")
        ));
    }
    if !report.unseen.is_empty() {
        let count = report.unseen.len();
        parts.push(format!("{count} could not be seen"));
    }
    let left = report.left.iter();
    parts.extend(left.map(|(queue, count)| not_looked_at(queue, *count)));
    let hidden = report.hidden.iter();
    parts.extend(hidden.map(|(queue, count)| hidden_now(queue, *count)));
    match parts.is_empty() {
        true => Ok(()),
        false => Err(Problem::Partly(parts.join("; "))),
    }
}

/// Adds one line for each, up to [`SHOWN_MAX`], and the number of further ones.
fn add(
    lines: &mut Vec<(&'static str, String)>,
    name: &'static str,
    all: impl ExactSizeIterator<Item = String>,
) {
    let more = all.len().saturating_sub(SHOWN_MAX);
    lines.extend(all.take(SHOWN_MAX).map(|text| (name, text)));
    if more > 0 {
        lines.push((name, format!("and {more} more; --json lists all")));
    }
}

fn body(body: &Body) -> String {
    let mut words = vec![body.event.as_str(), &body.kind];
    words.extend(body.object.as_deref());
    words.extend([body.mode, &body.item]);
    words.join(" ")
}

fn projection(one: &Projection) -> String {
    [one.domain.as_str(), &one.key, &one.kind].join(" ")
}

fn dead_letter(one: &DeadLetter) -> String {
    [one.queue.as_str(), &one.event, &one.kind].join(" ")
}

fn mention(mention: &Mention) -> String {
    let mut words = vec![mention.spot.id(), &mention.kind];
    words.extend(mention.object.as_deref());
    words.extend(mention.account.as_deref());
    let fields: Vec<_> = mention.fields.iter().map(String::as_str).collect();
    format!("{} in {}", words.join(" "), fields.join(", "))
}

#[cfg(test)]
mod tests {
    use sluice_operations::erase::report::{Spot, Unseen};
    use sluice_operations::erase::wait::Wait;

    use super::*;
    use crate::output::without_colour;

    fn of_everything(count: usize) -> Report {
        let bodies = (0..count).map(|n| Body {
            event: format!("evt_{n}"),
            kind: "charge.succeeded".to_owned(),
            object: Some("ch_1".to_owned()),
            mode: "live",
            item: "entry".to_owned(),
        });
        let mut report = Report::default();
        report.found.bodies = bodies.collect();
        report.mentions.push(Mention {
            spot: Spot::Event("evt_other".to_owned()),
            account: Some("acct_1".to_owned()),
            object: Some("in_2".to_owned()),
            kind: "invoice.paid".to_owned(),
            fields: ["metadata".to_owned()].into(),
        });
        report
    }

    #[test]
    fn people_are_shown_a_bounded_list() {
        let text = without_colour(&text(&of_everything(SHOWN_MAX + 3)));
        assert!(
            text.contains("evt_0 charge.succeeded ch_1 live entry"),
            "{text}"
        );
        assert!(text.contains("and 3 more; --json lists all"), "{text}");
        assert!(!text.contains(&format!("evt_{SHOWN_MAX} ")), "{text}");
        assert!(
            text.contains("evt_other invoice.paid in_2 acct_1 in metadata"),
            "{text}"
        );
    }

    #[test]
    fn what_only_mentions_the_customer_leaves_nothing_to_do_and_what_was_not_seen_does() {
        let ids = ["cus_1".to_owned()];
        assert!(verdict(&of_everything(1), &ids).is_ok());
        let words = |change: fn(&mut Report)| {
            let mut report = of_everything(1);
            change(&mut report);
            let problem = verdict(&report, &ids).expect_err("partly");
            assert_eq!(problem.exit_code(), 4);
            problem.to_string()
        };
        let waits = words(|report| {
            report.waits.push(Wait::of("evt_1", "why"));
            report
                .waits
                .push(Wait::of_projection("platform#live#sub_1", "why"));
            report.waits.push(Wait::of_queue("payments", "why"));
        });
        assert_eq!(
            waits,
            "3 have to wait; then: sluice erase cus_1 evt_1 sub_1"
        );
        let unseen = words(|report| {
            report.unseen.push(Unseen {
                spot: Spot::Letter("message-1".to_owned()),
                why: "why".to_owned(),
            });
        });
        assert_eq!(unseen, "1 could not be seen");
        let left = words(|report| report.left = [("billing".to_owned(), 12)].into());
        assert_eq!(
            left,
            "dead letters of billing that were not looked at: about 12"
        );
        let hidden = words(|report| report.hidden = [("rule".to_owned(), 1)].into());
        assert_eq!(hidden, "dead letters of rule are hidden just now: 1");
    }
}
