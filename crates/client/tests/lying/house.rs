//! A hub that signs real documents with test keys and can serve any lie: what it has, what it answers. How the answers get
//! to a client, over a socket or from memory, is up to who asks.

use std::collections::BTreeMap;

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, FileDigest};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_testkit::web::{Answer, Asked};
use skillsync_wire::advisories::{Advisories, Revocation};
use skillsync_wire::api::key::ApiKey;
use skillsync_wire::api::path;
use skillsync_wire::archive::pack;
use skillsync_wire::envelope::{Document, sign};
use skillsync_wire::json::Time;
use skillsync_wire::key::{KeyId, SecretKey};
use skillsync_wire::manifest::{AdvisoriesRef, Entry, Manifest, Pin, ReleaseRef, Removed, TarballRef};
use skillsync_wire::release::{Release, Requires, Scan, Verdict};
use skillsync_wire::root::{Algorithm, Key, ManifestRole, ReleaseRole, Roles, Root, RootRole};
use skillsync_wire::text::{Audience, BundleId, Hub, Line, Owner};

/// Seeds of the keys of the first root.
pub(crate) const ROOT: [u8; 3] = [1, 2, 3];
/// The release key.
pub(crate) const RELEASE: u8 = 4;
/// The manifest key.
pub(crate) const MANIFEST: u8 = 5;
/// A key of nobody.
pub(crate) const STRANGER: u8 = 99;

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub(crate) fn id(seed: u8) -> KeyId {
    key(seed).public().id()
}

pub(crate) fn slug(text: &str) -> SkillName {
    SkillName::parse(text).unwrap()
}

pub(crate) fn line(text: &str) -> Line {
    Line::parse(text).unwrap()
}

pub(crate) fn signed<T: Document>(document: &T, by: &[u8]) -> Vec<u8> {
    let keys: Vec<SecretKey> = by.iter().map(|seed| key(*seed)).collect();
    sign(document, &keys.iter().collect::<Vec<_>>()).unwrap()
}

pub(crate) fn public(seed: u8) -> Key {
    Key { alg: Algorithm::Ed25519, public: key(seed).public() }
}

/// The key that every honest client shows.
pub(crate) fn api_key() -> ApiKey {
    ApiKey::of("k8Fa21bcDEF0", "0123456789abcdefghijABCDEFGHIJ0123456789xyz").unwrap()
}

/// The key of somebody else.
pub(crate) fn other_key() -> ApiKey {
    ApiKey::of("zzzzzzzzzzzz", "0123456789abcdefghijABCDEFGHIJ0123456789xyz").unwrap()
}

/// `seconds` after `time`.
pub(crate) fn later(time: Time, seconds: i64) -> Time {
    Time::of(time.timestamp() + jiff::SignedDuration::from_secs(seconds))
}

/// One release as it is published.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) release: Release,
    pub(crate) statement: Vec<u8>,
    pub(crate) archive: Vec<u8>,
}

impl Published {
    pub(crate) fn digest(&self) -> EnvelopeDigest {
        EnvelopeDigest::of(&self.statement)
    }
}

/// The files of a skill that can be installed: a valid `SKILL.md` whose body is `body`, and others.
pub(crate) fn files(name: &str, body: &str, others: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let head = format!("---\nname: {name}\ndescription: What {name} does.\n---\n");
    let mut files: BTreeMap<String, Vec<u8>> = [("SKILL.md".to_owned(), (head + body).into_bytes())].into();
    files.extend(others.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
    files
}

/// What a hub has. Any of it may be changed into a lie before it is served.
#[derive(Clone)]
pub(crate) struct House {
    /// The time at the hub.
    pub(crate) now: Time,
    /// How long manifests hold, in seconds.
    pub(crate) ttl_s: i64,
    pub(crate) root: Root,
    /// Who signs the newest root.
    pub(crate) root_by: Vec<u8>,
    /// All roots, signed, from version 1.
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) advisories: Advisories,
    pub(crate) release_by: u8,
    pub(crate) manifest_by: u8,
    pub(crate) manifest_version: u64,
    /// Every release, oldest first.
    pub(crate) releases: BTreeMap<SkillName, Vec<Published>>,
    /// The release that is listed, where it is not the newest.
    pub(crate) listed: BTreeMap<SkillName, u64>,
    pub(crate) pins: BTreeMap<SkillName, u64>,
    pub(crate) removed: BTreeMap<SkillName, String>,
    /// The manifests as they were signed, by the id of the key they are for.
    signed: BTreeMap<String, Vec<u8>>,
    /// Whether blobs are given to their key alone.
    pub(crate) is_private: bool,
    /// Where archives are in the answers of the install endpoint, when not on the hub.
    pub(crate) tarballs_at: Option<String>,
}

