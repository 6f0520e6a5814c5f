//! Which stack a command works on, and where everything of it is.
//!
//! Without `--stack` it is the local one, described by the file that `make run` writes. With it, CloudFormation is
//! asked for the stack's outputs and resources, by the operator's own credentials: what a command may do is what the
//! operator's permissions say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use sluice_kernel::delivery::endpoint::Endpoint;
use sluice_kernel::domain::Domain;
use sluice_local::aws::{elements, unescape};
use sluice_local::stack::{StackInfo, log_groups, named_by, queues};

use crate::aws::Aws;
use crate::output::{Colour, Output};
use crate::problem::Problem;
use crate::versions;

/// What keys of state and filters call the platform's own account.
pub(crate) const PLATFORM: &str = "platform";

/// Names in `tables` that are no domain's.
const NOT_DOMAINS: [&str; 2] = ["ledger", "outcomes"];

/// The most pages of a stack's resources: CloudFormation allows 500 resources, 100 a page.
const RESOURCE_PAGES_MAX: usize = 5;

const CLOUDFORMATION: &str = "2010-05-15";

/// What those are listed under, apart from a command's own.
const OF_EVERY_COMMAND: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The CloudFormation stack, in AWS. Without it, the local stack that `make run` started.
    #[arg(long, global = true, env = "SLUICE_STACK", value_name = "NAME", help_heading = OF_EVERY_COMMAND)]
    stack: Option<String>,
    /// The AWS Region; by default as the AWS CLI finds it.
    #[arg(long, global = true, requires = "stack", help_heading = OF_EVERY_COMMAND)]
    region: Option<String>,
    /// The profile in your AWS configuration; by default as the AWS CLI finds it.
    #[arg(long, global = true, requires = "stack", help_heading = OF_EVERY_COMMAND)]
    profile: Option<String>,
    /// What describes the local stack; `make run` writes it.
    #[arg(
        long,
        global = true,
        default_value = "target/local/stack.json",
        value_name = "FILE",
        hide_default_value = true,
        help_heading = OF_EVERY_COMMAND
    )]
    stack_file: PathBuf,
    /// JSON for machines, a line a thing.
    #[arg(long, global = true, help_heading = OF_EVERY_COMMAND)]
    json: bool,
    /// When to colour: auto (on a terminal), always, never.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = Colour::Auto,
        value_name = "WHEN",
        hide_default_value = true,
        hide_possible_values = true,
        help_heading = OF_EVERY_COMMAND
    )]
    color: Colour,
}

impl Global {
    /// Standard output as these options want it.
    pub(crate) fn output(&self) -> Output {
        Output::new(self.json, self.color)
    }

    /// Whether a stack in AWS is meant, and not the local one.
    pub(crate) fn names_stack(&self) -> bool {
        self.stack.is_some()
    }
}

/// A stack, how to reach it, and where to print.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// AWS, or the local one.
    pub(crate) aws: Aws,
    /// Standard output.
    pub(crate) out: Output,
    /// The stack's name; the local one is `sluice`.
    pub(crate) stack: String,
    /// `ledger`, `outcomes` and each domain → the table's name.
    pub(crate) tables: BTreeMap<String, String>,
    /// Each domain, `<domain>_dead_letters` and `rule_dead_letters` → the queue's URL.
    pub(crate) queues: BTreeMap<String, String>,
    /// `ingest`, `sweep` and each domain → the function's name.
    pub(crate) functions: BTreeMap<String, String>,
    /// As `functions` → the name of the function's log group.
    pub(crate) log_groups: BTreeMap<String, String>,
    /// Each domain that has settings → those settings, as JSON.
    pub(crate) settings: BTreeMap<String, String>,
    /// All outputs of a stack in AWS, by their names; of the local stack, those that its file has.
    pub(crate) outputs: BTreeMap<String, String>,
    /// The parameters that a stack in AWS was deployed with; of the local one they are asked for when they are needed.
    parameters: Option<BTreeMap<String, String>>,
}

impl Context {
    /// Finds the stack that the options name.
    pub(crate) async fn find(global: &Global) -> Result<Self, Problem> {
        match &global.stack {
            None => Self::local(global),
            Some(stack) => Self::deployed(global, stack).await,
        }
    }

