//! The lifecycles that the simulation plays.
//!
//! Each story is a function that is played with a `StoryContext`: it reads from top to bottom in the order in which things
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

use crate::story_context::StoryContext;

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

    pub(crate) fn play(self, context: &mut StoryContext<'_>) {
        match self {
            Self::Purchase => {
                checkout::purchase(context);
            }
            Self::DeclinedThenPaid => checkout::declined_then_paid(context),
            Self::AbandonedCheckout => checkout::abandoned(context),
            Self::DelayedPayment => checkout::delayed_payment(context),
            Self::HoldCaptured => holds::captured(context),
            Self::PaymentCanceled => checkout::payment_canceled(context),
            Self::PartialRefund => refunds::partial(context),
            Self::FullRefund => refunds::full(context),
            Self::TwoEqualRefunds => refunds::two_equal(context),
            Self::RefundFailsLater => refunds::fails_later(context),
            Self::DisputeWon => disputes::won(context),
            Self::DisputeLost => disputes::lost(context),
            Self::Review => disputes::review(context),
            Self::Subscription => subscriptions::whole_life(context),
            Self::Trial => subscriptions::trial(context),
            Self::TrialCanceled => subscriptions::trial_canceled(context),
            Self::RenewalRecovered => subscriptions::renewal_recovered(context),
            Self::RenewalLost => subscriptions::renewal_lost(context),
            Self::BusySecond => subscriptions::busy_second(context),
            Self::NeverActivated => subscriptions::never_activated(context),
            Self::InvoiceOverduePaid => invoices::overdue_then_paid(context),
            Self::InvoiceVoided => invoices::voided(context),
            Self::PayoutPaid => payouts::paid(context),
            Self::PayoutFailsLater => payouts::fails_later(context),
            Self::CardSaved => setups::card_saved(context),
            Self::CustomerDeleted => customers::deleted(context),
            Self::AuthenticatedPayment => checkout::authenticated(context),
            Self::AuthenticationFails => checkout::not_authenticated(context),
            Self::DelayedPaymentFails => checkout::delayed_payment_fails(context),
            Self::HoldExpired => holds::expired(context),
            Self::SetupCanceled => setups::canceled(context),
            Self::Discounted => discounts::discounted(context),
            Self::PausedAndResumed => pauses::paused_and_resumed(context),
            Self::CollectionPaused => pauses::not_collected(context),
            Self::PendingUpdateApplied => pauses::pending_update_applied(context),
            Self::PendingUpdateExpired => pauses::pending_update_expired(context),
            Self::ScheduleCompleted => schedules::completed(context),
            Self::ScheduleReleased => schedules::released(context),
            Self::ScheduleCanceled => schedules::canceled(context),
            Self::ScheduleAborted => schedules::aborted(context),
            Self::InvoiceItems => documents::items(context),
            Self::InvoiceUncollectible => invoices::uncollectible(context),
            Self::CreditNoteIssued => documents::credit_note(context),
            Self::CreditNoteVoided => documents::credit_note_voided(context),
            Self::QuoteAccepted => documents::quote_accepted(context),
            Self::QuoteCanceled => documents::quote_canceled(context),
            Self::PayoutCanceled => payouts::canceled(context),
            Self::TransferReversed => transfers::reversed(context),
            Self::FeeRefunded => transfers::fee_refunded(context),
            Self::TopUpReversed => transfers::topped_up(context),
            Self::TopUpFails => transfers::topup_fails(context),
            Self::MixedIntervals => plans::mixed_intervals(context),
            Self::Seats => plans::seats(context),
            Self::LongLists => plans::long_lists(context),
            Self::TrialSwitched => plans::trial_switched(context),
            Self::UpgradeDeclined => plans::upgrade_declined(context),
            Self::CollectionStopped => plans::collection_stopped(context),
            Self::InquiryClosed => disputes::inquiry_closed(context),
            Self::InquiryEscalated => disputes::inquiry_escalated(context),
            Self::InquiryReopened => disputes::inquiry_reopened(context),
            Self::DisputeInAnotherCurrency => disputes::in_another_currency(context),
            Self::HoldReleased => holds::released(context),
            Self::HoldCapturedInPart => holds::captured_in_part(context),
            Self::RefundCanceledLater => refunds::canceled_later(context),
            Self::RefundCanceledWhilePending => refunds::canceled_while_pending(context),
            Self::RefundWithoutStatus => refunds::without_status(context),
            Self::AdaptivePricing => checkout::adaptive_pricing(context),
            Self::FailsTwiceWithoutCharge => checkout::fails_twice_without_charge(context),
            Self::TwoEventsPerChange => refunds::two_events_per_change(context),
            Self::BankTransfer => checkout::bank_transfer(context),
            Self::CustomerGone => subscriptions::customer_gone(context),
            Self::RenewalAnnounced => subscriptions::renewal_announced(context),
            Self::MeterErrors => subscriptions::meter_errors(context),
            Self::Onboarding => accounts::onboarding(context, &["card_payments", "transfers"]),
            Self::RecipientOnboarding => accounts::onboarding(context, &["transfers"]),
            Self::Restricted => accounts::restricted(context),
            Self::Reconnecting => accounts::reconnecting(context),
            Self::Offboarding => accounts::offboarding(context),
        }
    }
}
