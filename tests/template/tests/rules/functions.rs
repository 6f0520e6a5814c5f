//! What functions run on, the API, schedules, roles and variables, each broken.

use serde_json::json;

use crate::breaking::{Case, at, statement, without};

pub(crate) const CASES: &[Case] = &[
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
        "api",
        |t| without(at(t, "WebhookStage"), "DefaultRouteSettings"),
        "throttled",
    ),
    (
        "api",
        |t| {
            at(t, "WebhookStage")["AccessLogSettings"]["Format"] =
                json!("{\"status\":\"$context.status\"}")
        },
        "integration failed",
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
        "schedules",
        |t| {
            at(t, "SweepFunctionEachMinute")["Target"]["RetryPolicy"]["MaximumRetryAttempts"] =
                json!(3)
        },
        "repeated",
    ),
    (
        "api",
        |t| {
            without(
                &mut at(t, "WebhookStage")["DefaultRouteSettings"],
                "ThrottlingBurstLimit",
            )
        },
        "throttled",
    ),
    (
        "api",
        |t| {
            without(
                &mut at(t, "WebhookStage")["AccessLogSettings"],
                "DestinationArn",
            )
        },
        "integration failed",
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
        "api",
        |t| at(t, "WebhookApi")["DisableExecuteApiEndpoint"] = json!(true),
        "does not follow DisableExecuteApiEndpoint",
    ),
    (
        "api",
        |t| {
            let log = &mut at(t, "WebhookStage")["AccessLogSettings"];
            log["Format"] = json!("{\"error\":$context.integrationErrorMessage}");
        },
        "integration failed",
    ),
    (
        "in_turn",
        |t| without(&mut t["Resources"]["EndpointRoute"], "DependsOn"),
        "EndpointRoute and PlatformRoute are made at the same time",
    ),
    (
        "in_turn",
        |t| without(&mut t["Resources"]["WebhookStage"], "DependsOn"),
        "WebhookStage are made at the same time",
    ),
];
