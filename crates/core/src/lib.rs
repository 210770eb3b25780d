//! The domain of skillsync: what a skill is, and every rule about skills that needs nothing but its arguments.
//!
//! This crate cannot do I/O: no disk, clock, environment, network or terminal. Rooms, lowest first; a room may
//! use the rooms above it in this list.

pub mod fault;
pub mod limits;
pub mod nearest;
pub mod shell;
pub mod name;
pub mod path;
pub mod digest;
pub mod tree;
pub mod tokens;
pub mod prose;
pub mod frontmatter;
pub mod footer;
pub mod secrets;
pub mod skill;
pub mod artifact;
pub mod diff;
pub mod merge;
pub mod drift;
pub mod settings;
