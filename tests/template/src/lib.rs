//! Requirements on `template.yaml` that no linter knows, as rules over the CloudFormation that SAM makes from it.
//!
//! # Layout
//! - [`template`]: a template as transformed, with parameters and conditions resolved.
//! - [`queues`], [`storage`], [`functions`], [`versions`], [`alarms`]: the rules; each returns one sentence per breach.
//! - [`firing`]: when an alarm fires for given data points.
//! - [`reads`]: the variables that each function's code reads, found by running it.
//! - [`calls`]: the AWS calls that each function's code can make, from its source; [`operator`]: those of the
//!   operator's program.
//!
//! # What it guarantees
//! The rules hold with the parameters' defaults and with everything optional switched on. The tests break the template
//! once for each rule and check that the rule fails.
//!
//! # What it is not
//! This crate doesn't ask AWS: cfn-lint checks the spelling of properties, and `tests/it` and AWS show whether a stack
//! deploys.

pub mod alarms;
pub mod calls;
pub mod firing;
pub mod functions;
pub mod operator;
pub mod queues;
pub mod reads;
pub mod storage;
pub mod template;
pub mod versions;

use template::Template;

/// A rule: its name, and its breaches, one sentence each.
pub type Rule = (&'static str, fn(&Template) -> Vec<String>);

/// The rules for every template.
pub const ALL: &[Rule] = &[
    ("visibility", queues::visibility),
    ("batches", queues::batches),
    ("own_queue", queues::own_queue),
    ("enabled", queues::enabled),
    ("dead_letters", queues::dead_letters),
    ("queue_policies", queues::queue_policies),
    ("queue_encryption", queues::queue_encryption),
    ("buses", queues::buses),
    ("rules", queues::rules),
    ("tables", storage::tables),
    ("expiry", storage::expiry),
    ("logs", storage::logs),
    ("wildcards", functions::wildcards),
    ("processor", functions::processor),
    ("secrets", functions::secrets),
    ("environment", functions::environment),
    ("actions", functions::actions),
    ("alarm_texts", alarms::texts),
    ("alarm_queues", alarms::queues),
    ("alarm_consumers", alarms::consumers),
    ("alarm_losses", alarms::losses),
];

/// The rules for the main template besides [`ALL`].
pub const MAIN: &[Rule] = &[
    ("names", storage::names),
    ("keys", storage::keys),
    ("archive", storage::archive),
    ("schedules", functions::schedules),
    ("api", functions::api),
    ("versions", versions::versions),
    ("in_turn", functions::in_turn),
    ("concurrency", functions::concurrency),
    ("canary", versions::canary),
    ("tracing", functions::tracing),
    ("alarm_coverage", alarms::coverage),
    ("dashboard", alarms::dashboard),
];
