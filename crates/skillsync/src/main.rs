//! The `skillsync` program.
fn main() {}
