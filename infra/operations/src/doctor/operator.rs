//! The operator: what they may do here, and whether their clock is right.
//!
//! IAM is asked for every statement of infra/operations/operator-policy.json, so nothing has to be tried. An operator
//! who may not ask IAM sees what the other areas were refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Findings, Patient};
use crate::problem::Problem;
use crate::xml::{List, list};

const IAM: &str = "2010-05-08";

/// The permissions that the program takes.
const POLICY: &str = include_str!("../../operator-policy.json");

/// A clock that is further off than this shows wrong times, and signs what AWS refuses at five minutes.
const SKEW_MS_MAX: i64 = 5_000;

pub(super) async fn look(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("operator");
    let arn = match patient.stack.aws.caller().await {
        Err(problem) => {
            findings.unknown("who", &problem);
            return findings;
        }
        Ok((arn, ahead_ms)) => {
            findings.good("who", arn.clone());
            judge_clock(ahead_ms, &mut findings);
            arn
        }
    };
    match principal(&arn) {
        None => findings.good("permissions", "the account's root may do everything"),
        Some(principal) => match denied(patient, &with_path(patient, principal).await).await {
            // All roles of IAM Identity Center have a path: without the path IAM doesn't know the name.
            Err(problem) if is_unknown(&problem) => findings.look(
                "permissions",
                "can't be asked for: your role has a path, which only iam:GetRole says (so it is with every role of single sign-on)",
                "allow iam:GetRole on your own role, as infra/operations/operator-policy.json does",
            ),
            Err(problem) if problem.is_denied() => findings.look(
                "permissions",
                "can't be asked for: what was refused above is all that is known",
                "allow iam:SimulatePrincipalPolicy on yourself, as infra/operations/operator-policy.json does",
            ),
            Err(problem) => findings.unknown("permissions", &problem),
            Ok(denied) => judge_permissions(&denied, &mut findings),
        },
    }
    findings
}

fn judge_clock(ahead_ms: Option<i64>, findings: &mut Findings) {
    match ahead_ms {
        Some(ms) if ms.abs() > SKEW_MS_MAX => findings.look(
            "clock",
            format!("this machine's clock is {} s off AWS's", ms / 1_000),
            "set it: timedatectl set-ntp true",
        ),
        Some(_) => findings.good("clock", "within seconds of AWS's"),
        None => {}
    }
}

/// The user or role that the policies belong to; none for the account's root.
fn principal(arn: &str) -> Option<String> {
    if arn.ends_with(":root") {
        return None;
    }
    // arn:aws:sts::1:assumed-role/Name/session: the role's path isn't in there.
    let Some((head, rest)) = arn.split_once(":assumed-role/") else {
        return Some(arn.to_owned());
    };
    let role = rest.split('/').next().unwrap_or_default();
    Some(format!("{}:role/{role}", head.replace(":sts:", ":iam:")))
}

/// The same role with its path, which its session's ARN lacks. It is returned as it is if it may not be looked up.
async fn with_path(patient: &Patient<'_>, principal: String) -> String {
    let Some((_, name)) = principal.split_once(":role/") else {
        return principal;
    };
    let fields = [("RoleName".to_owned(), name.to_owned())];
    let answer: Result<Role, Problem> =
        patient.stack.aws.form("iam", IAM, "GetRole", &fields).await;
    answer.map_or(principal, |answer| answer.result.role.arn)
}

/// The answer to `GetRole`.
#[derive(Debug, Deserialize)]
struct Role {
    #[serde(rename = "GetRoleResult")]
    result: RoleResult,
}

#[derive(Debug, Deserialize)]
struct RoleResult {
    #[serde(rename = "Role")]
    role: Named,
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "Arn")]
    arn: String,
}

/// Whether IAM doesn't know this ARN.
fn is_unknown(problem: &Problem) -> bool {
    problem.to_string().contains("NoSuchEntity")
}

