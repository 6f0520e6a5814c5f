//! Reads `template.yaml` and makes the few changes that running it here needs; each change is described in a sentence.
//!
//! The YAML is converted to JSON, which CloudFormation also takes: `!Ref x` becomes `{"Ref": "x"}`. From then on it is
//! edited as a tree, never as text, so a change of layout in the template can't silently undo an edit.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// Types of resources that the emulator doesn't know; it rolls back a template with one. They are left out, with the
/// outputs that name them.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "AWS::Events::Archive",
        "the emulator makes archives by its API only",
    ),
    (
        "AWS::CloudWatch::CompositeAlarm",
        "the emulator has simple alarms only",
    ),
];

const FUNCTION: &str = "AWS::Serverless::Function";

/// Whether a resource is an alarm over an expression. The emulator supports alarms over one metric, and rolls back
/// others.
fn is_math_alarm(resource: &Value) -> bool {
    resource["Type"] == "AWS::CloudWatch::Alarm"
        && resource.pointer("/Properties/Metrics").is_some()
}

/// Why a resource is left out, if it is.
fn left_out(resource: &Value) -> Option<&'static str> {
    if is_math_alarm(resource) {
        return Some("the emulator has alarms over one metric only");
    }
    let known = LEFT_OUT.iter().find(|(kind, _)| resource["Type"] == *kind);
    known.map(|(_, why)| *why)
}

/// How the deployed template has to differ from the file.
#[derive(Debug, Clone)]
pub struct Changes<'a> {
    /// The bucket that holds the code, as `<binary>.zip`.
    pub bucket: &'a str,
    /// Variables added to functions' environments: logical id → name → value.
    pub environment: &'a BTreeMap<String, BTreeMap<String, String>>,
    /// Values of parameters other than their defaults.
    pub parameters: &'a BTreeMap<String, String>,
}

/// A template that the emulator accepts.
#[derive(Debug, Clone)]
pub struct Rewritten {
    /// The template as JSON.
    pub template: Value,
    /// What was changed, one sentence each, for people.
    pub notes: Vec<String>,
    /// Logical ids of tables → the attribute by which items expire. The emulator needs a separate call for it.
    pub ttl: BTreeMap<String, String>,
    /// Tables with point-in-time recovery, which the emulator's CloudFormation leaves out.
    pub recoverable: Vec<String>,
}

/// The template as JSON.
///
/// # Errors
/// When it isn't YAML, or is YAML that JSON can't hold.
pub fn read(text: &str) -> Result<Value, Problem> {
    let documents =
        Yaml::load_from_str(text).map_err(|error| Problem::Template(error.to_string()))?;
    match documents.as_slice() {
        [document] => to_json(document),
        other => Err(Problem::Template(format!(
            "holds {} documents; one is right",
            other.len()
        ))),
    }
}

fn to_json(node: &Yaml<'_>) -> Result<Value, Problem> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::from(value.as_ref()),
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<Result<_, _>>()?,
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key
                    .as_str()
                    .ok_or_else(|| Problem::Template(format!("a key that is no text: {key:?}")))?;
                object.insert(key.to_owned(), to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, value) => intrinsic(&tag.suffix, to_json(value)?),
        other => {
            return Err(Problem::Template(format!(
                "can't be written as JSON: {other:?}"
            )));
        }
    })
}

/// The long form of a short tag.
fn intrinsic(tag: &str, value: Value) -> Value {
    match (tag, value) {
        ("Ref" | "Condition", value) => json!({ tag: value }),
        ("GetAtt", Value::String(path)) => match path.split_once('.') {
            Some((resource, attribute)) => json!({ "Fn::GetAtt": [resource, attribute] }),
            None => json!({ "Fn::GetAtt": path }),
        },
        (tag, value) => json!({ format!("Fn::{tag}"): value }),
    }
}

