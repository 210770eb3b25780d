//! Archives that are wrong around their entries: gzip, ends, sizes, and what a skill must have.

use super::corpus::{Case, beside, case};
use super::tar::{GZIP, Tar, entry, good, gzip, header, member, put};

pub(crate) fn framing() -> Vec<Case> {
    let tar = good().bytes();
    let whole = gzip(&tar);
    let cut = |end: usize| whole[..end].to_vec();
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let end = |end: &[u8]| good().ending(end).gzip();
    let hidden = [vec![0; 1024], entry("evil", b"evil"), vec![0; 1024]].concat();
    let mut padding = entry("x", b"text");
    padding[1023] = 1;
    let mut flags = GZIP.to_vec();
    flags[3] = 8;
    flags.extend(b"evil.tar\0");
    let mut extra = GZIP.to_vec();
    extra[3] = 4;
    extra.extend([4, 0, b'A', b'B', 0, 0]);
    let mut header_crc = GZIP.to_vec();
    header_crc[3] = 2;
    header_crc.extend([0, 0]);
    let stored = |content: &[u8]| [&GZIP[..], content].concat();
    let last = whole.len() - 1;
    vec![
        case("nothing", vec![], "Truncated", ""),
        case("plain tar", tar.clone(), "NotGzip", ""),
        case("zlib", [&[0x78, 0x9c][..], &whole[10..]].concat(), "NotGzip", ""),
        case("bzip2", b"BZh91AY&SY".to_vec(), "NotGzip", ""),
        case("zstd", vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0], "NotGzip", ""),
        case("zip", b"PK\x03\x04 and so on".to_vec(), "NotGzip", ""),
        case("another method", with(2, 7), "NotGzip", ""),
        case("text flag", with(3, 1), "GzipHeader", ""),
        case("reserved flag", with(3, 0x80), "GzipHeader", ""),
        case("file name", member(&flags, &tar), "GzipHeader", ""),
        case("extra field", member(&extra, &tar), "GzipHeader", ""),
        case("header checksum", member(&header_crc, &tar), "GzipHeader", ""),
        case("time in gzip", with(4, 1), "GzipHeader", ""),
        case("slowest compression", with(8, 2), "GzipHeader", ""),
        case("made on Unix", with(9, 3), "GzipHeader", ""),
        case("cut in the gzip header", cut(5), "Truncated", ""),
        case("only the gzip header", cut(10), "Truncated", ""),
        case("cut in the data", cut(60), "Truncated", ""),
        case("cut before the trailer", cut(whole.len() - 8), "Truncated", ""),
        case("cut in the trailer", cut(last), "Truncated", ""),
        case("wrong CRC", with(last - 7, whole[last - 7] ^ 1), "GzipTrailer", ""),
        case("wrong length", with(last, whole[last] ^ 1), "GzipTrailer", ""),
        case("second member", [whole.clone(), gzip(&entry("evil", b"x"))].concat(), "SecondMember", ""),
        case("second member, empty", [whole.clone(), gzip(b"")].concat(), "SecondMember", ""),
        case("archive in two members", [gzip(&tar[..512]), gzip(&tar[512..])].concat(), "SecondMember", ""),
        case("a byte after the member", [whole.clone(), vec![b'x']].concat(), "BytesAfterEnd", "gzip member"),
        case(
            "zeros after the member",
            [whole.clone(), vec![0; 512]].concat(),
            "BytesAfterEnd",
            "gzip member",
        ),
        case("no such block of deflate", stored(&[7, 0, 0]), "Deflate", ""),
        case("stored block that contradicts itself", stored(&[1, 4, 0, 0, 0, b'x']), "Deflate", ""),
        // The decompressor reads zeros there; the checksum does not agree.
        case(
            "copy of what was never there",
            stored(&[0x03, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            "GzipTrailer",
            "",
        ),
        case("empty stream", gzip(b""), "EndBlocks", ""),
        case("no end", end(b""), "EndBlocks", ""),
        case("one block of zeros", end(&[0; 512]), "EndBlocks", ""),
        case("one block of zeros and more", end(&[vec![0; 512], entry("z", b"x")].concat()), "EndBlocks", ""),
        case("cut in the end", end(&[0; 700]), "EndBlocks", ""),
        case("three blocks of zeros", end(&[0; 1536]), "BytesAfterEnd", "archive"),
        case("blocks up to a record", end(&[0; 10240]), "BytesAfterEnd", "archive"),
        case("a byte after the end", end(&[0; 1025]), "BytesAfterEnd", "archive"),
        case("archive behind the archive", end(&hidden), "BytesAfterEnd", "archive"),
        case("cut in a header", gzip(&tar[..1124]), "Truncated", ""),
        case("cut in a file", gzip(&tar[..514]), "Truncated", ""),
        case("cut after a file", gzip(&tar[..530]), "Truncated", ""),
        beside("bytes behind a file", padding, "Padding", "`x`"),
    ]
}

/// So many bytes that are neither random nor all the same: they shrink to about a hundredth.
fn sparse(size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = vec![0; size];
    for chunk in bytes.chunks_mut(512) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        put(chunk, 0, &state.to_le_bytes()[..chunk.len().min(8)]);
    }
    bytes
}

fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

pub(crate) fn sizes() -> Vec<Case> {
    let mib = 1 << 20;
    let quarter = sparse(25 * mib);
    let mut large = vec![entry("SKILL.md", b"x")];
    large.extend(["a", "b", "c", "d", "e"].map(|name| entry(name, &quarter)));
    let many = (0..2_001).map(|n| entry(&format!("f{n:04}"), b"")).collect();
    let announced =
        |size: u64| Tar::of(vec![entry("SKILL.md", b"x"), header("big", size)]).ending(b"").gzip();
    vec![
        case("one byte too large a file", announced((25 << 20) + 1), "FileTooLarge", ""),
        case("the largest size that can be written", announced((1 << 33) - 1), "FileTooLarge", ""),
        case("announced and not there", announced(25 << 20), "Truncated", ""),
        case("more than 100 MiB together", Tar::of(large).gzip(), "TooLarge:", ""),
        case("2,001 files", Tar::of(many).gzip(), "TooManyFiles", ""),
        beside("bomb of zeros", entry("zeros", &vec![0; 24 * mib]), "Ratio", ""),
        case(
            "noise of more than 20 MiB",
            Tar::of(vec![entry("SKILL.md", b"x"), entry("a", &noise(21 * mib))]).gzip(),
            "TooLargePacked",
            "",
        ),
    ]
}

pub(crate) fn skill_md() -> Vec<Case> {
    let lone = |name: &str, content: &[u8]| Tar::of(vec![entry(name, content)]).gzip();
    vec![
        case("no files", Tar::of(vec![]).gzip(), "Tree(NoSkillMd", ""),
        case("no SKILL.md", lone("README.md", b"x"), "Tree(NoSkillMd", ""),
        case("skill.md", lone("skill.md", b"x"), "Tree(NoSkillMd", ""),
        case("SKILL.MD", lone("SKILL.MD", b"x"), "Tree(NoSkillMd", ""),
        case("SKILL.md in a folder", lone("pdf/SKILL.md", b"x"), "Tree(NoSkillMd", ""),
        case("SKILL.md that is no UTF-8", lone("SKILL.md", b"caf\xe9"), "SkillMdNotUtf8", ""),
        case("SKILL.md in UTF-16", lone("SKILL.md", b"\xff\xfe#\0"), "SkillMdNotUtf8", ""),
        case("SKILL.md too large", lone("SKILL.md", &noise((1 << 20) + 1)), "SkillMdTooLarge", ""),
    ]
}
