//! What reconcile's log lines say.

sluice_kernel::codes! {
    /// At least one account or mode wasn't compared for too long.
    RECONCILE_BEHIND = "reconcile.behind";
    /// An account or mode wasn't compared for so long that Stripe no longer lists the time in between.
    RECONCILE_GAP = "reconcile.gap";
    /// Stripe lists events that the ledger lacked, or that were stuck.
    RECONCILE_MISSING = "reconcile.missing";
}
