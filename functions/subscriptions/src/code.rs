//! What this domain's faults are called, beside [the kernel's](sluice_kernel::code).

pub use sluice_kernel::code::*;

sluice_kernel::codes! {
    /// An event has a kind of object that this domain doesn't keep.
    SUBSCRIPTIONS_UNKNOWN_OBJECT = "subscriptions.unknown_object";
}
