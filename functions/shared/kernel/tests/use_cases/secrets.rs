//! The cache over the webhook secrets.

use sluice_harness::secrets::MemorySecrets;
use sluice_kernel::delivery::secrets::{REFRESH_MS_MIN, SECRETS_MAX, Secret, SecretCache, parse};

use crate::code;

const TTL_MS: i64 = 300_000;

fn first(secrets: &sluice_kernel::delivery::secrets::Secrets) -> Secret {
    secrets["platform"][0].clone()
}

#[tokio::test]
async fn secrets_are_read_once_within_their_time() {
    let store = MemorySecrets::holding(&[("platform", &["whsec_1"])]);
    let cache = SecretCache::new(&store, TTL_MS);
    for now_ms in [0, 1, TTL_MS - 1] {
        assert_eq!(
            first(&cache.get(now_ms).await.expect("kept")),
            Secret::new("whsec_1")
        );
    }
    assert_eq!(store.reads(), 1);
    store.hold(&[("platform", &["whsec_2"])]);
    assert_eq!(
        first(&cache.get(TTL_MS).await.expect("read again")),
        Secret::new("whsec_2")
    );
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn a_refresh_finds_a_rolled_secret_at_once_and_asks_at_most_every_thirty_seconds() {
    let store = MemorySecrets::holding(&[("platform", &["whsec_1"])]);
    let cache = SecretCache::new(&store, TTL_MS);
    cache.get(0).await.expect("read");
    store.hold(&[("platform", &["whsec_2", "whsec_1"])]);
    assert_eq!(
        first(&cache.refresh(1).await.expect("something new")),
        Secret::new("whsec_2")
    );
    for now_ms in [2, 1_000, REFRESH_MS_MIN] {
        assert_eq!(cache.refresh(now_ms).await, None);
    }
    assert_eq!(store.reads(), 2);
    assert_eq!(
        cache.refresh(REFRESH_MS_MIN + 1).await,
        None,
        "asked again, and nothing is new"
    );
    assert_eq!(store.reads(), 3);
}

#[tokio::test]
async fn secrets_past_their_time_serve_while_the_store_is_down() {
    let store = MemorySecrets::holding(&[("platform", &["whsec_1"])]);
    let cache = SecretCache::new(&store, TTL_MS);
    cache.get(0).await.expect("read");
    store.break_down();
    for now_ms in TTL_MS..TTL_MS + 100 {
        assert_eq!(
            first(&cache.get(now_ms).await.expect("kept")),
            Secret::new("whsec_1")
        );
    }
    assert_eq!(
        store.reads(),
        2,
        "a store that is down is not asked at every delivery"
    );
}

#[tokio::test]
async fn without_any_secret_a_store_that_is_down_is_a_fault() {
    let store = MemorySecrets::default();
    let cache = SecretCache::new(&store, TTL_MS);
    assert_eq!(
        cache.get(0).await.expect_err("down").code,
        code::SECRET_UNAVAILABLE
    );
}

#[test]
fn a_secret_that_is_no_object_of_lists_is_refused_without_quoting_it() {
    let many = format!(
        r#"{{"platform":[{}"whsec_x"]}}"#,
        r#""whsec_x","#.repeat(SECRETS_MAX)
    );
    for text in [
        "whsec_x",
        r#"{"platform":"whsec_x"}"#,
        r#"["whsec_x"]"#,
        &many,
    ] {
        let fault = parse(text).expect_err("refused");
        assert_eq!(fault.code, code::SECRET_MALFORMED);
        assert!(!fault.to_string().contains("whsec"), "{fault}");
    }
    assert_eq!(
        format!("{:?}", parse(r#"{"platform":["whsec_x"]}"#)),
        r#"Ok({"platform": [Secret(…)]})"#
    );
}

#[test]
fn white_space_around_a_stored_secret_is_no_part_of_it() {
    let json = r#"{"platform": ["whsec_1\n", " \twhsec_2\r\n", "whsec_3", " \n"]}"#;
    let secrets = parse(json).expect("readable");
    let expected = ["whsec_1", "whsec_2", "whsec_3", ""].map(Secret::new);
    assert_eq!(secrets["platform"], expected);
    assert_eq!(secrets["platform"][0].as_ref(), b"whsec_1");
}
