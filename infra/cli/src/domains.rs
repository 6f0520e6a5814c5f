//! Which domains a command takes: those of the stack, and for a domain's code those that this program was built with.

use crate::context::Context;
use crate::problem::Problem;

/// Whether the stack has this domain.
///
/// # Errors
/// `Usage`, with the domains that there are.
pub(crate) fn check(context: &Context, name: &str) -> Result<(), Problem> {
    if context.domains().any(|known| known == name) {
        return Ok(());
    }
    let known: Vec<_> = context.domains().collect();
    Err(Problem::Usage(format!(
        "there is no domain {name}; the domains are {}",
        known.join(", ")
    )))
}

/// Whether the stack has this domain, and this program its code.
///
/// # Errors
/// `Usage`, with the domains that there are.
pub(crate) fn check_code(context: &Context, name: &str) -> Result<(), Problem> {
    check(context, name)?;
    match sluice_domains::ALL.contains(&name) {
        true => Ok(()),
        false => Err(without_code(name)),
    }
}

/// That this program has no code of a domain.
pub(crate) fn without_code(name: &str) -> Problem {
    Problem::Usage(format!(
        "this program was built without the domain {name}; it was built with {}",
        sluice_domains::ALL.join(", ")
    ))
}
