//! The token of the printed address, and the cookie that it becomes.
//!
//! The token is used once. Then only the browser that used it can ask for pages: its cookie isn't readable by scripts,
//! and isn't sent with requests that another site makes. Cookies belong to a host and not to a port, so the name of the
//! cookie has the port: two consoles don't take each other's.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// The bytes of a token: enough that it can't be guessed.
const TOKEN_BYTES: usize = 32;

/// The token, the cookie, and whether the token was used.
pub(crate) struct Session {
    port: u16,
    token: Mutex<Option<String>>,
    secret: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// A new session of a console on this port.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(crate) fn new(port: u16) -> io::Result<Self> {
        Ok(Self {
            port,
            token: Mutex::new(Some(random()?)),
            secret: random()?,
        })
    }

    /// The token, if it wasn't used.
    pub(crate) fn token(&self) -> Option<String> {
        self.token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Uses the token: true once, for the right one.
    pub(crate) fn enter(&self, token: &str) -> bool {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = kept.as_deref().is_some_and(|kept| is_same(kept, token));
        if is_right {
            *kept = None;
        }
        is_right
    }

    /// The header that gives the browser its cookie. It ends with the browser's session.
    pub(crate) fn cookie(&self) -> String {
        let Self { port, secret, .. } = self;
        format!("sluice_console_{port}={secret}; Path=/; HttpOnly; SameSite=Strict")
    }

    /// Whether a request's `Cookie` header has the cookie.
    pub(crate) fn has_entered(&self, cookies: &str) -> bool {
        let name = format!("sluice_console_{}", self.port);
        let mut pairs = cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(one, value)| one == name && is_same(&self.secret, value))
    }
}

/// Whether two texts are the same, in a time that says nothing of where they differ.
fn is_same(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

fn random() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_once_and_only_the_right_one() {
        let session = Session::new(7).expect("random bytes");
        let token = session.token().expect("unused");
        assert!(!session.enter("") && !session.enter(&token[1..]));
        assert!(session.enter(&token));
        assert!(!session.enter(&token), "a second time");
        assert_eq!(session.token(), None);
    }

    #[test]
    fn only_the_cookie_of_this_console_counts() {
        let session = Session::new(7).expect("random bytes");
        let cookie = session.cookie();
        let pair = cookie.split(';').next().expect("a pair");
        assert!(session.has_entered(&format!("a=b; {pair}")));
        assert!(!session.has_entered(&pair.replace("console_7", "console_8")));
        assert!(!session.has_entered("sluice_console_7=") && !session.has_entered(""));
        let other = Session::new(7).expect("random bytes");
        assert!(!other.has_entered(pair));
        for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(word), "{cookie}");
        }
    }
}