    fn local(global: &Global) -> Result<Self, Problem> {
        let file = global.stack_file.display();
        let text = std::fs::read(&global.stack_file).map_err(|error| {
            Problem::Failed(format!(
                "{file}: {error}; is the local AWS running? `make run` starts it. For a stack in AWS give --stack"
            ))
        })?;
        let info: StackInfo = serde_json::from_slice(&text)
            .map_err(|error| Problem::Failed(format!("{file}: {error}")))?;
        // Functions are named after their stack.
        let ingest = info.functions.get("ingest");
        let stack = ingest.and_then(|name| name.strip_suffix("-ingest"));
        let stack = stack.unwrap_or("sluice").to_owned();
        let outputs = [
            ("BusName", info.bus),
            ("SecretId", info.secret_id),
            ("WebhookUrl", info.webhook_url),
        ];
        Ok(Self {
            aws: Aws::local(&info.aws_endpoint_url, &info.region),
            out: global.output(),
            stack,
            parameters: None,
            tables: info.tables,
            queues: info.queues,
            functions: info.functions,
            log_groups: info.log_groups,
            settings: info.settings,
            outputs: outputs.map(|(name, value)| (name.to_owned(), value)).into(),
        })
    }

    async fn deployed(global: &Global, stack: &str) -> Result<Self, Problem> {
        let aws = Aws::usual(global.profile.as_deref(), global.region.as_deref()).await?;
        let Described {
            outputs,
            parameters,
            resources,
            ..
        } = Described::of(&aws, stack).await?;
        let tables = named_by(&outputs, "Table");
        if !tables.contains_key("ledger") {
            return Err(Problem::Failed(format!(
                "the stack {stack} has no output LedgerTable: is it Sluice's?"
            )));
        }
        let resources = resources.iter();
        let log_groups = log_groups(
            resources.map(|[id, kind, name]| (id.as_str(), kind.as_str(), name.as_str())),
        );
        Ok(Self {
            out: global.output(),
            stack: stack.to_owned(),
            tables,
            queues: queues(&outputs),
            functions: named_by(&outputs, "FunctionName"),
            settings: named_by(&outputs, "Settings"),
            log_groups,
            outputs,
            parameters: Some(parameters),
            aws,
        })
    }

    /// A stack without anything in it, at an address where nothing answers.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            aws: Aws::local("http://127.0.0.1:1", "us-east-1"),
            out: Output::new(false, Colour::Never),
            stack: "sluice".to_owned(),
            tables: BTreeMap::new(),
            queues: BTreeMap::new(),
            functions: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            settings: BTreeMap::new(),
            outputs: BTreeMap::new(),
            parameters: None,
        }
    }

    /// The parameters that the stack was deployed with.
    pub(crate) async fn parameters(&self) -> Result<BTreeMap<String, String>, Problem> {
        match &self.parameters {
            Some(known) => Ok(known.clone()),
            None => Ok(Described::without_resources(&self.aws, &self.stack)
                .await?
                .parameters),
        }
    }

    /// A function's configuration as it takes events: that of its alias if they go to it, else its own.
    pub(crate) async fn live_configuration(&self, role: &str) -> Result<Value, Problem> {
        let missing = || Problem::NotFound(format!("the stack has no function {role}"));
        let function = self.functions.get(role).ok_or_else(missing)?;
        let is_versioned =
            versions::has_alias(role) && versions::is_versioned(&self.parameters().await?, role);
        let qualifier = match is_versioned {
            true => versions::LIVE,
            false => versions::LATEST,
        };
        let found = versions::configuration(&self.aws, function, qualifier).await?;
        found.ok_or_else(|| Problem::NotFound(format!("{function} has no {qualifier}")))
    }

    /// A table by its role: `ledger`, `outcomes` or a domain.
    pub(crate) fn table(&self, role: &str) -> Result<&str, Problem> {
        let found = self.tables.get(role).map(String::as_str);
        found.ok_or_else(|| {
            Problem::NotFound(format!("the stack {} has no table {role}", self.stack))
        })
    }

    /// A domain's settings, as the stack was deployed with them; its own defaults where the stack says nothing.
    pub(crate) fn settings<D: Domain>(&self) -> Result<D::Settings, Problem> {
        let Some(text) = self.settings.get(D::NAME) else {
            return Ok(D::Settings::default());
        };
        serde_json::from_str(text)
            .map_err(|error| Problem::Failed(format!("the settings of {}: {error}", D::NAME)))
    }

    /// The endpoints, by name, as ingest is deployed with them now; none of a stack without ingest.
    pub(crate) async fn endpoints(&self) -> Result<BTreeMap<String, Endpoint>, Problem> {
        if !self.functions.contains_key("ingest") {
            return Ok(BTreeMap::new());
        }
        let configuration = self.live_configuration("ingest").await?;
        let text = configuration["Environment"]["Variables"]["ENDPOINTS"].as_str();
        serde_json::from_str(text.unwrap_or("{}"))
            .map_err(|error| Problem::Failed(format!("ingest's ENDPOINTS: {error}")))
    }

    /// What an operator's `--account` is keyed by: the platform's own, if it is an endpoint's own account.
    ///
    /// Without the permission to read ingest's configuration it is taken as it stands.
    pub(crate) async fn account_key(&self, account: &str) -> String {
        let endpoints = match account.starts_with("acct_") {
            true => self.endpoints().await.unwrap_or_default(),
            false => BTreeMap::new(),
        };
        let mut all = endpoints.values();
        match all.any(|one| one.account.as_deref() == Some(account)) {
            true => PLATFORM.to_owned(),
            false => account.to_owned(),
        }
    }

    /// The domains, in the order of their names.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &str> {
        let names = self.tables.keys().map(String::as_str);
        names.filter(|name| !NOT_DOMAINS.contains(name) && self.queues.contains_key(*name))
    }
}