/// The binaries of a template's functions, in the template's order.
///
/// # Errors
/// When a function names none.
pub fn binaries(template: &Value) -> Result<Vec<String>, Problem> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    resources
        .filter(|(_, resource)| resource["Type"] == FUNCTION)
        .map(|(id, resource)| binary(id, resource).map(str::to_owned))
        .collect()
}

/// The binary that a function names in its metadata.
fn binary<'a>(id: &str, resource: &'a Value) -> Result<&'a str, Problem> {
    resource
        .pointer("/Metadata/BuildProperties/Binary")
        .and_then(Value::as_str)
        .ok_or_else(|| Problem::Template(format!("{id} names no binary in its metadata")))
}

/// Makes the changes.
///
/// # Errors
/// When the template doesn't have the form that the changes expect.
pub fn rewrite(mut template: Value, changes: &Changes<'_>) -> Result<Rewritten, Problem> {
    let mut notes = Vec::new();
    leave_out(&mut template, &mut notes)?;
    for name in changes.parameters.keys() {
        if template["Parameters"].get(name).is_none() {
            return Err(Problem::Template(format!("has no parameter {name}")));
        }
    }
    // SAM itself reads some parameters, e.g. the revision that names versions. The emulator's SAM reads only their
    // defaults, so the values are written there.
    for (name, value) in changes.parameters {
        template["Parameters"][name]["Default"] = Value::from(value.as_str());
    }
    let numbers = number_parameters(&template, changes.parameters);
    if let Some(globals) = template
        .pointer_mut("/Globals/Function")
        .and_then(Value::as_object_mut)
    {
        globals.remove("CodeUri");
    }
    let resources = resources(&mut template)?;
    let mut binaries = Vec::new();
    let (mut ttl, mut recoverable) = (BTreeMap::new(), Vec::new());
    for (id, resource) in resources {
        let kind = resource["Type"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            FUNCTION => {
                let binary = binary(id, resource)?;
                let code = json!({ "Bucket": changes.bucket, "Key": format!("{binary}.zip") });
                binaries.push(binary.to_owned());
                resource["Properties"]["CodeUri"] = code;
                for (name, value) in changes.environment.get(id).into_iter().flatten() {
                    resource["Properties"]["Environment"]["Variables"][name] =
                        Value::from(value.as_str());
                }
            }
            "AWS::DynamoDB::Table" => {
                let attribute =
                    resource.pointer("/Properties/TimeToLiveSpecification/AttributeName");
                if let Some(attribute) = attribute.and_then(Value::as_str) {
                    ttl.insert(id.clone(), attribute.to_owned());
                }
                let recovery =
                    "/Properties/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled";
                if resource.pointer(recovery) == Some(&Value::Bool(true)) {
                    recoverable.push(id.clone());
                }
            }
            "AWS::Lambda::EventSourceMapping" => {
                if let Some(most) =
                    resource.pointer_mut("/Properties/ScalingConfig/MaximumConcurrency")
                {
                    let parameter = most["Ref"].as_str().unwrap_or_default();
                    if let Some(number) = numbers.get(parameter) {
                        *most = Value::from(*number);
                    }
                }
            }
            _ => {}
        }
    }
    notes.push(format!(
        "the code is what was built here: {}",
        binaries.join(", ")
    ));
    notes.push(
        "MaximumConcurrency is written as a number, since the emulator compares a parameter's text"
            .to_owned(),
    );
    if !ttl.is_empty() {
        let tables: Vec<_> = ttl.keys().cloned().collect();
        notes.push(format!(
            "TTL and recovery to a point in time are switched on by calls of their own: {}",
            tables.join(", ")
        ));
    }
    Ok(Rewritten {
        template,
        notes,
        ttl,
        recoverable,
    })
}

fn resources(template: &mut Value) -> Result<&mut Map<String, Value>, Problem> {
    template["Resources"]
        .as_object_mut()
        .ok_or_else(|| Problem::Template("has no resources".to_owned()))
}

