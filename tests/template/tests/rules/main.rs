//! The templates break no rule, in any of their variants; and each rule fails as it should, on a template that was
//! broken for it.

mod alarms;
mod breaking;
mod firing;
mod functions;
mod kept;
mod versions;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice_template::storage::RESEND_DAYS;
use sluice_template::template::{Given, Template, transformed};
use sluice_template::{ALL, MAIN, Rule};

use crate::breaking::{Case, at, statement, without};

/// Everything optional.
const EVERYTHING: Given<'static> = &[
    ("AlarmTopicArn", "arn:aws:sns:us-east-1:123456789012:alarms"),
    ("AllowedSources", "203.0.113.7"),
    (
        "ApiKeySecretArn",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:stripe-AbCdEf",
    ),
    ("Archive", "true"),
    ("DeletionProtection", "true"),
    ("DisableExecuteApiEndpoint", "true"),
    ("DomainReservedConcurrency", "20"),
    ("IngestReservedConcurrency", "50"),
    (
        "KmsKeyArn",
        "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    ),
    ("Revision", "0123456789abcdef"),
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

/// The prefix of the logical ids of a function's resources: `Payments`.
fn id_of(name: &str) -> String {
    format!("{}{}", name[..1].to_uppercase(), &name[1..])
}

/// The receiver's template with everything optional.
const RECEIVES_AND_TELLS: Given<'static> = &[
    ("BusName", "b"),
    ("TopicArn", "arn:aws:sns:us-east-1:123456789012:t"),
    ("AlarmTopicArn", "arn:aws:sns:us-east-1:123456789012:alarms"),
];

/// The receiver's template as a standby that shares another stack's receipts.
const STANDS_BY: Given<'static> = &[
    ("BusName", "b"),
    ("TopicArn", "arn:aws:sns:us-east-1:123456789012:t"),
    ("Active", "false"),
    ("ReceiptsTableName", "shared"),
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
fn the_sample_receiver_breaks_none_of_those_for_every_template_also_as_a_standby() {
    for given in [RECEIVES, RECEIVES_AND_TELLS, STANDS_BY] {
        let broken = broken(&Template::resolved(&RECEIVER, given), ALL.iter());
        assert!(broken.is_empty(), "with {given:?}:\n{}", broken.join("\n"));
    }
}

#[test]
fn a_standby_has_its_rule_and_its_queue_and_no_receipts_of_its_own() {
    let (active, standby) = (
        Template::resolved(&RECEIVER, RECEIVES),
        Template::resolved(&RECEIVER, STANDS_BY),
    );
    let ids = |template: &Template| template.resources.keys().cloned().collect::<BTreeSet<_>>();
    let missing: Vec<_> = ids(&active).difference(&ids(&standby)).cloned().collect();
    // Messages in a standby's queue aren't a backlog.
    assert_eq!(missing, ["BehindAlarm", "Receipts"]);
    assert_eq!(standby.properties("NotifyMapping")["Enabled"], false);
    let variables = &standby.properties("NotifyFunction")["Environment"]["Variables"];
    assert_eq!(variables["RECEIPTS_TABLE"], "shared");
    for same in ["Rule", "Queue"] {
        assert_eq!(standby.properties(same), active.properties(same));
    }
}

#[test]
fn the_sample_receiver_is_held_to_its_code_too() {
    let says_given = |given: Given<'_>, mutate: fn(&mut Value), word: &str| {
        let mut template = RECEIVER.clone();
        mutate(&mut template);
        let said = broken(&Template::resolved(&template, given), ALL.iter());
        assert!(
            said.iter().any(|what| what.contains(word)),
            "{word}: {said:?}"
        );
    };
    let says = |mutate, word| says_given(RECEIVES, mutate, word);
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
    says(
        |t| at(t, "Queue")["MessageRetentionPeriod"] = json!(604_800),
        "Queue: 14 days",
    );
    says(
        |t| without(&mut t["Resources"], "DeadLettersAlarm"),
        "ApproximateNumberOfMessagesVisible",
    );
    says(
        |t| without(&mut t["Resources"], "BehindAlarm"),
        "ApproximateAgeOfOldestMessage",
    );
    says(
        |t| without(&mut t["Resources"], "ErrorsAlarm"),
        "AWS/Lambda Errors",
    );
    says(
        |t| without(&mut t["Resources"], "ThrottledAlarm"),
        "AWS/Lambda Throttles",
    );
    says(
        |t| at(t, "FailingAlarm")["Dimensions"][0]["Value"] = json!("notify"),
        "receives",
    );
    says(
        |t| without(&mut t["Resources"], "LostAlarm"),
        "Rule: no alarm is about InvocationsFailedToBeSentToDlq",
    );
    says(
        |t| at(t, "LostAlarm")["AlarmActions"] = json!(["arn:aws:sns:us-east-1:1:x"]),
        "LostAlarm: its AlarmActions do not follow AlarmTopicArn",
    );
    says_given(
        STANDS_BY,
        |t| without(at(t, "NotifyMapping"), "Enabled"),
        "NotifyMapping: does not follow Active",
    );
    says_given(
        STANDS_BY,
        |t| at(t, "Rule")["State"] = json!({ "Fn::If": ["IsActive", "ENABLED", "DISABLED"] }),
        "Rule: is disabled",
    );
    says_given(
        STANDS_BY,
        |t| {
            statement(t, "NotifyRole", "OwnReceipts")["Resource"] =
                json!({ "Fn::GetAtt": ["Receipts", "Arn"] })
        },
        "may not dynamodb:PutItem at shared",
    );
}

#[test]
fn a_canary_breaks_no_rule_with_a_revision_and_without_one() {
    for given in [CANARY, &[CANARY[0], ("Revision", "0123456789abcdef")]] {
        let template = Template::resolved(&WITH_CANARY, given);
        let broken = broken(&template, rules());
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        assert_eq!(template.of("AWS::CodeDeploy::DeploymentGroup").count(), 1);
    }
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

/// All cases.
fn cases() -> impl Iterator<Item = &'static Case> {
    [
        kept::CASES,
        functions::CASES,
        versions::CASES,
        alarms::CASES,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn each_rule_fails_on_a_template_that_was_broken_for_it() {
    for (rule, mutate, word) in cases() {
        let (_, check) = rules()
            .find(|(name, _)| name == rule)
            .unwrap_or_else(|| panic!("no rule {rule}"));
        // With the optional parts if one of these was broken.
        let (whole, given): (&Value, Given<'_>) = match *rule {
            "archive" | "names" => (&PLAIN, &[("Archive", "true")]),
            "canary" => (&WITH_CANARY, CANARY),
            "versions" => (&PLAIN, &[("Revision", "0123456789abcdef")]),
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
        .filter(|(name, _)| !cases().any(|(tried, _, _)| tried == name))
        .map(|(name, _)| *name)
        .collect();
    assert!(untried.is_empty(), "{untried:?}");
}
