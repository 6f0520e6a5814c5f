//! The protocol's guards, one switch each.
//!
//! A guard is a rule that ingest's or sweep's code must keep, small enough that an innocent-looking change could drop
//! it. With [`Guards::ALL`] every property holds. `tests/guards.rs` drops one at a time and shows what breaks. Two of
//! them ([`Guards::defer_by_the_holder_only`], [`Guards::mark_by_the_holder_only`]) have no counterexample, not even
//! with any one other guard dropped as well (tried with two deliveries and differing clocks); their documentation says
//! why they are kept.

/// Which rules the modelled protocol keeps. `true` is the protocol as designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// The first claim is a put on condition that there is no entry. Without it, a second delivery replaces the entry,
    /// and with it an acknowledged `due_at`.
    pub claim_is_conditional: bool,
    /// A put or a takeover that fails its condition and finds this attempt's own id has won. Without it, after a lost
    /// response the SDK repeats the put and mistakes its own claim for another's. At best the delivery waits for
    /// Stripe's next retry. At worst it is lost, if "exists" is answered 200.
    pub attempt_knows_its_own_claim: bool,
    /// A claim lapses, so that a later delivery can take it over. Without it, a crash between claim and publish blocks
    /// the event forever.
    pub claim_lapses: bool,
    /// A takeover updates the attempt and the lapse, and leaves the rest of the entry. Without it, a takeover puts a
    /// new item: readers no longer find the body that the bus's pointer names. If the put's condition also ignores
    /// `due_at`, an acknowledged event is lost outright.
    pub takeover_only_updates: bool,
    /// A takeover succeeds only if the attempt is still the lapsed one that was seen, and the entry is neither
    /// published nor due. Without it, two deliveries that see the same lapsed claim both take it over and both publish.
    pub takeover_is_conditional: bool,
    /// For an entry that is due, the answer is `Queued`, and it is left to sweep, even when its claim has lapsed.
    /// Without it, sweep and a delivery both publish it.
    pub queued_is_left_to_sweep: bool,
    /// `Held` is answered 409. Without it (200), the event is lost if the holder dies.
    pub held_is_not_acknowledged: bool,
    /// The parts of a large body are stored before it is published. Without it, a consumer follows a pointer to a body
    /// that doesn't exist.
    pub parts_before_publish: bool,
    /// A part that can't be stored makes the answer 5xx; `due_at` is never written before the last part. Without it,
    /// sweep gets a body that it can't read.
    pub parts_before_due: bool,
    /// The key of a part holds the hash of the body it belongs to. Without it, two deliveries with different bytes
    /// overwrite each other's parts.
    pub parts_keyed_by_content: bool,
    /// An attempt that takes over an entry without its body stores its own delivery's body. Without it, the new holder
    /// publishes or queues a body that doesn't exist.
    pub finder_completes_the_body: bool,
    /// …and makes the entry name it. Without it, the body is stored, but no reader finds it.
    pub finder_names_its_body: bool,
    /// The entry names a large body only once all its parts are stored. Without it, if the claim names it at once, the
    /// attempt that takes over after a crash relies on a body that doesn't exist.
    pub body_named_after_its_parts: bool,
    /// Ingest reads the result of its entry in `PutEvents`' answer, not only the status of the call. Without it, a
    /// refusal (HTTP 200, `FailedEntryCount` 1) is marked as published.
    pub ingest_checks_each_result: bool,
    /// `due_at` is written only by the attempt that holds the claim.
    ///
    /// **No counterexample.** An attempt publishes only after it has found or named a complete body, which is kept from
    /// then on. So a late `due_at` costs at most a copy on the bus, which is absorbed. The condition stays for three
    /// reasons: it saves that copy, it makes the late attempt answer 409, and it protects an entry that has been
    /// erased, or expired and claimed again (not modelled), from an older attempt.
    pub defer_by_the_holder_only: bool,
    /// `due_at` is written only while the entry is unpublished. Without it, a repeated write makes an entry due that
    /// sweep has just published, and it is published again.
    pub defer_unless_published: bool,
    /// A `due_at` that could not be written makes the answer 5xx. Without it, the answer is `queued` for an event that
    /// will never be published.
    pub failed_defer_is_not_acknowledged: bool,
    /// `published_at` is written only by the attempt that holds the claim.
    ///
    /// **No counterexample**: a mark states what is true, that this event is on the bus. Without the condition, some
    /// second copies would even be saved. The rule stays for cases outside the model: an older attempt must not mark,
    /// or even create, an entry that has been erased, or has expired and been claimed again.
    pub mark_by_the_holder_only: bool,
    /// Sweep removes `due_at` after it has published. Without it, a crash in between loses the event.
    pub sweep_clears_after_publishing: bool,
    /// Sweep reads the result of each entry. Without it, a partial failure clears refused entries.
    pub sweep_checks_each_result: bool,
    /// An entry that the bus refuses stays due, later. Without it, it leaves the index and is lost.
    pub refusal_keeps_due: bool,
    /// Sweep moves `due_at` only while there is one. Without it, a refused sweep makes an entry due again that another
    /// sweep has published meanwhile.
    pub postpone_only_what_is_due: bool,
}

impl Guards {
    /// The protocol as designed.
    pub const ALL: Self = Self {
        claim_is_conditional: true,
        attempt_knows_its_own_claim: true,
        claim_lapses: true,
        takeover_only_updates: true,
        takeover_is_conditional: true,
        queued_is_left_to_sweep: true,
        held_is_not_acknowledged: true,
        parts_before_publish: true,
        parts_before_due: true,
        parts_keyed_by_content: true,
        finder_completes_the_body: true,
        finder_names_its_body: true,
        body_named_after_its_parts: true,
        ingest_checks_each_result: true,
        defer_by_the_holder_only: true,
        defer_unless_published: true,
        failed_defer_is_not_acknowledged: true,
        mark_by_the_holder_only: true,
        sweep_clears_after_publishing: true,
        sweep_checks_each_result: true,
        refusal_keeps_due: true,
        postpone_only_what_is_due: true,
    };
}