fn leave_out(template: &mut Value, notes: &mut Vec<String>) -> Result<(), Problem> {
    let mut gone = BTreeSet::new();
    resources(template)?.retain(|id, resource| {
        let reason = left_out(resource);
        if let Some(why) = reason {
            let kind = resource["Type"].as_str().unwrap_or_default();
            notes.push(format!("{id} ({kind}) is left out: {why}"));
            gone.insert(id.clone());
        }
        reason.is_none()
    });
    if let Some(outputs) = template["Outputs"].as_object_mut() {
        outputs.retain(|_, output| !names_one_of(output, &gone));
    }
    Ok(())
}

fn names_one_of(value: &Value, ids: &BTreeSet<String>) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| names_one_of(item, ids)),
        Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| match (key.as_str(), value) {
                ("Ref", Value::String(id)) => ids.contains(id),
                ("Fn::GetAtt", Value::Array(path)) => path
                    .first()
                    .and_then(Value::as_str)
                    .is_some_and(|id| ids.contains(id)),
                (_, value) => names_one_of(value, ids),
            }),
        _ => false,
    }
}

fn number_parameters(template: &Value, given: &BTreeMap<String, String>) -> BTreeMap<String, i64> {
    let parameters = template["Parameters"].as_object().into_iter().flatten();
    let numbers = parameters.filter(|(_, parameter)| parameter["Type"] == "Number");
    let values = numbers.filter_map(|(name, parameter)| {
        let given = given.get(name).and_then(|value| value.parse().ok());
        Some((
            name.clone(),
            given.or_else(|| parameter["Default"].as_i64())?,
        ))
    });
    values.collect()
}

/// What CloudFormation calls this machine's processor.
pub fn host_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Most: { Type: Number, Default: 10 }
  Name: { Type: String, Default: "10" }
Globals: { Function: { CodeUri: ., Handler: bootstrap } }
Resources:
  Ledger:
    Type: AWS::DynamoDB::Table
    Properties: { TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true } }
  Archive: { Type: AWS::Events::Archive }
  Expression: { Type: AWS::CloudWatch::Alarm, Properties: { Metrics: [{ Id: m, Expression: "1" }] } }
  Plain: { Type: AWS::CloudWatch::Alarm, Properties: { MetricName: Errors } }
  IngestFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: ingest } }
    Properties:
      Environment: { Variables: { LEDGER_TABLE: !Ref Ledger } }
      Role: !GetAtt Role.Arn
      Alias: !If [Live, !Sub "${Name}-x", !Ref AWS::NoValue]
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { BatchSize: !Ref Most, ScalingConfig: { MaximumConcurrency: !Ref Most } }
Outputs:
  Kept: { Value: !Ref Ledger }
  Gone: { Value: !GetAtt Archive.Arn }
