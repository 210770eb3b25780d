//! `.zip`: what its central directory lists, each entry held against its own header, stored or deflated.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use skillsync_core::limits::SKILL_FILES;

use super::{Error, Files, shown};

/// The record at the end, without its comment.
const END_BYTES: usize = 22;
/// The longest comment after it.
const COMMENT_BYTES: usize = u16::MAX as usize;
/// Folders have entries of their own.
const ENTRIES: usize = 4 * SKILL_FILES;

pub(super) fn unpack(bytes: &[u8], files: &mut Files) -> Result<(), Error> {
    let end = end_of(bytes)?;
    let (count, size, offset) = (u16_at(end, 10)?, u32_at(end, 12)?, u32_at(end, 16)?);
    if u16_at(end, 4)? != 0 || u16_at(end, 6)? != 0 || u16_at(end, 8)? != count {
        return Err(Error::Garbled { problem: "it is one of several parts" });
    }
    if count == u16::MAX || size == u32::MAX || offset == u32::MAX {
        return Err(Error::Garbled { problem: "it is of the 64-bit form, which no skill needs" });
    }
    if usize::from(count) > ENTRIES {
        return Err(Error::TooManyFiles);
    }
    let mut directory = slice(bytes, offset as usize, size as usize)?;
    for _ in 0..count {
        let length = entry(bytes, directory, files)?;
        directory = &directory[length..];
    }
    if directory.is_empty() {
        Ok(())
    } else {
        Err(Error::Garbled { problem: "its directory is longer than it says" })
    }
}

/// The record at the end. A comment may stand after it; one that looks like a record itself is refused, as readers
/// disagree about which is meant.
fn end_of(bytes: &[u8]) -> Result<&[u8], Error> {
    let none = || Error::Garbled { problem: "it has no directory" };
    let from = bytes.len().saturating_sub(END_BYTES + COMMENT_BYTES);
    let found: Vec<usize> = (from..bytes.len().saturating_sub(END_BYTES - 1))
        .filter(|at| bytes[*at..].starts_with(b"PK\x05\x06"))
        .filter(|at| {
            u16_at(bytes, at + 20).is_ok_and(|comment| at + END_BYTES + usize::from(comment) == bytes.len())
        })
        .collect();
    match found[..] {
        [at] => slice(bytes, at, END_BYTES),
        [] => Err(none()),
        _ => Err(Error::Garbled { problem: "it has two directories" }),
    }
}

/// Reads the entry at the beginning of `directory` and says how long that is.
fn entry(bytes: &[u8], directory: &[u8], files: &mut Files) -> Result<usize, Error> {
    let garbled = |problem| Err(Error::Garbled { problem });
    if !directory.starts_with(b"PK\x01\x02") {
        return garbled("its directory does not read");
    }
    let made_by = u16_at(directory, 4)? >> 8;
    let (flags, method, crc) = (u16_at(directory, 8)?, u16_at(directory, 10)?, u32_at(directory, 16)?);
    let (packed, unpacked) = (u32_at(directory, 20)?, u32_at(directory, 24)?);
    let [name_length, extra, comment] =
        [u16_at(directory, 28)?, u16_at(directory, 30)?, u16_at(directory, 32)?].map(usize::from);
    let (attributes, offset) = (u32_at(directory, 38)?, u32_at(directory, 42)?);
    let name = slice(directory, 46, name_length)?;
    let length = 46 + name_length + extra + comment;
    slice(directory, 0, length)?;
    if flags & 1 != 0 {
        return garbled("it is encrypted");
    }
    // Of a system with modes, they are in the upper half: a link is no file, whatever is in it.
    let mode = if made_by == 3 || made_by == 19 { attributes >> 16 } else { 0 };
    match mode & 0o170_000 {
        0 | 0o100_000 | 0o040_000 => {}
        0o120_000 => return Err(Error::EntryType { what: "a link", path: shown(name) }),
        _ => return Err(Error::EntryType { what: "a device or a pipe", path: shown(name) }),
    }
    // Old programs of Windows write backslashes: `SkillPath` refuses them, as nobody can say what they mean.
    if name.ends_with(b"/") || mode & 0o170_000 == 0o040_000 {
        return Ok(length);
    }
    let place = files.place(name, u64::from(unpacked))?;
    let local = slice(bytes, offset as usize, 30)?;
    if !local.starts_with(b"PK\x03\x04") {
        return garbled("an entry is not where its directory says");
    }
    let local_name = usize::from(u16_at(local, 26)?);
    if slice(bytes, offset as usize + 30, local_name)? != name {
        return garbled("an entry has two names");
    }
    let start = offset as usize + 30 + local_name + usize::from(u16_at(local, 28)?);
    let data = slice(bytes, start, packed as usize)?;
    let content = match method {
        0 => data.to_vec(),
        8 => {
            let mut content = Vec::new();
            // A byte more than it says finds out that it lies.
            let mut inflated = DeflateDecoder::new(data).take(u64::from(unpacked) + 1);
            inflated.read_to_end(&mut content).map_err(Error::Damaged)?;
            content
        }
        _ => return garbled("an entry is compressed in a way that is not known"),
    };
    let mut sum = Crc::new();
    sum.update(&content);
    if content.len() != unpacked as usize || sum.sum() != crc {
        return garbled("an entry is not what its directory says");
    }
    if let Some(path) = place {
        files.put(path, mode & 0o100 != 0, content);
    }
    Ok(length)
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Error> {
    let end = at.checked_add(length);
    end.and_then(|end| bytes.get(at..end)).ok_or(Error::Garbled { problem: "it is cut off" })
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Error> {
    let two = slice(bytes, at, 2)?;
    Ok(u16::from_le_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Error> {
    let four = slice(bytes, at, 4)?;
    Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
