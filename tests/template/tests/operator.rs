//! Compares the operator's policy with the calls that the operator's program makes.

use std::collections::BTreeSet;

use sluice_template::operator::{allowed, calls, scanning};

#[test]
fn the_operators_policy_allows_what_the_program_calls_and_nothing_else() {
    let (allowed, calls) = (allowed(), calls());
    let missing: BTreeSet<_> = calls.difference(&allowed).collect();
    assert!(missing.is_empty(), "called and not allowed: {missing:?}");
    let idle: BTreeSet<_> = allowed.difference(&calls).collect();
    assert!(idle.is_empty(), "allowed and never called: {idle:?}");
}

/// An erasure looks at each body of the ledger and each projection, a rebuild at each projection. Outcomes are read by
/// key and by index.
#[test]
fn nothing_but_an_erasure_and_what_lists_a_domains_objects_reads_a_whole_table() {
    let known = ["erase.rs", "projections.rs"].map(str::to_owned);
    assert_eq!(scanning(), BTreeSet::from(known));
}

#[test]
fn calls_of_every_manner_are_found() {
    let calls = calls();
    for call in [
        "cloudwatch:GetMetricData",
        "dynamodb:BatchWriteItem",
        "dynamodb:DescribeTimeToLive",
        "events:PutEvents",
        "kms:GetKeyPolicy",
        "lambda:GetAccountSettings",
        "lambda:GetAlias",
        "lambda:InvokeFunction",
        "lambda:UpdateAlias",
        "scheduler:GetSchedule",
        "secretsmanager:PutSecretValue",
        "sqs:SendMessage",
    ] {
        assert!(calls.contains(call), "{call}");
    }
}
