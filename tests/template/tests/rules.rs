//! The templates break no rule, in any of their variants; and each rule fails where it should, on a template that was broken
//! for it.

use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice_template::storage::RESEND_DAYS;
use sluice_template::template::{Given, Template, transformed};
use sluice_template::{ALL, MAIN, Rule};

/// Everything optional.
const EVERYTHING: Given<'static> = &[
    ("AlarmTopicArn", "arn:aws:sns:us-east-1:123456789012:alarms"),
    ("AllowedSources", "203.0.113.7"),
    (
        "ApiKeySecretArn",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:stripe",
    ),
    ("Archive", "true"),
    ("DeletionProtection", "true"),
    ("DomainReservedConcurrency", "20"),
    ("IngestReservedConcurrency", "50"),
    (
        "KmsKeyArn",
        "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    ),
    ("ScheduledReservedConcurrency", "1"),
    ("SteadyType", "charge.succeeded"),
    ("Tracing", "Active"),
];

const CANARY: Given<'static> = &[("CanaryDeployment", "true")];

static PLAIN: LazyLock<Value> = LazyLock::new(|| transformed("template.yaml", &[]));

/// SAM makes the canary's resources or doesn't, before CloudFormation sees a condition.
static WITH_CANARY: LazyLock<Value> = LazyLock::new(|| transformed("template.yaml", CANARY));

static RECEIVER: LazyLock<Value> =
    LazyLock::new(|| transformed("functions/notify/template.yaml", &[]));

const RECEIVES: Given<'static> = &[
    ("BusName", "b"),
    ("TopicArn", "arn:aws:sns:us-east-1:123456789012:t"),
];

fn rules() -> impl Iterator<Item = &'static Rule> {
    ALL.iter().chain(MAIN)
}

fn broken(template: &Template, rules: impl Iterator<Item = &'static Rule>) -> Vec<String> {
    let all = rules.flat_map(|(name, rule)| {
        rule(template)
            .into_iter()
            .map(move |what| format!("{name}: {what}"))
    });
    all.collect()
}

#[test]
fn the_template_breaks_no_rule_by_default_and_with_everything_optional() {
    for given in [&[][..], EVERYTHING] {
        let template = Template::resolved(&PLAIN, given);
        assert!(
            template.resources.len() > 80,
            "{}",
            template.resources.len()
        );
        let broken = broken(&template, rules());
        assert!(broken.is_empty(), "with {given:?}:\n{}", broken.join("\n"));
    }
}

#[test]
fn the_sample_receiver_breaks_none_of_those_for_every_template() {
    let broken = broken(&Template::resolved(&RECEIVER, RECEIVES), ALL.iter());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_sample_receiver_is_held_to_its_code_too() {
    let says = |mutate: fn(&mut Value), word: &str| {
        let mut template = RECEIVER.clone();
        mutate(&mut template);
        let said = broken(&Template::resolved(&template, RECEIVES), ALL.iter());
        assert!(
            said.iter().any(|what| what.contains(word)),
            "{word}: {said:?}"
        );
    };
    says(
        |t| {
            without(
                &mut at(t, "NotifyFunction")["Environment"]["Variables"],
                "TOPIC_ARN",
            )
        },
        "is not given TOPIC_ARN",
    );
    says(
        |t| statement(t, "NotifyRole", "TheTopic")["Action"] = json!("sns:Subscribe"),
        "may not sns:Publish",
    );
    says(
        |t| {
            statement(t, "NotifyRole", "OwnReceipts")["Action"] =
                json!(["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Scan"])
        },
        "may dynamodb:Scan at Receipts",
    );
    says(
        |t| without(at(t, "Receipts"), "TimeToLiveSpecification"),
        "Receipts",
    );
}

#[test]
fn a_canary_breaks_no_rule() {
    let template = Template::resolved(&WITH_CANARY, CANARY);
    let broken = broken(&template, rules());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(template.of("AWS::CodeDeploy::DeploymentGroup").count(), 1);
}

#[test]
fn no_retention_can_be_chosen_within_which_stripe_may_still_resend_an_event() {
    for file in ["template.yaml", "functions/notify/template.yaml"] {
        let least = &transformed(file, &[])["Parameters"]["RetentionDays"]["MinValue"];
        assert!(
            least.as_i64().is_some_and(|days| days > RESEND_DAYS),
            "{file}: {least}"
        );
    }
}

/// A rule, what breaks it, and a word of what it then says.
type Case = (&'static str, fn(&mut Value), &'static str);

/// A resource's properties.
fn at<'a>(template: &'a mut Value, id: &str) -> &'a mut Value {
    let resource = &mut template["Resources"][id];
    assert!(resource.is_object(), "the template has no {id}");
    &mut resource["Properties"]
}

