//! The bounds of the hub, each with its reason. Those of documents and archives are in `wire`, those of content in `core`.

use std::time::Duration;

use skillsync_wire::limits::MANIFEST_BYTES;

/// How long a caller waits for a connection to the database: one that is down must be told of quickly.
pub const DB_CONNECT: Duration = Duration::from_secs(2);
/// How long one use case may take in PostgreSQL: a link that swallows everything must not hold a caller.
pub const DB_ANSWER: Duration = Duration::from_secs(5);
/// How long the listing for the open indexes may take in PostgreSQL: some forty questions, each with [`DB_ANSWER`].
pub const DB_OFFERS: Duration = Duration::from_secs(60);
/// How long a writer waits for another process that writes to the same SQLite file.
pub const DB_BUSY: Duration = Duration::from_secs(5);
/// How long it waits until it looks again whether somebody else has made the tables.
pub const DB_LOOK: Duration = Duration::from_millis(50);
/// Most connections of one server to PostgreSQL, whose own default is 100 for everybody.
pub const DB_CONNECTIONS: u32 = 16;
/// Most connections that read a SQLite file at once: its reads seldom wait for the disk.
pub const DB_READERS: u32 = 4;
/// How many callers are looked up in one query, where so many ask in the same moment.
pub const LOOKED_UP: usize = 32;
/// How many such queries run at once: enough to use a database that is a network away.
pub const LOOKUPS: usize = 4;
/// How many callers are kept in memory: those who ask within [`REMEMBERED_FOR`].
pub const REMEMBERED: usize = 10_000;
/// For how long each of them counts as it was read, while the catalogue stands still and no key is revoked. What one key did
/// through another process, or somebody by hand in the database, is seen after it.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// How often at most the time of a key's last use is written.
pub const KEY_TOUCH_MS: i64 = 60_000;
/// Most rows of one page of a list.
pub const PAGE_ROWS: u32 = 100;
/// Most versions of one skill that are listed.
pub const VERSIONS: u32 = 100;
/// Most machines of which one page of states tells: each may have thousands of skills.
pub const STATES: u32 = 20;
/// Most statements that the owner of a skill revokes, over all its skills. A release has one, and one more for each release
/// key that was replaced since it was published.
pub const REVOKED_OF_ACCOUNT: u64 = 1_000;
/// Most statements that owners revoke in all: the rest is for administrators.
pub const REVOKED_BY_OWNERS: u64 = 5_000;
/// Most statements that are revoked in all: with the longest names and reasons, so many have room in advisories.
pub const REVOKED: u64 = 7_000;
/// Most skills with a floor: they have room in advisories beside so many statements.
pub const FLOORS: u64 = 1_000;
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
/// How long a bucket may take until it answers, the largest archive sent to it over a slow line, and from one piece of what it
/// sends to the next.
pub const BUCKET_ANSWER: Duration = Duration::from_secs(30);
/// How often a request to a bucket is tried again.
pub const BUCKET_RETRIES: usize = 2;
/// How long a request to a bucket is tried again.
pub const BUCKET_RETRY: Duration = Duration::from_secs(10);

/// How long the hub waits before it tries again to put a root or advisories into the blobs, at first and at most.
pub const SHELF_RETRY: Duration = Duration::from_secs(1);
/// See [`SHELF_RETRY`].
pub const SHELF_RETRY_MOST: Duration = Duration::from_secs(60);
/// Most of them that wait for it: so many are made while blobs are away for weeks.
pub const SHELVED: usize = 1_000;

/// Most bytes of what machines told in one page of states, unless its first machine alone told more.
pub const STATES_BYTES: u32 = 4 * 1024 * 1024;
/// Most pages of states at once, from the database to the last byte on the wire: each may hold a few times its bytes.
pub const STATES_AT_ONCE: usize = 16;
/// Most of them for one account.
pub const STATES_OF_ACCOUNT: usize = 4;

