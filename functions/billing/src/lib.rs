//! The billing domain: invoices and what belongs to them.
//!
//! | event types | object | what is kept besides status, amount and currency | facts |
//! |---|---|---|---|
//! | `invoice.*`, but not `invoice.upcoming` | invoice | customer, subscription, what is paid and what remains, attempts | `InvoicePaid`, `InvoicePaymentFailed`, `InvoiceOverdue` |
//! | `invoiceitem.*` | invoice item | customer, invoice | |
//! | `invoice_payment.*` | invoice payment | invoice, payment intent | |
//! | `credit_note.*` | credit note | customer, invoice | |
//! | `quote.*` | quote | customer, invoice, subscription | |
//!
//! `invoice.upcoming` is a preview of an invoice that doesn't exist yet; it has no id that stays, and is ignored. The
//! invoice payment names the payment intent that pays an invoice: since API version 2025-03-31 an invoice may have
//! several, and names none. Amounts are integers in the currency's minor unit.
//!
//! # What a fact's data may say
//!
//! A fact holds only what every event of the fact shows alike, whichever comes first: a snapshot of the moment, another
//! endpoint's snapshot in another API version, or a thin event with its invoice fetched later. So a fact about an
//! invoice that failed or is overdue says what was due when it was finalized. It doesn't say what remains to be paid or
//! when Stripe tries again: credit notes, partial payments and a new schedule change these. The state has both as they
//! are.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_kernel::domain::{DELETED, Domain, Ends, NoSettings, Projected, UNKNOWN};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// States of an invoice in which no payment is expected any more.
const SETTLED: [&str; 3] = ["paid", "void", "uncollectible"];

/// What is kept of each object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Stripe's name for the kind of object.
    pub object: String,
    /// Stripe's status of it, `unknown` if it is null. An invoice item is `pending` until it is on an invoice, then
    /// `invoiced`.
    pub status: String,
    /// Minor units: what is due, credited or quoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Minor units paid so far, of an invoice or by an invoice payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_paid: Option<i64>,
    /// Minor units of an invoice that are still to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_remaining: Option<i64>,
    /// Three-letter ISO code, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// `cus_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The subscription that it bills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// The invoice that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// The payment intent that pays, of an invoice payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<String>,
    /// When an invoice that was sent has to be paid, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date: Option<i64>,
    /// How often Stripe has tried to collect an invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i64>,
    /// When it tries again, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<i64>,
}

/// The domain.
#[derive(Debug)]
pub struct Billing;

