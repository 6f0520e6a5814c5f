//! The connect domain: connected accounts, and the money that moves between accounts and banks.
//!
//! | event types | object | what is kept beside status, amount and currency | effects |
//! |---|---|---|---|
//! | `account.updated` | account | what it may do, what is asked of it | `AccountReady` |
//! | `account.application.*` | application | | |
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
//! Both are told apart by the account that every key begins with. Nothing personal is kept: no name, no address, no
//! number of an account. Amounts are integers in the currency's minor unit.
//!
//! An account that disconnects (`account.application.deauthorized`) is told by its application's state, and not by
//! `AccountReady`: a level has one owner, and the account itself isn't changed by it.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{Domain, NoSettings, Projected};
use sluice_kernel::effect::{Fact, Level};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// Event types by prefix; the template's rule has the same.
const PREFIXES: [&str; 8] = [
    "account.",
    "capability.",
    "person.",
    "payout.",
    "transfer.",
    "topup.",
    "application_fee.",
    "balance.available",
];

/// States after which an object of this kind changes to none but another of them.
///
/// - A paid payout isn't here, because the bank can send it back days later.
/// - A top-up that has succeeded isn't here, because it can be reversed.
/// - An account is never at an end: one that was rejected can be asked for more.
const TERMINAL: [(&str, &[&str]); 2] = [
    ("payout", &["failed", "canceled"]),
    ("topup", &["failed", "canceled", "reversed"]),
];

/// The key of the balance, which has no id.
pub const BALANCE: &str = "balance";

/// The status of an object that Stripe no longer has.
const DELETED: &str = "deleted";

/// What is kept of each object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// Stripe's name for the kind of object.
    pub object: String,
    /// Stripe's id of it, or [`BALANCE`].
    pub id: String,
    /// Stripe's status, where it has one. Of an account `ready` or `not_ready`; of an application `authorized` or
    /// `deauthorized`; of a person whether it is verified; of a transfer or fee whether it was given back.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// It may take payments.
    pub charges_enabled: bool,
    /// It is paid out.
    pub payouts_enabled: bool,
    /// It has filled in the first form.
    pub details_submitted: bool,
    /// How many fields are asked for now.
    pub currently_due: usize,
    /// By when, in Unix seconds, before something is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
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
    type State = Connected;
    type Settings = NoSettings;

    fn handles(kind: &str) -> bool {
        PREFIXES.iter().any(|prefix| kind.starts_with(prefix))
    }

    fn project(event: &Event) -> Result<Projected<Connected>, Fault> {
        let fields = Fields::of(&event.object);
        let object = fields.text("object")?;
        let id = match object {
            "balance" => BALANCE,
            _ => fields.text("id")?,
        };
        let state = if event.kind.ends_with(".deleted") || fields.flag("deleted") {
            Connected {
                object: object.to_owned(),
                id: id.to_owned(),
                status: DELETED.to_owned(),
                ..Connected::default()
            }
        } else {
            connected(event, object, id, fields)?
        };
        let terminal = state.status == DELETED
            || TERMINAL
                .iter()
                .any(|(kind, ends)| *kind == object && ends.contains(&&*state.status));
        Ok(Projected {
            object: id.to_owned(),
            owner: None,
            terminal,
            state,
        })
    }

    /// Told by any event of a payout that is paid, or has failed: the bank may send back what it had taken.
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

    /// `AccountReady`, where it isn't what it was. A new account's is always told, also where it isn't ready.
    fn levels(before: Option<&Connected>, after: &Connected, _: &NoSettings) -> Vec<Level> {
        let was = before.and_then(|before| Some((before.readiness?, &before.reason)));
        let (readiness, reason) = match after.readiness {
            Some(readiness) => (readiness, &after.reason),
            // A deleted account may do nothing any more.
            None if was.is_some() => (Readiness::default(), &None),
            None => return Vec::new(),
        };
        if was == Some((readiness, reason)) {
            return Vec::new();
        }
        vec![Level {
            kind: "AccountReady",
            key: after.id.clone(),
            until: None,
            data: json!({
                "ready": after.status == "ready",
                "charges_enabled": readiness.charges_enabled,
                "payouts_enabled": readiness.payouts_enabled,
                "details_submitted": readiness.details_submitted,
                "currently_due": readiness.currently_due,
                "deadline": readiness.deadline,
                "disabled_reason": reason,
            }),
        }]
    }
}

fn connected(
    event: &Event,
    object: &str,
    id: &str,
    fields: Fields<'_>,
) -> Result<Connected, Fault> {
    let text = |path: &str| fields.optional_text(path).map(str::to_owned);
    let readiness = (object == "account").then(|| Readiness {
        charges_enabled: fields.flag("charges_enabled"),
        payouts_enabled: fields.flag("payouts_enabled"),
        details_submitted: fields.flag("details_submitted"),
        currently_due: fields.list("requirements/currently_due").count(),
        deadline: fields.optional_integer("requirements/current_deadline"),
    });
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
        "account" if readiness.is_some_and(|it| it.charges_enabled && it.payouts_enabled) => {
            "ready"
        }
        "account" => "not_ready",
        "application" if event.kind.ends_with(".deauthorized") => "deauthorized",
        "application" => "authorized",
        "person" => fields
            .optional_text("verification/status")
            .unwrap_or("unverified"),
        "transfer" | "application_fee" => match amount_reversed.unwrap_or_default() {
            0 => "complete",
            reversed if Some(reversed) == amount => "reversed",
            _ => "partly_reversed",
        },
        "balance" | "fee_refund" | "card" => "complete",
        _ => fields.text("status")?,
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
        readiness,
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
