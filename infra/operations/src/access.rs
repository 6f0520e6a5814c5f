//! What a customer may use, and until when: as the domain `subscriptions` has it.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_adapters::projections::DynamoProjections;
use subscriptions::customer::{self, Until, of_stored};

use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

/// What a customer may use, in one mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// `cus_…`
    pub customer: String,
    /// The connected account that the customer belongs to, or `platform`.
    pub account: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// By product id, and by feature name.
    pub uses: BTreeMap<String, Use>,
    /// An object may have more than the domain knows of it: what isn't in `uses` may be allowed after all.
    pub partial: bool,
    /// Some end is assumed.
    pub assumed: bool,
    /// The projections that say so, by their keys.
    pub rests_on: Vec<String>,
}

/// What the customer may use of one product or feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Use {
    /// How many; none for features and for what is metered.
    pub quantity: Option<i64>,
    /// Until this second, in Unix time; none if no end is known.
    pub until: Option<i64>,
}

impl From<customer::Use> for Use {
    fn from(one: customer::Use) -> Self {
        Self {
            quantity: one.quantity,
            until: match one.until {
                Until::Open => None,
                Until::Second(second) => Some(second),
            },
        }
    }
}

/// What a customer may use now, in each mode that knows the customer.
///
/// # Errors
/// `NotFound` if nothing is known of the customer; when the table can't be read.
pub async fn of(stack: &Stack, customer: &str, account: &str) -> Result<Vec<Access>, Problem> {
    let account = stack.account_key(account).await;
    let table = stack.table("subscriptions")?.to_owned();
    let projections = DynamoProjections::new(stack.aws.sdk(), table);
    let mut found = Vec::new();
    for mode in ["live", "test"] {
        let owner = format!("{account}#{mode}#{customer}");
        let items = projections.of_owner(&owner).await?;
        if items.is_empty() {
            continue;
        }
        let access = of_stored(items.iter().map(|(_, stored)| stored), now_ms() / 1_000)?;
        let uses = access.uses.into_iter();
        found.push(Access {
            customer: customer.to_owned(),
            account: account.clone(),
            mode,
            uses: uses.map(|(name, one)| (name, one.into())).collect(),
            partial: access.partial,
            assumed: access.assumed,
            rests_on: items.into_iter().map(|(key, _)| key).collect(),
        });
    }
    match found.is_empty() {
        true => Err(Problem::NotFound(format!(
            "nothing is known of {customer} ({account})"
        ))),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_be_used_without_a_known_end_has_none() {
        let of = |until| {
            let quantity = Some(2);
            let one = Use::from(customer::Use { until, quantity });
            serde_json::to_value(one).expect("JSON")
        };
        assert_eq!(of(Until::Open), json!({ "quantity": 2, "until": null }));
        assert_eq!(of(Until::Second(7)), json!({ "quantity": 2, "until": 7 }));
    }
}
