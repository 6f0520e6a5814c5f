//! Which DynamoDB the suites are judged by.
//!
//! Without more it is one in this process (dynoxide). `make conformance` names a second, moto's server, which other people
//! wrote: what one of them has wrong, or lets pass, then doesn't become what the adapters take for DynamoDB's way. Both
//! judges run every test; none is skipped for either.
//!
//! # Where the judges differ
//! [`super::rules`] asks each judge for what AWS documents and the adapters rely on, and holds it to the answer. Dynoxide
//! keeps every rule there. moto 5.2 doesn't keep these; each is named in its test, which fails once moto keeps it:
//!
//! | AWS refuses, by its API reference and developer guide | moto |
//! |---|---|
//! | `BatchWriteItem`: two requests for one item | takes a put and a delete of it |
//! | `BatchWriteItem`: more than 25 requests | takes 26 |
//! | `BatchWriteItem`, `BatchGetItem`: an empty list (at least one member) | writes and reads nothing |
//! | `Limit` 0 (its least value is 1) | takes it |
//! | `begins_with` on a sort key that is a number | finds nothing |
//! | a filter of a query on the table's own keys | filters |
//! | a reserved word as a name in a key condition (elsewhere moto refuses it too) | takes it |
//! | `ExclusiveStartKey` without the index's keys | begins somewhere |
//! | a value that no expression uses, in `PutItem` | takes it |
//! | an index's key of another type, in `PutItem` (in `UpdateItem` moto refuses it too) | leaves it out of the index |
//!
//! moto's own limit of an item is 405,000 bytes where AWS has 409,600: the tests' items keep away from what lies between.
//!
//! Neither shows what only AWS does: indexes that lag behind their table, items that TTL deletes, and throttling (keys and
//! writes that come back unprocessed).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_types::region::Region;
use dynoxide::Database;
use tokio::net::TcpListener;

/// Names another judge and its endpoint: `moto@http://127.0.0.1:5000`.
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

/// Who judges.
pub(super) fn judge() -> Judge {
    NAMED.0
}

/// A Region of this test's own. Judges keep the tables of each Region apart. And the SDK's allowance of repetitions is one
/// for each service and Region in a process: tests in which much is repeated would use up each other's.
pub(super) fn region() -> Region {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let test = TESTS.fetch_add(1, Ordering::Relaxed);
    Region::new(format!("test-{}-{test}", std::process::id()))
}

/// Where the judge answers.
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
