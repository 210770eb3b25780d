//! The header of an entry: POSIX ustar, in the one way that `sktar-1` writes it.

use skillsync_core::path::{self, SkillPath};

use super::error::Error;
use super::{BLOCK, name};

/// Where each field lies (POSIX.1-2017, pax, "ustar Interchange Format").
const NAME: std::ops::Range<usize> = 0..100;
const MODE: std::ops::Range<usize> = 100..108;
const OWNER_IDS: std::ops::Range<usize> = 108..124;
const SIZE: std::ops::Range<usize> = 124..136;
const TIME: std::ops::Range<usize> = 136..148;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const TYPE: usize = 156;
const LINK_NAME: std::ops::Range<usize> = 157..257;
const MAGIC: std::ops::Range<usize> = 257..265;
const OWNER_NAMES: std::ops::Range<usize> = 265..329;
const DEVICE: std::ops::Range<usize> = 329..345;
const PREFIX: std::ops::Range<usize> = 345..500;
const REST: std::ops::Range<usize> = 500..BLOCK;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) path: SkillPath,
    pub(super) size_bytes: u64,
    pub(super) executable: bool,
}

impl Header {
    /// The one block that says this. Fails for a path that has no place in it.
    pub(super) fn write(&self) -> Result<[u8; BLOCK], Error> {
        let mut block = [0; BLOCK];
        let (prefix, name) =
            split(self.path.as_str()).ok_or_else(|| Error::Unsplittable { path: self.path.clone() })?;
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[PREFIX.start..PREFIX.start + prefix.len()].copy_from_slice(prefix.as_bytes());
        block[MODE].copy_from_slice(if self.executable { b"0000755\0" } else { b"0000644\0" });
        block[OWNER_IDS].copy_from_slice(b"0000000\x000000000\0");
        block[SIZE].copy_from_slice(format!("{:011o}\0", self.size_bytes).as_bytes());
        block[TIME].copy_from_slice(b"00000000000\0");
        block[TYPE] = b'0';
        block[MAGIC].copy_from_slice(b"ustar\x0000");
        let checksum = checksum(&block);
        block[CHECKSUM].copy_from_slice(&checksum);
        Ok(block)
    }

    /// Reads a block. Fails, by name, on everything that [`Header::write`] would not have written.
    pub(super) fn read(block: &[u8; BLOCK]) -> Result<Self, Error> {
        if block[CHECKSUM] != checksum(block) {
            return Err(Error::Checksum);
        }
        if block[MAGIC] != *b"ustar\x0000" {
            return Err(Error::Format);
        }
        check_type(block[TYPE])?;
        let executable = match &block[MODE] {
            b"0000644\0" => false,
            b"0000755\0" => true,
            _ => return Err(Error::Mode),
        };
        if block[OWNER_IDS] != *b"0000000\x000000000\0" || !is_zero(&block[OWNER_NAMES]) {
            return Err(Error::Owner);
        }
        if block[TIME] != *b"00000000000\0" {
            return Err(Error::Time);
        }
        if !is_zero(&block[LINK_NAME]) {
            return Err(Error::LinkName);
        }
        if !is_zero(&block[DEVICE]) || !is_zero(&block[REST]) {
            return Err(Error::Unused);
        }
        let size_bytes = octal(&block[SIZE]).ok_or(Error::Size)?;
        let (prefix, name) = (text(&block[PREFIX])?, text(&block[NAME])?);
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let path = SkillPath::parse(&path)?;
        name::check(&path)?;
        let header = Self { path, size_bytes, executable };
        // Canonical or refused: whatever was overlooked above differs here.
        if header.write()? != *block {
            return Err(Error::NotCanonical { path: header.path });
        }
        Ok(header)
    }
}

