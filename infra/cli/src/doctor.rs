//! `sluice doctor`: what of a stack isn't set up as it has to be, and the command that mends it.
//!
//! It asks AWS and, with a key, Stripe how things *are*; what the template says is known from its outputs, its parameters
//! and from the functions' own configuration, which is read by the functions' own code. It changes nothing. What it may not
//! look at it says to be unknown, so that an operator with few permissions still gets the rest.
//!
//! # Layout
//! - this: the findings, their order, and how they are printed;
//! - a module a part of the stack. Each asks, and judges the answers by functions that tests call with answers of their own.

mod account;
mod alarms;
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

use serde_json::json;

use crate::context::{Context, Described};
use crate::output::{BAD, DIM, GOOD, WARN, paint};
use crate::problem::Problem;

const EXAMPLES: &str = "Examples:
  sluice doctor                            what is wrong here, and how to mend it
  sluice --stack sluice-prod doctor        in AWS
  sluice doctor --all                      what is right, too
  sluice doctor --json | jq -r 'select(.level == \"wrong\") | .mend'

Exit code 4: something is wrong, or with --strict also where something should be looked at or is unknown.";

/// What to look at.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Show what is right, too.
    #[arg(long)]
    all: bool,
    /// Exit code 4 also where something is only worth a look, or unknown.
    #[arg(long)]
    strict: bool,
}

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// As it should be.
    Good,
    /// It couldn't be looked at.
    Unknown,
    /// Worth a look: it may be meant so.
    Look,
    /// Something doesn't work, or won't when it is needed.
    Wrong,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unknown => "unknown",
            Self::Look => "look",
            Self::Wrong => "wrong",
        }
    }
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `queues`.
    area: &'static str,
    /// `payments`.
    subject: String,
    level: Level,
    /// A stable name that has a runbook, `alias.differs`; empty where the command that mends it is all there is to say.
    code: &'static str,
    /// What is so.
    said: String,
    /// What mends it; empty where nothing has to be mended.
    mend: String,
}

/// The findings of one area.
#[derive(Debug)]
pub(crate) struct Findings {
    area: &'static str,
    all: Vec<Finding>,
}

impl Findings {
    pub(crate) fn of(area: &'static str) -> Self {
        Self {
            area,
            all: Vec::new(),
        }
    }

    fn add(&mut self, level: Level, subject: &str, said: String, mend: String) {
        self.all.push(Finding {
            area: self.area,
            subject: subject.to_owned(),
            level,
            code: "",
            said,
            mend,
        });
    }

    /// What has a code, and with it a runbook.
    pub(crate) fn coded(
        &mut self,
        level: Level,
        subject: &str,
        code: &'static str,
        said: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.all.push(Finding {
            area: self.area,
            subject: subject.to_owned(),
            level,
            code,
            said: said.into(),
            mend: mend.into(),
        });
    }

    pub(crate) fn good(&mut self, subject: &str, said: impl Into<String>) {
        self.add(Level::Good, subject, said.into(), String::new());
    }

    pub(crate) fn look(&mut self, subject: &str, said: impl Into<String>, mend: impl Into<String>) {
        self.add(Level::Look, subject, said.into(), mend.into());
    }

    pub(crate) fn wrong(
        &mut self,
        subject: &str,
        said: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(Level::Wrong, subject, said.into(), mend.into());
    }

    /// What couldn't be looked at, and why.
    pub(crate) fn unknown(&mut self, subject: &str, problem: &Problem) {
        let mend = match problem.is_denied() {
            true => "give yourself the permissions of infra/cli/operator-policy.json",
            false => "",
        };
        let said = problem.to_string();
        let said = said.lines().next().unwrap_or_default().to_owned();
        self.add(Level::Unknown, subject, said, mend.to_owned());
    }
}

/// The stack, and what every area needs to know of it.
#[derive(Debug)]
pub(crate) struct Patient<'a> {
    pub(crate) context: &'a Context,
    pub(crate) described: Described,
}

