//! The queues: how long a message is hidden, kept and tried, where it goes afterwards, and who may send.

use serde_json::Value;

use super::functions::Configurations;
use super::{FindingLevel, Findings, Patient};
use crate::code;

/// A message that always fails is tried for at least this long, so that an outage of a day fills no dead letters.
const TRIED_S: u64 = 86_400;

/// The dead letters keep a message for as long as SQS can: a message that is moved keeps its first date.
const DEAD_LETTERS_KEPT_S: u64 = 1_209_600;

/// A queue hides a message for this number of its function's timeouts, so that it isn't received again while it is
/// handled.
const TIMEOUTS: u64 = 6;

pub(super) async fn look(patient: &Patient<'_>, configurations: &Configurations) -> Findings {
    let mut findings = Findings::of("queues");
    for domain in patient.stack.domains() {
        let own = patient.queue(domain).await;
        let dead = patient.queue(&format!("{domain}_dead_letters")).await;
        let (own, dead) = match (own, dead) {
            (Ok(own), Ok(dead)) => (own, dead),
            (Err(problem), _) | (_, Err(problem)) => {
                findings.unknown(domain, &problem);
                continue;
            }
        };
        let known = (
            configurations.timeout_s(domain),
            configurations.variable(domain, "MAX_RECEIVES"),
        );
        judge(patient, domain, [&own, &dead], known, &mut findings);
    }
    for (name, what) in [
        (
            "bus_dead_letters",
            "events that the bus took and could not encrypt or decrypt",
        ),
        (
            "rule_dead_letters",
            "events that the bus could not put into a queue",
        ),
    ] {
        match patient.queue(name).await {
            Err(problem) => findings.unknown(name, &problem),
            Ok(dead) => judge_dead_letters(name, what, &dead, &mut findings),
        }
    }
    findings
}

/// Dead letters that no domain counts: of the bus itself and of its rules.
fn judge_dead_letters(name: &'static str, what: &str, dead: &Value, findings: &mut Findings) {
    let code = match name {
        "bus_dead_letters" => code::BUS_DEAD_LETTERS,
        _ => code::RULE_DEAD_LETTERS,
    };
    match number(dead, "ApproximateNumberOfMessages") {
        Some(count) if count > 0 => {
            findings.coded(
                FindingLevel::Wrong,
                name,
                code,
                format!("{count} {what}"),
                "",
            );
        }
        _ => findings.good(name, "empty"),
    }
}

fn number(attributes: &Value, name: &str) -> Option<u64> {
    attributes[name].as_str()?.parse().ok()
}

