//! What a client may believe: the rules between a verified document and its use, each with its own refusal. Pure: the
//! stored [`State`], bytes and the time come in, a new state or a [`Refusal`] goes out. Fetching, storing and installing
//! are left to the client.
//!
//! The order cannot be left out, since each step is made of the one before it:
//!
//! ```text
//! Walk::pinned / resumed ── step* ──► end ──► Rooted ── manifest ──► Listed ── advisories ──► Advised ── release ──► Accepted
//! ```
//!
//! The client stores `Walk::state` after each step, and `Advised::state` last of all, when what was accepted is
//! installed. A refusal changes nothing.

mod delivery;
mod refusal;
mod roots;
mod state;

pub use delivery::{Accepted, Advised, Listed};
pub use refusal::Refusal;
pub use roots::{Rooted, Walk};
pub use state::{AdvisoriesMark, Freshness, ManifestMark, SkillMark, State};