"#;

    fn rewritten(parameters: &[(&str, &str)]) -> Result<Rewritten, Problem> {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let variables = BTreeMap::from([("TOLERANCE_SECONDS".to_owned(), "5".to_owned())]);
        let environment = BTreeMap::from([("IngestFunction".to_owned(), variables)]);
        let changes = Changes {
            bucket: "code",
            environment: &environment,
            parameters: &parameters,
        };
        rewrite(read(TEMPLATE)?, &changes)
    }

    #[test]
    fn short_tags_become_long_functions_and_quoted_numbers_stay_text() {
        let template = read(TEMPLATE).expect("it is a template");
        let function = &template["Resources"]["IngestFunction"]["Properties"];
        assert_eq!(function["Role"], json!({ "Fn::GetAtt": ["Role", "Arn"] }));
        assert_eq!(
            function["Alias"],
            json!({ "Fn::If": ["Live", { "Fn::Sub": "${Name}-x" }, { "Ref": "AWS::NoValue" }] })
        );
        assert_eq!(template["Parameters"]["Most"]["Default"], json!(10));
        assert_eq!(template["Parameters"]["Name"]["Default"], json!("10"));
        assert_eq!(template["AWSTemplateFormatVersion"], json!("2010-09-09"));
    }

    #[test]
    fn each_function_gets_the_zip_of_its_binary_and_the_added_variables() {
        let template = rewritten(&[]).expect("it can be rewritten").template;
        let function = &template["Resources"]["IngestFunction"]["Properties"];
        assert_eq!(
            function["CodeUri"],
            json!({ "Bucket": "code", "Key": "ingest.zip" })
        );
        let variables = json!({ "LEDGER_TABLE": { "Ref": "Ledger" }, "TOLERANCE_SECONDS": "5" });
        assert_eq!(function["Environment"]["Variables"], variables);
        assert_eq!(
            template["Globals"]["Function"],
            json!({ "Handler": "bootstrap" })
        );
    }

    #[test]
    fn what_the_emulator_does_not_know_is_left_out_with_its_outputs_and_said() {
        let Rewritten {
            template,
            notes,
            ttl,
            ..
        } = rewritten(&[]).expect("it can be rewritten");
        assert_eq!(template["Resources"].get("Archive"), None);
        assert_eq!(template["Resources"].get("Expression"), None);
        assert!(template["Resources"].get("Plain").is_some());
        assert_eq!(
            template["Outputs"],
            json!({ "Kept": { "Value": { "Ref": "Ledger" } } })
        );
        assert!(
            notes
                .iter()
                .any(|note| note.starts_with("Archive (AWS::Events::Archive) is left out")),
            "{notes:?}"
        );
        assert_eq!(
            ttl,
            BTreeMap::from([("Ledger".to_owned(), "expires_at".to_owned())])
        );
    }

    #[test]
    fn maximum_concurrency_is_the_parameter_s_number_and_other_references_stay() {
        for (parameters, most) in [(&[][..], 10), (&[("Most", "3")][..], 3)] {
            let template = rewritten(parameters).expect("it can be rewritten").template;
            let mapping = &template["Resources"]["Mapping"]["Properties"];
            assert_eq!(mapping["ScalingConfig"]["MaximumConcurrency"], json!(most));
            assert_eq!(mapping["BatchSize"], json!({ "Ref": "Most" }));
        }
    }

    #[test]
    fn what_is_given_is_also_the_default_that_the_emulators_sam_reads() {
        let template = rewritten(&[("Most", "3")])
            .expect("it can be rewritten")
            .template;
        assert_eq!(template["Parameters"]["Most"]["Default"], json!("3"));
    }

    #[test]
    fn a_parameter_that_the_template_does_not_have_is_an_error() {
        let problem = rewritten(&[("Mots", "3")]).expect_err("there is no Mots");
        assert_eq!(problem.to_string(), "template.yaml: has no parameter Mots");
    }

    #[test]
    fn the_project_s_own_template_can_be_rewritten_and_leaves_out_these() {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"));
        let template = read(&text.expect("the template is there")).expect("it is a template");
        let resources = template["Resources"].as_object().expect("resources");
        let tables = resources
            .values()
            .filter(|resource| resource["Type"] == "AWS::DynamoDB::Table")
            .count();
        let none = BTreeMap::new();
        let changes = Changes {
            bucket: "code",
            environment: &BTreeMap::new(),
            parameters: &none,
        };
        let rewritten = rewrite(template, &changes).expect("it can be rewritten");
        let said = rewritten.notes.iter();
        let gone =
            said.filter_map(|note| note.split_once(' ').filter(|_| note.contains("left out")));
        assert_eq!(
            gone.map(|(id, _)| id).collect::<Vec<_>>(),
            [
                "EventArchive",
                "IngestUnverifiedAlarm",
                "IngestWaitingAlarm"
            ]
        );
        assert_eq!(
            rewritten.ttl.keys().collect::<Vec<_>>(),
            ["Ledger", "Outcomes"]
        );
        assert_eq!(rewritten.recoverable.len(), tables);
    }
}