/// The statements of the policy that aren't all allowed, each with the actions that aren't.
async fn denied(
    patient: &Patient<'_>,
    principal: &str,
) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    let policy: Value = serde_json::from_str(POLICY).map_err(Problem::failed)?;
    let mut denied = BTreeMap::new();
    for statement in policy["Statement"].as_array().into_iter().flatten() {
        let texts = |field: &str| -> Vec<String> {
            let listed = match &statement[field] {
                Value::Array(all) => all.as_slice(),
                one => std::slice::from_ref(one),
            };
            listed
                .iter()
                .filter_map(|text| text.as_str().map(str::to_owned))
                .collect()
        };
        let resources = texts("Resource");
        let Some(resource) = resources
            .iter()
            .find_map(|it| filled(patient, principal, it))
        else {
            // A resource that this stack doesn't have, such as a key of its own.
            continue;
        };
        let mut fields = vec![
            ("PolicySourceArn".to_owned(), principal.to_owned()),
            ("ResourceArns.member.1".to_owned(), resource),
        ];
        for (n, action) in texts("Action").into_iter().enumerate() {
            fields.push((format!("ActionNames.member.{}", n + 1), action));
        }
        let answer: Simulated = patient
            .stack
            .aws
            .form("iam", IAM, "SimulatePrincipalPolicy", &fields)
            .await?;
        let refused = answer.refused();
        if !refused.is_empty() {
            let name = statement["Sid"].as_str().unwrap_or_default();
            denied.insert(name.to_owned(), refused);
        }
    }
    Ok(denied)
}

/// A resource of the policy for this stack: a placeholder becomes the beginning of the name.
fn filled(patient: &Patient<'_>, principal: &str, resource: &str) -> Option<String> {
    let account = principal.split(':').nth(4)?;
    let output = |name: &str| patient.described.outputs.get(name).map(String::as_str);
    let secret = |value: &str| match value.starts_with("arn:") {
        true => value.to_owned(),
        false => format!(
            "arn:aws:secretsmanager:{}:{account}:secret:{value}",
            patient.stack.aws.region()
        ),
    };
    match resource {
        "*" => return Some(resource.to_owned()),
        "THE ARN OF THE PARAMETER ApiKeySecretArn" => {
            return patient.parameter("ApiKeySecretArn").map(secret);
        }
        "THE ARN OF THE PARAMETER KmsKeyArn" => {
            return patient.parameter("KmsKeyArn").map(str::to_owned);
        }
        "THE ARN OF THE OUTPUT SecretId" => return output("SecretId").map(secret),
        "YOUR OWN ARN" => return Some(principal.to_owned()),
        _ => {}
    }
    let filled = resource
        .replace("REGION", patient.stack.aws.region())
        .replace("ACCOUNT", account)
        .replace("STACK", &patient.stack.name);
    // IAM judges a name, and not a pattern: any name that fits will do.
    Some(filled.replace("-*", "-ledger").replace('*', "any"))
}

/// The answer to `SimulatePrincipalPolicy`.
#[derive(Debug, Deserialize)]
struct Simulated {
    #[serde(rename = "SimulatePrincipalPolicyResult")]
    result: Evaluated,
}

