//! What the simulated Stripe has settled: the sum that facts have to add up to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Moment, World};

impl World {
    /// The total that all payments have brought in the end, by currency, in minor units. It is what was captured, less
    /// the refunds whose money left and didn't come back, with what disputes took and gave. Fees don't count, nor do
    /// objects other than payments (payouts, transfers, top-ups).
    ///
    /// It is computed from charges and balance transactions, not from statuses.
    #[must_use]
    pub fn settled(&self) -> BTreeMap<String, i64> {
        let mut settled = BTreeMap::new();
        let mut add = |currency: &Value, amount: &Value, sign: i64| {
            let currency = currency.as_str().unwrap_or_default().to_owned();
            let amount = amount.as_i64().unwrap_or_default();
            *settled.entry(currency).or_default() += sign * amount;
        };
        for key in self.objects.keys() {
            let Some(state) = self.state_at(key, Moment::End) else {
                continue;
            };
            let object = &state.truth;
            match object["object"].as_str() {
                Some("charge") if object["captured"] == true => {
                    add(&object["currency"], &object["amount_captured"], 1);
                }
                Some("refund") => {
                    for (transaction, sign) in [
                        ("balance_transaction", -1),
                        ("failure_balance_transaction", 1),
                    ] {
                        if object[transaction].is_string() {
                            add(&object["currency"], &object["amount"], sign);
                        }
                    }
                }
                Some("dispute") => {
                    for funds in object["balance_transactions"]
                        .as_array()
                        .into_iter()
                        .flatten()
                    {
                        add(&funds["currency"], &funds["amount"], 1);
                    }
                }
                _ => {}
            }
        }
        settled.retain(|_, amount| *amount != 0);
        settled
    }
}
