//! The functions: whether they run, whether they can start with their variables, whether their queues and schedules call
//! them.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_adapters::config::{DomainConfig, IngestConfig, ReconcileConfig, SweepConfig, Vars};
use sluice_kernel::domain::{Domain, NoSettings};
use subscriptions::Subscriptions;

use super::{Findings, Patient};
use crate::aws::escaped;
use crate::problem::Problem;

/// Each function's configuration as Lambda has it, by its role: `ingest`, `payments`. Without those that couldn't be read.
#[derive(Debug, Default)]
pub(crate) struct Configurations(BTreeMap<String, Value>);

impl Configurations {
    /// A function's variable, where it is set.
    pub(crate) fn variable(&self, role: &str, name: &str) -> Option<&str> {
        let value = self.0.get(role)?["Environment"]["Variables"][name].as_str();
        value.filter(|value| !value.is_empty())
    }

    /// After how many seconds an invocation ends.
    pub(crate) fn timeout_s(&self, role: &str) -> Option<u64> {
        self.0.get(role)?["Timeout"].as_u64()
    }
}

pub(super) async fn look(patient: &Patient<'_>) -> (Findings, Configurations) {
    let mut findings = Findings::of("functions");
    let mut found = Configurations::default();
    let context = patient.context;
    for (role, name) in &context.functions {
        match context.aws.configuration(name).await {
            Err(problem) => findings.unknown(role, &problem),
            Ok(configuration) => {
                judge(patient, role, name, &configuration, &mut findings);
                found.0.insert(role.clone(), configuration);
            }
        }
        let path = format!("/2019-09-30/functions/{}/concurrency", escaped(name));
        match context.aws.get("lambda", &path).await {
            Err(problem) => findings.unknown(role, &problem),
            Ok(answer) if answer["ReservedConcurrentExecutions"] == 0 => findings.wrong(
                role,
                "its reserved concurrency is 0: it never runs",
                patient.aws(&format!(
                    "lambda delete-function-concurrency --function-name {name}"
                )),
            ),
            Ok(_) => {}
        }
    }
    if let Some(name) = context.functions.get("ingest") {
        let path = format!(
            "/2015-03-31/functions/{}/configuration?Qualifier=live",
            escaped(name)
        );
        match context.aws.get("lambda", &path).await {
            Ok(_) => findings.good("ingest:live", "the alias that the door goes to is there"),
            Err(problem) if problem.to_string().contains("ResourceNotFound") => findings.wrong(
                "ingest:live",
                "the alias that the door goes to is gone: every delivery fails",
                patient.deploy(""),
            ),
            Err(problem) => findings.unknown("ingest:live", &problem),
        }
    }
    for domain in context.domains() {
        match mappings(patient, domain).await {
            Err(problem) => findings.unknown(domain, &problem),
            Ok(mappings) => judge_mappings(patient, domain, &mappings, &mut findings),
        }
    }
    for role in ["sweep", "reconcile"] {
        let name = format!("{}-{role}", context.stack);
        let path = format!("/schedules/{}", escaped(&name));
        let schedule = context.aws.get("scheduler", &path).await;
        judge_schedule(patient, role, &name, &schedule, &mut findings);
    }
    (findings, found)
}

/// Whether it runs, and whether the function's own code can read its variables.
fn judge(
    patient: &Patient<'_>,
    role: &str,
    name: &str,
    configuration: &Value,
    findings: &mut Findings,
) {
    let text = |field: &str| configuration[field].as_str().unwrap_or_default();
    let state = text("State");
    if !["", "Active", "Inactive"].contains(&state) {
        findings.wrong(
            role,
            format!("it is {state}: {}", text("StateReason")),
            patient.aws(&format!(
                "lambda get-function-configuration --function-name {name}"
            )),
        );
        return;
    }
    if text("LastUpdateStatus") == "Failed" {
        findings.wrong(
            role,
            format!("its last update failed: {}", text("LastUpdateStatusReason")),
            patient.deploy(""),
        );
        return;
    }
    let bad = bad_variables(role, &configuration["Environment"]["Variables"]);
    for what in &bad {
        findings.wrong(role, format!("it can't start: {what}"), patient.deploy(""));
    }
    if bad.is_empty() {
        findings.good(role, "runs, with variables that it can read");
    }
}

