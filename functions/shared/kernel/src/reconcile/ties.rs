//! Which ties are checked: those that have waited longest, among those of modes that have a key.
//!
//! Only a domain knows whether a tie is resolved, and it resolves the tie ([`crate::outcome::Resolved`]): asking for a
//! check removes nothing. A tie that can't be asked for, or whose check finds nothing out, stays and comes again, after
//! all others.

use super::report::Report;
use super::{Listing, NotedTie, Notes, Ports, TIES_MAX};

/// The most ties that a run reads to choose from. Further ties are read once some of these are resolved.
pub const TIES_READ_MAX: usize = 10_000;

/// The ties to check in this run, at most [`TIES_MAX`].
pub(super) async fn in_turn<L, B>(
    ports: &Ports<'_, impl Listing, L, impl Notes, B>,
    report: &mut Report,
) -> Vec<NotedTie> {
    let mut ties = match ports.notes.ties(TIES_READ_MAX).await {
        Ok(ties) => ties,
        Err(fault) => {
            report.stop(&fault);
            return Vec::new();
        }
    };
    report.ties = ties.len() as u64;
    for livemode in [true, false] {
        let is_of_mode = |noted: &NotedTie| noted.tie.scope.livemode == livemode;
        let of_mode = ties.iter().filter(|noted| is_of_mode(noted)).count();
        if of_mode == 0 {
            continue;
        }
        match ports.listing.has_key(livemode).await {
            Ok(true) => continue,
            Ok(false) => report.ties_without_key += of_mode as u64,
            Err(fault) => report.stop(&fault),
        }
        ties.retain(|noted| !is_of_mode(noted));
    }
    ties.sort_by_cached_key(|noted| {
        let object = noted.tie.object.clone();
        (noted.waits_since_ms, noted.tie.scope.key(), object)
    });
    ties.truncate(TIES_MAX);
    ties
}
