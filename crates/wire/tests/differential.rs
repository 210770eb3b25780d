//! What our reader accepts is the same skill to every other program: GNU tar, bsdtar and Python's tarfile list and unpack
//! it with the same paths, sizes, bytes and executable bits. What one program shows and another unpacks is how archives
//! lie. That others mend a hostile archive never makes us accept it.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "wire starts no threads; this test of it runs programs beside each other"
)]

#[path = "hostile/corpus.rs"]
mod corpus;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/names.rs"]
mod names;
#[path = "differential/program.rs"]
mod program;
#[path = "hostile/tar.rs"]
mod tar;

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use skillsync_core::digest::FileDigest;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_testkit::say;
use skillsync_wire::archive::{Reader, pack};

use program::{Found, Program};

/// The files of an archive: path to content and executable bit.
type Files = BTreeMap<String, (Vec<u8>, bool)>;

const TREES: usize = 200;
/// How many times the tar of each tree is spoilt. Most of what comes of it is refused; of the rest some are compared.
const SPOILS: usize = 8;
const SPOILT: usize = 60;

fn files() -> impl Strategy<Value = Files> {
    let long = || "LONG-".repeat(12);
    // No folder is called as a file is, in whatever case.
    let folders =
        ["DIR", "X Y", " LEADING", "-C", "--", "@ARCHIVE", "É", "日本", "{A,B}", "$HOME", "'Q", "+X"];
    let folder = prop_oneof![
        8 => select(folders.to_vec()).prop_map(str::to_owned),
        2 => Just(long()),
        1 => Just("F".repeat(100)),
    ];
    let names = [
        "a",
        "b.md",
        "ü.txt",
        "run.sh",
        ".env",
        "z z",
        "0",
        "-x",
        "--to-command=sh",
        "@list",
        " b",
        "c  d",
        "e=f",
        "~g",
        "h -) i",
        "[j]",
        "%k",
        "#l",
        "&;m",
        "ｎ",
        "🦀",
    ];
    let name = prop_oneof![20 => select(names.to_vec()).prop_map(str::to_owned), 1 => Just("n".repeat(100))];
    let path = (vec(folder, 0..4), name).prop_map(|(folders, name)| [folders, vec![name]].concat().join("/"));
    let content = prop_oneof![
        vec(any::<u8>(), 0..40),
        select(vec![0_usize, 1, 511, 512, 513, 1024, 70_000]).prop_map(|size| vec![b'x'; size]),
        // Contents that look like parts of a tar.
        select(vec![vec![0; 1024], tar::header("evil", 0), tar::good().bytes(), tar::good().gzip()]),
    ];
    let skill_md = ("[a-z# \n]{0,40}", any::<bool>()).prop_map(|(text, bit)| (text.into_bytes(), bit));
    (btree_map(path, (content, any::<bool>()), 0..8), skill_md).prop_map(|(mut files, skill_md)| {
        files.insert("SKILL.md".to_owned(), skill_md);
        files
    })
}

/// The archive of `files`; none when they cannot be packed.
fn packed(files: &Files) -> Option<Vec<u8>> {
    let file = |(path, (bytes, executable)): (&String, &(Vec<u8>, bool))| {
        let (digest, size_bytes) = (FileDigest::of(bytes), bytes.len() as u64);
        Some((SkillPath::parse(path).ok()?, File { digest, size_bytes, executable: *executable }))
    };
    let tree = Tree::new(files.iter().map(file).collect::<Option<Vec<_>>>()?).ok()?;
    let bytes_of = |path: &SkillPath| files.get(path.as_str()).map(|(bytes, _)| bytes.clone()).ok_or("none");
    Some(pack(&tree, bytes_of).ok()?.bytes)
}

/// What our reader makes of an archive; none when it refuses.
fn ours(archive: &[u8]) -> Option<Files> {
    let mut reader = Reader::unknown(archive);
    let files = reader.by_ref().map_while(Result::ok);
    let files = files.map(|entry| (entry.path.to_string(), (entry.bytes, entry.executable))).collect();
    reader.finish().ok().map(|_| files)
}

/// The tar in an archive, by a reader that is not ours.
fn tar_in(archive: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(archive), &mut tar).unwrap();
    tar
}

