//! What happened, as the functions' lines counted it, over an hour and a day.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::context::Context;
use crate::output::{BAD, Cell, GOOD, PLAIN, WARN, table};
use sluice_operations::problem::Problem;
use sluice_operations::{logs, metrics};

/// What the functions' lines counted over a span.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// By function and outcome.
    outcomes: BTreeMap<[String; 2], f64>,
    /// By code.
    codes: BTreeMap<[String; 1], f64>,
    /// There were more lines than are read: the counts are at least these.
    cut: bool,
}

impl Counts {
    pub(super) fn of(&self, function: &str, outcome: &str) -> f64 {
        let key = [function.to_owned(), outcome.to_owned()];
        self.outcomes.get(&key).copied().unwrap_or_default()
    }

    pub(super) fn all_of(&self, function: &str) -> f64 {
        let all = self
            .outcomes
            .iter()
            .filter(|([name, _], _)| name == function);
        all.map(|(_, count)| count).sum()
    }
}

/// Counts what happened over a span.
pub(super) async fn counts(
    context: &Context,
    from_ms: i64,
    until_ms: i64,
) -> Result<Counts, Problem> {
    if context.stack.aws.is_real() {
        return Ok(Counts {
            outcomes: metrics::sums(
                &context.stack,
                "events",
                ["function", "outcome"],
                from_ms,
                until_ms,
            )
            .await?,
            codes: metrics::sums(&context.stack, "Faults", ["code"], from_ms, until_ms).await?,
            cut: false,
        });
    }
    let mut counts = Counts::default();
    for function in context.stack.log_groups.keys() {
        let found = logs::search(&context.stack, function, None, from_ms, until_ms).await?;
        counts.cut |= found.cut;
        for line in found.lines {
            if let Some(outcome) = line.fields["outcome"].as_str() {
                *counts
                    .outcomes
                    .entry([function.clone(), outcome.to_owned()])
                    .or_default() += 1.0;
            }
            if let Some(code) = line.fields["code"].as_str() {
                *counts.codes.entry([code.to_owned()]).or_default() += 1.0;
            }
        }
    }
    Ok(counts)
}

pub(super) fn in_json(counts: &Counts) -> Value {
    let mut functions = BTreeMap::<_, BTreeMap<_, _>>::new();
    for ([function, outcome], count) in &counts.outcomes {
        functions
            .entry(function)
            .or_default()
            .insert(outcome, count);
    }
    let codes: BTreeMap<_, _> = counts
        .codes
        .iter()
        .map(|([code], count)| (code, count))
        .collect();
    json!({ "outcomes": functions, "codes": codes, "at_least": counts.cut })
}

/// A count, or that it is unknown.
pub(super) fn number(counts: Option<&Counts>, count: impl Fn(&Counts) -> f64) -> String {
    match counts {
        None => "unknown".to_owned(),
        Some(counts) if counts.cut => format!("≥ {:.0}", count(counts)),
        Some(counts) => format!("{:.0}", count(counts)),
    }
}

/// What became of deliveries.
pub(super) fn door(context: &Context, hour: Option<&Counts>, day: Option<&Counts>) -> String {
    let received = |counts: &Counts| counts.all_of("ingest");
    let mut rows = vec![[
        Cell::from("received"),
        number(hour, received).into(),
        number(day, received).into(),
    ]];
    for (outcome, style) in [
        ("accepted", GOOD),
        ("duplicate", PLAIN),
        ("queued", WARN),
        ("held", PLAIN),
        ("test", PLAIN),
        ("refused", WARN),
        ("failed", BAD),
        ("conflict", BAD),
    ] {
        let of = |counts: &Counts| counts.of("ingest", outcome);
        rows.push([
            Cell::new(style, outcome),
            number(hour, of).into(),
            number(day, of).into(),
        ]);
    }
    table(
        [context.stack.name.as_str(), "last hour", "last day"],
        &rows,
    )
}

/// Refusals and faults, by code.
pub(super) fn codes(hour: Option<&Counts>, day: Option<&Counts>) -> String {
    let Some(of_day) = day.filter(|day| !day.codes.is_empty()) else {
        return String::new();
    };
    let rows: Vec<_> = of_day
        .codes
        .keys()
        .map(|key| {
            let of = |counts: &Counts| counts.codes.get(key).copied().unwrap_or_default();
            [
                Cell::from(&*key[0]),
                number(hour, of).into(),
                number(day, of).into(),
            ]
        })
        .collect();
    format!("\n{}", table(["code", "last hour", "last day"], &rows))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::output::without_colour;

    pub(in crate::status) fn counts() -> Counts {
        let key = |function: &str, outcome: &str| [function.to_owned(), outcome.to_owned()];
        Counts {
            outcomes: BTreeMap::from([
                (key("ingest", "accepted"), 7.0),
                (key("ingest", "refused"), 2.0),
                (key("payments", "rejected"), 1.0),
            ]),
            codes: BTreeMap::from([(["signature.no_match".to_owned()], 2.0)]),
            cut: false,
        }
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unknown_and_a_cut_count_is_at_least_that() {
        let mut some = counts();
        assert_eq!(number(None, |counts| counts.all_of("ingest")), "unknown");
        assert_eq!(number(Some(&some), |counts| counts.all_of("ingest")), "9");
        some.cut = true;
        assert_eq!(number(Some(&some), |counts| counts.all_of("ingest")), "≥ 9");
        assert!(without_colour(&codes(Some(&some), Some(&some))).contains("signature.no_match"));
    }
}
