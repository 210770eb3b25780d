//! The archives, by what is wrong with them.

use super::tar::{Tar, changed, entry, header, pax, put, sum, typed};
use super::{frames, names};

/// One archive and what it is to meet.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) archive: Vec<u8>,
    /// How the refusal begins.
    pub(crate) variant: &'static str,
    /// What its message says, too.
    pub(crate) says: &'static str,
}

pub(crate) fn case(name: &str, archive: Vec<u8>, variant: &'static str, says: &'static str) -> Case {
    Case { name: name.to_owned(), archive, variant, says }
}

/// An archive of a good `SKILL.md` and, in its place, one bad entry.
pub(crate) fn beside(name: &str, bad: Vec<u8>, variant: &'static str, says: &'static str) -> Case {
    case(name, Tar::of(vec![entry("SKILL.md", b"# Hello\n"), bad]).gzip(), variant, says)
}

pub(crate) fn all() -> Vec<Case> {
    [
        names::paths(),
        names::reserved(),
        types(),
        headers(),
        order(),
        frames::framing(),
        frames::sizes(),
        frames::skill_md(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn types() -> Vec<Case> {
    let longer = [pax("size", "1048576")].concat();
    let shorter = [pax("size", "0")].concat();
    let twice = [pax("path", "a"), pax("path", "../../evil")].concat();
    let entry_types: [(&str, u8, &str, &str); 15] = [
        ("symbolic link to outside", b'2', "/etc/passwd", "a symbolic link"),
        ("symbolic link to the parent", b'2', "..", "a symbolic link"),
        ("symbolic link inside", b'2', "SKILL.md", "a symbolic link"),
        ("hard link to outside", b'1', "/etc/passwd", "a hard link"),
        ("hard link inside", b'1', "SKILL.md", "a hard link"),
        ("character device", b'3', "", "a character device"),
        ("block device", b'4', "", "a block device"),
        ("folder", b'5', "", "a folder"),
        ("pipe", b'6', "", "a pipe"),
        ("contiguous file", b'7', "", "a contiguous file"),
        ("sparse file", b'S', "", "a sparse file"),
        ("GNU folder", b'D', "", "a GNU folder"),
        ("file of an old tar", 0, "", "an old tar"),
        ("type that nobody knows", b'Z', "", "unknown type"),
        ("type that is no letter", 0xff, "", "unknown type"),
    ];
    let mut cases: Vec<Case> = entry_types
        .map(|(name, flag, link, says)| beside(name, typed("x", flag, link, b""), "EntryType", says))
        .into();
    let extensions: [(&str, u8, &[u8], &str); 12] = [
        ("PAX path", b'x', &pax("path", "../../evil"), "a PAX header"),
        ("PAX path twice", b'x', &twice, "a PAX header"),
        ("PAX size that is larger", b'x', &longer, "a PAX header"),
        ("PAX size that is smaller", b'x', &shorter, "a PAX header"),
        ("PAX link", b'x', &pax("linkpath", "/etc/passwd"), "a PAX header"),
        ("PAX that is malformed", b'x', b"9999 path=x\n", "a PAX header"),
        ("global PAX", b'g', &pax("path", "../../evil"), "a global PAX header"),
        ("Solaris PAX", b'X', &pax("path", "x"), "a PAX header"),
        ("GNU long name", b'L', b"../../evil\0", "a GNU long name"),
        ("GNU long link", b'K', b"/etc/passwd\0", "a GNU long link"),
        ("GNU volume", b'V', b"", "a GNU volume label"),
        ("GNU continuation", b'M', b"", "a GNU continuation"),
    ];
    for (name, flag, content, says) in extensions {
        let parts = vec![entry("SKILL.md", b"x"), typed("x", flag, "", content), entry("x", b"content")];
        cases.push(case(name, Tar::of(parts).gzip(), "Extension", says));
    }
    cases.push(beside("GNU old long name", typed("x", b'N', "", b""), "Extension", "old long name"));
    // First of all, so that it would hold for everything.
    let first =
        Tar::of(vec![typed("pax_global_header", b'g', "", &pax("comment", "x")), entry("SKILL.md", b"x")]);
    cases.push(case("global PAX of git archive", first.gzip(), "Extension", "global"));
    cases
}

fn headers() -> Vec<Case> {
    type Change = fn(&mut [u8]);
    let changes: [(&str, Change, &str); 34] = [
        ("GNU magic", |b| put(b, 257, b"ustar  \0"), "Format"),
        ("no magic", |b| put(b, 257, &[0; 8]), "Format"),
        ("another version", |b| put(b, 257, b"ustar\x0001"), "Format"),
        ("magic without NUL", |b| put(b, 257, b"ustar000"), "Format"),
        ("base-256 size", |b| put(b, 124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]), "Size"),
        ("base-256 size of 2^62", |b| put(b, 124, &[0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]), "Size"),
        ("negative size", |b| put(b, 124, &[0xff; 12]), "Size"),
        ("size with a sign", |b| put(b, 124, b"-0000000004\0"), "Size"),
        ("size of twelve digits", |b| put(b, 124, b"000000000004"), "Size"),
        ("size with blanks", |b| put(b, 124, b"         4 \0"), "Size"),
        ("size ended by a blank", |b| put(b, 124, b"00000000004 "), "Size"),
        ("size with an 8", |b| put(b, 124, b"00000000008\0"), "Size"),
        ("no size", |b| put(b, 124, &[0; 12]), "Size"),
        ("mode 0777", |b| put(b, 100, b"0000777\0"), "Mode"),
        ("mode 0600", |b| put(b, 100, b"0000600\0"), "Mode"),
        ("mode 0000", |b| put(b, 100, b"0000000\0"), "Mode"),
        ("setuid", |b| put(b, 100, b"0004755\0"), "Mode"),
        ("setgid", |b| put(b, 100, b"0002755\0"), "Mode"),
        ("sticky", |b| put(b, 100, b"0001755\0"), "Mode"),
        ("mode with the file type", |b| put(b, 100, b"0100644\0"), "Mode"),
        ("mode with a blank", |b| put(b, 100, b"000644 \0"), "Mode"),
        ("user", |b| put(b, 108, b"0001750\0"), "Owner"),
        ("group", |b| put(b, 116, b"0001750\0"), "Owner"),
        ("name of a user", |b| put(b, 265, b"root"), "Owner"),
        ("name of a group", |b| put(b, 297, b"wheel"), "Owner"),
        ("time", |b| put(b, 136, b"14755044000\0"), "Time"),
        ("target at a file", |b| put(b, 157, b"/etc/passwd"), "LinkName"),
        ("device numbers", |b| put(b, 329, b"0000001\0"), "Unused"),
        ("device numbers of zero", |b| put(b, 329, b"0000000\x000000000\0"), "Unused"),
        ("bytes at the end of the header", |b| b[511] = 1, "Unused"),
        ("star's mark at the end", |b| put(b, 508, b"tar\0"), "Unused"),
        ("old GNU sparse map", |b| put(b, 386, b"00000000000\0"), "Nul"),
        ("prefix that is blank", |b| b[345] = b' ', "Path("),
        (
            "prefix without a name",
            |b| {
                b[0] = 0;
                put(b, 345, b"a");
            },
            "Path(",
        ),
    ];
    let mut cases: Vec<Case> = changes
        .map(|(name, change, variant)| beside(name, changed("x", b"text", change), variant, ""))
        .into();
    let bad_sum = |sum: &[u8]| {
        let mut block = entry("x", b"text");
        put(&mut block, 148, sum);
        block
    };
    let right = |format: fn(u32) -> String| {
        let mut block = header("x", 4);
        sum(&mut block);
        let sum = u32::from_str_radix(std::str::from_utf8(&block[148..154]).unwrap(), 8).unwrap();
        bad_sum(format(sum).as_bytes())
    };
    cases.extend([
        beside("wrong checksum", bad_sum(b"000000\0 "), "Checksum", ""),
        beside("no checksum", bad_sum(&[0; 8]), "Checksum", ""),
        beside("blank checksum", bad_sum(b"        "), "Checksum", ""),
        beside("checksum ended by blank and NUL", right(|sum| format!("{sum:06o} \0")), "Checksum", ""),
        beside("checksum of seven digits", right(|sum| format!("{sum:07o}\0")), "Checksum", ""),
        beside(
            "checksum with blanks before it",
            right(|sum| format!("{sum:6o}\0 ").replace('0', " ")),
            "Checksum",
            "",
        ),
    ]);
    cases
}

fn order() -> Vec<Case> {
    let of = |parts: &[(&str, &[u8])]| {
        Tar::of(parts.iter().map(|(name, content)| entry(name, content)).collect()).gzip()
    };
    let skill = ("SKILL.md", &b"x"[..]);
    vec![
        case("unsorted", of(&[skill, ("b", b""), ("a", b"")]), "Unsorted", "`a`"),
        case("SKILL.md not in its place", of(&[("a", b""), skill]), "Unsorted", "`SKILL.md`"),
        case("sorted by component", of(&[skill, ("a/b", b""), ("a-b", b"")]), "Unsorted", "`a-b`"),
        case("sorted without case", of(&[("a", b""), ("B", b""), skill]), "Unsorted", "`B`"),
        case("twice", of(&[skill, ("a", b"1"), ("a", b"2")]), "Twice", "`a`"),
        case("SKILL.md twice", of(&[skill, ("SKILL.md", b"evil")]), "Twice", ""),
        case("twice with another between", of(&[skill, ("a", b""), ("b", b""), ("a", b"")]), "Unsorted", ""),
        case("file and folder", of(&[skill, ("a", b""), ("a/b", b"")]), "Tree(FileAndFolder", ""),
        case("case twins of SKILL.md", of(&[skill, ("skill.md", b"evil")]), "Tree(CaseTwins", ""),
        case("case twins", of(&[("A", b""), skill, ("a", b"")]), "Tree(CaseTwins", ""),
        case("case twins of folders", of(&[("Dir/a", b""), skill, ("dir/b", b"")]), "Tree(CaseTwins", ""),
        case("case twins, sharp s", of(&[skill, ("strasse", b""), ("straße", b"")]), "Tree(CaseTwins", ""),
        case("case twins, sigma", of(&[skill, ("σς", b""), ("σσ", b"")]), "Tree(CaseTwins", ""),
        case("case twins, Kelvin", of(&[skill, ("k", b""), ("\u{212a}", b"")]), "Path(", "normal form C"),
        case("file and folder by case", of(&[("A/b", b""), skill, ("a", b"")]), "Tree(CaseTwins", ""),
    ]
}