impl Patient<'_> {
    /// A command of the AWS CLI's for this stack.
    pub(crate) fn aws(&self, command: &str) -> String {
        let aws = &self.context.aws;
        let place = match aws.sdk().endpoint_url() {
            Some(url) => format!("--endpoint-url {url} --region {}", aws.region()),
            None => format!("--region {}", aws.region()),
        };
        format!("aws {command} {place}")
    }

    /// A command of this program for this stack.
    pub(crate) fn sluice(&self, command: &str) -> String {
        match self.context.aws.is_real() {
            true => format!("sluice --stack {} {command}", self.context.stack),
            false => format!("sluice {command}"),
        }
    }

    /// The same deployment with another parameter.
    pub(crate) fn deploy(&self, parameter: &str) -> String {
        let stage = self.context.stack.strip_prefix("sluice-");
        match stage.filter(|stage| ["dev", "staging", "prod"].contains(stage)) {
            Some(stage) if parameter.is_empty() => format!("make deploy STAGE={stage}"),
            Some(stage) => format!("make deploy STAGE={stage} PARAMETERS='{parameter}'"),
            None if parameter.is_empty() => "deploy the template again".to_owned(),
            None => format!("deploy with the parameter {parameter}"),
        }
    }

    /// A parameter that the stack was deployed with; none where it is empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.described.parameters.get(name)?;
        (!value.is_empty()).then_some(value)
    }
}

/// Looks at everything.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let patient = &Patient {
        context,
        described: Described::of(&context.aws, &context.stack).await?,
    };
    let mut found = vec![stack(patient)];
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
    print(context, &args, &found)?;
    let count = |level| {
        let all = found.iter().flat_map(|findings| &findings.all);
        all.filter(|finding| finding.level == level).count()
    };
    let (wrong, look, unknown) = (
        count(Level::Wrong),
        count(Level::Look),
        count(Level::Unknown),
    );
    match wrong > 0 || args.strict && look + unknown > 0 {
        true => Err(Problem::Partly(format!(
            "{wrong} wrong, {look} to look at, {unknown} unknown"
        ))),
        false => Ok(()),
    }
}

/// What CloudFormation says of the stack itself.
fn stack(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("stack");
    let Described {
        status, outputs, ..
    } = &patient.described;
    let name = &patient.context.stack;
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

fn print(context: &Context, args: &Args, found: &[Findings]) -> Result<(), Problem> {
    let shown =
        |finding: &&Finding| args.all || context.out.is_json() || finding.level != Level::Good;
    for Findings { area, all } in found {
        if context.out.is_json() {
            for finding in all {
                context.out.value(&json!({
                    "area": finding.area, "subject": finding.subject, "level": finding.level.as_str(),
                    "code": finding.code, "said": finding.said, "mend": finding.mend,
                }))?;
            }
            continue;
        }
        let good = all.iter().filter(|it| it.level == Level::Good).count();
        let good = match (all.len(), good) {
            (0, _) => paint(DIM, "nothing to look at"),
            (count, good) if count == good => paint(GOOD, format!("{good} good")),
            (count, good) => format!("{good} of {count} good"),
        };
        context
            .out
            .line(format!("{} {good}", paint(DIM, format!("{area:<14}"))))?;
        for finding in all.iter().filter(shown) {
            let (style, mark) = match finding.level {
                Level::Good => (GOOD, "good   "),
                Level::Unknown => (WARN, "unknown"),
                Level::Look => (WARN, "look   "),
                Level::Wrong => (BAD, "wrong  "),
            };
            let Finding {
                subject,
                code,
                said,
                mend,
                ..
            } = finding;
            context
                .out
                .line(format!("  {} {subject}: {said}", paint(style, mark)))?;
            let runbook = match code.is_empty() {
                true => String::new(),
                false => format!("infra/runbooks/{code}.md"),
            };
            for next in [mend, &runbook].into_iter().filter(|it| !it.is_empty()) {
                context
                    .out
                    .line(format!("          {} {next}", paint(DIM, "→")))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The level and subject of each finding that isn't good, in order.
    pub(crate) fn complaints(findings: &Findings) -> Vec<(Level, &str, &str)> {
        let not_good = findings.all.iter().filter(|it| it.level != Level::Good);
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
        assert!(findings.all[0].mend.contains("operator-policy.json"));
        assert!(findings.all[1].mend.is_empty());
        assert!(
            complaints(&findings)
                .iter()
                .all(|it| it.0 == Level::Unknown)
        );
    }
}
