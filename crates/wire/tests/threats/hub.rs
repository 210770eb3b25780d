//! A hub in memory that can tell any lie, and a client that asks it everything in the order of a sync.

use std::collections::BTreeMap;

use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest, FileDigest};
use skillsync_core::fault::Fault as _;
use skillsync_core::name::SkillName;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::envelope::{Document, sign};
use skillsync_wire::json::Time;
use skillsync_wire::key::{KeyId, SecretKey};
use skillsync_wire::manifest::{AdvisoriesRef, Entry, Manifest, Pin, ReleaseRef, TarballRef};
use skillsync_wire::release::{Release, Requires, Sandbox, Scan, Tarball, TarballFormat, Verdict};
use skillsync_wire::root::{Algorithm, Key, ManifestRole, ReleaseRole, Roles, Root, RootRole};
use skillsync_wire::text::{Audience, BundleId, Hub, Line, Owner};
use skillsync_wire::trust::{Refusal, State, Walk};

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

pub(crate) fn time(text: &str) -> Time {
    text.parse().unwrap()
}

/// The time of every client that has no reason for another.
pub(crate) fn now() -> Time {
    time("2026-11-20T12:00:00Z")
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

pub(crate) fn caller() -> Audience {
    Audience::parse("key:k_8f3a21").unwrap()
}

pub(crate) fn root() -> Root {
    let keys = ROOT.iter().chain([&RELEASE, &MANIFEST]).map(|seed| (id(*seed), public(*seed)));
    Root {
        hub: Hub::parse("https://hub.example").unwrap(),
        version: 1,
        expires: time("2027-11-20T00:00:00Z"),
        keys: keys.collect(),
        roles: Roles {
            root: RootRole { keyids: ROOT.map(id).to_vec(), threshold: 2 },
            release: ReleaseRole { keyids: vec![id(RELEASE)], threshold: 1, epoch: 2 },
            manifest: ManifestRole { keyids: vec![id(MANIFEST)], threshold: 1, epoch: 3, max_ttl_s: 86_400 },
        },
    }
}

pub(crate) fn public(seed: u8) -> Key {
    Key { alg: Algorithm::Ed25519, public: key(seed).public() }
}

pub(crate) fn release(name: &str, seq: u64, prev: Option<EnvelopeDigest>) -> Release {
    Release {
        hub: root().hub,
        slug: slug(name),
        owner: Owner::parse("acme").unwrap(),
        version: format!("1.{seq}.0").parse().unwrap(),
        seq,
        prev,
        tree: ContentHash::of(format!("tree of {name} {seq}").as_bytes()),
        tarball: Tarball {
            format: TarballFormat::Sktar1Gzip,
            sha256: ArchiveDigest::of(format!("{name} {seq}").as_bytes()),
            size_bytes: 18_234,
            unpacked_bytes: 60_211,
            files: 12,
        },
        sandbox: Some(Sandbox {
            backend: line("bubblewrap"),
            network: vec![line("api.example.com:443")],
            write: vec![line("$WORK")],
            exec: vec![line("python3"), line("curl")],
        }),
        requires: Requires { os: vec![line("linux"), line("macos")], arch: vec![], min_vram_mb: 0 },
        scan: Scan {
            engine: line("gate-3"),
            verdict: Verdict::Pass,
            report_sha256: FileDigest::of(b"report"),
        },
        published_at: time("2026-11-20T09:30:00Z"),
    }
}

/// What a hub has, unsigned.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) root: Root,
    /// Who signs the newest root.
    pub(crate) root_by: Vec<u8>,
    /// The roots before it, signed.
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) advisories: Advisories,
    pub(crate) release_by: u8,
    pub(crate) manifest_by: u8,
    pub(crate) manifest: Manifest,
    pub(crate) releases: BTreeMap<SkillName, Release>,
    pub(crate) pins: BTreeMap<SkillName, u64>,
}

/// What a hub serves. Anything in it may be a lie.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) advisories: Vec<u8>,
    pub(crate) releases: BTreeMap<SkillName, Vec<u8>>,
}

impl House {
    /// A hub with the skills `docx` and `pdf`, at release 17.
    pub(crate) fn new() -> Self {
        let advisories = Advisories {
            version: 9,
            expires: time("2026-11-25T00:00:00Z"),
            revoked: vec![],
            floors: [(slug("pdf"), 15)].into(),
        };
        let manifest = Manifest {
            hub: root().hub,
            aud: caller(),
            epoch: 3,
            version: 1207,
            issued_at: time("2026-11-20T09:30:00Z"),
            expires: time("2026-11-21T09:30:00Z"),
            root_version: 1,
            advisories: AdvisoriesRef { version: 9, sha256: EnvelopeDigest::of(b""), size_bytes: 1 },
            skills: vec![],
            removed: vec![],
        };
        let mut house = Self {
            root: root(),
            root_by: vec![1, 2],
            roots: vec![],
            advisories,
            release_by: RELEASE,
            manifest_by: MANIFEST,
            manifest,
            releases: BTreeMap::new(),
            pins: BTreeMap::new(),
        };
        let before = |name: &str| Some(EnvelopeDigest::of(format!("{name} 16").as_bytes()));
        house.put(release("pdf", 17, before("pdf")));
        house.put(release("docx", 17, before("docx")));
        house
    }

