//! Every bound of what comes over the network, each with its reason. What documents and archives may be is in `wire`.

use std::time::Duration;

/// Longest wait for a connection, its encryption included (threat 15).
pub const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for the head of an answer (threat 15).
pub const HEAD: Duration = Duration::from_secs(10);
/// Over how long the speed of a transfer is measured (threat 15).
pub const PACE_WINDOW: Duration = Duration::from_secs(30);
/// Slowest transfer that is worth waiting for, in bytes a second (threat 15).
pub const PACE_BYTES_PER_S: u64 = 1024;
/// Longest time for one request with all its redirects (threat 15).
pub const TOTAL: Duration = Duration::from_secs(15 * 60);
/// Most redirects that are followed (threat 26).
pub const REDIRECTS: usize = 3;
/// Largest head of an answer: what hubs allow, too.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Most of an answer that is no success: enough for its error, and no more of a page of somebody in between.
pub const PROBLEM_BYTES: u64 = 64 * 1024;
/// Largest JSON answer of the interface.
pub const ANSWER_BYTES: u64 = 4 * 1024 * 1024;
/// Longest address.
pub const ADDRESS_BYTES: usize = 2048;
/// Requests at one time.
pub const PARALLEL: usize = 8;
/// How often a source is asked where nobody says otherwise (checklist L6).
pub const POLL_EVERY: Duration = Duration::from_secs(15 * 60);
/// Most skills of a list of another tool: each is looked for in the folders of every agent.
pub const LIST_SKILLS: usize = 10_000;
/// Longest pause that failures of a hub lead to.
pub const BACK_OFF_MOST: Duration = Duration::from_secs(6 * 60 * 60);
/// Longest time without asking for a newer root, though the manifest did not change: nothing but a newer root replaces
/// keys that were stolen.
pub const ROOTS_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Largest record of polls.
pub const POLLS_BYTES: u64 = 64 * 1024;
/// How often a file is tried at each place before it is given up (checklist L8).
pub const ROUNDS: usize = 3;
/// Longest pause that a server may ask for in the middle of a run; whoever asks for more is asked again in the next one.
pub const PAUSE_MOST: Duration = Duration::from_secs(30);
/// After so many failures in a row a place is not tried again in this run.
pub const STRIKES: usize = 8;
/// Most bytes of files that are held in memory at one time while they are installed.
pub const BATCH_BYTES: u64 = 128 * 1024 * 1024;
/// Most skills of one batch.
pub const BATCH_SKILLS: usize = 500;
/// Most skills of an index that are fetched before they are installed.
pub const BATCH_FETCHES: usize = 256;
/// How often a run begins anew because another program was ahead of it.
pub const BEGINNINGS: usize = 3;
/// Most that is read where a key is expected: one has 72 characters.
pub const KEY_BYTES: u64 = 1024;
