//! Which releases of a source must not be used, by the newest advisories that are here, however old they are; and whether
//! that can be known.

use std::ffi::OsString;
use std::fmt;
use std::ops::Deref as _;

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::{envelope, limits, root};

use super::Anchored;

/// What of a source must not be used, as far as that is known here.
#[derive(Debug)]
pub struct Barring {
    advisories: Option<Advisories>,
    is_whole: bool,
}

/// Why a release must not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barred {
    /// It was revoked, for this reason.
    Revoked(String),
    /// It is below the lowest of its skill that may be used.
    Below {
        /// Its number.
        seq: u64,
        /// The lowest.
        floor: u64,
    },
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Barred::Revoked(reason) => write!(f, "it was revoked: {reason}"),
            Barred::Below { seq, floor } => {
                write!(f, "it is release {seq}, and {floor} is the lowest that may be used")
            }
        }
    }
}

impl Barring {
    /// What is known of `source`.
    pub fn of(layout: &Layout, source: &SourceName) -> Self {
        let (read, is_whole) = match Anchored::load(layout, source) {
            Ok(Anchored { state, advisories, .. }) => {
                // Older ones than were believed, put back from a copy, lack what was revoked since.
                let is_newest = |version| advisories.as_ref().is_some_and(|read| read.version >= version);
                let is_whole = state.advisories.is_none_or(|mark| is_newest(mark.version));
                (advisories, is_whole)
            }
            Err(_) => (None, false),
        };
        // What a key signed that was trusted once says too much at worst.
        let advisories = read.or_else(|| signed_once(layout, source));
        Self { advisories, is_whole }
    }

    /// Whether all that was believed of the source reads: else more may be revoked than is known.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Why the release `seq` of `slug` must not be used, if it must not.
    pub fn bars(&self, slug: &SkillName, seq: u64, release: EnvelopeDigest) -> Option<Barred> {
        let advisories = self.advisories.as_ref()?;
        if let Some(revoked) = advisories.revocation(release) {
            return Some(Barred::Revoked(revoked.reason.as_str().to_owned()));
        }
        let floor = advisories.floor(slug);
        (seq < floor).then_some(Barred::Below { seq, floor })
    }
}

/// The stored advisories, if a key of any stored root signed them.
fn signed_once(layout: &Layout, source: &SourceName) -> Option<Advisories> {
    let bytes = fs::read(&layout.source_advisories(source), limits::ADVISORIES_BYTES as u64).ok()?;
    let entries = fs::entries(&layout.source(source)).ok().flatten()?;
    let is_root = |entry: &&OsString| entry.to_str().is_some_and(|name| name.starts_with("root-"));
    let signed = |entry: &OsString| {
        let root = fs::read(&layout.source(source).join(entry), limits::ROOT_BYTES as u64).ok()?;
        let signers = root::verify_pinned(&root, EnvelopeDigest::of(&root)).ok()?.release_signers().ok()?;
        Some(envelope::verify::<Advisories>(&bytes, &signers).ok()?.deref().clone())
    };
    entries.iter().filter(is_root).find_map(signed)
}
