//! Which stack a command works on, and where its resources are.
//!
//! Without `--stack` it is the local one, described by the file that `make run` writes. With it, CloudFormation is
//! asked for the stack's outputs and resources with the operator's own credentials. So a command may do what the
//! operator's permissions allow.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use sluice_adapters::listing::Listing;
use sluice_adapters::timeline::Timeline;
use sluice_kernel::delivery::endpoint::Endpoint;
use sluice_kernel::domain::Domain;
use sluice_stack::{StackInfo, log_groups, named_by, queues};

use crate::aws::Aws;
use crate::problem::Problem;
use crate::versions;
use crate::xml::{List, list};

/// The name of the platform's own account in keys of state and in filters.
pub const PLATFORM: &str = "platform";

/// Names in `tables` that aren't domains.
const NOT_DOMAINS: [&str; 2] = ["ledger", "outcomes"];

/// The most pages of a stack's resources: CloudFormation allows 500 resources, and a page has 100.
const RESOURCE_PAGES_MAX: usize = 5;

const CLOUDFORMATION: &str = "2010-05-15";

/// A stack, and how to reach it.
#[derive(Debug, Clone)]
pub struct Stack {
    /// AWS, or the local one.
    pub aws: Aws,
    /// The stack's name; the local one is `sluice`.
    pub name: String,
    /// `ledger`, `outcomes` and each domain → the table's name.
    pub tables: BTreeMap<String, String>,
    /// Each domain, `<domain>_dead_letters` and `rule_dead_letters` → the queue's URL.
    pub queues: BTreeMap<String, String>,
    /// `ingest`, `sweep` and each domain → the function's name.
    pub functions: BTreeMap<String, String>,
    /// As `functions` → the name of the function's log group.
    pub log_groups: BTreeMap<String, String>,
    /// Each domain that has settings → those settings, as JSON.
    pub settings: BTreeMap<String, String>,
    /// All outputs of a stack in AWS, by their names; for the local stack, those in its file.
    pub outputs: BTreeMap<String, String>,
    /// The parameters that a stack in AWS was deployed with; the local stack's are read when they are needed.
    parameters: Option<BTreeMap<String, String>>,
}

impl Stack {
    /// The local stack, as the file that `make run` writes describes it.
    ///
    /// # Errors
    /// `Failed` when it isn't running.
    pub fn local(file: &Path) -> Result<Self, Problem> {
        let shown = file.display();
        let text = std::fs::read(file).map_err(|error| {
            Problem::Failed(format!(
                "{shown}: {error}; is the local AWS running? `make run` starts it. For a stack in AWS give --stack"
            ))
        })?;
        let info: StackInfo = serde_json::from_slice(&text)
            .map_err(|error| Problem::Failed(format!("{shown}: {error}")))?;
        // Functions are named after their stack.
        let ingest = info.functions.get("ingest");
        let stack = ingest.and_then(|name| name.strip_suffix("-ingest"));
        let name = stack.unwrap_or("sluice").to_owned();
        let outputs = [
            ("BusName", info.bus),
            ("SecretId", info.secret_id),
            ("WebhookUrl", info.webhook_url),
        ];
        Ok(Self {
            aws: Aws::local(&info.aws_endpoint_url, &info.region),
            name,
            parameters: None,
            tables: info.tables,
            queues: info.queues,
            functions: info.functions,
            log_groups: info.log_groups,
            settings: info.settings,
            outputs: outputs.map(|(name, value)| (name.to_owned(), value)).into(),
        })
    }

