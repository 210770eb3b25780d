//! Archives that somebody made to harm or to confuse, each by its name and with the refusal it meets. They are made by a
//! tar writer of their own, which can write anything.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[path = "hostile/corpus.rs"]
mod corpus;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/names.rs"]
mod names;
#[path = "hostile/tar.rs"]
mod tar;

use std::collections::BTreeSet;
use std::io::Read;

use skillsync_core::digest::{ArchiveDigest, ContentHash, FileDigest};
use skillsync_core::fault::Fault as _;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_wire::archive::{Error, Packed, Promise, Reader, Unpacked, pack};

use tar::{good, gzip};

fn unpack(archive: &[u8]) -> Result<Unpacked, Error> {
    Reader::unknown(archive).finish()
}

#[test]
fn every_hostile_archive_is_refused_for_its_reason() {
    let corpus = corpus::all();
    let names: BTreeSet<&str> = corpus.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), corpus.len(), "a name is there twice");
    assert!(corpus.len() >= 80, "{} archives", corpus.len());
    let mut wrong = Vec::new();
    for case in &corpus {
        match unpack(&case.archive) {
            Ok(_) => wrong.push(format!("{}: accepted", case.name)),
            Err(error) => {
                let said = format!("{error:?}: {error}");
                if !said.starts_with(case.variant) || !said.contains(case.says) || error.code().is_empty() {
                    wrong.push(format!("{}: {said}, not {} {}", case.name, case.variant, case.says));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n  {}", wrong.len(), corpus.len(), wrong.join("\n  "));
}

#[test]
fn the_writer_of_the_corpus_can_be_accepted() {
    let unpacked = unpack(&good().gzip()).unwrap();
    let names: Vec<&str> = unpacked.tree.files().map(|(path, _)| path.as_str()).collect();
    assert_eq!(names, ["SKILL.md", "a/b.txt"]);
}

fn packed() -> (Packed, Vec<(&'static str, Vec<u8>)>) {
    let files = vec![
        ("SKILL.md", b"# Hello\n".to_vec()),
        ("data.bin", (0..=255).collect()),
        ("scripts/run.sh", b"#!/bin/sh\n".to_vec()),
    ];
    let file = |(path, bytes): &(&str, Vec<u8>)| {
        let executable = path.ends_with(".sh");
        let file = File { digest: FileDigest::of(bytes), size_bytes: bytes.len() as u64, executable };
        (SkillPath::parse(path).unwrap(), file)
    };
    let tree = Tree::new(files.iter().map(file)).unwrap();
    let bytes_of = |path: &SkillPath| {
        let found = files.iter().find(|(name, _)| *name == path.as_str());
        found.map(|(_, bytes)| bytes.clone()).ok_or("no such file")
    };
    (pack(&tree, bytes_of).unwrap(), files)
}

fn promise(packed: &Packed) -> Promise {
    Promise::new(packed.tarball.clone(), packed.tree)
}

#[test]
fn not_one_bit_of_an_archive_can_be_changed() {
    let (packed, _) = packed();
    let good = Reader::promised(&packed.bytes[..], promise(&packed)).finish().unwrap();
    let mut flipped = packed.bytes.clone();
    for at in 0..flipped.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            let promised = Reader::promised(&flipped[..], promise(&packed)).finish();
            assert!(promised.is_err(), "byte {at}, bit {bit}");
            // With no promise to hold it to, it is refused or says the same: deflate has bits that nobody reads.
            if let Ok(unpacked) = unpack(&flipped) {
                assert_eq!(unpacked.tree, good.tree, "byte {at}, bit {bit}");
            }
            flipped[at] ^= 1 << bit;
        }
    }
    for end in 0..packed.bytes.len() {
        assert!(unpack(&packed.bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn not_one_bit_of_the_tar_inside_can_be_changed() {
    let archive = good();
    let (tree, mut tar) = (unpack(&archive.gzip()).unwrap().tree, archive.bytes());
    let mut content = 0;
    for at in 0..tar.len() {
        tar[at] ^= 1;
        // Only in the content of a file is another bit another skill.
        if let Ok(unpacked) = unpack(&gzip(&tar)) {
            assert_ne!(unpacked.tree, tree, "byte {at}");
            content += 1;
        }
        tar[at] ^= 1;
    }
    let size = usize::try_from(tree.size_bytes()).unwrap();
    assert_eq!(content, size, "as many bytes as the files have, and no other");
}

#[test]
fn what_was_promised_is_what_came() {
    let (packed, files) = packed();
    let read = |change: fn(&mut Packed)| {
        let mut promised = packed.clone();
        change(&mut promised);
        Reader::promised(&packed.bytes[..], promise(&promised)).finish()
    };
    let unpacked = read(|_| ()).unwrap();
    assert_eq!(unpacked.tree.content_hash(), packed.tree);
    assert_eq!(unpacked.tree.len(), files.len());
    type Case<'a> = (&'a str, fn(&mut Packed));
    let lies: [Case<'_>; 8] = [
        ("size of the archive", |p| p.tarball.size_bytes += 1),
        ("more than", |p| p.tarball.size_bytes -= 1),
        ("digest of the archive", |p| p.tarball.sha256 = ArchiveDigest::of(b"another")),
        ("number of files", |p| p.tarball.files += 1),
        ("number of files", |p| p.tarball.files -= 1),
        ("size of the files", |p| p.tarball.unpacked_bytes += 1),
        ("size of the files", |p| p.tarball.unpacked_bytes -= 1),
        ("content hash", |p| p.tree = ContentHash::of(b"another")),
    ];
    for (says, lie) in lies {
        let error = read(lie).unwrap_err();
        assert!(error.to_string().contains(says), "{error} is not {says}");
    }
    // Genuine bytes of another skill.
    let other = good().gzip();
    let swapped = Reader::promised(&other[..], promise(&packed)).finish().unwrap_err();
    assert!(matches!(swapped, Error::Mismatch { .. } | Error::TooLargePacked { .. }), "{swapped}");
}

/// A source that counts what is taken of it.
struct Counted<R> {
    inner: R,
    taken: u64,
}

impl<R: Read> Read for &mut Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(out)?;
        self.taken += count as u64;
        Ok(count)
    }
}

#[test]
fn endless_data_is_cut_off_at_its_bound() {
    let (packed, _) = packed();
    let size = packed.tarball.size_bytes;
    // As promised, and then on for ever.
    let mut endless = Counted { inner: packed.bytes.as_slice().chain(std::io::repeat(b'x')), taken: 0 };
    let error = Reader::promised(&mut endless, promise(&packed)).finish().unwrap_err();
    assert!(matches!(error, Error::TooLargePacked { .. }), "{error}");
    assert_eq!(endless.taken, size + 1);
    // Stored blocks of deflate without end: it is the bound on the archive that ends them.
    let block = [&[0, 0xff, 0xff, 0, 0][..], &[b'x'; 0xffff]].concat();
    let header = tar::header("big", 25 << 20);
    let first = [&tar::GZIP[..], &[0, 0, 2, 0xff, 0xfd], &header].concat();
    let stream = first.as_slice().chain(Cycle { bytes: block, at: 0 });
    let mut endless = Counted { inner: stream, taken: 0 };
    let error = Reader::unknown(&mut endless).finish().unwrap_err();
    assert!(matches!(error, Error::TooLargePacked { .. }), "{error}");
    assert_eq!(endless.taken, (20 << 20) + 1);
}

struct Cycle {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Cycle {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = out.len().min(self.bytes.len() - self.at);
        out[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at = (self.at + count) % self.bytes.len();
        Ok(count)
    }
}

#[test]
fn a_refused_archive_gives_nothing_more() {
    let mut archive = good();
    archive.parts.push(tar::entry("a/../c", b""));
    let archive = archive.gzip();
    let mut reader = Reader::unknown(&archive[..]);
    let paths: Vec<String> =
        reader.by_ref().map_while(Result::ok).map(|entry| entry.path.to_string()).collect();
    assert_eq!(paths, ["SKILL.md", "a/b.txt"]);
    assert!(reader.next().is_none());
    assert!(matches!(reader.finish(), Err(Error::Refused)));
}

#[test]
fn what_no_reader_would_accept_is_not_packed() {
    let pack_one = |path: &str, bytes: &[u8]| {
        let file = |bytes: &[u8]| File {
            digest: FileDigest::of(bytes),
            size_bytes: bytes.len() as u64,
            executable: false,
        };
        let mut files = vec![(SkillPath::parse(path).unwrap(), file(bytes))];
        if path != "SKILL.md" {
            files.push((SkillPath::parse("SKILL.md").unwrap(), file(b"x")));
        }
        let tree = Tree::new(files).unwrap();
        let answer =
            |asked: &SkillPath| Ok::<_, String>(if asked.as_str() == path { bytes } else { b"x" }.to_vec());
        pack(&tree, answer).map_err(|error| error.code())
    };
    assert!(pack_one("a", b"").is_ok());
    let long = format!("{}/{}/{}", "x".repeat(60), "y".repeat(100), "z".repeat(38));
    for (path, bytes, expected) in [
        (".git/config", &b""[..], "archive-path-reserved"),
        (".mcp.json", b"", "archive-path-reserved"),
        ("~/x", b"", "archive-path-reserved"),
        (&long, b"", "archive-path-too-long"),
        ("SKILL.md", b"\xff", "skill-md-not-utf8"),
        ("SKILL.md", &vec![b'x'; (1 << 20) + 1], "file-too-large"),
    ] {
        assert_eq!(pack_one(path, bytes).unwrap_err(), expected, "{path}");
    }
    let skill = |bytes: &[u8]| File {
        digest: FileDigest::of(bytes),
        size_bytes: bytes.len() as u64,
        executable: false,
    };
    let tree = Tree::new([(SkillPath::parse("SKILL.md").unwrap(), skill(b"then"))]).unwrap();
    let code = |answer: Result<&'static [u8], &'static str>| {
        pack(&tree, |_| answer.map(<[u8]>::to_vec)).map_err(|error| error.code()).map(|_| ())
    };
    assert_eq!(code(Ok(b"then")), Ok(()));
    assert_eq!(code(Ok(b"them")), Err("archive-source-changed"));
    assert_eq!(code(Ok(b"then ")), Err("archive-source-changed"));
    assert_eq!(code(Err("gone")), Err("io-error"));
    let none = Tree::new([(SkillPath::parse("a").unwrap(), skill(b"x"))]).unwrap();
    assert_eq!(pack(&none, |_| Ok::<_, String>(b"x".to_vec())).unwrap_err().code(), "no-skill-md");
}
