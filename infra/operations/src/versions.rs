//! A function's published versions, and the alias `live` that receives Stripe's deliveries and the queues' messages.
//!
//! A deployment with a `Revision` changes the function (`$LATEST`), publishes that as a version and points `live` at
//! it. So `live` has what was deployed last, unless it was moved since. Comparing the two shows that.

mod differences;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::{Aws, escaped};
use crate::problem::Problem;
pub use differences::{Difference, differences, unreadable};

/// The alias.
pub const LIVE: &str = "live";

/// What was deployed last, under no alias.
pub const LATEST: &str = "$LATEST";

/// The most pages of a function's versions that are read, 50 versions each.
const PAGES_MAX: usize = 200;

/// Where `live` points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// `13`
    pub version: String,
    /// Changes with each change of the alias, and makes the next change conditional.
    pub revision_id: String,
    /// Other versions that get a part of the calls: a canary's.
    pub weighted: Vec<String>,
}

impl Alias {
    /// As `GetAlias` answers.
    pub fn read(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let weights = &answer["RoutingConfig"]["AdditionalVersionWeights"];
        let weights = weights.as_object().into_iter().flatten();
        let shares = weights.filter(|(_, share)| share.as_f64() != Some(0.0));
        Self {
            version: text("FunctionVersion"),
            revision_id: text("RevisionId"),
            weighted: shares.map(|(version, _)| version.clone()).collect(),
        }
    }
}

/// Whether deliveries or the queue go to this function's alias, by the parameters that the stack was deployed with.
/// Without those, they go to the function itself, and the alias has no effect.
pub fn is_versioned(parameters: &BTreeMap<String, String>, role: &str) -> bool {
    let is = |name: &str, wanted: &str| parameters.get(name).is_some_and(|value| value == wanted);
    let has_revision = parameters
        .get("Revision")
        .is_some_and(|value| !value.is_empty());
    has_revision || role == "ingest" && is("CanaryDeployment", "true")
}

/// The functions that have an alias: ingest and the domains.
pub fn has_alias(role: &str) -> bool {
    !["sweep", "reconcile"].contains(&role)
}

/// The alias `live`; none if the function doesn't have it.
pub async fn alias(aws: &Aws, function: &str) -> Result<Option<Alias>, Problem> {
    let path = format!("/2015-03-31/functions/{}/aliases/{LIVE}", escaped(function));
    found(aws.get("lambda", &path).await).map(|answer| answer.as_ref().map(Alias::read))
}

/// A function's configuration as a version, `live` or [`LATEST`] has it; none if there is no such version.
pub async fn configuration(
    aws: &Aws,
    function: &str,
    qualifier: &str,
) -> Result<Option<Value>, Problem> {
    let path = format!(
        "/2015-03-31/functions/{}/configuration?Qualifier={}",
        escaped(function),
        escaped(qualifier)
    );
    found(aws.get("lambda", &path).await)
}

/// All published versions with their configurations, the oldest first.
pub async fn published(aws: &Aws, function: &str) -> Result<Vec<Value>, Problem> {
    let mut all = Vec::new();
    let mut marker = String::new();
    for _ in 0..PAGES_MAX {
        let path = format!(
            "/2015-03-31/functions/{}/versions?MaxItems=50{marker}",
            escaped(function)
        );
        let answer = aws.get("lambda", &path).await?;
        all.extend(answer["Versions"].as_array().into_iter().flatten().cloned());
        match answer["NextMarker"].as_str() {
            Some(next) if !next.is_empty() => marker = format!("&Marker={}", escaped(next)),
            _ => break,
        }
    }
    all.retain(|version| number(version).is_some());
    all.sort_by_key(number);
    Ok(all)
}

/// The number of a published version; none for `$LATEST`.
pub fn number(version: &Value) -> Option<u64> {
    version["Version"].as_str()?.parse().ok()
}

