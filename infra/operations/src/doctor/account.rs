//! The account: whether Lambda may run enough copies of all functions at once.
//!
//! All functions of a Region share one limit, which is far lower in a new account than in an old one. Domains that
//! catch up can use all of it. Then Lambda refuses ingest, and Stripe's deliveries fail.

use crate::code;
use serde_json::Value;

use super::{FindingLevel, Findings, Patient};

/// How many copies are kept free for ingest, sweep, reconcile and other functions of the account.
const SPARE: u64 = 50;

/// The lowest limit of copies that an event source mapping can have.
const CONCURRENCY_MIN: u64 = 2;

/// What a domain's queue may use if the stack doesn't say it: the template's default.
const CONCURRENCY_DEFAULT: u64 = 10;

pub(super) async fn look(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("account");
    let path = "/2016-08-19/account-settings/";
    match patient.stack.aws.get("lambda", path).await {
        Err(problem) => findings.unknown("concurrency", &problem),
        Ok(settings) => judge(patient, &settings, &mut findings),
    }
    findings
}

fn judge(patient: &Patient<'_>, settings: &Value, findings: &mut Findings) {
    let Some(limit) = settings["AccountLimit"]["ConcurrentExecutions"].as_u64() else {
        return;
    };
    let number = |name: &str| {
        patient
            .parameter(name)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let concurrency = number("MaximumConcurrency").unwrap_or(CONCURRENCY_DEFAULT);
    // A domain whose concurrency is reserved runs no more copies than that.
    let each = match number("DomainReservedConcurrency") {
        None | Some(0) => concurrency,
        Some(reserved) => concurrency.min(reserved),
    };
    let domains = patient.stack.domains().count() as u64;
    let needed = domains * each + SPARE;
    if limit >= needed {
        findings.good(
            "concurrency",
            format!("{limit} copies of all functions, {needed} of them for a busy stack"),
        );
        return;
    }
    let possible = limit.saturating_sub(SPARE) / domains.max(1);
    findings.coded(
        FindingLevel::Look,
        "concurrency",
        code::CONCURRENCY_LOW,
        format!(
            "the account runs {limit} copies of all its functions; {domains} domains of {each} and {SPARE} to spare are \
             {needed}: when the queues catch up, ingest may be refused"
        ),
        format!(
            "ask AWS for more (Service Quotas, Lambda, \"Concurrent executions\"); until then {}",
            patient.deploy(&format!("MaximumConcurrency={}", possible.max(CONCURRENCY_MIN)))
        ),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    /// The copies that a stack of all domains needs if each domain runs `each`.
    fn needed(each: u64) -> u64 {
        sluice_domains::ALL.len() as u64 * each + SPARE
    }

    fn judged(limit: u64, parameters: &[(&str, &str)]) -> Findings {
        let mut stack = Stack::for_tests();
        for domain in sluice_domains::ALL {
            stack.tables.insert(domain.to_owned(), domain.to_owned());
            stack.queues.insert(domain.to_owned(), domain.to_owned());
        }
        let mut described = Described::default();
        let pairs = parameters.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        described.parameters.extend(pairs);
        let patient = Patient {
            stack: &stack,
            described,
        };
        let settings = json!({ "AccountLimit": { "ConcurrentExecutions": limit } });
        let mut findings = Findings::of("account");
        judge(&patient, &settings, &mut findings);
        findings
    }

    #[test]
    fn an_account_that_runs_too_few_copies_for_all_queues_is_worth_a_look() {
        let enough = needed(CONCURRENCY_DEFAULT);
        assert_eq!(complaints(&judged(10 * enough, &[])), []);
        assert_eq!(complaints(&judged(enough, &[])), []);
        let few = judged(enough - 1, &[]);
        assert_eq!(complaints(&few).len(), 1);
        assert_eq!(
            (few.all[0].level, few.all[0].code),
            (FindingLevel::Look, Some(code::CONCURRENCY_LOW))
        );
        assert!(few.all[0].fix.contains("MaximumConcurrency=9"), "{few:?}");
    }

    #[test]
    fn the_stacks_own_parameters_say_how_many_are_needed() {
        let enough = needed(10);
        let asks_for_more = [("MaximumConcurrency", "100")];
        assert_eq!(complaints(&judged(enough, &asks_for_more)).len(), 1);
        let reserved = [
            ("MaximumConcurrency", "100"),
            ("DomainReservedConcurrency", "10"),
        ];
        assert_eq!(complaints(&judged(enough, &reserved)), []);
    }

    #[test]
    fn a_new_accounts_limit_asks_for_the_lowest_concurrency_there_is() {
        let new = judged(10, &[]);
        assert!(new.all[0].fix.contains("MaximumConcurrency=2"), "{new:?}");
    }
}
