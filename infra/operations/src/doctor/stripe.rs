//! Stripe's side: whether it delivers here, and the types that domains and reconcile count on.

use std::collections::BTreeSet;

use sluice_adapters::timeline::Wanted;
use sluice_domains::NEEDED;
use sluice_kernel::delivery::endpoint::Payload;
use sluice_kernel::reconcile::is_subscribed;
use sluice_stripe::client::WebhookEndpoint;

use super::functions::Configurations;
use super::keys::endpoints;
use super::{Findings, Patient, payload};
use crate::problem::Problem;
use crate::times::now_ms;

/// The most types that are named in a line.
const NAMED_MAX: usize = 6;

pub(super) async fn look(patient: &Patient<'_>, configurations: &Configurations) -> Findings {
    let mut findings = Findings::of("Stripe");
    let came_in = came_in(patient).await;
    match &came_in {
        Ok(kinds) => {
            let expected = configurations.variable("reconcile", "SUBSCRIBED_TYPES");
            let expected = patterns(expected.unwrap_or("*"));
            let endpoints = endpoints(configurations);
            payload::judge(patient, &endpoints, kinds, &expected, &mut findings);
        }
        Err(problem) => findings.unknown("payloads", problem),
    }
    if configurations
        .variable("reconcile", "API_KEY_SECRET_ID")
        .is_none()
    {
        // A missing key is reported with the keys.
        let expected = configurations.variable("reconcile", "SUBSCRIBED_TYPES");
        let expected = patterns(expected.unwrap_or("*"));
        if let Ok(kinds) = &came_in {
            let has = |kind: &str| kinds.contains(kind) || kinds.contains(&format!("v1.{kind}"));
            // A pattern of all types says nothing of what Stripe's endpoint is subscribed to.
            let is_expected =
                |kind: &str| !is_everything(&expected) && is_subscribed(&expected, kind);
            judge_refunds(|kind| has(kind) || is_expected(kind), &mut findings);
        }
        return findings;
    }
    let stripe = match crate::stripe::stripe(patient.stack, 10, true).await {
        Ok(stripe) => stripe,
        Err(problem) => {
            findings.unknown("endpoints", &problem);
            return findings;
        }
    };
    let mut of_mode = [None, None];
    let mut subscribed = BTreeSet::new();
    let mut is_known = true;
    for (name, endpoint) in endpoints(configurations) {
        // This endpoint is made up, for the smoke test alone.
        if name == "smoke" {
            continue;
        }
        let slot = &mut of_mode[usize::from(endpoint.livemode)];
        if slot.is_none() {
            match stripe.webhook_endpoints(endpoint.livemode).await {
                Ok(Some(listed)) => *slot = Some(listed),
                // It is reported with the key.
                Ok(None) => continue,
                Err(fault) => {
                    is_known = false;
                    let said = format!("Stripe's endpoints can't be read: {}", fault.cause);
                    findings.look(&name, said, "give the key read access to webhook endpoints");
                    continue;
                }
            }
        }
        let urls = urls_of(patient, &name);
        let listed = slot.iter().flatten();
        let ours: Vec<_> = listed.filter(|it| urls.contains(&it.url)).collect();
        // That list has no event destinations, and everything that gets thin events is one.
        if endpoint.payload == Payload::Snapshot || !ours.is_empty() {
            judge_endpoint(patient, &name, &ours, &mut findings);
        }
        subscribed.extend(ours.iter().flat_map(|it| it.enabled_events.iter().cloned()));
    }
    if is_known && !subscribed.is_empty() {
        let subscribed: Vec<_> = subscribed.into_iter().collect();
        let expected = configurations.variable("reconcile", "SUBSCRIBED_TYPES");
        judge_types(patient, &subscribed, expected.unwrap_or("*"), &mut findings);
    }
    findings
}

/// The types of events about a single refund.
const REFUNDS: [&str; 4] = [
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
];

/// How far back the types that are subscribed to are looked for, in days, and over how many events at most.
const CAME_IN_DAYS: i64 = 30;
const CAME_IN_MAX: usize = 5_000;

/// The types that came in lately. Without a key, nothing else shows what is subscribed to.
async fn came_in(patient: &Patient<'_>) -> Result<BTreeSet<String>, Problem> {
    let now_ms = now_ms();
    let mut walk = patient.stack.timeline()?.walk(Wanted {
        newest_first: true,
        ..Wanted::between(now_ms - CAME_IN_DAYS * 86_400_000, now_ms + 1)
    });
    let mut types = BTreeSet::new();
    for _ in 0..CAME_IN_MAX {
        match walk.next().await? {
            Some(seen) => types.insert(seen.kind),
            None => break,
        };
    }
    Ok(types)
}

