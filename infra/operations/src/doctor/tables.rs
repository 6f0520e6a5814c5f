//! The tables: whether they can be restored to any second, delete what is old, and are protected from deletion.

use serde_json::{Value, json};

use super::{Findings, Patient};
use crate::problem::Problem;

/// The tables whose items expire, and the attribute that says when.
const EXPIRING: [&str; 2] = ["ledger", "outcomes"];
const EXPIRES_AT: &str = "expires_at";

/// A table as DynamoDB describes it, in its three answers.
struct Described {
    table: Value,
    backups: Value,
    expiry: Value,
}

pub(super) async fn look(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("tables");
    for (role, name) in &patient.stack.tables {
        match described(patient, name).await {
            Err(problem) => findings.unknown(role, &problem),
            Ok(described) => judge(patient, role, name, &described, &mut findings),
        }
    }
    findings
}

async fn described(patient: &Patient<'_>, name: &str) -> Result<Described, Problem> {
    let input = json!({ "TableName": name });
    let ask = async |target: &str| patient.stack.aws.json(target, &input).await;
    Ok(Described {
        table: ask("DynamoDB_20120810.DescribeTable").await?["Table"].take(),
        backups: ask("DynamoDB_20120810.DescribeContinuousBackups").await?["ContinuousBackupsDescription"].take(),
        expiry: ask("DynamoDB_20120810.DescribeTimeToLive").await?["TimeToLiveDescription"].take(),
    })
}

fn judge(
    patient: &Patient<'_>,
    role: &str,
    name: &str,
    described: &Described,
    findings: &mut Findings,
) {
    let before = findings.all.len();
    let Described {
        table,
        backups,
        expiry,
    } = described;
    let status = table["TableStatus"].as_str().unwrap_or_default();
    if !["ACTIVE", "UPDATING"].contains(&status) {
        findings.wrong(role, format!("the table is {status}"), "");
    }
    for index in table["GlobalSecondaryIndexes"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let status = index["IndexStatus"].as_str().unwrap_or("ACTIVE");
        if status != "ACTIVE" {
            let index = index["IndexName"].as_str().unwrap_or_default();
            findings.look(
                role,
                format!("its index {index} is {status}: what is read through it is incomplete"),
                "",
            );
        }
    }
    let in_time = &backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"];
    if in_time != "ENABLED" {
        findings.wrong(
            role,
            "it can't be put back to a moment of the past",
            patient.aws(&format!(
                "dynamodb update-continuous-backups --table-name {name} \
                 --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
            )),
        );
    }
    if EXPIRING.contains(&role) {
        let is_on = ["ENABLED", "ENABLING"]
            .iter()
            .any(|status| expiry["TimeToLiveStatus"] == *status);
        if !is_on || expiry["AttributeName"] != EXPIRES_AT {
            findings.wrong(
                role,
                "what is old is never deleted: it costs, and personal data is kept",
                patient.aws(&format!(
                    "dynamodb update-time-to-live --table-name {name} \
                     --time-to-live-specification Enabled=true,AttributeName={EXPIRES_AT}"
                )),
            );
        }
    }
    if takes_live_events(patient) && table["DeletionProtectionEnabled"] != true {
        findings.look(
            role,
            "it holds live events, and isn't protected from deletion",
            patient.deploy("DeletionProtection=true"),
        );
    }
    if findings.all.len() == before {
        findings.good(role, "active, recoverable, and forgets what is old");
    }
}

/// Whether an endpoint takes live events.
fn takes_live_events(patient: &Patient<'_>) -> bool {
    let endpoints = patient.parameter("Endpoints").unwrap_or_default();
    let endpoints: Value = serde_json::from_str(endpoints).unwrap_or_default();
    let mut all = endpoints.as_object().into_iter().flatten();
    all.any(|(_, endpoint)| endpoint["livemode"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::FindingLevel;
    use crate::doctor::tests::complaints;
    use crate::stack::{self, Stack};

    fn judged(
        role: &str,
        endpoints: &str,
        change: impl Fn(&mut Described),
    ) -> Vec<(FindingLevel, String)> {
        let stack = Stack::for_tests();
        let mut described = stack::Described::default();
        let parameter = ("Endpoints".to_owned(), endpoints.to_owned());
        described.parameters.extend([parameter]);
        let patient = Patient {
            stack: &stack,
            described,
        };
        let status = json!({ "PointInTimeRecoveryStatus": "ENABLED" });
        let mut described = Described {
            table: json!({ "TableStatus": "ACTIVE" }),
            backups: json!({ "PointInTimeRecoveryDescription": status }),
            expiry: json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at" }),
        };
        change(&mut described);
        let mut findings = Findings::of("tables");
        judge(&patient, role, "s-t", &described, &mut findings);
        let said = complaints(&findings).into_iter();
        said.map(|(level, _, said)| (level, said.to_owned()))
            .collect()
    }

    #[test]
    fn a_table_without_recovery_or_expiry_is_wrong_where_it_needs_them() {
        let test = r#"{"platform":{"scope":"platform","livemode":false}}"#;
        assert_eq!(judged("ledger", test, |_| {}), []);
        let without = |role| {
            judged(role, test, |described| {
                described.backups = Value::Null;
                described.expiry = json!({ "TimeToLiveStatus": "DISABLED" });
            })
        };
        assert_eq!(without("ledger").len(), 2);
        // Projections don't expire.
        assert_eq!(without("payments").len(), 1);
        let other = judged("outcomes", test, |described| {
            described.expiry["AttributeName"] = json!("ttl");
        });
        assert_eq!(other[0].0, FindingLevel::Wrong);
    }

    #[test]
    fn live_events_want_a_table_that_refuses_to_be_deleted() {
        let live = r#"{"platform":{"scope":"platform","livemode":true}}"#;
        assert_eq!(judged("payments", live, |_| {})[0].0, FindingLevel::Look);
        let protected = judged("payments", live, |described| {
            described.table["DeletionProtectionEnabled"] = json!(true);
        });
        assert_eq!(protected, []);
    }
}