impl Domain for Billing {
    const NAME: &'static str = "billing";
    const PREFIXES: &'static [&'static str] = &[
        "invoice.",
        "invoiceitem.",
        "invoice_payment.",
        "credit_note.",
        "quote.",
    ];

    /// The preview of an invoice that doesn't exist yet.
    const EXCEPT: &'static [&'static str] = &["invoice.upcoming"];

    /// States that an object of this kind never leaves, except for another of them.
    ///
    /// - A paid invoice stays paid: credit notes and refunds are objects of their own. An uncollectible one isn't here,
    ///   because it can still be paid or voided.
    /// - A quote that is finalized (`open`) isn't here, because it waits for an answer.
    const TERMINAL: &'static [Ends] = &[
        ("invoice", &["paid", "void"]),
        ("invoice_payment", &["paid", "canceled"]),
        ("credit_note", &["void"]),
        ("quote", &["accepted", "canceled"]),
    ];

    /// As listed in infra/docs/first-deploy.md.
    const NEEDED: &'static [&'static str] = &[
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.overdue",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice.updated",
        "invoice.deleted",
        "invoice_payment.paid",
        "credit_note.created",
        "credit_note.updated",
        "credit_note.voided",
    ];

    const IMPORTS: &'static [&'static str] = &["invoice"];

    type State = Bill;
    type Settings = NoSettings;

    fn project(event: &Event) -> Result<Projected<Bill>, Fault> {
        let fields = Fields::of(&event.object);
        let object = fields.text("object")?;
        let state = if Self::is_deleted(event) {
            Bill {
                object: object.to_owned(),
                status: DELETED.to_owned(),
                ..Bill::default()
            }
        } else {
            bill(object, fields)?
        };
        Ok(Projected {
            object: fields.text("id")?.to_owned(),
            terminal: Self::is_terminal(object, &state.status),
            state,
        })
    }

    /// - `InvoicePaid`: emitted for any event of an invoice that is paid, including one with nothing to pay.
    /// - `InvoicePaymentFailed`: emitted for `invoice.payment_failed`, distinguished by Stripe's count of attempts.
    ///   That counts the first attempt and each automatic one after it; further attempts by hand are reported by the
    ///   payment intent.
    /// - `InvoiceOverdue`: emitted for `invoice.overdue`, distinguished by the due date, which can be moved.
    ///
    /// A thin event's invoice is fetched and may be paid by then: such an invoice no longer says which attempt failed.
    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        let fields = Fields::of(&event.object);
        if fields.text("object")? != "invoice" || Self::is_deleted(event) {
            return Ok(Vec::new());
        }
        let fact = |kind, discriminator, data| {
            Ok(vec![Fact {
                kind,
                object: fields.text("id")?.to_owned(),
                discriminator,
                data: with(common(fields)?, data),
            }])
        };
        let paid = fields.optional_text("status") == Some("paid");
        match &*event.kind {
            "invoice.payment_failed" if !paid => {
                let attempt = fields.integer("attempt_count")?;
                let data = json!({
                    "amount": finalized_amount(fields)?,
                    "attempt": attempt,
                });
                fact("InvoicePaymentFailed", Some(attempt.to_string()), data)
            }
            "invoice.overdue" => {
                let due_date = fields.optional_integer("due_date");
                let data = json!({
                    "amount": finalized_amount(fields)?,
                    "due_date": due_date,
                });
                let discriminator = due_date.map(|due_date| due_date.to_string());
                fact("InvoiceOverdue", discriminator, data)
            }
            _ if paid => {
                let data = json!({
                    "amount": fields.integer("amount_paid")?,
                    "billing_reason": fields.optional_text("billing_reason"),
                });
                fact("InvoicePaid", None, data)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn levels(_before: Option<&Bill>, _after: &Bill, _: &NoSettings) -> Vec<Level> {
        Vec::new()
    }

    /// An invoice that is paid, voided or given up no longer has to be paid: a reminder would be wrong.
    fn overtaken(fact: &Fact, state: &Bill) -> Option<String> {
        let calls_for_payment = ["InvoicePaymentFailed", "InvoiceOverdue"].contains(&fact.kind);
        let is_settled = SETTLED.contains(&&*state.status);
        (calls_for_payment && is_settled).then(|| state.status.clone())
    }
}

fn bill(object: &str, fields: Fields<'_>) -> Result<Bill, Fault> {
    let id = |path: &str| fields.optional_id(path).map(str::to_owned);
    let integer = |path: &str| fields.optional_integer(path);
    let status = match object {
        "invoiceitem" if fields.optional_id("invoice").is_some() => "invoiced",
        "invoiceitem" => "pending",
        _ => fields.nullable_text("status")?.unwrap_or(UNKNOWN),
    };
    let amount = match object {
        "invoice" => fields.integer("amount_due")?,
        "invoice_payment" => fields.integer("amount_requested")?,
        "quote" => fields.integer("amount_total")?,
        _ => fields.integer("amount")?,
    };
    Ok(Bill {
        object: object.to_owned(),
        status: status.to_owned(),
        amount: Some(amount),
        amount_paid: integer("amount_paid"),
        amount_remaining: integer("amount_remaining"),
        currency: fields.optional_text("currency").map(str::to_owned),
        customer: id("customer"),
        subscription: subscription(fields).map(str::to_owned),
        invoice: id("invoice"),
        payment_intent: id("payment/payment_intent"),
        due_date: integer("due_date"),
        attempts: integer("attempt_count"),
        next_attempt: integer("next_payment_attempt"),
    })
}

/// What an invoice was for when it was finalized, in minor units: a credit note from before the payment reduces what is
/// due, and is summed up in a field of its own.
fn finalized_amount(invoice: Fields<'_>) -> Result<i64, Fault> {
    let credited = invoice.optional_integer("pre_payment_credit_notes_amount");
    Ok(invoice.integer("amount_due")? + credited.unwrap_or_default())
}

/// The subscription that it bills. Before API version 2025-03-31 an invoice and its items named it themselves. An
/// invoice that was made by hand from a subscription's items names it only in its lines: it belongs to that
/// subscription if they name only one. Lines beyond Stripe's first page can't be seen; with more lines than that, the
/// result is `None`.
fn subscription(fields: Fields<'_>) -> Option<&str> {
    fields
        .optional_id("subscription")
        .or_else(|| fields.optional_id("parent/subscription_details/subscription"))
        .or_else(|| {
            let mut named = fields.list("lines").filter_map(subscription_of_line);
            let first = named.next()?;
            let is_one = named.all(|other| other == first) && !fields.flag("lines/has_more");
            is_one.then_some(first)
        })
}

/// The subscription that a line of an invoice names, in the place that each API version has for it.
fn subscription_of_line(line: Fields<'_>) -> Option<&str> {
    [
        "subscription",
        "parent/subscription_item_details/subscription",
        "parent/invoice_item_details/subscription",
    ]
    .into_iter()
    .find_map(|path| line.optional_id(path))
}

/// What every fact of an invoice says.
fn common(invoice: Fields<'_>) -> Result<Value, Fault> {
    Ok(json!({
        "currency": invoice.text("currency")?,
        "customer": invoice.optional_id("customer"),
        "subscription": subscription(invoice),
    }))
}

fn with(mut data: Value, more: Value) -> Value {
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    data
}

#[cfg(test)]
mod tests;
