//! A key of the account's own (`KmsKeyArn`): whether it can be used, and whether its policy lets AWS's services use it, as
//! infra/kms-key-policy.md has it.
//!
//! A policy is judged by what its statements allow to whom. Conditions are noted and not evaluated, and a `Deny` makes
//! everything uncertain: what can't be determined is reported as such.

use serde_json::{Value, json};

use super::{FindingLevel, Findings, Patient};
use crate::code;
use crate::problem::Problem;

const PAGE: &str = "add the statements of infra/kms-key-policy.md";

/// The actions that a service needs, and which statement of the page has them.
struct Need {
    /// `events.amazonaws.com`
    service: String,
    actions: &'static [&'static str],
    said: &'static str,
}

pub(super) async fn look(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("encryption");
    let Some(key) = patient.parameter("KmsKeyArn") else {
        return findings;
    };
    let aws = &patient.stack.aws;
    let input = json!({ "KeyId": key });
    match aws.json("TrentService.DescribeKey", &input).await {
        Err(problem) => findings.unknown("key", &problem),
        Ok(answer) => judge_key(patient, key, &answer["KeyMetadata"], &mut findings),
    }
    let input = json!({ "KeyId": key, "PolicyName": "default" });
    let policy = aws.json("TrentService.GetKeyPolicy", &input).await;
    let policy = policy.and_then(|answer| {
        serde_json::from_str(answer["Policy"].as_str().unwrap_or_default()).map_err(Problem::failed)
    });
    match policy {
        Err(problem) => findings.unknown("key policy", &problem),
        Ok(policy) => judge_policy(patient, key, &policy, &mut findings),
    }
    findings
}

fn judge_key(patient: &Patient<'_>, key: &str, metadata: &Value, findings: &mut Findings) {
    match metadata["KeyState"].as_str().unwrap_or_default() {
        "Enabled" => findings.good("key", "enabled"),
        state => findings.coded(
            FindingLevel::Wrong,
            "key",
            code::KEY_UNUSABLE,
            format!("{key} is {state}: nothing that it encrypts can be read or written"),
            match state {
                "PendingDeletion" => {
                    patient.aws(&format!("kms cancel-key-deletion --key-id {key}"))
                }
                _ => patient.aws(&format!("kms enable-key --key-id {key}")),
            },
        ),
    }
}

/// A statement's field as a list: AWS writes one as a text.
fn listed<'a>(statement: &'a Value, field: &str) -> Vec<&'a str> {
    match &statement[field] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Whether a pattern of a policy covers an action, which may itself end in `*`. `*` and `?` mean what they mean to IAM,
/// and case doesn't matter.
fn covers(pattern: &str, action: &str) -> bool {
    fn glob(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
            (Some((one, rest)), Some((other, left))) => {
                (one == other || *one == b'?') && glob(rest, left)
            }
            _ => false,
        }
    }
    let [pattern, action] = [pattern, action].map(str::to_lowercase);
    glob(pattern.as_bytes(), action.as_bytes())
}

fn allows(statement: &Value, action: &str) -> bool {
    let patterns = listed(statement, "Action");
    patterns.iter().any(|pattern| covers(pattern, action))
}

