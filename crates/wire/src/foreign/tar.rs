//! `.tar.gz` as GNU tar, bsdtar, Python and npm write it: ustar with its prefix, long names of GNU and of PAX.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use skillsync_core::limits::{FILE_BYTES, SKILL_BYTES};

use super::{Error, Files, shown};

const BLOCK: usize = 512;
/// Longest name or record of names that is read.
const NAME_BYTES: u64 = 64 * 1024;
/// Most of a stream that is unpacked: the largest skill with a header for each file, and what programs fill up with.
const STREAM_BYTES: u64 = SKILL_BYTES + 8 * 1024 * 1024;

pub(super) fn unpack(bytes: &[u8], files: &mut Files) -> Result<(), Error> {
    let mut stream = MultiGzDecoder::new(bytes).take(STREAM_BYTES);
    let mut long_name: Option<Vec<u8>> = None;
    let mut long_size: Option<u64> = None;
    loop {
        let mut header = [0; BLOCK];
        match read(&mut stream, &mut header)? {
            BLOCK => {}
            // Some programs leave out the blocks of zeros.
            0 if stream.limit() > 0 => return Ok(()),
            _ if stream.limit() == 0 => return Err(Error::TooLargeUnpacked { limit_bytes: STREAM_BYTES }),
            _ => return Err(Error::Garbled { problem: "it is cut off in a header" }),
        }
        if header.iter().all(|byte| *byte == 0) {
            // What follows means nothing, but for the checksum of gzip at its end.
            io::copy(&mut stream, &mut io::sink()).map_err(Error::Damaged)?;
            return Ok(());
        }
        check_sum(&header)?;
        let kind = header[156];
        let size_bytes = match (long_size.take(), kind) {
            (Some(size), b'0' | 0 | b'7') => size,
            _ => number(&header[124..136])?,
        };
        match kind {
            b'L' => long_name = Some(trimmed(content(&mut stream, size_bytes, NAME_BYTES)?)),
            b'x' => {
                let (name, size) = pax(&content(&mut stream, size_bytes, NAME_BYTES)?)?;
                long_name = name.or(long_name);
                long_size = size;
            }
            // What holds for all entries names none of them.
            b'g' => drop(content(&mut stream, size_bytes, NAME_BYTES)?),
            b'0' | 0 | b'7' => {
                let name = long_name.take().unwrap_or_else(|| name_of(&header));
                // A header of before POSIX says by a slash that it is a folder.
                if name.ends_with(b"/") {
                    continue;
                }
                let place = files.place(&name, size_bytes)?;
                let bytes = content(&mut stream, size_bytes, FILE_BYTES)?;
                if let Some(path) = place {
                    files.put(path, number(&header[100..108])? & 0o100 != 0, bytes);
                }
            }
            b'5' => long_name = None,
            _ => {
                let name = long_name.take().unwrap_or_else(|| name_of(&header));
                let what = match kind {
                    b'1' => "a hard link",
                    b'2' => "a link",
                    b'3' | b'4' => "a device",
                    b'6' => "a pipe",
                    _ => "an entry of an unknown type",
                };
                return Err(Error::EntryType { what, path: shown(&name) });
            }
        }
    }
}

/// Reads until `buffer` is full or the stream ends.
fn read(stream: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::Damaged(e)),
        }
    }
    Ok(filled)
}

/// The content of an entry, and what fills its last block.
fn content(stream: &mut impl Read, size_bytes: u64, limit_bytes: u64) -> Result<Vec<u8>, Error> {
    if size_bytes > limit_bytes {
        return Err(Error::TooLargeUnpacked { limit_bytes });
    }
    let length = size_bytes as usize;
    // Only as much is taken as comes, whatever the header says.
    let mut bytes = Vec::new();
    let padded = length.next_multiple_of(BLOCK) as u64;
    stream.take(padded).read_to_end(&mut bytes).map_err(Error::Damaged)?;
    if bytes.len() < length {
        return Err(Error::Garbled { problem: "it is cut off in a file" });
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn check_sum(header: &[u8; BLOCK]) -> Result<(), Error> {
    let is_sum = |at: usize| (148..156).contains(&at);
    let sum: u64 = header.iter().enumerate().map(|(at, b)| if is_sum(at) { 32 } else { u64::from(*b) }).sum();
    if number(&header[148..156])? == sum {
        Ok(())
    } else {
        Err(Error::Garbled { problem: "the checksum of a header is wrong" })
    }
}

/// Octal digits between blanks, or the binary form of GNU for what has no room.
fn number(field: &[u8]) -> Result<u64, Error> {
    let wrong = Error::Garbled { problem: "a number in a header is none" };
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        let shift = |value: Option<u64>, byte: &u8| Some(value?.checked_mul(256)? + u64::from(*byte));
        return rest.iter().fold(Some(u64::from(first & 0x7f)), shift).ok_or(wrong);
    }
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text).unwrap_or("-").trim();
    if text.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(text, 8).ok().filter(|_| !text.starts_with('+')).ok_or(wrong)
}

/// The name of ustar: a prefix, a slash, the name.
fn name_of(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = trimmed(header[..100].to_vec());
    let is_ustar = &header[257..263] == b"ustar\0";
    let prefix = trimmed(header[345..500].to_vec());
    if is_ustar && !prefix.is_empty() { [&prefix[..], b"/", &name].concat() } else { name }
}

fn trimmed(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = name.iter().position(|byte| *byte == 0) {
        name.truncate(end);
    }
    name
}

/// The path and the size that PAX records give to the next entry.
fn pax(mut records: &[u8]) -> Result<(Option<Vec<u8>>, Option<u64>), Error> {
    let wrong = || Error::Garbled { problem: "a PAX record does not read" };
    let (mut path, mut size) = (None, None);
    while !records.is_empty() {
        let blank = records.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let digits = std::str::from_utf8(&records[..blank]).map_err(|_| wrong())?;
        let length: usize = digits.parse().map_err(|_| wrong())?;
        let record = records.get(blank + 1..length).ok_or_else(wrong)?;
        let record = record.strip_suffix(b"\n").ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        match (&record[..equals], &record[equals + 1..]) {
            (b"path", value) => path = Some(value.to_vec()),
            (b"size", value) => {
                let text = std::str::from_utf8(value).map_err(|_| wrong())?;
                size = Some(text.parse().map_err(|_| wrong())?);
            }
            _ => {}
        }
        records = &records[length..];
    }
    Ok((path, size))
}