    pub(crate) fn put(&mut self, release: Release) {
        self.releases.insert(release.slug.clone(), release);
    }

    /// The release of `name` as it is signed.
    pub(crate) fn statement(&self, name: &str) -> Vec<u8> {
        signed(&self.releases[&slug(name)], &[self.release_by])
    }

    /// Puts the next release of `name`.
    pub(crate) fn publish(&mut self, name: &str) {
        let prev = EnvelopeDigest::of(&self.statement(name));
        self.put(release(name, self.releases[&slug(name)].seq + 1, Some(prev)));
        self.manifest.version += 1;
    }

    /// Makes the next root, signed by the keys before and by those of `change`.
    pub(crate) fn rotate(&mut self, by: &[u8], change: impl FnOnce(&mut Root)) {
        self.roots.push(signed(&self.root, &self.root_by));
        self.root.version += 1;
        change(&mut self.root);
        self.root_by = by.to_vec();
        self.manifest.root_version = self.root.version;
        self.manifest.epoch = self.root.roles.manifest.epoch;
    }

    /// The manifest of what the hub has.
    pub(crate) fn manifest(&self) -> Manifest {
        let advisories = signed(&self.advisories, &[self.release_by]);
        let entry = |(name, release): (&SkillName, &Release)| {
            let statement = signed(release, &[self.release_by]);
            Entry {
                slug: name.clone(),
                version: release.version.clone(),
                seq: release.seq,
                release: ReleaseRef {
                    sha256: EnvelopeDigest::of(&statement),
                    size_bytes: statement.len() as u64,
                },
                tarball: TarballRef {
                    sha256: release.tarball.sha256,
                    size_bytes: release.tarball.size_bytes,
                },
                pin: self
                    .pins
                    .get(name)
                    .map(|seq| Pin { bundle: BundleId::parse("b_12").unwrap(), seq: *seq }),
            }
        };
        Manifest {
            advisories: AdvisoriesRef {
                version: self.advisories.version,
                sha256: EnvelopeDigest::of(&advisories),
                size_bytes: advisories.len() as u64,
            },
            skills: self.releases.iter().map(entry).collect(),
            ..self.manifest.clone()
        }
    }

    /// Everything, honestly signed.
    pub(crate) fn serve(&self) -> Served {
        let mut roots = self.roots.clone();
        roots.push(signed(&self.root, &self.root_by));
        let statement = |(name, release)| (SkillName::clone(name), signed(release, &[self.release_by]));
        Served {
            roots,
            manifest: signed(&self.manifest(), &[self.manifest_by]),
            advisories: signed(&self.advisories, &[self.release_by]),
            releases: self.releases.iter().map(statement).collect(),
        }
    }
}

impl Served {
    /// A manifest that says what it likes, signed by the manifest key.
    pub(crate) fn with_manifest(mut self, house: &House, lie: impl FnOnce(&mut Manifest)) -> Self {
        let mut manifest = house.manifest();
        lie(&mut manifest);
        self.manifest = signed(&manifest, &[house.manifest_by]);
        self
    }

    /// A client that never was here asks for everything.
    pub(crate) fn first_sync(&self) -> Result<State, Refusal> {
        let walk = Walk::pinned(&self.roots[0], EnvelopeDigest::of(&self.roots[0]))?;
        self.follow(walk, now())
    }

    /// A client that knows `state` asks for everything.
    pub(crate) fn sync(&self, state: &State, clock: Time) -> Result<State, Refusal> {
        let stored = &self.roots[usize::try_from(state.root_version).unwrap() - 1];
        self.follow(Walk::resumed(state.clone(), stored)?, clock)
    }

    fn follow(&self, mut walk: Walk, clock: Time) -> Result<State, Refusal> {
        for root in self.roots.iter().skip(usize::try_from(walk.next_version()).unwrap() - 1) {
            walk.step(root)?;
        }
        let listed = walk.end(clock)?.manifest(&self.manifest, &caller(), clock)?;
        let mut advised = listed.advisories(&self.advisories)?;
        for entry in &listed.manifest().skills {
            let accepted = advised.release(&entry.slug, &self.releases[&entry.slug])?;
            advised.installed(&accepted);
        }
        Ok(advised.state().clone())
    }
}

/// The code of a refusal, or `ok`.
pub(crate) fn code<T>(result: Result<T, Refusal>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(refusal) => refusal.code(),
    }
}
