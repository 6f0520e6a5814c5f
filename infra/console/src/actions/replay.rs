//! A replay: of one event, of selected ones, or of all that a filter matches.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use maud::{Markup, html};
use sluice_operations::problem::Problem;
use sluice_operations::rejected::{self, Filter};
use sluice_operations::replay::select::Wanted;
use sluice_operations::replay::{self, Plan, Request};
use sluice_operations::runs::{Confirmed, RunKind};
use sluice_operations::stack::Stack;
use sluice_operations::times::When;
use sluice_operations::words::{counted, either};

use super::{Action, Begun, plan as page_of_plan};
use crate::app::{About, Shared};
use crate::fields::{Asked, Fields};
use crate::limits::PLAN_RECORDS;
use crate::query::{given, url};
use crate::refusal::Refusal;
use crate::show::{Tone, command, toned, word};

/// How the run goes: as the program's own defaults.
const RATE_PER_S: u32 = 50;
const RATE_MAX: u32 = 1_000;
const CANARY: usize = 10;
const STOP_PERCENT: u32 = 10;
const SETTLE_S: u64 = 30;

/// Which events, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replay {
    ids: Vec<String>,
    /// What domains recorded.
    outcome: String,
    code: String,
    /// The digest of code and cause.
    cause: String,
    /// The one domain that they go to; all that the rules name if it is empty.
    domain: String,
    /// Types; `*` stands for anything.
    types: Vec<String>,
    account: String,
    since: String,
    until: String,
    waiting: bool,
    forced: bool,
    rate: u32,
}

impl Replay {
    /// Whether nothing is asked for yet.
    pub(crate) fn is_empty(fields: &Fields) -> bool {
        let names = [
            "id", "event", "outcome", "code", "cause", "type", "account", "since", "until",
            "waiting",
        ];
        !names.iter().any(|name| fields.is_on(name))
    }

    fn is_recorded(&self) -> bool {
        [&self.outcome, &self.code, &self.cause]
            .iter()
            .any(|text| !text.is_empty())
    }

    async fn request(&self, stack: &Stack) -> Result<Request, Problem> {
        let recorded = match self.is_recorded() {
            false => None,
            true => {
                let filter = Filter {
                    outcome: given(&self.outcome),
                    code: given(&self.code),
                    digest: given(&self.cause),
                    domain: given(&self.domain),
                    ..Filter::default()
                };
                let unwatched = &mut |_| {};
                let records = rejected::all(stack, &filter, PLAN_RECORDS, unwatched).await?;
                let subjects = records.into_iter().map(|record| record.subject);
                let mut subjects: Vec<_> = subjects.collect();
                // By their names: the order of records changes with each receive, and the plan would be another one.
                subjects.sort_unstable();
                Some(subjects)
            }
        };
        let when = |text: &str| {
            given(text)
                .map(|text| text.parse::<When>().map_err(Problem::Usage))
                .transpose()
        };
        Ok(Request {
            wanted: Wanted {
                ids: self.ids.clone(),
                recorded,
                waiting: self.waiting,
                types: self.types.clone(),
                account: given(&self.account),
                since: when(&self.since)?,
                until: when(&self.until)?,
            },
            domain: given(&self.domain),
            forced: self.forced,
            rate: self.rate,
            canary: CANARY,
            stop_percent: STOP_PERCENT,
            settle_s: SETTLE_S,
        })
    }

    /// The same call of the program.
    fn command(&self, about: &About) -> String {
        let mut call = vec!["replay".to_owned()];
        call.extend(self.ids.iter().cloned());
        let options = [
            ("--outcome", &self.outcome),
            ("--code", &self.code),
            ("--digest", &self.cause),
            ("--domain", &self.domain),
            ("--account", &self.account),
            ("--since", &self.since),
            ("--until", &self.until),
        ];
        let types = self.types.iter().map(|kind| ("--type", kind));
        for (name, value) in options.into_iter().chain(types) {
            if !value.is_empty() {
                call.push(format!("{name} '{value}'"));
            }
        }
        call.extend((self.rate != RATE_PER_S).then(|| format!("--rate {}", self.rate)));
        call.extend(self.waiting.then(|| "--waiting".to_owned()));
        call.extend(self.forced.then(|| "--force".to_owned()));
        about.command(&call.join(" "))
    }

    /// The address of the same plan, but to this domain and in this manner.
    fn otherwise(&self, domain: &str, forced: bool) -> String {
        let other = Self {
            domain: domain.to_owned(),
            forced,
            ..self.clone()
        };
        let fields = other.fields();
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        url(Self::PATH, &fields)
    }
}

