//! What this receiver's faults are called.

sluice_kernel::codes! {
    /// The topic didn't take a notice.
    NOTIFY_FAILED = "notify.failed";
}
