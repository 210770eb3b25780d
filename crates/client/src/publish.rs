//! From a skill of the store to a release of a hub: packed, looked through for secrets, uploaded. What the hub's gate says
//! of it is left to the hub.

use std::convert::Infallible;

pub use semver::Version;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::secrets::{self, Secret};
use skillsync_core::skill::ArtifactType;
use skillsync_store::payload::Payload;
use skillsync_store::store::Store;
use skillsync_store::{objects, skills};
use skillsync_wire::api::path;
use skillsync_wire::api::publish::{ANNOUNCEMENT_FIELD, ARCHIVE_FIELD};
pub use skillsync_wire::api::publish::{Announcement, GateFinding, PublishReply};
use skillsync_wire::archive::{self, Packed};

use crate::api::{self, Api, Form, Part};

/// A skill cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read from the store.
    #[error(transparent)]
    Skill(#[from] skills::Error),
    /// Its bytes cannot be had.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// It cannot be packed.
    #[error("`{name}` cannot be packed")]
    Pack {
        /// The skill.
        name: SkillName,
        /// Why.
        #[source]
        source: archive::Error,
    },
    /// It is a command or an agent.
    #[error("`{name}` is {}; hubs have skills", .artifact_type.phrase())]
    NoSkill {
        /// Its name.
        name: SkillName,
        /// What it is.
        artifact_type: ArtifactType,
    },
    /// Something in it looks like a secret.
    #[error("`{name}` is not published: {}", said(.found))]
    Secrets {
        /// The skill.
        name: SkillName,
        /// What, and in which file.
        found: Vec<(SkillPath, Secret)>,
    },
    /// What is to be said of it cannot be written.
    #[error("what is said of `{name}` cannot be written as JSON")]
    Announcement {
        /// The skill.
        name: SkillName,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The hub does not take it.
    #[error(transparent)]
    Api(#[from] api::Error),
}

/// Where the secrets are; never what they are.
fn said(found: &[(SkillPath, Secret)]) -> String {
    let places = found.iter().map(|(path, secret)| match secret.line {
        Some(line) => format!("`{path}`, line {line}, has {}", secret.what),
        None => format!("`{path}` is {}", secret.what),
    });
    places.collect::<Vec<_>>().join("; ")
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Skill(e) => e.kind(),
            Error::Objects(e) => e.kind(),
            Error::Pack { source, .. } => source.kind(),
            Error::NoSkill { .. } | Error::Announcement { .. } => Kind::Invalid,
            Error::Secrets { .. } => Kind::Denied,
            Error::Api(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Skill(e) => e.code(),
            Error::Objects(e) => e.code(),
            Error::Pack { source, .. } => source.code(),
            Error::NoSkill { .. } => "publish-no-skill",
            Error::Announcement { .. } => "publish-unwritable",
            Error::Secrets { .. } => "publish-secret",
            Error::Api(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Skill(e) => e.hint(),
            Error::Objects(e) => e.hint(),
            Error::Pack { source, .. } => source.hint(),
            Error::Secrets { name, .. } => Some(format!(
                "take it out with `skillsync edit {name}`; if it was shared before, it is no secret any more"
            )),
            Error::NoSkill { .. } => Some("`skillsync ls` shows what is a skill".to_owned()),
            Error::Announcement { .. } => None,
            Error::Api(e) => e.hint(),
        }
    }
}

/// A skill as it is uploaded.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The skill.
    pub name: SkillName,
    /// The number of its version in the store.
    pub number: u32,
    /// The archive and what a release will say of it.
    pub packed: Packed,
    /// Its files with their sizes, in bytes, sorted by path.
    pub files: Vec<(SkillPath, u64)>,
    /// What was packed.
    pub payload: Payload,
}

/// Packs the newest committed version of `name`. Fails where something in it looks like a secret: what is published
/// cannot be taken back from those who have it.
pub fn pack(store: &Store, name: &SkillName) -> Result<Parcel, Error> {
    let meta = skills::load_active(store, name)?;
    if meta.artifact_type != ArtifactType::Skill {
        return Err(Error::NoSkill { name: name.clone(), artifact_type: meta.artifact_type });
    }
    let payload = Payload::of_version(store.objects(), &meta.head().tree)?;
    let looked_at = |bytes: &[u8]| bytes.len() as u64 <= secrets::LOOKED_AT_BYTES;
    let found: Vec<_> = payload
        .files()
        .filter_map(|(path, file)| {
            let bytes = if looked_at(&file.bytes) { &*file.bytes } else { &[] };
            Some((path.clone(), secrets::find(path.as_str(), bytes)?))
        })
        .collect();
    if !found.is_empty() {
        return Err(Error::Secrets { name: name.clone(), found });
    }
    let bytes_of =
        |path: &SkillPath| Ok::<_, Infallible>(payload.get(path.as_str()).unwrap_or_default().to_vec());
    let packed = archive::pack(payload.tree(), bytes_of)
        .map_err(|source| Error::Pack { name: name.clone(), source })?;
    let files = payload.tree().files().map(|(path, file)| (path.clone(), file.size_bytes)).collect();
    Ok(Parcel { name: name.clone(), number: meta.head().number, packed, files, payload })
}

/// The upload of a parcel.
#[derive(Debug, Clone)]
pub struct Upload(Form);

impl Upload {
    /// The form with `parcel` and what is said of it.
    pub fn new(parcel: &Parcel, announcement: &Announcement) -> Result<Self, Error> {
        let said = serde_json::to_vec(announcement)
            .map_err(|source| Error::Announcement { name: parcel.name.clone(), source })?;
        let file_name = format!("{}.tar.gz", parcel.name);
        // What is said comes first: the hub knows what it is before the bytes come.
        Ok(Self(Form::of(&[
            Part {
                name: ANNOUNCEMENT_FIELD,
                content_type: "application/json",
                file_name: None,
                bytes: &said,
            },
            Part {
                name: ARCHIVE_FIELD,
                content_type: "application/gzip",
                file_name: Some(&file_name),
                bytes: &parcel.packed.bytes,
            },
        ])))
    }

    /// How many bytes will go.
    pub fn size_bytes(&self) -> u64 {
        self.0.bytes.len() as u64
    }

    /// Sends it. `progress` is told how many bytes more have gone.
    pub fn send(&self, api: Api<'_>, progress: &(dyn Fn(u64) + Sync)) -> Result<PublishReply, Error> {
        let send = crate::fetch::Send { content_type: &self.0.content_type, bytes: &self.0.bytes };
        Ok(api.send(path::PUBLISH, send, Some(progress))?)
    }
}
