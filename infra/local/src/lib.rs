//! The local AWS: the unmodified `template.yaml`, deployed into an emulator on this machine, running the functions that
//! were built here.
//!
//! # Layout
//! - [`stack`]: starts everything, describes it, stops it. Tests and the program use it.
//! - [`stack_file`]: the file that names the running stack's URLs, tables and queues.
//! - [`template`]: reads the template and makes the few changes that running here needs.
//! - [`deploy`]: puts the code and the template into the emulator, and waits until the stack accepts deliveries.
//! - [`server`]: the emulator's process, and the proxy that breaks the wire to it.
//! - [`client_faults`]: faults inside the functions, between their steps.
//! - [`guard`]: nothing that is started here outlives the process that started it.
//! - [`aws`]: the emulator's API over plain HTTP.
//! - [`build`]: the functions' binaries.
//! - [`test_stack`]: a stack with a simulated Stripe beside it. [`contents`]: what a stack contains. [`operator`]: the
//!   operator's program.
//! - [`event`]: sample events, made fresh and signed. [`post`]: posting them as Stripe does.
//! - [`traffic`]: a simulated Stripe's lifecycles, delivered under the worst conditions, and how each object ended.
//!   [`trickle`]: what comes in after it.
//! - [`follow`]: the functions' log lines as they come. [`stop`]: the signals that end the program. [`table`]: rows in columns.
//!
//! # What it guarantees
//! The deployed template is the one that `sam deploy` takes. Each difference is in [`template`], with its reason, and
//! is printed at the start. Everything listens on loopback only. When the owner of a [`stack::RunningStack`] ends, in whatever
//! way, everything that it started ends within seconds, and its scratch folders are removed.
//!
//! # What it is not
//! The emulator enforces no IAM and no queue policies, keeps nothing over a restart and gathers no batches by time. It
//! doesn't move events that a rule can't deliver to the rule's dead letters. The template's checks and runs on AWS
//! cover what depends on those.

pub mod aws;
pub mod build;
pub mod client_faults;
pub mod contents;
pub mod deploy;
pub mod event;
pub mod follow;
pub mod guard;
pub mod operator;
pub mod post;
pub mod problem;
pub mod server;
pub mod stack;
pub mod stack_file;
pub mod stop;
pub mod table;
pub mod template;
pub mod test_stack;
pub mod traffic;
pub mod trickle;
