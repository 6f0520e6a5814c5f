//! The rules of the whole way, one switch each.
//!
//! Those of the door and the consumer that can be told from outside are here again, since what breaks without them is
//! another promise, seen from Stripe and from the receiver. Those of reconcile, replay and the receiver are here alone.
//! With [`Rules::ALL`] every promise holds. `tests/joined_rules` drops one at a time and shows what breaks.

/// Which rules are kept. `true` is the way as designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A claim is a put on condition that there is no entry.
    /// Without it, a second delivery overwrites what was acknowledged as queued.
    pub claim_is_conditional: bool,
    /// An attempt that meets its own claim has won. Without it, a lost answer sends it away on its own account.
    pub attempt_knows_its_own_claim: bool,
    /// A claim lapses. Without it, a crash behind the claim shuts the door on Stripe and reconcile alike.
    pub claim_lapses: bool,
    /// `Held` is answered 409. Without it (200), the event is lost if the holder dies.
    pub held_is_not_acknowledged: bool,
    /// The door reads the bus's result for its entry. Without it, a refused event is marked as published, and not even
    /// reconcile looks at it again.
    pub door_checks_each_result: bool,
    /// A `due_at` that could not be written makes the answer 5xx. Without it, `queued` has nothing behind it.
    pub failed_defer_is_not_acknowledged: bool,
    /// Sweep clears an entry after it has published it. Without it, a crash in between loses the event.
    pub sweep_clears_after_publishing: bool,
    /// Sweep reads each entry's result. Without it, a partial failure clears what was refused.
    pub sweep_checks_each_result: bool,

    /// Reconcile claims through the door, on the door's conditions. Without it, when it writes its own entry, it wipes
    /// out a `due_at`, and publishes beside an attempt that is live.
    pub reconcile_goes_through_the_claim: bool,
    /// Reconcile takes what the ledger holds unpublished for missing. Without it, when any entry will do, an event
    /// whose only attempt died behind its claim stays there.
    pub reconcile_takes_the_unpublished: bool,
    /// Reconcile's cursor stays before an event that it could not settle: held by another, or failed.
    /// Without it, the holder dies, and nobody looks at the event again.
    pub cursor_waits_for_the_unsettled: bool,
    /// The cursor moves at the end of a run. Without it, when it moves at the beginning, a run that dies has passed
    /// over the rest of its window.
    pub cursor_moves_at_the_end: bool,

    /// An item is written on condition that it is as it was read. Without it, one worker undoes the other's write.
    pub apply_is_conditional: bool,
    /// Effects are stored as pending by the write that calls for them.
    /// Without it, a worker that dies before it emits takes them along, and the redelivery finds nothing to do.
    pub effects_are_pending: bool,
    /// Pending effects are cleared after they are emitted. Without it, a crash in between loses them.
    pub clear_after_emit: bool,
    /// A clear takes off what this delivery has emitted. Without it, it takes off what another has just added.
    pub clear_removes_only_what_was_emitted: bool,
    /// A message is acknowledged once its effects are out. Without it, a crash leaves them pending for good.
    pub emit_before_acknowledge: bool,
    /// The result of each effect is read. Without it, a refused one is cleared.
    pub emit_checks_each_result: bool,
    /// An event that is stale for the state still tells its fact. Without it, facts depend on the order of delivery.
    pub stale_events_tell_their_facts: bool,
    /// The set of facts only grows. Without it, when a fact is known only as long as the history has its event, a
    /// plain replay tells old facts again.
    pub facts_never_evicted: bool,

    /// A fact that was told under a generation is known under that generation.
    /// Without it, each redelivery of a forced replay's message tells it once more.
    pub generations_are_recorded: bool,
    /// Under a generation, a fact has an id of its own. Without it, a forced replay tells nothing: the fact is known.
    pub generation_is_part_of_the_id: bool,
    /// The history tells an event from the same under a generation.
    /// Without it, a forced replay of the last event is taken for a duplicate, and tells nothing.
    pub history_tells_generations_apart: bool,
    /// A forced replay that comes before the event's own delivery tells the fact under its own id. Without it, when it
    /// tells it under the generation alone, the event's own delivery finds the fact known and keeps quiet.
    pub first_telling_is_plain: bool,
    /// A forced replay leaves a newer state as it is. Without it, the state goes back to the replayed event's.
    pub forced_never_regresses: bool,
    /// A forced replay tells the level that is current, at a new `seq`.
    /// Without it, a receiver that was repaired, and for whose sake the replay is forced, hears facts alone.
    pub forced_tells_the_level: bool,
    /// A suppressed write that changes the level owes it. Without it, the event of that very change is stale when it comes,
    /// and receivers keep the level of before.
    pub suppressed_writes_owe_their_level: bool,
    /// An owed level is emitted by the next message, also by a stale one. Without it, when only a newer event emits it,
    /// receivers wait for a change that may never come.
    pub stale_events_emit_what_is_owed: bool,
    /// An import of a known object emits what it corrects. Without it, when it is suppressed as of a new one, the change
    /// of an event that never comes is emitted by nobody.
    pub imports_emit_what_they_correct: bool,
    /// An import, or a rebuild that emits, emits what is owed or pending, although it finds nothing to change.
    /// Without it, one that died between its write and its emission finds the object as it should be when it is run again.
    pub refreshes_emit_what_is_left: bool,
    /// What Stripe has shown is ordered among events by its time. Without it, when it simply replaces the state, it undoes
    /// an event that came in meanwhile.
    pub answers_are_ordered: bool,

    /// A level's `seq` is a time. Without it, when it is the item's version, a restored item's levels have a lower one than
    /// the level that receivers hold, and are dropped.
    pub seq_is_a_time: bool,
    /// A level's `seq` is more than the item's last one, whatever the clock says. Without it, when it is the time alone, of
    /// two levels at one time receivers drop the second.
    pub seq_exceeds_the_last: bool,

    /// A replay that is resumed keeps its generation, from the record.
    /// Without it, what was published before the crash is told under two generations.
    pub resume_keeps_the_generation: bool,
    /// A replay moves its cursor after it has published. Without it, a crash in between leaves an event out.
    pub replay_advances_after_publishing: bool,
    /// A replay reads each entry's result. Without it, a refused event is left out.
    pub replay_checks_each_result: bool,

    /// A receiver acts on a fact whose id it doesn't know. Without it, an emission repeated after a crash acts twice.
    pub receivers_know_facts: bool,
    /// A receiver keeps the highest `seq`. Without it, of two levels that arrive reversed the older stays.
    pub receivers_keep_the_highest_seq: bool,
}

impl Rules {
    /// The way as designed.
    pub const ALL: Self = Self {
        claim_is_conditional: true,
        attempt_knows_its_own_claim: true,
        claim_lapses: true,
        held_is_not_acknowledged: true,
        door_checks_each_result: true,
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
        stale_events_tell_their_facts: true,
        facts_never_evicted: true,
        generations_are_recorded: true,
        generation_is_part_of_the_id: true,
        history_tells_generations_apart: true,
        first_telling_is_plain: true,
        forced_never_regresses: true,
        forced_tells_the_level: true,
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
