//! What every table of projections has to do.

use futures_util::future::join_all;
use sluice_kernel::consumer::projection::{Projections, Stored};

fn stored(version: u64, document: &str) -> Option<Stored> {
    Some(Stored {
        version,
        document: document.to_owned(),
    })
}

/// The first write needs the item to be absent.
pub async fn a_first_write_makes_version_one_and_reads_back(projections: &impl Projections) {
    assert_eq!(projections.get("a").await, Ok(None));
    assert_eq!(projections.put("a", 0, r#"{"n":1}"#, None).await, Ok(true));
    assert_eq!(projections.get("a").await, Ok(stored(1, r#"{"n":1}"#)));
    assert_eq!(projections.put("a", 1, "{}", None).await, Ok(true));
    assert_eq!(projections.get("a").await, Ok(stored(2, "{}")));
}

/// The version is the condition.
pub async fn a_write_at_another_version_changes_nothing(projections: &impl Projections) {
    assert_eq!(projections.put("a", 3, "{}", None).await, Ok(false));
    assert_eq!(projections.get("a").await, Ok(None));
    assert_eq!(projections.put("a", 0, "{}", None).await, Ok(true));
    for expected in [0, 2] {
        assert_eq!(
            projections.put("a", expected, "other", None).await,
            Ok(false)
        );
    }
    assert_eq!(projections.get("a").await, Ok(stored(1, "{}")));
}

/// Of writers that read the same version, one writes.
pub async fn of_twenty_parallel_writes_at_one_version_one_happens(projections: &impl Projections) {
    let documents: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let writes = documents
        .iter()
        .map(|document| projections.put("a", 0, document, None));
    let happened = join_all(writes)
        .await
        .into_iter()
        .filter(|wrote| *wrote == Ok(true));
    assert_eq!(happened.count(), 1);
}

/// One object's writes don't affect another.
pub async fn keys_do_not_meet(projections: &impl Projections) {
    for key in ["acct_1#live#ch_1", "acct_1#test#ch_1", "acct_2#live#ch_1"] {
        assert_eq!(projections.put(key, 0, key, None).await, Ok(true));
    }
    assert_eq!(
        projections.get("acct_1#test#ch_1").await,
        Ok(stored(1, "acct_1#test#ch_1"))
    );
}