/// Largest JSON body.
pub const JSON_BYTES: usize = 1024 * 1024;
/// Largest report of what a machine has: five thousand skills with their hashes have 1.3 MiB.
pub const STATE_BYTES: usize = 2 * 1024 * 1024;
/// Largest announcement of an upload: a change log, and little else.
pub const ANNOUNCEMENT_BYTES: usize = 64 * 1024;
/// What the parts of an upload may cost in boundaries and headers beside what they hold.
pub const MULTIPART_BYTES: usize = 16 * 1024;
/// Largest request head, and the read buffer of a connection.
pub const HEADER_BYTES: usize = 16 * 1024;
/// Longest query of an address: a search, or a signature.
pub const QUERY_BYTES: usize = 512;
/// Deepest page of a search: beyond it nobody reads, and the database counts along.
pub const PAGE_MOST: u32 = 1_000;
/// Longest version, in bytes: it is in every manifest that lists the release.
pub const VERSION_BYTES: usize = 64;
/// Most bytes of the skills and the removed ones that a manifest lists: in base64, with what is around them, they are
/// no more than a manifest may have.
pub const LISTING_BYTES: usize = MANIFEST_BYTES / 4 * 3 - 16 * 1024;
/// Longest change log, in bytes.
pub const CHANGELOG_BYTES: usize = 16 * 1024;
/// Longest label of a key, category, or reason, in bytes.
pub const LABEL_BYTES: usize = 128;
/// Most scopes of one key.
pub const SCOPES: usize = 32;
/// Most keys of one account that are neither revoked nor expired.
pub const KEYS: u64 = 1_000;

/// How long a request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an upload may take.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a body may pause: slower than this is somebody who holds a place.
pub const BODY_PAUSE: Duration = Duration::from_secs(10);
/// How many bytes of a body have to come in a second, once it has had [`BODY_PAUSE`]: whoever holds a place shall pay for it.
pub const BODY_RATE: u64 = 16 * 1024;
/// How long the head of a request may take, and how long a connection may idle.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may take nothing of what it is sent.
pub const WRITE_PAUSE: Duration = Duration::from_secs(30);
/// How long requests in progress may take once the hub was told to stop, and after them questions to the database.
pub const DRAIN: Duration = Duration::from_secs(10);
/// What somebody is told to wait who was turned away, in seconds.
pub const RETRY_AFTER_S: u64 = 5;

