//! Where each event type goes: to one domain, or deliberately to none.
//!
//! The only table is `routes.tsv` beside this file. It has a row for every type that Stripe documents: its shape, where
//! it goes and, if that is no domain, the reason. The rules in `template.yaml` do the routing itself; the integration
//! tests compare them with the table, row by row. Ingest reads the table here. It has to distinguish a type without a
//! decision from a type that is deliberately kept in the ledger.
//!
//! A type without a row is never refused. It is stored and published like any other, and counted, so that a maintainer
//! adds a row. The rules match by an object's prefix: a new type of an object that a domain has (`invoice.frobbed`)
//! reaches that domain before it has its row.
//!
//! The table is text in the program and is searched as text. Nothing is built when a function starts, and a lookup
//! reads about ten lines.

use std::cmp::Ordering;

/// The table: a heading, then rows of `type`, `shape`, `goes to` and, for the ledger, `reason`. Columns are separated
/// by tabs, and rows are sorted by the type's bytes.
const TABLE: &str = include_str!("routes.tsv");

/// Where events of one type go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To the queue of this domain.
    Domain(&'static str),
    /// To no domain, for this reason. The event is in the ledger, and on the bus for your own rules.
    NoDomain(&'static str),
    /// The table has no row for it: Stripe added the type later.
    Unrouted,
}

/// Whether an event names its object or carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteShape {
    /// Carries the object as it was.
    Snapshot,
    /// Names the object, which has to be fetched.
    Thin,
}

/// Where events of this type go.
pub fn route(kind: &str) -> Route {
    let rows = rows_text();
    let (mut low, mut high) = (0, rows.len());
    // `low` and `high` are always starts of lines, or the end.
    while low < high {
        let middle = low + (high - low) / 2;
        let start = rows[..middle].rfind('\n').map_or(0, |at| at + 1).max(low);
        let end = rows[start..].find('\n').map_or(high, |at| start + at + 1);
        let line = &rows[start..end];
        let (found, rest) = line.split_once('\t').unwrap_or((line, ""));
        match found.cmp(kind) {
            Ordering::Less => low = end,
            Ordering::Greater => high = start,
            Ordering::Equal => return of_columns(rest).map_or(Route::Unrouted, |(_, to)| to),
        }
    }
    Route::Unrouted
}

/// Every row: type, shape, and where it goes.
pub fn rows() -> impl Iterator<Item = (&'static str, RouteShape, Route)> {
    rows_text().lines().filter_map(|line| {
        let (kind, rest) = line.split_once('\t')?;
        let (shape, to) = of_columns(rest)?;
        Some((kind, shape, to))
    })
}

/// The table without its heading.
fn rows_text() -> &'static str {
    TABLE.split_once('\n').map_or("", |(_, rows)| rows)
}

