//! A hub's folder with as many skills and keys as wanted, put straight into its database.

use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use semver::Version;
use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, FileDigest};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_hub::db::{Db, KeyRow, NewRelease, Published, Role};
use skillsync_hub::secret;
use skillsync_wire::api::key::ApiKey;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::text::Owner;

/// Who sees what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Every key.
    Everybody,
    /// No key of these.
    SomebodyElse,
}

/// The database of a hub that is not running.
pub(crate) struct Catalogue {
    db: Db,
}

impl Catalogue {
    /// Founds a hub in `folder` with the program itself, so that it has keys and a root.
    pub(crate) async fn found(folder: &Path) -> Self {
        let mut init = Command::new(env!("CARGO_BIN_EXE_skillsync-hub"));
        let init = init.arg("init").arg("--data").arg(folder.join("data")).stdout(Stdio::null());
        assert!(init.status().expect("the hub's program runs").success(), "the hub cannot be founded");
        let url = format!("sqlite://{}", folder.join("data/hub.db").display());
        let db = Db::open(&url, Role::Server).await.expect("its database opens");
        for name in ["fleet", "others"] {
            let name = Owner::parse(name).expect("a name");
            db.ensure_account(&name, Tier::Free, Timestamp::now()).await.expect("an account");
        }
        Self { db }
    }

    /// Publishes a skill for each number. Their archives are not there: manifests only name them.
    pub(crate) async fn publish(&self, numbers: Range<usize>, sight: Sight) {
        let (owner, visibility) = match sight {
            Sight::Everybody => ("fleet", Visibility::Public),
            Sight::SomebodyElse => ("others", Visibility::Private),
        };
        for number in numbers {
            let slug = format!("skill-{number:06}");
            let file =
                File { digest: FileDigest::of(slug.as_bytes()), size_bytes: 60_211, executable: false };
            let path = SkillPath::parse("SKILL.md").expect("a path");
            let tree = Tree::new([(path, file)]).expect("a tree");
            let new = NewRelease {
                slug: SkillName::parse(&slug).expect("a name"),
                owner: Owner::parse(owner).expect("a name"),
                title: slug.clone(),
                description: format!("Does the work of number {number}. Use it when that is wanted."),
                body: "Read the input, do the work, say what was done.".to_owned(),
                category: None,
                visibility: Some(visibility),
                tier: None,
                seq: 1,
                version: Version::new(1, 0, 0),
                content_hash: tree.content_hash(),
                tarball_sha256: ArchiveDigest::of(slug.as_bytes()),
                size_bytes: 18_234,
                unpacked_bytes: 60_211,
                files: 1,
                files_json: format!(
                    "[{{\"path\":\"SKILL.md\",\"sha256\":\"{}\",\"size\":60211}}]",
                    file.digest.hex()
                ),
                offer_json: format!("{{\"description\":\"Does the work of number {number}.\"}}"),
                release_sha256: EnvelopeDigest::of(slug.as_bytes()),
                release_size: 1_834,
                signature: String::new(),
                root_version: 1,
                changelog: String::new(),
                published_at: Timestamp::now(),
            };
            let published = self.db.publish(&new).await.expect("the database writes");
            assert!(matches!(published, Published::Done { .. }), "{slug}: {published:?}");
        }
    }

    /// Makes so many keys of one account.
    pub(crate) async fn keys(&self, count: usize) -> Vec<ApiKey> {
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            let key = secret::api_key().expect("random bytes");
            let row = KeyRow {
                id: key.id().to_owned(),
                account: Owner::parse("fleet").expect("a name"),
                secret_sha256: secret::key_hash(&key),
                label: String::new(),
                scopes: "read".to_owned(),
                created_at: Timestamp::now(),
                expires_at: None,
                revoked_at: None,
                last_used_at: None,
            };
            assert!(self.db.insert_key(&row).await.expect("the database writes"), "an id was drawn twice");
            keys.push(key);
        }
        keys
    }

    /// Lets go of the database.
    pub(crate) async fn close(self) {
        self.db.close().await;
    }
}
