//! Versions, aliases and the canary, each broken; and checks that a change of any kind reaches deliveries and messages.

use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice_template::template::{Given, Template, transformed};
use sluice_template::versions::{is_alias, version, versions};

use crate::breaking::{Case, at, at_canary, canary_id, without};
use crate::{PLAIN, id_of};

pub(crate) const CASES: &[Case] = &[
    (
        "versions",
        |t| {
            at(t, "WebhookIntegration")["IntegrationUri"] =
                json!({ "Fn::GetAtt": ["IngestFunction", "Arn"] })
        },
        "WebhookIntegration: passes the alias by",
    ),
    (
        "versions",
        |t| at(t, "BillingMapping")["FunctionName"] = json!({ "Ref": "BillingFunction" }),
        "BillingMapping: passes the alias by",
    ),
    (
        "versions",
        |t| at(t, "PaymentsFunctionAliaslive")["Name"] = json!("blue"),
        "PaymentsFunction: has no version to go back to",
    ),
    (
        "versions",
        |t| without(&mut t["Resources"], "WebhookPermission"),
        "API Gateway may not call the alias of IngestFunction",
    ),
    (
        "versions",
        |t| without(&mut t["Resources"], "WebhookFunctionPermission"),
        "API Gateway may not call IngestFunction",
    ),
    (
        "versions",
        |t| {
            let id = version_id(t, "ConnectFunction");
            t["Resources"][id]["DeletionPolicy"] = json!("Delete");
        },
        "ConnectFunction: loses the version before",
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
];

/// The logical id that SAM gives a function's version.
fn version_id(template: &Value, function: &str) -> String {
    let resources = template["Resources"].as_object().expect("resources");
    let mut versions = resources.iter().filter(|(_, one)| {
        one["Type"] == "AWS::Lambda::Version"
            && one["Properties"]["FunctionName"]["Ref"] == function
    });
    versions.next().expect("a version").0.clone()
}

/// The functions that handle deliveries and messages.
static VERSIONED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = ["ingest"].into_iter().chain(sluice_domains::ALL);
    names
        .map(|name| format!("{}Function", id_of(name)))
        .collect()
});

/// Another value of each parameter that a function's configuration depends on.
const OTHERS: Given<'static> = &[
    ("AccessGraceDays", "3"),
    ("AllowedSources", "203.0.113.7"),
    (
        "ApiKeySecretArn",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:stripe-AbCdEf",
    ),
    ("Architecture", "x86_64"),
    ("DomainReservedConcurrency", "20"),
    ("DomainTimeoutSeconds", "20"),
    (
        "Endpoints",
        r#"{"platform":{"scope":"platform","livemode":true}}"#,
    ),
    ("FetchesPerSecond", "5"),
    ("IngestReservedConcurrency", "50"),
    ("IngestTimeoutSeconds", "20"),
    (
        "KmsKeyArn",
        "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    ),
    ("MaxReceiveCount", "600"),
    ("MaximumConcurrency", "20"),
    ("PausedCollection", "ends_access"),
    ("RetentionDays", "60"),
    ("StripeApiUrl", "https://stripe.example"),
    ("Tracing", "Active"),
];

/// The callers of a function, as the template resolves them.
fn callers(template: &Template) -> Vec<&Value> {
    let integrations = template.of("AWS::ApiGatewayV2::Integration");
    let mappings = template.of("AWS::Lambda::EventSourceMapping");
    integrations
        .map(|(_, integration)| &integration["IntegrationUri"])
        .chain(mappings.map(|(_, mapping)| &mapping["FunctionName"]))
        .collect()
}

#[test]
fn the_parameters_named_here_are_those_that_a_function_depends_on() {
    let before = Template::resolved(&PLAIN, &[]);
    let changed = |given: Given<'_>| {
        let after = Template::resolved(&PLAIN, given);
        VERSIONED
            .iter()
            .any(|function| before.properties(function) != after.properties(function))
    };
    for (name, value) in OTHERS {
        assert!(changed(&[(name, value)]), "no function depends on {name}");
    }
    for name in before.parameters.keys() {
        // A value that SAM has already put into the description doesn't change with the parameter here.
        if name == "Revision" || OTHERS.iter().any(|(other, _)| other == name) {
            continue;
        }
        let numeric = before.parameters[name].is_number();
        let other = if numeric { "7" } else { "true" };
        assert!(!changed(&[(name, other)]), "a function depends on {name}");
    }
}

#[test]
fn without_a_revision_a_changed_parameter_acts_at_once_because_nothing_calls_an_alias() {
    for given in OTHERS {
        let template = Template::resolved(&PLAIN, &[*given]);
        let callers = callers(&template);
        assert_eq!(callers.len(), VERSIONED.len());
        for caller in callers {
            assert!(!is_alias(&template, caller), "with {given:?}: {caller}");
        }
    }
}

#[test]
fn without_a_revision_nothing_may_go_to_an_alias() {
    let mut template = PLAIN.clone();
    at(&mut template, "BillingMapping")["FunctionName"] =
        json!({ "Ref": "BillingFunctionAliaslive" });
    let said = versions(&Template::resolved(&template, &[]));
    assert_eq!(
        said,
        ["BillingMapping: goes to an alias, which a change of a parameter doesn't reach"]
    );
}

#[test]
fn with_another_revision_every_function_that_is_called_by_its_alias_gets_another_version() {
    let with = |revision: &str, retention: &str| {
        let given = [("Revision", revision), ("RetentionDays", retention)];
        Template::resolved(&transformed("template.yaml", &given), &given)
    };
    let [first, other, same] = [
        with("aaaaaaaaaaaaaaaa", "35"),
        with("bbbbbbbbbbbbbbbb", "60"),
        with("aaaaaaaaaaaaaaaa", "60"),
    ];
    for caller in callers(&first) {
        assert!(is_alias(&first, caller), "{caller}");
    }
    for function in VERSIONED.iter() {
        let [first_id, other_id, same_id] =
            [&first, &other, &same].map(|template| version(template, function).expect("a version"));
        assert_ne!(first_id, other_id, "{function}");
        // The operator has to give another revision: that is the parameter's purpose.
        assert_eq!(first_id, same_id, "{function}");
        // Lambda publishes no version of a function that hasn't changed since the last one; the description has
        // changed.
        let [first, other] =
            [&first, &other].map(|template| &template.properties(function)["Description"]);
        assert_ne!(first, other, "{function}");
    }
}
