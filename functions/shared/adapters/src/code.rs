//! What the adapters' faults are called, beside [the kernel's](sluice_kernel::code).

pub use sluice_kernel::code::*;

sluice_kernel::codes! {
    /// The function can't start: its variables can't be read.
    CONFIG_BAD_VARIABLES = "config.bad_variables";
    /// An erasure couldn't read or write a table.
    ERASE_UNAVAILABLE = "erase.unavailable";
    /// A table couldn't be read for an operator.
    INSPECT_UNAVAILABLE = "inspect.unavailable";
    /// A stored body is damaged or has another length than its entry says.
    LEDGER_BODY_UNREADABLE = "ledger.body_unreadable";
    /// A stored body was written by a newer version in a form that this one doesn't know.
    LEDGER_CODEC_UNKNOWN = "ledger.codec_unknown";
    /// A ledger entry has attributes that this version can't read.
    LEDGER_ENTRY_UNREADABLE = "ledger.entry_unreadable";
    /// A table's items couldn't be listed.
    LISTING_UNAVAILABLE = "listing.unavailable";
    /// A failed message's delay couldn't be set at the queue.
    QUEUE_DELAY_NOT_SET = "queue.delay_not_set";
    /// A receiver's table of receipts couldn't be read or written.
    RECEIPT_UNAVAILABLE = "receipt.unavailable";
    /// Reconcile's cursor was written by another version or edited.
    RECONCILE_CURSOR_UNREADABLE = "reconcile.cursor_unreadable";
    /// A note of reconcile's has no JSON form.
    RECONCILE_UNWRITABLE = "reconcile.unwritable";
    /// A replay of this name is there already.
    REPLAY_EXISTS = "replay.exists";
    /// A replay's record couldn't be read or written.
    REPLAY_UNAVAILABLE = "replay.unavailable";
    /// A replay's record was written by another version or edited.
    REPLAY_UNREADABLE = "replay.unreadable";
    /// A replay's record has no JSON form.
    REPLAY_UNWRITABLE = "replay.unwritable";
    /// Another program has this rebuild or import in hand, or began one of the same name.
    RUN_TAKEN = "run.taken";
    /// The record of a rebuild, an import or a rollback couldn't be read or written.
    RUN_UNAVAILABLE = "run.unavailable";
    /// The record of a rebuild or an import was written by another version or edited.
    RUN_UNREADABLE = "run.unreadable";
    /// The API keys' secret isn't JSON of the form that maps a mode to its key.
    STRIPE_KEY_MALFORMED = "stripe.key_malformed";
    /// The API keys' secret couldn't be read.
    STRIPE_KEY_UNAVAILABLE = "stripe.key_unavailable";
    /// The ledger's index by time couldn't be read.
    TIMELINE_UNAVAILABLE = "timeline.unavailable";
}
