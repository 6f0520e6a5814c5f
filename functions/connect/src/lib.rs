//! The connect domain: connected accounts, and the money that moves between accounts and banks.
//!
//! | event types | object | what is kept besides status, amount and currency | effects |
//! |---|---|---|---|
//! | `account.updated` | account | what it may do, what is asked of it | `AccountReady` |
//! | `account.application.*` | the account that connects or disconnects | | `AccountReady` |
//! | `account.external_account.*` | bank account or card | | |
//! | `capability.updated` | capability | why it isn't active | |
//! | `person.*` | person | | |
//! | `payout.*` | payout | its destination, why it failed | `PayoutPaid`, `PayoutFailed` |
//! | `transfer.*` | transfer | its destination, how much was reversed | |
//! | `topup.*` | top-up | why it failed | |
//! | `application_fee.*` | application fee, or a refund of one | how much was given back | |
//! | `balance.available` | balance | what is available, by currency | |
//!
//! A capability's id (`card_payments`) is the same in every account, and the balance has none: it is kept as `balance`.
//! The account that every key begins with distinguishes both. Nothing personal is kept: no name, no address, no number
//! of an account. Amounts are integers in the currency's minor unit.
//!
//! # When an account is ready
//!
//! Nothing is due, nothing is disabled, payouts are enabled, and every capability that was requested is
//! active. A platform that only pays out requests `transfers` alone; `charges_enabled` stays false then, and the account
//! can be ready all the same.
//!
//! # An account that disconnects
//!
//! Stripe says so by `account.application.deauthorized`. Its object is the platform's application, and its `account` is
//! the account. The event is applied to the **account's** item, because a level has one owner: its `seq` is a time
//! that rises from one write of an item to the next. With another item for the application, each receiver would have to
//! combine two levels that overtake each other. So evidence orders connections and disconnections together with the
//! account's own changes:
//!
//! - An `account.updated` from before the disconnection, delivered after it, doesn't make the account ready again.
//! - `account.application.authorized` says only that the account is connected. The account isn't ready until an
//!   `account.updated` or Stripe's API shows that it is: with a key the runner asks for the account.
//! - Within one second, a disconnection is later than an `account.updated`, because Stripe sends the platform none
//!   after it. An `account.updated` is later than a connection, because Stripe sends none before it.
//!
//! An application without an account in the event is kept by its own id, without a level.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_kernel::domain::{DELETED, Domain, Ends, Lacks, NoSettings, Projected, UNKNOWN};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// The key of the balance, which has no id.
pub const BALANCE: &str = "balance";

/// The type by which an account connects to the platform.
const AUTHORIZED: &str = "account.application.authorized";

/// The type by which it disconnects.
const DEAUTHORIZED: &str = "account.application.deauthorized";

/// The capability of an account that receives transfers.
const TRANSFERS: &str = "transfers";

/// What is kept of each object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// Stripe's name for the kind of object.
    pub object: String,
    /// Stripe's id of it, or [`BALANCE`].
    pub id: String,
    /// Stripe's status, if it has one: `unknown` if it is null. An account is `ready` or `not_ready`; if no more is
    /// known of it, `authorized` or `deauthorized`, as an application is. A person's status is whether it is verified;
    /// a transfer's or fee's whether it was given back.
    pub status: String,
    /// Minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Minor units given back so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_reversed: Option<i64>,
    /// Three-letter ISO code, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Where the money goes: a bank account, a card, another Stripe account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Why: the code of a failure, the reason for which an account or capability is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
    /// Of the balance: minor units by currency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub available: Vec<Amount>,
}

/// What a connected account may do, and what is asked of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// It may take payments.
    pub charges_enabled: bool,
    /// It is paid out.
    pub payouts_enabled: bool,
    /// It has filled in the first form.
    pub details_submitted: bool,
    /// It may receive transfers. `None` if the account doesn't say which capabilities it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfers: Option<bool>,
    /// The capabilities that were requested and aren't active, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inactive: Vec<String>,
    /// How many fields are asked for now, including those that are late.
    pub currently_due: usize,
    /// How many fields are late.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub past_due: usize,
    /// The deadline, in Unix seconds, after which something is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Minor units.
    pub amount: i64,
    /// Three-letter ISO code, lower case.
    pub currency: String,
}

/// The domain.
#[derive(Debug)]
pub struct Connect;

