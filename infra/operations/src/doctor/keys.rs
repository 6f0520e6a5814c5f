//! The secrets: whether each endpoint has a signing secret, and whether the API key may do what Sluice asks of Stripe. No
//! value is ever shown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::objects::StripeObjects;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::endpoint::{self, Endpoint, Payload};
use sluice_kernel::delivery::secrets::SECRETS_MAX;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::{Ask, AskUngenerated, Listed, Listing};
use sluice_stripe::client::keys::Keys;

use super::functions::Configurations;
use super::{Findings, Patient};
use crate::code;
use crate::signing::{Signing, is_placeholder};
use crate::times::now_ms;

/// The longest that Stripe may take for a page.
const ANSWER_MS_MAX: u64 = 15_000;

/// Where Stripe's keys are made.
const DASHBOARD: &str = "https://dashboard.stripe.com/apikeys";

/// The stack's endpoints, by name, as ingest has them.
pub(super) fn endpoints(configurations: &Configurations) -> BTreeMap<String, Endpoint> {
    let text = configurations.variable("ingest", "ENDPOINTS");
    serde_json::from_str(text.unwrap_or("{}")).unwrap_or_default()
}

pub(super) async fn signing(patient: &Patient<'_>, configurations: &Configurations) -> Findings {
    let mut findings = Findings::of("signing secrets");
    match Signing::read(patient.stack).await {
        Err(problem) => findings.unknown("secret", &problem),
        Ok(signing) => judge(
            patient,
            &endpoints(configurations),
            &signing.lists,
            &mut findings,
        ),
    }
    findings
}

fn judge(
    patient: &Patient<'_>,
    endpoints: &BTreeMap<String, Endpoint>,
    lists: &BTreeMap<String, Vec<String>>,
    findings: &mut Findings,
) {
    let roll = |name: &str| patient.sluice(&format!("secret roll {name}"));
    let mut seen = BTreeMap::new();
    for name in endpoints.keys() {
        let list = lists.get(name).map(Vec::as_slice).unwrap_or_default();
        let before = findings.all.len();
        match list.len() {
            0 => findings.wrong(
                name,
                "it has no signing secret: its deliveries are answered 503",
                roll(name),
            ),
            count if count > SECRETS_MAX => findings.wrong(
                name,
                format!("it has {count} secrets, more than {SECRETS_MAX}: none is read"),
                patient.sluice(&format!("secret roll {name} --finish")),
            ),
            // The smoke test's own secret is made up, and it may be short.
            _ if name != "smoke" && list.iter().all(|secret| is_placeholder(secret.trim())) => {
                findings.wrong(
                    name,
                    "its secret is a placeholder: no delivery of Stripe's verifies",
                    roll(name),
                )
            }
            _ if name != "smoke" && list.iter().any(|secret| is_placeholder(secret.trim())) => {
                findings.look(
                    name,
                    "one of its secrets is a placeholder, which can be guessed",
                    patient.sluice(&format!("secret roll {name} --finish")),
                )
            }
            1 => {}
            count => findings.look(
                name,
                format!("it has {count} secrets: a roll that isn't finished"),
                patient.sluice("secret status"),
            ),
        }
        let is_pasted = |secret: &String| secret.trim().len() < secret.len();
        if list.iter().any(is_pasted) {
            findings.look(
                name,
                "a secret is stored with white space around it, a line break perhaps: it is read without",
                format!("store it without, or roll it: {}", roll(name)),
            );
        }
        for secret in list.iter().map(|secret| secret.trim()) {
            if let Some(other) = seen.insert(secret, name) {
                findings.look(
                    name,
                    format!(
                        "it shares a secret with {other}: each of Stripe's endpoints has its own"
                    ),
                    roll(name),
                );
            }
        }
        if findings.all.len() == before {
            findings.good(name, "one secret");
        }
    }
    for name in lists.keys().filter(|name| !endpoints.contains_key(*name)) {
        // The template's secret begins with both names.
        if !lists[name].is_empty() {
            findings.look(
                name,
                "it has a secret, and no endpoint is called so: its deliveries are answered 404",
                patient.deploy("Endpoints={…}"),
            );
        }
    }
}

