//! Functions whose alias has something else than what was deployed last: rolled back, or not reached by a deployment.

use crate::context::Context;
use sluice_operations::problem::Problem;
use sluice_operations::rollback::standing::standing;
use sluice_operations::versions::{has_alias, is_versioned};

/// A line for each, as `sluice doctor` says it too; none of a stack whose events go to no alias.
pub(super) async fn differing(context: &Context) -> Result<Vec<String>, Problem> {
    let parameters = context.stack.parameters().await?;
    let mut lines = Vec::new();
    for (role, function) in &context.stack.functions {
        if has_alias(role) && is_versioned(&parameters, role) {
            let standing = standing(&context.stack, role, function).await?;
            lines.extend(standing.and_then(|standing| standing.said(role)));
        }
    }
    Ok(lines)
}
