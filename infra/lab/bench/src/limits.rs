//! Limits on what may not grow unnoticed: the size of what is uploaded, and the bytes of a usual event in the ledger.
//! Both are the same on every machine with the same compiler. So a run fails on them, and never on a time.

use std::path::Path;

use crate::measure::Measured;

/// The most bytes of ingest's ZIP file. A larger program takes longer to load at a cold start. The cause is usually a
/// dependency that isn't needed (a second TLS stack is a megabyte).
const INGEST_ZIP_BYTES_MAX: u64 = 2_650_000;

/// The most bytes that DynamoDB bills for the entry of a 3 KB event. Each write of an entry bills all of it, rounded up
/// to 1 KB: one more attribute costs two write units per event.
const ENTRY_BYTES_MAX: u64 = 1_024;

/// The scenario that entries are read from.
const USUAL: &str = "warm-3k";

/// The limits that are exceeded, one line each.
pub(crate) fn passed(ingest_zip: &Path, measured: &[Measured]) -> Vec<String> {
    let zip = std::fs::metadata(ingest_zip).map(|metadata| metadata.len());
    let entry = measured.iter().filter(|one| one.scenario == USUAL);
    let entry = entry.map(|one| one.entry_bytes).max();
    [
        ("ingest's ZIP file", zip.ok(), INGEST_ZIP_BYTES_MAX),
        ("the ledger's entry of a 3 KB event", entry, ENTRY_BYTES_MAX),
    ]
    .into_iter()
    .filter_map(|(what, bytes, limit)| {
        let bytes = bytes.filter(|bytes| *bytes > limit)?;
        Some(format!(
            "{what} has {bytes} bytes; {limit} are the most (limits.rs)"
        ))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_has_grown_is_reported() {
        let of = |scenario, entry_bytes| Measured {
            scenario,
            entry_bytes,
            ..Measured::default()
        };
        let zip = Path::new("no such file");
        assert!(passed(zip, &[of(USUAL, ENTRY_BYTES_MAX)]).is_empty());
        assert!(passed(zip, &[of("warm-200k", ENTRY_BYTES_MAX + 1)]).is_empty());
        assert_eq!(passed(zip, &[of(USUAL, ENTRY_BYTES_MAX + 1)]).len(), 1);
    }

    #[test]
    fn a_package_that_has_grown_is_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let zip = folder.path().join("ours.zip");
        let file = std::fs::File::create(&zip).expect("a file");
        file.set_len(INGEST_ZIP_BYTES_MAX).expect("its length");
        assert!(passed(&zip, &[]).is_empty());
        file.set_len(INGEST_ZIP_BYTES_MAX + 1).expect("its length");
        assert_eq!(passed(&zip, &[]).len(), 1);
    }
}
