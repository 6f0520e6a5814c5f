//! The consumer's rules, one switch each.
//!
//! With [`Rules::ALL`] every promise holds. `tests/consumer_rules.rs` drops one at a time and shows what breaks. Two of
//! them ([`Rules::history_keeps_ids_with_pending`], [`Rules::history_is_kept`]) have no counterexample; their
//! documentation says why they are kept.

/// Which rules the modelled consumer keeps. `true` is the consumer as designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Apply writes on condition that the item's version is the one that was read; on a conflict it reads again and
    /// decides afresh. Without it, one of two workers undoes what the other has written.
    pub apply_is_conditional: bool,
    /// Clear writes on the same condition. Without it, it puts back the item as it was before a concurrent apply.
    pub clear_is_conditional: bool,
    /// Clear counts as a write: the version goes up. Without it, of two clears at one version the second brings back
    /// what the first took off, and both are acknowledged. So does an apply that read the item before a clear.
    pub clear_bumps_the_version: bool,
    /// Clear takes off the effects that this delivery has emitted, by id.
    /// Without it, an effect that another delivery has just added is taken off unemitted.
    pub clear_removes_only_what_was_emitted: bool,
    /// A clear that could not be written sends the message back to its queue.
    /// Without it, effects stay pending that no delivery will come for.
    pub failed_clear_fails_the_item: bool,
    /// Effects are cleared once they are known to be on the bus. Without it, a crash in between loses them.
    pub clear_after_emit: bool,
    /// A write keeps what is pending, whoever called for it.
    /// Without it, the newer of two events drops the effects of the older.
    pub overtaking_keeps_pending: bool,
    /// Every delivery emits everything that is pending, whatever it is itself.
    /// Without it, effects wait for a redelivery of their own event, which may have been its last.
    pub delivery_emits_everything_pending: bool,
    /// A message is acknowledged once its effects are emitted and cleared.
    /// Without it, a crash after the acknowledgement leaves them pending for good.
    pub emit_before_acknowledge: bool,
    /// The result of each effect in PutEvents is read. Without it, a refused one is cleared.
    pub emit_checks_each_result: bool,
    /// An event that is stale for the state still tells its fact. Without it, facts depend on the order of delivery.
    pub stale_events_tell_their_facts: bool,
    /// The set of facts only grows.
    /// Without it, an old event that comes again, its id gone from the history, tells its fact again.
    pub facts_never_evicted: bool,
    /// A fact's id is what it says, and not the event that tells of it.
    /// Without it, two events for one change are two facts.
    pub fact_id_says_what_happened: bool,
    /// An id whose effects are pending is not evicted from the history.
    ///
    /// **No counterexample**, neither alone nor with any one other rule dropped: an event whose id was evicted is stale
    /// when it comes again, its fact is in the set, and its delivery emits everything pending all the same. It stays
    /// because it lets a redelivery be told from a late event while its effects are under way.
    pub history_keeps_ids_with_pending: bool,
    /// An event whose id is in the history changes nothing.
    ///
    /// **No counterexample**, neither alone nor with any one other rule dropped: the order of events and the set of
    /// facts absorb a second delivery by themselves. The history says `Duplicate` and not `Stale`, and spares the
    /// domain's diff.
    pub history_is_kept: bool,
    /// A level's `seq` is the version that its write makes.
    /// Without it, when it is the event's second, two levels of one second have one `seq`.
    pub seq_is_the_version: bool,
    /// Receivers of levels keep the highest `seq`. Without it, of two that arrive reversed the older stays.
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
        stale_events_tell_their_facts: true,
        facts_never_evicted: true,
        fact_id_says_what_happened: true,
        history_keeps_ids_with_pending: true,
        history_is_kept: true,
        seq_is_the_version: true,
        receivers_keep_the_highest_seq: true,
    };
}