/// What the function's own code says of its variables.
fn bad_variables(role: &str, variables: &Value) -> Vec<String> {
    let lookup = |name: &str| variables[name].as_str().map(str::to_owned);
    let mut vars = Vars::new(&lookup);
    match role {
        "ingest" => drop(IngestConfig::read(&mut vars)),
        "sweep" => drop(SweepConfig::read(&mut vars)),
        "reconcile" => drop(ReconcileConfig::read(&mut vars)),
        Subscriptions::NAME => drop(DomainConfig::<subscriptions::Settings>::read(&mut vars)),
        _ => drop(DomainConfig::<NoSettings>::read(&mut vars)),
    }
    vars.finish().err().map(|bad| bad.0).unwrap_or_default()
}

async fn mappings(patient: &Patient<'_>, domain: &str) -> Result<Value, Problem> {
    let context = patient.context;
    let missing = || Problem::NotFound(format!("the stack has no function {domain}"));
    let name = context.functions.get(domain).ok_or_else(missing)?;
    let path = format!(
        "/2015-03-31/event-source-mappings?FunctionName={}",
        escaped(name)
    );
    let answer = context.aws.get("lambda", &path).await?;
    Ok(answer["EventSourceMappings"].clone())
}

/// Whether the domain's queue calls its function, and hears which messages failed.
fn judge_mappings(patient: &Patient<'_>, domain: &str, mappings: &Value, findings: &mut Findings) {
    let queue = patient.context.queues.get(domain);
    let queue = queue.and_then(|url| url.rsplit('/').next());
    let queue = format!(":{}", queue.unwrap_or_default());
    let all = mappings.as_array().into_iter().flatten();
    let mut of_queue = all.filter(|mapping| {
        let source = mapping["EventSourceArn"].as_str();
        source.is_some_and(|source| source.ends_with(&queue))
    });
    let Some(mapping) = of_queue.next() else {
        findings.wrong(
            domain,
            "no mapping from its queue: nothing is applied",
            patient.deploy(""),
        );
        return;
    };
    let uuid = mapping["UUID"].as_str().unwrap_or_default();
    let state = mapping["State"].as_str().unwrap_or_default();
    let update = |option: &str| {
        patient.aws(&format!(
            "lambda update-event-source-mapping --uuid {uuid} {option}"
        ))
    };
    match state {
        "Enabled" => findings.good(domain, "its queue calls it"),
        "Enabling" | "Creating" | "Updating" => {
            findings.look(domain, format!("the mapping from its queue is {state}"), "");
        }
        _ => findings.wrong(
            domain,
            format!("the mapping from its queue is {state}: nothing is applied"),
            update("--enabled"),
        ),
    }
    let responses = mapping["FunctionResponseTypes"].as_array();
    let reports = responses.is_some_and(|all| all.iter().any(|it| it == "ReportBatchItemFailures"));
    if !reports {
        findings.wrong(
            domain,
            "its failed messages are not reported one by one: one failure brings the whole batch back",
            update("--function-response-types ReportBatchItemFailures"),
        );
    }
    let result = mapping["LastProcessingResult"].as_str().unwrap_or_default();
    if result.starts_with("PROBLEM") {
        findings.look(domain, format!("Lambda says of its queue: {result}"), "");
    }
}

