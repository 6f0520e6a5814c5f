//! The stored form of a body.
//!
//! A body is stored compressed and read back byte for byte. Each stored body names its codec, and every codec that was
//! ever written stays readable:
//!
//! | codec | form |
//! |---|---|
//! | `raw` | as it is, where compression wouldn't make it smaller |
//! | `zstd` | one zstd frame without a dictionary |
//!
//! A dictionary gets a name of its own here (`zstd.<id>`), never a new meaning for an old name.

use sluice_kernel::fault::Fault;

/// zstd's default: the higher levels cost several times the CPU for a few percent.
const LEVEL: i32 = 3;

/// A body in its stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Names the form.
    pub(crate) codec: &'static str,
    /// The stored bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Puts a body into its stored form.
pub(crate) fn encode(body: &[u8]) -> Encoded {
    match zstd::bulk::compress(body, LEVEL) {
        Ok(bytes) if bytes.len() < body.len() => Encoded {
            codec: "zstd",
            bytes,
        },
        // Compression into memory only fails for want of memory; the body as it is will do.
        _ => Encoded {
            codec: "raw",
            bytes: body.to_vec(),
        },
    }
}

/// Reads a stored body back. `size` is the body's length as the entry has it, and bounds what a damaged frame can
/// make us allocate.
pub(crate) fn decode(codec: &str, bytes: &[u8], size: u64) -> Result<Vec<u8>, Fault> {
    let capacity = usize::try_from(size).unwrap_or(usize::MAX);
    let body = match codec {
        "raw" => Ok(bytes.to_vec()),
        "zstd" => zstd::bulk::decompress(bytes, capacity).map_err(|_| {
            Fault::retry(
                "ledger.body_unreadable",
                "the stored body's frame is damaged",
            )
        }),
        // Written by a newer version: it can be read once this one is replaced.
        other => Err(Fault::retry(
            "ledger.codec_unknown",
            format!("codec {other:?}"),
        )),
    }?;
    if body.len() == capacity {
        Ok(body)
    } else {
        Err(Fault::retry(
            "ledger.body_unreadable",
            "the stored body has another length than the entry says",
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_body_reads_back_byte_for_byte(body in proptest::collection::vec(any::<u8>(), 0..4096), repeat in 1usize..8) {
            let body = body.repeat(repeat);
            let encoded = encode(&body);
            prop_assert_eq!(decode(encoded.codec, &encoded.bytes, body.len() as u64).unwrap(), body);
        }
    }

    #[test]
    fn json_gets_smaller_and_noise_stays_as_it_is() {
        let json =
            br#"{"object":"event","object":"event","object":"event","object":"event"}"#.repeat(4);
        assert_eq!(encode(&json).codec, "zstd");
        assert_eq!(encode(b"{}").codec, "raw");
    }

    #[test]
    fn a_frame_that_is_longer_than_the_entry_says_is_refused() {
        let encoded = encode(&[b'a'; 1000]);
        let fault = decode("zstd", &encoded.bytes, 999).unwrap_err();
        assert_eq!(fault.code, "ledger.body_unreadable");
        assert_eq!(
            decode("zstd.9", &[], 0).unwrap_err().code,
            "ledger.codec_unknown"
        );
    }
}
