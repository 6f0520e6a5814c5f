//! Training.

use std::path::Path;

use sluice_adapters::codec::LEVEL;
use zstd::bulk::Compressor;

use crate::corpus::{self, Body};

/// The dictionary's size: see the table of `dictionary sizes`.
pub(crate) const BYTES: usize = 64 * 1024;

/// The plays that are trained on. Others are for measuring.
pub(crate) const SEEDS: std::ops::Range<u64> = 1..4;

/// A dictionary begins with a magic number of four bytes, and its id in the next four.
const ID: std::ops::Range<usize> = 4..8;

/// Trains on these bodies.
///
/// # Errors
/// zstd's own, if there are too few bodies.
pub(crate) fn dictionary(
    id: u8,
    bytes: usize,
    bodies: &[&Body],
) -> Result<Vec<u8>, std::io::Error> {
    let bodies: Vec<_> = bodies.iter().map(|body| &body.bytes).collect();
    let mut dictionary = zstd::dict::from_samples(&bodies, bytes)?;
    // The trainer draws an id of four bytes, and every frame would carry it; a small id takes one byte.
    dictionary[ID].copy_from_slice(&u32::from(id).to_le_bytes());
    Ok(dictionary)
}

/// Trains on everything there is, and writes the dictionary.
///
/// # Errors
/// If the id is 0 or taken, if samples can't be read, or if the file can't be written.
pub(crate) fn write(
    id: u8,
    bytes: usize,
    into: &Path,
    samples: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let path = into.join(format!("{id}.dictionary"));
    if id == 0 {
        return Err("0 is no dictionary's id: zstd takes it for none".into());
    }
    let samples = corpus::samples(samples)?;
    let played = corpus::played(SEEDS);
    let bodies: Vec<_> = samples.iter().chain(&played).collect();
    let total: usize = bodies.iter().map(|body| body.bytes.len()).sum();
    println!("Training on {} events, {} KB", bodies.len(), total / 1024);
    let dictionary = dictionary(id, bytes, &bodies)?;
    std::fs::File::create_new(&path)
        .map_err(|error| {
            format!(
                "{}: {error}; a shipped dictionary is never changed",
                path.display()
            )
        })
        .and_then(|mut file| {
            use std::io::Write;
            file.write_all(&dictionary)
                .map_err(|error| error.to_string())
        })?;
    println!("Wrote {} ({} bytes)", path.display(), dictionary.len());
    // The codec's tests check every later version with this frame.
    let frames = into.join("frames");
    let body = std::fs::read(frames.join("body.json"))?;
    let frame = Compressor::with_dictionary(LEVEL, &dictionary)?.compress(&body)?;
    std::fs::write(frames.join(format!("zstd.{id}")), frame)?;
    println!("Name it last in DICTIONARIES of {}.rs", into.display());
    Ok(())
}
