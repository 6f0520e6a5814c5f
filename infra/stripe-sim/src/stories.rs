//! The lifecycles that the simulation plays.
//!
//! Each story is a function that is played with a `Stage`: it reads from top to bottom in the order in which things
//! happen. What Stripe does in one go shares a second or continues into the next, at random; days pass as they would at
//! Stripe. If Stripe reports a change by several events, the story has several.

mod accounts;
mod checkout;
mod customers;
mod discounts;
mod disputes;
mod documents;
mod holds;
mod invoices;
mod pauses;
mod payouts;
mod plans;
mod refunds;
mod schedules;
mod setups;
mod subscriptions;
mod transfers;

use crate::story_context::Stage;

/// No story of [`Story::ALL`] takes longer, in seconds: 400 days.
pub const STORY_S_MAX: i64 = 400 * 86_400;

const DAY_S: i64 = 86_400;

/// A lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Story {
    /// A purchase through Checkout: session, payment intent, charge.
    Purchase,
    /// The same, but the first card is declined.
    DeclinedThenPaid,
    /// A session that the customer doesn't complete.
    AbandonedCheckout,
    /// A bank debit: the session completes unpaid, and the money comes days later.
    DelayedPayment,
    /// An authorization that is captured days later.
    HoldCaptured,
    /// A payment intent that is canceled.
    PaymentCanceled,
    /// A purchase, refunded in part: the refund is pending first.
    PartialRefund,
    /// A purchase, refunded in full.
    FullRefund,
    /// Two partial refunds of equal amounts.
    TwoEqualRefunds,
    /// A refund that succeeds and that the bank sends back days later.
    RefundFailsLater,
    /// A dispute that the merchant contests and wins: the money leaves and returns.
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
    /// An invoice by mail that is overdue, and is paid in the end.
    InvoiceOverduePaid,
    /// An invoice by mail that is voided.
    InvoiceVoided,
    /// A payout that arrives.
    PayoutPaid,
    /// A payout that is reported as paid, and fails days later.
    PayoutFailsLater,
    /// A card saved for later, after a failed attempt.
    CardSaved,
    /// A customer who is created, changed and deleted.
    CustomerDeleted,
    /// A payment for which the bank requires authentication, and gets it.
    AuthenticatedPayment,
    /// The same, but the customer doesn't authenticate: it fails without a charge, and is canceled.
    AuthenticationFails,
    /// A bank debit that the bank refuses days later.
    DelayedPaymentFails,
    /// An authorization that the merchant doesn't capture.
    HoldExpired,
    /// A card to be saved that the customer doesn't authenticate.
    SetupCanceled,
    /// A subscription with a discount, which changes and ends.
    Discounted,
    /// A trial that ends without a card: the subscription is paused, and resumed later.
    PausedAndResumed,
    /// A subscription whose payments aren't collected for a while.
    CollectionPaused,
    /// An upgrade that waits for its payment, and gets it.
    PendingUpdateApplied,
    /// An upgrade that waits for its payment without success.
    PendingUpdateExpired,
    /// A subscription made and ended by its schedule, with two phases.
    ScheduleCompleted,
    /// A schedule that releases its subscription.
    ScheduleReleased,
    /// A schedule that is canceled before it begins.
    ScheduleCanceled,
    /// A schedule that ends because its subscription isn't paid for.
    ScheduleAborted,
    /// An invoice made by hand: items, one of them deleted; a draft that is deleted.
    InvoiceItems,
    /// An invoice by mail that is given up.
    InvoiceUncollectible,
    /// A credit note over all of an open invoice.
    CreditNoteIssued,
    /// A credit note over part of an open invoice, voided again.
    CreditNoteVoided,
    /// A quote that turns into a subscription.
    QuoteAccepted,
    /// A quote that is canceled.
    QuoteCanceled,
    /// A payout that is canceled in time.
    PayoutCanceled,
    /// A transfer to a connected account, reversed in two parts.
    TransferReversed,
    /// An application fee, given back in two parts.
    FeeRefunded,
    /// A top-up that arrives and is reversed.
    TopUpReversed,
    /// A top-up that fails, and one that is canceled.
    TopUpFails,
    /// A yearly plan with a monthly add-on, whose renewal fails and recovers.
    MixedIntervals,
    /// A subscription that begins without a seat.
    Seats,
    /// A subscription and entitlements of more elements than events show.
    LongLists,
    /// A trial that ends at once with a change of plan: the notice of its end shares the change's second.
    TrialSwitched,
    /// An upgrade that is declined in mid-period, and paid later.
    UpgradeDeclined,
    /// A subscription whose invoices are voided from now on.
    CollectionStopped,
    /// An inquiry that the bank closes: no money moves.
    InquiryClosed,
    /// An inquiry that becomes a chargeback, which is lost.
    InquiryEscalated,
    /// The same after the inquiry was closed; the chargeback is won.
    InquiryReopened,
    /// A dispute whose money moves in another currency than the payment's.
    DisputeInAnotherCurrency,
    /// An authorization that is given up: the intent is canceled.
    HoldReleased,
    /// An authorization of which a part is captured and the rest released; later some of the captured part is refunded.
    HoldCapturedInPart,
    /// A refund that succeeds and is canceled later: the money comes back.
    RefundCanceledLater,
    /// A refund that is canceled before any money moves.
    RefundCanceledWhilePending,
    /// A refund without a status, as old ones are.
    RefundWithoutStatus,
    /// A session that is paid in the customer's own currency.
    AdaptivePricing,
    /// Two attempts that fail without a charge; the first one has two events a second apart.
    FailsTwiceWithoutCharge,
    /// A payment that succeeds and is refunded; each change has two events a second apart.
    TwoEventsPerChange,
    /// A bank transfer that covers a part at first, and the rest a day later.
    BankTransfer,
    /// A subscription that grows and is canceled for the period's end, and whose customer is deleted then.
    CustomerGone,
    /// A renewal that the preview of its invoice announces, and that is never paid.
    RenewalAnnounced,
    /// A meter that is sent usage which names no customer: only an event of API v2 reports it.
    MeterErrors,
    /// A connected account's onboarding up to charges and payouts. Only played by
    /// [`World::connect`](crate::World::connect).
    Onboarding,
    /// The same for an account that only receives payouts: it may receive transfers and can't charge. Only played by
    /// [`World::connect_recipient`](crate::World::connect_recipient).
    RecipientOnboarding,
    /// Stripe asks a connected account for a document, disables it when the document is late, and enables it again. Only
    /// played by [`World::restrict`](crate::World::restrict).
    Restricted,
    /// A connected account disconnects, and connects again unchanged. Only played by
    /// [`World::reconnect`](crate::World::reconnect).
    Reconnecting,
    /// A connected account removes its bank account and its person, and disconnects. Only played by
    /// [`World::disconnect`](crate::World::disconnect).
    Offboarding,
}

