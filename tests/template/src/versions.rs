//! Versions: which version of a function handles deliveries and messages, and how a new one replaces it.
//!
//! SAM names a version by the function's definition before parameters have values, so a deployment that changes only a
//! parameter publishes none. Calls of an alias would still use the old value. So deliveries and messages go to the
//! alias only with a `Revision`, by which SAM names the version instead.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::{Template, list, named};

/// The alarms that roll back a new version of ingest.
const ROLLBACK_ALARMS: [&str; 3] = [
    "IngestErrorsAlarm",
    "IngestThrottledAlarm",
    "IngestUnavailableAlarm",
];

/// The alias of each function that has versions.
const ALIAS: &str = "live";

/// The callers of a function: the id of the resource with the reference, and the reference.
fn callers(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    let integrations = template.of("AWS::ApiGatewayV2::Integration");
    let integrations = integrations.map(|(id, integration)| (id, &integration["IntegrationUri"]));
    let mappings = template.of("AWS::Lambda::EventSourceMapping");
    integrations.chain(mappings.map(|(id, mapping)| (id, &mapping["FunctionName"])))
}

/// Whether a reference names an alias, and not the function itself.
pub fn is_alias(template: &Template, reference: &Value) -> bool {
    let id = named(reference).unwrap_or_default();
    template
        .resources
        .get(id)
        .is_some_and(|resource| resource["Type"] == "AWS::Lambda::Alias")
}

/// The version that a function's alias points to, by its logical id.
pub fn version<'a>(template: &'a Template, function: &str) -> Option<&'a str> {
    let mut aliases = template.of("AWS::Lambda::Alias");
    let (_, alias) = aliases.find(|(_, alias)| {
        named(&alias["FunctionName"]) == Some(function) && alias["Name"] == ALIAS
    })?;
    named(&alias["FunctionVersion"])
}

/// With a `Revision` deliveries and messages go to the alias, which points to a version that stays when a later one
/// replaces it; without one they go to the function itself, where every change takes effect. With a canary, deliveries
/// go to the alias too. API Gateway may call both, so that a deployment may switch between them.
pub fn versions(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let revised = template.parameters["Revision"] != "";
    let canary = template.parameters["CanaryDeployment"] == "true";
    for (id, reference) in callers(template) {
        let is_integration = template.resources[id]["Type"] == "AWS::ApiGatewayV2::Integration";
        let wanted = revised || (canary && is_integration);
        match (is_alias(template, reference), wanted) {
            (false, true) => broken.push(format!("{id}: passes the alias by")),
            (true, false) => broken.push(format!(
                "{id}: goes to an alias, which a change of a parameter doesn't reach"
            )),
            _ => {}
        }
        let function = template.function(reference).unwrap_or_default();
        let kept = version(template, function).and_then(|version| template.resources.get(version));
        match kept {
            None => broken.push(format!("{function}: has no version to go back to")),
            Some(version) if version["DeletionPolicy"] != "Retain" => broken.push(format!(
                "{function}: loses the version before when there is another"
            )),
            Some(_) => {}
        }
        if !is_integration {
            continue;
        }
        for alias in [false, true] {
            let mut permissions = template.of("AWS::Lambda::Permission");
            let may = permissions.any(|(_, permission)| {
                let given = &permission["FunctionName"];
                permission["Principal"] == "apigateway.amazonaws.com"
                    && template.function(given) == Some(function)
                    && is_alias(template, given) == alias
            });
            if !may {
                let what = if alias { "the alias of " } else { "" };
                broken.push(format!("API Gateway may not call {what}{function}"));
            }
        }
    }
    broken
}

/// If configured, a new version of ingest first gets a part of the deliveries. It is rolled back when an alarm fires
/// that only its own answers can cause.
pub fn canary(template: &Template) -> Vec<String> {
    let asked = template.parameters["CanaryDeployment"] == "true";
    let mut broken = Vec::new();
    let groups: Vec<_> = template.of("AWS::CodeDeploy::DeploymentGroup").collect();
    if asked != (groups.len() == 1) {
        broken.push("the canary does not follow CanaryDeployment".to_owned());
    }
    for (id, group) in groups {
        let alarms: BTreeSet<_> = list(&group["AlarmConfiguration"]["Alarms"])
            .into_iter()
            .filter_map(|alarm| named(&alarm["Name"]))
            .collect();
        if group["AutoRollbackConfiguration"]["Enabled"] != true
            || group["AlarmConfiguration"]["Enabled"] != true
            || alarms != BTreeSet::from(ROLLBACK_ALARMS)
        {
            broken.push(format!(
                "{id}: a bad version is not taken back by ingest's alarms"
            ));
        }
        let config = group["DeploymentConfigName"].to_string();
        if !config.contains("Canary10Percent5Minutes") {
            broken.push(format!("{id}: a new version takes all deliveries at once"));
        }
    }
    broken
}
