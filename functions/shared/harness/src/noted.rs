//! What domains record for reconcile, in memory: one table that [`crate::outcomes::MemoryOutcomes`] writes and
//! [`crate::reconcile::MemoryNotes`] reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_kernel::event::Scope;
use sluice_kernel::outcome::{Finding, Tie};
use sluice_kernel::reconcile::NotedTie;

#[derive(Debug, Default)]
struct Inner {
    /// By the scope's key and the object.
    ties: BTreeMap<(String, String), NotedTie>,
    /// When each was found, and its object.
    drifts: BTreeSet<(i64, String, String)>,
}

/// Ties and drifts. A clone is the same table.
#[derive(Debug, Default, Clone)]
pub struct Noted {
    inner: Arc<Mutex<Inner>>,
}

fn key(scope: &Scope, object: &str) -> (String, String) {
    (scope.key(), object.to_owned())
}

impl Noted {
    pub(crate) fn note(&self, remark: &Finding) {
        let mut inner = self.inner();
        match remark {
            Finding::Tie(tie) => {
                let noted = inner.ties.entry(key(&tie.scope, &tie.object));
                let noted = noted.or_insert_with(|| NotedTie {
                    tie: tie.clone(),
                    waits_since_ms: tie.at_ms,
                });
                if noted.tie.at_ms <= tie.at_ms {
                    noted.tie = tie.clone();
                }
            }
            Finding::Resolved(resolved) => {
                let key = key(&resolved.scope, &resolved.object);
                let is_resolved = inner.ties.get(&key).is_some_and(|NotedTie { tie, .. }| {
                    tie.domain == resolved.domain && tie.at_ms <= resolved.before_ms
                });
                if is_resolved {
                    inner.ties.remove(&key);
                }
            }
            Finding::Drift(drift) => {
                let (scope, object) = key(&drift.scope, &drift.object);
                inner.drifts.insert((drift.at_ms, scope, object));
            }
        }
    }

    pub(crate) fn ties(&self, limit: usize) -> Vec<NotedTie> {
        self.inner().ties.values().take(limit).cloned().collect()
    }

    pub(crate) fn ties_asked(&self, ties: &[Tie], at_ms: i64) {
        let mut inner = self.inner();
        for tie in ties {
            if let Some(noted) = inner.ties.get_mut(&key(&tie.scope, &tie.object)) {
                noted.waits_since_ms = at_ms;
            }
        }
    }

    pub(crate) fn drifted_since(&self, since_ms: i64) -> u64 {
        let inner = self.inner();
        let drifts = inner.drifts.iter();
        drifts.filter(|(at_ms, ..)| *at_ms >= since_ms).count() as u64
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