impl Story {
    /// Every story that any account can have, in the order of the list.
    pub const ALL: [Self; 71] = [
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
        Self::AuthenticatedPayment,
        Self::AuthenticationFails,
        Self::DelayedPaymentFails,
        Self::HoldExpired,
        Self::SetupCanceled,
        Self::Discounted,
        Self::PausedAndResumed,
        Self::CollectionPaused,
        Self::PendingUpdateApplied,
        Self::PendingUpdateExpired,
        Self::ScheduleCompleted,
        Self::ScheduleReleased,
        Self::ScheduleCanceled,
        Self::ScheduleAborted,
        Self::InvoiceItems,
        Self::InvoiceUncollectible,
        Self::CreditNoteIssued,
        Self::CreditNoteVoided,
        Self::QuoteAccepted,
        Self::QuoteCanceled,
        Self::PayoutCanceled,
        Self::TransferReversed,
        Self::FeeRefunded,
        Self::TopUpReversed,
        Self::TopUpFails,
        Self::MixedIntervals,
        Self::Seats,
        Self::LongLists,
        Self::TrialSwitched,
        Self::UpgradeDeclined,
        Self::CollectionStopped,
        Self::InquiryClosed,
        Self::InquiryEscalated,
        Self::InquiryReopened,
        Self::DisputeInAnotherCurrency,
        Self::HoldReleased,
        Self::HoldCapturedInPart,
        Self::RefundCanceledLater,
        Self::RefundCanceledWhilePending,
        Self::RefundWithoutStatus,
        Self::AdaptivePricing,
        Self::FailsTwiceWithoutCharge,
        Self::TwoEventsPerChange,
        Self::BankTransfer,
        Self::CustomerGone,
    ];

