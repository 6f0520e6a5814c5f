//! Storage: tables, logs, the archive, and the names and keys of all.
//!
//! A stack's name has at most [`STACK_NAME_MAX`] characters; each name that begins with it has to fit AWS's limit.

use serde_json::{Value, json};

use crate::template::{Template, list, named, number};

/// The longest name of a stack, in characters.
pub const STACK_NAME_MAX: usize = 40;

/// A type, the property that names it, and the most characters of that name, from AWS's API references.
const NAMED: [(&str, &str, usize); 9] = [
    ("AWS::CloudWatch::Alarm", "AlarmName", 255),
    ("AWS::DynamoDB::Table", "TableName", 255),
    ("AWS::Events::Archive", "ArchiveName", 48),
    ("AWS::Events::EventBus", "Name", 256),
    ("AWS::Events::Rule", "Name", 64),
    ("AWS::Lambda::Function", "FunctionName", 64),
    ("AWS::Logs::LogGroup", "LogGroupName", 512),
    ("AWS::SQS::Queue", "QueueName", 80),
    ("AWS::Scheduler::Schedule", "Name", 64),
];

/// Queues that are never under the customer's key: they hold messages for which the key could not be used.
const NEVER_UNDER_THE_KEY: [&str; 2] = ["BusDeadLetters", "RuleDeadLetters"];

/// A type, and the properties that name its key.
const KEYED: [(&str, &[&str]); 7] = [
    (
        "AWS::DynamoDB::Table",
        &["SSESpecification", "KMSMasterKeyId"],
    ),
    ("AWS::Events::Archive", &["KmsKeyIdentifier"]),
    ("AWS::Events::EventBus", &["KmsKeyIdentifier"]),
    ("AWS::Lambda::Function", &["KmsKeyArn"]),
    ("AWS::Logs::LogGroup", &["KmsKeyId"]),
    ("AWS::SQS::Queue", &["KmsMasterKeyId"]),
    ("AWS::SecretsManager::Secret", &["KmsKeyId"]),
];

/// The tables with items that expire. A projection never does.
const EXPIRING: [&str; 3] = ["Ledger", "Outcomes", "Receipts"];

/// How long Stripe can resend an event, in days.
pub const RESEND_DAYS: i64 = 30;

/// Tables outlive the stack, can be restored, are on demand, and are protected if that is configured.
pub fn tables(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, table) in template.of("AWS::DynamoDB::Table") {
        let resource = &template.resources[id];
        let kept = ["Retain", "RetainExceptOnCreate"];
        let is_kept = kept
            .iter()
            .any(|policy| resource["DeletionPolicy"] == *policy);
        if !is_kept || resource["UpdateReplacePolicy"] != "Retain" {
            broken.push(format!("{id}: is lost with the stack"));
        }
        // A table without a name gets another one at the next attempt.
        if resource["DeletionPolicy"] == "Retain" && !table["TableName"].is_null() {
            broken.push(format!(
                "{id}: would be left by a deployment that failed, in the way of the next (RetainExceptOnCreate)"
            ));
        }
        if table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true {
            broken.push(format!("{id}: can't be set back to a point in time"));
        }
        if table["BillingMode"] != "PAY_PER_REQUEST" {
            broken.push(format!("{id}: is not on demand"));
        }
        let asked = template.parameters.get("DeletionProtection");
        if asked.is_some_and(|asked| table["DeletionProtectionEnabled"] != json!(*asked == "true"))
        {
            broken.push(format!("{id}: does not follow DeletionProtection"));
        }
    }
    broken
}

/// Temporary data expires: events, outcomes and receipts do, but not before Stripe can no longer resend an event.
pub fn expiry(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, table) in template.of("AWS::DynamoDB::Table") {
        let expiry = &table["TimeToLiveSpecification"];
        let expires = expiry["Enabled"] == true && expiry["AttributeName"] == "expires_at";
        if EXPIRING.contains(&id) != expires {
            broken.push(format!(
                "{id}: its items expire, or don't, against what it is for"
            ));
        }
    }
    let kept = number(&template.parameters["RetentionDays"]).unwrap_or(0);
    if kept <= RESEND_DAYS {
        broken.push(format!(
            "an event is forgotten after {kept} days; Stripe can resend it for {RESEND_DAYS}"
        ));
    }
    broken
}

