//! What `template.yaml` has to be that no linter knows, as rules over the CloudFormation that SAM makes of it.
//!
//! # Layout
//! - [`template`]: a template as transformed, with parameters and conditions worked out.
//! - [`queues`], [`storage`], [`functions`], [`versions`], [`alarms`]: the rules; each yields a sentence for all that breaks it.
//! - [`firing`]: when an alarm fires, of figures made up for it.
//! - [`reads`]: which variables each function's code asks for, by asking it.
//! - [`calls`]: which AWS calls each function's code can make, by its source; [`operator`], the operator's program's.
//!
//! # What it guarantees
//! The rules hold with the parameters' defaults and with everything optional switched on. The tests beside it break the
//! template once for each rule and see that rule fail.
//!
//! # What it is not
//! It doesn't ask AWS: whether a property is spelt right is cfn-lint's to say, and whether a stack deploys is shown by
//! `tests/it` and by AWS.

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

/// A rule: its name, and what breaks it, a sentence each.
pub type Rule = (&'static str, fn(&Template) -> Vec<String>);

/// Those that every template is held to.
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

/// Those of the main template beside [`ALL`].
pub const MAIN: &[Rule] = &[
    ("names", storage::names),
    ("keys", storage::keys),
    ("archive", storage::archive),
    ("schedules", functions::schedules),
    ("door", functions::door),
    ("versions", versions::versions),
    ("in_turn", functions::in_turn),
    ("concurrency", functions::concurrency),
    ("canary", versions::canary),
    ("tracing", functions::tracing),
    ("alarm_coverage", alarms::coverage),
    ("dashboard", alarms::dashboard),
];