impl House {
    /// A hub without skills at the time `now`.
    pub(crate) fn new(now: Time) -> Self {
        let keys = ROOT.iter().chain([&RELEASE, &MANIFEST]).map(|seed| (id(*seed), public(*seed)));
        let root = Root {
            hub: Hub::parse("https://hub.example").unwrap(),
            version: 1,
            expires: later(now, 365 * 86_400),
            keys: keys.collect(),
            roles: Roles {
                root: RootRole { keyids: ROOT.map(id).to_vec(), threshold: 2 },
                release: ReleaseRole { keyids: vec![id(RELEASE)], threshold: 1, epoch: 1 },
                manifest: ManifestRole {
                    keyids: vec![id(MANIFEST)],
                    threshold: 1,
                    epoch: 1,
                    max_ttl_s: 86_400,
                },
            },
        };
        let advisories = Advisories {
            version: 1,
            expires: later(now, 6 * 86_400),
            revoked: vec![],
            floors: BTreeMap::new(),
        };
        let roots = vec![signed(&root, &ROOT[..2])];
        Self {
            now,
            ttl_s: 86_400,
            root,
            root_by: ROOT[..2].to_vec(),
            roots,
            advisories,
            release_by: RELEASE,
            manifest_by: MANIFEST,
            manifest_version: 1,
            releases: BTreeMap::new(),
            listed: BTreeMap::new(),
            pins: BTreeMap::new(),
            removed: BTreeMap::new(),
            signed: BTreeMap::new(),
            is_private: false,
            tarballs_at: None,
        }
    }

    /// Something changed: the next manifest has the next number.
    pub(crate) fn touch(&mut self) {
        self.manifest_version += 1;
        self.signed.clear();
    }

