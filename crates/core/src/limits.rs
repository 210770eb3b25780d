//! Every bound of the product, each with its reason. Content bounds are shared by all sides: what one machine
//! accepts, every machine accepts.

/// Longest skill name in bytes (Agent Skills specification, `name`).
pub const NAME_BYTES: usize = 64;
/// Longest description in characters (Agent Skills specification, `description`).
pub const DESCRIPTION_CHARS: usize = 1024;
/// Longest `compatibility` text in characters (Agent Skills specification).
pub const COMPATIBILITY_CHARS: usize = 500;
/// Longest component of a path inside a skill, in bytes: fits every file system with room for our suffixes.
pub const COMPONENT_BYTES: usize = 100;
/// Longest path inside a skill, in bytes: fits old Windows path limits below a home folder.
pub const PATH_BYTES: usize = 200;
/// Deepest nesting of folders inside a skill.
pub const PATH_DEPTH: usize = 16;
/// Largest single file in a skill.
pub const FILE_BYTES: u64 = 25 * 1024 * 1024;
/// Largest skill, all payload files together.
pub const SKILL_BYTES: u64 = 100 * 1024 * 1024;
/// Most files in a skill.
pub const SKILL_FILES: usize = 2_000;
/// Largest `SKILL.md`: an agent loads it whole.
pub const SKILL_MD_BYTES: u64 = 1024 * 1024;
/// Largest frontmatter: it is parsed at every listing.
pub const FRONTMATTER_BYTES: usize = 64 * 1024;
/// Recommended size of a skill's instructions in tokens (Agent Skills specification, progressive disclosure).
pub const BODY_TOKENS: usize = 5_000;
/// Recommended length of `SKILL.md` in lines (Agent Skills specification, progressive disclosure).
pub const BODY_LINES: usize = 500;
/// Largest `config.toml` and `tools.toml` we read.
pub const CONFIG_BYTES: u64 = 1024 * 1024;
/// Longest address of a source: what every server takes as the line of a request, with room for a path below it.
pub const URL_BYTES: usize = 1024;
/// Largest deployment file we read: room for ten thousand artifacts.
pub const DEPLOYMENTS_BYTES: u64 = 16 * 1024 * 1024;
/// How many forks of one artifact a pull makes before it gives up looking for a free name.
pub const FORKS: usize = 99;
/// How many contents a deployment's lineage names: enough for years, and still a block that a person can read past.
pub const LINEAGE: usize = 50;
/// Longest note of an observation, in characters: one line of a log stays one short append.
pub const NOTE_CHARS: usize = 1_000;
/// Largest log of observations that is read whole.
pub const LOG_BYTES: u64 = 64 * 1024 * 1024;
/// How long a replaced thing waits in trash, and an old rendered tree is kept.
pub const TRASH_HOURS: i64 = 24;
/// How long a command waits for the store's mutex before it names the holder.
pub const MUTEX_WAIT_MS: u64 = 30_000;
/// How long a text comparison may search for a better answer before it takes the one it has.
pub const DIFF_DEADLINE_MS: u64 = 2_000;
/// Largest text that is merged line by line. A larger one is handled as binary: a person could not read its conflicts.
pub const MERGE_BYTES: u64 = 4 * 1024 * 1024;
/// Most lines of a text that is merged line by line. One of more is handled as binary, too: the time of a merge grows
/// with the square of its changes, and this many lines that all differ take about two seconds.
pub const MERGE_LINES: usize = 100_000;
/// Most commits of a project, on HEAD and elsewhere each, that are searched for what a path held before: one that is
/// older is no likely base of a merge.
pub const PAST_COMMITS: usize = 1_000;
/// How much of a project's past is held in memory at once: two neighbours of the largest size, as most of their files
/// are the same.
pub const PAST_BYTES: u64 = 2 * SKILL_BYTES;
/// How long an agent waits for our session hook before it goes on without it: the budget of the hook and its start, with
/// room for a machine that is busy.
pub const HOOK_TIMEOUT_S: u64 = 10;