/// Since API version 2022-11-15 a charge's events don't have its refunds: `charge.refunded` says how much was refunded,
/// and not by which refunds.
fn judge_refunds(has: impl Fn(&str) -> bool, findings: &mut Findings) {
    if has("charge.refunded") && !REFUNDS.into_iter().any(&has) {
        findings.look(
            "refunds",
            "charge.refunded is subscribed to, no event of a refund is, and there is no API key: since API version 2022-11-15 charge.refunded doesn't say which refunds",
            format!("subscribe Stripe's endpoint to {}", REFUNDS[..3].join(", ")),
        );
    }
}

/// The URL that Stripe posts to for an endpoint of this name.
fn urls_of(patient: &Patient<'_>, name: &str) -> Vec<String> {
    let url = patient.stack.outputs.get("WebhookUrl");
    let url = url.map(String::as_str).unwrap_or_default();
    let mut urls = vec![format!("{url}/{name}")];
    if name == "platform" {
        urls.push(url.to_owned());
    }
    urls
}

fn judge_endpoint(
    patient: &Patient<'_>,
    name: &str,
    ours: &[&WebhookEndpoint],
    findings: &mut Findings,
) {
    let url = urls_of(patient, name).pop().unwrap_or_default();
    if ours.is_empty() {
        findings.look(
            name,
            format!(
                "no endpoint of Stripe's posts to {url}; event destinations and endpoints behind another name aren't seen here"
            ),
            format!("stripe webhook_endpoints create --url {url} -d 'enabled_events[]=…'"),
        );
    }
    for endpoint in ours {
        if endpoint.status != "enabled" {
            findings.wrong(
                name,
                format!("Stripe's endpoint {} is {}: events made meanwhile are never sent", endpoint.id, endpoint.status),
                format!("stripe webhook_endpoints update {} -d disabled=false, then sluice reconcile --run", endpoint.id),
            );
        } else if endpoint.api_version.is_none() {
            findings.look(
                name,
                format!(
                    "{} has no API version of its own: it changes with the account's",
                    endpoint.id
                ),
                "create it again with -d api_version=…, as infra/docs/deploying.md says",
            );
        } else {
            findings.good(name, format!("Stripe delivers to it: {}", endpoint.id));
        }
    }
}

/// Compares what the endpoints are subscribed to with what domains read and what reconcile looks for.
fn judge_types(
    patient: &Patient<'_>,
    subscribed: &[String],
    expected: &str,
    findings: &mut Findings,
) {
    for (domain, needed) in NEEDED {
        let missing: Vec<_> = needed
            .iter()
            .copied()
            .filter(|kind| !is_subscribed(subscribed, kind))
            .collect();
        let subject = format!("types of {domain}");
        match missing.len() {
            0 => findings.good(&subject, "all are subscribed to"),
            all if all == needed.len() => findings.good(&subject, "none is subscribed to: not used"),
            _ => findings.look(
                &subject,
                format!("not subscribed to: {}", named(&missing)),
                "add them to Stripe's endpoint, or leave them: infra/docs/first-deploy.md says what each is for",
            ),
        }
    }
    let expected = patterns(expected);
    if is_everything(subscribed) && is_everything(&expected) {
        return;
    }
    let together = subscribed.join(",");
    let fix = patient.deploy(&format!("SubscribedTypes={together}"));
    if is_everything(&expected) {
        findings.look(
            "SubscribedTypes",
            "reconcile looks for every type, and lets in those that the endpoint isn't subscribed to as missing",
            fix,
        );
        return;
    }
    let beyond: Vec<_> = subscribed
        .iter()
        .map(String::as_str)
        .filter(|kind| !is_subscribed(&expected, kind))
        .collect();
    if !beyond.is_empty() {
        findings.wrong(
            "SubscribedTypes",
            format!("reconcile doesn't look for {}, which are subscribed to: one that is lost stays lost", named(&beyond)),
            fix,
        );
    }
}

/// The types and patterns of a list between commas.
fn patterns(list: &str) -> Vec<String> {
    let all = list.split(',').map(|kind| kind.trim().to_owned());
    all.collect()
}

fn is_everything(patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| pattern == "*")
}

