//! What a customer may use, and until when: as the domain `subscriptions` has it.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_adapters::projections::DynamoProjections;
use sluice_kernel::consumer::projection::Stored;
use subscriptions::customer::{self, CustomerAccess, Until, of_stored};

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
    /// For each of `uses`, the projections that allow it, by their keys.
    pub because_of: BTreeMap<String, Vec<String>>,
}

/// Whether a customer may use something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The customer may.
    Yes(Use),
    /// The customer may not.
    No,
    /// Nothing that is known allows it, but an object may have more than is known of it.
    Unknown,
}

impl Access {
    /// Whether the customer may use this product or feature.
    pub fn verdict(&self, name: &str) -> Verdict {
        match self.uses.get(name) {
            Some(one) => Verdict::Yes(*one),
            None if self.partial => Verdict::Unknown,
            None => Verdict::No,
        }
    }
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
        let now_s = now_ms() / 1_000;
        let access = of_stored(items.iter().map(|(_, stored)| stored), now_s)?;
        let because_of = because_of(&access, &items, now_s)?;
        let uses = access.uses.into_iter();
        found.push(Access {
            customer: customer.to_owned(),
            account: account.clone(),
            mode,
            uses: uses.map(|(name, one)| (name, one.into())).collect(),
            partial: access.partial,
            assumed: access.assumed,
            rests_on: items.into_iter().map(|(key, _)| key).collect(),
            because_of,
        });
    }
    match found.is_empty() {
        true => Err(Problem::NotFound(format!(
            "nothing is known of {customer} ({account})"
        ))),
        false => Ok(found),
    }
}

/// For each use, the items that allow it on their own.
fn because_of(
    access: &CustomerAccess,
    items: &[(String, Stored)],
    now_s: i64,
) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    let mut because = BTreeMap::<String, Vec<String>>::new();
    for (key, stored) in items {
        for (name, _) in of_stored([stored], now_s)?.uses {
            if access.uses.contains_key(&name) {
                because.entry(name).or_default().push(key.clone());
            }
        }
    }
    Ok(because)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_to_be_allowed_is_forbidden_only_if_all_is_known() {
        let one = Use {
            quantity: Some(3),
            until: Some(7),
        };
        let mut access = Access {
            customer: "cus_1".to_owned(),
            account: "platform".to_owned(),
            mode: "live",
            uses: BTreeMap::from([("prod_1".to_owned(), one)]),
            partial: false,
            assumed: false,
            rests_on: Vec::new(),
            because_of: BTreeMap::new(),
        };
        assert_eq!(access.verdict("prod_1"), Verdict::Yes(one));
        assert_eq!(access.verdict("prod_2"), Verdict::No);
        access.partial = true;
        assert_eq!(access.verdict("prod_2"), Verdict::Unknown);
    }

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