fn judge_schedule(
    patient: &Patient<'_>,
    role: &str,
    name: &str,
    schedule: &Result<Value, Problem>,
    findings: &mut Findings,
) {
    let subject = format!("{role} schedule");
    match schedule {
        Ok(schedule) if schedule["State"] == "ENABLED" => {
            let every = schedule["ScheduleExpression"].as_str().unwrap_or("?");
            findings.good(&subject, format!("enabled, {every}"));
        }
        // What made it is to enable it: updating one by hand takes all of its fields.
        Ok(_) => findings.wrong(
            &subject,
            match role {
                "sweep" => "disabled: what the bus refuses stays unpublished",
                _ => "disabled: what Stripe failed to deliver is never found",
            },
            patient.deploy(""),
        ),
        Err(problem) if problem.to_string().contains("ResourceNotFound") => findings.wrong(
            &subject,
            format!("there is no schedule {name}"),
            patient.deploy(""),
        ),
        Err(problem) => findings.unknown(&subject, problem),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::{Context, Described};
    use crate::doctor::Level;
    use crate::doctor::tests::complaints;

    fn context() -> Context {
        let mut context = Context::for_tests();
        let url = "https://sqs/1/s-payments".to_owned();
        context.queues.insert("payments".to_owned(), url);
        context
    }

    #[test]
    fn a_function_that_is_not_active_or_can_not_read_its_variables_is_wrong() {
        let context = context();
        let patient = Patient {
            context: &context,
            described: Described::default(),
        };
        let judged = |configuration: Value| {
            let mut findings = Findings::of("functions");
            judge(&patient, "sweep", "s-sweep", &configuration, &mut findings);
            findings
        };
        let variables = json!({ "LEDGER_TABLE": "ledger", "BUS_NAME": "bus" });
        let good = json!({ "State": "Active", "Environment": { "Variables": variables } });
        assert_eq!(complaints(&judged(good)), []);
        let pending = judged(json!({ "State": "Failed", "StateReason": "no such key" }));
        assert_eq!(
            complaints(&pending),
            [(Level::Wrong, "sweep", "it is Failed: no such key")]
        );
        let failed = judged(json!({ "State": "Active", "LastUpdateStatus": "Failed" }));
        assert_eq!(complaints(&failed).len(), 1);
        let variables = json!({ "Variables": { "BUS_NAME": "bus" } });
        let without = judged(json!({ "State": "Active", "Environment": variables }));
        let [(_, _, said)] = complaints(&without)[..] else {
            panic!("{without:?}");
        };
        assert!(said.contains("LEDGER_TABLE is not set"), "{said}");
    }

    #[test]
    fn a_mapping_that_is_gone_disabled_or_silent_about_failures_is_wrong_with_its_command() {
        let context = context();
        let patient = Patient {
            context: &context,
            described: Described::default(),
        };
        let mapping = json!({
            "UUID": "u-1", "State": "Enabled", "EventSourceArn": "arn:aws:sqs:r:1:s-payments",
            "FunctionResponseTypes": ["ReportBatchItemFailures"], "LastProcessingResult": "OK",
        });
        let judged = |mappings: Value| {
            let mut findings = Findings::of("functions");
            judge_mappings(&patient, "payments", &mappings, &mut findings);
            findings
        };
        assert_eq!(complaints(&judged(json!([mapping]))), []);
        assert_eq!(complaints(&judged(json!([]))).len(), 1);
        let with = |name: &str, value: Value| {
            let mut mapping = mapping.clone();
            mapping[name] = value;
            judged(json!([mapping]))
        };
        let elsewhere = with("EventSourceArn", json!("arn:aws:sqs:r:1:other-payments"));
        assert_eq!(complaints(&elsewhere).len(), 1);
        let disabled = with("State", json!("Disabled"));
        assert_eq!(complaints(&disabled)[0].0, Level::Wrong);
        let mend = &disabled.all.last().expect("a finding").mend;
        assert!(
            mend.starts_with("aws lambda update-event-source-mapping --uuid u-1 --enabled"),
            "{mend}"
        );
        let silent = with("FunctionResponseTypes", json!([]));
        assert_eq!(complaints(&silent).len(), 1);
    }
}
