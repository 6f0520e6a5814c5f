//! What sweep's log lines say, beside [the kernel's codes](sluice_kernel::code).

pub use sluice_kernel::code::*;

sluice_kernel::codes! {
    /// The bus refused some of the due events.
    PUBLISH_REFUSED = "publish.refused";
    /// A due entry has no whole body.
    SWEEP_BODY_MISSING = "sweep.body_missing";
}
