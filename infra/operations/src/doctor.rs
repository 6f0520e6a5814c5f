//! Finds what of a stack isn't set up as it has to be, and the command that fixes it.
//!
//! It asks AWS and, with a key, Stripe how things *are*. What the template says is known from its outputs, its
//! parameters and the functions' own configuration, which the functions' own code reads. It changes nothing. What it
//! may not look at is reported as unknown, so an operator with few permissions still gets the rest.
//!
//! # Layout
//! - this: the findings and their order;
//! - one module for each part of the stack. Each asks, and judges the answers in functions that tests call with answers
//!   of their own.

mod account;
pub mod alarms;
mod alias;
mod bus;
mod encryption;
mod functions;
mod keys;
mod mappings;
mod operator;
mod payload;
mod queues;
mod stripe;
mod tables;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::code::Code;
use crate::problem::Problem;
use crate::stack::{Described, Stack};

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingLevel {
    /// As it should be.
    Good,
    /// It couldn't be looked at.
    Unknown,
    /// Worth a look: it may be meant so.
    Look,
    /// Something doesn't work, or won't when it is needed.
    Wrong,
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `queues`.
    pub area: &'static str,
    /// `payments`.
    pub subject: String,
    /// How it is.
    pub level: FindingLevel,
    /// What it is called, `alias.differs`; none if the command that fixes it is enough. It serializes as a text, then an
    /// empty one.
    #[serde(serialize_with = "text_or_empty")]
    pub code: Option<Code>,
    /// What was found, in words.
    pub said: String,
    /// What fixes it; empty if nothing has to be fixed.
    #[serde(rename = "mend")]
    pub fix: String,
}

fn text_or_empty<S: Serializer>(code: &Option<Code>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.map_or("", Code::as_str))
}

/// The findings of one area.
#[derive(Debug)]
pub struct Findings {
    /// Its name.
    pub area: &'static str,
    /// In the order in which they were found.
    pub all: Vec<Finding>,
}

impl Findings {
    pub(crate) fn of(area: &'static str) -> Self {
        Self {
            area,
            all: Vec::new(),
        }
    }

    fn add(&mut self, level: FindingLevel, subject: &str, said: String, fix: String) {
        self.all.push(Finding {
            area: self.area,
            subject: subject.to_owned(),
            level,
            code: None,
            said,
            fix,
        });
    }

    /// A finding that has a code, and with it a runbook.
    pub(crate) fn coded(
        &mut self,
        level: FindingLevel,
        subject: &str,
        code: Code,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.all.push(Finding {
            area: self.area,
            subject: subject.to_owned(),
            level,
            code: Some(code),
            said: said.into(),
            fix: fix.into(),
        });
    }

    pub(crate) fn good(&mut self, subject: &str, said: impl Into<String>) {
        self.add(FindingLevel::Good, subject, said.into(), String::new());
    }

    pub(crate) fn look(&mut self, subject: &str, said: impl Into<String>, fix: impl Into<String>) {
        self.add(FindingLevel::Look, subject, said.into(), fix.into());
    }

    pub(crate) fn wrong(&mut self, subject: &str, said: impl Into<String>, fix: impl Into<String>) {
        self.add(FindingLevel::Wrong, subject, said.into(), fix.into());
    }

    /// What couldn't be looked at, and why.
    pub(crate) fn unknown(&mut self, subject: &str, problem: &Problem) {
        let fix = match problem.is_denied() {
            true => "give yourself the permissions of infra/operations/operator-policy.json",
            false => "",
        };
        let said = problem.to_string();
        let said = said.lines().next().unwrap_or_default().to_owned();
        self.add(FindingLevel::Unknown, subject, said, fix.to_owned());
    }
}

/// The stack, and what every area needs to know of it.
#[derive(Debug)]
pub(crate) struct Patient<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) described: Described,
}

