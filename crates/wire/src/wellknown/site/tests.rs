//! What a site writes is what its readers read, the same each time.

use std::collections::BTreeSet;
use std::convert::Infallible;

use super::*;
use crate::archive;
use crate::wellknown::{Content, Head, Index, content_type};

fn tree(files: &[(&str, &[u8], bool)]) -> Tree {
    Tree::new(files.iter().map(|(path, bytes, executable)| {
        let file =
            File { digest: FileDigest::of(bytes), size_bytes: bytes.len() as u64, executable: *executable };
        (SkillPath::parse(path).unwrap(), file)
    }))
    .unwrap()
}

fn offer(name: &str, files: &[(&str, &[u8], bool)]) -> Offer {
    let tree = tree(files);
    let bytes = |path: &SkillPath| {
        let (_, bytes, _) = files.iter().find(|(known, ..)| *known == path.as_str()).unwrap();
        Ok::<_, Infallible>(bytes.to_vec())
    };
    let packed = archive::pack(&tree, bytes).unwrap();
    Offer::new(SkillName::parse(name).unwrap(), format!("About {name}."), tree, &packed.tarball)
}

const PDF: [(&str, &[u8], bool); 3] = [
    (".gitignore", b"x\n", false),
    ("SKILL.md", b"# Hello\n", false),
    ("scripts/run.sh", b"#!/bin/sh\n", true),
];

fn site(base: Option<&str>) -> Site {
    Site::new(vec![offer("pdf", &PDF), offer("csv", &[("SKILL.md", b"# CSV\n", false)])], base).unwrap()
}

#[test]
fn p2_what_a_site_writes_its_readers_read() {
    let site = site(None);
    for version in Version::ALL {
        let index = Index::parse(&site.index(version)).unwrap();
        assert_eq!((index.version, index.bad.len(), index.entries.len()), (version, 0, 2));
        for (entry, offer) in index.entries.iter().zip(site.offers()) {
            assert_eq!((&entry.name, &entry.description), (&offer.name, &offer.description));
            entry.check_tree(&offer.tree).unwrap();
            let Content::Files { files, hash, .. } = &entry.content else { continue };
            assert_eq!(*hash, Some(offer.tree.content_hash()));
            assert_eq!(files[0].path.as_str(), "SKILL.md", "first");
            let executable: Vec<_> = files.iter().filter(|file| file.executable).collect();
            assert_eq!(executable.len(), usize::from(offer.name.as_str() == "pdf"));
        }
    }
    // The published hash feels every byte and every name, and no order.
    let hash = |files: &[_]| offer("pdf", files).tree.content_hash();
    let [a, b, c] = PDF;
    assert_eq!(hash(&[c, a, b]), hash(&PDF));
    assert_ne!(hash(&[a, b, ("scripts/go.sh", c.1, c.2)]), hash(&PDF));
    assert_ne!(hash(&[a, b, (c.0, b"#!/bin/bash\n", c.2)]), hash(&PDF));
    assert_ne!(hash(&[a, b]), hash(&PDF));
}

#[test]
fn skills_without_room_in_either_index_are_left_out() {
    let whole = site(None);
    let most = Version::ALL.map(|version| whole.index(version).len());
    let most = most[0].max(most[1]);
    for (skills, bytes, left_out) in [(2, most, 0), (2, most - 1, 1), (1, most, 1), (0, most, 2), (2, 10, 2)]
    {
        // The one that comes first stays, whatever its name.
        for first in ["csv", "pdf"] {
            let mut offers = whole.offers().to_vec();
            offers.sort_by_key(|offer| offer.name.as_str() != first);
            let room = Room { skills, bytes, bytes_of_one: usize::MAX };
            let fitted = Site::fitting(offers, None, &room).unwrap();
            assert_eq!((fitted.no_room.len(), fitted.too_large.len()), (left_out, 0), "{skills} {bytes}");
            let site = fitted.site;
            assert_eq!(site.offers().len(), 2 - left_out);
            assert!(Version::ALL.iter().all(|version| site.index(*version).len() <= bytes.max(100)));
            assert!(left_out == 2 || site.find(&format!(".well-known/skills/{first}/SKILL.md")).is_some());
        }
    }
    // One that is too large by itself takes no place of any other.
    let mut offers = whole.offers().to_vec();
    offers.reverse();
    let length = |offers: &[Offer]| Site::new(offers.to_vec(), None).unwrap().index(Version::V02).len();
    let bytes_of_one = length(&offers[..1]) - length(&[]);
    let room = Room { skills: 1, bytes: most, bytes_of_one };
    let fitted = Site::fitting(offers, None, &room).unwrap();
    assert_eq!((fitted.no_room.len(), fitted.too_large.len()), (0, 1));
    assert!(fitted.too_large[0].as_str() == "pdf" && fitted.site.offers()[0].name.as_str() == "csv");
}