/// What follows the type in a row.
fn of_columns(rest: &'static str) -> Option<(RouteShape, Route)> {
    let mut columns = rest.trim_end_matches('\n').split('\t');
    let shape = match columns.next()? {
        "snapshot" => RouteShape::Snapshot,
        "thin" => RouteShape::Thin,
        _ => return None,
    };
    let to = match (columns.next()?, columns.next()) {
        ("ledger", Some(reason)) => Route::NoDomain(reason),
        ("ledger", None) => return None,
        (domain, _) => Route::Domain(domain),
    };
    Some((shape, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_by_type_and_names_each_once() {
        let kinds: Vec<_> = rows().map(|(kind, ..)| kind).collect();
        for pair in kinds.windows(2) {
            assert!(pair[0] < pair[1], "{} is not before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn every_row_is_readable_and_has_a_domain_or_a_reason() {
        let heading = TABLE.lines().next();
        assert_eq!(heading, Some("type\tshape\tgoes to\treason"));
        assert_eq!(rows().count(), rows_text().lines().count());
        for (kind, _, to) in rows() {
            match to {
                Route::Domain(domain) => assert!(!domain.is_empty(), "{kind}"),
                Route::NoDomain(reason) => assert!(reason.trim().len() > 10, "{kind}: {reason}"),
                Route::Unrouted => panic!("{kind} has a row and no route"),
            }
        }
        for line in rows_text().lines() {
            let columns = if line.contains("\tledger\t") { 4 } else { 3 };
            assert_eq!(line.split('\t').count(), columns, "{line}");
        }
    }

    #[test]
    fn no_type_is_lost_and_its_name_shows_its_shape() {
        let of = |wanted| rows().filter(|(_, shape, _)| *shape == wanted).count();
        // As many as there were once. Types that Stripe adds make more.
        assert!(of(RouteShape::Snapshot) >= 275 && of(RouteShape::Thin) >= 326);
        for (kind, shape, _) in rows() {
            let is_thin = kind.starts_with("v1.") || kind.starts_with("v2.");
            assert_eq!(is_thin, shape == RouteShape::Thin, "{kind}");
        }
    }

    #[test]
    fn a_lookup_finds_every_row_and_nothing_beside_them() {
        for (kind, _, to) in rows() {
            assert_eq!(route(kind), to, "{kind}");
            let longer = format!("{kind}s");
            assert_eq!(route(&longer), Route::Unrouted, "{longer}");
            let shorter = &kind[..kind.len() - 1];
            assert_eq!(route(shorter), Route::Unrouted, "{shorter}");
        }
        for kind in ["", "\n", "a", "type", "galaxy.moved", "zzz", "\u{10ffff}"] {
            assert_eq!(route(kind), Route::Unrouted, "{kind}");
        }
    }

    /// How the reason of a thin event begins that can't follow its snapshot event to a domain.
    const UNFETCHABLE: &str = "names no object by an id that could be fetched";

    /// Whether a thin event may go here if its snapshot event goes there.
    fn go_together(thin: Route, snapshot: Route) -> bool {
        match (thin, snapshot) {
            (Route::Domain(thin), Route::Domain(snapshot)) => thin == snapshot,
            (Route::NoDomain(reason), Route::Domain(_)) => reason.starts_with(UNFETCHABLE),
            (Route::Domain(_), Route::NoDomain(_)) => false,
            // Many thin types have no snapshot type.
            (_, Route::Unrouted) | (Route::NoDomain(_), Route::NoDomain(_)) => true,
            (Route::Unrouted, _) => false,
        }
    }

    #[test]
    fn a_thin_event_goes_where_its_snapshot_goes_or_says_why_it_can_not() {
        for (kind, _, to) in rows() {
            if let Some(snapshot) = kind.strip_prefix("v1.") {
                assert!(
                    go_together(to, route(snapshot)),
                    "{kind} goes to {to:?}, and {snapshot} to {:?}; if its object can't be fetched, its reason begins with \
                     {UNFETCHABLE:?}",
                    route(snapshot)
                );
            }
        }
    }

    #[test]
    fn a_row_that_is_left_behind_when_a_domain_takes_its_types_is_found() {
        let [ours, others] = ["lamps", "bulbs"].map(Route::Domain);
        let left = Route::NoDomain("lamps: not a domain of Sluice yet");
        let unfetchable = Route::NoDomain("names no object by an id that could be fetched: a lamp");
        assert!(!go_together(left, ours) && !go_together(ours, left));
        assert!(!go_together(others, ours));
        assert!(
            go_together(unfetchable, ours) && go_together(ours, ours) && go_together(left, left)
        );
    }

    #[test]
    fn what_stripe_waits_for_is_kept_and_says_so() {
        for kind in [
            "issuing_authorization.request",
            "v1.issuing_authorization.request",
        ] {
            let Route::NoDomain(reason) = route(kind) else {
                panic!("{kind} can't be answered by a domain");
            };
            assert!(reason.contains("waits for the answer"), "{reason}");
        }
    }
}
