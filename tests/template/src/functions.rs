//! Functions: the API in front of them, their schedules, variables, and permissions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::{Template, list, named, number};
use crate::{calls, reads};

const FUNCTION: &str = "AWS::Lambda::Function";

/// Actions for which AWS accepts only the resource `*`.
const WILDCARD_FORCED: [&str; 2] = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];

/// The prefixes of Stripe's secrets and keys.
const SECRET_MARKS: [&str; 4] = ["whsec_", "sk_live_", "rk_live_", "_test_"];

/// The actions of Lambda's queue poller on behalf of a function.
const POLLER: [&str; 3] = [
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

const LOGGING: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];

/// A statement's actions.
fn actions_of(statement: &Value) -> Vec<&str> {
    list(&statement["Action"])
        .into_iter()
        .filter_map(Value::as_str)
        .collect()
}

/// The statements of a role's own policies and of the template's managed policies attached to it; and its other
/// policies.
fn statements<'a>(template: &'a Template, role: &'a str) -> (Vec<&'a Value>, Vec<&'a Value>) {
    let properties = template.properties(role);
    let own = list(&properties["Policies"]);
    let mut found: Vec<_> = own
        .into_iter()
        .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]))
        .collect();
    let mut foreign = Vec::new();
    for managed in list(&properties["ManagedPolicyArns"]) {
        let policy = template.properties(named(managed).unwrap_or_default());
        match policy.is_null() {
            true => foreign.push(managed),
            false => found.extend(list(&policy["PolicyDocument"]["Statement"])),
        }
    }
    (found, foreign)
}

/// No action has a wildcard, and a resource has one only if AWS forces it.
pub fn wildcards(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, _) in template.of("AWS::IAM::Role") {
        for statement in statements(template, id).0 {
            let actions = actions_of(statement);
            let forced = actions
                .iter()
                .all(|action| WILDCARD_FORCED.contains(action));
            let everything = list(&statement["Resource"])
                .into_iter()
                .any(|resource| *resource == "*");
            if actions.iter().any(|action| action.contains('*')) || (everything && !forced) {
                broken.push(format!(
                    "{id}: statement {} has a wildcard",
                    statement["Sid"]
                ));
            }
        }
        for policy in list(&template.properties(id)["ManagedPolicyArns"]) {
            if policy.to_string().contains("SQSQueueExecution") {
                broken.push(format!("{id}: may read every queue of the account"));
            }
        }
    }
    broken
}

/// Functions run on the newest runtime without a language, and on the processor that the parameter names: arm64 by
/// default, which costs a fifth less.
pub fn processor(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let asked = &template.parameters["Architecture"];
    if asked != "arm64" {
        broken.push(format!("functions run on {asked} by default"));
    }
    for (id, function) in template.of(FUNCTION) {
        if list(&function["Architectures"]) != [asked] || function["Runtime"] != "provided.al2023" {
            broken.push(format!(
                "{id}: does not follow Architecture, or runs on an old runtime"
            ));
        }
    }
    broken
}

/// No variable holds a secret: no secret is resolved into the template, which every user sees who may describe a stack
/// or a function, and no parameter is a secret.
pub fn secrets(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, resource) in &template.resources {
        let text = resource.to_string();
        if text.contains("{{resolve:secretsmanager") || text.contains("{{resolve:ssm-secure") {
            broken.push(format!("{id}: a secret is written into the stack"));
        }
    }
    for (id, function) in template.of(FUNCTION) {
        let variables = function["Environment"]["Variables"].as_object();
        for (name, value) in variables.into_iter().flatten() {
            let text = value.to_string();
            if SECRET_MARKS.iter().any(|mark| text.contains(mark)) {
                broken.push(format!("{id}: {name} holds a secret"));
            }
        }
    }
    broken
}

