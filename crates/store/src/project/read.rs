//! Reading a copy in a project: its files, its hashes, the observation footer taken off.

use skillsync_core::footer;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree::SKILL_MD;

use super::{Error, Place, Project};
use crate::deployment::Content;
use crate::fs::{self, FileStamp};
use crate::payload::Payload;
use crate::scan::{self, Found, Listing};

/// A copy that was read.
#[derive(Debug)]
pub struct Contents {
    /// Its hashes.
    pub content: Content,
    /// Its files, without an observation footer.
    pub payload: Payload,
    pub(super) listing: Listing,
}

/// Reads the copy at `place`; none when nothing is there. A file that cannot be part of an artifact, or that cannot be
/// read, is an error: never left out in silence.
pub fn read(project: &Project, place: &Place) -> Result<Option<Contents>, Error> {
    let Some(metadata) = fs::lstat(&place.path)? else { return Ok(None) };
    project.require_inside(&place.path)?;
    let is_dir = fs::stat(&place.path)?.is_some_and(|metadata| metadata.is_dir());
    let in_the_way = |what| Error::InTheWay { path: place.path.clone(), what, name: place.name.clone() };
    let listing = match place.artifact_type {
        ArtifactType::Skill if is_dir => scan::list(&place.path)?,
        ArtifactType::Skill => return Err(in_the_way("file")),
        ArtifactType::Command | ArtifactType::Agent if is_dir => return Err(in_the_way("folder")),
        ArtifactType::Command | ArtifactType::Agent => {
            // A link's evidence is that of another file.
            Listing { has_links: metadata.is_symlink(), ..single(place)? }
        }
    };
    let is_skill = place.artifact_type == ArtifactType::Skill;
    let payload = Payload::read(&place.path, &listing, |path, bytes| {
        let may_have_footer = is_skill && path.as_str() == SKILL_MD;
        Ok::<_, scan::Error>(if may_have_footer { footer::strip(&bytes).into_owned() } else { bytes })
    })?;
    Ok(Some(Contents { content: Content::of(&payload), payload, listing }))
}

/// The listing of an artifact that is one file.
fn single(place: &Place) -> Result<Listing, Error> {
    let name = place.artifact_type.main_file(&place.name);
    let path =
        SkillPath::parse(&name).map_err(|source| scan::Error::Name { root: place.path.clone(), source })?;
    let Some(metadata) = fs::stat(&place.path)? else {
        return Err(scan::no_folder(&place.path).into());
    };
    let found = Found {
        path,
        at: place.path.clone(),
        size_bytes: metadata.len(),
        executable: fs::is_executable(&metadata),
        stamp: FileStamp::of(&metadata),
    };
    Ok(Listing { files: vec![found], ..Listing::default() })
}
