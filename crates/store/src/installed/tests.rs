//! What is known of installed skills, as values and as it is written.

use skillsync_core::skill::{Origin, Version};

use super::*;

fn release(seq: u64) -> Release {
    Release {
        version: Semver::new(1, seq, 0),
        seq,
        release: EnvelopeDigest::of(&seq.to_be_bytes()),
        content_hash: ContentHash::of(&seq.to_be_bytes()),
        tree: TreeId::of(&seq.to_be_bytes()),
        tarball: ArchiveDigest::of(&seq.to_be_bytes()),
    }
}

fn source() -> SourceName {
    SourceName::parse("team").unwrap()
}

fn at() -> String {
    "2026-11-20T09:30:00Z".to_owned()
}

/// A version of the content `content`, merged with the release `merged` if one is named.
fn version(number: u32, origin: Origin, content: u64, merged: Option<u64>) -> Version {
    let hash = |content: u64| ContentHash::of(&content.to_be_bytes());
    Version {
        number,
        content_hash: hash(content),
        tree: TreeId::of(&content.to_be_bytes()),
        reason: None,
        origin,
        parents: merged.map(|merged| vec![hash(1), hash(merged)]).unwrap_or_default(),
        at: at(),
    }
}

#[test]
fn what_a_version_is_made_of_follows_from_what_came() {
    let mut installed = Installed::new(source(), release(1), at());
    installed.learn(&release(2));
    installed.learn(&release(3));
    let versions = [
        version(1, Origin::Install, 1, None),
        version(2, Origin::Commit, 77, None),
        version(3, Origin::Update, 78, Some(2)),
        version(4, Origin::Rollback, 1, None),
        version(5, Origin::Pull, 79, None),
        version(6, Origin::Update, 3, None),
        version(7, Origin::Rollback, 78, None),
        version(8, Origin::Update, 77, Some(3)),
        // One that says what it goes back to, and one that an older skillsync made.
        version(9, Origin::Rollback, 77, Some(3)),
        version(10, Origin::Rollback, 77, None),
    ];
    let basis = |installed: &Installed, number: usize| installed.bases(&versions)[number - 1].map(|r| r.seq);
    for (number, seq) in [(1, 1), (2, 1), (3, 2), (4, 1), (5, 1), (6, 3), (7, 2), (8, 3), (9, 3), (10, 1)] {
        assert_eq!(basis(&installed, number), Some(seq), "version {number}");
        // The same where the records of the releases are lost.
        let content = came_last(&versions)[number - 1].map(release_content);
        assert_eq!(content, Some(release(seq).content_hash), "version {number}");
    }
    assert_eq!(installed.basis(&[version(1, Origin::New, 9, None)]), None, "not from a source");
    assert_eq!(installed.basis(&[]), None);
    // Of what came and is not known, nothing is inherited from what came before it.
    installed.releases.retain(|known| known.seq != 2);
    for (number, seq) in [(1, Some(1)), (3, None), (4, Some(1)), (6, Some(3)), (7, None)] {
        assert_eq!(basis(&installed, number), seq, "version {number}");
    }
}

#[test]
fn a_later_release_of_the_very_files_is_what_a_version_is_made_of() {
    let mut installed = Installed::new(source(), release(1), at());
    (2..=4).for_each(|seq| installed.learn(&release(seq)));
    let versions = [
        version(1, Origin::Install, 2, None),
        // Published after it was committed.
        version(2, Origin::Commit, 3, None),
        version(3, Origin::Commit, 77, None),
        // Put back by hand to what came before: that is an edit of what is here.
        version(4, Origin::Commit, 1, None),
        version(5, Origin::Update, 4, Some(3)),
        version(6, Origin::Rollback, 77, None),
    ];
    let bases = installed.bases(&versions).into_iter().map(|basis| basis.map(|release| release.seq));
    assert_eq!(bases.collect::<Vec<_>>(), [2, 3, 3, 3, 4, 3].map(Some));
}

#[test]
fn it_reads_as_it_is_written_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path().to_owned());
    assert_eq!(InstallState::load(&layout).unwrap(), InstallState::default());
    let name = SkillName::parse("pdf").unwrap();
    let installed = InstallState::amend(&layout, |state| {
        let mut installed = Installed::new(source(), release(1), at());
        installed.held = Some(Hold::Version);
        state.set(name.clone(), installed.clone());
        installed
    });
    assert_eq!(InstallState::load(&layout).unwrap().get(&name), Some(&installed.unwrap()));
    let text = String::from_utf8(fs::read(&layout.install_state(), BYTES).unwrap()).unwrap();
    for (from, to, code) in [
        ("\"format\": 1", "\"format\": 2", "store-newer"),
        ("\"pending\"", "\"lost\"", "installed-damaged"),
        ("{", "", "installed-damaged"),
        (&*text, "", "installed-damaged"),
    ] {
        assert!(text.contains(from), "{text}");
        let bytes = text.replacen(from, to, 1);
        fs::replace(&layout.install_state(), bytes.as_bytes(), fs::Mode::Private).unwrap();
        assert_eq!(InstallState::load(&layout).unwrap_err().code(), code, "{from}");
    }
}

#[test]
fn the_release_in_use_is_never_forgotten() {
    let mut installed = Installed::new(source(), release(1), at());
    (2..=200).for_each(|seq| installed.learn(&release(seq)));
    assert_eq!(installed.releases.len(), RELEASES);
    assert!(installed.releases.contains(&release(1)) && installed.releases.contains(&release(200)));
}

#[test]
fn what_is_written_can_be_read_again_however_much_is_known() {
    let mut state = InstallState::default();
    for number in 0..20 {
        let mut installed = Installed::new(source(), release(1), at());
        (2..=100).for_each(|seq| installed.learn(&release(seq)));
        installed.current = release(7);
        state.set(SkillName::parse(&format!("skill-{number}")).unwrap(), installed);
    }
    let path = Path::new("_meta.json");
    let whole = state.text(path, BYTES).unwrap().len() as u64;
    let kept = |most_bytes: u64| {
        let text = state.text(path, most_bytes).unwrap();
        assert!(text.len() as u64 <= most_bytes);
        let record: Record = serde_json::from_str(&text).unwrap();
        let of = |installed: &Installed| installed.releases.iter().map(|r| r.seq).collect::<Vec<_>>();
        let all: Vec<Vec<u64>> = record.skills.values().map(of).collect();
        assert!(all.len() == 20 && all.windows(2).all(|two| two[0] == two[1]));
        all[0].clone()
    };
    assert_eq!(kept(whole).len(), 100);
    assert_eq!(kept(whole - 1), [vec![7], (52..=100).collect()].concat(), "the newest, and the one in use");
    assert_eq!(kept(whole / 12), [7, 96, 97, 98, 99, 100]);
    assert_eq!(state.text(path, 1_000).unwrap_err().code(), "installed-too-large");
}
