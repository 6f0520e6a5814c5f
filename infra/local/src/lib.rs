//! The local AWS: `template.yaml` itself, deployed into an emulator on this machine, running the functions that were
//! built here.
//!
//! # Layout
//! - [`stack`]: starts everything, says where it is, stops it. What tests and the program use.
//! - [`stack_file`]: the file that says where everything of the running stack is.
//! - [`template`]: reads the template and makes the few changes that running here needs.
//! - [`deploy`]: puts the code and the template into the emulator, and waits until it takes deliveries.
//! - [`server`]: the emulator's process, and the proxy that breaks the wire to it.
//! - [`client_faults`]: faults inside the functions, between their steps.
//! - [`guard`]: nothing that is started here outlives the process that started it.
//! - [`aws`]: the emulator's API over plain HTTP.
//! - [`build`]: the functions' binaries.
//! - [`test_stack`]: a stack with a simulated Stripe beside it. [`contents`]: what a stack holds. [`operator`]: the operator's
//!   program.
//! - [`event`]: sample events, made fresh and signed. [`post`]: posting them as Stripe does.
//! - [`traffic`]: a simulated Stripe's lifecycles, delivered at their worst, and how each object ended.
//! - [`follow`]: the functions' log lines as they come. [`table`]: rows in columns.
//!
//! # What it guarantees
//! What is deployed is the template that `sam deploy` takes; each difference is in [`template`], with its reason, and is
//! printed at the start. Everything listens on loopback only. When the owner of a [`stack::Stack`] ends, in whatever
//! way, all that it started ends within seconds, and its scratch folders are gone.
//!
//! # What it is not
//! The emulator enforces no IAM and no queue policies, keeps nothing over a restart, gathers no batches by time and
//! doesn't move what a rule can't deliver to the rule's dead letters. What depends on those is shown by the template's
//! checks and on AWS.

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
pub mod table;
pub mod template;
pub mod test_stack;
pub mod traffic;