fn named(kinds: &[&str]) -> String {
    let more = kinds.len().saturating_sub(NAMED_MAX);
    let some = kinds[..kinds.len() - more].join(", ");
    match more {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Described;

    use crate::doctor::FindingLevel;
    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    /// A row's types: `.x` stands for the one before it with another end.
    fn types_of_row(column: &str) -> Vec<String> {
        let mut types: Vec<String> = Vec::new();
        for name in column.split('`').skip(1).step_by(2) {
            let base = types.last().and_then(|last| last.rsplit_once('.'));
            types.push(match (name.strip_prefix('.'), base) {
                (Some(end), Some((base, _))) => format!("{base}.{end}"),
                _ => name.to_owned(),
            });
        }
        types
    }

    #[test]
    fn the_types_that_are_needed_are_those_of_the_page_on_the_first_deployment() {
        let page = include_str!("../../../docs/first-deploy.md");
        let mut domain = "";
        let mut listed: Vec<(String, String)> = Vec::new();
        for line in page.lines().filter(|line| line.starts_with("| ")) {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, first, types, ..] = columns[..] else {
                continue;
            };
            if NEEDED.iter().any(|(name, _)| *name == first) {
                domain = first;
            } else if !first.is_empty() {
                continue;
            }
            listed.extend(
                types_of_row(types)
                    .into_iter()
                    .map(|kind| (domain.to_owned(), kind)),
            );
        }
        // On the page, an endpoint's name is in a row of its own column.
        listed.retain(|(_, kind)| kind.contains('.'));
        let needed: Vec<_> = NEEDED
            .iter()
            .flat_map(|(domain, kinds)| {
                kinds
                    .iter()
                    .map(|kind| ((*domain).to_owned(), (*kind).to_owned()))
            })
            .collect();
        assert_eq!(listed, needed);
    }

    fn judged(subscribed: &[&str], expected: &str) -> Vec<(FindingLevel, String)> {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let subscribed: Vec<_> = subscribed.iter().map(|kind| (*kind).to_owned()).collect();
        let mut findings = Findings::of("Stripe");
        judge_types(&patient, &subscribed, expected, &mut findings);
        let all = complaints(&findings).into_iter();
        all.map(|(level, subject, said)| (level, format!("{subject}: {said}")))
            .collect()
    }

    #[test]
    fn what_domains_read_and_reconcile_looks_for_is_held_against_what_is_subscribed_to() {
        assert_eq!(judged(&["*"], "*"), []);
        assert_eq!(
            judged(
                &["invoice.*", "invoice_payment.paid", "credit_note.*"],
                "invoice.*,invoice_payment.paid,credit_note.*"
            ),
            []
        );
        let some = judged(&["customer.subscription.updated"], "customer.*");
        assert_eq!(some[0].0, FindingLevel::Look);
        assert!(
            some[0].1.contains("customer.subscription.created"),
            "{some:?}"
        );
        assert!(some[0].1.contains("and 3 more"), "{some:?}");
        let blind = judged(&["payout.paid", "payout.failed"], "payout.paid");
        assert!(
            blind.iter().any(
                |(level, said)| *level == FindingLevel::Wrong && said.contains("payout.failed")
            )
        );
        let everything = judged(&["payout.*"], "*");
        assert!(
            everything
                .iter()
                .any(|(_, said)| said.contains("every type")),
            "{everything:?}"
        );
    }

    #[test]
    fn refunds_that_only_the_charge_shows_are_worth_a_look_with_the_types_to_subscribe_to() {
        let judged = |types: &[&str]| {
            let mut findings = Findings::of("Stripe");
            judge_refunds(|kind| types.contains(&kind), &mut findings);
            findings.all
        };
        let said = judged(&["charge.refunded", "charge.succeeded"]);
        assert_eq!(said[0].level, FindingLevel::Look);
        for kind in &REFUNDS[..3] {
            assert!(said[0].fix.contains(kind), "{said:?}");
        }
        for one in REFUNDS {
            assert_eq!(judged(&["charge.refunded", one]), []);
        }
        assert_eq!(judged(&["charge.succeeded"]), []);
    }

    #[test]
    fn an_endpoint_that_is_disabled_is_wrong_and_one_that_is_not_seen_is_worth_a_look() {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let endpoint = |status: &str| WebhookEndpoint {
            id: "we_1".to_owned(),
            url: String::new(),
            enabled_events: Vec::new(),
            status: status.to_owned(),
            api_version: Some("2025-09-30.clover".to_owned()),
        };
        let levels = |ours: &[&WebhookEndpoint]| {
            let mut findings = Findings::of("Stripe");
            judge_endpoint(&patient, "platform", ours, &mut findings);
            findings.all.iter().map(|it| it.level).collect::<Vec<_>>()
        };
        assert_eq!(levels(&[&endpoint("enabled")]), [FindingLevel::Good]);
        assert_eq!(levels(&[&endpoint("disabled")]), [FindingLevel::Wrong]);
        assert_eq!(levels(&[]), [FindingLevel::Look]);
    }
}