/// A schedule has dead letters, retries nothing, and starts one of the template's functions.
pub fn schedules(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, schedule) in template.of("AWS::Scheduler::Schedule") {
        let target = &schedule["Target"];
        let role = named(&target["RoleArn"]).unwrap_or_default();
        let allowed: Vec<_> = statements(template, role).0;
        let may = |action: &str, to: &Value| {
            let wanted = named(to);
            allowed.iter().any(|statement| {
                let resources = list(&statement["Resource"]);
                actions_of(statement).contains(&action)
                    && resources
                        .into_iter()
                        .any(|one| wanted.is_some() && named(one) == wanted)
            })
        };
        if !may("sqs:SendMessage", &target["DeadLetterConfig"]["Arn"]) {
            broken.push(format!(
                "{id}: has no dead letters that its role may send to"
            ));
        }
        if !may("lambda:InvokeFunction", &target["Arn"]) {
            broken.push(format!("{id}: its role may not start its function"));
        }
        if number(&target["RetryPolicy"]["MaximumRetryAttempts"]) != Some(0) {
            broken.push(format!(
                "{id}: a run that could not start is repeated beside the next one"
            ));
        }
    }
    if template.of("AWS::Scheduler::Schedule").count() != 2 {
        broken.push("sweep and reconcile have a schedule each, and nothing else has".to_owned());
    }
    broken
}

/// The API is throttled, its log shows API Gateway's own errors, and its default address is enabled unless configured
/// otherwise.
pub fn api(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, stage) in template.of("AWS::ApiGatewayV2::Stage") {
        let settings = &stage["DefaultRouteSettings"];
        if number(&settings["ThrottlingRateLimit"]).is_none()
            || number(&settings["ThrottlingBurstLimit"]).is_none()
        {
            broken.push(format!("{id}: is not throttled"));
        }
        let log = &stage["AccessLogSettings"];
        let format = log["Format"].as_str().unwrap_or_default();
        // Every variable is in quotes: API Gateway writes "-" for one that a request doesn't have.
        let is_json = serde_json::from_str::<Value>(format).is_ok_and(|format| format.is_object());
        if named(&log["DestinationArn"]).is_none()
            || !is_json
            || !format.contains("$context.integrationErrorMessage")
        {
            broken.push(format!(
                "{id}: its log doesn't say why an integration failed"
            ));
        }
    }
    let asked = template.parameters["DisableExecuteApiEndpoint"] == "true";
    for (id, api) in template.of("AWS::ApiGatewayV2::Api") {
        if api["DisableExecuteApiEndpoint"] != asked {
            broken.push(format!("{id}: does not follow DisableExecuteApiEndpoint"));
        }
    }
    broken
}

/// The parts of an API are created one after the other: API Gateway refuses concurrent changes of one API.
pub fn in_turn(template: &Template) -> Vec<String> {
    let kinds = ["Integration", "Route", "Stage"].map(|kind| format!("AWS::ApiGatewayV2::{kind}"));
    let parts = template.resources.iter();
    let parts: Vec<_> = parts
        .filter(|(_, resource)| kinds.iter().any(|kind| resource["Type"] == **kind))
        .map(|(id, _)| id.as_str())
        .collect();
    let mut broken = Vec::new();
    for (place, one) in parts.iter().enumerate() {
        for other in &parts[place + 1..] {
            if !template.is_made_after(one, other) && !template.is_made_after(other, one) {
                broken.push(format!("{one} and {other} are made at the same time"));
            }
        }
    }
    broken
}

/// Reserved concurrency follows its parameters, and a domain's is no less than its queue may use.
pub fn concurrency(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, function) in template.of(FUNCTION) {
        let domain = function["Environment"]["Variables"]
            .get("DOMAIN_TABLE")
            .is_some();
        let parameter = match id {
            _ if domain => "DomainReservedConcurrency",
            "IngestFunction" => "IngestReservedConcurrency",
            _ => "ScheduledReservedConcurrency",
        };
        let asked = number(&template.parameters[parameter]).filter(|asked| *asked > 0);
        if number(&function["ReservedConcurrentExecutions"]) != asked {
            broken.push(format!("{id}: does not follow {parameter}"));
        }
        let uses = number(&template.parameters["MaximumConcurrency"]).unwrap_or(0);
        if domain && asked.is_some_and(|asked| asked < uses) {
            broken.push(format!(
                "{id}: its queue uses {uses} copies, of which fewer are reserved"
            ));
        }
    }
    broken
}