/// The sum of all bytes, with the checksum's own taken for blanks: six octal digits, NUL, blank.
fn checksum(block: &[u8; BLOCK]) -> [u8; 8] {
    let bytes = |part: &[u8]| part.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let sum = bytes(&block[..CHECKSUM.start]) + bytes(&block[CHECKSUM.end..]) + 8 * u32::from(b' ');
    let mut field = *b"000000\0 ";
    for (at, digit) in field[..6].iter_mut().enumerate() {
        // Masked to three bits, so that it fits.
        *digit += ((sum >> (3 * (5 - at))) & 7) as u8;
    }
    field
}

fn check_type(flag: u8) -> Result<(), Error> {
    let entry = |what| Err(Error::EntryType { what });
    let extension = |what| Err(Error::Extension { what });
    match flag {
        b'0' => Ok(()),
        0 => entry("a file of an old tar"),
        b'1' => entry("a hard link"),
        b'2' => entry("a symbolic link"),
        b'3' => entry("a character device"),
        b'4' => entry("a block device"),
        b'5' => entry("a folder"),
        b'6' => entry("a pipe"),
        b'7' => entry("a contiguous file"),
        b'D' => entry("a GNU folder"),
        b'S' => entry("a sparse file"),
        b'x' | b'X' => extension("a PAX header"),
        b'g' => extension("a global PAX header"),
        b'L' => extension("a GNU long name"),
        b'K' => extension("a GNU long link"),
        b'M' => extension("a GNU continuation"),
        b'V' => extension("a GNU volume label"),
        b'N' => extension("a GNU old long name"),
        _ => entry("of an unknown type"),
    }
}

/// Eleven octal digits and a NUL: no sign, no blanks, no base 256.
fn octal(field: &[u8]) -> Option<u64> {
    let (digits, end) = field.split_at(11);
    if end != [0] || !digits.iter().all(|byte| (b'0'..=b'7').contains(byte)) {
        return None;
    }
    Some(digits.iter().fold(0, |value, byte| value * 8 + u64::from(byte - b'0')))
}

/// The text of a field up to its first NUL, with nothing after it.
fn text(field: &[u8]) -> Result<&str, Error> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (text, rest) = field.split_at(end);
    if !is_zero(rest) {
        return Err(Error::Nul);
    }
    let not_utf8 = |_| path::Error::not_utf8(&String::from_utf8_lossy(text));
    Ok(std::str::from_utf8(text).map_err(not_utf8)?)
}

pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The two parts of a path in a header: all of it in the second, or split at the last slash that leaves each its room.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME.len() {
        return Some(("", path));
    }
    let fits = |at: &usize| *at <= PREFIX.len() && path.len() - at - 1 <= NAME.len();
    let at = path.match_indices('/').map(|(at, _)| at).rfind(fits)?;
    Some((&path[..at], &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_are_split_at_the_last_slash_that_fits() {
        let x = |n: usize| "x".repeat(n);
        let cases = [
            (x(100), Some((String::new(), x(100)))),
            (format!("{}/{}", x(1), x(99)), Some((x(1), x(99)))),
            (format!("{}/{}", x(99), x(100)), Some((x(99), x(100)))),
            (format!("a/{}/{}", x(98), x(20)), Some((format!("a/{}", x(98)), x(20)))),
            (format!("{}/b/{}", x(60), x(60)), Some((format!("{}/b", x(60)), x(60)))),
            // 156 bytes before the last slash: the one before it is taken.
            (format!("{}/{}/{}", x(100), x(55), x(10)), Some((x(100), format!("{}/{}", x(55), x(10))))),
            // No slash leaves both their room.
            (format!("{}/{}/{}", x(60), x(100), x(38)), None),
        ];
        for (path, expected) in cases {
            let expected = expected.as_ref().map(|(prefix, name)| (prefix.as_str(), name.as_str()));
            assert_eq!(split(&path), expected, "{path}");
            let header =
                Header { path: SkillPath::parse(&path).unwrap(), size_bytes: 0o1234567, executable: true };
            match header.write() {
                Ok(block) => assert_eq!(Header::read(&block).unwrap(), header),
                Err(error) => assert!(expected.is_none() && matches!(error, Error::Unsplittable { .. })),
            }
        }
    }
}
