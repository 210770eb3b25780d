//! Every combination that a plan tells apart, as a table.

use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest, TreeId};
use skillsync_store::config::BaseUrl;
use skillsync_store::installed::Release;
use skillsync_wire::manifest::{AdvisoriesRef, Pin, ReleaseRef, Removed, TarballRef};
use skillsync_wire::text::{Audience, BundleId, Hub, Line};

use super::*;

fn slug(text: &str) -> SkillName {
    SkillName::parse(text).unwrap()
}

fn digest(seq: u64) -> EnvelopeDigest {
    EnvelopeDigest::of(&seq.to_be_bytes())
}

/// A manifest that lists `pdf` at release 2, unless told otherwise.
fn manifest(pdf: Option<(u64, Option<u64>)>, removed: Option<&str>) -> Manifest {
    let entry = |(seq, pin): (u64, Option<u64>)| Entry {
        slug: slug("pdf"),
        version: Version::new(1, seq, 0),
        seq,
        release: ReleaseRef { sha256: digest(seq), size_bytes: 1 },
        tarball: TarballRef { sha256: ArchiveDigest::of(b""), size_bytes: 1 },
        pin: pin.map(|seq| Pin { bundle: BundleId::parse("b_1").unwrap(), seq }),
    };
    Manifest {
        hub: Hub::parse("https://hub.example").unwrap(),
        aud: Audience::parse("key:k").unwrap(),
        epoch: 1,
        version: 1,
        issued_at: "2026-11-20T09:30:00Z".parse().unwrap(),
        expires: "2026-11-21T09:30:00Z".parse().unwrap(),
        root_version: 1,
        advisories: AdvisoriesRef { version: 1, sha256: digest(0), size_bytes: 1 },
        skills: pdf.map(entry).into_iter().collect(),
        removed: removed
            .map(|reason| Removed { slug: slug("pdf"), reason: Line::parse(reason).unwrap() })
            .into_iter()
            .collect(),
    }
}

fn installed(seq: u64) -> Installed {
    let release = Release {
        version: Version::new(1, seq, 0),
        seq,
        release: digest(seq),
        content_hash: ContentHash::of(b""),
        tree: TreeId::of(b""),
        tarball: ArchiveDigest::of(b""),
    };
    let at = "2026-11-20T09:30:00Z".to_owned();
    let installed = Installed::new(SourceName::parse("team").unwrap(), release, at);
    Installed { state: Standing::Installed, ..installed }
}

fn config() -> SourceConfig {
    let url = BaseUrl::parse("https://hub.example").unwrap();
    SourceConfig::new(SourceName::parse("team").unwrap(), url)
}

const ABSENT: Local = Local::Absent;
const HUB: Local = Local::Present { source: Source::Hub, state: State::Active };
const OWN: Local = Local::Present { source: Source::HandAuthored, state: State::Active };
const MARKED: Local = Local::Present { source: Source::Hub, state: State::PendingRemove };
const QUARANTINED: Local = Local::Present { source: Source::Hub, state: State::Quarantined };

struct Case {
    config: SourceConfig,
    manifest: Manifest,
    installed: Option<Installed>,
    local: Local,
}

