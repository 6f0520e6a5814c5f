//! Functions whose alias has something else than what was deployed last: an operator rolled it back, or a deployment
//! didn't reach it.

use crate::problem::Problem;
use crate::rollback::standing::standing;
use crate::stack::Stack;
use crate::versions::{has_alias, is_versioned};

/// One line for each, in the words of `sluice doctor`; none for a stack whose events go to no alias.
pub(super) async fn differing(stack: &Stack) -> Result<Vec<String>, Problem> {
    let parameters = stack.parameters().await?;
    let mut lines = Vec::new();
    for (role, function) in &stack.functions {
        if has_alias(role) && is_versioned(&parameters, role) {
            let standing = standing(stack, role, function).await?;
            lines.extend(standing.and_then(|standing| standing.said(role)));
        }
    }
    Ok(lines)
}
