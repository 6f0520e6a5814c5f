//! What the set-up consists of, part by part: each is asked for when it is opened.

use maud::{Markup, html};
use sluice_operations::doctor::alarms::{self, Alarm};
use sluice_operations::inventory::{self, Running, Used};
use sluice_operations::prices::{METRICS_THOUSAND, QUEUE_MILLION, READ_UNITS_MILLION};
use sluice_operations::problem::Problem;
use sluice_operations::secrets::{self, SECRETS_MAX, Status};
use sluice_operations::times::span;

use crate::app::App;
use crate::costs::PAGES;
use crate::limits::{FRESH_IN_AWS, ROWS};
use crate::show::{Tone, ago, command, toned};

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Secrets,
    Alarms,
    Versions,
    Limits,
    Cost,
}

impl Part {
    pub(super) const ALL: [Self; 5] = [
        Self::Secrets,
        Self::Alarms,
        Self::Versions,
        Self::Limits,
        Self::Cost,
    ];

    /// Its name in the address.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Alarms => "alarms",
            Self::Versions => "versions",
            Self::Limits => "limits",
            Self::Cost => "cost",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Secrets => "Endpoints and their signing secrets",
            Self::Alarms => "Alarms",
            Self::Versions => "Versions",
            Self::Limits => "Limits against use",
            Self::Cost => "What an open tab costs",
        }
    }
}

/// A part, as it is now.
pub(super) async fn view(app: &App, part: Part) -> Result<Markup, Problem> {
    let operations = &app.operations;
    Ok(match part {
        Part::Secrets => {
            let read = operations.ask(|stack| async move { secrets::status(&stack).await });
            of_secrets(&read.await?)
        }
        Part::Alarms => {
            let read = operations
                .ask(|stack| async move { Ok((alarms::all(&stack).await?, stack.name.clone())) });
            let (all, stack) = read.await?;
            of_alarms(&all, &stack)
        }
        Part::Versions => {
            let read = operations.ask(|stack| async move { inventory::versions(&stack).await });
            of_versions(&read.await?)
        }
        Part::Limits => {
            let read = operations.ask(|stack| async move { inventory::limits(&stack).await });
            of_limits(&read.await?)
        }
        Part::Cost => {
            let read = operations.ask(|stack| async move { Ok(stack.domains().count()) });
            of_cost(read.await?, app.about.is_real)
        }
    })
}

/// How many secrets each endpoint has, and which of them Stripe signs with; no secret.
fn of_secrets(status: &Status) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th { "endpoint" } th { "mode" } th.number { "secrets" } th.number { "placeholders" }
                th.number { "signed by the newest" } th.number { "by older alone" } th.number { "refused" } th { "next" }
            } }
            tbody { @for one in status.endpoints.iter().take(ROWS) { tr {
                th scope="row" { (one.endpoint) }
                td { (one.mode) }
                td.number { (one.secrets) " of " (SECRETS_MAX) }
                td.number { @if one.placeholders == 0 { "0" } @else { (toned(Tone::Warn, &one.placeholders.to_string())) } }
                td.number { (one.used.by_newest) }
                td.number { (one.used.by_older) }
                td.number { @if one.used.refused == 0 { "0" } @else { (toned(Tone::Warn, &one.used.refused.to_string())) } }
                td.text { (one.advice) }
            } } }
        } }
        p.dim {
            @if let Some(at_ms) = status.changed_at_ms { "Changed " (ago(at_ms, status.at_ms)) ". " }
            (status.versions) " versions are kept. Log lines of " (span(status.at_ms - status.looked_at_since_ms)) " were read."
        }
        @if let Some(why) = &status.log_lines_missing { p { (toned(Tone::Warn, "unknown")) " " (why) } }
    }
}

fn of_alarms(alarms: &[Alarm], stack: &str) -> Markup {
    let short = |name: &str| {
        let short = name.strip_prefix(stack).unwrap_or(name);
        short.trim_start_matches('-').to_owned()
    };
    let fires = |alarm: &&Alarm| alarm.state == "ALARM";
    let mut sorted: Vec<_> = alarms.iter().collect();
    sorted.sort_by_key(|alarm| !fires(alarm));
    html! {
        p { (alarms.len()) " alarms, " (alarms.iter().filter(fires).count()) " of them fire." }
        @if !alarms.is_empty() { div.scroll tabindex="0" { table {
            thead { tr { th { "alarm" } th { "state" } th.number { "notifies" } } }
            tbody { @for alarm in sorted.into_iter().take(ROWS) { tr {
                th scope="row" { (short(&alarm.name)) }
                td {
                    @match alarm.state.as_str() {
                        "ALARM" => (toned(Tone::Bad, "fires")),
                        "OK" => (toned(Tone::Good, "ok")),
                        _ => (toned(Tone::Dim, "too few values")),
                    }
                }
                td.number { (alarm.actions) @if !alarm.acts { " " (toned(Tone::Warn, "switched off")) } }
            } } }
        } } }
    }
}

