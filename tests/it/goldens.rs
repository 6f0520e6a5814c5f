//! Goldens: what a fixed list of deliveries leaves behind, and what every command of the operator's program prints
//! about it, as files under `tests/goldens`. They show whether a code change has visible effects, and which.
//!
//! To renew them: `SLUICE_GOLDENS=write cargo test --locked --workspace --test it goldens`, then read the difference.
//! Placeholders replace what differs from run to run (`placeholders`). Files are compared and written by `files`.

mod asked;
mod commands;
mod files;
mod placeholders;
mod plain;
mod stored;
