//! Whether reconcile reads the list that Stripe has the events in: snapshots, or thin events.

use std::collections::{BTreeMap, BTreeSet};

use sluice_kernel::delivery::endpoint::{Endpoint, Payload};

use super::{Findings, Patient};

/// Judges by the types that came in lately, and by those that reconcile is configured to look for.
pub(super) fn judge(
    patient: &Patient<'_>,
    endpoints: &BTreeMap<String, Endpoint>,
    came_in: &BTreeSet<String>,
    expected: &[String],
    findings: &mut Findings,
) {
    // The smoke test's endpoint isn't Stripe's.
    let stripes = || endpoints.iter().filter(|(name, _)| *name != "smoke");
    if stripes().next().is_none() {
        return;
    }
    for (payload, name) in [(Payload::Snapshot, "snapshot"), (Payload::Thin, "thin")] {
        let is_configured = stripes().any(|(_, one)| one.payload == payload);
        let of_payload = |kind: &str| Payload::of(kind) == payload;
        if !is_configured && came_in.iter().any(|kind| of_payload(kind)) {
            findings.look(
                "payload",
                format!("{name} events come in, and no endpoint says that it is sent any: reconcile doesn't look for those that are lost"),
                patient.deploy(&format!(r#"Endpoints={{…,"<name>":{{…,"payload":"{name}"}}}}"#)),
            );
        }
        let is_expected = expected.iter().any(|kind| kind == "*" || of_payload(kind));
        if is_configured && !is_expected {
            findings.wrong(
                "SubscribedTypes",
                format!("an endpoint is sent {name} events, and reconcile looks for no type of them: one that is lost stays lost"),
                match payload {
                    Payload::Thin => patient.deploy("SubscribedTypes=…,v1.…"),
                    Payload::Snapshot => patient.deploy("SubscribedTypes=…"),
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_kernel::delivery::endpoint::AccountScope;

    use super::*;
    use crate::stack::Described;

    use crate::doctor::FindingLevel;
    use crate::stack::Stack;

    #[test]
    fn events_of_a_payload_that_no_endpoint_is_configured_for_are_worth_a_look() {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let judged = |payloads: &[Payload], came_in: &[&str], expected: &str| {
            let endpoints = payloads.iter().enumerate().map(|(n, payload)| {
                let endpoint = Endpoint {
                    payload: *payload,
                    ..Endpoint::of(AccountScope::Both, true)
                };
                (format!("endpoint-{n}"), endpoint)
            });
            let came_in = came_in.iter().map(|kind| (*kind).to_owned()).collect();
            let mut findings = Findings::of("Stripe");
            let (endpoints, expected) = (endpoints.collect(), [expected.to_owned()]);
            judge(&patient, &endpoints, &came_in, &expected, &mut findings);
            findings
        };
        let (snapshot, thin) = (Payload::Snapshot, Payload::Thin);
        let both = ["charge.failed", "v2.core.account.closed"];
        assert_eq!(judged(&[snapshot, thin], &both, "*").all, []);
        assert_eq!(judged(&[snapshot], &["charge.failed"], "charge.*").all, []);
        assert_eq!(judged(&[], &both, "charge.*").all, []);
        let unseen = judged(&[snapshot], &both, "*");
        assert_eq!(unseen.all[0].level, FindingLevel::Look);
        assert!(
            unseen.all[0].fix.contains(r#""payload":"thin""#),
            "{unseen:?}"
        );
        assert_eq!(judged(&[thin], &both, "*").all[0].level, FindingLevel::Look);
        let unexpected = judged(&[snapshot, thin], &[], "charge.*");
        assert_eq!(
            (unexpected.all.len(), unexpected.all[0].level),
            (1, FindingLevel::Wrong)
        );
        assert_eq!(
            judged(&[thin], &[], "charge.*").all[0].level,
            FindingLevel::Wrong
        );
    }
}
