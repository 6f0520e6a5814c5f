//! The ledger as replay uses it for entries that wait for a configuration.

use sluice_kernel::clock::Clock;
use sluice_kernel::code::Code;
use sluice_kernel::delivery::ledger::Waiting;
use sluice_kernel::fault::Fault;

use super::{DynamoLedger, Updated, send};
use crate::entry::{self, number, text};

impl<C: Clock> Waiting for DynamoLedger<C> {
    async fn admit(
        &self,
        id: &str,
        reason: Code,
        account: Option<&str>,
        due_at_ms: i64,
    ) -> Result<bool, Fault> {
        let set = "SET due_at = :due, due_shard = :shard";
        // Only if it still waits: a delivery that came in meanwhile may have taken it over, and publishes it itself.
        let update = self
            .update(id)
            .condition_expression(
                "ledger_only = :reason AND attribute_not_exists(published_at) AND attribute_not_exists(due_at)",
            )
            .expression_attribute_values(":reason", text(reason.as_str()))
            .expression_attribute_values(":due", number(due_at_ms))
            .expression_attribute_values(":shard", text(entry::due_shard(id)));
        let update = match account {
            Some(account) => update
                .update_expression(format!("{set}, account = :account REMOVE ledger_only"))
                .expression_attribute_values(":account", text(account)),
            None => update.update_expression(format!("{set} REMOVE ledger_only, account")),
        };
        match send(update).await? {
            Updated::Done => Ok(true),
            // The SDK repeated the update after a lost answer, or another operator was faster.
            Updated::Refused(Some(item)) => {
                let standing = entry::standing(&item)?;
                Ok(standing.due_at_ms.is_some() && standing.published_at_ms.is_none())
            }
            Updated::Refused(None) => Ok(false),
        }
    }
}