impl Patient<'_> {
    /// A command of the AWS CLI's for this stack.
    pub(crate) fn aws(&self, command: &str) -> String {
        let aws = &self.stack.aws;
        let place = match aws.sdk().endpoint_url() {
            Some(url) => format!("--endpoint-url {url} --region {}", aws.region()),
            None => format!("--region {}", aws.region()),
        };
        format!("aws {command} {place}")
    }

    /// A command of this program for this stack.
    pub(crate) fn sluice(&self, command: &str) -> String {
        match self.stack.aws.is_real() {
            true => format!("sluice --stack {} {command}", self.stack.name),
            false => format!("sluice {command}"),
        }
    }

    /// The same deployment with another parameter.
    pub(crate) fn deploy(&self, parameter: &str) -> String {
        let stage = self.stack.name.strip_prefix("sluice-");
        match stage.filter(|stage| ["dev", "staging", "prod"].contains(stage)) {
            Some(stage) if parameter.is_empty() => format!("make deploy STAGE={stage}"),
            Some(stage) => format!("make deploy STAGE={stage} PARAMETERS='{parameter}'"),
            None if parameter.is_empty() => "deploy the template again".to_owned(),
            None => format!("deploy with the parameter {parameter}"),
        }
    }

    /// A queue's attributes.
    pub(crate) async fn queue(&self, name: &str) -> Result<Value, Problem> {
        let missing = || Problem::NotFound(format!("the stack has no queue {name}"));
        let url = self.stack.queues.get(name).ok_or_else(missing)?;
        let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let aws = &self.stack.aws;
        let answer = aws.json("AmazonSQS.GetQueueAttributes", &input).await?;
        Ok(answer["Attributes"].clone())
    }

    /// A parameter that the stack was deployed with; none if it is empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.described.parameters.get(name)?;
        (!value.is_empty()).then_some(value)
    }
}

/// Looks at everything.
///
/// # Errors
/// When CloudFormation can't be asked for the stack. Anything else that can't be looked at is a finding.
pub async fn look(stack: &Stack) -> Result<Vec<Findings>, Problem> {
    let patient = &Patient {
        stack,
        described: Described::of(&stack.aws, &stack.name).await?,
    };
    let mut found = vec![of_stack(patient)];
    let (functions, configurations) = functions::look(patient).await;
    found.push(functions);
    found.push(queues::look(patient, &configurations).await);
    found.push(bus::look(patient).await);
    found.push(tables::look(patient).await);
    found.push(encryption::look(patient).await);
    found.push(account::look(patient).await);
    found.push(keys::signing(patient, &configurations).await);
    found.push(keys::api(patient, &configurations).await);
    found.push(stripe::look(patient, &configurations).await);
    found.push(alarms::look(patient).await);
    found.push(operator::look(patient).await);
    Ok(found)
}

/// What CloudFormation says of the stack itself.
fn of_stack(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("stack");
    let Described {
        status, outputs, ..
    } = &patient.described;
    let name = &patient.stack.name;
    match status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" => {
            findings.good(name, status.clone());
        }
        _ if status.ends_with("_IN_PROGRESS") => findings.look(
            name,
            format!("{status}: what follows may change"),
            "wait until the deployment has ended",
        ),
        _ => findings.wrong(
            name,
            format!("{status}: the last deployment failed"),
            patient.aws(&format!(
                "cloudformation describe-stack-events --stack-name {name}"
            )),
        ),
    }
    if status == "UPDATE_ROLLBACK_COMPLETE" {
        findings.look(
            name,
            "the last deployment was taken back",
            patient.deploy(""),
        );
    }
    for output in ["WebhookUrl", "SecretId", "BusName", "OutcomesTable"] {
        if !outputs.contains_key(output) {
            findings.wrong(output, "the stack has no such output", patient.deploy(""));
        }
    }
    findings
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The level and subject of each finding that isn't good, in order.
    pub(crate) fn complaints(findings: &Findings) -> Vec<(FindingLevel, &str, &str)> {
        let not_good = findings
            .all
            .iter()
            .filter(|it| it.level != FindingLevel::Good);
        not_good
            .map(|it| (it.level, it.subject.as_str(), it.said.as_str()))
            .collect()
    }

    #[test]
    fn what_is_denied_is_unknown_with_the_way_to_be_allowed() {
        let mut findings = Findings::of("queues");
        let denied = Problem::failed("GetQueueAttributes: 403 AccessDenied: you may not");
        findings.unknown("payments", &denied);
        findings.unknown("billing", &Problem::failed("no answer"));
        assert!(findings.all[0].fix.contains("operator-policy.json"));
        assert!(findings.all[1].fix.is_empty());
        assert!(
            complaints(&findings)
                .iter()
                .all(|it| it.0 == FindingLevel::Unknown)
        );
    }
}
