//! API keys, and the mode that each opens.
//!
//! A key of the wrong mode is worse than none: to it, every object of the other mode is "not there". So a key's mode is
//! read from its prefix, and one in the wrong place is never sent.

use http::header::HeaderValue;
use serde::Deserialize;
use sluice_kernel::delivery::secrets::Secret;
use sluice_kernel::fault::Fault;

use crate::code;

/// The configured keys. `Debug` shows only which. Read from JSON: `{"live": "rk_live_…", "test": null}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Keys {
    /// `rk_live_…` or `sk_live_…`: for live objects.
    #[serde(default)]
    pub live: Option<Secret>,
    /// `rk_test_…` or `sk_test_…`: for objects of the sandbox or the test mode.
    #[serde(default)]
    pub test: Option<Secret>,
}

impl Keys {
    /// Checks at a function's start that each key is in its right place. A blank key counts as no key.
    ///
    /// # Errors
    /// `Init` with `stripe.key_wrong_mode`, naming the place and never the key.
    pub fn check(&self) -> Result<(), Fault> {
        for livemode in [true, false] {
            if let Some(key) = self.key(livemode) {
                check(key, livemode)
                    .map_err(|cause| Fault::init(code::STRIPE_KEY_WRONG_MODE, cause))?;
            }
        }
        Ok(())
    }

    /// The header for a mode; `None` without a key.
    pub(super) fn authorization(&self, livemode: bool) -> Result<Option<HeaderValue>, Fault> {
        let Some(key) = self.key(livemode) else {
            return Ok(None);
        };
        // `Retry`: an operator has to correct the key, and the message waits for that.
        check(key, livemode).map_err(|cause| Fault::retry(code::STRIPE_KEY_WRONG_MODE, cause))?;
        let mut header = b"Bearer ".to_vec();
        header.extend_from_slice(key);
        let mut header = HeaderValue::from_bytes(&header).map_err(|_| {
            Fault::retry(
                code::STRIPE_KEY_REFUSED,
                "the key has characters that no key has",
            )
        })?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    fn key(&self, livemode: bool) -> Option<&[u8]> {
        let key = if livemode { &self.live } else { &self.test };
        let key = key.as_ref()?.as_ref().trim_ascii();
        (!key.is_empty()).then_some(key)
    }
}

/// Whether the key opens this mode.
fn check(key: &[u8], livemode: bool) -> Result<(), String> {
    let place = |livemode| if livemode { "live" } else { "test" };
    match mode(key) {
        Some(mode) if mode == livemode => Ok(()),
        Some(mode) => Err(format!(
            "the {} key is a {} key",
            place(livemode),
            place(mode)
        )),
        None => Err(format!(
            "the {} key begins with none of sk_live_, rk_live_, sk_test_, rk_test_",
            place(livemode)
        )),
    }
}

/// The mode that a key's prefix shows: live or not.
fn mode(key: &[u8]) -> Option<bool> {
    let is = |prefixes: [&[u8]; 2]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    if is([b"sk_live_", b"rk_live_"]) {
        Some(true)
    } else {
        is([b"sk_test_", b"rk_test_"]).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(live: &str, test: &str) -> Keys {
        Keys {
            live: Some(Secret::new(live)),
            test: Some(Secret::new(test)),
        }
    }

    #[test]
    fn a_key_in_the_other_modes_place_is_found_out_at_the_start_and_never_sent() {
        for (keys, cause) in [
            (keys("sk_test_abc", ""), "the live key is a test key"),
            (keys("", "rk_live_abc"), "the test key is a live key"),
        ] {
            let fault = keys.check().expect_err("the wrong mode");
            assert_eq!(
                (fault.code, fault.cause.as_str()),
                (code::STRIPE_KEY_WRONG_MODE, cause)
            );
            let livemode = cause.starts_with("the live");
            let fault = keys.authorization(livemode).expect_err("the wrong mode");
            assert_eq!(fault.code, code::STRIPE_KEY_WRONG_MODE);
            assert!(!fault.to_string().contains("abc"));
        }
    }

    #[test]
    fn a_key_whose_prefix_shows_no_mode_is_refused_without_being_quoted() {
        for key in ["sk_org_live_abc", "pk_live_abc", "whsec_abc", "abc"] {
            let fault = keys(key, "").check().expect_err("no mode");
            assert_eq!(fault.code, code::STRIPE_KEY_WRONG_MODE);
            assert!(!fault.to_string().contains("abc"), "{fault}");
        }
    }

    #[test]
    fn a_blank_key_is_no_key_and_white_space_around_one_is_not_sent() {
        let keys = keys(" \n", "rk_test_abc\n");
        assert_eq!(keys.check(), Ok(()));
        assert_eq!(keys.authorization(true), Ok(None));
        let header = keys.authorization(false).expect("a key").expect("a key");
        assert_eq!(header.as_bytes(), b"Bearer rk_test_abc");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert!(!format!("{keys:?}").contains("abc"));
    }

    #[test]
    fn keys_are_read_from_json() {
        let keys: Keys = serde_json::from_str(r#"{"live": "rk_live_abc"}"#).expect("keys");
        assert!(keys.live.is_some() && keys.test.is_none());
        assert_eq!(keys.check(), Ok(()));
    }
}
