//! The kernel's use cases over the harness's ports in memory.

mod again;
mod batch;
mod bounds;
mod consume;
mod contexts;
mod fetching;
mod pending;
mod rebuild;
mod receive;
mod reconcile;
mod recorded;
mod replay;
mod secrets;
mod settings;
mod sweep;
mod take;
mod ties;

/// The kernel's codes, and those of the domains and receivers of these tests.
mod code {
    pub(crate) use sluice_kernel::code::*;

    sluice_kernel::codes! {
        /// A receiver couldn't do what it does.
        NOTIFY_FAILED = "notify.failed";
        /// A program died in the middle of a run.
        TEST_DIED = "test.died";
    }
}
