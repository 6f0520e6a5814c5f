//! What a rebuild would change, found out without a write.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::{Wanted, begin};
use crate::problem::Problem;
use crate::runs::{BulkRun, Ended, Object, RunKind, Start, Watch, name, plan_digest};
use crate::stack::Stack;

/// The most objects that a plan shows one by one. Further objects are only counted.
const SHOWN_MAX: usize = 50;

/// What a rebuild would change.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Objects that were looked at.
    pub looked: usize,
    /// What would become of them: counts by word.
    pub counts: BTreeMap<String, usize>,
    /// Those that would change or fail, as far as they are shown.
    pub objects: Vec<Object>,
    /// Whether the plan looked at some of the domain's objects only, since its time was over.
    pub is_part: bool,
    digest: String,
    run: String,
}

/// Finds out what would change, for as long as this. Changes nothing.
///
/// # Errors
/// As [`begin`], and any problem that isn't one object's own.
pub async fn plan(stack: &Stack, wanted: &Wanted, limit: Duration) -> Result<Plan, Problem> {
    let run = begin(stack, wanted.clone(), Start::Plan { from: None }).await?;
    let mut seen = Seen {
        until: Instant::now() + limit,
        parts: Vec::new(),
        objects: Vec::new(),
        is_part: false,
    };
    let Ended { looked, counts, .. } = run.resume(&mut seen).await?;
    let mut parts = vec![json!(wanted).to_string()];
    // What a whole domain has changes with each event: there, the plan is how, and not what.
    if !wanted.keys.is_empty() {
        parts.extend(seen.parts);
    }
    Ok(Plan {
        looked,
        counts,
        objects: seen.objects,
        is_part: seen.is_part,
        digest: plan_digest(parts.iter().map(String::as_str)),
        run: name(RunKind::Rebuild, &wanted.domain),
    })
}

impl Plan {
    /// Distinguishes this plan from another: by what was asked, and for objects that are named by what would become of
    /// each.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The name of the run that carries it out.
    pub fn name(&self) -> &str {
        &self.run
    }
}

struct Seen {
    until: Instant,
    parts: Vec<String>,
    objects: Vec<Object>,
    is_part: bool,
}

impl Watch for Seen {
    fn object(&mut self, object: &Object) -> Result<(), Problem> {
        if self.objects.len() < SHOWN_MAX {
            self.objects.push(object.clone());
        }
        self.parts.push(json!(object).to_string());
        Ok(())
    }

    fn page(&mut self, _: &BulkRun) -> ControlFlow<String> {
        match Instant::now() < self.until {
            true => ControlFlow::Continue(()),
            false => {
                self.is_part = true;
                ControlFlow::Break("a plan looks at no more".to_owned())
            }
        }
    }
}
