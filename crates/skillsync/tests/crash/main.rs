//! Every command that writes, killed at and refused at each system call that changes the disk, then run again; and
//! eight processes at once on one store. What must hold is in `invariant`.
//!
//! `SKILLSYNC_SOAK=1` widens it: every pair of points for second crashes, every error at every point, random kills.

mod agents;
mod content;
mod home;
mod house;
mod invariant;
mod projects;
mod races;
mod shop;
mod sources;
