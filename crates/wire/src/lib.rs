//! The contract between client and hub: signed documents, what a client may believe of them, and archives of skills.
//!
//! This crate cannot do I/O: no disk, clock, environment or network. Bytes and times come in as arguments, values go
//! out; an archive comes in as a [`std::io::Read`]. Rooms, lowest first; a room may use the rooms above it in this list.

pub mod limits;
pub mod json;
pub mod text;
pub mod key;
pub mod envelope;
pub mod root;
pub mod release;
pub mod advisories;
pub mod manifest;
pub mod trust;
pub mod archive;
pub mod foreign;
pub mod wellknown;
pub mod api;
