//! One gzip member (RFC 1952) with the one header that `sktar-1` has, read and written within bounds. The framing is our
//! own, so that nothing is passed over in it; deflate is a crate's.

use std::io::{self, Read, Write as _};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc, Decompress, FlushDecompress, Status};

use skillsync_core::digest::{ArchiveDigest, Hasher};

use super::error::Error;
use crate::limits;

/// No name, no time, no flags, XFL 0, and the system "unknown".
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Fixed, as every level gives other bytes.
const LEVEL: Compression = Compression::new(6);

/// Compresses piece by piece.
pub(super) struct Gzip {
    deflate: DeflateEncoder<Vec<u8>>,
    crc: Crc,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { deflate: DeflateEncoder::new(HEADER.to_vec(), LEVEL), crc: Crc::new() }
    }

    /// Fails when what came out is larger than an archive may be.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.deflate.write_all(bytes).map_err(Error::Read)?;
        self.crc.update(bytes);
        bounded(self.deflate.get_ref())
    }

    /// The whole member.
    pub(super) fn finish(self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.deflate.finish().map_err(Error::Read)?;
        bytes.extend(self.crc.sum().to_le_bytes());
        bytes.extend(self.crc.amount().to_le_bytes());
        bounded(&bytes)?;
        Ok(bytes)
    }
}

fn bounded(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() as u64 > limits::ARCHIVE_BYTES {
        return Err(Error::TooLargePacked { limit_bytes: limits::ARCHIVE_BYTES });
    }
    Ok(())
}

/// Decompresses piece by piece. Reads at most one byte more than it may, whatever the source would give.
pub(super) struct Gunzip<R> {
    input: R,
    limit_bytes: u64,
    read_bytes: u64,
    hasher: Hasher,
    buffer: Vec<u8>,
    start: usize,
    inflate: Decompress,
    crc: Crc,
    place: Place,
}

#[derive(PartialEq, Eq)]
enum Place {
    Header,
    Data,
    End,
}

impl<R: Read> Gunzip<R> {
    pub(super) fn new(input: R, limit_bytes: u64) -> Self {
        Self {
            input,
            limit_bytes,
            read_bytes: 0,
            hasher: Hasher::default(),
            buffer: Vec::new(),
            start: 0,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            place: Place::Header,
        }
    }

    /// Fills `out` as far as there is data; less only at the end of the member, which is checked then.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        if self.place == Place::Header {
            self.check_header()?;
            self.place = Place::Data;
        }
        let mut filled = 0;
        while self.place == Place::Data && filled < out.len() {
            let more = self.fill()?;
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(&self.buffer[self.start..], &mut out[filled..], FlushDecompress::None)
                .map_err(|_| Error::Deflate)?;
            // Both fit: they are parts of slices.
            let taken = (self.inflate.total_in() - taken) as usize;
            let made = (self.inflate.total_out() - made) as usize;
            self.start += taken;
            self.crc.update(&out[filled..filled + made]);
            filled += made;
            self.check_ratio()?;
            match status {
                Status::StreamEnd => {
                    self.place = Place::End;
                    self.check_trailer()?;
                }
                // Nothing moves any more: there is no input, or none that can be used.
                _ if taken == 0 && made == 0 => {
                    return Err(if more { Error::Deflate } else { Error::Truncated });
                }
                _ => {}
            }
        }
        Ok(filled)
    }

    /// The digest and the size of the whole archive. To be asked at its end.
    pub(super) fn finish(self) -> (ArchiveDigest, u64) {
        (ArchiveDigest::from_hasher(self.hasher), self.read_bytes)
    }

    /// Makes sure that there is input to take, and tells whether there is.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.start < self.buffer.len() {
            return Ok(true);
        }
        self.buffer.resize(16 * 1024, 0);
        let left = self.limit_bytes.saturating_sub(self.read_bytes).saturating_add(1);
        let room = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = loop {
            match self.input.read(&mut self.buffer[..room]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome.map_err(Error::Read)?,
            }
        };
        self.buffer.truncate(count);
        self.start = 0;
        self.read_bytes += count as u64;
        if self.read_bytes > self.limit_bytes {
            return Err(Error::TooLargePacked { limit_bytes: self.limit_bytes });
        }
        self.hasher.update(&self.buffer);
        Ok(count > 0)
    }

    fn byte(&mut self) -> Result<Option<u8>, Error> {
        if !self.fill()? {
            return Ok(None);
        }
        self.start += 1;
        Ok(Some(self.buffer[self.start - 1]))
    }

    fn check_header(&mut self) -> Result<(), Error> {
        for (at, expected) in HEADER.into_iter().enumerate() {
            match self.byte()? {
                None => return Err(Error::Truncated),
                Some(byte) if byte == expected => {}
                Some(_) if at < 3 => return Err(Error::NotGzip),
                Some(_) => return Err(Error::GzipHeader),
            }
        }
        Ok(())
    }

    fn check_trailer(&mut self) -> Result<(), Error> {
        for expected in self.crc.sum().to_le_bytes().into_iter().chain(self.crc.amount().to_le_bytes()) {
            match self.byte()? {
                None => return Err(Error::Truncated),
                Some(byte) if byte == expected => {}
                Some(_) => return Err(Error::GzipTrailer),
            }
        }
        match (self.byte()?, self.byte()?) {
            (None, _) => Ok(()),
            (Some(0x1f), Some(0x8b)) => Err(Error::SecondMember),
            _ => Err(Error::BytesAfterEnd { of: "gzip member" }),
        }
    }

    fn check_ratio(&self) -> Result<(), Error> {
        let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
        if made > limits::RATIO_FROM_BYTES && made > taken.saturating_mul(limits::RATIO) {
            return Err(Error::Ratio);
        }
        Ok(())
    }
}
