//! Which emulated DynamoDB runs the suites.
//!
//! By default it is one in this process (dynoxide). `make conformance` names a second, moto's server, which other
//! people wrote. So an error or a leniency of one emulator doesn't become the adapters' idea of DynamoDB. Both run
//! every test; none is skipped for either.
//!
//! # Where the judges differ
//! [`super::rules`] asks each emulator for what AWS documents and the adapters rely on, and asserts the answer.
//! Dynoxide keeps every rule there. moto 5.2 doesn't keep these; the test of each names it, and fails once moto keeps
//! it:
//!
//! | AWS refuses, by its API reference and developer guide | moto |
//! |---|---|
//! | `BatchWriteItem`: two requests for one item | accepts a put and a delete of it |
//! | `BatchWriteItem`: more than 25 requests | accepts 26 |
//! | `BatchWriteItem`, `BatchGetItem`: an empty list (at least one member) | writes and reads nothing |
//! | `Limit` 0 (its least value is 1) | accepts it |
//! | `begins_with` on a sort key that is a number | finds nothing |
//! | a filter of a query on the table's own keys | filters |
//! | a reserved word as a name in a key condition (elsewhere moto refuses it too) | accepts it |
//! | `ExclusiveStartKey` without the index's keys | begins at an arbitrary place |
//! | a value that no expression uses, in `PutItem` | accepts it |
//! | an index's key of another type, in `PutItem` (in `UpdateItem` moto refuses it too) | leaves it out of the index |
//!
//! moto's own limit of an item is 405,000 bytes while AWS has 409,600: the tests' items avoid sizes in between.
//!
//! Neither emulator shows what only AWS does: indexes that lag behind their table, items that TTL deletes, and
//! throttling (keys and writes that come back unprocessed).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_types::region::Region;
use dynoxide::Database;
use tokio::net::TcpListener;

/// Names another emulator and its endpoint: `moto@http://127.0.0.1:5000`.
const VARIABLE: &str = "SLUICE_TEST_DYNAMODB";

/// An emulated DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    Dynoxide,
    Moto,
}

static NAMED: LazyLock<(Judge, Option<String>)> = LazyLock::new(|| {
    let Ok(named) = std::env::var(VARIABLE) else {
        return (Judge::Dynoxide, None);
    };
    match named.split_once('@') {
        Some(("moto", url)) => (Judge::Moto, Some(url.to_owned())),
        _ => panic!("{VARIABLE} is {named}: write moto@http://host:port"),
    }
});

/// The emulator that this run uses.
pub(super) fn judge() -> Judge {
    NAMED.0
}

/// A Region for this test only. The emulators keep the tables of each Region apart. And a process has one retry budget
/// of the SDK for each service and Region: tests that repeat many calls would use up each other's.
pub(super) fn region() -> Region {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let test = TESTS.fetch_add(1, Ordering::Relaxed);
    Region::new(format!("test-{}-{test}", std::process::id()))
}

/// The emulator's address.
pub(super) async fn endpoint() -> String {
    if let Some(url) = &NAMED.1 {
        return url.clone();
    }
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(dynoxide::server::serve_on(
        listener,
        Database::memory().expect("in memory"),
    ));
    format!("http://127.0.0.1:{port}")
}