pub(super) async fn api(patient: &Patient<'_>, configurations: &Configurations) -> Findings {
    let mut findings = Findings::of("API key");
    let Some(secret) = configurations.variable("reconcile", "API_KEY_SECRET_ID") else {
        findings.look(
            "key",
            "there is none: ties within a second are guesses, thin events are ignored, and nothing is compared with Stripe",
            patient.deploy("ApiKeySecretArn=arn:aws:secretsmanager:…"),
        );
        return findings;
    };
    let input = json!({ "SecretId": secret });
    let asked = patient
        .stack
        .aws
        .json("secretsmanager.GetSecretValue", &input)
        .await;
    let put = |value: &str| {
        patient.aws(&format!(
            "secretsmanager put-secret-value --secret-id {secret} --secret-string '{value}'"
        ))
    };
    const FORM: &str = r#"{"live":"rk_live_…","test":"rk_test_…"}"#;
    let value = match asked {
        Err(problem) if problem.to_string().contains("ResourceNotFound") => {
            let said = "the secret that ApiKeySecretArn names isn't there";
            findings.wrong(
                "key",
                said,
                patient.deploy("ApiKeySecretArn=arn:aws:secretsmanager:…"),
            );
            return findings;
        }
        Err(problem) => {
            findings.unknown("key", &problem);
            return findings;
        }
        Ok(answer) => answer["SecretString"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    let keys = serde_json::from_str(&value).and_then(|object: serde_json::Map<String, Value>| {
        serde_json::from_value::<Keys>(object.into())
    });
    let Ok(keys) = keys else {
        findings.wrong(
            "key",
            format!("the secret isn't JSON of the form {FORM}"),
            put(FORM),
        );
        return findings;
    };
    if let Err(fault) = keys.check() {
        findings.wrong("key", fault.cause, put(FORM));
        return findings;
    }
    let endpoints = endpoints(configurations);
    let modes: BTreeSet<bool> = endpoints.values().map(|it| it.livemode).collect();
    for livemode in modes {
        let name = if livemode { "live" } else { "test" };
        let has_key = if livemode { &keys.live } else { &keys.test };
        if has_key.is_none() {
            findings.wrong(
                name,
                format!("an endpoint takes {name} events, and there is no {name} key"),
                put(FORM),
            );
            continue;
        }
        let needs = Needs::of(endpoints.values().filter(|it| it.livemode == livemode));
        let stripe = match crate::stripe::stripe(patient.stack, 10, true).await {
            Ok(stripe) => stripe,
            Err(problem) => {
                findings.unknown(name, &problem);
                continue;
            }
        };
        ask_stripe(&stripe, name, livemode, needs, &mut findings).await;
        match stripe.own_account(livemode).await {
            Ok(Some(own)) => judge_accounts(patient, &endpoints, livemode, &own, &mut findings),
            Ok(None) => {}
            Err(fault) => findings.look(
                name,
                format!("the id of your account can't be read: {}", fault.cause),
                format!("give the key read access to the account: {DASHBOARD}, or compare it with Endpoints yourself"),
            ),
        }
    }
    findings
}

/// Whether each endpoint of a mode knows its own account's id.
fn judge_accounts(
    patient: &Patient<'_>,
    endpoints: &BTreeMap<String, Endpoint>,
    livemode: bool,
    own: &str,
    findings: &mut Findings,
) {
    let deploy = |name: &str| {
        patient.deploy(&format!(
            r#"Endpoints={{…,"{name}":{{…,"account":"{own}"}}}}"#
        ))
    };
    // The smoke test's endpoint isn't Stripe's.
    let of_mode = endpoints
        .iter()
        .filter(|(name, it)| it.livemode == livemode && *name != "smoke");
    for (name, endpoint) in of_mode {
        match endpoint.account.as_deref() {
            Some(account) if account == own => {
                findings.good(name, format!("its own account is the key's, {own}"));
            }
            Some(account) => findings.wrong(
                name,
                format!("its account is {account}, and the key is {own}'s: events of your own are taken for a connected account's"),
                deploy(name),
            ),
            None if endpoint.scope == endpoint::AccountScope::Connect => {}
            None => findings.look(
                name,
                format!("it doesn't know that your account is {own}: your own events that come through an organization's destination are taken for another account's"),
                deploy(name),
            ),
        }
    }
}

/// What reconcile asks of Stripe for the endpoints of a mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Needs {
    snapshots: bool,
    thin: bool,
    accounts: bool,
}

impl Needs {
    fn of<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Self {
        let mut needs = Self::default();
        for endpoint in endpoints {
            needs.snapshots |= endpoint.payload == Payload::Snapshot;
            needs.thin |= endpoint.payload == Payload::Thin;
            needs.accounts |= endpoint.scope != endpoint::AccountScope::Platform;
        }
        needs
    }

    /// A list of events that it needs.
    fn payload(self) -> Payload {
        match self.snapshots {
            true => Payload::Snapshot,
            false => Payload::Thin,
        }
    }
}

/// The first page of a list. While the program's own budget of requests is spent, it waits: a list that wasn't asked for says
/// nothing about the key.
async fn page<T, A>(ask: impl Fn() -> A) -> Result<Vec<T>, Fault>
where
    A: Future<Output = Result<Listed<T>, Fault>>,
{
    loop {
        match ask().await? {
            Listed::Page { items, .. } => return Ok(items),
            Listed::NoKey => return Ok(Vec::new()),
            Listed::Spent { wait_ms } => SystemClock.sleep_ms(wait_ms).await,
        }
    }
}

/// Whether the key may do what reconcile asks. It asks for a little of each.
async fn ask_stripe(
    stripe: &StripeObjects,
    name: &str,
    livemode: bool,
    needs: Needs,
    findings: &mut Findings,
) {
    let now_s = now_ms() / 1_000;
    let ask = |account: Option<String>, payload: Payload| Ask {
        scope: Scope { account, livemode },
        payload,
        from_s: now_s - 60,
        to_s: now_s,
        after: None,
        types: Vec::new(),
    };
    let grant = |what: &str| format!("give the key read access to {what}: {DASHBOARD}");
    let mut may =
        |what: &str, without: &str, is_needed: bool, answer: Result<(), Fault>| match answer {
            Ok(()) => findings.good(name, format!("it may read {what}")),
            Err(fault)
                if fault.code == code::STRIPE_KEY_REFUSED
                    || fault.code == code::STRIPE_REQUEST_REFUSED =>
            {
                let said = format!("it may not read {what}: {without} ({})", fault.cause);
                match is_needed {
                    true => findings.wrong(name, said, grant(what)),
                    false => findings.look(name, said, grant(what)),
                }
            }
            Err(fault) => findings.unknown(name, &fault.into()),
        };
    if needs.snapshots {
        let wanted = ask(None, Payload::Snapshot);
        let events = page(|| stripe.events(&wanted)).await.map(drop);
        may("events", "nothing is compared with Stripe", true, events);
    }
    if needs.thin {
        let wanted = ask(None, Payload::Thin);
        let events = page(|| stripe.events(&wanted)).await.map(drop);
        may("thin events", "none is compared with Stripe", true, events);
    }
    let failed = AskUngenerated {
        livemode,
        from_s: now_s - 60,
        to_s: now_s,
        after: None,
        within_ms: ANSWER_MS_MAX,
    };
    let listed = page(|| stripe.ungenerated(&failed)).await;
    may(
        "events of API v2",
        "what Stripe failed to make isn't made up for",
        false,
        listed.map(drop),
    );
    if !needs.accounts {
        return;
    }
    let accounts = page(|| stripe.accounts(livemode, None)).await;
    let one = accounts.as_ref().ok().and_then(|all| all.first().cloned());
    may(
        "connected accounts",
        "only those that deliveries name are compared",
        false,
        accounts.map(drop),
    );
    if let Some(account) = one {
        // A key may read the platform's own events and have no permission for accounts.
        let wanted = ask(Some(account), needs.payload());
        let events = page(|| stripe.events(&wanted)).await;
        may(
            "events of connected accounts",
            "none of theirs is compared with Stripe",
            true,
            events.map(drop),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Described;

    use crate::doctor::FindingLevel;
    use crate::doctor::tests::complaints;
    use crate::stack::Stack;

    fn judged(lists: Value) -> Vec<(FindingLevel, String)> {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let endpoint = Endpoint::of(endpoint::AccountScope::Platform, true);
        let endpoints = ["platform", "smoke"].map(|name| (name.to_owned(), endpoint.clone()));
        let lists = serde_json::from_value(lists).expect("lists");
        let mut findings = Findings::of("signing secrets");
        judge(&patient, &endpoints.into(), &lists, &mut findings);
        let all = complaints(&findings).into_iter();
        all.map(|(level, subject, said)| (level, format!("{subject}: {said}")))
            .collect()
    }

    const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

    #[tokio::test]
    async fn a_list_that_the_budget_has_no_room_for_is_asked_again_until_it_answers() {
        let asked = std::cell::Cell::new(0);
        let items = page(|| {
            asked.set(asked.get() + 1);
            let spent = asked.get() < 3;
            async move {
                Ok(match spent {
                    true => Listed::Spent { wait_ms: 1 },
                    false => Listed::Page {
                        items: vec!["acct_1"],
                        next: None,
                    },
                })
            }
        });
        assert_eq!(items.await.expect("a page"), ["acct_1"]);
        assert_eq!(asked.get(), 3);
    }

    #[test]
    fn an_endpoint_without_a_secret_of_its_own_is_wrong_and_no_value_is_shown() {
        let smoke = json!(["whsec_any"]);
        assert_eq!(
            judged(json!({ "platform": [SECRET], "smoke": smoke, "connect": [] })),
            []
        );
        let none = judged(json!({ "smoke": smoke }));
        assert_eq!(none[0].0, FindingLevel::Wrong);
        let placeholder = judged(json!({ "platform": ["whsec_…"], "smoke": smoke }));
        assert_eq!(placeholder[0].0, FindingLevel::Wrong);
        let two = judged(json!({ "platform": [SECRET, format!("{SECRET}2")], "smoke": smoke }));
        assert_eq!(two[0].0, FindingLevel::Look);
        let shared = judged(json!({ "platform": [SECRET], "smoke": [SECRET] }));
        assert!(shared[0].1.contains("shares a secret"), "{shared:?}");
        let pasted = judged(json!({ "platform": [format!("{SECRET}\n")], "smoke": smoke }));
        assert_eq!(pasted[0].0, FindingLevel::Look);
        assert!(pasted[0].1.contains("white space"), "{pasted:?}");
        let unknown = judged(json!({ "platform": [SECRET], "smoke": smoke, "old": [SECRET] }));
        assert!(
            unknown[0].1.contains("no endpoint is called so"),
            "{unknown:?}"
        );
        for said in [none, placeholder, two, shared, pasted, unknown] {
            assert!(!format!("{said:?}").contains("0123456789"), "{said:?}");
        }
    }

    #[test]
    fn an_endpoint_without_its_account_is_worth_a_look_and_one_with_another_is_wrong() {
        let stack = Stack::for_tests();
        let patient = Patient {
            stack: &stack,
            described: Described::default(),
        };
        let endpoints: BTreeMap<String, Endpoint> = serde_json::from_value(json!({
            "bare": { "scope": "platform", "livemode": true },
            "connect": { "scope": "connect", "livemode": true },
            "other": { "scope": "connect", "livemode": true, "account": "acct_2" },
            "right": { "scope": "both", "livemode": true, "account": "acct_1" },
            "smoke": { "scope": "platform", "livemode": true },
            "test": { "scope": "platform", "livemode": false, "account": "acct_2" },
        }))
        .expect("endpoints");
        let mut findings = Findings::of("API key");
        judge_accounts(&patient, &endpoints, true, "acct_1", &mut findings);
        let said: Vec<_> = complaints(&findings)
            .into_iter()
            .map(|(level, subject, _)| (level, subject))
            .collect();
        assert_eq!(
            said,
            [(FindingLevel::Look, "bare"), (FindingLevel::Wrong, "other")]
        );
        assert!(findings.all[0].fix.contains(r#""account":"acct_1""#));
    }

    #[test]
    fn the_key_needs_what_the_endpoints_of_its_mode_are_compared_with() {
        let needs = |endpoints: Value| {
            let all: Vec<Endpoint> = serde_json::from_value(endpoints).expect("endpoints");
            Needs::of(all.iter())
        };
        let snapshots = needs(json!([{ "scope": "platform", "livemode": true }]));
        assert_eq!(
            (snapshots.snapshots, snapshots.thin, snapshots.accounts),
            (true, false, false)
        );
        let thin = needs(json!([{ "scope": "both", "livemode": true, "payload": "thin" }]));
        assert_eq!(
            (thin.snapshots, thin.thin, thin.accounts),
            (false, true, true)
        );
        assert_eq!(
            (snapshots.payload(), thin.payload()),
            (Payload::Snapshot, Payload::Thin)
        );
    }
}
