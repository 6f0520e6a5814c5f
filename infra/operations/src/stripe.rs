//! Stripe as the functions ask it, and where the answers are kept.

use std::collections::BTreeMap;

use sluice_adapters::config::Vars;
use sluice_adapters::objects::StripeObjects;
use sluice_adapters::outcomes::DynamoOutcomes;

use crate::problem::Problem;
use crate::stack::Stack;

/// How long a note of an object is kept, in days.
const KEEP_DAYS: u32 = 35;

/// The store where guesses are noted, as the domains note theirs.
pub fn outcomes(stack: &Stack) -> Result<DynamoOutcomes, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    Ok(DynamoOutcomes::new(stack.aws.sdk(), table, KEEP_DAYS))
}

/// Stripe, with the key and at the address that the functions have. If `is_asked` is false, there is no key.
pub async fn stripe(stack: &Stack, rate: u32, is_asked: bool) -> Result<StripeObjects, Problem> {
    let mut variables = BTreeMap::from([("LISTS_PER_SECOND".to_owned(), rate.to_string())]);
    if is_asked {
        let missing = || Problem::NotFound("the stack has no function reconcile".to_owned());
        let function = stack.functions.get("reconcile").ok_or_else(missing)?;
        let configuration = stack.aws.configuration(function).await?;
        let all = &configuration["Environment"]["Variables"];
        for name in ["STRIPE_API_URL", "API_KEY_SECRET_ID"] {
            if let Some(value) = all[name].as_str() {
                variables.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    let lookup = |name: &str| variables.get(name).cloned();
    let mut vars = Vars::new(&lookup);
    StripeObjects::read_for_lists(&mut vars, stack.aws.sdk()).map_err(Problem::failed)
}