/// Most open connections: each costs a socket and two buffers.
pub const CONNECTIONS: usize = 8_192;
/// Most requests at work at once; more are turned away, not queued. A fleet of a thousand that asks in the same moment is
/// answered within a tenth of a second; a request that waits costs a few KiB.
pub const IN_FLIGHT: usize = 2_048;
/// Most requests at once whose body is still on its way, of up to a MiB each: bodies that do not come leave the other places
/// to those who only ask.
pub const BODIES: usize = 256;
/// Most archives at once out of which a file is read.
pub const UNPACKED: usize = 4;
/// Most large files of archives that are in memory at once until they are sent to callers with a key: each may have 25 MiB.
pub const FILES_SENT: usize = 16;
/// Most of them for one account.
pub const FILES_SENT_OF_ONE: usize = 4;
/// Most of them for those without a key, who take none from the others.
pub const FILES_SENT_OPEN: usize = 8;
/// Most of these for one address.
pub const FILES_SENT_OPEN_OF_ONE: usize = 2;
/// Most archives and statements at once that are being sent to those without a key: each has a connection and an open file.
pub const BLOBS_SENT_OPEN: usize = 1_024;
/// Most of these for one address: that of a company may be the address of a whole fleet.
pub const BLOBS_SENT_OPEN_OF_ONE: usize = BLOBS_SENT_OPEN / 4;
/// How large a file is of which so many may be sent at once, in bytes.
pub const FILE_LARGE: usize = 64 * 1024;
/// Most archives at once that are unpacked for the open indexes, each with the archive in memory.
pub const UNPACKING: usize = 2;
/// Most of them that are being unpacked or wait for it. More requests for the same one cost nothing.
pub const UNPACK_QUEUE: usize = 32;
/// Most of them for one address.
pub const UNPACK_QUEUE_OF_ONE: usize = 8;
/// How long a request waits for an archive to be unpacked.
pub const UNPACK_WAIT: Duration = Duration::from_secs(5);
/// Most requests at once that ask for something of the open indexes: the other half of [`IN_FLIGHT`] is for everything else.
pub const OPEN: usize = IN_FLIGHT / 2;
/// Most of them from one address.
pub const OPEN_OF_ONE: usize = OPEN / 2;
/// Most bytes of unpacked archives kept in memory: the largest skill has room, and so have a thousand of the usual size.
pub const UNPACKED_BYTES: usize = 128 * 1024 * 1024;
/// Most unpacked archives kept in memory: the list of them is looked through.
pub const UNPACKED_ARCHIVES: usize = 1_000;
/// For how long an archive that turned out to be lost or damaged counts as that without another look at it.
pub const DAMAGED_FOR: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);
/// Most bytes of lists of files behind the open indexes: room for the most skills with two dozen files each. In memory they
/// take twice as much; what an index says beside them is less.
pub const SITE_BYTES: usize = 32 * 1024 * 1024;
/// Most bytes of the list of files of one skill in the database for it to be in the open indexes: what
/// [`INDEX_BYTES_OF_ONE`] has room for.
pub const SITE_BYTES_OF_ONE: usize = 256 * 1024;
/// Most bytes of open indexes in memory: the newest, and those that somebody is being sent yet, each of 16 MiB at most. The
/// oldest give way.
pub const INDEXES_BYTES: usize = 256 * 1024 * 1024;
/// Most bytes of one skill in an open index, of 16 MiB in all: some fifteen hundred files.
pub const INDEX_BYTES_OF_ONE: usize = 64 * 1024;
/// Most uploads at once: each may hold an archive and what is in it, 120 MiB.
pub const UPLOADS: usize = 4;
/// Most of them of one account.
pub const UPLOADS_OF_ACCOUNT: usize = 2;
/// How long somebody waits for a place.
pub const PLACE_WAIT: Duration = Duration::from_secs(10);
/// Most requests that wait for a place of one kind: each is one of [`IN_FLIGHT`].
pub const WAITING: usize = 128;
/// Most of them of one account, or of one address where there is no key.
pub const WAITING_OF_ONE: usize = 8;
/// What is sent of an answer at a time, in bytes, where the answer is in memory: so much more of it is there.
pub const SENT_AT_ONCE: usize = 16 * 1024;
/// How many bytes of an answer that is held have to be taken in a second, once it has had [`WRITE_PAUSE`].
pub const SENT_RATE: u64 = BODY_RATE;
/// How long an answer may take in all that is in memory: the largest file at 85 KB a second.
pub const SENT_WITHIN: Duration = Duration::from_secs(300);

/// How long database and blobs have to answer whether they are there.
pub const READY_WAIT: Duration = Duration::from_secs(3);
/// How long it counts that they answered, or did not.
pub const READY_AGE: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

/// How long a signed address holds, in seconds.
pub const SIGNED_URL_S: u64 = 10 * 60;
/// How long a root holds, in seconds.
pub const ROOT_TTL_S: u64 = 365 * 24 * 60 * 60;
/// How long a key holds that may publish, if its maker does not say, in seconds.
pub const PUBLISH_KEY_TTL_S: u64 = 90 * 24 * 60 * 60;
/// How many manifests are made at once: each takes some MiB while it is listed and signed, and after a change of the catalogue
/// a whole fleet asks for its own.
pub const MANIFESTS_AT_ONCE: usize = 4;
/// Most signed manifests kept in memory, each without its list: a few hundred bytes, where nothing was taken away.
pub const CACHED_MANIFESTS: usize = 10_000;
/// Most bytes of them.
pub const CACHED_MANIFEST_BYTES: usize = 16 * 1024 * 1024;
/// Most bytes of the lists of manifests kept in memory: the largest has 4 MiB, and a whole fleet may see the same.
pub const CACHED_LIST_BYTES: usize = 32 * 1024 * 1024;
/// From how many bytes on a manifest's list is kept apart from it, to be shared.
pub const SHARED_LIST_BYTES: usize = 4096;
/// How long a list is kept at least that no manifest has: the next one may have it again.
pub const LIST_AGE_S: i64 = 60;
/// How old a file must be that a killed hub left half written before it is cleared: none is written for so long.
pub const LEFTOVER_AGE_S: u64 = 60 * 60;
/// Most of them that one start clears.
pub const LEFTOVERS: u64 = 10_000;
/// How often somebody tries again who lost a race in the database.
pub const RACE_TRIES: usize = 8;