/// Points `live` at a version, unless the alias was changed since it was read.
///
/// Returns whether it points there now. A try whose answer was lost is repeated and then meets its own change, which
/// counts as success.
pub async fn point(aws: &Aws, function: &str, version: &str, was: &Alias) -> Result<bool, Problem> {
    let input = json!({ "FunctionVersion": version, "RevisionId": was.revision_id });
    let moved = aws
        .put(
            "lambda",
            &format!("/2015-03-31/functions/{}/aliases/{LIVE}", escaped(function)),
            &input,
        )
        .await;
    match moved {
        Ok(_) => Ok(true),
        Err(problem) if is_lost(&problem) => {
            let now = alias(aws, function).await?;
            Ok(now.is_some_and(|now| now.version == version && now.weighted.is_empty()))
        }
        Err(problem) => Err(problem),
    }
}

/// Whether the alias was changed by another in the meantime.
fn is_lost(problem: &Problem) -> bool {
    problem.to_string().contains("PreconditionFailed")
}

fn found(answer: Result<Value, Problem>) -> Result<Option<Value>, Problem> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(problem) if problem.to_string().contains("ResourceNotFound") => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// The newest version that is what was deployed last; none if no version is.
pub fn deployed<'a>(versions: &'a [Value], latest: &Value) -> Option<&'a str> {
    let mut newest_first = versions.iter().rev();
    newest_first.find(|version| differences(version, latest).is_empty())?["Version"].as_str()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A version's configuration, with these variables.
    pub(crate) fn version(number: u64, description: &str, variables: &Value) -> Value {
        json!({
            "Version": number.to_string(), "Description": description, "CodeSha256": "abc=", "Timeout": 30, "MemorySize": 256,
            "Architectures": ["arm64"], "State": "Active", "LastModified": "2026-11-30T10:00:00.000+0000",
            "VpcConfig": { "SubnetIds": [], "VpcId": "" }, "Environment": { "Variables": variables },
        })
    }

    #[test]
    fn the_version_that_was_deployed_last_is_the_newest_one_like_the_function_itself() {
        let versions = [
            version(11, "a", &json!({})),
            version(12, "b", &json!({})),
            // A deployment published it that CloudFormation rolled back.
            version(13, "c", &json!({})),
        ];
        let latest = version(0, "b", &json!({}));
        assert_eq!(deployed(&versions, &latest), Some("12"));
        assert_eq!(deployed(&versions, &version(0, "d", &json!({}))), None);
    }

    #[test]
    fn an_alias_without_weights_has_no_canary() {
        let alias = |routing: Value| {
            Alias::read(
                &json!({ "FunctionVersion": "7", "RevisionId": "r", "RoutingConfig": routing }),
            )
            .weighted
        };
        assert_eq!(alias(Value::Null), Vec::<String>::new());
        assert_eq!(
            alias(json!({ "AdditionalVersionWeights": {} })),
            Vec::<String>::new()
        );
        assert_eq!(
            alias(json!({ "AdditionalVersionWeights": { "8": 0.1 } })),
            ["8"]
        );
    }

    #[test]
    fn a_stack_without_a_revision_has_no_alias_that_counts_but_ingests_with_a_canary() {
        let with = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert!(is_versioned(&with("Revision", "0123456789"), "payments"));
        assert!(!is_versioned(&with("Revision", ""), "payments"));
        assert!(!is_versioned(&BTreeMap::new(), "ingest"));
        assert!(is_versioned(&with("CanaryDeployment", "true"), "ingest"));
        assert!(!is_versioned(&with("CanaryDeployment", "true"), "payments"));
    }

    #[test]
    fn only_a_failed_condition_says_that_another_changed_the_alias() {
        assert!(is_lost(&Problem::failed(
            "PUT lambda /x: 412 PreconditionFailedException {}"
        )));
        assert!(!is_lost(&Problem::failed(
            "PUT lambda /x: 403 AccessDenied"
        )));
    }

    /// An AWS that gives these answers, one after the other. It returns what it was sent.
    pub(crate) fn lambda(
        answers: &'static [(u16, &'static str)],
    ) -> (Aws, std::thread::JoinHandle<Vec<String>>) {
        use std::io::{BufRead, BufReader, Read, Write};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = std::thread::spawn(move || {
            let mut sent = Vec::new();
            for (status, body) in answers {
                let (stream, _) = listener.accept().expect("a call");
                let mut reader = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a line");
                    let lower = line.to_lowercase();
                    if let Some(count) = lower.strip_prefix("content-length:") {
                        length = count.trim().parse().expect("a number");
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                    head.push_str(&line);
                }
                let mut input = vec![0; length];
                reader.read_exact(&mut input).expect("a body");
                let first = head.lines().next().unwrap_or_default();
                sent.push(format!("{first} {}", String::from_utf8_lossy(&input)));
                // Lambda names the error in a header, and not in the body.
                let error = match status {
                    403 => "x-amzn-errortype: AccessDeniedException\r\n",
                    404 => "x-amzn-errortype: ResourceNotFoundException:http://internal/\r\n",
                    412 => "x-amzn-errortype: PreconditionFailedException\r\n",
                    _ => "",
                };
                let answer = format!(
                    "HTTP/1.1 {status} x\r\n{error}content-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                reader
                    .get_mut()
                    .write_all(answer.as_bytes())
                    .expect("answered");
            }
            sent
        });
        (
            Aws::local(&format!("http://{address}"), "us-east-1"),
            serving,
        )
    }

    async fn pointed(
        answers: &'static [(u16, &'static str)],
    ) -> (Result<bool, Problem>, Vec<String>) {
        let (aws, serving) = lambda(answers);
        let was = Alias {
            version: "13".to_owned(),
            revision_id: "r-1".to_owned(),
            weighted: Vec::new(),
        };
        let result = point(&aws, "s-payments", "12", &was).await;
        (result, serving.join().expect("it served"))
    }

    #[tokio::test]
    async fn an_alias_is_moved_only_as_it_was_read() {
        let (result, sent) = pointed(&[(200, "{}")]).await;
        assert!(result.expect("moved"));
        let [put] = &sent[..] else {
            panic!("{sent:?}");
        };
        assert!(
            put.starts_with("PUT /2015-03-31/functions/s-payments/aliases/live "),
            "{put}"
        );
        assert!(
            put.ends_with(r#"{"FunctionVersion":"12","RevisionId":"r-1"}"#),
            "{put}"
        );
    }

    #[tokio::test]
    async fn an_alias_that_another_moved_is_left_and_one_that_a_lost_answer_moved_counts() {
        const LOST: (u16, &str) = (
            412,
            r#"{"Type":"User","Message":"The RevisionId provided does not match"}"#,
        );
        let (result, _) = pointed(&[
            LOST,
            (200, r#"{"FunctionVersion":"14","RevisionId":"r-2"}"#),
        ])
        .await;
        assert!(!result.expect("answered"));
        let (result, _) = pointed(&[
            (503, "lost after it was carried out"),
            LOST,
            (200, r#"{"FunctionVersion":"12","RevisionId":"r-2"}"#),
        ])
        .await;
        assert!(result.expect("answered"));
    }

    #[tokio::test]
    async fn a_refusal_of_another_kind_is_a_problem() {
        let (result, _) = pointed(&[(403, r#"{"Message":"no"}"#)]).await;
        assert!(result.expect_err("refused").is_denied());
    }

    #[tokio::test]
    async fn an_alias_or_version_that_is_not_there_is_none_by_the_error_s_name_alone() {
        const GONE: (u16, &str) = (404, r#"{"Type":"User","Message":"Cannot find it"}"#);
        let (aws, _) = lambda(&[GONE, GONE]);
        assert_eq!(alias(&aws, "s-payments").await.expect("answered"), None);
        let gone = configuration(&aws, "s-payments", "12").await;
        assert_eq!(gone.expect("answered"), None);
    }

    #[tokio::test]
    async fn all_pages_of_versions_are_read_and_the_function_itself_is_none() {
        let (aws, serving) = lambda(&[
            (
                200,
                r#"{"Versions":[{"Version":"$LATEST"},{"Version":"10"}],"NextMarker":"m 1"}"#,
            ),
            (200, r#"{"Versions":[{"Version":"9"}]}"#),
        ]);
        let all = published(&aws, "s-payments").await.expect("read");
        let numbers: Vec<_> = all.iter().filter_map(number).collect();
        assert_eq!(numbers, [9, 10]);
        let sent = serving.join().expect("it served");
        assert!(sent[1].contains("&Marker=m%201"), "{sent:?}");
    }
}
