use std::path::Path;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_body_reads_back_byte_for_byte(body in proptest::collection::vec(any::<u8>(), 0..4096), repeat in 1usize..64) {
        let body = body.repeat(repeat);
        let encoded = encode(&body);
        prop_assert_eq!(decode(encoded.codec, &encoded.bytes, body.len() as u64).unwrap(), body);
    }
}

/// What was stored by each version that was ever shipped. A dictionary's frame is written when it is trained.
fn frames() -> impl Iterator<Item = (String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/codec/frames");
    let files = std::fs::read_dir(folder).expect("there").flatten();
    files.filter_map(|file| {
        let codec = file.file_name().into_string().expect("a codec's name");
        let frame = std::fs::read(file.path()).expect("readable");
        codec.starts_with("zstd").then_some((codec, frame))
    })
}

const BODY: &[u8] = include_bytes!("frames/body.json");

#[test]
fn what_any_version_stored_is_readable_and_names_its_dictionary() {
    let mut seen: Vec<_> = frames().map(|(codec, _)| codec).collect();
    seen.sort();
    let codecs = ["zstd"]
        .into_iter()
        .chain(DICTIONARIES.iter().map(|of| of.codec));
    let mut codecs: Vec<_> = codecs.collect();
    codecs.sort_unstable();
    assert_eq!(seen, codecs, "one frozen frame for each codec");
    for (codec, frame) in frames() {
        assert_eq!(
            decode(&codec, &frame, BODY.len() as u64).unwrap(),
            BODY,
            "{codec}"
        );
        let id = zstd::zstd_safe::get_dict_id_from_frame(&frame);
        let id = id.map_or_else(|| "zstd".to_owned(), |id| format!("zstd.{id}"));
        assert_eq!(id, codec);
    }
}

#[test]
fn a_frame_is_not_read_with_another_dictionary_than_its_own() {
    for (codec, frame) in frames().filter(|(codec, _)| codec != "zstd") {
        let fault = decode("zstd", &frame, BODY.len() as u64).unwrap_err();
        assert_eq!(fault.code, "ledger.body_unreadable", "{codec}");
    }
}

#[test]
fn events_get_the_dictionary_large_ones_do_without_and_noise_stays_as_it_is() {
    assert_eq!(encode(BODY).codec, CURRENT.codec);
    let large = BODY.repeat(DICTIONARY_BODY_BYTES_MAX / BODY.len() + 1);
    assert_eq!(encode(&large).codec, "zstd");
    assert_eq!(encode(b"\x07").codec, "raw");
}

#[test]
fn a_frame_that_is_longer_than_the_entry_says_is_refused() {
    for body in [&[b'a'; 1_000][..], &[b'a'; 100_000]] {
        let encoded = encode(body);
        let fault = decode(encoded.codec, &encoded.bytes, body.len() as u64 - 1).unwrap_err();
        assert_eq!(fault.code, "ledger.body_unreadable");
    }
    assert_eq!(
        decode("zstd.250", &[], 0).unwrap_err().code,
        "ledger.codec_unknown"
    );
}

#[test]
fn a_body_is_compressed_harder_only_into_the_room_that_saves_a_write_unit() {
    let usual = encode(BODY).bytes.len();
    let harder = encode_harder(BODY, usual).expect("smaller");
    assert!(harder.bytes.len() < usual);
    assert_eq!(
        decode(harder.codec, &harder.bytes, BODY.len() as u64).unwrap(),
        BODY
    );
    assert_eq!(encode_harder(BODY, harder.bytes.len() - 1), None);
    let large = vec![b'a'; DICTIONARY_BODY_BYTES_MAX + 1];
    assert_eq!(encode_harder(&large, usize::MAX), None);
}
