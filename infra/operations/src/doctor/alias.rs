//! The alias `live` of ingest and each domain: whether it is there, and whether it has what was deployed last.
//!
//! A deployment that doesn't reach the alias still reports success: the function has the new configuration, and events
//! go to the old one. So the two are compared, field by field and variable by variable, without showing a value.

use super::{FindingLevel, Findings, Patient};
use crate::code;
use crate::rollback::standing::{AliasState, standing};
use crate::versions::{self, LIVE};

pub(super) async fn look(patient: &Patient<'_>, findings: &mut Findings) {
    for (role, function) in &patient.stack.functions {
        let counts = versions::has_alias(role)
            && versions::is_versioned(&patient.described.parameters, role);
        if !counts {
            continue;
        }
        match standing(patient.stack, role, function).await {
            Err(problem) => findings.unknown(&subject(role), &problem),
            Ok(standing) => judge(patient, role, standing.as_ref(), findings),
        }
    }
}

fn subject(role: &str) -> String {
    format!("{role}:{LIVE}")
}

fn judge(
    patient: &Patient<'_>,
    role: &str,
    standing: Option<&AliasState>,
    findings: &mut Findings,
) {
    let subject = subject(role);
    let Some(standing) = standing else {
        let said = "the alias that its events go to is gone: none comes in";
        findings.coded(
            FindingLevel::Wrong,
            &subject,
            code::ALIAS_MISSING,
            said,
            patient.deploy(""),
        );
        return;
    };
    if !standing.alias.weighted.is_empty() {
        let said = format!(
            "a part of the deliveries goes to version {}: a canary is in progress",
            standing.alias.weighted.join(", ")
        );
        findings.look(&subject, said, "wait until the deployment has ended");
        return;
    }
    let Some(said) = standing.said(role) else {
        let said = format!(
            "version {}, which was deployed last",
            standing.alias.version
        );
        findings.good(&subject, said);
        return;
    };
    match &standing.moved {
        // An operator put it there, which may be meant so.
        Some(_) => {
            let next = match &standing.deployed {
                Some(version) => {
                    patient.sluice(&format!("rollback {role} --to {version} --why … --yes"))
                }
                None => patient.deploy(""),
            };
            findings.coded(
                FindingLevel::Look,
                &subject,
                code::ALIAS_ROLLED_BACK,
                said,
                next,
            );
        }
        None => findings.coded(
            FindingLevel::Wrong,
            &subject,
            code::ALIAS_DIFFERS,
            said,
            patient.deploy(""),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;
    use crate::rollback::record::Move;
    use crate::rollback::record::tests::moved;
    use crate::stack::Stack;
    use crate::versions::{Alias, Difference};

    fn standing(differs: bool, moved: Option<Move>) -> AliasState {
        let difference = Difference {
            what: "variable ENDPOINTS".to_owned(),
            change: "changed".to_owned(),
        };
        AliasState {
            alias: Alias {
                version: "12".to_owned(),
                revision_id: "r".to_owned(),
                weighted: Vec::new(),
            },
            differences: if differs {
                vec![difference]
            } else {
                Vec::new()
            },
            deployed: Some("13".to_owned()),
            moved,
        }
    }

    fn judged(standing: Option<&AliasState>) -> (Vec<(FindingLevel, String)>, Vec<Option<Code>>) {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let mut findings = Findings::of("functions");
        judge(&patient, "payments", standing, &mut findings);
        let said = complaints(&findings).into_iter();
        let said = said
            .map(|(level, _, said)| (level, said.to_owned()))
            .collect();
        (said, findings.all.iter().map(|it| it.code).collect())
    }

    #[test]
    fn an_alias_that_has_what_was_deployed_last_is_good() {
        assert_eq!(judged(Some(&standing(false, None))), (vec![], vec![None]));
    }

    #[test]
    fn an_alias_that_a_deployment_did_not_reach_is_wrong_with_the_names_of_what_differs() {
        let (said, codes) = judged(Some(&standing(true, None)));
        let [(level, said)] = &said[..] else {
            panic!("{said:?}");
        };
        assert_eq!(
            (*level, codes),
            (FindingLevel::Wrong, vec![Some(code::ALIAS_DIFFERS)])
        );
        assert_eq!(
            said,
            "payments runs version 12, the last deployed is 13: no rollback is recorded; they differ in variable ENDPOINTS"
        );
    }

    #[test]
    fn an_alias_that_was_rolled_back_is_worth_a_look_with_who_and_why() {
        let (said, codes) = judged(Some(&standing(true, Some(moved("13", "12")))));
        assert_eq!(codes, [Some(code::ALIAS_ROLLED_BACK)]);
        assert_eq!(
            said,
            [(
                FindingLevel::Look,
                "payments runs version 12, the last deployed is 13: rolled back from 13 to 12 at 2026-11-30T12:00:00Z by me because: \
                 it rejects refunds"
                    .to_owned()
            )]
        );
    }

    #[test]
    fn an_alias_that_is_gone_is_wrong_and_a_canary_in_progress_worth_a_look() {
        let (said, codes) = judged(None);
        assert_eq!(
            (said[0].0, codes),
            (FindingLevel::Wrong, vec![Some(code::ALIAS_MISSING)])
        );
        let mut canary = standing(true, None);
        canary.alias.weighted = vec!["14".to_owned()];
        assert_eq!(judged(Some(&canary)).0[0].0, FindingLevel::Look);
    }
}