    /// A stack in AWS, by its name.
    ///
    /// # Errors
    /// `NotFound` if there is no stack of this name, `Failed` if AWS can't be asked or the stack isn't Sluice's.
    pub async fn deployed(aws: Aws, stack: &str) -> Result<Self, Problem> {
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
            name: stack.to_owned(),
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

    /// A stack with nothing in it, at an address where nothing answers: for tests.
    pub fn for_tests() -> Self {
        Self {
            aws: Aws::local("http://127.0.0.1:1", "us-east-1"),
            name: "sluice".to_owned(),
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
    pub async fn parameters(&self) -> Result<BTreeMap<String, String>, Problem> {
        match &self.parameters {
            Some(known) => Ok(known.clone()),
            None => Ok(Described::without_resources(&self.aws, &self.name)
                .await?
                .parameters),
        }
    }

    /// A function's configuration for events: its alias's if events go to the alias, otherwise its own.
    pub async fn live_configuration(&self, role: &str) -> Result<Value, Problem> {
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
    pub fn table(&self, role: &str) -> Result<&str, Problem> {
        let found = self.tables.get(role).map(String::as_str);
        found.ok_or_else(|| {
            Problem::NotFound(format!("the stack {} has no table {role}", self.name))
        })
    }

    /// A domain's settings, as the stack was deployed with them; the domain's defaults if the stack has none.
    pub fn settings<D: Domain>(&self) -> Result<D::Settings, Problem> {
        let Some(text) = self.settings.get(D::NAME) else {
            return Ok(D::Settings::default());
        };
        serde_json::from_str(text)
            .map_err(|error| Problem::Failed(format!("the settings of {}: {error}", D::NAME)))
    }

    /// The endpoints, by name, as ingest is deployed with them now; none for a stack without ingest.
    pub async fn endpoints(&self) -> Result<BTreeMap<String, Endpoint>, Problem> {
        if !self.functions.contains_key("ingest") {
            return Ok(BTreeMap::new());
        }
        let configuration = self.live_configuration("ingest").await?;
        let text = configuration["Environment"]["Variables"]["ENDPOINTS"].as_str();
        serde_json::from_str(text.unwrap_or("{}"))
            .map_err(|error| Problem::Failed(format!("ingest's ENDPOINTS: {error}")))
    }

    /// The account that an operator's `--account` stands for in keys: the platform's own, if it is an endpoint's own
    /// account.
    ///
    /// Without the permission to read ingest's configuration, the account is used as given.
    pub async fn account_key(&self, account: &str) -> String {
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

    /// The ledger by time.
    ///
    /// # Errors
    /// `NotFound` for a stack without a ledger.
    pub fn timeline(&self) -> Result<Timeline, Problem> {
        let ledger = self.table("ledger")?.to_owned();
        Ok(Timeline::new(self.aws.sdk(), ledger))
    }

    /// What the ledger and the outcomes say of the events that the timeline returned.
    ///
    /// # Errors
    /// `NotFound` for a stack without these tables.
    pub fn listing(&self) -> Result<Listing, Problem> {
        let (ledger, outcomes) = (self.table("ledger")?, self.table("outcomes")?);
        let (ledger, outcomes) = (ledger.to_owned(), outcomes.to_owned());
        Ok(Listing::new(self.aws.sdk(), ledger, outcomes))
    }

    /// The domains, in the order of their names.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let names = self.tables.keys().map(String::as_str);
        names.filter(|name| !NOT_DOMAINS.contains(name) && self.queues.contains_key(*name))
    }
}

/// A stack as CloudFormation describes it.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// `UPDATE_COMPLETE`
    pub status: String,
    /// The parameters that it was deployed with, by name.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// Its resources, each with its logical id, its type and its physical id.
    pub resources: Vec<[String; 3]>,
}

impl Described {
    /// Asks CloudFormation for the stack, without its resources.
    pub async fn without_resources(aws: &Aws, stack: &str) -> Result<Self, Problem> {
        let name = ("StackName".to_owned(), stack.to_owned());
        let described: Stacks = aws
            .form("cloudformation", CLOUDFORMATION, "DescribeStacks", &[name])
            .await
            .map_err(|problem| match problem {
                Problem::Failed(what) if what.contains("does not exist") => {
                    Problem::NotFound(format!("there is no stack {stack} in {}", aws.region()))
                }
                other => other,
            })?;
        let stacks = described.result.stacks.member;
        Ok(stacks
            .into_iter()
            .next()
            .map(Self::from)
            .unwrap_or_default())
    }

    /// Asks CloudFormation.
    pub async fn of(aws: &Aws, stack: &str) -> Result<Self, Problem> {
        let mut found = Self::without_resources(aws, stack).await?;
        let name = ("StackName".to_owned(), stack.to_owned());
        let mut next = None;
        for _ in 0..RESOURCE_PAGES_MAX {
            let mut fields = vec![name.clone()];
            fields.extend(next.map(|token| ("NextToken".to_owned(), token)));
            let page: Resources = aws
                .form(
                    "cloudformation",
                    CLOUDFORMATION,
                    "ListStackResources",
                    &fields,
                )
                .await?;
            let listed = page.result.summaries.member.into_iter();
            found.resources.extend(listed.filter_map(|one| {
                // A resource that isn't made yet has no name.
                Some([one.logical_id, one.kind, one.physical_id?])
            }));
            next = page.result.next_token;
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// The answer to `DescribeStacks`.
#[derive(Debug, Deserialize)]
struct Stacks {
    #[serde(rename = "DescribeStacksResult")]
    result: StacksResult,
}

#[derive(Debug, Deserialize)]
struct StacksResult {
    #[serde(rename = "Stacks")]
    stacks: List<StackMember>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StackMember {
    stack_status: String,
    #[serde(default = "list")]
    parameters: List<Parameter>,
    #[serde(default = "list")]
    outputs: List<Output>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    parameter_key: String,
    /// Missing for a parameter that keeps its previous value.
    parameter_value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    output_value: String,
}

impl From<StackMember> for Described {
    fn from(stack: StackMember) -> Self {
        let parameters = stack.parameters.member.into_iter();
        let outputs = stack.outputs.member.into_iter();
        Self {
            status: stack.stack_status,
            parameters: parameters
                .filter_map(|one| Some((one.parameter_key, one.parameter_value?)))
                .collect(),
            outputs: outputs
                .map(|one| (one.output_key, one.output_value))
                .collect(),
            resources: Vec::new(),
        }
    }
}

/// The answer to `ListStackResources`.
#[derive(Debug, Deserialize)]
struct Resources {
    #[serde(rename = "ListStackResourcesResult")]
    result: ResourcesResult,
}

#[derive(Debug, Deserialize)]
struct ResourcesResult {
    #[serde(rename = "StackResourceSummaries", default = "list")]
    summaries: List<Resource>,
    #[serde(rename = "NextToken")]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(rename = "LogicalResourceId")]
    logical_id: String,
    #[serde(rename = "ResourceType")]
    kind: String,
    #[serde(rename = "PhysicalResourceId")]
    physical_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    #[test]
    fn outputs_and_resources_are_read_from_cloudformations_answers() {
        let text = "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult>\
            <Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus><Parameters><member><ParameterKey>P</ParameterKey>\
            </member></Parameters><Outputs><member><OutputKey>LedgerTable</OutputKey><OutputValue>s-Ledger</OutputValue>\
            </member><member><OutputKey>PaymentsQueueUrl</OutputKey><OutputValue>https://q?a=1&amp;b</OutputValue></member>\
            </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
        let read: Stacks = xml::read("DescribeStacks", text).expect("it is read");
        let stack = read.result.stacks.member.into_iter().next();
        let found = stack.map(Described::from).expect("a stack");
        assert_eq!(found.status, "CREATE_COMPLETE");
        assert!(found.parameters.is_empty());
        assert_eq!(found.outputs.len(), 2);
        assert_eq!(found.outputs["PaymentsQueueUrl"], "https://q?a=1&b");
        let text = "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>\
            <LogicalResourceId>IngestLogs</LogicalResourceId><ResourceType>AWS::Logs::LogGroup</ResourceType>\
            <PhysicalResourceId>s-IngestLogs-1</PhysicalResourceId></member><member><LogicalResourceId>Q</LogicalResourceId>\
            <ResourceType>AWS::SQS::Queue</ResourceType></member></StackResourceSummaries><NextToken>t</NextToken>\
            </ListStackResourcesResult></ListStackResourcesResponse>";
        let read: Resources = xml::read("ListStackResources", text).expect("it is read");
        assert_eq!(read.result.next_token.as_deref(), Some("t"));
        let found = read.result.summaries.member;
        assert_eq!(found[0].physical_id.as_deref(), Some("s-IngestLogs-1"));
        assert_eq!(found[1].physical_id, None);
    }
}