    /// Every story that only a connected account has. Each has a method of [`World`](crate::World) that plays it.
    pub const OF_ACCOUNTS: [Self; 5] = [
        Self::Onboarding,
        Self::RecipientOnboarding,
        Self::Restricted,
        Self::Reconnecting,
        Self::Offboarding,
    ];

    pub(crate) fn tell(self, stage: &mut Stage<'_>) {
        match self {
            Self::Purchase => {
                checkout::purchase(stage);
            }
            Self::DeclinedThenPaid => checkout::declined_then_paid(stage),
            Self::AbandonedCheckout => checkout::abandoned(stage),
            Self::DelayedPayment => checkout::delayed_payment(stage),
            Self::HoldCaptured => holds::captured(stage),
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
            Self::AuthenticatedPayment => checkout::authenticated(stage),
            Self::AuthenticationFails => checkout::not_authenticated(stage),
            Self::DelayedPaymentFails => checkout::delayed_payment_fails(stage),
            Self::HoldExpired => holds::expired(stage),
            Self::SetupCanceled => setups::canceled(stage),
            Self::Discounted => discounts::discounted(stage),
            Self::PausedAndResumed => pauses::paused_and_resumed(stage),
            Self::CollectionPaused => pauses::not_collected(stage),
            Self::PendingUpdateApplied => pauses::pending_update_applied(stage),
            Self::PendingUpdateExpired => pauses::pending_update_expired(stage),
            Self::ScheduleCompleted => schedules::completed(stage),
            Self::ScheduleReleased => schedules::released(stage),
            Self::ScheduleCanceled => schedules::canceled(stage),
            Self::ScheduleAborted => schedules::aborted(stage),
            Self::InvoiceItems => documents::items(stage),
            Self::InvoiceUncollectible => invoices::uncollectible(stage),
            Self::CreditNoteIssued => documents::credit_note(stage),
            Self::CreditNoteVoided => documents::credit_note_voided(stage),
            Self::QuoteAccepted => documents::quote_accepted(stage),
            Self::QuoteCanceled => documents::quote_canceled(stage),
            Self::PayoutCanceled => payouts::canceled(stage),
            Self::TransferReversed => transfers::reversed(stage),
            Self::FeeRefunded => transfers::fee_refunded(stage),
            Self::TopUpReversed => transfers::topped_up(stage),
            Self::TopUpFails => transfers::topup_fails(stage),
            Self::MixedIntervals => plans::mixed_intervals(stage),
            Self::Seats => plans::seats(stage),
            Self::LongLists => plans::long_lists(stage),
            Self::TrialSwitched => plans::trial_switched(stage),
            Self::UpgradeDeclined => plans::upgrade_declined(stage),
            Self::CollectionStopped => plans::collection_stopped(stage),
            Self::InquiryClosed => disputes::inquiry_closed(stage),
            Self::InquiryEscalated => disputes::inquiry_escalated(stage),
            Self::InquiryReopened => disputes::inquiry_reopened(stage),
            Self::DisputeInAnotherCurrency => disputes::in_another_currency(stage),
            Self::HoldReleased => holds::released(stage),
            Self::HoldCapturedInPart => holds::captured_in_part(stage),
            Self::RefundCanceledLater => refunds::canceled_later(stage),
            Self::RefundCanceledWhilePending => refunds::canceled_while_pending(stage),
            Self::RefundWithoutStatus => refunds::without_status(stage),
            Self::AdaptivePricing => checkout::adaptive_pricing(stage),
            Self::FailsTwiceWithoutCharge => checkout::fails_twice_without_charge(stage),
            Self::TwoEventsPerChange => refunds::two_events_per_change(stage),
            Self::BankTransfer => checkout::bank_transfer(stage),
            Self::CustomerGone => subscriptions::customer_gone(stage),
            Self::RenewalAnnounced => subscriptions::renewal_announced(stage),
            Self::MeterErrors => subscriptions::meter_errors(stage),
            Self::Onboarding => accounts::onboarding(stage, &["card_payments", "transfers"]),
            Self::RecipientOnboarding => accounts::onboarding(stage, &["transfers"]),
            Self::Restricted => accounts::restricted(stage),
            Self::Reconnecting => accounts::reconnecting(stage),
            Self::Offboarding => accounts::offboarding(stage),
        }
    }
}