/// Compares a queue with its dead letters, its function's timeout, and the receives that the function counts to.
fn judge(
    patient: &Patient<'_>,
    domain: &str,
    [own, dead]: [&Value; 2],
    (timeout_s, counted): (Option<u64>, Option<&str>),
    findings: &mut Findings,
) {
    let before = findings.all.len();
    let visibility_s = number(own, "VisibilityTimeout").unwrap_or_default();
    if let Some(timeout_s) = timeout_s.filter(|timeout_s| visibility_s < TIMEOUTS * timeout_s) {
        findings.look(
            domain,
            format!(
                "a message is hidden for {visibility_s} s, less than {TIMEOUTS} times its function's {timeout_s} s: it \
                 may be handed out while it is handled"
            ),
            patient.deploy(&format!(
                "QueueVisibilitySeconds={}",
                TIMEOUTS * timeout_s + 10
            )),
        );
    }
    let redrive = own["RedrivePolicy"].as_str().unwrap_or_default();
    let redrive: Value = serde_json::from_str(redrive).unwrap_or_default();
    // SQS also accepts the number as text.
    let receives = &redrive["maxReceiveCount"];
    let receives = receives
        .as_u64()
        .or_else(|| receives.as_str()?.parse().ok());
    match receives {
        None => findings.wrong(
            domain,
            "it has no dead letters: a message that always fails is lost in the end",
            patient.deploy(""),
        ),
        Some(_) if redrive["deadLetterTargetArn"] != dead["QueueArn"] => findings.wrong(
            domain,
            "its dead letters go to another queue, which sluice dlq doesn't look at",
            patient.deploy(""),
        ),
        Some(receives) => {
            if receives * visibility_s < TRIED_S {
                findings.look(
                    domain,
                    format!(
                        "{receives} receives of {visibility_s} s are less than a day: a longer outage ends in dead letters"
                    ),
                    patient.deploy("MaxReceiveCount=500"),
                );
            }
            if let Some(counted) = counted.filter(|counted| *counted != receives.to_string()) {
                findings.wrong(
                    domain,
                    format!(
                        "its function counts to {counted} receives and the queue to {receives}: dead letters come \
                         without their cause"
                    ),
                    patient.deploy(""),
                );
            }
        }
    }
    let days = |attributes: &Value| {
        number(attributes, "MessageRetentionPeriod").unwrap_or_default() / 86_400
    };
    if days(dead) < DEAD_LETTERS_KEPT_S / 86_400 {
        let url = patient.stack.queues.get(&format!("{domain}_dead_letters"));
        findings.wrong(
            domain,
            format!(
                "its dead letters are kept {} days from when a message was first sent, {} of which it may spend in the queue",
                days(dead),
                days(own)
            ),
            patient.aws(&format!(
                "sqs set-queue-attributes --queue-url {} --attributes MessageRetentionPeriod={DEAD_LETTERS_KEPT_S}",
                url.map(String::as_str).unwrap_or_default()
            )),
        );
    }
    let policy = own["Policy"].as_str().unwrap_or_default();
    if !policy.contains("events.amazonaws.com") {
        findings.wrong(
            domain,
            "its policy doesn't let the bus send: no event comes in",
            patient.deploy(""),
        );
    }
    if findings.all.len() == before {
        findings.good(domain, "keeps, hides and hands on as it should");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    fn judged(change: impl Fn(&mut Value, &mut Value)) -> Vec<(FindingLevel, String)> {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let mut own = json!({
            "VisibilityTimeout": "190", "MessageRetentionPeriod": "604800",
            "RedrivePolicy": r#"{"deadLetterTargetArn":"arn:dead","maxReceiveCount":500}"#,
            "Policy": r#"{"Principal":{"Service":"events.amazonaws.com"}}"#,
        });
        let mut dead = json!({ "QueueArn": "arn:dead", "MessageRetentionPeriod": "1209600" });
        change(&mut own, &mut dead);
        let mut findings = Findings::of("queues");
        let known = (Some(30), Some("500"));
        judge(&patient, "payments", [&own, &dead], known, &mut findings);
        let said = complaints(&findings).into_iter();
        said.map(|(level, _, said)| (level, said.to_owned()))
            .collect()
    }

    #[test]
    fn dead_letters_of_the_bus_and_of_its_rules_are_wrong_each_with_its_runbook() {
        for (name, code) in [
            ("bus_dead_letters", code::BUS_DEAD_LETTERS),
            ("rule_dead_letters", code::RULE_DEAD_LETTERS),
        ] {
            let mut findings = Findings::of("queues");
            for count in ["0", "3"] {
                let dead = json!({ "ApproximateNumberOfMessages": count });
                judge_dead_letters(name, "events", &dead, &mut findings);
            }
            assert_eq!(
                complaints(&findings),
                [(FindingLevel::Wrong, name, "3 events")]
            );
            assert_eq!(findings.all[1].code, Some(code));
        }
    }

    #[test]
    fn a_queue_as_the_template_makes_it_is_good() {
        assert_eq!(judged(|_, _| {}), []);
    }

    #[test]
    fn each_number_that_does_not_fit_the_others_is_named() {
        let elsewhere = r#"{"deadLetterTargetArn":"arn:other","maxReceiveCount":500}"#;
        for (field, value, level, word) in [
            (
                "VisibilityTimeout",
                "175",
                FindingLevel::Look,
                "handed out while",
            ),
            ("RedrivePolicy", "", FindingLevel::Wrong, "no dead letters"),
            (
                "RedrivePolicy",
                elsewhere,
                FindingLevel::Wrong,
                "another queue",
            ),
            ("Policy", "{}", FindingLevel::Wrong, "let the bus send"),
        ] {
            let said = judged(|own, _| own[field] = json!(value));
            assert_eq!(said.len(), 1, "{said:?}");
            assert_eq!(said[0].0, level, "{said:?}");
            assert!(said[0].1.contains(word), "{said:?}");
        }
        let said = judged(|_, dead| dead["MessageRetentionPeriod"] = json!("604800"));
        assert!(said[0].1.contains("kept 7 days"), "{said:?}");
    }

    #[test]
    fn few_receives_are_worth_a_look_and_a_count_that_differs_is_wrong() {
        let few = r#"{"deadLetterTargetArn":"arn:dead","maxReceiveCount":"5"}"#;
        let said = judged(|own, _| own["RedrivePolicy"] = json!(few));
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].1.contains("less than a day"));
        assert!(said[1].1.contains("without their cause"));
    }
}
