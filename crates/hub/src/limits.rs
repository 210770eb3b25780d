//! The bounds of the hub, each with its reason. Those of documents and archives are in `wire`, those of content in `core`.

use std::time::Duration;

/// How long a caller waits for a connection to the database: one that is down must be told of quickly.
pub const DB_CONNECT: Duration = Duration::from_secs(2);
/// How long one use case may take in PostgreSQL: a link that swallows everything must not hold a caller.
pub const DB_ANSWER: Duration = Duration::from_secs(5);
/// How long a writer waits for another process that writes to the same SQLite file.
pub const DB_BUSY: Duration = Duration::from_secs(5);
/// Most connections of one server to PostgreSQL, whose own default is 100 for everybody.
pub const DB_CONNECTIONS: u32 = 16;
/// Most connections that read a SQLite file at once: its reads seldom wait for the disk.
pub const DB_READERS: u32 = 4;
/// How often at most the time of a key's last use is written.
pub const KEY_TOUCH_MS: i64 = 60_000;
/// Most rows of one page of a list.
pub const PAGE_ROWS: u32 = 100;
/// Most versions of one skill that are listed.
pub const VERSIONS: u32 = 100;
/// Most machines of which one page of states tells: each may have thousands of skills.
pub const STATES: u32 = 20;
/// Most skills that one blob is asked for: in practice it is of one.
pub const BLOB_SKILLS: u32 = 100;
/// Most words of a search that count.
pub const SEARCH_WORDS: usize = 16;
/// Longest word of a search, in characters; longer ones are cut.
pub const SEARCH_WORD_CHARS: usize = 64;
/// How many of the best hits are ranked: nobody leafs further.
pub const SEARCH_HITS: u32 = 1_000;
/// How many words of a skill's instructions are searched: more cost much and find little.
pub const SEARCH_BODY_WORDS: usize = 100;
/// How long the hub waits for a connection to a bucket.
pub const BUCKET_CONNECT: Duration = Duration::from_secs(2);
/// How long one request to a bucket may take: the largest archive over a slow line.
pub const BUCKET_ANSWER: Duration = Duration::from_secs(30);
/// How often a request to a bucket is tried again.
pub const BUCKET_RETRIES: usize = 2;
/// How long a request to a bucket is tried again.
pub const BUCKET_RETRY: Duration = Duration::from_secs(10);
