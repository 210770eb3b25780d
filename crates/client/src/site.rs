//! From skills of the store to what a site serves of them under `.well-known`: each packed, looked through for secrets and
//! checked. Writing it down is left to others; what is at which path is `wire`'s to say.

use std::borrow::Cow;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::frontmatter::{self, Severity};
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Source, State};
use skillsync_core::tree::SKILL_MD;
use skillsync_store::skills;
use skillsync_store::store::Store;
pub use skillsync_wire::wellknown::{Error as IndexError, Offer, Resource, Site, Version};

use crate::publish::{self, Parcel};

/// A skill cannot be published on a site.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be packed, or holds a secret.
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// An agent elsewhere could not load it.
    #[error("`{name}` is not published: {problem}")]
    Invalid {
        /// The skill.
        name: SkillName,
        /// What is wrong with its `SKILL.md`.
        problem: String,
    },
    /// The skills of the store cannot be told.
    #[error(transparent)]
    Skill(#[from] skills::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Publish(e) => e.kind(),
            Error::Invalid { .. } => Kind::Invalid,
            Error::Skill(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Publish(e) => e.code(),
            Error::Invalid { .. } => "publish-invalid",
            Error::Skill(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Publish(e) => e.hint(),
            Error::Invalid { name, .. } => Some(format!("`skillsync validate {name}` shows all of it")),
            Error::Skill(e) => e.hint(),
        }
    }
}

/// A skill as a site serves it, with its bytes.
#[derive(Debug, Clone)]
pub struct Exhibit {
    /// What the indexes say of it.
    pub offer: Offer,
    parcel: Parcel,
}

impl Exhibit {
    /// The number of its version in the store.
    pub fn number(&self) -> u32 {
        self.parcel.number
    }

    /// Every path of it on a site, and the bytes there.
    pub fn paths(&self) -> impl Iterator<Item = (String, Cow<'_, [u8]>)> {
        self.offer.paths().map(|(path, resource)| {
            let bytes = match resource {
                Resource::File { path, .. } => self.parcel.payload.get(path.as_str()).unwrap_or_default(),
                Resource::Archive { .. } | Resource::Index(_) => &*self.parcel.packed.bytes,
            };
            (path, Cow::Borrowed(bytes))
        })
    }
}

/// The skills that a site has when none are named: all in use that somebody here wrote or added. What comes with
/// skillsync itself is its own to publish.
pub fn all(store: &Store) -> Result<Vec<SkillName>, Error> {
    let (mut chosen, noted) = (Vec::new(), skills::Noted::of(store));
    for name in skills::names(store.layout()).map_err(skills::Error::from)? {
        let meta = skills::load(store, &name)?;
        let is_public = noted.state(&name, meta.state) == State::Active
            && meta.artifact_type == ArtifactType::Skill
            && meta.source != Source::BuiltIn;
        if is_public {
            chosen.push(name);
        }
    }
    Ok(chosen)
}

/// The newest committed version of `name` as a site serves it. Fails where an agent elsewhere could not load it, or
/// something in it looks like a secret.
pub fn exhibit(store: &Store, name: &SkillName) -> Result<Exhibit, Error> {
    let parcel = publish::pack(store, name)?;
    let bytes = parcel.payload.get(SKILL_MD).unwrap_or_default();
    let invalid = |problem: String| Error::Invalid { name: name.clone(), problem };
    let skill_md = frontmatter::parse(bytes).map_err(|e| invalid(e.to_string()))?;
    let findings = frontmatter::check(&skill_md, bytes, Some(name.as_str()));
    if let Some(finding) = findings.into_iter().find(|finding| finding.severity == Severity::Error) {
        return Err(invalid(finding.message));
    }
    let description = skill_md.description().unwrap_or_default().to_owned();
    let tree = parcel.payload.tree().clone();
    let offer = Offer::new(name.clone(), description, tree, &parcel.packed.tarball);
    Ok(Exhibit { offer, parcel })
}
