//! Other programs that read archives: asked for a list, and to unpack into a folder that is then read back.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "wire does no I/O; this test of it runs other programs"
)]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::Files;

#[derive(Clone, Copy)]
pub(crate) enum Program {
    GnuTar,
    Bsdtar,
    Python,
}

/// What a program makes of an archive.
pub(crate) struct Found {
    /// Path, size and executable bit, as listed.
    pub(crate) listed: Vec<(String, u64, bool)>,
    /// What lies in the folder afterwards.
    pub(crate) files: Files,
}

/// What Python prints of an archive.
#[derive(Deserialize)]
struct Answer {
    error: Option<String>,
    /// Path, size, mode, and whether it is a regular file.
    members: Vec<(String, u64, u32, bool)>,
}

/// Lists each archive of a folder, and with a second word unpacks it beside, under the safest filter there is.
const PYTHON: &str = r#"
import json, os, sys, tarfile
folder, unpack = sys.argv[1], len(sys.argv) > 2
answers = []
for at in range(sum(name.endswith(".tar.gz") for name in os.listdir(folder))):
    answer = {"error": None, "members": []}
    try:
        with tarfile.open(os.path.join(folder, f"{at}.tar.gz"), "r:gz") as archive:
            for member in archive.getmembers():
                name = member.name.encode("utf-8", "replace").decode()
                answer["members"].append([name, max(member.size, 0), member.mode & 0o7777, member.isreg()])
            if unpack:
                archive.extractall(os.path.join(folder, str(at)), filter="data")
    except Exception as error:
        answer["error"] = repr(error)
    answers.append(answer)
print(json.dumps(answers))
"#;

impl Program {
    pub(crate) fn all() -> [Program; 3] {
        [Program::GnuTar, Program::Bsdtar, Program::Python]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Program::GnuTar => "GNU tar",
            Program::Bsdtar => "bsdtar",
            Program::Python => "Python's tarfile",
        }
    }

    /// Lists and unpacks each archive. Fails when the program is not here.
    pub(crate) fn unpack(self, archives: &[&[u8]]) -> Result<Vec<Result<Found, String>>, String> {
        self.is_here()?;
        let folder = laid_out(archives);
        if let Program::Python = self {
            let found = |(at, answer): (usize, Answer)| {
                answer.error.map_or(Ok(()), Err)?;
                let listed = |(path, size, mode, is_file): (String, u64, u32, bool)| {
                    assert!(is_file, "{path} is no file");
                    (path, size, mode & 0o100 != 0)
                };
                let listed = answer.members.into_iter().map(listed).collect();
                Ok(Found { listed, files: read_back(&folder.path().join(at.to_string())) })
            };
            return Ok(python(folder.path(), &["unpack"]).into_iter().enumerate().map(found).collect());
        }
        let one = |at: usize| {
            let into = folder.path().join(at.to_string());
            let said = self.run("-tvzf", folder.path(), at, &into)?;
            self.run("-xzf", folder.path(), at, &into)?;
            let listed = said.lines().map(|line| self.listed(line)).collect();
            Ok(Found { listed, files: read_back(&into) })
        };
        Ok((0..archives.len()).map(one).collect())
    }

    /// Whether it lists each archive with no complaint. Fails when the program is not here.
    pub(crate) fn lists(self, archives: &[&[u8]]) -> Result<Vec<bool>, String> {
        self.is_here()?;
        let folder = laid_out(archives);
        let path = folder.path();
        Ok(match self {
            Program::Python => python(path, &[]).iter().map(|answer| answer.error.is_none()).collect(),
            _ => (0..archives.len()).map(|at| self.run("-tvzf", path, at, path).is_ok()).collect(),
        })
    }

    fn is_here(self) -> Result<(), String> {
        let (program, word, expected) = match self {
            Program::GnuTar => ("tar", "--version", "GNU tar"),
            Program::Bsdtar => ("bsdtar", "--version", "bsdtar"),
            Program::Python => {
                ("python3", "-c import tarfile; print(hasattr(tarfile, 'data_filter'))", "True")
            }
        };
        let words: Vec<&str> = word.splitn(2, ' ').collect();
        match Command::new(program).args(words).output() {
            Ok(output) if String::from_utf8_lossy(&output.stdout).contains(expected) => Ok(()),
            Ok(_) => Err(format!("`{program}` is another one, or too old")),
            Err(error) => Err(format!("`{program}` does not run: {error}")),
        }
    }

    /// What it says, in a folder, of an archive; fails when it complains.
    fn run(self, what: &str, archives: &Path, at: usize, folder: &Path) -> Result<String, String> {
        let mut command = match self {
            Program::GnuTar => Command::new("tar"),
            _ => Command::new("bsdtar"),
        };
        command.arg(what).arg(archives.join(format!("{at}.tar.gz"))).arg("-C").arg(folder);
        if let Program::GnuTar = self {
            command.args(["--quoting-style=literal", "--numeric-owner", "--no-same-owner"]);
        }
        let Output { status, stdout, stderr } =
            command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").stdin(Stdio::null()).output().unwrap();
        if !status.success() || !stderr.is_empty() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&stderr)));
        }
        String::from_utf8(stdout).map_err(|error| error.to_string())
    }

    /// Reads a line of a list: `-rw-r--r-- 0/0 12 1970-01-01 00:00 PATH`, or `-rw-r--r--  0 0 0 12 Jan  1  1970 PATH`.
    fn listed(self, line: &str) -> (String, u64, bool) {
        let (size_at, path_at) = if let Program::GnuTar = self { (2, 5) } else { (4, 8) };
        let (mut fields, mut rest) = (Vec::new(), line);
        while fields.len() < path_at {
            let (field, after) =
                rest.trim_start_matches(' ').split_once(' ').expect("a line has all its fields");
            fields.push(field);
            rest = after;
        }
        assert!(fields[0].starts_with("-rw"), "{line}");
        (rest.to_owned(), fields[size_at].parse().expect("a size"), fields[0].as_bytes()[3] == b'x')
    }
}

/// A folder with the archives as `0.tar.gz` and so on, and an empty folder `0` for each.
fn laid_out(archives: &[&[u8]]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (at, archive) in archives.iter().enumerate() {
        fs::write(folder.path().join(format!("{at}.tar.gz")), archive).unwrap();
        fs::create_dir(folder.path().join(at.to_string())).unwrap();
    }
    folder
}

fn python(folder: &Path, words: &[&str]) -> Vec<Answer> {
    let output = Command::new("python3").args(["-c", PYTHON]).arg(folder).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All files below a folder; panics on everything that is neither a file nor a folder with something in it.
fn read_back(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let entries: Vec<fs::DirEntry> = fs::read_dir(&at).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(!entries.is_empty(), "{} is empty", at.display());
        for entry in entries {
            let (path, metadata) = (entry.path(), entry.metadata().unwrap());
            if metadata.is_dir() {
                folders.push(path);
                continue;
            }
            assert!(metadata.is_file(), "{} is no file", path.display());
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut File::open(&path).unwrap(), &mut bytes).unwrap();
            files.insert(name, (bytes, metadata.permissions().mode() & 0o100 != 0));
        }
    }
    files
}
