//! The rules of the whole path, one switch each.
//!
//! Those rules of ingest and the consumer that are visible from outside are here again, since without them another
//! promise breaks, seen from Stripe and from the receiver. Those of reconcile, replay and the receiver are only here.
//! With [`Rules::ALL`] every promise holds. `tests/joined_rules` drops one at a time and shows what breaks.

/// Which rules are kept. `true` is the path as designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A claim is a put on condition that there is no entry. Without it, a second delivery overwrites an entry that was
    /// acknowledged as queued.
    pub claim_is_conditional: bool,
    /// An attempt that meets its own claim has won. Without it, after a lost answer the attempt is refused because of
    /// its own claim.
    pub attempt_knows_its_own_claim: bool,
    /// A claim lapses. Without it, a crash after the claim blocks Stripe and reconcile alike.
    pub claim_lapses: bool,
    /// `Held` is answered 409. Without it (200), the event is lost if the holder dies.
    pub held_is_not_acknowledged: bool,
    /// Ingest reads the bus's result for its entry. Without it, a refused event is marked as published, and not even
    /// reconcile reads it again.
    pub ingest_checks_each_result: bool,
    /// A `due_at` that could not be written makes the answer 5xx. Without it, `queued` is answered for an event that
    /// isn't due.
    pub failed_defer_is_not_acknowledged: bool,
    /// Sweep clears an entry after it has published it. Without it, a crash in between loses the event.
    pub sweep_clears_after_publishing: bool,
    /// Sweep reads each entry's result. Without it, a partial failure clears refused entries.
    pub sweep_checks_each_result: bool,

    /// Reconcile claims through ingest, on ingest's conditions. Without it, if reconcile writes its own entry, it
    /// erases a `due_at`, and publishes concurrently with a live attempt.
    pub reconcile_goes_through_the_claim: bool,
    /// Reconcile counts an unpublished event in the ledger as missing. Without it, if any entry is enough, an event
    /// stays unpublished after its only attempt has died after the claim.
    pub reconcile_takes_the_unpublished: bool,
    /// Reconcile's cursor stays before an event that it could not settle: held by another, or failed. Without it, the
    /// holder dies, and the event is never read again.
    pub cursor_waits_for_the_unsettled: bool,
    /// The cursor moves at the end of a run. Without it, if it moves at the beginning, a run that dies has skipped the
    /// rest of its window.
    pub cursor_moves_at_the_end: bool,

    /// An item is written on condition that it hasn't changed since it was read. Without it, one worker undoes the
    /// other's write.
    pub apply_is_conditional: bool,
    /// Effects are stored as pending by the write that calls for them. Without it, a worker that dies before it emits
    /// loses them, and the redelivery finds nothing to do.
    pub effects_are_pending: bool,
    /// Pending effects are cleared after they are emitted. Without it, a crash in between loses them.
    pub clear_after_emit: bool,
    /// A clear removes what this delivery has emitted. Without it, a clear also removes what another has just added.
    pub clear_removes_only_what_was_emitted: bool,
    /// A message is acknowledged once its effects are out. Without it, a crash leaves them pending forever.
    pub emit_before_acknowledge: bool,
    /// The result of each effect is read. Without it, a refused one is cleared.
    pub emit_checks_each_result: bool,
    /// An event that is stale for the state still emits its fact. Without it, facts depend on the order of delivery.
    pub stale_events_emit_their_facts: bool,
    /// The set of facts only grows. Without it, if a fact is known only as long as the history has its event, a plain
    /// replay emits old facts again.
    pub facts_never_evicted: bool,

    /// A fact that was emitted under a generation is known under that generation. Without it, each redelivery of a
    /// forced replay's message emits it once more.
    pub generations_are_recorded: bool,
    /// Under a generation, a fact has an id of its own. Without it, a forced replay emits nothing, because the fact is
    /// known.
    pub generation_is_part_of_the_id: bool,
    /// The history distinguishes an event from the same event under a generation. Without it, a forced replay of the
    /// last event counts as a duplicate, and emits nothing.
    pub history_separates_generations: bool,
    /// A forced replay that comes before the event's own delivery emits the fact under its own id. Without it, if the
    /// fact is emitted only under the generation, the event's own delivery finds the fact known and emits nothing.
    pub first_emit_is_plain: bool,
    /// A forced replay doesn't change a newer state. Without it, the state goes back to the replayed event's.
    pub forced_never_regresses: bool,
    /// A forced replay emits the current level, at a new `seq`. Without it, the repaired receiver for which the replay
    /// is forced gets only facts.
    pub forced_emits_the_level: bool,
    /// A suppressed write that changes the level owes it. Without it, the event of that very change is stale when it
    /// comes, and receivers keep the old level.
    pub suppressed_writes_owe_their_level: bool,
    /// The next message emits an owed level, even a stale message. Without it, if only a newer event emits it,
    /// receivers wait for a change that may never come.
    pub stale_events_emit_what_is_owed: bool,
    /// An import of a known object emits what it corrects. Without it, if the correction is suppressed as for a new
    /// object, the change of an event that never comes is never emitted.
    pub imports_emit_what_they_correct: bool,
    /// An import, or a rebuild that emits, emits what is owed or pending, even if it finds nothing to change. Without
    /// it, a command that died between its write and its emission finds the object correct when it is run again, and
    /// emits nothing.
    pub refreshes_emit_what_is_left: bool,
    /// Stripe's answer is ordered among events by its time. Without it, if it simply replaces the state, it undoes an
    /// event that came in meanwhile.
    pub answers_are_ordered: bool,

    /// A level's `seq` is a time. Without it, if it is the item's version, a restored item's levels have a lower `seq`
    /// than the level that receivers hold, and are dropped.
    pub seq_is_a_time: bool,
    /// A level's `seq` is higher than the item's last one, for any clock. Without it, if it is only the time, receivers
    /// drop the second of two levels at one time.
    pub seq_exceeds_the_last: bool,

    /// A replay that is resumed keeps its generation, from the record. Without it, facts of events published before the
    /// crash are emitted under two generations.
    pub resume_keeps_the_generation: bool,
    /// A replay moves its cursor after it has published. Without it, a crash in between leaves an event out.
    pub replay_advances_after_publishing: bool,
    /// A replay reads each entry's result. Without it, a refused event is left out.
    pub replay_checks_each_result: bool,

    /// A receiver acts only on a fact with an unknown id. Without it, an emission repeated after a crash acts twice.
    pub receivers_know_facts: bool,
    /// A receiver keeps the highest `seq`. Without it, when two levels arrive in reverse order, the older stays.
    pub receivers_keep_the_highest_seq: bool,
}

