//! What came of a comparison: counts by type, what was seen by one of the two alone, and what differs.

use std::collections::BTreeMap;

use serde_json::json;
use sluice_kernel::reconcile::is_subscribed;

use super::compare::{Known, Verdict};
use super::{Endpoints, Window};
use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, WARN, paint, table};
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;

/// The most events that are shown one by one, of each sort; JSON has all.
const SHOWN_MAX: usize = 50;

/// Counts of one type.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    verdicts: [usize; 5],
    differ: usize,
    stuck: usize,
}

impl Counts {
    fn of(&self, verdict: Verdict) -> usize {
        self.verdicts[verdict as usize]
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Report {
    types: BTreeMap<String, Counts>,
    all: Counts,
    shown: usize,
    /// What is a reason not to switch; and what only they lack.
    troubles: Vec<[Cell; 4]>,
    theirs_to_see: Vec<[Cell; 4]>,
    /// The events that the file names, and its lines that name none.
    pub(super) file: Option<(usize, usize)>,
    pub(super) listed: Option<usize>,
    pub(super) beyond: usize,
    pub(super) remarks: Vec<String>,
}

impl Report {
    /// Of nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Takes an event in; for machines, prints it where there is something to say.
    pub(super) fn add(
        &mut self,
        context: &Context,
        id: &str,
        known: &Known<'_>,
        is_subscribed: impl Fn(&str) -> bool,
    ) -> Result<(), Problem> {
        let verdict = known.verdict(is_subscribed);
        let kind = known.kind().unwrap_or("unknown").to_owned();
        let (differ, stuck) = (known.differences(), known.stuck());
        let of_type = self.types.entry(kind.clone()).or_default();
        for counts in [of_type, &mut self.all] {
            counts.verdicts[verdict as usize] += 1;
            counts.differ += usize::from(!differ.is_empty());
            counts.stuck += usize::from(stuck.is_some());
        }
        if verdict == Verdict::Both && differ.is_empty() && stuck.is_none() {
            return Ok(());
        }
        let refused = known.refused();
        let what = differ.iter().chain(&stuck).chain(&refused);
        let what: Vec<_> = what.map(String::as_str).collect();
        if context.out.is_json() {
            return context.out.value(&json!({
                "event": id, "type": kind, "seen_by": verdict.as_str(), "differs": differ, "stuck": stuck,
                "answered_there": known.theirs.and_then(|theirs| theirs.status),
                "deliveries_there": known.theirs.map(|theirs| theirs.deliveries),
                "pending_webhooks": known.listed.and_then(|listed| listed.pending_webhooks),
            }));
        }
        // What isn't ours to see is counted, and would only hide the rest.
        if verdict == Verdict::NotSubscribed {
            return Ok(());
        }
        let is_trouble = verdict.is_trouble() || !differ.is_empty() || stuck.is_some();
        let (rows, style) = match is_trouble {
            true => (&mut self.troubles, BAD),
            false => (&mut self.theirs_to_see, WARN),
        };
        self.shown += 1;
        if rows.len() < SHOWN_MAX {
            let said = verdict.as_str().replace('_', " ");
            rows.push([
                id.into(),
                kind.into(),
                Cell::new(style, said),
                what.join("; ").into(),
            ]);
        }
        Ok(())
    }

    /// Says what came of it.
    ///
    /// # Errors
    /// [`Problem::Partly`] where something is a reason not to switch.
    pub(super) fn end(
        mut self,
        context: &Context,
        window: &Window<'_>,
        endpoints: &Endpoints,
    ) -> Result<(), Problem> {
        self.remarks.extend(apart(endpoints));
        let all = self.all;
        let trouble =
            all.of(Verdict::OnlyTheirs) + all.of(Verdict::Neither) + all.differ + all.stuck;
        let mode = if window.livemode { "live" } else { "test" };
        if context.out.is_json() {
            let in_json = |counts: &Counts| {
                json!({
                    "both": counts.of(Verdict::Both), "only_ours": counts.of(Verdict::OnlyOurs),
                    "only_theirs": counts.of(Verdict::OnlyTheirs), "neither": counts.of(Verdict::Neither),
                    "not_subscribed": counts.of(Verdict::NotSubscribed), "differ": counts.differ, "stuck": counts.stuck,
                })
            };
            let types: BTreeMap<_, _> = self
                .types
                .iter()
                .map(|(kind, it)| (kind, in_json(it)))
                .collect();
            context.out.value(&json!({ "shadow": {
                "from_s": window.from_s, "to_s": window.to_s, "mode": mode, "counts": in_json(&all), "types": types,
                "named_by_file": self.file.map(|(events, _)| events), "lines_without_event": self.file.map(|(_, lines)| lines),
                "listed_by_stripe": self.listed, "beyond_the_window": self.beyond, "remarks": self.remarks,
            } }))?;
        } else {
            self.print(context, window, mode)?;
        }
        match trouble {
            0 => Ok(()),
            _ => Err(Problem::Partly(format!(
                "{} missing here, {} differ, {} are here and not applied",
                all.of(Verdict::OnlyTheirs) + all.of(Verdict::Neither),
                all.differ,
                all.stuck
            ))),
        }
    }

    fn print(&self, context: &Context, window: &Window<'_>, mode: &str) -> Result<(), Problem> {
        let out = &context.out;
        let from = time_of_ms(window.from_s * 1_000);
        let sources = match (self.file, self.listed) {
            (Some((events, _)), Some(listed)) => {
                format!("{events} in the file, {listed} in Stripe's list")
            }
            (Some((events, _)), None) => format!("{events} in the file; Stripe wasn't asked"),
            (None, listed) => format!(
                "{} in Stripe's list, whose pending_webhooks stand for the other endpoint",
                listed.unwrap_or_default()
            ),
        };
        out.line(format!(
            "{mode} events from {from} to {}: {sources}",
            time_of_ms(window.to_s * 1_000)
        ))?;
        for (count, what) in [
            (
                self.beyond,
                "of the file were not made in this window, or are of another mode or type",
            ),
            (
                self.file.map_or(0, |(_, lines)| lines),
                "lines of the file name no event",
            ),
        ] {
            if count > 0 {
                out.line(paint(DIM, format!("{count} {what}")))?;
            }
        }
        out.line("")?;
        let number = |count: usize, style| match count {
            0 => Cell::new(DIM, "0"),
            count => Cell::new(style, count.to_string()),
        };
        let row = |kind: &str, counts: &Counts| {
            [
                Cell::from(kind),
                number(counts.of(Verdict::Both), GOOD),
                number(counts.of(Verdict::OnlyOurs), WARN),
                number(counts.of(Verdict::OnlyTheirs), BAD),
                number(counts.of(Verdict::Neither), BAD),
                number(counts.differ, BAD),
                number(counts.stuck, BAD),
                number(counts.of(Verdict::NotSubscribed), DIM),
            ]
        };
        let mut rows: Vec<_> = self
            .types
            .iter()
            .map(|(kind, counts)| row(kind, counts))
            .collect();
        rows.push(row("all", &self.all));
        let heading = [
            "type",
            "both",
            "only ours",
            "only theirs",
            "neither",
            "differ",
            "not applied",
            "not subscribed",
        ];
        out.text(table(heading, &rows))?;
        let rows: Vec<_> = self
            .troubles
            .iter()
            .chain(&self.theirs_to_see)
            .cloned()
            .collect();
        if !rows.is_empty() {
            out.line("")?;
            out.text(table(["event", "type", "seen by", "what"], &rows))?;
        }
        if self.shown > rows.len() {
            let more = self.shown - rows.len();
            out.line(paint(DIM, format!("and {more} more: --json has all")))?;
        }
        for remark in &self.remarks {
            out.line(paint(WARN, format!("! {remark}")))?;
        }
        if self.troubles.is_empty() {
            out.line(paint(GOOD, "nothing is missing here, and nothing differs"))?;
        }
        Ok(())
    }
}

/// How the two endpoints are set up differently.
fn apart(endpoints: &Endpoints) -> Vec<String> {
    let Some(theirs) = &endpoints.theirs else {
        return Vec::new();
    };
    let mut remarks = Vec::new();
    let ours: Vec<String> = endpoints
        .ours
        .iter()
        .flat_map(|it| it.enabled_events.clone())
        .collect();
    if ours.is_empty() {
        return vec![format!(
            "no endpoint of Stripe's posts here; theirs is {}",
            theirs.url
        )];
    }
    let lacking = |has: &[String], wanted: &[String]| -> Vec<String> {
        let lacks = wanted.iter().filter(|kind| !is_subscribed(has, kind));
        lacks.cloned().collect()
    };
    let (here, there) = (
        lacking(&ours, &theirs.enabled_events),
        lacking(&theirs.enabled_events, &ours),
    );
    if !here.is_empty() {
        remarks.push(format!(
            "{} is subscribed to {}, and we aren't",
            theirs.id,
            here.join(", ")
        ));
    }
    if !there.is_empty() {
        remarks.push(format!(
            "we are subscribed to {}, and {} isn't",
            there.join(", "),
            theirs.id
        ));
    }
    let account_s_own = || "the account's own".to_owned();
    for own in &endpoints.ours {
        if own.api_version != theirs.api_version {
            let [here, there] = [&own.api_version, &theirs.api_version]
                .map(|version| version.clone().unwrap_or_else(account_s_own));
            remarks.push(format!(
                "{} has API version {here}, {} has {there}: the same event differs in form",
                own.id, theirs.id
            ));
        }
        if own.status != "enabled" {
            remarks.push(format!(
                "{} is {}: Stripe doesn't deliver here",
                own.id, own.status
            ));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use sluice_stripe::client::WebhookEndpoint;

    use super::*;

    #[test]
    fn how_the_endpoints_are_set_up_differently_is_said() {
        let endpoint = |id: &str, types: &[&str], version: Option<&str>| WebhookEndpoint {
            id: id.to_owned(),
            url: format!("https://example.com/{id}"),
            enabled_events: types.iter().map(|kind| (*kind).to_owned()).collect(),
            status: "enabled".to_owned(),
            api_version: version.map(str::to_owned),
        };
        let apart_of = |ours: WebhookEndpoint, theirs| {
            apart(&Endpoints {
                ours: vec![ours],
                theirs: Some(theirs),
            })
        };
        let same = apart_of(
            endpoint("we_1", &["charge.*"], None),
            endpoint("we_2", &["charge.*"], None),
        );
        assert!(same.is_empty(), "{same:?}");
        let said = apart_of(
            endpoint(
                "we_1",
                &["charge.*", "payout.paid"],
                Some("2025-09-30.clover"),
            ),
            endpoint("we_2", &["charge.refunded", "invoice.paid"], None),
        );
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].contains("we_2 is subscribed to invoice.paid"),
            "{said:?}"
        );
        assert!(said[1].contains("charge.*, payout.paid"), "{said:?}");
        assert!(said[2].contains("the account's own"), "{said:?}");
    }
}