    /// Time goes on at the hub, and it makes a new manifest.
    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now = later(self.now, seconds);
        self.advisories.expires = later(self.now, 6 * 86_400);
        self.advisories.version += 1;
        self.touch();
    }

    /// Publishes the next release of `name`, `1.SEQ.0`.
    pub(crate) fn publish(&mut self, name: &str, files: &BTreeMap<String, Vec<u8>>) -> Published {
        self.publish_as(name, files, |_| {})
    }

    /// The same, with a release statement that says what it likes.
    pub(crate) fn publish_as(
        &mut self,
        name: &str,
        files: &BTreeMap<String, Vec<u8>>,
        change: impl FnOnce(&mut Release),
    ) -> Published {
        let slug = slug(name);
        let before = self.releases.entry(slug.clone()).or_default();
        let seq = before.last().map_or(1, |last| last.release.seq + 1);
        let prev = before.last().map(Published::digest);
        let entry = |(path, bytes): (&String, &Vec<u8>)| {
            let file =
                File { digest: FileDigest::of(bytes), size_bytes: bytes.len() as u64, executable: false };
            (SkillPath::parse(path).unwrap(), file)
        };
        let tree = Tree::new(files.iter().map(entry)).unwrap();
        let packed = pack(&tree, |path| Ok::<_, std::io::Error>(files[path.as_str()].clone())).unwrap();
        let mut release = Release {
            hub: self.root.hub.clone(),
            slug: slug.clone(),
            owner: Owner::parse("acme").unwrap(),
            version: format!("1.{seq}.0").parse().unwrap(),
            seq,
            prev,
            tree: packed.tree,
            tarball: packed.tarball,
            sandbox: None,
            requires: Requires::default(),
            scan: Scan {
                engine: line("gate-1"),
                verdict: Verdict::Pass,
                report_sha256: FileDigest::of(b"report"),
            },
            published_at: self.now,
        };
        change(&mut release);
        let statement = signed(&release, &[self.release_by]);
        let published = Published { release, statement, archive: packed.bytes };
        self.releases.entry(slug).or_default().push(published.clone());
        self.touch();
        published
    }

    /// The newest release of `name`.
    pub(crate) fn newest(&self, name: &str) -> &Published {
        self.releases[&slug(name)].last().unwrap()
    }

    /// Makes the next root, signed by `by`.
    pub(crate) fn rotate(&mut self, by: &[u8], change: impl FnOnce(&mut Root)) {
        self.root.version += 1;
        change(&mut self.root);
        self.root_by = by.to_vec();
        self.roots.push(signed(&self.root, by));
        self.touch();
    }

    /// Revokes a release.
    pub(crate) fn revoke(&mut self, name: &str, seq: u64, reason: &str) {
        let published = self.releases[&slug(name)].iter().find(|p| p.release.seq == seq).unwrap();
        let release = published.digest();
        self.advisories.revoked.push(Revocation { slug: slug(name), release, reason: line(reason) });
        self.advisories.version += 1;
        self.touch();
    }

    /// The manifest for `aud`, unsigned.
    pub(crate) fn manifest_for(&self, aud: &Audience) -> Manifest {
        let advisories = self.signed_advisories();
        let entry = |(name, all): (&SkillName, &Vec<Published>)| {
            let wanted = self.listed.get(name);
            let of = |p: &&Published| wanted.is_none_or(|seq| p.release.seq == *seq);
            let published = all.iter().rev().find(of)?;
            Some(Entry {
                slug: name.clone(),
                version: published.release.version.clone(),
                seq: published.release.seq,
                release: ReleaseRef {
                    sha256: published.digest(),
                    size_bytes: published.statement.len() as u64,
                },
                tarball: TarballRef {
                    sha256: published.release.tarball.sha256,
                    size_bytes: published.release.tarball.size_bytes,
                },
                pin: self
                    .pins
                    .get(name)
                    .map(|seq| Pin { bundle: BundleId::parse("b_12").unwrap(), seq: *seq }),
            })
        };
        let removed =
            |(slug, reason): (&SkillName, &String)| Removed { slug: slug.clone(), reason: line(reason) };
        Manifest {
            hub: self.root.hub.clone(),
            aud: aud.clone(),
            epoch: self.root.roles.manifest.epoch,
            version: self.manifest_version,
            issued_at: self.now,
            expires: later(self.now, self.ttl_s),
            root_version: self.root.version,
            advisories: AdvisoriesRef {
                version: self.advisories.version,
                sha256: EnvelopeDigest::of(&advisories),
                size_bytes: advisories.len() as u64,
            },
            skills: self
                .releases
                .iter()
                .filter(|(name, _)| !self.removed.contains_key(*name))
                .filter_map(entry)
                .collect(),
            removed: self.removed.iter().map(removed).collect(),
        }
    }

    pub(crate) fn signed_advisories(&self) -> Vec<u8> {
        signed(&self.advisories, &[self.release_by])
    }

    fn signed_manifest(&mut self, key: &ApiKey) -> Vec<u8> {
        if let Some(known) = self.signed.get(key.id()) {
            return known.clone();
        }
        let bytes = signed(&self.manifest_for(&key.audience()), &[self.manifest_by]);
        self.signed.insert(key.id().to_owned(), bytes.clone());
        bytes
    }

    /// What an honest hub answers.
    pub(crate) fn answer(&mut self, asked: &Asked) -> Answer {
        let (at, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let key = asked.header("x-api-key").and_then(|text| ApiKey::parse(text).ok());
        if let Some(version) = at.strip_prefix("/trust/root/").and_then(|rest| rest.strip_suffix(".json")) {
            let known =
                version.parse::<usize>().ok().and_then(|version| self.roots.get(version.checked_sub(1)?));
            return known.map_or_else(|| Answer::status(404), |root| Answer::ok(root.clone()));
        }
        if at == path::advisories(self.advisories.version) {
            return Answer::ok(self.signed_advisories());
        }
        if let Some(hex) = at.strip_prefix("/cdn/") {
            let allowed = !self.is_private || key.is_some() || query.contains("sig=");
            let found = self.releases.values().flatten().find_map(|p| match hex.split_once("/sha256/")? {
                ("blobs", hex) if p.release.tarball.sha256.hex() == hex => Some(p.archive.clone()),
                ("releases", hex) if p.digest().hex() == hex => Some(p.statement.clone()),
                _ => None,
            });
            return found.filter(|_| allowed).map_or_else(|| Answer::status(404), Answer::ok);
        }
        let Some(key) = key else { return Answer::status(401) };
        match at {
            path::MANIFEST => {
                let bytes = self.signed_manifest(&key);
                let etag = format!("\"{}\"", EnvelopeDigest::of(&bytes).hex());
                match asked.header("if-none-match") == Some(&etag) {
                    true => Answer::status(304).with("etag", &etag),
                    false => Answer::ok(bytes).with("etag", &etag),
                }
            }
            path::INSTALL => self.install(query),
            path::STATE => Answer::status(204),
            _ => Answer::status(404),
        }
    }

    fn install(&self, query: &str) -> Answer {
        let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let missing = || {
            let body = r#"{"error":{"code":"skill-not-found","message":"there is no such skill"}}"#;
            Answer { status: 404, ..Answer::ok(body) }
        };
        let Some(all) = field("slug").and_then(|name| self.releases.get(&SkillName::parse(name).ok()?))
        else {
            return missing();
        };
        let wanted = field("version");
        let of = |p: &&Published| wanted.is_none_or(|version| p.release.version.to_string() == version);
        let Some(Published { release, statement, .. }) = all.iter().rev().find(of) else { return missing() };
        let hex = release.tarball.sha256.hex();
        let base = self.tarballs_at.clone().unwrap_or_default();
        Answer::ok(format!(
            r#"{{"slug":"{}","version":"{}","tarball_url":"{base}/cdn/blobs/sha256/{hex}?sig=1","checksum_sha256":"{hex}",
            "size_bytes":{},"expires_at":"{}","manifest":{{"files":[],"signature":"","signed_at":"{}"}},"release":"{}"}}"#,
            release.slug,
            release.version,
            release.tarball.size_bytes,
            later(self.now, 600),
            self.now,
            EnvelopeDigest::of(statement).hex(),
        ))
    }

    /// Changes the bytes of the archive of the newest release of `name`, and nothing that is said of it.
    pub(crate) fn swap_archive(&mut self, name: &str, archive: Vec<u8>) {
        self.releases.get_mut(&slug(name)).unwrap().last_mut().unwrap().archive = archive;
    }

    /// The digest of the archive of the newest release of `name`.
    pub(crate) fn archive_digest(&self, name: &str) -> ArchiveDigest {
        self.newest(name).release.tarball.sha256
    }
}
