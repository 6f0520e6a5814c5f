//! Calls to AWS with JSON, signed by Signature Version 4.

use std::io::Write as _;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

use crate::http::Connection;
use crate::{Result, now_s};

const DAY_S: u64 = 86_400;

/// The headers that are signed, sorted.
const SIGNED: &str = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";

/// How a service is called.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    /// Its name in signatures.
    name: &'static str,
    /// The text before an operation's name.
    target: &'static str,
    media_type: &'static str,
}

pub(crate) const DYNAMODB: Api = Api {
    name: "dynamodb",
    target: "DynamoDB_20120810",
    media_type: "application/x-amz-json-1.0",
};

pub(crate) const EVENTBRIDGE: Api = Api {
    name: "events",
    target: "AWSEvents",
    media_type: "application/x-amz-json-1.1",
};

/// The address of AWS, and the credentials for it.
pub(crate) struct Access {
    host: String,
    tls: Option<Arc<ClientConfig>>,
    region: String,
    key_id: String,
    secret: String,
    token: String,
}

impl Access {
    pub(crate) fn of_environment() -> Result<Self> {
        let variable = |name| std::env::var(name);
        let endpoint = variable("AWS_ENDPOINT_URL")?;
        let (scheme, host) = endpoint
            .split_once("://")
            .ok_or("the endpoint is no address")?;
        Ok(Self {
            host: host.to_owned(),
            tls: (scheme == "https").then(trust),
            region: variable("AWS_REGION")?,
            key_id: variable("AWS_ACCESS_KEY_ID")?,
            secret: variable("AWS_SECRET_ACCESS_KEY")?,
            token: variable("AWS_SESSION_TOKEN")?,
        })
    }
}

/// Trusts the machine's trust store.
fn trust() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

/// A service, over a connection of its own.
pub(crate) struct Service<'a> {
    access: &'a Access,
    api: Api,
    connection: Connection,
    /// The key that signs, and the day that it is for.
    key: (u64, [u8; 32]),
    request: Vec<u8>,
}

impl<'a> Service<'a> {
    pub(crate) fn open(access: &'a Access, api: Api) -> Result<Self> {
        let connection = match &access.tls {
            Some(tls) => Connection::open_tls(&access.host, tls)?,
            None => Connection::open(&access.host)?,
        };
        Ok(Self {
            access,
            api,
            connection,
            key: (0, [0; 32]),
            request: Vec::new(),
        })
    }

    /// Status and text of the answer.
    pub(crate) fn call(&mut self, operation: &str, body: &[u8]) -> Result<(u16, &str)> {
        let (access, api, now_s) = (self.access, self.api, now_s());
        let (host, token, target, media) =
            (&access.host, &access.token, api.target, api.media_type);
        let (date, time) = written(now_s);
        if self.key.0 != now_s / DAY_S {
            let key = signing_key(&access.secret, &date, &access.region, api.name)?;
            self.key = (now_s / DAY_S, key);
        }
        let scope = format!("{date}/{}/{}/aws4_request", access.region, api.name);
        let canonical = format!(
            "POST\n/\n\ncontent-type:{media}\nhost:{host}\nx-amz-date:{time}\nx-amz-security-token:{token}\n\
             x-amz-target:{target}.{operation}\n\n{SIGNED}\n{}",
            hex::encode(Sha256::digest(body))
        );
        let canonical = hex::encode(Sha256::digest(canonical));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}");
        let signature = hex::encode(mac(&self.key.1, &to_sign)?);
        self.request.clear();
        write!(
            self.request,
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media}\r\nX-Amz-Date: {time}\r\n\
             X-Amz-Security-Token: {token}\r\nX-Amz-Target: {target}.{operation}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={SIGNED}, Signature={signature}\r\n\
             Content-Length: {}\r\n\r\n",
            access.key_id,
            body.len()
        )?;
        self.request.extend_from_slice(body);
        let response = self.connection.exchange(&self.request)?;
        Ok((response.status, str::from_utf8(response.body)?))
    }
}

fn mac(key: &[u8], text: &str) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

/// The key for a day, Region and service.
fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Result<[u8; 32]> {
    let mut key = mac(format!("AWS4{secret}").as_bytes(), date)?;
    for part in [region, service, "aws4_request"] {
        key = mac(&key, part)?;
    }
    Ok(key)
}

/// Day and time as signatures have them: `20260309` and `20260309T120000Z`.
fn written(unix_s: u64) -> (String, String) {
    // It counts in years that begin in March, so that a leap day is a year's last day; 400 of them have 146,097 days.
    let days = unix_s / DAY_S + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    let date = format!("{year:04}{month:02}{day:02}");
    let (hour, minute, second) = (unix_s / 3_600 % 24, unix_s / 60 % 60, unix_s % 60);
    let time = format!("{date}T{hour:02}{minute:02}{second:02}Z");
    (date, time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_written_as_the_calendar_has_them() {
        for (unix_s, expected) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_773_057_599, "20260309T115959Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            let (date, time) = written(unix_s);
            assert_eq!((&*date, &*time), (&expected[..8], expected));
        }
    }

    #[test]
    fn the_key_is_the_one_of_the_example_that_aws_gives() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let key = signing_key(secret, "20150830", "us-east-1", "iam").expect("a key of any length");
        let expected = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert_eq!(hex::encode(key), expected);
    }
}
