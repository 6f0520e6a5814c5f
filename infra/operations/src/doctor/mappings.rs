//! The event source mappings: whether exactly one takes each domain's queue to its function or the function's alias, and
//! reports failed messages one by one.
//!
//! The mappings are looked up by their queue: Lambda lists those of an alias only under the alias.

use serde_json::Value;

use super::{FindingLevel, Findings, Patient};
use crate::aws::escaped;
use crate::code;
use crate::problem::Problem;
use crate::versions::{LIVE, is_versioned};

pub(super) async fn look(patient: &Patient<'_>, findings: &mut Findings) {
    for domain in patient.stack.domains() {
        match mappings(patient, domain).await {
            Err(problem) => findings.unknown(domain, &problem),
            Ok(mappings) => judge(patient, domain, &mappings, findings),
        }
    }
}

async fn mappings(patient: &Patient<'_>, domain: &str) -> Result<Vec<Value>, Problem> {
    let queue = patient.queue(domain).await?;
    let arn = queue["QueueArn"].as_str().unwrap_or_default();
    let path = format!(
        "/2015-03-31/event-source-mappings?EventSourceArn={}",
        escaped(arn)
    );
    let mut answer = patient.stack.aws.get("lambda", &path).await?;
    match answer["EventSourceMappings"].take() {
        Value::Array(all) => Ok(all),
        _ => Ok(Vec::new()),
    }
}

/// The role whose function an ARN names, without or with an alias or version.
fn is_of(arn: &str, function: &str) -> bool {
    let (_, name) = arn.split_once(":function:").unwrap_or(("", arn));
    name.split(':').next() == Some(function)
}

