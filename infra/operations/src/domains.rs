//! Which domains a command takes: those of the stack, and for a domain's code those that this program was built with.

use crate::problem::Problem;
use crate::stack::Stack;

/// Whether the stack has this domain.
///
/// # Errors
/// `Usage`, with the domains that there are.
pub fn check(stack: &Stack, name: &str) -> Result<(), Problem> {
    if stack.domains().any(|known| known == name) {
        return Ok(());
    }
    let known: Vec<_> = stack.domains().collect();
    Err(Problem::Usage(format!(
        "there is no domain {name}; the domains are {}",
        known.join(", ")
    )))
}

/// Whether the stack has this domain, and this program its code.
///
/// # Errors
/// `Usage`, with the domains that there are.
pub fn check_code(stack: &Stack, name: &str) -> Result<(), Problem> {
    check(stack, name)?;
    match sluice_domains::ALL.contains(&name) {
        true => Ok(()),
        false => Err(without_code(name)),
    }
}

/// That this program has no code of a domain.
pub fn without_code(name: &str) -> Problem {
    Problem::Usage(format!(
        "this program was built without the domain {name}; it was built with {}",
        sluice_domains::ALL.join(", ")
    ))
}
