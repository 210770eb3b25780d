//! Reads any bytes as an archive: as they come, as the tar in a gzip member, and that with its checksums set right. What is
//! accepted is what packing its files gives again.
#![no_main]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::DeflateEncoder;
use libfuzzer_sys::fuzz_target;
use skillsync_core::limits::{SKILL_BYTES, SKILL_FILES};
use skillsync_wire::archive::{Entry, Promise, Reader, pack};
use skillsync_wire::limits::{ARCHIVE_BYTES, RATIO, RATIO_FROM_BYTES};

const BLOCK: usize = 512;
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&member(bytes));
    check(&member(&summed(bytes)));
});

fn check(archive: &[u8]) {
    let mut reader = Reader::unknown(archive);
    let (mut entries, mut size_bytes) = (BTreeMap::new(), 0);
    for entry in reader.by_ref().map_while(Result::ok) {
        size_bytes += entry.bytes.len() as u64;
        let last = entries.last_key_value().map(|(path, _)| path);
        assert!(last.is_none_or(|last| *last < entry.path), "in order, and none twice");
        entries.insert(entry.path.clone(), entry);
    }
    // What was given before a refusal keeps the bounds, too.
    assert!(size_bytes <= SKILL_BYTES && entries.len() <= SKILL_FILES);
    assert!(size_bytes <= RATIO_FROM_BYTES.max(archive.len() as u64 * RATIO));
    let Ok(unpacked) = reader.finish() else { return };

    assert!(archive.len() as u64 <= ARCHIVE_BYTES);
    assert_eq!(unpacked.size_bytes, archive.len() as u64);
    assert_eq!((unpacked.tree.len(), unpacked.tree.size_bytes()), (entries.len(), size_bytes));
    let bytes_of =
        |path: &_| entries.get(path).map(|entry: &Entry| entry.bytes.clone()).ok_or("no such file");
    let packed = pack(&unpacked.tree, bytes_of).expect("what is accepted can be packed");
    assert_eq!(packed.tree, unpacked.tree.content_hash());
    // Deflate may say the same in many ways; the tar inside has one.
    assert_eq!(tar_in(&packed.bytes), tar_in(archive));
    let again = Reader::promised(&packed.bytes[..], Promise::new(packed.tarball, packed.tree)).finish();
    assert_eq!(again.expect("what is packed is accepted").tree, unpacked.tree);
}

/// The tar as another reader of gzip gives it.
fn tar_in(archive: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    MultiGzDecoder::new(archive).read_to_end(&mut tar).expect("it was accepted");
    tar
}

fn member(tar: &[u8]) -> Vec<u8> {
    let mut deflate = DeflateEncoder::new(HEADER.to_vec(), Compression::fast());
    deflate.write_all(tar).expect("a vector takes all");
    let mut crc = flate2::Crc::new();
    crc.update(tar);
    let mut bytes = deflate.finish().expect("a vector takes all");
    bytes.extend(crc.sum().to_le_bytes());
    bytes.extend(crc.amount().to_le_bytes());
    bytes
}

/// The tar with whole blocks, two blocks of zeros at its end, and the right checksum in all that looks like a header.
fn summed(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    for block in tar.chunks_exact_mut(BLOCK).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    let end = tar.chunks_exact(BLOCK).rposition(|block| block.iter().any(|byte| *byte != 0));
    tar.resize((end.map_or(0, |at| at + 1) + 2) * BLOCK, 0);
    tar
}
