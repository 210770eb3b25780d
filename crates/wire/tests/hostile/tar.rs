//! A writer of tar and gzip that writes what it is told, written apart from the one of the product.

use std::io::Write as _;

use flate2::{Compression, Crc, write::DeflateEncoder};

/// The ten bytes at the head of a gzip member.
pub(crate) const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The parts of an archive, one after another.
#[derive(Clone)]
pub(crate) struct Tar {
    pub(crate) parts: Vec<Vec<u8>>,
    pub(crate) end: Vec<u8>,
}

impl Tar {
    pub(crate) fn of(parts: Vec<Vec<u8>>) -> Self {
        Self { parts, end: vec![0; 1024] }
    }

    pub(crate) fn ending(mut self, end: &[u8]) -> Self {
        self.end = end.to_vec();
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.parts.concat(), self.end.clone()].concat()
    }

    pub(crate) fn gzip(&self) -> Vec<u8> {
        gzip(&self.bytes())
    }
}

/// An archive with nothing wrong about it.
pub(crate) fn good() -> Tar {
    Tar::of(vec![entry("SKILL.md", b"# Hello\n"), entry("a/b.txt", b"text")])
}

pub(crate) fn gzip(tar: &[u8]) -> Vec<u8> {
    member(&GZIP, tar)
}

pub(crate) fn member(head: &[u8], tar: &[u8]) -> Vec<u8> {
    let mut deflate = DeflateEncoder::new(head.to_vec(), Compression::fast());
    deflate.write_all(tar).unwrap();
    let mut crc = Crc::new();
    crc.update(tar);
    let mut bytes = deflate.finish().unwrap();
    bytes.extend(crc.sum().to_le_bytes());
    bytes.extend(crc.amount().to_le_bytes());
    bytes
}

/// Writes `bytes` at `at`.
pub(crate) fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

pub(crate) fn header(name: &str, size: u64) -> Vec<u8> {
    raw_header(name.as_bytes(), size)
}

pub(crate) fn raw_header(name: &[u8], size: u64) -> Vec<u8> {
    let mut block = vec![0; 512];
    put(&mut block, 0, name);
    put(&mut block, 100, b"0000644\0");
    put(&mut block, 108, b"0000000\0");
    put(&mut block, 116, b"0000000\0");
    put(&mut block, 124, format!("{size:011o}\0").as_bytes());
    put(&mut block, 136, b"00000000000\0");
    block[156] = b'0';
    put(&mut block, 257, b"ustar\x0000");
    sum(&mut block);
    block
}

/// Puts the right checksum.
pub(crate) fn sum(block: &mut [u8]) {
    put(block, 148, b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(block, 148, format!("{sum:06o}\0 ").as_bytes());
}

fn with_content(mut header: Vec<u8>, content: &[u8]) -> Vec<u8> {
    header.extend(content);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

pub(crate) fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    if name.len() <= 100 {
        return with_content(header(name, content.len() as u64), content);
    }
    let at = name[..156.min(name.len())].rfind('/').unwrap_or(100);
    split_entry(&name[..at], &name[at + 1..], content)
}

/// An entry with its path in two parts.
pub(crate) fn split_entry(prefix: &str, name: &str, content: &[u8]) -> Vec<u8> {
    let mut block = header(&name[..name.len().min(100)], content.len() as u64);
    put(&mut block, 345, &prefix.as_bytes()[..prefix.len().min(155)]);
    sum(&mut block);
    with_content(block, content)
}

pub(crate) fn raw_entry(name: &[u8], content: &[u8]) -> Vec<u8> {
    with_content(raw_header(name, content.len() as u64), content)
}

/// An entry whose header was changed, its checksum set right again.
pub(crate) fn changed(name: &str, content: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = header(name, content.len() as u64);
    change(&mut block);
    sum(&mut block);
    with_content(block, content)
}

/// An entry of another type.
pub(crate) fn typed(name: &str, flag: u8, link: &str, content: &[u8]) -> Vec<u8> {
    changed(name, content, |block| {
        block[156] = flag;
        put(block, 157, link.as_bytes());
    })
}

/// A record of a PAX header: its own length, a blank, key, value.
pub(crate) fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let length = (1..).find(|n| usize::to_string(n).len() + rest.len() == *n).unwrap();
    format!("{length}{rest}").into_bytes()
}