/// Every function logs JSON into one of the template's groups, and no group keeps lines forever.
pub fn logs(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, function) in template.of("AWS::Lambda::Function") {
        let config = &function["LoggingConfig"];
        let group = named(&config["LogGroup"]).unwrap_or_default();
        if template.properties(group).is_null() || config["LogFormat"] != "JSON" {
            broken.push(format!(
                "{id}: does not log JSON into a group of the template's"
            ));
        }
    }
    for (id, group) in template.of("AWS::Logs::LogGroup") {
        if number(&group["RetentionInDays"]).is_none() {
            broken.push(format!("{id}: keeps lines for ever"));
        }
    }
    broken
}

/// Every name begins with the stack's name, so that two stacks can coexist, and AWS accepts it even with the longest
/// stack name.
pub fn names(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let stack = "s".repeat(STACK_NAME_MAX);
    for (kind, property, most) in NAMED {
        for (id, properties) in template.of(kind) {
            let name = properties[property]["Fn::Sub"].as_str().unwrap_or_default();
            let length = name.replace("${AWS::StackName}", &stack).len();
            if length > most {
                broken.push(format!(
                    "{id}: its {property} can have {length} characters, and AWS takes {most}"
                ));
            }
            let name = name
                .trim_start_matches("/aws/lambda/")
                .trim_start_matches("/aws/vendedlogs/");
            if !name.starts_with("${AWS::StackName}-") {
                broken.push(format!(
                    "{id}: its {property} doesn't begin with the stack's"
                ));
            }
        }
    }
    broken
}

/// With the customer's key, everything that holds data is encrypted with it, and the functions may use it; without one,
/// nothing names a key.
pub fn keys(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let key = template
        .parameters
        .get("KmsKeyArn")
        .filter(|key| **key != "");
    for (kind, path) in KEYED {
        for (id, properties) in template.of(kind) {
            let named = path.iter().fold(properties, |value, name| &value[*name]);
            if NEVER_UNDER_THE_KEY.contains(&id) {
                if !named.is_null() {
                    broken.push(format!(
                        "{id}: holds what the key could not be used for, and is under it itself"
                    ));
                }
                continue;
            }
            if named != key.unwrap_or(&Value::Null) {
                broken.push(format!(
                    "{id}: is not encrypted as KmsKeyArn says ({})",
                    path.join(".")
                ));
            }
        }
    }
    for (id, function) in template.of("AWS::Lambda::Function") {
        let role = named(&function["Role"]).unwrap_or_default();
        let managed = list(&template.properties(role)["ManagedPolicyArns"]);
        let may = managed
            .into_iter()
            .filter_map(named)
            .any(|policy| policy == "KeyPolicy");
        if may != key.is_some() {
            broken.push(format!("{id}: its role does not follow KmsKeyArn"));
        }
    }
    broken
}

/// An archive keeps Stripe's events once, and no longer than the ledger does.
pub fn archive(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let asked = template.parameters["Archive"] == "true";
    if asked != (template.of("AWS::Events::Archive").count() == 1) {
        broken.push("the archive does not follow Archive".to_owned());
    }
    for (id, archive) in template.of("AWS::Events::Archive") {
        let pattern = &archive["EventPattern"];
        let absent = json!([{ "exists": false }]);
        if pattern["source"] != json!(["sluice.stripe"]) {
            broken.push(format!("{id}: keeps other than Stripe's events"));
        }
        if pattern["replay-name"] != absent || pattern["detail"]["sluice"]["generation"] != absent {
            broken.push(format!("{id}: keeps replays once more"));
        }
        if archive["RetentionDays"] != template.parameters["RetentionDays"] {
            broken.push(format!(
                "{id}: keeps events for another time than the ledger"
            ));
        }
    }
    broken
}
