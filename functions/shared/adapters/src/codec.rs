//! The stored form of a body.
//!
//! A body is stored compressed and read back byte for byte. Each stored body names its codec, and every codec that was
//! ever written stays readable:
//!
//! | codec | form |
//! |---|---|
//! | `raw` | as it is, if compression wouldn't make it smaller |
//! | `zstd` | one zstd frame without a dictionary: bodies over [`DICTIONARY_BODY_BYTES_MAX`] |
//! | `zstd.<id>` | one zstd frame with the dictionary of this id, which the frame names as well |
//!
//! A dictionary holds what Stripe's events have in common: keys, types, states. `infra/lab/dictionary` trains it: its
//! `train` writes a new one, [`DICTIONARIES`] then names it last, and new frames use it from then on. A name never gets
//! a new meaning, and a dictionary that was shipped is never changed or left out: ledgers hold its frames for as long
//! as they keep events. `codec/frames` has frames of every version, which have to stay readable.

use std::sync::{Mutex, PoisonError};

use sluice_kernel::fault::Fault;
use zstd::bulk::{Compressor, Decompressor};

use crate::code;

/// A dictionary, and the codec that frames with it are stored under.
#[derive(Debug)]
pub struct Dictionary {
    /// The codec's name, `zstd.<id>`.
    pub codec: &'static str,
    /// As it was trained.
    pub bytes: &'static [u8],
}

/// Every dictionary that was ever shipped; new frames use the last one.
pub const DICTIONARIES: [Dictionary; 1] = [Dictionary {
    codec: "zstd.1",
    bytes: include_bytes!("codec/1.dictionary"),
}];

const CURRENT: &Dictionary = &DICTIONARIES[DICTIONARIES.len() - 1];

/// How hard bodies are compressed; the table in infra/docs/performance.md has the results of other levels.
pub const LEVEL: i32 = 3;

/// How hard a body is compressed a second time when that may save a write unit.
pub const HARDER_LEVEL: i32 = 9;

/// Larger bodies are compressed without a dictionary: what they repeat is in themselves.
pub const DICTIONARY_BODY_BYTES_MAX: usize = 64 * 1024;

/// How hard those are compressed.
pub const LARGE_LEVEL: i32 = 1;

/// A body in its stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Names the form.
    pub codec: &'static str,
    /// The stored bytes.
    pub bytes: Vec<u8>,
}

/// Kept between bodies, since preparing one costs more than most bodies do.
static WITH_DICTIONARY: Mutex<Option<Compressor<'static>>> = Mutex::new(None);
static HARDER: Mutex<Option<Compressor<'static>>> = Mutex::new(None);
static PLAIN: Mutex<Option<Compressor<'static>>> = Mutex::new(None);

/// Prepares the dictionary; else the first body would wait for it.
pub fn prepare() {
    // The first body loads the dictionary.
    let _ = encode(b"{}");
}

/// Puts a body into its stored form.
pub fn encode(body: &[u8]) -> Encoded {
    let (codec, bytes) = if body.len() <= DICTIONARY_BODY_BYTES_MAX {
        let bytes = compress(&WITH_DICTIONARY, body, || {
            Compressor::with_dictionary(LEVEL, CURRENT.bytes)
        });
        (CURRENT.codec, bytes)
    } else {
        (
            "zstd",
            compress(&PLAIN, body, || Compressor::new(LARGE_LEVEL)),
        )
    };
    match bytes {
        Ok(bytes) if bytes.len() < body.len() => Encoded { codec, bytes },
        // Compression into memory fails only for lack of memory; the body as it is will do.
        _ => Encoded {
            codec: "raw",
            bytes: body.to_vec(),
        },
    }
}

/// Puts a body into a stored form of at most this number of bytes, with all reasonable effort; `None` if it can't.
pub(crate) fn encode_harder(body: &[u8], bytes_max: usize) -> Option<Encoded> {
    if body.len() > DICTIONARY_BODY_BYTES_MAX {
        return None;
    }
    let compressed = compress(&HARDER, body, || {
        Compressor::with_dictionary(HARDER_LEVEL, CURRENT.bytes)
    });
    let bytes = compressed.ok().filter(|bytes| bytes.len() <= bytes_max)?;
    let codec = CURRENT.codec;
    Some(Encoded { codec, bytes })
}

fn compress(
    kept: &Mutex<Option<Compressor<'static>>>,
    body: &[u8],
    make: impl FnOnce() -> std::io::Result<Compressor<'static>>,
) -> std::io::Result<Vec<u8>> {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let mut compressor = match kept.take() {
        Some(compressor) => compressor,
        None => make()?,
    };
    let mut bytes = compressor.compress(body)?;
    // A compressor that has failed is not used again.
    *kept = Some(compressor);
    // The buffer had room for a body that can't be compressed.
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// The codec that a frame names; `None` if the bytes aren't a frame.
pub(crate) fn of_frame(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(&MAGIC) {
        return None;
    }
    Some(match zstd::zstd_safe::get_dict_id_from_frame(bytes) {
        Some(id) => format!("zstd.{id}"),
        None => "zstd".to_owned(),
    })
}

/// What a zstd frame begins with (RFC 8878, 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads a stored body back. `size` is the body's length according to the entry; it limits what a damaged frame can
/// make this function allocate.
///
/// # Errors
/// `Retry` with `ledger.body_unreadable` for a damaged frame, and with `ledger.codec_unknown` for a form that this
/// version doesn't know.
pub fn decode(codec: &str, bytes: &[u8], size: u64) -> Result<Vec<u8>, Fault> {
    let capacity = usize::try_from(size).unwrap_or(usize::MAX);
    let unreadable = |_| {
        Fault::retry(
            code::LEDGER_BODY_UNREADABLE,
            "the stored body's frame is damaged",
        )
    };
    let with =
        |dictionary: &[u8]| Decompressor::with_dictionary(dictionary)?.decompress(bytes, capacity);
    let body = match codec {
        "raw" => bytes.to_vec(),
        "zstd" => with(&[]).map_err(unreadable)?,
        other => match DICTIONARIES.iter().find(|known| known.codec == other) {
            Some(dictionary) => with(dictionary.bytes).map_err(unreadable)?,
            // Written by a newer version: it can be read once this one is replaced.
            None => {
                return Err(Fault::retry(
                    code::LEDGER_CODEC_UNKNOWN,
                    format!("codec {other:?}"),
                ));
            }
        },
    };
    if body.len() == capacity {
        Ok(body)
    } else {
        Err(Fault::retry(
            code::LEDGER_BODY_UNREADABLE,
            "the stored body has another length than the entry says",
        ))
    }
}

#[cfg(test)]
mod tests;