fn judge(patient: &Patient<'_>, domain: &str, mappings: &[Value], findings: &mut Findings) {
    let text = |mapping: &Value, name: &str| mapping[name].as_str().unwrap_or_default().to_owned();
    let update = |mapping: &Value, option: &str| {
        let uuid = text(mapping, "UUID");
        patient.aws(&format!(
            "lambda update-event-source-mapping --uuid {uuid} {option}"
        ))
    };
    let mut wrong = |said: String, fix: String| {
        findings.coded(FindingLevel::Wrong, domain, code::MAPPING_WRONG, said, fix);
    };
    let is_on = |mapping: &&Value| {
        !["Disabled", "Disabling", "Deleting"].contains(&text(mapping, "State").as_str())
    };
    let on: Vec<_> = mappings.iter().filter(is_on).collect();
    let [mapping] = on[..] else {
        match (on.first(), mappings.first()) {
            (None, None) => wrong(
                "no mapping from its queue: nothing is applied".to_owned(),
                patient.deploy(""),
            ),
            (None, Some(off)) => {
                let state = text(off, "State");
                let fix = match state.as_str() {
                    "Deleting" => patient.deploy(""),
                    _ => update(off, "--enabled"),
                };
                wrong(
                    format!("the mapping from its queue is {state}: nothing is applied"),
                    fix,
                );
            }
            _ => {
                let all: Vec<_> = on
                    .iter()
                    .map(|one| format!("{} to {}", text(one, "UUID"), text(one, "FunctionArn")))
                    .collect();
                wrong(
                    format!(
                        "{} mappings share its messages, and more copies run than MaximumConcurrency says: {}",
                        on.len(),
                        all.join("; ")
                    ),
                    "delete those that the stack doesn't have".to_owned(),
                );
            }
        }
        return;
    };
    let arn = text(mapping, "FunctionArn");
    let function = patient.stack.functions.get(domain);
    let function = function.map_or("", String::as_str);
    if !is_of(&arn, function) {
        wrong(
            format!("its queue calls {arn}, and not {function}"),
            patient.deploy(""),
        );
    } else if is_versioned(&patient.described.parameters, domain)
        && !arn.ends_with(&format!(":{LIVE}"))
    {
        wrong(
            format!("its queue calls {arn}, and not the alias {LIVE}: a rollback doesn't reach it"),
            update(mapping, &format!("--function-name {function}:{LIVE}")),
        );
    }
    let responses = mapping["FunctionResponseTypes"].as_array();
    let reports = responses.is_some_and(|all| all.iter().any(|it| it == "ReportBatchItemFailures"));
    if !reports {
        wrong(
            "its failed messages are not reported one by one: one failure brings the whole batch back".to_owned(),
            update(mapping, "--function-response-types ReportBatchItemFailures"),
        );
    }
    match text(mapping, "State").as_str() {
        "Enabled" => findings.good(domain, "its queue calls it"),
        state => findings.look(domain, format!("the mapping from its queue is {state}"), ""),
    }
    let result = text(mapping, "LastProcessingResult");
    if result.starts_with("PROBLEM") {
        findings.look(domain, format!("Lambda says of its queue: {result}"), "");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    const FUNCTION: &str = "arn:aws:lambda:r:1:function:s-payments";

    fn judged(revision: &str, mappings: &[Value]) -> Findings {
        let mut stack = Stack::for_tests();
        let named = ("payments".to_owned(), "s-payments".to_owned());
        stack.functions.extend([named]);
        let mut described = Described::default();
        let parameter = ("Revision".to_owned(), revision.to_owned());
        described.parameters.extend([parameter]);
        let patient = Patient {
            stack: &stack,
            described,
        };
        let mut findings = Findings::of("functions");
        judge(&patient, "payments", mappings, &mut findings);
        findings
    }

    fn mapping(uuid: &str, function: &str) -> Value {
        json!({
            "UUID": uuid, "State": "Enabled", "EventSourceArn": "arn:aws:sqs:r:1:s-payments", "FunctionArn": function,
            "FunctionResponseTypes": ["ReportBatchItemFailures"], "LastProcessingResult": "OK",
        })
    }

    #[test]
    fn one_enabled_mapping_to_the_function_or_with_a_revision_to_its_alias_is_good() {
        let live = format!("{FUNCTION}:live");
        assert_eq!(complaints(&judged("", &[mapping("u", FUNCTION)])), []);
        assert_eq!(
            complaints(&judged("0123456789", &[mapping("u", &live)])),
            []
        );
        let past = judged("0123456789", &[mapping("u", FUNCTION)]);
        let [(FindingLevel::Wrong, _, said)] = complaints(&past)[..] else {
            panic!("{past:?}");
        };
        assert!(said.contains("a rollback doesn't reach it"), "{said}");
    }

    #[test]
    fn no_mapping_two_of_them_or_one_to_another_function_is_wrong() {
        let other = "arn:aws:lambda:r:1:function:s-payments-old";
        let mut off = mapping("u-2", FUNCTION);
        off["State"] = json!("Disabled");
        for (mappings, word) in [
            (vec![], "no mapping"),
            (
                vec![mapping("u", FUNCTION), mapping("u-2", FUNCTION)],
                "2 mappings share",
            ),
            (vec![mapping("u", other)], "and not s-payments"),
            (vec![off.clone()], "is Disabled"),
        ] {
            let found = judged("", &mappings);
            let [(FindingLevel::Wrong, "payments", said)] = complaints(&found)[..] else {
                panic!("{word}: {found:?}");
            };
            assert!(said.contains(word), "{said}");
            assert_eq!(found.all[0].code, Some(code::MAPPING_WRONG));
        }
        // A mapping that is off takes nothing from one that is on.
        let both = judged("", &[off, mapping("u", FUNCTION)]);
        assert_eq!(complaints(&both), []);
    }

    #[test]
    fn a_mapping_that_is_disabled_or_silent_about_failures_has_its_command() {
        let with = |name: &str, value: Value| {
            let mut mapping = mapping("u-1", FUNCTION);
            mapping[name] = value;
            judged("", &[mapping])
        };
        let disabled = with("State", json!("Disabled"));
        let fix = &disabled.all[0].fix;
        assert!(
            fix.starts_with("aws lambda update-event-source-mapping --uuid u-1 --enabled"),
            "{fix}"
        );
        assert_eq!(
            complaints(&with("FunctionResponseTypes", json!([]))).len(),
            1
        );
        let problem = with("LastProcessingResult", json!("PROBLEM: no permission"));
        assert_eq!(complaints(&problem)[0].0, FindingLevel::Look);
    }
}
