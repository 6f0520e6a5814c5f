//! Puts the code and the template into the emulator, and waits until the stack accepts deliveries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::aws::{Aws, elements, unescape};
use crate::build::Binaries;
use crate::problem::Problem;
use crate::template::{self, Changes, Rewritten};

/// The bucket that holds the code and the template.
const BUCKET: &str = "sluice-code";

/// The longest wait for the stack. It takes about a second and a half.
const CREATE_MAX: Duration = Duration::from_secs(180);

/// The longest wait for the first answer: the function has to be unpacked and started.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// What was deployed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deployed {
    /// The stack's outputs.
    pub(crate) outputs: BTreeMap<String, String>,
    /// Logical id → the emulator's own.
    pub(crate) resources: BTreeMap<String, Resource>,
}

/// A deployed resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    pub(crate) id: String,
}

/// A template to be deployed.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    /// The file.
    pub(crate) path: &'a Path,
    /// The stack's name.
    pub(crate) stack: &'a str,
    /// Its functions' code.
    pub(crate) binaries: &'a Binaries,
    /// Parameters other than their defaults. `Architecture` is always this machine's.
    pub(crate) parameters: &'a BTreeMap<String, String>,
    /// Variables added to functions' environments: logical id → name → value.
    pub(crate) environment: &'a BTreeMap<String, BTreeMap<String, String>>,
}

impl Template<'_> {
    /// Deploys the template. Returns what was deployed, and the differences from the template, one sentence each.
    pub(crate) fn deploy(&self, aws: &Aws) -> Result<(Deployed, Vec<String>), Problem> {
        let text =
            std::fs::read_to_string(self.path).map_err(|error| Problem::file(self.path, error))?;
        let mut parameters = self.parameters.clone();
        parameters.insert(
            "Architecture".to_owned(),
            template::host_architecture().to_owned(),
        );
        let changes = Changes {
            bucket: BUCKET,
            environment: self.environment,
            parameters: &parameters,
        };
        let rewritten = template::rewrite(template::read(&text)?, &changes)?;
        upload(aws, self.binaries)?;
        let deployed = put(aws, self.stack, &rewritten, &parameters)?;
        Ok((deployed, rewritten.notes))
    }
}

/// Puts each binary into the bucket, as `<name>.zip`.
fn upload(aws: &Aws, binaries: &Binaries) -> Result<(), Problem> {
    aws.create_bucket(BUCKET)?;
    for (name, path) in binaries {
        aws.put_object(&format!("{BUCKET}/{name}.zip"), &zipped(path)?)?;
    }
    Ok(())
}

/// A zip with the file as `bootstrap`, uncompressed: it stays on this machine, and compressing would take longer than
/// copying.
fn zipped(path: &Path) -> Result<Vec<u8>, Problem> {
    let problem = |error: &dyn std::fmt::Display| Problem::file(path, error);
    let mut binary = File::open(path).map_err(|error| problem(&error))?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)
        .map_err(|error| problem(&error))?;
    std::io::copy(&mut binary, &mut zip).map_err(|error| problem(&error))?;
    zip.flush().map_err(|error| problem(&error))?;
    Ok(zip.finish().map_err(|error| problem(&error))?.into_inner())
}

/// Creates the stack, or updates the existing one. What the emulator doesn't do from the template is then done by
/// calls.
fn put(
    aws: &Aws,
    stack: &str,
    rewritten: &Rewritten,
    parameters: &BTreeMap<String, String>,
) -> Result<Deployed, Problem> {
    let template = format!("{BUCKET}/{stack}.json");
    aws.put_object(&template, rewritten.template.to_string().as_bytes())?;
    let mut form = vec![
        ("StackName".to_owned(), stack.to_owned()),
        (
            "TemplateURL".to_owned(),
            format!("{}/{template}", aws.endpoint_url()),
        ),
        (
            "Capabilities.member.1".to_owned(),
            "CAPABILITY_IAM".to_owned(),
        ),
    ];
    for (index, (name, value)) in parameters.iter().enumerate() {
        let member = index + 1;
        form.push((
            format!("Parameters.member.{member}.ParameterKey"),
            name.clone(),
        ));
        form.push((
            format!("Parameters.member.{member}.ParameterValue"),
            value.clone(),
        ));
    }
    let is_there = aws.cloudformation("DescribeStacks", &form[..1]).is_ok();
    let action = if is_there {
        "UpdateStack"
    } else {
        "CreateStack"
    };
    aws.cloudformation(action, &form)?;
    let outputs = wait(aws, stack)?;
    let resources = resources(aws, stack)?;
    // A table that a condition leaves out belongs to another stack, or doesn't exist.
    let name = |table: &String| Some(resources.get(table)?.id.as_str());
    for (table, attribute) in &rewritten.ttl {
        let Some(name) = name(table) else { continue };
        let ttl = json!({ "Enabled": true, "AttributeName": attribute });
        aws.json(
            "DynamoDB_20120810.UpdateTimeToLive",
            &json!({ "TableName": name, "TimeToLiveSpecification": ttl }),
        )?;
    }
    for table in &rewritten.recoverable {
        let Some(name) = name(table) else { continue };
        let recovery = json!({ "PointInTimeRecoveryEnabled": true });
        aws.json(
            "DynamoDB_20120810.UpdateContinuousBackups",
            &json!({ "TableName": name, "PointInTimeRecoverySpecification": recovery }),
        )?;
    }
    Ok(Deployed { outputs, resources })
}