impl Rules {
    /// The path as designed.
    pub const ALL: Self = Self {
        claim_is_conditional: true,
        attempt_knows_its_own_claim: true,
        claim_lapses: true,
        held_is_not_acknowledged: true,
        ingest_checks_each_result: true,
        failed_defer_is_not_acknowledged: true,
        sweep_clears_after_publishing: true,
        sweep_checks_each_result: true,
        reconcile_goes_through_the_claim: true,
        reconcile_takes_the_unpublished: true,
        cursor_waits_for_the_unsettled: true,
        cursor_moves_at_the_end: true,
        apply_is_conditional: true,
        effects_are_pending: true,
        clear_after_emit: true,
        clear_removes_only_what_was_emitted: true,
        emit_before_acknowledge: true,
        emit_checks_each_result: true,
        stale_events_emit_their_facts: true,
        facts_never_evicted: true,
        generations_are_recorded: true,
        generation_is_part_of_the_id: true,
        history_separates_generations: true,
        first_emit_is_plain: true,
        forced_never_regresses: true,
        forced_emits_the_level: true,
        suppressed_writes_owe_their_level: true,
        stale_events_emit_what_is_owed: true,
        imports_emit_what_they_correct: true,
        refreshes_emit_what_is_left: true,
        answers_are_ordered: true,
        seq_is_a_time: true,
        seq_exceeds_the_last: true,
        resume_keeps_the_generation: true,
        replay_advances_after_publishing: true,
        replay_checks_each_result: true,
        receivers_know_facts: true,
        receivers_keep_the_highest_seq: true,
    };
}