/// The logical id that SAM gives the canary's deployment group.
fn canary_id(template: &Value) -> String {
    let resources = template["Resources"].as_object().expect("resources");
    let mut groups = resources
        .iter()
        .filter(|(_, one)| one["Type"] == "AWS::CodeDeploy::DeploymentGroup");
    groups.next().expect("a deployment group").0.clone()
}

fn at_canary(template: &mut Value) -> &mut Value {
    let id = canary_id(template);
    at(template, &id)
}

fn without(value: &mut Value, name: &str) {
    let removed = value.as_object_mut().and_then(|value| value.remove(name));
    assert!(removed.is_some(), "there is no {name} to take away");
}

/// The statement of a role, by its `Sid`.
fn statement<'a>(template: &'a mut Value, role: &str, sid: &str) -> &'a mut Value {
    let statements = &mut at(template, role)["Policies"][0]["PolicyDocument"]["Statement"];
    let statements = statements.as_array_mut().expect("statements");
    let found = statements
        .iter_mut()
        .find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("{role} has no {sid}"))
}

const CASES: &[Case] = &[
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
    (
        "wildcards",
        |t| statement(t, "IngestRole", "Ledger")["Action"] = json!("dynamodb:*"),
        "IngestRole",
    ),
    (
        "wildcards",
        |t| statement(t, "IngestRole", "Ledger")["Resource"] = json!("*"),
        "IngestRole",
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
        "schedules",
        |t| {
            without(
                &mut at(t, "SweepFunctionEachMinute")["Target"],
                "DeadLetterConfig",
            )
        },
        "dead letters",
    ),
    (
        "schedules",
        |t| {
            statement(t, "ScheduleRole", "Functions")["Resource"] =
                json!({ "Fn::GetAtt": ["SweepFunction", "Arn"] })
        },
        "may not start",
    ),
    (
        "schedules",
        |t| without(&mut t["Resources"], "SweepFunctionEachMinute"),
        "a schedule each",
    ),
    (
        "door",
        |t| without(at(t, "WebhookStage"), "DefaultRouteSettings"),
        "throttled",
    ),
    (
        "door",
        |t| {
            at(t, "WebhookStage")["AccessLogSettings"]["Format"] =
                json!("{\"status\":\"$context.status\"}")
        },
        "integration failed",
    ),
    (
        "door",
        |t| {
            at(t, "WebhookIntegration")["IntegrationUri"] =
                json!({ "Fn::GetAtt": ["IngestFunction", "Arn"] })
        },
        "alias",
    ),
    (
        "concurrency",
        |t| at(t, "IngestFunction")["ReservedConcurrentExecutions"] = json!(5),
        "IngestFunction",
    ),
    (
        "concurrency",
        |t| t["Parameters"]["DomainReservedConcurrency"]["Default"] = json!(9),
        "fewer are reserved",
    ),
    (
        "tracing",
        |t| at(t, "IngestFunction")["TracingConfig"]["Mode"] = json!("PassThrough"),
        "IngestFunction",
    ),
    (
        "environment",
        |t| {
            without(
                &mut at(t, "SweepFunction")["Environment"]["Variables"],
                "BUS_NAME",
            )
        },
        "BUS_NAME",
    ),
    (
        "environment",
        |t| at(t, "SweepFunction")["Environment"]["Variables"]["RETENTION_DAYS"] = json!(35),
        "doesn't read",
    ),
    (
        "environment",
        |t| {
            without(
                &mut at(t, "BillingFunction")["Environment"]["Variables"],
                "FETCHES_PER_SECOND",
            )
        },
        "neither given",
    ),
    (
        "actions",
        |t| {
            statement(t, "IngestRole", "Ledger")["Action"] =
                json!(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"])
        },
        "may not dynamodb:UpdateItem at Ledger",
    ),
    (
        "actions",
        |t| {
            statement(t, "SweepRole", "Ledger")["Action"] = json!([
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem"
            ])
        },
        "may dynamodb:DeleteItem at Ledger",
    ),
    (
        "actions",
        |t| {
            statement(t, "SweepRole", "Due")["Resource"] =
                json!({ "Fn::Sub": "${Ledger.Arn}/index/by_time" })
        },
        "Ledger/index/due",
    ),
    (
        "actions",
        |t| {
            let resources = json!([{ "Fn::GetAtt": ["Ledger", "Arn"] }, { "Fn::GetAtt": ["PaymentsTable", "Arn"] }]);
            statement(t, "IngestRole", "Ledger")["Resource"] = resources;
        },
        "at PaymentsTable, which its code doesn't",
    ),
    (
        "actions",
        |t| {
            statement(t, "BillingRole", "OwnTable")["Resource"] =
                json!({ "Fn::GetAtt": ["PaymentsTable", "Arn"] })
        },
        "at BillingTable",
    ),
    (
        "actions",
        |t| {
            at(t, "IngestRole")["ManagedPolicyArns"] =
                json!(["arn:aws:iam::aws:policy/AdministratorAccess"])
        },
        "not the template's",
    ),
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
        "alarm_coverage",
        |t| without(&mut t["Resources"], "BillingDeadLettersAlarm"),
        "BillingDeadLetters",
    ),
    (
        "alarm_coverage",
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
        "schedules",
        |t| {
            at(t, "SweepFunctionEachMinute")["Target"]["RetryPolicy"]["MaximumRetryAttempts"] =
                json!(3)
        },
        "repeated",
    ),
    (
        "door",
        |t| {
            without(
                &mut at(t, "WebhookStage")["DefaultRouteSettings"],
                "ThrottlingBurstLimit",
            )
        },
        "throttled",
    ),
    (
        "door",
        |t| {
            without(
                &mut at(t, "WebhookStage")["AccessLogSettings"],
                "DestinationArn",
            )
        },
        "integration failed",
    ),
    (
        "door",
        |t| {
            at(t, "WebhookPermission")["FunctionName"] =
                json!({ "Fn::GetAtt": ["IngestFunction", "Arn"] })
        },
        "alias",
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
        "tracing",
        |t| at(t, "SweepRole")["ManagedPolicyArns"] = json!([]),
        "SweepFunction",
    ),
    (
        "wildcards",
        |t| {
            at(t, "BillingRole")["ManagedPolicyArns"] =
                json!(["arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"])
        },
        "every queue",
    ),
    (
        "processor",
        |t| t["Parameters"]["Architecture"]["Default"] = json!("x86_64"),
        "by default",
    ),
    (
        "processor",
        |t| at(t, "ConnectFunction")["Architectures"] = json!(["x86_64"]),
        "ConnectFunction",
    ),
    (
        "processor",
        |t| at(t, "IngestFunction")["Runtime"] = json!("provided.al2"),
        "IngestFunction",
    ),
    (
        "secrets",
        |t| {
            at(t, "IngestFunction")["Environment"]["Variables"]["SECRET_ID"] =
                json!("{{resolve:secretsmanager:stripe}}")
        },
        "IngestFunction: a secret is written",
    ),
    (
        "secrets",
        |t| {
            at(t, "ReconcileFunction")["Environment"]["Variables"]["STRIPE_API_URL"] =
                json!("https://rk_live_1@api.stripe.com")
        },
        "STRIPE_API_URL holds a secret",
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
    (
        "canary",
        |t| at_canary(t)["AutoRollbackConfiguration"]["Enabled"] = json!(false),
        "taken back",
    ),
    (
        "canary",
        |t| {
            let alarms = &mut at_canary(t)["AlarmConfiguration"]["Alarms"];
            alarms.as_array_mut().expect("alarms").clear();
        },
        "taken back",
    ),
    (
        "canary",
        |t| at_canary(t)["DeploymentConfigName"] = json!("CodeDeployDefault.LambdaAllAtOnce"),
        "all deliveries at once",
    ),
    (
        "canary",
        |t| {
            let id = canary_id(t);
            without(&mut t["Resources"], &id);
        },
        "CanaryDeployment",
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
];

#[test]
fn each_rule_fails_on_a_template_that_was_broken_for_it() {
    for (rule, mutate, word) in CASES {
        let (_, check) = rules()
            .find(|(name, _)| name == rule)
            .unwrap_or_else(|| panic!("no rule {rule}"));
        // With the optional parts where these are what was broken.
        let (whole, given): (&Value, Given<'_>) = match *rule {
            "archive" => (&PLAIN, &[("Archive", "true")]),
            "canary" => (&WITH_CANARY, CANARY),
            "tracing" => (&PLAIN, &[("Tracing", "Active")]),
            _ => (&PLAIN, &[]),
        };
        let mut template = whole.clone();
        mutate(&mut template);
        let said = check(&Template::resolved(&template, given));
        assert!(
            said.iter().any(|what| what.contains(word)),
            "{rule} with {word:?} missing says {said:?}"
        );
    }
}

#[test]
fn no_rule_is_without_a_template_that_breaks_it() {
    let untried: Vec<_> = rules()
        .filter(|(name, _)| !CASES.iter().any(|(tried, _, _)| tried == name))
        .map(|(name, _)| *name)
        .collect();
    assert!(untried.is_empty(), "{untried:?}");
}
