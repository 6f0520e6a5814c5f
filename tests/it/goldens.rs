//! Goldens: what a fixed list of deliveries leaves behind, and what every command of the operator's program says of it, as files
//! under `tests/goldens`. They show that a change of the code changes nothing that can be seen, or what it changes.
//!
//! To renew them: `SLUICE_GOLDENS=write cargo test --locked --workspace --test it goldens`, then read the difference.
//! What differs from run to run is a placeholder (`placeholders`). Files are compared and written by `files`.

mod asked;
mod commands;
mod files;
mod placeholders;
mod plain;
mod stored;
