//! Archives that real programs made, and archives that lie.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "archives are made by real programs on a real disk"
)]

use std::io::Write as _;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use skillsync_core::fault::Fault as _;

use skillsync_core::limits::SKILL_BYTES;
use skillsync_wire::archive::Entry;
use skillsync_wire::foreign::unpack;

/// Has `script`, a Python program, write an archive.
fn made(script: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let prelude = "import io, os, sys, tarfile, zipfile\nout = sys.argv[1]\n\
        def info(name, size=0, **more):\n    i = tarfile.TarInfo(name)\n    i.size = size\n\
        \x20   for k, v in more.items(): setattr(i, k, v)\n    return i\n";
    let path = folder.path().join("archive");
    let output =
        Command::new("python3").arg("-c").arg(format!("{prelude}{script}")).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(path).unwrap()
}

fn listed(bytes: &[u8]) -> Vec<(String, bool, usize)> {
    let entries = unpack(bytes).unwrap();
    entries.into_iter().map(|e| (e.path.to_string(), e.executable, e.bytes.len())).collect()
}

#[test]
fn archives_of_other_programs_are_read() {
    let long = format!("references/{}/{}.md", "d".repeat(90), "f".repeat(90));
    let expected = vec![
        (".gitignore".to_owned(), false, 2),
        ("SKILL.md".to_owned(), false, 5),
        (long.clone(), false, 3),
        ("scripts/run.sh".to_owned(), true, 4),
    ];
    let body = format!(
        "files = [('./SKILL.md', b'hello', 0o644), ('./.gitignore', b'x\\n', 0o644), ('./{long}', b'abc', 0o644), \
         ('./scripts/run.sh', b'echo', 0o755), ('./._SKILL.md', b'mac', 0o644), ('./__MACOSX/x', b'mac', 0o644), \
         ('./.git/config', b'git', 0o644), ('./scripts/__pycache__/a.pyc', b'c', 0o644)]\n"
    );
    for format in ["GNU_FORMAT", "PAX_FORMAT"] {
        let script = format!(
            "{body}t = tarfile.open(out, 'w:gz', format=tarfile.{format})\nt.addfile(info('./scripts', type=tarfile.DIRTYPE))\n\
             for n, b, m in files: t.addfile(info(n, len(b), mode=m, uid=1000, uname='x', mtime=9), io.BytesIO(b))\nt.close()\n"
        );
        assert_eq!(listed(&made(&script)), expected, "{format}");
    }
    for method in ["ZIP_STORED", "ZIP_DEFLATED"] {
        let script = format!(
            "{body}z = zipfile.ZipFile(out, 'w', zipfile.{method})\nz.writestr('scripts/', b'')\n\
             for n, b, m in files:\n    i = zipfile.ZipInfo(n[2:])\n    i.external_attr = (0o100000 | m) << 16\n\
             \x20   i.compress_type = zipfile.{method}\n    z.writestr(i, b)\nz.comment = b'a comment'\nz.close()\n"
        );
        assert_eq!(listed(&made(&script)), expected, "{method}");
    }
}