/// A stack as CloudFormation describes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Described {
    /// `UPDATE_COMPLETE`
    pub(crate) status: String,
    /// The parameters that it was deployed with, by name.
    pub(crate) parameters: BTreeMap<String, String>,
    /// By name.
    pub(crate) outputs: BTreeMap<String, String>,
    /// Each with its logical id, its type and its physical id.
    pub(crate) resources: Vec<[String; 3]>,
}

impl Described {
    /// Asks CloudFormation for the stack, and not for what it consists of.
    pub(crate) async fn without_resources(aws: &Aws, stack: &str) -> Result<Self, Problem> {
        let name = ("StackName".to_owned(), stack.to_owned());
        let described = aws
            .form("cloudformation", CLOUDFORMATION, "DescribeStacks", &[name])
            .await
            .map_err(|problem| match problem {
                Problem::Failed(what) if what.contains("does not exist") => {
                    Problem::NotFound(format!("there is no stack {stack} in {}", aws.region()))
                }
                other => other,
            })?;
        let status = elements(&described, "StackStatus").first().copied();
        Ok(Self {
            status: status.unwrap_or_default().to_owned(),
            parameters: pairs(&described, "Parameters", ["ParameterKey", "ParameterValue"]),
            outputs: pairs(&described, "Outputs", ["OutputKey", "OutputValue"]),
            resources: Vec::new(),
        })
    }

    /// Asks CloudFormation.
    pub(crate) async fn of(aws: &Aws, stack: &str) -> Result<Self, Problem> {
        let mut found = Self::without_resources(aws, stack).await?;
        let name = ("StackName".to_owned(), stack.to_owned());
        let mut next = None;
        for _ in 0..RESOURCE_PAGES_MAX {
            let mut fields = vec![name.clone()];
            fields.extend(next.map(|token| ("NextToken".to_owned(), token)));
            let page = aws
                .form(
                    "cloudformation",
                    CLOUDFORMATION,
                    "ListStackResources",
                    &fields,
                )
                .await?;
            found.resources.extend(resources_of(&page));
            next = elements(&page, "NextToken")
                .first()
                .map(|token| unescape(token));
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// What a list of CloudFormation's says, by the two names that its members have.
fn pairs(xml: &str, list: &str, [key, value]: [&str; 2]) -> BTreeMap<String, String> {
    let all = elements(xml, list).into_iter();
    let members = all.flat_map(|listed| elements(listed, "member"));
    let pairs = members.filter_map(|member| {
        let text = |name| elements(member, name).first().map(|text| unescape(text));
        Some((text(key)?, text(value)?))
    });
    pairs.collect()
}

fn resources_of(xml: &str) -> Vec<[String; 3]> {
    let members = elements(xml, "member").into_iter();
    let found = members.filter_map(|member| {
        let text = |name| elements(member, name).first().map(|text| unescape(text));
        Some([
            text("LogicalResourceId")?,
            text("ResourceType")?,
            text("PhysicalResourceId")?,
        ])
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_and_resources_are_read_from_cloudformations_answers() {
        let described = "<DescribeStacksResult><Stacks><member><Parameters><member><ParameterKey>P</ParameterKey></member>\
            </Parameters><Outputs><member><OutputKey>LedgerTable</OutputKey><OutputValue>s-Ledger</OutputValue></member>\
            <member><OutputKey>PaymentsQueueUrl</OutputKey><OutputValue>https://q?a=1&amp;b</OutputValue></member>\
            </Outputs></member></Stacks></DescribeStacksResult>";
        let found = pairs(described, "Outputs", ["OutputKey", "OutputValue"]);
        assert_eq!(found.len(), 2);
        assert_eq!(found["PaymentsQueueUrl"], "https://q?a=1&b");
        let listed = "<StackResourceSummaries><member><LogicalResourceId>IngestLogs</LogicalResourceId>\
            <ResourceType>AWS::Logs::LogGroup</ResourceType><PhysicalResourceId>s-IngestLogs-1</PhysicalResourceId></member>\
            </StackResourceSummaries>";
        let found = resources_of(listed);
        let groups = log_groups(
            found
                .iter()
                .map(|[a, b, c]| (a.as_str(), b.as_str(), c.as_str())),
        );
        assert_eq!(groups["ingest"], "s-IngestLogs-1");
    }
}