impl Case {
    /// `pdf` is here at release 1, and release 2 is listed.
    fn new() -> Self {
        let manifest = manifest(Some((2, None)), None);
        Self { config: config(), manifest, installed: Some(installed(1)), local: HUB }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn held(self, change: impl FnOnce(&mut Installed)) -> Self {
        self.with(|case| change(case.installed.as_mut().unwrap()))
    }

    /// The steps for a poll, a look, an update of everything, of `pdf`, an install of it, and of a version of it.
    #[track_caller]
    fn check(&self, what: &str, expected: [Option<Step>; 6]) {
        let asks = [
            Ask::Poll,
            Ask::Look,
            Ask::Update(vec![]),
            Ask::Update(vec![slug("pdf")]),
            Ask::Install(slug("pdf"), None),
            Ask::Install(slug("pdf"), Some(Version::new(1, 0, 0))),
        ];
        let here = Here { installed: self.installed.as_ref(), local: self.local, pin_seq: 3 };
        for (ask, expected) in asks.iter().zip(expected) {
            let steps = plan(&self.config, ask, &self.manifest, &[(slug("pdf"), here)].into());
            assert_eq!(steps.get(&slug("pdf")), expected.as_ref(), "{what}: {ask:?}");
            assert!(steps.len() <= 1, "{what}: {ask:?}");
        }
    }
}

#[test]
fn what_is_here_follows_what_is_listed() {
    use Step::{Available, Forget, Keep, Update};
    let up = || Some(Update);
    Case::new().check("a newer release", [up(), Some(Available), up(), up(), up(), up()]);
    let same = Case::new().with(|c| c.installed = Some(installed(2)));
    same.check("the same release", [Some(Keep), Some(Keep), Some(Keep), Some(Keep), Some(Keep), up()]);
    for apply in [Apply::Notify, Apply::Manual] {
        let case = Case::new().with(|c| c.config.apply = apply);
        case.check("only named", [Some(Available), Some(Available), up(), up(), up(), up()]);
    }
    let held = |held| Some(Step::Held(held));
    for hold in [Hold::Rollback, Hold::Version] {
        let by = || held(Held::By(hold));
        let case = Case::new().held(|i| i.held = Some(hold));
        case.check("held by the user", [by(), by(), by(), up(), up(), up()]);
    }
    let conflict = Case::new().held(|i| i.conflict = Some(digest(2)));
    let by = || held(Held::Conflict);
    conflict.check("a conflict that was handed out", [by(), by(), by(), up(), up(), up()]);
    let older = Case::new().held(|i| i.conflict = Some(digest(1)));
    older.check("a conflict of before", [up(), Some(Available), up(), up(), up(), up()]);
    let by = || held(Held::Policy);
    let pinned = |pin| {
        Case::new().with(|c| {
            c.config.policy = Policy::Pin;
            c.manifest = manifest(Some((2, pin)), None);
        })
    };
    pinned(None).check("a source of pins", [by(), by(), by(), up(), up(), up()]);
    pinned(Some(3)).check("a pin that was followed", [by(), by(), by(), up(), up(), up()]);
    pinned(Some(4)).check("a newer pin", [up(), Some(Available), up(), up(), up(), up()]);
    let case = Case::new().held(|i| i.state = Standing::Quarantined).with(|c| c.local = QUARANTINED);
    case.check("a cure for what is in quarantine", [up(), Some(Available), up(), up(), up(), up()]);
    let case = pinned(Some(3)).held(|i| i.current = installed(2).current).with(|c| c.local = QUARANTINED);
    case.check("a cure that is here", [up(), Some(Available), up(), up(), up(), up()]);
    let case = case.held(|i| i.held = Some(Hold::Version));
    let by = || held(Held::By(Hold::Version));
    case.check("a cure that is here and held", [by(), by(), by(), up(), up(), up()]);
    for (reason, why) in [(Some("revoked"), Some("revoked".to_owned())), (None, None)] {
        let case = Case::new().with(|c| c.manifest = manifest(None, reason));
        let gone = || Some(Step::Unlisted(why.clone()));
        case.check("listed no more", [gone(), gone(), gone(), gone(), gone(), up()]);
    }
    let forget = || Some(Forget);
    for local in [ABSENT, MARKED] {
        let case = Case::new().with(|c| c.local = local);
        let add = || Some(Step::Add);
        case.check("taken away", [forget(), forget(), forget(), forget(), add(), add()]);
    }
}

#[test]
fn what_was_removed_comes_back_by_install_alone() {
    let refuse = || Some(Step::Refuse(Refusal::NotInstalled));
    let add = || Some(Step::Add);
    for wanted in [Wanted::Chosen, Wanted::All] {
        let case = Case::new().with(|c| {
            c.local = ABSENT;
            c.config.skills = wanted;
        });
        case.held(|i| i.state = Standing::Removed)
            .check("removed", [None, None, None, refuse(), add(), add()]);
    }
    let pending = |local, wanted| {
        let case = Case::new().held(|i| i.state = Standing::Pending);
        case.with(|c| (c.local, c.config.skills) = (local, wanted))
    };
    let killed = [None, None, None, refuse(), add(), add()];
    pending(ABSENT, Wanted::Chosen).check("killed before it came", killed);
    let (up, available) = (|| Some(Step::Update), || Some(Step::Available));
    let killed = [add(), available(), add(), refuse(), add(), add()];
    pending(ABSENT, Wanted::All).check("killed before it came, all wanted", killed);
    let killed = [up(), available(), up(), up(), up(), up()];
    pending(HUB, Wanted::Chosen).check("killed before it was noted", killed);
    let back = Case::new().held(|i| i.state = Standing::Removed);
    back.check("its mark was taken back", [up(), available(), up(), up(), up(), up()]);
}

#[test]
fn what_did_not_come_from_the_source_is_never_replaced() {
    let not_installed = || Some(Step::Refuse(Refusal::NotInstalled));
    let local = || Some(Step::Refuse(Refusal::Local));
    let add = || Some(Step::Add);
    let new = |local| {
        Case::new().with(|c| {
            c.installed = None;
            c.local = local;
        })
    };
    let all = |case: Case| case.with(|c| c.config.skills = Wanted::All);
    new(ABSENT).check("new", [None, None, None, not_installed(), add(), add()]);
    all(new(ABSENT))
        .check("all are wanted", [add(), Some(Step::Available), add(), not_installed(), add(), add()]);
    new(OWN).check("the user's own", [None, None, None, not_installed(), local(), local()]);
    all(new(OWN))
        .check("the user's own, all wanted", [local(), local(), local(), not_installed(), local(), local()]);
    new(HUB).check("left of a kill", [None, None, None, not_installed(), add(), add()]);
    let replaced = Case::new().with(|c| c.local = OWN);
    let forget = || Some(Step::Forget);
    replaced.check(
        "removed, and made anew by the user",
        [forget(), forget(), forget(), forget(), local(), local()],
    );
    let elsewhere = Case::new().held(|i| i.source = SourceName::parse("lab").unwrap());
    let other = || Some(Step::Refuse(Refusal::Other(SourceName::parse("lab").unwrap())));
    elsewhere.check("of another source", [None, None, None, other(), other(), other()]);
    let elsewhere = all(Case::new().held(|i| i.source = SourceName::parse("lab").unwrap()));
    elsewhere.check("of another, all wanted", [other(), other(), other(), other(), other(), other()]);
    let unlisted = new(ABSENT).with(|c| c.manifest = manifest(None, None));
    let not_listed = || Some(Step::Refuse(Refusal::NotListed));
    unlisted.check("nowhere", [None, None, None, not_installed(), not_listed(), add()]);
}
