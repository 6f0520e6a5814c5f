//! A template as SAM transforms it, with parameters and conditions resolved: the rest is what AWS would create.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

/// Parameters other than their defaults.
pub type Given<'a> = &'a [(&'a str, &'a str)];

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// SAM's transformation of a template file, by the same tool as in `make lint`.
///
/// # Panics
/// If the Python tools aren't installed (`infra/setup/setup.sh lint` installs them), or SAM refuses the template.
pub fn transformed(file: &str, given: Given<'_>) -> Value {
    let root = root();
    let output = Command::new(root.join(".venv/lint/bin/python"))
        .arg("-B")
        .arg(root.join("infra/checks/transform.py"))
        .arg(root.join(file))
        .args(given.iter().map(|(name, value)| format!("{name}={value}")))
        .output()
        .expect("the lint tools are there: infra/setup/setup.sh lint");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{file} can't be transformed: {said}"
    );
    serde_json::from_slice(&output.stdout).expect("the transform prints JSON")
}

/// A template with every parameter that it names and every condition replaced by its value.
#[derive(Debug, Clone)]
pub struct Template {
    /// Logical id → resource.
    pub resources: BTreeMap<String, Value>,
    /// Name → value.
    pub parameters: BTreeMap<String, Value>,
}

impl Template {
    /// Resolves a transformed template.
    pub fn resolved(template: &Value, given: Given<'_>) -> Self {
        let declared = template["Parameters"].as_object().into_iter().flatten();
        let mut parameters: BTreeMap<_, _> = declared
            .map(|(name, parameter)| (name.clone(), parameter["Default"].clone()))
            .collect();
        for (name, value) in given {
            assert!(parameters.contains_key(*name), "no parameter {name}");
            let number = value
                .parse::<i64>()
                .ok()
                .filter(|_| template["Parameters"][name]["Type"] == "Number");
            parameters.insert(
                (*name).to_owned(),
                number.map_or_else(|| json!(value), Value::from),
            );
        }
        let resolver = Resolver {
            conditions: &template["Conditions"],
            parameters: &parameters,
        };
        let listed = template["Resources"].as_object().into_iter().flatten();
        let there = listed.filter(|(_, resource)| match resource["Condition"].as_str() {
            Some(condition) => resolver.holds(condition),
            None => true,
        });
        let resources =
            there.filter_map(|(id, resource)| Some((id.clone(), resolver.value(resource)?)));
        Self {
            resources: resources.collect(),
            parameters: parameters.clone(),
        }
    }

    /// The resources of a type: logical id → properties.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.resources.iter();
        all.filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    /// The logical id of the function that a reference names: directly, or by one of its aliases.
    pub fn function<'a>(&'a self, reference: &'a Value) -> Option<&'a str> {
        let id = named(reference)?;
        match self.resources.get(id) {
            Some(resource) if resource["Type"] == "AWS::Lambda::Alias" => {
                named(&resource["Properties"]["FunctionName"])
            }
            _ => Some(id),
        }
    }

    /// Whether CloudFormation creates a resource after another: because it depends on it, names it, or another resource
    /// between them does.
    pub fn is_made_after(&self, id: &str, other: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![id];
        while let Some(id) = next.pop() {
            let Some((id, resource)) = self.resources.get_key_value(id) else {
                continue;
            };
            if !seen.insert(id) {
                continue;
            }
            let mut needs = Vec::new();
            references(resource, &mut needs);
            if needs.contains(&other) {
                return true;
            }
            next.extend(needs);
        }
        false
    }

    /// A resource's properties; `null` if there is none.
    pub fn properties(&self, id: &str) -> &Value {
        self.resources
            .get(id)
            .map_or(&Value::Null, |resource| &resource["Properties"])
    }
}

/// The logical id that a `Ref`, a `Fn::GetAtt` or a `Fn::Sub` that begins with one names.
pub fn named(value: &Value) -> Option<&str> {
    if let Some(sub) = value["Fn::Sub"].as_str() {
        let inner = sub.strip_prefix("${")?.split('}').next()?;
        return inner.split('.').next();
    }
    let get = value["Fn::GetAtt"]
        .get(0)
        .or_else(|| value.get("Fn::GetAtt"));
    let get = get
        .and_then(Value::as_str)
        .map(|path| path.split('.').next().unwrap_or(path));
    value["Ref"].as_str().or(get)
}

/// The ids that a resource depends on: by `DependsOn`, `Ref`, `Fn::GetAtt` or within a `Fn::Sub`.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(entries) => {
            let depends = list(&value["DependsOn"]).into_iter();
            found.extend(depends.filter_map(Value::as_str));
            found.extend(value["Ref"].as_str());
            found.extend(named(value).filter(|_| entries.contains_key("Fn::GetAtt")));
            let sub = value["Fn::Sub"].as_str().unwrap_or_default();
            let inner = sub
                .split("${")
                .skip(1)
                .filter_map(|rest| rest.split(['}', '.']).next());
            found.extend(inner);
            entries.values().for_each(|value| references(value, found));
        }
        _ => {}
    }
}

/// A list, or a single value in its place.
pub fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// A number, even if it is written as text.
pub fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

struct Resolver<'a> {
    conditions: &'a Value,
    parameters: &'a BTreeMap<String, Value>,
}

impl Resolver<'_> {
    fn holds(&self, condition: &str) -> bool {
        let definition = self.conditions.get(condition);
        self.truth(definition.unwrap_or_else(|| panic!("no condition {condition}")))
    }

    fn truth(&self, condition: &Value) -> bool {
        if let Some(name) = condition["Condition"].as_str() {
            return self.holds(name);
        }
        if let Some(negated) = condition.get("Fn::Not") {
            return !self.truth(&negated[0]);
        }
        if let Some(any) = condition["Fn::Or"].as_array() {
            return any.iter().any(|condition| self.truth(condition));
        }
        if let Some(pair) = condition.get("Fn::Equals") {
            let text = |value: &Value| match self.value(value) {
                Some(Value::String(text)) => text,
                other => other.map(|value| value.to_string()).unwrap_or_default(),
            };
            return text(&pair[0]) == text(&pair[1]);
        }
        panic!("a condition of a kind that is not read here: {condition}")
    }

    /// A value, resolved; `None` for `AWS::NoValue`.
    fn value(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.value(item)).collect()),
            Value::Object(entries) => self.object(value, entries),
            plain => Some(plain.clone()),
        }
    }

    fn object(&self, value: &Value, entries: &Map<String, Value>) -> Option<Value> {
        if let Some(name) = value["Ref"].as_str() {
            if name == "AWS::NoValue" {
                return None;
            }
            return Some(self.parameters.get(name).unwrap_or(value).clone());
        }
        if let Some(choice) = value.get("Fn::If") {
            let condition = choice[0].as_str().expect("a condition's name");
            return self.value(&choice[if self.holds(condition) { 1 } else { 2 }]);
        }
        if let Some(sub) = value["Fn::Sub"].as_str() {
            let values = self.parameters.iter();
            let text = values.fold(sub.to_owned(), |text, (name, value)| {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                text.replace(&format!("${{{name}}}"), &value)
            });
            return Some(json!({ "Fn::Sub": text }));
        }
        let entries = entries.iter();
        let kept = entries.filter_map(|(key, value)| Some((key.clone(), self.value(value)?)));
        Some(Value::Object(kept.collect()))
    }
}
