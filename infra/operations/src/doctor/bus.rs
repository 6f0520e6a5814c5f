//! The bus: whether each domain's rule is enabled and leads to its queue.

use serde_json::{Value, json};

use super::{Findings, Patient};
use crate::problem::Problem;

pub(super) async fn look(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("bus");
    let Some(bus) = patient.described.outputs.get("BusName") else {
        return findings;
    };
    let rules = match rules(patient, bus).await {
        Ok(rules) => rules,
        Err(problem) => {
            findings.unknown(bus, &problem);
            return findings;
        }
    };
    for domain in patient.stack.domains() {
        let name = format!("{}-{domain}", patient.stack.name);
        let rule = rules.iter().find(|rule| rule["Name"] == *name);
        let input = json!({ "EventBusName": bus, "Rule": name });
        let targets = match rule {
            Some(_) => {
                let asked = patient
                    .stack
                    .aws
                    .json("AWSEvents.ListTargetsByRule", &input);
                match asked.await {
                    Ok(answer) => answer["Targets"].clone(),
                    Err(problem) => {
                        findings.unknown(domain, &problem);
                        continue;
                    }
                }
            }
            None => Value::Null,
        };
        judge(patient, domain, (bus, &name), rule, &targets, &mut findings);
    }
    findings
}

async fn rules(patient: &Patient<'_>, bus: &str) -> Result<Vec<Value>, Problem> {
    // With the stack's name before it: a bus has 300 rules at most, a page 100.
    let mut input =
        json!({ "EventBusName": bus, "NamePrefix": format!("{}-", patient.stack.name) });
    let mut all = Vec::new();
    loop {
        let answer = patient
            .stack
            .aws
            .json("AWSEvents.ListRules", &input)
            .await?;
        all.extend(answer["Rules"].as_array().into_iter().flatten().cloned());
        match answer["NextToken"].as_str() {
            Some(token) => input["NextToken"] = json!(token),
            None => return Ok(all),
        }
    }
}

fn judge(
    patient: &Patient<'_>,
    domain: &str,
    (bus, name): (&str, &str),
    rule: Option<&Value>,
    targets: &Value,
    findings: &mut Findings,
) {
    let Some(rule) = rule else {
        findings.wrong(
            domain,
            format!("there is no rule {name}: no event comes to it"),
            patient.deploy(""),
        );
        return;
    };
    if rule["State"] != "ENABLED" {
        findings.wrong(
            domain,
            "its rule is disabled: no event comes to it, and what comes meanwhile has to be replayed",
            patient.aws(&format!(
                "events enable-rule --event-bus-name {bus} --name {name}"
            )),
        );
        return;
    }
    let queue = patient.stack.queues.get(domain);
    let queue = queue.and_then(|url| url.rsplit('/').next());
    let queue = format!(":{}", queue.unwrap_or_default());
    let mut targets = targets.as_array().into_iter().flatten();
    let target = targets.find(|target| {
        let arn = target["Arn"].as_str();
        arn.is_some_and(|arn| arn.ends_with(&queue))
    });
    match target {
        None => findings.wrong(
            domain,
            "its rule doesn't lead to its queue: no event comes to it",
            patient.deploy(""),
        ),
        Some(target) if !target["DeadLetterConfig"]["Arn"].is_string() => findings.wrong(
            domain,
            "its rule has no dead letters: what can't be put into the queue for a day is lost",
            patient.deploy(""),
        ),
        Some(_) => findings.good(domain, "its rule is enabled and leads to its queue"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    #[test]
    fn a_rule_that_is_gone_disabled_or_leads_elsewhere_is_wrong() {
        let mut stack = Stack::for_tests();
        let url = "https://sqs/1/s-payments".to_owned();
        stack.queues.insert("payments".to_owned(), url);
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let judged = |rule: Option<&Value>, targets: &Value| {
            let mut findings = Findings::of("bus");
            let names = ("bus", "s-payments");
            judge(&patient, "payments", names, rule, targets, &mut findings);
            let said = complaints(&findings);
            said.first().map(|(_, _, said)| (*said).to_owned())
        };
        let enabled = json!({ "Name": "s-payments", "State": "ENABLED" });
        let target = |arn: &str| json!([{ "Arn": arn, "DeadLetterConfig": { "Arn": "arn:dead" } }]);
        let right = target("arn:aws:sqs:r:1:s-payments");
        assert_eq!(judged(Some(&enabled), &right), None);
        let said = |rule, targets: &Value| judged(rule, targets).expect("a complaint");
        assert!(said(None, &right).contains("no rule"));
        let disabled = json!({ "State": "DISABLED" });
        assert!(said(Some(&disabled), &right).contains("disabled"));
        let other = target("arn:aws:sqs:r:1:s-billing");
        assert!(said(Some(&enabled), &other).contains("doesn't lead"));
        let without = json!([{ "Arn": "arn:aws:sqs:r:1:s-payments" }]);
        assert!(said(Some(&enabled), &without).contains("no dead letters"));
    }
}
