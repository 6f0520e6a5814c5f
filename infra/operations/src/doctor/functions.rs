//! The functions: whether they run, whether they can start with their variables, whether their schedules call them.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_adapters::config::{DomainConfig, IngestConfig, ReconcileConfig, SweepConfig, Vars};
use sluice_domains::{Visit, by_name};
use sluice_kernel::domain::Domain;

use super::{Findings, Patient, alias, mappings};
use crate::aws::escaped;
use crate::problem::Problem;

/// Each function's configuration as Lambda has it, by its role: `ingest`, `payments`. Functions that couldn't be read
/// are left out.
#[derive(Debug, Default)]
pub(crate) struct Configurations(BTreeMap<String, Value>);

impl Configurations {
    /// A function's variable, if it is set.
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
    let stack = patient.stack;
    for (role, name) in &stack.functions {
        // As it takes events: if the alias still has an old configuration, that is the one that fails.
        match stack.live_configuration(role).await {
            Err(problem) => findings.unknown(role, &problem),
            Ok(configuration) => {
                judge(patient, role, name, &configuration, &mut findings);
                found.0.insert(role.clone(), configuration);
            }
        }
        let path = format!("/2019-09-30/functions/{}/concurrency", escaped(name));
        match stack.aws.get("lambda", &path).await {
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
    alias::look(patient, &mut findings).await;
    mappings::look(patient, &mut findings).await;
    for role in ["sweep", "reconcile"] {
        let name = format!("{}-{role}", stack.name);
        let path = format!("/schedules/{}", escaped(&name));
        let schedule = stack.aws.get("scheduler", &path).await;
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
    let unreadable = &configuration["Environment"]["Error"];
    if unreadable.is_object() {
        let why = unreadable["Message"].as_str().unwrap_or_default();
        findings.unknown(
            role,
            &Problem::failed(format!("its variables can't be read: {why}")),
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

/// Reads a domain's variables as its function does.
struct ReadConfig<'v, 'l>(&'v mut Vars<'l>);

impl Visit for ReadConfig<'_, '_> {
    type Output = ();

    fn visit<D: Domain>(self) {
        drop(DomainConfig::<D::Settings>::read(self.0));
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
        domain => {
            let is_known = by_name(domain, ReadConfig(&mut vars)).is_some();
            if !is_known {
                // Settings don't matter here: the rest is the same for every domain.
                drop(DomainConfig::<Value>::read(&mut vars));
            }
        }
    }
    vars.finish().err().map(|bad| bad.0).unwrap_or_default()
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
        // The owner of the schedule has to enable it: an update by hand needs all of its fields.
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
    use crate::stack::Described;

    use crate::doctor::FindingLevel;
    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    #[test]
    fn a_function_that_is_not_active_or_can_not_read_its_variables_is_wrong() {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
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
            [(FindingLevel::Wrong, "sweep", "it is Failed: no such key")]
        );
        let failed = judged(json!({ "State": "Active", "LastUpdateStatus": "Failed" }));
        assert_eq!(complaints(&failed).len(), 1);
        let variables = json!({ "Variables": { "BUS_NAME": "bus" } });
        let without = judged(json!({ "State": "Active", "Environment": variables }));
        let [(_, _, said)] = complaints(&without)[..] else {
            panic!("{without:?}");
        };
        assert!(said.contains("LEDGER_TABLE is not set"), "{said}");
        // Lambda shows no variable to a caller who may not use the key, which says nothing of the function.
        let denied = json!({ "Error": { "ErrorCode": "AccessDeniedException", "Message": "no kms:Decrypt" } });
        let unreadable = judged(json!({ "State": "Active", "Environment": denied }));
        assert_eq!(
            complaints(&unreadable),
            [(
                FindingLevel::Unknown,
                "sweep",
                "its variables can't be read: no kms:Decrypt"
            )]
        );
    }
}
