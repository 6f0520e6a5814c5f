//! Queues, rules of the bus, tables, logs, the archive, names and keys, each broken.

use serde_json::json;

use crate::breaking::{Case, at, without};

pub(crate) const CASES: &[Case] = &[
    (
        "visibility",
        |t| t["Parameters"]["QueueVisibilitySeconds"]["Default"] = json!(180),
        "6 x 30",
    ),
    (
        "visibility",
        |t| t["Parameters"]["DomainTimeoutSeconds"]["Default"] = json!(60),
        "6 x 60",
    ),
    (
        "batches",
        |t| without(at(t, "BillingMapping"), "FunctionResponseTypes"),
        "BillingMapping",
    ),
    (
        "batches",
        |t| t["Parameters"]["MaximumConcurrency"]["Default"] = json!(1),
        "at least 2",
    ),
    (
        "batches",
        |t| without(at(t, "ConnectMapping"), "ScalingConfig"),
        "ConnectMapping",
    ),
    (
        "batches",
        |t| {
            t["Parameters"]["BatchSize"]["Default"] = json!(100);
            t["Parameters"]["BatchWindowSeconds"]["Default"] = json!(0);
        },
        "window of 1 s",
    ),
    (
        "own_queue",
        |t| {
            at(t, "BillingFunction")["Environment"]["Variables"]["QUEUE_URL"] =
                json!({ "Ref": "PaymentsQueue" })
        },
        "BillingQueue",
    ),
    (
        "own_queue",
        |t| at(t, "PaymentsFunction")["Environment"]["Variables"]["MAX_RECEIVES"] = json!(5),
        "MAX_RECEIVES",
    ),
    (
        "enabled",
        |t| at(t, "BillingRule")["State"] = json!("DISABLED"),
        "BillingRule",
    ),
    (
        "enabled",
        |t| at(t, "BillingMapping")["Enabled"] = json!(false),
        "BillingMapping",
    ),
    (
        "dead_letters",
        |t| without(at(t, "PaymentsQueue"), "RedrivePolicy"),
        "no dead letters",
    ),
    (
        "dead_letters",
        |t| at(t, "PaymentsDeadLetters")["MessageRetentionPeriod"] = json!(604_800),
        "PaymentsQueue",
    ),
    (
        "dead_letters",
        |t| at(t, "PaymentsQueue")["MessageRetentionPeriod"] = json!(1_209_600),
        "PaymentsQueue",
    ),
    (
        "dead_letters",
        |t| without(at(t, "RuleDeadLetters"), "MessageRetentionPeriod"),
        "RuleDeadLetters",
    ),
    (
        "dead_letters",
        |t| t["Parameters"]["MaxReceiveCount"]["Default"] = json!(400),
        "outage of a day",
    ),
    (
        "dead_letters",
        |t| t["Parameters"]["MaxReceiveCount"]["Default"] = json!(1_000),
        "forgets",
    ),
    (
        "queue_policies",
        |t| {
            let queues = at(t, "QueuePolicy")["Queues"]
                .as_array_mut()
                .expect("queues");
            queues.retain(|queue| queue["Ref"] != "ConnectQueue");
        },
        "ConnectQueue: takes requests without TLS",
    ),
    (
        "queue_policies",
        |t| {
            without(
                &mut at(t, "QueuePolicy")["PolicyDocument"]["Statement"][0],
                "Condition",
            )
        },
        "SourceArn",
    ),
    (
        "queue_policies",
        |t| at(t, "QueuePolicy")["PolicyDocument"]["Statement"][1]["Condition"] = json!({}),
        "without TLS",
    ),
    (
        "queue_policies",
        |t| at(t, "QueuePolicy")["PolicyDocument"]["Statement"][0]["Effect"] = json!("Deny"),
        "may not send",
    ),
    (
        "queue_encryption",
        |t| at(t, "BillingQueue")["SqsManagedSseEnabled"] = json!(false),
        "BillingQueue",
    ),
    (
        "rules",
        |t| without(&mut at(t, "BillingRule")["Targets"][0], "DeadLetterConfig"),
        "BillingRule",
    ),
    (
        "rules",
        |t| without(&mut at(t, "BillingRule")["Targets"][0], "RetryPolicy"),
        "BillingRule",
    ),
    (
        "rules",
        |t| {
            at(t, "BillingRule")["EventPattern"]["source"] =
                json!(["sluice.stripe", "sluice.effects"])
        },
        "one source",
    ),
    (
        "rules",
        |t| at(t, "BillingRule")["EventPattern"]["source"] = json!(["aws.partner"]),
        "aws.partner",
    ),
    (
        "rules",
        |t| {
            at(t, "BillingRule")["EventPattern"]["detail-type"] =
                json!(vec!["charge.succeeded"; 120])
        },
        "characters",
    ),
    (
        "queue_policies",
        |t| {
            let statement = &mut at(t, "BusDeadLettersPolicy")["PolicyDocument"]["Statement"][0];
            statement["Condition"]["ArnLike"]["aws:SourceArn"] = json!(["arn:aws:events:a", "*"]);
        },
        "BusDeadLettersPolicy: admits others",
    ),
    (
        "queue_policies",
        |t| {
            at(t, "Bus")["DeadLetterConfig"]["Arn"] =
                json!({ "Fn::GetAtt": ["PaymentsDeadLetters", "Arn"] })
        },
        "PaymentsDeadLetters: Bus may not send to it",
    ),
    (
        "buses",
        |t| without(at(t, "Bus"), "DeadLetterConfig"),
        "Bus: has no dead letters",
    ),
    (
        "keys",
        |t| at(t, "RuleDeadLetters")["KmsMasterKeyId"] = json!({ "Ref": "KmsKeyArn" }),
        "RuleDeadLetters: holds what the key",
    ),
    (
        "names",
        |t| without(at(t, "EventArchive"), "ArchiveName"),
        "EventArchive",
    ),
    (
        "names",
        |t| {
            at(t, "EventArchive")["ArchiveName"] =
                json!({ "Fn::Sub": "${AWS::StackName}-everything" })
        },
        "51 characters, and AWS takes 48",
    ),
    (
        "tables",
        |t| t["Resources"]["BillingTable"]["DeletionPolicy"] = json!("Retain"),
        "BillingTable: would be left",
    ),
    (
        "tables",
        |t| without(&mut t["Resources"]["Ledger"], "DeletionPolicy"),
        "Ledger: is lost",
    ),
    (
        "tables",
        |t| t["Resources"]["Ledger"]["UpdateReplacePolicy"] = json!("Delete"),
        "Ledger: is lost",
    ),
    (
        "tables",
        |t| without(at(t, "ConnectTable"), "PointInTimeRecoverySpecification"),
        "point in time",
    ),
    (
        "tables",
        |t| at(t, "Outcomes")["BillingMode"] = json!("PROVISIONED"),
        "on demand",
    ),
    (
        "tables",
        |t| at(t, "BillingTable")["DeletionProtectionEnabled"] = json!(true),
        "DeletionProtection",
    ),
    (
        "logs",
        |t| without(at(t, "SweepFunction"), "LoggingConfig"),
        "SweepFunction",
    ),
    (
        "logs",
        |t| at(t, "SweepFunction")["LoggingConfig"]["LogFormat"] = json!("Text"),
        "SweepFunction",
    ),
    (
        "logs",
        |t| without(at(t, "DoorAccessLog"), "RetentionInDays"),
        "for ever",
    ),
    ("names", |t| without(at(t, "Ledger"), "TableName"), "Ledger"),
    (
        "names",
        |t| at(t, "SweepFunction")["FunctionName"] = json!("sweep"),
        "SweepFunction",
    ),
    (
        "keys",
        |t| at(t, "Outcomes")["SSESpecification"] = json!({ "KMSMasterKeyId": "mine" }),
        "Outcomes",
    ),
    (
        "archive",
        |t| without(&mut at(t, "EventArchive")["EventPattern"], "replay-name"),
        "replays",
    ),
    (
        "archive",
        |t| at(t, "EventArchive")["RetentionDays"] = json!(3_650),
        "ledger",
    ),
    (
        "keys",
        |t| at(t, "IngestRole")["ManagedPolicyArns"] = json!([{ "Ref": "KeyPolicy" }]),
        "IngestFunction: its role",
    ),
    (
        "archive",
        |t| without(&mut t["Resources"], "EventArchive"),
        "does not follow Archive",
    ),
    (
        "archive",
        |t| at(t, "EventArchive")["EventPattern"]["source"] = json!(["sluice.effects"]),
        "other than Stripe's",
    ),
    (
        "archive",
        |t| without(&mut at(t, "EventArchive")["EventPattern"], "detail"),
        "replays",
    ),
    (
        "expiry",
        |t| without(at(t, "Ledger"), "TimeToLiveSpecification"),
        "Ledger",
    ),
    (
        "expiry",
        |t| at(t, "Outcomes")["TimeToLiveSpecification"]["AttributeName"] = json!("ttl"),
        "Outcomes",
    ),
    (
        "expiry",
        |t| {
            at(t, "BillingTable")["TimeToLiveSpecification"] =
                json!({ "AttributeName": "expires_at", "Enabled": true })
        },
        "BillingTable",
    ),
    (
        "expiry",
        |t| t["Parameters"]["RetentionDays"]["Default"] = json!(30),
        "after 30 days",
    ),
];