/// Changes a byte of a header, or a whole field of it, or swaps, repeats or drops blocks; then sets all checksums right.
fn spoil(tar: &mut Vec<u8>, (at, field, byte): (Index, Index, u8)) {
    let is_header = |block: &[u8]| block[257..262] == *b"ustar";
    let headers: Vec<usize> =
        (0..tar.len()).step_by(512).filter(|start| is_header(&tar[*start..start + 512])).collect();
    let start = headers[at.index(headers.len())];
    match byte % 8 {
        0 => drop(tar.drain(start..start + 512)),
        1 => {
            let block = tar[start..start + 512].to_vec();
            tar.splice(start..start, block);
        }
        2 => {
            let values: [(usize, &[u8]); 8] = [
                (100, b"0000755\0"),
                (100, b"0000777\0"),
                (124, b"00000000000\0"),
                (124, b"00000001000\0"),
                (156, b"5"),
                (156, b"L"),
                (156, b"x"),
                (345, b"pre"),
            ];
            let (offset, value) = values[field.index(values.len())];
            tar::put(tar, start + offset, value);
        }
        // Where names are: a byte that means something, or any.
        3..=5 => tar[start + field.index(24)] = *b"/.~\\\0 a\xc3".get(usize::from(byte / 8)).unwrap_or(&byte),
        _ => tar[start + field.index(512)] = byte,
    }
    for block in tar.chunks_exact_mut(512).filter(|block| is_header(block)) {
        tar::sum(block);
    }
}

/// Archives that our reader accepts, with what it found in them: packed by us, the same compressed by another, and those
/// spoilt ones that it still accepts.
fn accepted() -> Vec<(Vec<u8>, Files)> {
    let mut runner = TestRunner::deterministic();
    let spoils = vec((any::<Index>(), any::<Index>(), any::<u8>()), SPOILS);
    let mut archives = vec![(tar::good().gzip(), ours(&tar::good().gzip()).unwrap())];
    let mut spoilt = 0;
    for at in 0..TREES {
        let files = files().new_tree(&mut runner).unwrap().current();
        let spoils = spoils.new_tree(&mut runner).unwrap().current();
        let Some(archive) = packed(&files) else { continue };
        assert_eq!(ours(&archive).as_ref(), Some(&files), "what was packed is what is read");
        let tar = tar_in(&archive);
        for change in spoils {
            let mut changed = tar.clone();
            spoil(&mut changed, change);
            let changed = tar::gzip(&changed);
            let found = if spoilt < SPOILT { ours(&changed) } else { None };
            if let Some(found) = found.filter(|found| *found != files) {
                spoilt += 1;
                archives.push((changed, found));
            }
        }
        let other = tar::gzip(&tar);
        assert_eq!(ours(&other).as_ref(), Some(&files), "how well it is compressed is free");
        archives.push((if at % 4 == 0 { other } else { archive }, files));
    }
    assert!(spoilt == SPOILT && archives.len() > 200, "{} archives, {spoilt} of them spoilt", archives.len());
    archives
}

#[test]
fn what_is_accepted_is_the_same_to_every_program() {
    let archives = accepted();
    let bytes: Vec<&[u8]> = archives.iter().map(|(bytes, _)| &bytes[..]).collect();
    let (archives, bytes) = (&archives, &bytes);
    std::thread::scope(|scope| {
        for program in Program::all() {
            scope.spawn(move || match program.unpack(bytes) {
                Ok(found) => compare(program, &found, archives),
                Err(missing) => say(&format!("SKIPPED archives read by {}: {missing}", program.name())),
            });
        }
    });
}

fn compare(program: Program, found: &[Result<Found, String>], archives: &[(Vec<u8>, Files)]) {
    assert_eq!(found.len(), archives.len());
    for (at, (found, (_, files))) in found.iter().zip(archives).enumerate() {
        let found = found.as_ref().unwrap_or_else(|said| panic!("{} {at}: {said}", program.name()));
        let listed = files.iter().map(|(path, (bytes, bit))| (path.clone(), bytes.len() as u64, *bit));
        let listed: Vec<(String, u64, bool)> = listed.collect();
        assert_eq!(found.listed, listed, "{} lists archive {at} differently", program.name());
        assert!(found.files == *files, "{} unpacks archive {at} differently", program.name());
    }
}

#[test]
fn what_others_mend_is_refused() {
    let corpus = corpus::all();
    for case in &corpus {
        let (name, variant, says) = (&case.name, case.variant, case.says);
        assert!(ours(&case.archive).is_none(), "{name} is accepted and not {variant} {says}");
    }
    let bytes: Vec<&[u8]> = corpus.iter().map(|case| &case.archive[..]).collect();
    for program in Program::all() {
        match program.lists(&bytes) {
            // None of them is as strict: else these archives, or this comparison, would prove nothing.
            Ok(listed) => assert!(
                listed.iter().filter(|listed| **listed).count() > 30,
                "{} lists {listed:?}",
                program.name()
            ),
            Err(missing) => say(&format!("SKIPPED hostile archives read by {}: {missing}", program.name())),
        }
    }
}
