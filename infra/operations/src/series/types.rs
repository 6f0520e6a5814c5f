//! How many events of each type came in over a span, by the ledger's index by time: no metric knows types.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_adapters::timeline::Wanted;

use super::{Buckets, Span};
use crate::domains;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

/// The most events whose types are counted: the newest of a span.
pub const TYPES_MAX: usize = 5_000;

/// The events of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfType {
    /// Stripe's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The domain that its events go to; none if they go to none.
    pub domain: Option<&'static str>,
    /// How many came in.
    pub events: usize,
}

/// How many events of each type came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Types {
    /// Those with most events first.
    pub types: Vec<OfType>,
    /// How many events were counted.
    pub events: usize,
    /// Since when they came, in milliseconds: the span's beginning, or later if it had more than [`TYPES_MAX`].
    pub since_ms: i64,
    /// Whether the span had more.
    pub cut: bool,
}

/// Counts the types of a span's newest events. An event counts once, however often it was delivered.
///
/// # Errors
/// When the ledger can't be read.
pub async fn look(stack: &Stack, span: Span) -> Result<Types, Problem> {
    let at_ms = now_ms();
    let from_ms = Buckets::until(span, at_ms).from_ms;
    let wanted = Wanted {
        newest_first: true,
        ..Wanted::between(from_ms, at_ms + 1)
    };
    let mut walk = stack.timeline()?.walk(wanted);
    let mut counts = BTreeMap::<String, usize>::new();
    let (mut events, mut since_ms, mut cut) = (0, from_ms, false);
    while let Some(seen) = walk.next().await? {
        if events == TYPES_MAX {
            cut = true;
            break;
        }
        events += 1;
        since_ms = seen.received_at_ms;
        *counts.entry(seen.kind).or_default() += 1;
    }
    Ok(Types {
        types: sorted(counts),
        events,
        since_ms: if cut { since_ms } else { from_ms },
        cut,
    })
}

fn sorted(counts: BTreeMap<String, usize>) -> Vec<OfType> {
    let of = |(kind, events): (String, usize)| OfType {
        domain: domains::of_type(None, &kind).into_iter().next(),
        kind,
        events,
    };
    let mut types: Vec<_> = counts.into_iter().map(of).collect();
    types.sort_by_key(|of_type| std::cmp::Reverse(of_type.events));
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_type_is_first_and_each_has_its_domain() {
        let counts = [
            ("charge.refunded", 2),
            ("payment_intent.succeeded", 9),
            ("v2.core.x", 2),
        ];
        let counts = counts.map(|(kind, events)| (kind.to_owned(), events));
        let types = sorted(counts.into());
        let shown: Vec<_> = types
            .iter()
            .map(|one| (one.kind.as_str(), one.events))
            .collect();
        assert_eq!(
            shown,
            [
                ("payment_intent.succeeded", 9),
                ("charge.refunded", 2),
                ("v2.core.x", 2)
            ]
        );
        assert_eq!(types[0].domain, Some("payments"));
    }
}
