//! Every bound of documents and archives, each with its reason. What content may be is in the core's `limits`.

/// Deepest nesting of a signed document: five levels are in use.
pub const JSON_DEPTH: usize = 16;
/// Largest integer of a signed document, 2^53 - 1: beyond it, readers that use doubles disagree (RFC 8259, section 6).
pub const JSON_INTEGER: u64 = (1 << 53) - 1;
/// Most signatures of an envelope: each costs a verification before anything is known of its sender.
pub const SIGNATURES: usize = 16;
/// Largest `payloadType` that is read: the longest in use has 46 bytes.
pub const PAYLOAD_TYPE_BYTES: usize = 100;
/// Largest root in its envelope: room for all keys and signatures.
pub const ROOT_BYTES: usize = 64 * 1024;
/// Most keys of a root: three roles and their successors need ten.
pub const ROOT_KEYS: usize = 64;
/// Most steps from one root to the next in one run: a client that was away for ten years needs forty.
pub const ROOT_HOPS: usize = 64;
/// Largest manifest in its envelope: room for the most skills.
pub const MANIFEST_BYTES: usize = 4 * 1024 * 1024;
/// Most skills of a manifest, and most that it says are removed.
pub const MANIFEST_SKILLS: usize = 5_000;
/// Longest life of a manifest: who holds the manifest key alone can hide news for so long and no longer.
pub const MANIFEST_TTL_S: u64 = 24 * 60 * 60;
/// Largest advisories in their envelope: room for as many entries as a manifest has.
pub const ADVISORIES_BYTES: usize = 4 * 1024 * 1024;
/// Most releases that advisories revoke, and most floors.
pub const ADVISORIES_ENTRIES: usize = 10_000;
/// Longest life of advisories: a revocation cannot be hidden for longer.
pub const ADVISORIES_TTL_S: u64 = 7 * 24 * 60 * 60;
/// Largest release statement in its envelope.
pub const RELEASE_BYTES: usize = 64 * 1024;
/// Most entries of each list of a release statement, such as the hosts a skill may reach.
pub const RELEASE_LIST: usize = 100;
/// Longest free text of a document, in bytes: a reason, a host, a path, a program.
pub const TEXT_BYTES: usize = 256;
/// Longest identifier of a document, in bytes: a bundle, an audience.
pub const ID_BYTES: usize = 128;
/// How far a client's clock may be behind the hub's.
pub const CLOCK_SKEW_S: u64 = 5 * 60;
/// Largest stored state of trust: a record of each skill of the largest manifest, with room.
pub const STATE_BYTES: usize = 4 * 1024 * 1024;

/// Largest tarball as it travels.
pub const ARCHIVE_BYTES: u64 = 20 * 1024 * 1024;
/// Most bytes that one byte of a tarball may become, once [`RATIO_FROM_BYTES`] were made of it: prose shrinks to a
/// quarter, and zeros to a thousandth.
pub const RATIO: u64 = 200;
/// From how many unpacked bytes on the ratio counts: a small skill may well be of blanks.
pub const RATIO_FROM_BYTES: u64 = 1024 * 1024;

/// Largest index of a site: room for the most skills with a dozen files each.
pub const INDEX_BYTES: usize = 16 * 1024 * 1024;
/// Most skills of an index.
pub const INDEX_SKILLS: usize = 10_000;
/// Longest address in an index: what every server takes as the line of a request.
pub const INDEX_URL_BYTES: usize = 2048;
/// Largest archive of an open index as it travels: what the most used client of such indexes takes.
pub const FOREIGN_ARCHIVE_BYTES: u64 = 50 * 1024 * 1024;