impl Domain for Connect {
    const NAME: &'static str = "connect";
    const PREFIXES: &'static [&'static str] = &[
        "account.",
        "capability.",
        "person.",
        "payout.",
        "transfer.",
        "topup.",
        "application_fee.",
        "balance.available",
    ];

    /// States that an object of this kind never leaves, except for another of them.
    ///
    /// - A paid payout isn't here, because the bank can send it back days later.
    /// - A top-up that has succeeded isn't here, because it can be reversed.
    /// - An account has no terminal state: one that was rejected can be asked for more.
    const TERMINAL: &'static [Ends] = &[
        ("payout", &["failed", "canceled"]),
        ("topup", &["failed", "canceled", "reversed"]),
    ];

    /// As listed in infra/docs/first-deploy.md.
    const NEEDED: &'static [&'static str] = &[
        "account.updated",
        "account.application.authorized",
        "account.application.deauthorized",
        "capability.updated",
        "payout.paid",
        "payout.failed",
        "payout.canceled",
    ];

    const IMPORTS: &'static [&'static str] = &["account", "payout"];

    type State = Connected;
    type Settings = NoSettings;

    fn project(event: &Event) -> Result<Projected<Connected>, Fault> {
        let fields = Fields::of(&event.object);
        let object = fields.text("object")?;
        if let ("application", Some(account)) = (object, &event.scope.account) {
            return Ok(connection(event, account));
        }
        let id = match object {
            "balance" => BALANCE,
            _ => fields.text("id")?,
        };
        let state = if Self::is_deleted(event) {
            Connected {
                object: object.to_owned(),
                id: id.to_owned(),
                status: DELETED.to_owned(),
                ..Connected::default()
            }
        } else {
            connected(event, object, id, fields)?
        };
        Ok(Projected {
            object: id.to_owned(),
            terminal: Self::is_terminal(object, &state.status),
            state,
        })
    }

    /// Emitted for any event of a payout that is paid or has failed: the bank may send back what it had accepted.
    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        let fields = Fields::of(&event.object);
        let kind = match (fields.text("object")?, fields.optional_text("status")) {
            ("payout", Some("paid")) => "PayoutPaid",
            ("payout", Some("failed")) => "PayoutFailed",
            _ => return Ok(Vec::new()),
        };
        let mut data = json!({
            "amount": fields.integer("amount")?,
            "currency": fields.text("currency")?,
            "destination": fields.optional_id("destination"),
            "arrival_date": fields.optional_integer("arrival_date"),
        });
        if kind == "PayoutFailed" {
            data["code"] = json!(fields.optional_text("failure_code"));
        }
        Ok(vec![Fact {
            kind,
            object: fields.text("id")?.to_owned(),
            discriminator: None,
            data,
        }])
    }

    /// `AccountReady`, if it has changed. A new account's is always emitted, even if it isn't ready.
    fn levels(before: Option<&Connected>, after: &Connected, _: &NoSettings) -> Vec<Level> {
        let value = account_ready(after);
        let is_news = value != before.and_then(account_ready);
        let level = value.filter(|_| is_news).map(|data| Level {
            kind: "AccountReady",
            key: after.id.clone(),
            until: None,
            data,
        });
        level.into_iter().collect()
    }

    /// A payout that the bank has accepted can fail days later, and the money is back.
    fn overtaken(fact: &Fact, state: &Connected) -> Option<String> {
        let is_back = ["failed", "canceled"].contains(&&*state.status);
        (fact.kind == "PayoutPaid" && is_back).then(|| state.status.clone())
    }

    /// A connection says nothing else about the account: a change in the same second says more.
    fn is_notice(kind: &str) -> bool {
        kind == AUTHORIZED
    }

    /// Stripe sends the platform nothing about an account that has disconnected.
    fn is_closing(kind: &str) -> bool {
        kind == DEAUTHORIZED
    }

    /// If only the connection of an account is known, the rest is missing.
    fn is_whole(state: &Connected) -> bool {
        !(state.object == "account" && state.status == "authorized")
    }

    /// An account that has connected may have been ready for long, and no other event says so. The runner doesn't ask
    /// for one that has disconnected, because Stripe no longer shows it to the platform.
    fn lacks(event: &Event) -> Lacks {
        let connects = event.kind == AUTHORIZED && event.scope.account.is_some();
        match connects && event.object["object"] == "application" {
            true => Lacks::State,
            false => Lacks::Nothing,
        }
    }
}

/// The data of an account's `AccountReady`; `None` for other objects. An account that is deleted, disconnected, or only
/// known to be connected is allowed nothing.
fn account_ready(state: &Connected) -> Option<Value> {
    if state.object != "account" {
        return None;
    }
    let readiness = state.readiness.clone().unwrap_or_default();
    Some(json!({
        "ready": state.status == "ready",
        "disconnected": state.status == "deauthorized",
        "charges_enabled": readiness.charges_enabled,
        "payouts_enabled": readiness.payouts_enabled,
        "transfers": match state.readiness {
            Some(_) => readiness.transfers,
            None => Some(false),
        },
        "inactive_capabilities": readiness.inactive,
        "details_submitted": readiness.details_submitted,
        "currently_due": readiness.currently_due,
        "past_due": readiness.past_due,
        "deadline": readiness.deadline,
        "disabled_reason": state.reason,
    }))
}

