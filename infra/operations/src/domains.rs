//! Which domains a command takes: those of the stack, and for a domain's code those that this program was built with.
//! Also which domains an event reaches.

use sluice_domains::{Visit, by_name};
use sluice_kernel::bus::route::{Route, route};
use sluice_kernel::domain::Domain;

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

/// Whether the stack has this domain, and this program has its code.
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

/// The problem that this program has no code of a domain.
pub fn without_code(name: &str) -> Problem {
    Problem::Usage(format!(
        "this program was built without the domain {name}; it was built with {}",
        sluice_domains::ALL.join(", ")
    ))
}

/// The domains that an event of this type reaches: the one that is asked for, else the one of the type's row. A type
/// without a row reaches those that would take it.
pub fn of_type(only: Option<&str>, kind: &str) -> Vec<&'static str> {
    let all = sluice_domains::ALL.into_iter();
    if let Some(wanted) = only {
        return all.filter(|domain| *domain == wanted).collect();
    }
    let bare = kind.strip_prefix("v1.").unwrap_or(kind);
    match route(kind) {
        Route::Domain(domain) => vec![domain],
        Route::NoDomain(_) => Vec::new(),
        Route::Unrouted => all
            .filter(|domain| by_name(domain, Handles(bare)) == Some(true))
            .collect(),
    }
}

/// Whether a domain has a use for events of a type.
struct Handles<'a>(&'a str);

impl Visit for Handles<'_> {
    type Output = bool;

    fn visit<D: Domain>(self) -> bool {
        D::handles(self.0)
    }
}