impl Action for Replay {
    type Plan = Plan;

    const PATH: &'static str = "/replays";

    fn title(&self) -> String {
        match &self.ids[..] {
            [id] => format!("Replay of {id}"),
            _ => "Replay".to_owned(),
        }
    }

    fn kind(&self) -> RunKind {
        RunKind::Replay
    }

    fn read(fields: &Fields) -> Result<Self, Problem> {
        let text = |name: &str| fields.one(name).unwrap_or_default();
        let mut ids = fields.words("id");
        ids.extend(fields.words("event"));
        let rate = match fields.one("rate") {
            None => RATE_PER_S,
            Some(rate) => {
                let rate = rate.parse().ok();
                rate.filter(|rate| (1..=RATE_MAX).contains(rate))
                    .ok_or_else(|| {
                        Problem::Usage(format!("events per second: from 1 to {RATE_MAX}"))
                    })?
            }
        };
        Ok(Self {
            ids,
            outcome: text("outcome"),
            code: text("code"),
            cause: text("cause"),
            domain: text("domain"),
            types: fields.words("type"),
            account: text("account"),
            since: text("since"),
            until: text("until"),
            waiting: fields.is_on("waiting"),
            forced: fields.is_on("force"),
            rate,
        })
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let box_of = |is_on: bool| if is_on { "yes" } else { "" }.to_owned();
        vec![
            ("id", self.ids.join(" ")),
            ("outcome", self.outcome.clone()),
            ("code", self.code.clone()),
            ("cause", self.cause.clone()),
            ("domain", self.domain.clone()),
            ("type", self.types.join(",")),
            ("account", self.account.clone()),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("waiting", box_of(self.waiting)),
            ("force", box_of(self.forced)),
            ("rate", self.rate.to_string()),
        ]
    }

    async fn plan(&self, stack: &Stack) -> Result<Plan, Problem> {
        replay::plan(stack, self.request(stack).await?).await
    }

    fn digest(&self, plan: &Plan) -> String {
        plan.digest()
    }

    fn name(&self, plan: &Plan) -> String {
        plan.name().to_owned()
    }

    async fn is_begun(&self, stack: &Stack, name: &str) -> Result<bool, Problem> {
        match replay::find(stack, name).await {
            Ok(_) => Ok(true),
            Err(Problem::NotFound(_)) => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    async fn begin(
        &self,
        plan: Plan,
        stack: &Arc<Stack>,
        confirmed: Confirmed,
    ) -> Result<Begun, Problem> {
        let recorded = plan
            .named(&confirmed.run)?
            .begin(stack, confirmed.reason)
            .await?;
        let stack = stack.clone();
        Ok(Begun {
            name: confirmed.run,
            began_ms: recorded.run.started_at_ms,
            work: Box::pin(async move {
                let unwatched = |_: &replay::Run| ControlFlow::Continue(());
                recorded.resume(&stack, unwatched).await.map(drop)
            }),
        })
    }

    fn view(&self, about: &About, plan: &Plan) -> Markup {
        html! {
            h2 { "What a replay would do" }
            p { strong { (counted(plan.events, "event")) } @if self.forced { ", " (toned(Tone::Warn, "forced")) } }
            (outcomes(plan))
            @for (count, what) in others(plan) { @if count > 0 {
                p { (toned(Tone::Warn, "note")) " " (count) " " (what) "." }
            } }
            (manner(self, plan))
            (reach(self, plan))
            p { "In the terminal: " (command(&self.command(about))) }
        }
    }

    fn button(&self, plan: &Plan) -> Option<String> {
        let how = if self.forced {
            "Force a replay of"
        } else {
            "Replay"
        };
        Some(format!("{how} {}", counted(plan.events, "event")))
    }
}

fn outcomes(plan: &Plan) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th { "domain" } th { "would" } th.number { "events" } } }
            tbody { @for (name, expected) in &plan.domains {
                @for (outcome, count) in &expected.outcomes { tr {
                    th scope="row" { (name) }
                    td { (outcome_of(outcome)) }
                    td.number { (count) }
                } }
                @for ((kind, again), count) in &expected.effects { tr {
                    th scope="row" { (name) }
                    td { "emits " (kind) @if *again { " again" } }
                    td.number { (count) }
                } }
            } }
        } }
    }
}

/// An outcome, with the code if it has one.
fn outcome_of(outcome: &str) -> Markup {
    let (what, code) = outcome.split_once(' ').unwrap_or((outcome, ""));
    html! { (word(what)) @if !code.is_empty() { " " code { (code) } } }
}