/// Tracing follows its parameter, and each function that sends traces is allowed to.
pub fn tracing(template: &Template) -> Vec<String> {
    let asked = &template.parameters["Tracing"];
    let mut broken = Vec::new();
    for (id, function) in template.of(FUNCTION) {
        let role = named(&function["Role"]).unwrap_or_default();
        let (found, _) = statements(template, role);
        let may = found
            .into_iter()
            .any(|statement| actions_of(statement).contains(&"xray:PutTraceSegments"));
        if function["TracingConfig"]["Mode"] != *asked || may != (asked == "Active") {
            broken.push(format!("{id}: does not follow Tracing"));
        }
    }
    broken
}

/// Each function gets the variables that its code reads, and no others.
pub fn environment(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, function) in template.of(FUNCTION) {
        let given = function["Environment"]["Variables"].as_object();
        let given: BTreeSet<&str> = given
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let read = reads::of(&binary(id));
        for name in read
            .required
            .iter()
            .filter(|name| !given.contains(name.as_str()))
        {
            broken.push(format!(
                "{id}: is not given {name}, without which it doesn't start"
            ));
        }
        for name in given.iter().filter(|name| !read.all.contains(**name)) {
            broken.push(format!("{id}: is given {name}, which it doesn't read"));
        }
        for name in read
            .all
            .iter()
            .filter(|name| !given.contains(name.as_str()) && !read.required.contains(*name))
        {
            let without_key =
                name == "API_KEY_SECRET_ID" && template.parameters["ApiKeySecretArn"] == "";
            if !without_key && !reads::LEFT_AT_DEFAULT.contains(&name.as_str()) {
                broken.push(format!(
                    "{id}: reads {name}, which is neither given nor left at its default on purpose"
                ));
            }
        }
    }
    broken
}

/// Each role allows the calls that its function's code makes, on the resources that it calls, and no others; besides
/// those, its own log, its queue's poller, the customer's key and traces.
pub fn actions(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, function) in template.of(FUNCTION) {
        let variables = &function["Environment"]["Variables"];
        let resource_of = |variable: &str| -> Option<String> {
            let value = variables.get(variable)?;
            Some(named(value).or(value.as_str())?.to_owned())
        };
        let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
        for call in calls::of(&binary(id)) {
            match resource_of(call.variable) {
                Some(resource) => {
                    wanted.insert((call.action.to_owned(), resource + &call.index));
                }
                // Without a key the call isn't made.
                None if call.variable == "API_KEY_SECRET_ID" => {}
                None => broken.push(format!(
                    "{id}: calls {} at what {} would name",
                    call.action, call.variable
                )),
            }
        }
        if let Some(queue) = resource_of("QUEUE_URL") {
            wanted.extend(POLLER.map(|action| (action.to_owned(), queue.clone())));
        }
        let group = named(&function["LoggingConfig"]["LogGroup"]).unwrap_or_default();
        wanted.extend(LOGGING.map(|action| (action.to_owned(), group.to_owned())));
        let (found, foreign) = statements(template, named(&function["Role"]).unwrap_or_default());
        broken.extend(
            foreign
                .into_iter()
                .map(|policy| format!("{id}: has {policy}, which is not the template's")),
        );
        let mut allowed = BTreeSet::new();
        for statement in found {
            for action in actions_of(statement) {
                if action.starts_with("kms:") || action.starts_with("xray:") {
                    continue;
                }
                for resource in list(&statement["Resource"]) {
                    allowed.insert((action.to_owned(), place(resource)));
                }
            }
        }
        for (action, place) in wanted.difference(&allowed) {
            broken.push(format!(
                "{id}: may not {action} at {place}, which its code does"
            ));
        }
        for (action, place) in allowed.difference(&wanted) {
            broken.push(format!(
                "{id}: may {action} at {place}, which its code doesn't"
            ));
        }
    }
    broken
}

/// A statement's resource as `Ledger`, or as `Ledger/index/due`; a table from outside the template, by its name.
fn place(resource: &Value) -> String {
    let sub = resource["Fn::Sub"].as_str();
    if let Some((_, table)) = sub.and_then(|sub| sub.split_once(":table/")) {
        return table.to_owned();
    }
    let id = named(resource).or(resource.as_str()).unwrap_or_default();
    let index = resource["Fn::Sub"]
        .as_str()
        .and_then(|sub| sub.split_once('}'));
    format!("{id}{}", index.map_or("", |(_, index)| index))
}

/// `IngestFunction` → `ingest`.
fn binary(function: &str) -> String {
    function.trim_end_matches("Function").to_lowercase()
}
