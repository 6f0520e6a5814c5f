//! How a template is broken for a rule.

use serde_json::Value;

/// A rule, the change that breaks it, and a word of the rule's message.
pub(crate) type Case = (&'static str, fn(&mut Value), &'static str);

/// A resource's properties.
pub(crate) fn at<'a>(template: &'a mut Value, id: &str) -> &'a mut Value {
    let resource = &mut template["Resources"][id];
    assert!(resource.is_object(), "the template has no {id}");
    &mut resource["Properties"]
}

/// The logical id that SAM gives the canary's deployment group.
pub(crate) fn canary_id(template: &Value) -> String {
    let resources = template["Resources"].as_object().expect("resources");
    let mut groups = resources
        .iter()
        .filter(|(_, one)| one["Type"] == "AWS::CodeDeploy::DeploymentGroup");
    groups.next().expect("a deployment group").0.clone()
}

pub(crate) fn at_canary(template: &mut Value) -> &mut Value {
    let id = canary_id(template);
    at(template, &id)
}

pub(crate) fn without(value: &mut Value, name: &str) {
    let removed = value.as_object_mut().and_then(|value| value.remove(name));
    assert!(removed.is_some(), "there is no {name} to take away");
}

/// The statement of a role, by its `Sid`.
pub(crate) fn statement<'a>(template: &'a mut Value, role: &str, sid: &str) -> &'a mut Value {
    let statements = &mut at(template, role)["Policies"][0]["PolicyDocument"]["Statement"];
    let statements = statements.as_array_mut().expect("statements");
    let found = statements
        .iter_mut()
        .find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("{role} has no {sid}"))
}
