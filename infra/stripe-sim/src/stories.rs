//! The lifecycles that the simulation plays.
//!
//! Each story is a function that is told on a stage: it reads from top to bottom as things happen. What Stripe does
//! in one go shares a second or spills into the next, as the dice fall; days pass where days pass. Changes that Stripe
//! tells of by several events have several here.

mod accounts;
mod checkout;
mod customers;
mod disputes;
mod invoices;
mod payouts;
mod refunds;
mod setups;
mod subscriptions;

use crate::stage::Stage;

const DAY_S: i64 = 86_400;

/// A lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Story {
    /// A purchase through Checkout: session, payment intent, charge.
    Purchase,
    /// The same, but the first card is declined.
    DeclinedThenPaid,
    /// A session that nobody completes.
    AbandonedCheckout,
    /// A bank debit: the session completes unpaid, and days later the money comes.
    DelayedPayment,
    /// An authorization that is captured days later.
    HoldCaptured,
    /// A payment intent that is canceled.
    PaymentCanceled,
    /// A purchase, refunded in part: the refund is pending first.
    PartialRefund,
    /// A purchase, refunded whole.
    FullRefund,
    /// Two partial refunds of equal amounts.
    TwoEqualRefunds,
    /// A refund that succeeds and that the bank sends back days later.
    RefundFailsLater,
    /// A dispute that is fought and won: the money leaves and returns.
    DisputeWon,
    /// A dispute that is lost.
    DisputeLost,
    /// A warning of fraud, a review, and its closing.
    Review,
    /// A subscription that begins unpaid, is paid, renews, grows, and is canceled for the period's end.
    Subscription,
    /// A subscription with a trial that turns into a paid one, and is deleted at once in the end.
    Trial,
    /// A trial that is canceled after the notice of its end.
    TrialCanceled,
    /// A renewal whose payment fails and then succeeds: active, past due, active.
    RenewalRecovered,
    /// A renewal that is never paid: past due, canceled, its invoice voided.
    RenewalLost,
    /// Several updates of a subscription within one second.
    BusySecond,
    /// A first payment that never comes: incomplete, expired.
    NeverActivated,
    /// An invoice by mail that is overdue, and paid in the end.
    InvoiceOverduePaid,
    /// An invoice by mail that is voided.
    InvoiceVoided,
    /// A payout that arrives.
    PayoutPaid,
    /// A payout that is reported as paid, and fails days later.
    PayoutFailsLater,
    /// A card saved for later, after a failed attempt.
    CardSaved,
    /// A customer who comes, changes and goes.
    CustomerDeleted,
    /// A connected account's way to charges and payouts. Only told by [`World::connect`](crate::World::connect).
    Onboarding,
}

impl Story {
    /// Every story that any account can have, in the order of the list.
    pub const ALL: [Self; 26] = [
        Self::Purchase,
        Self::DeclinedThenPaid,
        Self::AbandonedCheckout,
        Self::DelayedPayment,
        Self::HoldCaptured,
        Self::PaymentCanceled,
        Self::PartialRefund,
        Self::FullRefund,
        Self::TwoEqualRefunds,
        Self::RefundFailsLater,
        Self::DisputeWon,
        Self::DisputeLost,
        Self::Review,
        Self::Subscription,
        Self::Trial,
        Self::TrialCanceled,
        Self::RenewalRecovered,
        Self::RenewalLost,
        Self::BusySecond,
        Self::NeverActivated,
        Self::InvoiceOverduePaid,
        Self::InvoiceVoided,
        Self::PayoutPaid,
        Self::PayoutFailsLater,
        Self::CardSaved,
        Self::CustomerDeleted,
    ];

    pub(crate) fn tell(self, stage: &mut Stage<'_>) {
        match self {
            Self::Purchase => {
                checkout::purchase(stage);
            }
            Self::DeclinedThenPaid => checkout::declined_then_paid(stage),
            Self::AbandonedCheckout => checkout::abandoned(stage),
            Self::DelayedPayment => checkout::delayed_payment(stage),
            Self::HoldCaptured => checkout::hold_captured(stage),
            Self::PaymentCanceled => checkout::payment_canceled(stage),
            Self::PartialRefund => refunds::partial(stage),
            Self::FullRefund => refunds::full(stage),
            Self::TwoEqualRefunds => refunds::two_equal(stage),
            Self::RefundFailsLater => refunds::fails_later(stage),
            Self::DisputeWon => disputes::won(stage),
            Self::DisputeLost => disputes::lost(stage),
            Self::Review => disputes::review(stage),
            Self::Subscription => subscriptions::whole_life(stage),
            Self::Trial => subscriptions::trial(stage),
            Self::TrialCanceled => subscriptions::trial_canceled(stage),
            Self::RenewalRecovered => subscriptions::renewal_recovered(stage),
            Self::RenewalLost => subscriptions::renewal_lost(stage),
            Self::BusySecond => subscriptions::busy_second(stage),
            Self::NeverActivated => subscriptions::never_activated(stage),
            Self::InvoiceOverduePaid => invoices::overdue_then_paid(stage),
            Self::InvoiceVoided => invoices::voided(stage),
            Self::PayoutPaid => payouts::paid(stage),
            Self::PayoutFailsLater => payouts::fails_later(stage),
            Self::CardSaved => setups::card_saved(stage),
            Self::CustomerDeleted => customers::deleted(stage),
            Self::Onboarding => accounts::onboarding(stage),
        }
    }
}
