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
