//! Whether a call is signed as AWS requires: Signature Version 4, over the headers that the caller names as signed.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::http::Request;

/// Whether a POST's signature is the one that this secret makes.
pub(super) fn is_right(request: &Request, secret: &str) -> bool {
    let signatures = signatures(request, secret);
    signatures.is_some_and(|(given, made)| given == made)
}

/// The signature that a request has, and the one that it should have.
fn signatures(request: &Request, secret: &str) -> Option<(String, String)> {
    let header = request.header("authorization")?;
    let header = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let part = |name: &str| {
        let mut parts = header.split(',');
        parts.find_map(|part| part.trim().strip_prefix(name))
    };
    let (_, scope) = part("Credential=")?.split_once('/')?;
    let signed = part("SignedHeaders=")?;
    let mut canonical = format!("POST\n{}\n\n", request.path);
    for name in signed.split(';') {
        let value = request.header(name)?.trim();
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed}\n{}", hash(&request.body));
    let time = request.header("x-amz-date")?;
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hash(canonical.as_bytes())
    );
    // Day, Region, service and a fixed end: each is signed with the result of the one before it.
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/').chain([&*to_sign]) {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    Some((part("Signature=")?.to_owned(), hexadecimal(&key)))
}

fn hash(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};

    use super::*;
    use crate::http::Connection;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// `post-vanilla` of the tests that AWS publishes for Signature Version 4.
    const PUBLISHED: &str = "POST / HTTP/1.1\r\nHost:example.amazonaws.com\r\nX-Amz-Date:20150830T123600Z\r\n\
        Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
        SignedHeaders=host;x-amz-date, \
        Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b\r\nContent-Length: 0\r\n\r\n";

    fn request(text: &str) -> Request {
        let sent: io::Result<Option<Request>> =
            Connection::new(Cursor::new(text.as_bytes().to_vec())).request();
        sent.expect("well formed").expect("a request")
    }

    #[test]
    fn a_signature_is_right_as_aws_publishes_it() {
        assert!(is_right(&request(PUBLISHED), SECRET));
    }

    #[test]
    fn a_signature_for_anything_else_is_wrong() {
        assert!(!is_right(&request(PUBLISHED), "another"));
        for (from, to) in [
            ("123600Z", "123601Z"),
            ("Length: 0\r\n\r\n", "Length: 1\r\n\r\n{"),
            ("us-east-1", "us-east-2"),
            ("host;x", "host;absent;x"),
            ("Authorization", "Else"),
        ] {
            assert!(
                !is_right(&request(&PUBLISHED.replace(from, to)), SECRET),
                "{from}"
            );
        }
    }
}
