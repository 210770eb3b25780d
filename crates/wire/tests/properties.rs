//! Laws that must hold for every input: an archive gives back what was packed, however it came in; readers never panic.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::BTreeMap;
use std::io::Read;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use skillsync_core::digest::FileDigest;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_wire::archive::{Entry, Packed, Promise, Reader, pack};
use skillsync_wire::envelope::{Signers, verify};
use skillsync_wire::json::Time;
use skillsync_wire::key::SecretKey;
use skillsync_wire::manifest::Manifest;
use skillsync_wire::root::Root;
use skillsync_wire::trust::State;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() }
}

type Files = BTreeMap<String, (Vec<u8>, bool)>;

/// Files that make a tree: no folder is called as a file is.
fn files() -> impl Strategy<Value = Files> {
    let folder =
        select(vec!["Q", "DIR", "X Y", "É", "LONG-LONG-LONG-LONG-LONG-LONG-LONG-LONG-LONG-LONG-LONG"]);
    let name = select(vec!["a", "b.md", "ü.txt", "run.sh", ".env", "z z", "0"]);
    let path = (vec(folder, 0..4), name).prop_map(|(folders, name)| {
        folders.into_iter().map(|folder| format!("{folder}/")).collect::<String>() + name
    });
    let content = prop_oneof![
        vec(any::<u8>(), 0..40),
        select(vec![0_usize, 1, 511, 512, 513, 1024, 70_000]).prop_map(|size| vec![b'x'; size]),
    ];
    let skill_md = ("[a-z# \n]{0,40}", any::<bool>()).prop_map(|(text, bit)| (text.into_bytes(), bit));
    (btree_map(path, (content, any::<bool>()), 0..12), skill_md).prop_map(|(mut files, skill_md)| {
        files.insert("SKILL.md".to_owned(), skill_md);
        files
    })
}

fn tree<'a>(files: impl IntoIterator<Item = (&'a String, &'a (Vec<u8>, bool))>) -> Tree {
    let file = |(path, (bytes, executable)): (&String, &(Vec<u8>, bool))| {
        let size_bytes = bytes.len() as u64;
        (
            SkillPath::parse(path).unwrap(),
            File { digest: FileDigest::of(bytes), size_bytes, executable: *executable },
        )
    };
    Tree::new(files.into_iter().map(file)).unwrap()
}

fn packed(tree: &Tree, files: &Files) -> Packed {
    pack(tree, |path| files.get(path.as_str()).map(|(bytes, _)| bytes.clone()).ok_or("no such file")).unwrap()
}

/// A source that gives as few bytes at a time as it is told.
struct Dripping<'a> {
    bytes: &'a [u8],
    at_a_time: usize,
}

impl Read for Dripping<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.at_a_time.min(out.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        out[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_archive_gives_back_what_was_packed(files in files(), at_a_time in 1_usize..40_000) {
        let tree = tree(&files);
        let packed = packed(&tree, &files);
        let promise = Promise::new(packed.tarball.clone(), packed.tree);
        let mut reader = Reader::promised(Dripping { bytes: &packed.bytes, at_a_time }, promise);
        let entries: Vec<Entry> = reader.by_ref().collect::<Result<_, _>>().unwrap();
        let read: Files = entries
            .into_iter()
            .map(|entry| (entry.path.to_string(), (entry.bytes, entry.executable)))
            .collect();
        prop_assert_eq!(&read, &files);
        let unpacked = reader.finish().unwrap();
        prop_assert_eq!(&unpacked.tree, &tree);
        prop_assert_eq!(unpacked.digest, packed.tarball.sha256);
    }

    #[test]
    fn an_archive_does_not_depend_on_the_order_of_its_files(files in files(), shuffle in any::<u64>()) {
        let mut order: Vec<_> = files.iter().collect();
        order.sort_by_key(|(path, _)| FileDigest::of(format!("{shuffle}{path}").as_bytes()));
        let (one, two) = (tree(&files), tree(order));
        prop_assert_eq!(packed(&one, &files), packed(&two, &files));
    }

    #[test]
    fn a_spoilt_archive_is_refused_or_says_the_same(
        files in files(), spoils in vec((any::<Index>(), any::<u8>()), 1..4)
    ) {
        let tree = tree(&files);
        let mut bytes = packed(&tree, &files).bytes;
        for (at, byte) in spoils {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(unpacked) = Reader::unknown(&bytes[..]).finish() {
            prop_assert_eq!(unpacked.tree, tree);
        }
    }

    #[test]
    fn readers_never_panic(bytes in vec(any::<u8>(), 0..2_000), text in "[\\[\\]{}\":,0-9a-z _.TZ-]{0,200}") {
        let signers = Signers::new([SecretKey::from_seed(&[1; 32]).public()], 1).unwrap();
        let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff][..], &bytes].concat();
        prop_assert!(Reader::unknown(&bytes[..]).finish().is_err());
        prop_assert!(Reader::unknown(&gzip[..]).finish().is_err());
        for bytes in [&bytes[..], text.as_bytes()] {
            prop_assert!(verify::<Manifest>(bytes, &signers).is_err());
            prop_assert!(verify::<Root>(bytes, &signers).is_err());
            prop_assert!(State::read(bytes).is_err());
        }
        if let Ok(time) = text.parse::<Time>() {
            prop_assert_eq!(time.to_string(), text);
        }
    }
}