fn wait(aws: &Aws, stack: &str) -> Result<BTreeMap<String, String>, Problem> {
    let name = [("StackName".to_owned(), stack.to_owned())];
    let until = Instant::now() + CREATE_MAX;
    loop {
        let xml = aws.cloudformation("DescribeStacks", &name)?;
        let status = elements(&xml, "StackStatus")
            .first()
            .copied()
            .unwrap_or_default();
        if ["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&status) {
            let keys = elements(&xml, "OutputKey").into_iter().map(unescape);
            return Ok(keys
                .zip(elements(&xml, "OutputValue").into_iter().map(unescape))
                .collect());
        }
        if !status.ends_with("_IN_PROGRESS")
            || status.contains("ROLLBACK")
            || Instant::now() > until
        {
            let events = aws.cloudformation("DescribeStackEvents", &name)?;
            return Err(Problem::Deploy(format!(
                "{status}\n{}",
                failures(&events).join("\n")
            )));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Each failed resource and its reason, in the order in which they failed.
fn failures(events: &str) -> Vec<String> {
    let members = elements(events, "member").into_iter().rev();
    let failed = members.filter(|event| {
        elements(event, "ResourceStatus")
            .iter()
            .any(|status| status.contains("FAILED"))
    });
    let said = failed.map(|event| {
        let first = |name: &str| {
            elements(event, name)
                .first()
                .map(|text| unescape(text))
                .unwrap_or_default()
        };
        format!(
            "  {}: {}",
            first("LogicalResourceId"),
            first("ResourceStatusReason")
        )
    });
    said.collect()
}

fn resources(aws: &Aws, stack: &str) -> Result<BTreeMap<String, Resource>, Problem> {
    let mut form = vec![("StackName".to_owned(), stack.to_owned())];
    let mut found = BTreeMap::new();
    loop {
        let xml = aws.cloudformation("ListStackResources", &form)?;
        for member in elements(&xml, "member") {
            let first = |name: &str| {
                elements(member, name)
                    .first()
                    .map(|text| unescape(text))
                    .unwrap_or_default()
            };
            let resource = Resource {
                kind: first("ResourceType"),
                id: first("PhysicalResourceId"),
            };
            found.insert(first("LogicalResourceId"), resource);
        }
        match elements(&xml, "NextToken").first() {
            Some(token) => {
                form.truncate(1);
                form.push(("NextToken".to_owned(), unescape(token)));
            }
            None => return Ok(found),
        }
    }
}

/// Puts the webhook secrets: endpoint → its list.
pub(crate) fn put_secrets(
    aws: &Aws,
    id: &str,
    secrets: &BTreeMap<String, Vec<String>>,
) -> Result<(), Problem> {
    let text = json!(secrets).to_string();
    aws.json(
        "secretsmanager.PutSecretValue",
        &json!({ "SecretId": id, "SecretString": text }),
    )
    .map(drop)
}

/// Waits until ingest answers. A GET is its cheapest request: it answers 405 and stores nothing.
pub(crate) fn wait_for_answers(
    aws: &Aws,
    webhook_url: &str,
    function: &str,
) -> Result<(), Problem> {
    let until = Instant::now() + ANSWER_MAX;
    loop {
        let status = aws.get_status(webhook_url);
        // 403 if the function's list of addresses excludes this machine.
        if matches!(status, Some(405 | 403)) {
            return Ok(());
        }
        if Instant::now() > until {
            // The function's own log says why it doesn't start.
            let said = match aws.invoke(function, &Value::Null) {
                Ok(answer) => answer.to_string(),
                Err(problem) => problem.to_string(),
            };
            return Err(Problem::Deploy(format!(
                "{webhook_url} answers {status:?} instead of 405; {said}"
            )));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_said_first_and_with_its_reason() {
        let events = "<member><LogicalResourceId>Bus</LogicalResourceId><ResourceStatus>CREATE_FAILED</ResourceStatus>\
            <ResourceStatusReason>cancelled</ResourceStatusReason></member>\
            <member><LogicalResourceId>Queue</LogicalResourceId><ResourceStatus>CREATE_FAILED</ResourceStatus>\
            <ResourceStatusReason>a &amp; b</ResourceStatusReason></member>\
            <member><LogicalResourceId>Fine</LogicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>";
        assert_eq!(failures(events), ["  Queue: a & b", "  Bus: cancelled"]);
    }

    #[test]
    fn a_zip_holds_the_binary_as_an_executable_bootstrap() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), b"\x7fELF").expect("it can be written");
        let zip = zipped(file.path()).expect("it can be zipped");
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("it is a zip");
        let entry = archive.by_name("bootstrap").expect("it is called so");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(entry.size(), 4);
    }
}
