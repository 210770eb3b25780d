//! Archives of skills: the canonical tar profile `sktar-1` in one gzip member. [`pack`] makes the one archive of a tree,
//! [`Reader`] gives the entries of an archive and refuses every one that `pack` would not have made. Writing entries to a
//! disk is left to the client. The format is in `docs/formats/archive.md`.
//!
//! The tar code is our own: programs that mend what is wrong with an archive mend it differently, and what one shows and
//! another unpacks is how archives lie.

mod error;
mod gzip;
mod header;
mod name;
mod pack;
mod unpack;

pub use error::Error;
pub use name::check as check_name;
pub use pack::{Packed, pack};
pub use unpack::{Entry, Promise, Reader, Unpacked};

/// The unit of tar: headers have this size, contents are filled up to it.
const BLOCK: usize = 512;
