//! What is shipped is complete and valid, and what a user did to it is respected.

use std::path::Path;

use jiff::Timestamp;
use skillsync_core::skill::{ArtifactType, Version};
use skillsync_core::{frontmatter, limits, tokens};
use skillsync_store::scan;

use super::*;

#[test]
fn every_file_of_the_folder_is_shipped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("builtin");
    let names: Vec<_> = SHIPPED.iter().map(|shipped| shipped.name).collect();
    assert_eq!(fs::entries(&folder).unwrap().unwrap(), names);
    for shipped in &SHIPPED {
        let (tree, _) = scan::read(&folder.join(shipped.name)).unwrap();
        assert_eq!(shipped.tree().unwrap().id(), tree.id(), "{}", shipped.name);
    }
}

#[test]
fn every_one_is_valid_by_the_strict_rules() {
    for shipped in &SHIPPED {
        let (_, bytes) = shipped.files.iter().find(|(path, _)| *path == tree::SKILL_MD).unwrap();
        let skill_md = frontmatter::parse(bytes).unwrap();
        let findings = frontmatter::check(&skill_md, bytes, Some(shipped.name));
        assert!(findings.is_empty(), "{}: {findings:?}", shipped.name);
        let body = std::str::from_utf8(&bytes[skill_md.body_offset..]).unwrap();
        assert!(tokens::estimate(body) <= limits::BODY_TOKENS && body.lines().count() <= limits::BODY_LINES);
    }
}

#[test]
fn what_the_user_did_decides() {
    let ours = SHIPPED[0].tree().unwrap();
    let other = |n: u8| FileDigest::of(&[n]);
    // Versions by origin and content: `o` ours, else another.
    let check = |versions: &[(Origin, char)], state: State, expected: Decision| {
        let versions = versions.iter().map(|(origin, content)| Version {
            number: 0,
            content_hash: ours.content_hash(),
            tree: match content {
                'o' => ours.id(),
                c => skillsync_core::digest::TreeId::from_bytes(*other(*c as u8).as_bytes()),
            },
            reason: None,
            origin: *origin,
            parents: Vec::new(),
            at: String::new(),
        });
        let mut versions = versions.collect::<Vec<_>>().into_iter();
        let mut meta = Meta::new(ArtifactType::Skill, Source::BuiltIn, versions.next().unwrap());
        versions.for_each(|version| meta.push(version));
        meta.state = state;
        assert_eq!(decide(&meta, &ours), expected, "{:?}", meta.versions());
    };
    use Origin::{Add, BuiltIn, Commit, Rollback};
    use State::{Active, PendingRemove};
    check(&[(BuiltIn, 'o')], Active, Decision::Leave);
    check(&[(BuiltIn, 'a')], Active, Decision::Upgrade);
    check(&[(BuiltIn, 'a')], PendingRemove, Decision::Leave);
    check(&[(BuiltIn, 'a'), (BuiltIn, 'b')], Active, Decision::Upgrade);
    // The user's own.
    check(&[(Add, 'a')], Active, Decision::Keep);
    check(&[(BuiltIn, 'a'), (Commit, 'b')], Active, Decision::Keep);
    check(&[(BuiltIn, 'a'), (BuiltIn, 'b'), (Rollback, 'a')], Active, Decision::Keep);
    // What this program has was there before: by its own hand, or before a newer program's.
    check(&[(BuiltIn, 'o'), (Commit, 'b')], Active, Decision::Leave);
    check(&[(BuiltIn, 'o'), (BuiltIn, 'b')], Active, Decision::Leave);
}

fn store(home: &Path) -> Store {
    Store::init(&home.join("store"), home, Timestamp::UNIX_EPOCH).unwrap().0
}

/// Does what every command does that calls [`ensure`], and says what changed.
fn ensured(home: &Path) -> Vec<(String, Status)> {
    let changes = super::super::write(&store(home), ensure).unwrap();
    changes.into_iter().map(|change| (change.skill.to_string(), change.status)).collect()
}

#[test]
fn an_older_one_is_upgraded_and_nothing_is_done_twice() {
    let home = tempfile::tempdir().unwrap();
    let name = SHIPPED[2].name().unwrap();
    // What an older program shipped, put in as it did.
    super::super::write(&store(home.path()), |writing, index| {
        let transaction = writing.transaction()?;
        let batch = Batch::new(writing.store().layout(), transaction.dir())?;
        let contents = [(SkillPath::parse(tree::SKILL_MD).unwrap(), b"old".to_vec(), false)];
        let staged = skills::stage_bytes(&transaction, &batch, &name, &contents)?;
        let change = Change::new(staged, Origin::BuiltIn, Source::BuiltIn);
        for advanced in skills::advance(writing, &transaction, batch, index, vec![change])? {
            advanced?;
        }
        Ok(transaction.finish()?)
    })
    .unwrap();
    let status = |name: &str, status| (name.to_owned(), status);
    assert_eq!(
        ensured(home.path()),
        [
            status("skillsync", Status::Added),
            status("skillsync-new", Status::Added),
            status("skillsync-refine", Status::Upgraded),
        ]
    );
    let store = store(home.path());
    let meta = skills::load(&store, &name).unwrap();
    assert_eq!((meta.head().number, meta.head().origin, meta.source), (2, Origin::BuiltIn, Source::BuiltIn));
    assert_eq!(ensured(home.path()), []);
    // The index is a cache: without it the answer is the same.
    fs::remove_file(&store.layout().index()).unwrap();
    assert_eq!(plan(&store, &Index::default()).unwrap(), []);
    assert_eq!(ensured(home.path()), []);
}
