//! What of the table of threats needs a clock, short patience, thousands of tries or the right moment. Every row against the
//! real program is in `crates/skillsync/tests/installs/threats`, the rules alone in `crates/wire/tests/threats`.
//!
//! | row | threat | here |
//! |---|---|---|
//! | 1 | arbitrary install | `flips`: every byte of every document, two thousand places of an archive |
//! | 8 | freeze | `t08_*`: the clock set back by ten days |
//! | 15 | slow retrieval | `t15_*` |
//! | 24 | other bytes are unpacked than were verified | `t24_*` |
//! | 25 | a crash in the walk of roots | `t25_*` (its order); every system call: `crates/skillsync/tests/crash` |
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[path = "lying/house.rs"]
#[expect(dead_code, reason = "what the tests of the program have of it, too")]
mod house;
#[path = "lying/hub.rs"]
#[expect(dead_code, reason = "what the tests of the program have of it, too")]
mod hub;
#[path = "lying/memory.rs"]
mod memory;

#[path = "threats/flips.rs"]
mod flips;
#[path = "threats/moments.rs"]
mod moments;
#[path = "threats/silence.rs"]
mod silence;
