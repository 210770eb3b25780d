//! The domain of skillsync: what a skill is, and every rule about skills that needs nothing but its arguments.
//!
//! This crate cannot do I/O: no disk, clock, environment, network or terminal. Rooms, lowest first; a room may
//! use the rooms above it in this list.

pub mod diff;
pub mod digest;
pub mod fault;
pub mod footer;
pub mod frontmatter;
pub mod limits;
pub mod merge;
pub mod name;
pub mod path;
pub mod skill;
pub mod tokens;
pub mod tree;
