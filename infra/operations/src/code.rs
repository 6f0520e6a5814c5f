//! What findings and refusals are called, beside the codes of what AWS runs.

pub use sluice_adapters::code::*;
pub use sluice_stripe::code::*;

sluice_kernel::codes! {
    /// The alias `live` has other code or another configuration than what was deployed last.
    ALIAS_DIFFERS = "alias.differs";
    /// The alias `live` of a function is gone.
    ALIAS_MISSING = "alias.missing";
    /// An operator has pointed the alias `live` at another version than the last deployed one.
    ALIAS_ROLLED_BACK = "alias.rolled_back";
    /// The bus took events, and couldn't encrypt or decrypt them afterwards.
    BUS_DEAD_LETTERS = "bus.dead_letters";
    /// The account's limit of concurrent executions is below what the domains' queues may use.
    CONCURRENCY_LOW = "concurrency.low";
    /// The key's policy lacks a statement that a service of AWS's or the functions need.
    KEY_POLICY = "key.policy";
    /// The key is disabled, is to be deleted, or isn't there.
    KEY_UNUSABLE = "key.unusable";
    /// A domain's queue isn't taken by exactly one enabled event source mapping of the right form.
    MAPPING_WRONG = "mapping.wrong";
    /// Messages couldn't be put into a domain's queue.
    QUEUE_UNAVAILABLE = "queue.unavailable";
    /// Between the plan and the move the alias was changed.
    ROLLBACK_CHANGED = "rollback.changed";
    /// CloudFormation is changing the stack.
    ROLLBACK_DEPLOYING = "rollback.deploying";
    /// The version that was asked for is the one that `live` has.
    ROLLBACK_IS_LIVE = "rollback.is_live";
    /// Events go to the function itself, so there is no alias to move.
    ROLLBACK_NO_ALIAS = "rollback.no_alias";
    /// There is no version to go to.
    ROLLBACK_NO_VERSION = "rollback.no_version";
    /// The version to go to can't take events.
    ROLLBACK_NOT_ACTIVE = "rollback.not_active";
    /// A part of the events goes to another version.
    ROLLBACK_WEIGHTED = "rollback.weighted";
    /// The bus gave events up that it couldn't put into a domain's queue.
    RULE_DEAD_LETTERS = "rule.dead_letters";
    /// A plan for all that matches a filter was confirmed, and by then other things matched.
    SELECTION_CHANGED = "selection.changed";
}
