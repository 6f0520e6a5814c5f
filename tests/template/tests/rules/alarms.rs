//! Alarms and the dashboard, each broken.

use serde_json::json;

use crate::breaking::{Case, at, without};

pub(crate) const CASES: &[Case] = &[
    (
        "alarm_texts",
        |t| {
            at(t, "SweepSilentAlarm")["AlarmDescription"] =
                json!("See infra/runbooks/sweep.sleepy.md");
        },
        "no page that is there",
    ),
    (
        "alarm_texts",
        |t| at(t, "SweepSilentAlarm")["AlarmDescription"] = json!("Look."),
        "SweepSilentAlarm",
    ),
    (
        "alarm_texts",
        |t| without(at(t, "SweepSilentAlarm"), "TreatMissingData"),
        "SweepSilentAlarm",
    ),
    (
        "alarm_texts",
        |t| at(t, "SweepSilentAlarm")["AlarmActions"] = json!(["arn:aws:sns:us-east-1:1:x"]),
        "AlarmTopicArn",
    ),
    (
        "alarm_queues",
        |t| without(&mut t["Resources"], "BillingDeadLettersAlarm"),
        "BillingDeadLetters",
    ),
    (
        "alarm_queues",
        |t| without(&mut t["Resources"], "BillingBehindAlarm"),
        "BillingQueue",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "BillingRejectedAlarm"),
        "billing",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "BillingRuleAlarm"),
        "BillingRule",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestErrorsAlarm"),
        "Errors",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestThrottledAlarm"),
        "Throttles",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestSlowAlarm"),
        "Duration",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestRefusalsAlarm"),
        "refused",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestUnverifiedAlarm"),
        "no signature",
    ),
    (
        "alarm_coverage",
        |t| at(t, "IngestUnverifiedAlarm")["DatapointsToAlarm"] = json!(1),
        "at one period",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestWaitingAlarm"),
        "endpoint's configuration",
    ),
    (
        "alarm_coverage",
        |t| at(t, "SweepSilentAlarm")["TreatMissingData"] = json!("notBreaching"),
        "sweep is silent",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "ReconcileSilentAlarm"),
        "reconcile is silent",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "SweepBehindAlarm"),
        "due_age_s",
    ),
    (
        "dashboard",
        |t| at(t, "Dashboard")["DashboardBody"]["Fn::Sub"] = json!("{"),
        "no JSON",
    ),
    (
        "dashboard",
        |t| at(t, "SweepSilentAlarm")["AlarmName"]["Fn::Sub"] = json!("${AWS::StackName}-other"),
        "SweepSilentAlarm",
    ),
    (
        "alarm_texts",
        |t| at(t, "SweepSilentAlarm")["OKActions"] = json!(["arn:aws:sns:us-east-1:1:x"]),
        "OKActions",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestUnavailableAlarm"),
        "5xx",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "ClaimConflictAlarm"),
        "claim.conflict",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "ReconcileMissingAlarm"),
        "reconcile.missing",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "ReconcileGapAlarm"),
        "reconcile.gap",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "ReconcileBehindAlarm"),
        "reconcile.behind",
    ),
    (
        "alarm_queues",
        |t| without(&mut t["Resources"], "ScheduleDeadLettersAlarm"),
        "ScheduleDeadLetters",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"]["IngestSilentAlarm"], "Condition"),
        "SteadyType",
    ),
    (
        "alarm_coverage",
        |t| at(t, "IngestSlowAlarm")["ExtendedStatistic"] = json!("p50"),
        "slowest hundredth",
    ),
    (
        "dashboard",
        |t| without(&mut t["Resources"], "Dashboard"),
        "no dashboard",
    ),
    (
        "dashboard",
        |t| without(&mut t["Resources"], "SweepSilentAlarm"),
        "which isn't there",
    ),
    (
        "alarm_consumers",
        |t| without(&mut t["Resources"], "BillingErrorsAlarm"),
        "Errors",
    ),
    (
        "alarm_consumers",
        |t| without(&mut t["Resources"], "BillingThrottledAlarm"),
        "Throttles",
    ),
    (
        "alarm_consumers",
        |t| without(&mut t["Resources"], "BillingFailingAlarm"),
        "receives",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "BillingRuleRetriesAlarm"),
        "RetryInvocationAttempts",
    ),
    (
        "alarm_losses",
        |t| without(&mut t["Resources"], "BillingRuleLostAlarm"),
        "InvocationsFailedToBeSentToDlq",
    ),
    (
        "alarm_coverage",
        |t| without(&mut t["Resources"], "IngestFailedAlarm"),
        "failed",
    ),
    (
        "alarm_queues",
        |t| without(&mut t["Resources"], "BusDeadLettersAlarm"),
        "BusDeadLetters",
    ),
    (
        "alarm_coverage",
        |t| {
            let dimensions = &mut at(t, "BillingRuleAlarm")["Dimensions"];
            dimensions.as_array_mut().expect("dimensions").remove(0);
        },
        "BillingRule: no alarm is about FailedInvocations",
    ),
];