/// The events of a plan that aren't simply published again, by what becomes of them.
fn others(plan: &Plan) -> [(usize, &'static str); 5] {
    [
        (
            plan.skipped,
            "skipped: no entry, no whole body, or kept in the ledger on purpose",
        ),
        (
            plan.admitted,
            "waited for the endpoint's configuration and fit it now: sweep publishes them for the first time",
        ),
        (
            plan.waiting,
            "still don't fit their endpoint, and go on waiting",
        ),
        (plan.nowhere, "of types that reach no domain"),
        (
            plan.uncounted,
            "not predicted: a plan looks at the first 10,000",
        ),
    ]
}

/// What receivers get of it.
fn manner(asked: &Replay, plan: &Plan) -> Markup {
    let effects = plan.domains.values().flat_map(|domain| &domain.effects);
    let again: usize = effects
        .filter(|((_, again), _)| *again)
        .map(|(_, count)| count)
        .sum();
    html! {
        @if asked.forced {
            div.note.warn {
                p { (toned(Tone::Warn, "Receivers act again.")) " They get " strong { (again) }
                    (either(again, " effect", " effects")) " that they may have had: facts under a new generation, the run's name, so that they don't take them for \
                        repetitions, and current levels at a new seq. What a receiver does once per fact (a mail, a shipment) it does once more." }
                p { a href=(asked.otherwise(&asked.domain, false)) { "Plan a plain replay" } }
            }
        } @else {
            p.dim { "A plain replay: an event that was applied is recognised, and its effects aren't emitted again. "
                a href=(asked.otherwise(&asked.domain, true)) { "Plan a forced one" } ", if receivers have lost effects." }
        }
    }
}

fn reach(asked: &Replay, plan: &Plan) -> Markup {
    html! {
        p.dim {
            "Reaching "
            @if asked.domain.is_empty() { strong { "every domain that the rules name" } }
            @else { strong { (asked.domain) } " only" }
            // What a domain recorded is tried again in that domain: a plan for all may have other events.
            @if !asked.domain.is_empty() && !asked.is_recorded() { " · " a href=(asked.otherwise("", asked.forced)) { "every domain" } }
            @for name in plan.domains.keys().filter(|name| **name != asked.domain) {
                " · " a href=(asked.otherwise(name, asked.forced)) { "only " (name) }
            }
        }
    }
}

/// What a replay of one event would do, as a part of its page or as a page of its own.
pub(crate) async fn of_event(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(pairs): Asked,
    headers: HeaderMap,
) -> Result<Markup, Refusal> {
    let mut pairs = pairs;
    pairs.retain(|(name, _)| name != "id" && name != "event");
    pairs.push(("id".to_owned(), id));
    let is_part = headers.contains_key("hx-request");
    page_of_plan::<Replay>(app, Fields(pairs), is_part).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::about;

    fn read(pairs: &[(&str, &str)]) -> Result<Replay, Problem> {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Replay::read(&Fields(pairs.collect()))
    }

    #[test]
    fn what_a_form_confirms_is_what_its_plan_was_asked_for() {
        let asked = read(&[
            ("id", "evt_1"),
            ("id", "evt_2"),
            ("type", "charge.*,invoice.paid"),
            ("cause", "00ff"),
            ("domain", "billing"),
            ("force", "yes"),
            ("since", "24h"),
            ("rate", "7"),
        ])
        .expect("read");
        let fields = asked.fields();
        let pairs: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let again = read(&pairs).expect("read");
        assert_eq!(format!("{asked:?}"), format!("{again:?}"));
        assert!(again.forced && again.is_recorded() && again.rate == 7);
        assert_eq!(
            again.command(&about(true)),
            "sluice replay evt_1 evt_2 --digest '00ff' --domain 'billing' --since '24h' --type 'charge.*' --type 'invoice.paid' --rate 7 --force"
        );
        for rate in ["0", "1001", "x"] {
            assert!(read(&[("rate", rate)]).is_err(), "{rate}");
        }
    }

    #[test]
    fn a_form_without_a_filter_asks_for_no_plan_of_everything() {
        let fields = |name: &str| Fields(vec![(name.to_owned(), "x".to_owned())]);
        assert!(Replay::is_empty(&Fields::default()) && Replay::is_empty(&fields("rate")));
        assert!(!Replay::is_empty(&fields("type")) && !Replay::is_empty(&fields("cause")));
    }
}