fn judge_policy(patient: &Patient<'_>, key: &str, policy: &Value, findings: &mut Findings) {
    let before = findings.all.len();
    let statements = match &policy["Statement"] {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let with = |effect: &'static str| statements.iter().filter(move |it| it["Effect"] == effect);
    let region = patient.stack.aws.region();
    let needs = [
        Need {
            service: "events.amazonaws.com".to_owned(),
            actions: &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
            said: "the bus can't encrypt or decrypt: its events go to its dead letters",
        },
        Need {
            service: format!("logs.{region}.amazonaws.com"),
            actions: &[
                "kms:Decrypt",
                "kms:Encrypt",
                "kms:GenerateDataKey*",
                "kms:ReEncrypt*",
            ],
            said: "CloudWatch can't encrypt the functions' logs",
        },
    ];
    for Need {
        service,
        actions,
        said,
    } in needs
    {
        let of_service = |it: &&Value| {
            let services = listed(&it["Principal"], "Service");
            services.contains(&service.as_str()) || is_anyone(it)
        };
        let own: Vec<_> = with("Allow").filter(of_service).collect();
        let lacking: Vec<_> = actions
            .iter()
            .filter(|action| !own.iter().any(|it| allows(it, action)))
            .copied()
            .collect();
        if !lacking.is_empty() {
            let said = format!("{service} may not {}: {said}", lacking.join(", "));
            findings.coded(
                FindingLevel::Wrong,
                "key policy",
                code::KEY_POLICY,
                said,
                PAGE,
            );
            continue;
        }
        // It isn't documented which account EventBridge names when it sends to an encrypted queue.
        let free = |action: &str| {
            own.iter()
                .any(|it| it["Condition"].is_null() && allows(it, action))
        };
        let is_bus = service.starts_with("events.");
        if is_bus && !(free("kms:Decrypt") && free("kms:GenerateDataKey")) {
            let said = "events.amazonaws.com may use the key under a condition only: if it doesn't hold where a rule sends \
                        to a queue, every event goes to the rules' dead letters";
            findings.coded(
                FindingLevel::Look,
                "key policy",
                code::KEY_POLICY,
                said,
                PAGE,
            );
        }
    }
    let account = key.split(':').nth(4).unwrap_or_default();
    let to_account = |it: &&Value| {
        let names = listed(&it["Principal"], "AWS");
        let is_root = |name: &&str| *name == account || name.ends_with(&format!(":{account}:root"));
        (names.iter().any(is_root) || is_anyone(it)) && allows(it, "kms:Decrypt")
    };
    if !with("Allow").any(|it| to_account(&it)) {
        findings.coded(
            FindingLevel::Look,
            "key policy",
            code::KEY_POLICY,
            "it doesn't leave it to the account's IAM policies who may use the key: the functions' roles have theirs there",
            PAGE,
        );
    }
    let is_unread = |it: &Value| {
        it["Effect"] == "Deny"
            || ["NotAction", "NotPrincipal"]
                .iter()
                .any(|name| !it[*name].is_null())
    };
    if statements.iter().any(is_unread) {
        findings.unknown(
            "key policy",
            &Problem::failed(
                "it denies something, or excepts something, and whether that concerns this stack isn't known here",
            ),
        );
    }
    if findings.all.len() == before {
        findings.good(
            "key policy",
            "lets the bus, the logs and the account's roles use the key",
        );
    }
}

fn is_anyone(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    let named = ["AWS", "Service"].map(|kind| listed(principal, kind).contains(&"*"));
    *principal == "*" || named.contains(&true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k";

    #[test]
    fn actions_are_compared_as_iam_does() {
        for pattern in ["kms:*", "KMS:decrypt", "kms:De?rypt", "*", "kms:D*t"] {
            assert!(covers(pattern, "kms:Decrypt"), "{pattern}");
        }
        assert!(covers("kms:Generate*Key*", "kms:GenerateDataKey*"));
        assert!(!covers("kms:GenerateDataKey", "kms:GenerateDataKey*"));
        assert!(!covers("kms:Decrypt?", "kms:Decrypt"));
    }

    /// The statements of the page, as they stand there, with the administrator's before them.
    fn page() -> Value {
        let text = include_str!("../../../kms-key-policy.md");
        let json = text
            .split("```json")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let json = json.expect("statements").replace("<region>", "us-east-1");
        let mut statements: Value = serde_json::from_str(&json).expect("JSON");
        let root = json!({
            "Sid": "Account", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" },
            "Action": "kms:*", "Resource": "*",
        });
        statements.as_array_mut().expect("a list").insert(0, root);
        statements
    }

    fn judged(statements: Value) -> Vec<(FindingLevel, String)> {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let mut findings = Findings::of("encryption");
        let policy = json!({ "Statement": statements });
        judge_policy(&patient, KEY, &policy, &mut findings);
        let said = complaints(&findings).into_iter();
        said.map(|(level, _, said)| (level, said.to_owned()))
            .collect()
    }

    fn without(sid: &str) -> Vec<(FindingLevel, String)> {
        let mut statements = page();
        let all = statements.as_array_mut().expect("a list");
        let before = all.len();
        all.retain(|it| it["Sid"] != sid);
        assert_eq!(all.len(), before - 1, "{sid}");
        judged(statements)
    }

    #[test]
    fn the_pages_own_policy_is_good() {
        assert_eq!(judged(page()), []);
    }

    #[test]
    fn each_statement_that_a_service_needs_is_missed() {
        for (sid, level, word) in [
            (
                "EventsOnTheBus",
                FindingLevel::Wrong,
                "events.amazonaws.com may not kms:DescribeKey",
            ),
            (
                "EventsIntoQueues",
                FindingLevel::Look,
                "under a condition only",
            ),
            (
                "LogGroups",
                FindingLevel::Wrong,
                "logs.us-east-1.amazonaws.com may not",
            ),
            ("Account", FindingLevel::Look, "the account's IAM policies"),
        ] {
            let said = without(sid);
            assert_eq!(said.len(), 1, "{sid}: {said:?}");
            assert!(
                said[0].0 == level && said[0].1.contains(word),
                "{sid}: {said:?}"
            );
        }
    }

    #[test]
    fn a_denial_makes_it_unknown() {
        let mut statements = page();
        let deny =
            json!({ "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*" });
        statements.as_array_mut().expect("a list").push(deny);
        assert_eq!(judged(statements)[0].0, FindingLevel::Unknown);
    }

    #[test]
    fn a_key_that_is_not_enabled_is_wrong_with_the_command_that_brings_it_back() {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        for (state, command) in [
            ("Disabled", "aws kms enable-key"),
            ("PendingDeletion", "aws kms cancel-key-deletion"),
        ] {
            let mut findings = Findings::of("encryption");
            judge_key(&patient, KEY, &json!({ "KeyState": state }), &mut findings);
            assert_eq!(
                (findings.all[0].level, findings.all[0].code),
                (FindingLevel::Wrong, Some(code::KEY_UNUSABLE))
            );
            assert!(findings.all[0].fix.starts_with(command), "{findings:?}");
        }
    }
}
