//! Compares the operator's policy with the calls that the operator's program makes.

use std::collections::BTreeSet;

use sluice_template::operator::{allowed, calls};

#[test]
fn the_operators_policy_allows_what_the_program_calls_and_nothing_else() {
    let (allowed, calls) = (allowed(), calls());
    let missing: BTreeSet<_> = calls.difference(&allowed).collect();
    assert!(missing.is_empty(), "called and not allowed: {missing:?}");
    let idle: BTreeSet<_> = allowed.difference(&calls).collect();
    assert!(idle.is_empty(), "allowed and never called: {idle:?}");
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