/// The account as an event shows it that says it has connected or disconnected.
fn connection(event: &Event, account: &str) -> Projected<Connected> {
    Projected {
        object: account.to_owned(),
        terminal: false,
        state: Connected {
            object: "account".to_owned(),
            id: account.to_owned(),
            status: authorization(event).to_owned(),
            ..Connected::default()
        },
    }
}

fn authorization(event: &Event) -> &'static str {
    match event.kind == DEAUTHORIZED {
        true => "deauthorized",
        false => "authorized",
    }
}

/// What an account object says about itself, and whether it is ready:
///
/// - `requirements.currently_due` and `past_due` are empty. With something due an account may still work until
///   `current_deadline`; the flags say so. `future_requirements` and `eventually_due` aren't due yet.
/// - `requirements.disabled_reason` is null.
/// - `payouts_enabled`.
/// - Every requested capability is active. `capabilities` lists those that were requested, each as `active`, `inactive`
///   or `pending`; `unrequested` is a status of the capability object, which isn't listed, and is left out if it is
///   listed. An account that lists none, as in versions before 2019, needs `charges_enabled` instead.
fn readiness(account: Fields<'_>) -> (Readiness, bool) {
    let listed = account.get("capabilities").and_then(Value::as_object);
    let listed = listed.filter(|listed| !listed.is_empty());
    let requested = listed
        .into_iter()
        .flatten()
        .filter(|(_, status)| *status != "unrequested");
    let inactive: Vec<_> = requested
        .filter(|(_, status)| *status != "active")
        .map(|(name, _)| name.clone())
        .collect();
    let readiness = Readiness {
        charges_enabled: account.flag("charges_enabled"),
        payouts_enabled: account.flag("payouts_enabled"),
        details_submitted: account.flag("details_submitted"),
        transfers: listed.map(|listed| listed.get(TRANSFERS).is_some_and(|it| it == "active")),
        inactive,
        currently_due: account.list("requirements/currently_due").count(),
        past_due: account.list("requirements/past_due").count(),
        deadline: account.optional_integer("requirements/current_deadline"),
    };
    let may_act = match readiness.transfers {
        Some(_) => readiness.inactive.is_empty(),
        None => readiness.charges_enabled,
    };
    let is_ready = may_act
        && readiness.payouts_enabled
        && readiness.currently_due == 0
        && readiness.past_due == 0
        && account.get("requirements/disabled_reason").is_none();
    (readiness, is_ready)
}

fn connected(
    event: &Event,
    object: &str,
    id: &str,
    fields: Fields<'_>,
) -> Result<Connected, Fault> {
    let text = |path: &str| fields.optional_text(path).map(str::to_owned);
    let readiness = (object == "account").then(|| readiness(fields));
    let amount = match object {
        "payout" | "transfer" | "topup" | "application_fee" | "fee_refund" => {
            Some(fields.integer("amount")?)
        }
        _ => None,
    };
    let amount_reversed = match object {
        "transfer" => fields.optional_integer("amount_reversed"),
        "application_fee" => fields.optional_integer("amount_refunded"),
        _ => None,
    };
    let status = match object {
        "account" if readiness.as_ref().is_some_and(|(_, is_ready)| *is_ready) => "ready",
        "account" => "not_ready",
        "application" => authorization(event),
        "person" => fields
            .optional_text("verification/status")
            .unwrap_or("unverified"),
        "transfer" | "application_fee" => match amount_reversed.unwrap_or_default() {
            0 => "complete",
            reversed if Some(reversed) == amount => "reversed",
            _ => "partly_reversed",
        },
        "balance" | "fee_refund" | "card" => "complete",
        _ => fields.nullable_text("status")?.unwrap_or(UNKNOWN),
    };
    let available = match object {
        "balance" => fields
            .list("available")
            .map(money)
            .collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    Ok(Connected {
        object: object.to_owned(),
        id: id.to_owned(),
        status: status.to_owned(),
        amount,
        amount_reversed,
        currency: text("currency"),
        destination: fields.optional_id("destination").map(str::to_owned),
        reason: text("failure_code").or_else(|| text("requirements/disabled_reason")),
        readiness: readiness.map(|(readiness, _)| readiness),
        available,
    })
}

fn money(amount: Fields<'_>) -> Result<Amount, Fault> {
    Ok(Amount {
        amount: amount.integer("amount")?,
        currency: amount.text("currency")?.to_owned(),
    })
}

#[cfg(test)]
mod tests;
