//! The consumer's rules, one switch each.
//!
//! With [`Rules::ALL`] every promise holds. `tests/consumer_rules.rs` drops one at a time and shows what breaks. Two of
//! them ([`Rules::history_keeps_ids_with_pending`], [`Rules::history_is_kept`]) have no counterexample; their
//! documentation says why they are kept.

/// Which rules the modelled consumer keeps. `true` is the consumer as designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Apply's write is conditional on the item's version that was read; after a conflict it reads and decides again.
    /// Without it, one of two workers undoes what the other has written.
    pub apply_is_conditional: bool,
    /// Clear writes on the same condition. Without it, a clear restores the item from before a concurrent apply.
    pub clear_is_conditional: bool,
    /// Clear counts as a write: the version goes up. Without it, the second of two clears at one version brings back
    /// what the first removed, and both are acknowledged. An apply that read the item before a clear does the same.
    pub clear_bumps_the_version: bool,
    /// Clear removes the effects that this delivery has emitted, by id. Without it, an effect that another delivery has
    /// just added is removed without being emitted.
    pub clear_removes_only_what_was_emitted: bool,
    /// A clear that could not be written sends the message back to its queue. Without it, effects stay pending for
    /// which no delivery will come.
    pub failed_clear_fails_the_item: bool,
    /// Effects are cleared once they are known to be on the bus. Without it, a crash in between loses them.
    pub clear_after_emit: bool,
    /// A write keeps what is pending, from any event. Without it, the newer of two events drops the effects of the
    /// older.
    pub overtaking_keeps_pending: bool,
    /// Every delivery emits everything that is pending, for any event. Without it, effects wait for a redelivery of
    /// their own event, which may have been its last.
    pub delivery_emits_everything_pending: bool,
    /// A message is acknowledged once its effects are emitted and cleared. Without it, a crash after the
    /// acknowledgement leaves them pending forever.
    pub emit_before_acknowledge: bool,
    /// The result of each effect in PutEvents is read. Without it, a refused one is cleared.
    pub emit_checks_each_result: bool,
    /// An event that is stale for the state still emits its fact. Without it, facts depend on the order of delivery.
    pub stale_events_emit_their_facts: bool,
    /// The set of facts only grows. Without it, an old event that comes again after its id has left the history emits
    /// its fact again.
    pub facts_never_evicted: bool,
    /// A fact's id names its content, and not the event that reports it. Without it, two events for one change make two
    /// facts.
    pub fact_id_says_what_happened: bool,
    /// An id with pending effects is not evicted from the history.
    ///
    /// **No counterexample**, neither alone nor with any one other rule dropped: an event with an evicted id is stale
    /// when it comes again, its fact is in the set, and its delivery still emits everything pending. The rule stays
    /// because it distinguishes a redelivery from a late event while its effects are pending.
    pub history_keeps_ids_with_pending: bool,
    /// An event with its id in the history changes nothing.
    ///
    /// **No counterexample**, neither alone nor with any one other rule dropped: the order of events and the set of
    /// facts absorb a second delivery on their own. With the history the outcome is `Duplicate` instead of `Stale`, and
    /// the domain's diff is skipped.
    pub history_is_kept: bool,
    /// A level's `seq` is the version that its write makes. Without it, if `seq` is the event's second, two levels of
    /// one second have the same `seq`.
    pub seq_is_the_version: bool,
    /// Receivers of levels keep the highest `seq`. Without it, when two arrive in reverse order, the older stays.
    pub receivers_keep_the_highest_seq: bool,
}

impl Rules {
    /// The consumer as designed.
    pub const ALL: Self = Self {
        apply_is_conditional: true,
        clear_is_conditional: true,
        clear_bumps_the_version: true,
        clear_removes_only_what_was_emitted: true,
        failed_clear_fails_the_item: true,
        clear_after_emit: true,
        overtaking_keeps_pending: true,
        delivery_emits_everything_pending: true,
        emit_before_acknowledge: true,
        emit_checks_each_result: true,
        stale_events_emit_their_facts: true,
        facts_never_evicted: true,
        fact_id_says_what_happened: true,
        history_keeps_ids_with_pending: true,
        history_is_kept: true,
        seq_is_the_version: true,
        receivers_keep_the_highest_seq: true,
    };
}