fn of_versions(all: &[Running]) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th { "function" } th { "version" } th { "changed" } th.number { "memory" } th { "as deployed" } } }
            tbody { @for one in all { tr {
                th scope="row" { (one.role) }
                td { (one.version) }
                td { (one.changed) }
                td.number { @if let Some(mb) = one.memory_mb { (mb) " MB" } }
                td.text {
                    @match &one.differs { Some(why) => { (toned(Tone::Bad, "no")) " " (why) }, None => (toned(Tone::Good, "yes")) }
                }
            } } }
        } }
    }
}

fn of_limits(all: &[Used]) -> Markup {
    let number = |value: Option<f64>| match value {
        None => "unknown".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.2}"),
    };
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th { "what" } th.number { "in use" } th.number { "limit" } th { "share" } } }
            tbody { @for one in all { tr {
                th scope="row" { (one.what) }
                td.number { (number(one.used)) }
                td.number { (number(one.limit)) " " (one.unit) }
                td {
                    @match one.percent() {
                        Some(percent) => {
                            meter.meter min="0" max="100" high="80" value=(format!("{percent:.1}")) aria-label=(one.what) {}
                            " " @if percent > 80.0 { (toned(Tone::Warn, &format!("{percent:.1} %"))) } @else { (format!("{percent:.1} %")) }
                        }
                        None => span.dim { "unknown" },
                    }
                }
            } } }
        } }
        p.dim { "AWS sets these limits. Sluice's own are in infra/docs/limits.md." }
    }
}

fn of_cost(domains: usize, is_real: bool) -> Markup {
    html! {
        @if !is_real { p { "The local AWS costs nothing. For a stack in AWS:" } }
        div.scroll tabindex="0" { table {
            thead { tr {
                th { "page, for an hour" } th.number { "times read" } th.number { "read units" } th.number { "queue requests" }
                th.number { "metrics" } th.number { "dollars" }
            } }
            tbody { @for page in PAGES { tr {
                th scope="row" { (page.name) }
                td.number { (format!("{:.0}", page.an_hour)) }
                td.number { (format!("{:.0}", page.units())) }
                td.number { (format!("{:.0}", page.queue_requests(domains))) }
                td.number { "about " (format!("{:.0}", page.metrics(domains))) }
                td.number { (format!("{:.4}", page.dollars(domains))) }
            } } }
        } }
        p.dim {
            "List prices of us-east-1 as of November 2026: " (READ_UNITS_MILLION) " $ per million read units (DynamoDB), "
            (QUEUE_MILLION) " $ per million requests (SQS), " (METRICS_THOUSAND) " $ per thousand metrics of GetMetricData \
            (CloudWatch). Calls of Lambda's and CloudFormation's management and FilterLogEvents cost nothing. A page \
            that is live is read once for all tabs that show it, and not at all while all of them are hidden or paused. The \
            overview's numbers are read once in " (FRESH_IN_AWS.as_secs()) " s."
        }
        p { "What a page asks of AWS over growing ledgers: " (command("make scale")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::weigh;

    #[test]
    fn each_part_says_its_state_in_words_and_is_light() {
        let alarm = |n: usize| Alarm {
            name: format!("s-a_domain_{n}.dead-letters"),
            state: if n == 70 { "ALARM" } else { "OK" }.to_owned(),
            acts: n != 3,
            actions: 1,
        };
        let alarms: Vec<_> = (0..80).map(alarm).collect();
        let shown = of_alarms(&alarms, "s");
        let text = shown.clone().into_string();
        let first = text.split("<th scope=\"row\">").nth(1).expect("a row");
        assert!(
            first.starts_with("a_domain_70.") && first.contains(">fires<"),
            "{first}"
        );
        assert!(
            text.contains("switched off") && text.contains("1 of them fire"),
            "{text}"
        );
        assert!(weigh("alarms", shown) < PAGE_BYTES);

        let used = |used: Option<f64>| Used {
            what: "messages".to_owned(),
            used,
            limit: Some(200.0),
            unit: "",
        };
        let text = of_limits(&[used(Some(190.0)), used(None)]).into_string();
        assert!(
            text.contains("95.0 %") && text.contains("unknown"),
            "{text}"
        );

        let shown = of_cost(4, true);
        let text = shown.clone().into_string();
        assert!(text.contains("0.01 $ per thousand metrics"), "{text}");
        assert!(weigh("cost", shown) < PAGE_BYTES / 10);
    }
}