#[test]
fn what_could_write_elsewhere_is_refused() {
    let add = |entry: &str| {
        format!(
            "t = tarfile.open(out, 'w:gz')\nt.addfile(info('SKILL.md', 1), io.BytesIO(b'x'))\n{entry}\nt.close()\n"
        )
    };
    let zip = |entry: &str| {
        format!("z = zipfile.ZipFile(out, 'w')\nz.writestr('SKILL.md', b'x')\n{entry}\nz.close()\n")
    };
    for (script, code) in [
        (add("t.addfile(info('../x', 1), io.BytesIO(b'x'))"), "path-invalid"),
        (add("t.addfile(info('/etc/x', 1), io.BytesIO(b'x'))"), "path-invalid"),
        (add("t.addfile(info('a/../../x', 1), io.BytesIO(b'x'))"), "path-invalid"),
        (add("t.addfile(info('.claude/x', 1), io.BytesIO(b'x'))"), "archive-path-reserved"),
        (
            add("t.addfile(info('l', type=tarfile.SYMTYPE, linkname='/etc/passwd'))"),
            "foreign-archive-entry-type",
        ),
        (
            add("t.addfile(info('l', type=tarfile.SYMTYPE, linkname='SKILL.md'))"),
            "foreign-archive-entry-type",
        ),
        (
            add("t.addfile(info('l', type=tarfile.LNKTYPE, linkname='SKILL.md'))"),
            "foreign-archive-entry-type",
        ),
        (add("t.addfile(info('d', type=tarfile.CHRTYPE))"), "foreign-archive-entry-type"),
        (add("t.addfile(info('p', type=tarfile.FIFOTYPE))"), "foreign-archive-entry-type"),
        (add("t.addfile(info('SKILL.md', 1), io.BytesIO(b'y'))"), "foreign-archive-damaged"),
        (
            add("n = 26 * 1024 * 1024\nt.addfile(info('b', n), io.BytesIO(bytes(n)))"),
            "foreign-archive-too-large",
        ),
        (
            add("n = 24 * 1024 * 1024\nfor i in range(5): t.addfile(info(f'b{i}', n), io.BytesIO(bytes(n)))"),
            "foreign-archive-too-large",
        ),
        (add("for i in range(2001): t.addfile(info(f'f{i}'))"), "foreign-archive-too-large"),
        (zip("z.writestr('../x', b'x')"), "path-invalid"),
        (zip("z.writestr('/x', b'x')"), "path-invalid"),
        (zip("z.writestr('a\\\\b', b'x')"), "path-invalid"),
        (
            zip("i = zipfile.ZipInfo('l')\ni.external_attr = 0o120777 << 16\nz.writestr(i, b'/etc/passwd')"),
            "foreign-archive-entry-type",
        ),
        (zip("z.writestr('b', bytes(26 * 1024 * 1024), zipfile.ZIP_DEFLATED)"), "foreign-archive-too-large"),
        (zip("for i in range(2001): z.writestr(f'f{i}', b'')"), "foreign-archive-too-large"),
        (zip("z.writestr('x', b'1', zipfile.ZIP_LZMA)"), "foreign-archive-damaged"),
    ] {
        let error = unpack(&made(&script)).expect_err(&script);
        assert_eq!(error.code(), code, "{script}: {error}");
    }
}

#[test]
fn damage_is_an_error_wherever_it_is() {
    let tar = made(
        "t = tarfile.open(out, 'w:gz')\nt.addfile(info('SKILL.md', 600), io.BytesIO(bytes(range(200)) * 3))\nt.close()\n",
    );
    let zip = made(
        "z = zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED)\nz.writestr('SKILL.md', bytes(range(200)) * 3)\nz.close()\n",
    );
    for (name, whole) in [("tar", &tar), ("zip", &zip)] {
        let good = unpack(whole).unwrap();
        for length in 0..whole.len() {
            assert!(unpack(&whole[..length]).is_err(), "{name} cut to {length} of {}", whole.len());
        }
        // A changed byte is found, or is one that means nothing: the files are never others.
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x55;
            if let Ok(found) = unpack(&bad) {
                let of = |entries: &[Entry]| entries.iter().map(|e| e.bytes.clone()).collect::<Vec<_>>();
                assert!(of(&found) == of(&good) || found.is_empty(), "{name}, byte {at}");
            }
        }
    }
    // A stream that never ends is not waited for.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..(SKILL_BYTES / (1 << 20) + 20) {
        bomb.write_all(&vec![0x20; 1 << 20]).unwrap();
    }
    assert!(unpack(&bomb.finish().unwrap()).is_err());
    assert_eq!(unpack(b"<html>").unwrap_err().code(), "foreign-archive-unknown");
    assert_eq!(unpack(b"").unwrap_err().code(), "foreign-archive-unknown");
}
