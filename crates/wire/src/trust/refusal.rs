//! Why a document is refused: one variant for each rule, named by the rule.

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;

use crate::envelope;
use crate::json::{self, Time};
use crate::limits;
use crate::text::{Audience, Hub, Line};

/// Why a document is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its envelope or signatures do not hold.
    #[error(transparent)]
    Envelope(#[from] envelope::Error),
    /// It is of another hub (replay across hubs).
    #[error("the {document} is of {found}; {expected} was asked")]
    Hub {
        /// The type of the document.
        document: &'static str,
        /// The hub of the root.
        expected: Hub,
        /// The hub it names.
        found: Hub,
    },
    /// It is for somebody else (replay across tenants).
    #[error("the manifest is for `{found}`, not for `{expected}`")]
    Audience {
        /// Who asked.
        expected: Audience,
        /// For whom it is.
        found: Audience,
    },
    /// It was made under other keys than the root names now.
    #[error("the {document} is of epoch {found}; the root says {expected}")]
    Epoch {
        /// The type of the document.
        document: &'static str,
        /// The epoch of the root.
        expected: u64,
        /// Its epoch.
        found: u64,
    },
    /// A root that does not follow the one before it.
    #[error("root {found} does not follow root {trusted}")]
    RootVersion {
        /// The version that is trusted.
        trusted: u64,
        /// The version that came.
        found: u64,
    },
    /// More roots than one run walks.
    #[error("there are more than {} roots to go through in one run", limits::ROOT_HOPS)]
    RootHops,
    /// The manifest was made under a root that the client was not shown.
    #[error("the manifest was made under root {found}, and the newest root to be had is {trusted}")]
    RootBehind {
        /// The version that is trusted.
        trusted: u64,
        /// The version that the manifest names.
        found: u64,
    },
    /// It holds no longer.
    #[error("the {document} expired at {expires}")]
    Expired {
        /// The type of the document.
        document: &'static str,
        /// Until when it held.
        expires: Time,
    },
    /// The manifest holds no longer: the hub, or somebody in between, has not said anything new for too long.
    #[error("the manifest expired at {expires}")]
    Stale {
        /// Until when it held.
        expires: Time,
    },
    /// It would hold longer than its kind may.
    #[error("the {document} holds for {ttl_s} seconds; {most_s} are allowed")]
    Ttl {
        /// The type of the document.
        document: &'static str,
        /// For how long it holds.
        ttl_s: u64,
        /// For how long it may.
        most_s: u64,
    },
    /// It says that it was made in the future.
    #[error("the manifest was made at {issued_at}, and now is {now}")]
    Future {
        /// When it says it was made.
        issued_at: Time,
        /// The time here.
        now: Time,
    },
    /// Something older than what was accepted before.
    #[error("{what} {found} is older than {stored}, which was accepted before")]
    Rollback {
        /// What counts: `manifest`, `release of pdf`.
        what: String,
        /// What was accepted.
        stored: u64,
        /// What came.
        found: u64,
    },
    /// Two different things of one number, or a chain that does not hold.
    #[error("{what} {number} is not the one that was accepted before, or does not follow it")]
    Fork {
        /// What counts: `manifest`, `release of pdf`.
        what: String,
        /// Its number.
        number: u64,
    },
    /// A document that is not what another says it is.
    #[error("the {field} of {what} is not what the manifest says")]
    Mismatch {
        /// The document.
        what: String,
        /// What differs.
        field: &'static str,
    },
    /// A skill that the manifest does not have.
    #[error("the manifest has no skill `{slug}`")]
    NotListed {
        /// The skill.
        slug: SkillName,
    },
    /// A release that is too old to be used, whoever pinned it.
    #[error("release {seq} of `{slug}` is withdrawn; {floor} is the lowest that may be used")]
    Floor {
        /// The skill.
        slug: SkillName,
        /// The release.
        seq: u64,
        /// The lowest that may be used.
        floor: u64,
    },
    /// A release that must not be used.
    #[error("release {release} of `{slug}` is revoked: {reason}")]
    Revoked {
        /// The skill.
        slug: SkillName,
        /// The release.
        release: EnvelopeDigest,
        /// Why.
        reason: Line,
    },
    /// What is stored of the trust in a hub does not read.
    #[error("the stored state of trust is damaged")]
    State(#[source] json::Error),
    /// What is stored was stored by a later program.
    #[error("the stored state of trust is of format {found}; this program reads {}", super::state::FORMAT)]
    StateNewer {
        /// Its format.
        found: u64,
    },
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Refusal::Envelope(e) => e.kind(),
            // What is installed goes on working; there is only no news.
            Refusal::Stale { .. } => Kind::Offline,
            Refusal::NotListed { .. } => Kind::NotFound,
            Refusal::State(_) | Refusal::StateNewer { .. } => Kind::Invalid,
            _ => Kind::Untrusted,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Refusal::Envelope(e) => e.code(),
            Refusal::Hub { .. } => "trust-hub",
            Refusal::Audience { .. } => "trust-aud",
            Refusal::Epoch { .. } => "trust-epoch",
            Refusal::RootVersion { .. } => "trust-root-version",
            Refusal::RootHops => "trust-root-hops",
            Refusal::RootBehind { .. } => "trust-root-behind",
            Refusal::Expired { .. } => "trust-expired",
            Refusal::Stale { .. } => "trust-stale",
            Refusal::Ttl { .. } => "trust-ttl",
            Refusal::Future { .. } => "trust-future",
            Refusal::Rollback { .. } => "trust-rollback",
            Refusal::Fork { .. } => "trust-fork",
            Refusal::Mismatch { .. } => "trust-mismatch",
            Refusal::NotListed { .. } => "trust-not-listed",
            Refusal::Floor { .. } => "trust-floor",
            Refusal::Revoked { .. } => "trust-revoked",
            Refusal::State(_) => "trust-state-damaged",
            Refusal::StateNewer { .. } => "store-newer",
        }
    }
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Refusal::Envelope(e) => return e.hint(),
            Refusal::Stale { .. } => "what is installed goes on working; try again later",
            Refusal::Future { .. } => "set the clock of this machine",
            Refusal::RootHops => "run again: it goes on where it stopped",
            Refusal::StateNewer { .. } => "update skillsync",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