#[test]
fn the_indexes_are_written_to_the_letter() {
    let site = site(Some("https://h.example/base/"));
    let text = String::from_utf8(site.index(Version::V01)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[3]), (4, "{\"skills\":[", "]}"));
    let pdf: Value = serde_json::from_str(lines[2]).unwrap();
    assert_eq!(pdf["url"], "https://h.example/base/.well-known/skills/pdf/SKILL.md");
    assert_eq!(pdf["files"], json!(["SKILL.md", ".gitignore", "scripts/run.sh"]));
    assert_eq!(pdf["executable"], json!(["scripts/run.sh"]));
    let new: Value = serde_json::from_slice(&site.index(Version::V02)).unwrap();
    assert_eq!(new["$schema"], SCHEMA);
    assert_eq!(
        (&new["skills"][0]["type"], &new["skills"][1]["type"]),
        (&json!("skill-md"), &json!("archive"))
    );
    assert_eq!(new["skills"][1]["url"], "https://h.example/base/.well-known/agent-skills/pdf.tar.gz");
    assert_eq!(new["skills"][0]["digest"], json!(FileDigest::of(b"# CSV\n")));
    let relative: Value = serde_json::from_slice(&self::site(None).index(Version::V02)).unwrap();
    assert_eq!(relative["skills"][0]["url"], "csv/SKILL.md");
    let empty = Site::new(Vec::new(), None).unwrap();
    assert_eq!(empty.index(Version::V01), b"{\"skills\":[\n]}\n");
    assert!(Site::new(vec![offer("pdf", &PDF), offer("pdf", &PDF)], None).is_err());
}

#[test]
fn every_path_is_found_and_no_other() {
    let site = site(None);
    let paths: BTreeSet<String> = site.paths().map(|(path, _)| path).collect();
    let expected: BTreeSet<String> = ["skills", "agent-skills"]
        .iter()
        .flat_map(|folder| {
            [
                "index.json",
                "csv/SKILL.md",
                "pdf/.gitignore",
                "pdf/SKILL.md",
                "pdf/scripts/run.sh",
                "pdf.tar.gz",
            ]
            .map(|name| format!(".well-known/{folder}/{name}"))
        })
        .collect();
    assert_eq!(paths, expected);
    let last: Vec<_> = site.paths().map(|(path, _)| path).skip(paths.len() - 2).collect();
    assert!(last.iter().all(|path| path.ends_with("/index.json")), "the indexes come last: {last:?}");
    for (path, resource) in site.paths() {
        let found = site.find(&path).unwrap_or_else(|| panic!("{path}"));
        let index = |version| FileDigest::of(&site.index(version));
        assert_eq!(Head::of(&found, index), Head::of(&resource, index), "{path}");
    }
    for path in [
        "",
        ".well-known/skills/",
        ".well-known/skills/pdf",
        ".well-known/skills/pdf/",
        ".well-known/skills/pdf/../csv/SKILL.md",
        ".well-known/skills/csv.tar.gz",
        ".well-known/skills/none/SKILL.md",
        "/.well-known/skills/index.json",
        "skills/index.json",
    ] {
        assert!(site.find(path).is_none(), "{path}");
    }
}

#[test]
fn no_browser_runs_what_a_skill_brings() {
    for (path, expected) in [
        ("SKILL.md", "text/markdown; charset=utf-8"),
        ("a/b.HTML", "text/plain; charset=utf-8"),
        ("x.svg", "text/plain; charset=utf-8"),
        ("x.js", "text/plain; charset=utf-8"),
        ("data.json", "application/json"),
        ("LICENSE", "application/octet-stream"),
        (".gitignore", "application/octet-stream"),
    ] {
        assert_eq!(content_type(path), expected, "{path}");
    }
}