#[derive(Debug, Deserialize)]
struct Evaluated {
    #[serde(rename = "EvaluationResults", default = "list")]
    results: List<Evaluation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Evaluation {
    eval_action_name: String,
    eval_decision: String,
}

impl Simulated {
    /// The actions that aren't allowed.
    fn refused(self) -> Vec<String> {
        let all = self.result.results.member.into_iter();
        all.filter(|one| one.eval_decision != "allowed")
            .map(|one| one.eval_action_name)
            .collect()
    }
}

fn judge_permissions(denied: &BTreeMap<String, Vec<String>>, findings: &mut Findings) {
    if denied.is_empty() {
        findings.good(
            "permissions",
            "all of infra/operations/operator-policy.json",
        );
    }
    for (statement, actions) in denied {
        findings.look(
            "permissions",
            format!("{statement}: you may not {}", actions.join(", ")),
            format!("the statement {statement} of infra/operations/operator-policy.json allows it, if you need it"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    #[test]
    fn the_principal_of_an_assumed_role_is_the_role() {
        let role = principal("arn:aws:sts::123:assumed-role/Operator/me@example.com");
        assert_eq!(role.as_deref(), Some("arn:aws:iam::123:role/Operator"));
        let user = "arn:aws:iam::123:user/me";
        assert_eq!(principal(user).as_deref(), Some(user));
        assert_eq!(principal("arn:aws:iam::123:root"), None);
    }

    #[test]
    fn a_role_of_single_sign_on_is_looked_up_with_its_path() {
        let path = "aws-reserved/sso.amazonaws.com/eu-west-1";
        let xml = format!(
            "<GetRoleResponse><GetRoleResult><Role><Path>/{path}/</Path><Arn>arn:aws:iam::123:role/{path}/AWSReservedSSO_Op_1\
             </Arn></Role></GetRoleResult></GetRoleResponse>"
        );
        let found: Role = crate::xml::read("GetRole", &xml).expect("it is read");
        assert_eq!(
            found.result.role.arn,
            "arn:aws:iam::123:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Op_1"
        );
        let unknown = Problem::failed("SimulatePrincipalPolicy: 404 <Code>NoSuchEntity</Code>");
        assert!(is_unknown(&unknown) && !is_unknown(&Problem::failed("403 AccessDenied")));
    }

    #[test]
    fn what_iam_does_not_allow_is_named_by_statement() {
        let xml = "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>\
            <member><EvalActionName>sqs:SendMessage</EvalActionName><EvalDecision>implicitDeny</EvalDecision></member>\
            <member><EvalActionName>sqs:GetQueueAttributes</EvalActionName><EvalDecision>allowed</EvalDecision></member>\
            </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>";
        let answer: Simulated =
            crate::xml::read("SimulatePrincipalPolicy", xml).expect("it is read");
        let refused = answer.refused();
        assert_eq!(refused, ["sqs:SendMessage"]);
        let mut findings = Findings::of("operator");
        judge_permissions(
            &BTreeMap::from([("DeadLetters".to_owned(), refused)]),
            &mut findings,
        );
        assert!(
            complaints(&findings)[0]
                .2
                .contains("DeadLetters: you may not sqs:SendMessage")
        );
    }

    #[test]
    fn every_resource_of_the_policy_is_understood() {
        let mut stack = Stack::for_tests();
        stack.name = "sluice-prod".to_owned();
        let mut described = Described::default();
        for (name, value) in [
            ("ApiKeySecretArn", "arn:aws:secretsmanager:r:1:secret:k"),
            ("KmsKeyArn", "arn:aws:kms:r:1:key/k"),
        ] {
            let parameter = (name.to_owned(), value.to_owned());
            described.parameters.extend([parameter]);
        }
        described.outputs.insert(
            "SecretId".to_owned(),
            "arn:aws:secretsmanager:r:1:secret:s".to_owned(),
        );
        let patient = Patient {
            stack: &stack,
            described,
        };
        let policy: Value = serde_json::from_str(POLICY).expect("JSON");
        for statement in policy["Statement"].as_array().expect("statements") {
            let listed = match &statement["Resource"] {
                Value::Array(all) => all.as_slice(),
                one => std::slice::from_ref(one),
            };
            for resource in listed {
                let text = resource.as_str().expect("a text");
                let arn = filled(&patient, "arn:aws:iam::123:user/me", text).expect("filled");
                assert!(arn == "*" || arn.starts_with("arn:"), "{text}: {arn}");
                assert!(!arn.contains("STACK") && !arn.contains("ACCOUNT"), "{arn}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_seconds_off_is_worth_a_look() {
        let judged = |ahead_ms| {
            let mut findings = Findings::of("operator");
            judge_clock(ahead_ms, &mut findings);
            complaints(&findings).len()
        };
        assert_eq!([Some(900), Some(-60_000), None].map(judged), [0, 1, 0]);
    }
}
