//! `publish`: a skill of the store becomes a release of a hub. The hub decides whether it may, and which version it is.

use serde::Serialize;
use skillsync_client::catalogue::{Tier, Visibility};
use skillsync_client::fetch::Fetch;
use skillsync_client::publish::{Announcement, Parcel, PublishReply, Upload, Version, pack};
use skillsync_client::source::Source;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::frontmatter::Severity;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::path::SkillPath;
use skillsync_store::config::BaseUrl;
use skillsync_store::index::Index;
use skillsync_store::skills;
use skillsync_store::store::Store;

use super::{Error, Refusal, validate};

/// What is said of the release; what is left out, the hub decides or leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Its version.
    pub version: Option<Version>,
    /// What changed.
    pub changelog: String,
    /// Who may see the skill.
    pub visibility: Option<Visibility>,
    /// Which accounts it is for.
    pub tier: Option<Tier>,
    /// Its category.
    pub category: Option<String>,
}

/// What would be uploaded.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// The skill.
    pub slug: SkillName,
    /// The source it would go to.
    pub source: SourceName,
    /// The address of the source.
    pub url: BaseUrl,
    /// The version that was asked for; none: the hub counts on.
    pub version: Option<Version>,
    /// The number of its version in the store.
    pub store_version: u32,
    /// The content hash of its files.
    pub content_hash: ContentHash,
    /// Its files, sorted by path.
    pub files: Vec<PlannedFile>,
    /// Their sizes added up.
    pub size_bytes: u64,
    /// The size of the archive.
    pub archive_bytes: u64,
    /// Who may see it; none: as it is, and private for a new skill.
    pub visibility: Option<Visibility>,
    /// Which accounts it is for; none: as it is, and `free` for a new skill.
    pub tier: Option<Tier>,
    /// Its category; none: as it is.
    pub category: Option<String>,
    /// What changed.
    pub changelog: String,
    /// Always true: nothing is uploaded by a plan.
    pub dry_run: bool,
}

/// One file.
#[derive(Debug, Serialize)]
pub struct PlannedFile {
    /// Relative to the skill.
    pub path: SkillPath,
    /// Its size, in bytes.
    pub size: u64,
}

/// What the hub made of it.
#[derive(Debug, Serialize)]
pub struct Published {
    /// The source it went to.
    pub source: SourceName,
    /// The hub's answer.
    #[serde(flatten)]
    pub reply: PublishReply,
    /// Always false.
    pub dry_run: bool,
}

/// A skill that is ready to go.
#[derive(Debug)]
pub struct Ready {
    parcel: Parcel,
    terms: Terms,
    upload: Upload,
}

/// Packs the newest version of `name`. Fails when somebody edited it by hand, when it breaks a rule of the specification,
/// and when something in it looks like a secret.
pub fn prepare(store: &Store, name: &SkillName, terms: Terms) -> Result<Ready, Error> {
    let meta = skills::load_active(store, name)?;
    let parcel = pack(store, name)?;
    skills::require_pristine(store, &Index::load(store.layout()), name, &meta)?;
    let checked = validate::validate(
        &validate::stored(store, std::slice::from_ref(name))?,
        validate::Detail::Findings,
    )?;
    let errors = checked.subjects.iter().flat_map(|subject| &subject.findings);
    if let Some(first) = errors.into_iter().find(|finding| finding.severity == Severity::Error) {
        let others = match checked.errors {
            1 => String::new(),
            n => format!(", and {} more", n - 1),
        };
        return Err(Refusal {
            kind: Kind::Invalid,
            code: "publish-invalid",
            message: format!("`{name}` is not published: {} ({}){others}", first.message, first.code),
            hint: Some(format!("`skillsync validate {name}` shows all")),
        }
        .into());
    }
    let Terms { version, changelog, visibility, tier, category } = terms.clone();
    let slug = name.clone();
    let upload =
        Upload::new(&parcel, &Announcement { slug, version, changelog, visibility, tier, category })?;
    Ok(Ready { parcel, terms, upload })
}

impl Ready {
    /// What would be uploaded to `source`.
    pub fn plan(&self, source: &Source) -> Planned {
        let Terms { version, changelog, visibility, tier, category } = self.terms.clone();
        let files = self.parcel.files.iter();
        Planned {
            slug: self.parcel.name.clone(),
            source: source.name().clone(),
            url: source.config().url.clone(),
            version,
            store_version: self.parcel.number,
            content_hash: self.parcel.packed.tree,
            files: files.map(|(path, size)| PlannedFile { path: path.clone(), size: *size }).collect(),
            size_bytes: self.parcel.packed.tarball.unpacked_bytes,
            archive_bytes: self.parcel.packed.tarball.size_bytes,
            visibility,
            tier,
            category,
            changelog,
            dry_run: true,
        }
    }

    /// How many bytes will go.
    pub fn upload_bytes(&self) -> u64 {
        self.upload.size_bytes()
    }

    /// Uploads it to `source`. `progress` is told how many bytes more have gone.
    pub fn send(
        &self,
        fetch: &dyn Fetch,
        source: &Source,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Published, Error> {
        source.require_key()?;
        let reply = self.upload.send(source.api(fetch), progress)?;
        Ok(Published { source: source.name().clone(), reply, dry_run: false })
    }
}
