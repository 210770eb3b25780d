//! The past of real repositories: what is found in it, what is passed over, and that nothing runs and nothing changes.

use std::process::Command;

use skillsync_store::fs;
use skillsync_testkit::snapshot::Snapshot;

use super::super::tests::{git, put, world};
use super::*;

/// An empty repository whose first branch is `trunk`.
fn repository(args: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &[&["init", "--quiet"], args].concat());
    root
}

fn commit(root: &Path) {
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "-m", "change"]);
}

/// Makes a folder of the lines `mode type hash TAB name`, and gives its hash.
fn tree(root: &Path, entries: String) -> String {
    put(root, "entries", entries.as_bytes());
    let entries = std::fs::File::open(root.join("entries")).unwrap();
    let made = Command::new("git").arg("mktree").current_dir(root).stdin(entries).output().unwrap();
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// Files as `path=content` entries; `*path` is executable.
fn shown(files: &[PastFile]) -> Vec<String> {
    let line = |file: &PastFile| {
        let mark = if file.executable { "*" } else { "" };
        format!("{mark}{}={}", file.path, String::from_utf8_lossy(&file.bytes))
    };
    files.iter().map(line).collect()
}

/// The first content of `path` with a file that holds `wanted`.
fn found(project: &Path, path: &str, wanted: &str) -> Option<Vec<String>> {
    let mut accepts = |files: &[PastFile]| files.iter().any(|file| file.bytes == wanted.as_bytes());
    Searches::default().find(&world(project), project, path, &mut accepts).unwrap().as_deref().map(shown)
}

/// Every content of `path` in the order in which it is offered.
fn offered(project: &Path, path: &str) -> Vec<Vec<String>> {
    let mut offered = Vec::new();
    let mut accepts = |files: &[PastFile]| {
        offered.push(shown(files));
        false
    };
    assert_eq!(Searches::default().find(&world(project), project, path, &mut accepts).unwrap(), None);
    offered
}

#[test]
fn an_older_content_is_found_however_it_is_asked_for() {
    for format in ["sha1", "sha256"] {
        let repo = repository(&[&format!("--object-format={format}")]);
        let root = repo.path();
        for content in ["one", "two", "three"] {
            put(root, "sub/my skills/pdf/SKILL.md", content.as_bytes());
            put(root, "sub/my skills/pdf/scripts/run.sh", b"#!");
            put(root, "other", content.as_bytes());
            commit(root);
        }
        git(root, &["update-index", "--chmod=+x", "sub/my skills/pdf/scripts/run.sh"]);
        git(root, &["commit", "--quiet", "-m", "mode"]);
        let check = |project: &str, path: &str, wanted: &str, expected: &[&str]| {
            let found = found(&root.join(project), path, wanted).unwrap_or_default();
            assert_eq!(found, expected, "{format} {project} {path} {wanted}");
        };
        check("", "sub/my skills/pdf", "two", &["SKILL.md=two", "scripts/run.sh=#!"]);
        check("", "sub/my skills/pdf", "three", &["SKILL.md=three", "*scripts/run.sh=#!"]);
        check("sub", "my skills/pdf", "two", &["SKILL.md=two", "scripts/run.sh=#!"]);
        check("sub", "./my skills//pdf/", "one", &["SKILL.md=one", "scripts/run.sh=#!"]);
        check("sub/my skills/pdf", "", "one", &["SKILL.md=one", "scripts/run.sh=#!"]);
        check("sub", "my skills/pdf/SKILL.md", "two", &["SKILL.md=two"]);
        check("sub", "my skills/pdf/scripts/run.sh", "#!", &["*run.sh=#!"]);
        check("", "sub/my skills/pdf", "four", &[]);
        check("", "sub/my", "two", &[]);
        check("", "other/SKILL.md", "two", &[]);
        check("sub", "../other", "two", &[]);
    }
}

#[test]
fn each_content_is_offered_once_and_the_nearest_first() {
    let repo = repository(&[]);
    let root = repo.path();
    let write = |content: &str| {
        put(root, "a.md", content.as_bytes());
        commit(root);
    };
    write("1");
    git(root, &["checkout", "--quiet", "-b", "merged"]);
    write("dropped by the merge");
    git(root, &["checkout", "--quiet", "trunk"]);
    write("2");
    git(root, &["merge", "--quiet", "--strategy=ours", "-m", "merge", "merged"]);
    git(root, &["checkout", "--quiet", "-b", "other"]);
    write("on another branch");
    git(root, &["checkout", "--quiet", "trunk"]);
    write("1");
    git(root, &["rm", "--quiet", "a.md"]);
    commit(root);
    let mut all = offered(root, "a.md").concat();
    assert_eq!(
        (all.first().unwrap(), all.last().unwrap()),
        (&"a.md=1".into(), &"a.md=on another branch".into())
    );
    all.sort();
    assert_eq!(all, ["a.md=1", "a.md=2", "a.md=dropped by the merge", "a.md=on another branch"]);
    // A branch without a commit has the others beside it.
    git(root, &["checkout", "--quiet", "--orphan", "empty"]);
    assert_eq!(found(root, "a.md", "2").unwrap(), ["a.md=2"]);
}

#[test]
fn what_no_skill_may_have_is_passed_over() {
    let repo = repository(&[]);
    let root = repo.path();
    let good = ["SKILL.md=good", "b/x=x"];
    put(root, "s/SKILL.md", b"good");
    put(root, "s/b/x", b"x");
    for litter in ["s/.DS_Store", "s/b/__pycache__/x:y", "s/.skillsync-1/z"] {
        put(root, litter, b"litter");
    }
    commit(root);
    let head = git(root, &["rev-parse", "HEAD"]);
    let check = |name: &str, change: &dyn Fn()| {
        git(root, &["reset", "--quiet", "--hard", &head]);
        put(root, "s/SKILL.md", b"bad");
        git(root, &["add", "s/SKILL.md"]);
        change();
        git(root, &["commit", "--quiet", "-m", name]);
        assert_eq!(offered(root, "s"), [good], "{name}");
    };
    let entry = |mode: &str, hash: &str, path: &str| {
        git(root, &["update-index", "--add", "--cacheinfo", &format!("{mode},{hash},{path}")]);
    };
    let blob_of = |bytes: usize| {
        put(root, "large", &vec![0; bytes]);
        git(root, &["hash-object", "-w", "large"])
    };
    let (empty, largest) = (blob_of(0), usize::try_from(limits::FILE_BYTES).unwrap());
    check("a link", &|| entry("120000", &empty, "s/link"));
    check("a submodule", &|| entry("160000", &head, "s/module"));
    check("a name that is not portable", &|| entry("100644", &empty, "s/a:b"));
    check("a path that is too deep", &|| {
        entry("100644", &empty, &format!("s/{}x", "d/".repeat(limits::PATH_DEPTH)));
    });
    check("too many files", &|| {
        let files = (0..limits::SKILL_FILES).map(|n| format!("100644 blob {empty}\t{n}\n")).collect();
        git(root, &["read-tree", "--prefix=s/many/", &tree(root, files)]);
    });
    check("a file that is too large", &|| entry("100644", &blob_of(largest + 1), "s/large"));
    check("files that are too large together", &|| {
        let blob = blob_of(largest);
        (0..=limits::SKILL_BYTES / limits::FILE_BYTES)
            .for_each(|n| entry("100644", &blob, &format!("s/{n}")));
    });
}

#[test]
fn folders_of_nothing_have_an_end() {
    let repo = repository(&[]);
    let root = repo.path();
    let mut folder = tree(root, String::new());
    for _ in 0..limits::PATH_DEPTH {
        folder = tree(root, (10..50).map(|n| format!("040000 tree {folder}\t{n}\n")).collect());
    }
    let end = Instant::now() + program::silence(&world(root));
    let mut objects = Objects::open(&At { world: &world(root), project: root, end }).unwrap().unwrap();
    let node = objects.node(folder, &[]).unwrap();
    // What is known already is not asked of git, whose time would end it.
    assert_eq!(objects.files("", node), None);
}

#[test]
fn where_nothing_may_be_read_nothing_is_found() {
    let home = tempfile::tempdir().unwrap();
    let check = |name: &str, make: &dyn Fn(&Path)| {
        let root = home.path().join(name);
        fs::make_dirs(&root).unwrap();
        git(&root, &["init", "--quiet"]);
        put(&root, "a", b"1");
        commit(&root);
        assert!(found(&root, "a", "1").is_some());
        make(&root);
        assert_eq!(found(&root, "a", "1"), None, "{name}");
    };
    let garble = |path: &Path| fs::replace(path, b"[garbage", fs::Mode::Plain).unwrap();
    check("no folder", &|root| fs::remove_tree(root).unwrap());
    check("no repository", &|root| fs::remove_tree(&root.join(".git")).unwrap());
    check("garbage for a repository", &|root| {
        fs::remove_tree(&root.join(".git")).unwrap();
        garble(&root.join(".git"));
    });
    check("a garbled HEAD", &|root| garble(&root.join(".git/HEAD")));
    check("a garbled config", &|root| garble(&root.join(".git/config")));
    check("a garbled object", &|root| {
        let hash = git(root, &["rev-parse", "HEAD:a"]);
        let object = root.join(".git/objects").join(&hash[..2]).join(&hash[2..]);
        fs::remove_file(&object).unwrap();
        garble(&object);
    });
    check("no commit", &|root| {
        fs::remove_tree(&root.join(".git")).unwrap();
        git(root, &["init", "--quiet"]);
    });
    check("a bare one", &|root| {
        git(root, &["config", "core.bare", "true"]);
    });
    check("a bare one that looks like a folder", &|root| {
        git(root, &["config", "core.worktree", root.to_str().unwrap()]);
        for name in fs::entries(&root.join(".git")).unwrap().unwrap() {
            fs::rename(&root.join(".git").join(&name), &root.join(&name)).unwrap();
        }
        fs::remove_tree(&root.join(".git")).unwrap();
    });
    // Only the superuser can give a folder away.
    if rustix::process::geteuid().is_root() {
        check("one of another user", &|root| std::os::unix::fs::chown(root, Some(1), None).unwrap());
    }
}

#[test]
fn nothing_that_a_repository_names_runs_and_nothing_in_it_changes() {
    let repo = repository(&[]);
    let (root, trap) = (repo.path(), tempfile::tempdir().unwrap());
    let (program, ran) = (trap.path().join("program"), trap.path().join("ran"));
    let script = format!("#!/bin/sh\ntouch '{}'\ncat\n", ran.display());
    fs::replace(&program, script.as_bytes(), fs::Mode::Executable).unwrap();
    put(root, "s/a.md", b"1");
    put(root, ".gitattributes", b"* filter=evil diff=evil\n");
    commit(root);
    put(root, "s/a.md", b"2");
    commit(root);
    let signature = "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n";
    let signed = git(root, &["cat-file", "commit", "HEAD"]).replacen("\n\n", signature, 1);
    put(root, "commit", format!("{signed}\n").as_bytes());
    let signed = git(root, &["hash-object", "-t", "commit", "-w", "commit"]);
    git(root, &["update-ref", "HEAD", &signed]);
    put(root, "s/a.md", b"3");
    put(trap.path(), "hooks/empty", b"");
    for hook in ["post-index-change", "pre-commit", "reference-transaction", "post-checkout"] {
        fs::replace(&trap.path().join("hooks").join(hook), script.as_bytes(), fs::Mode::Executable).unwrap();
    }
    let hooks = trap.path().join("hooks").display().to_string();
    let program = program.display().to_string();
    for (name, value) in [
        ("core.hooksPath", &hooks),
        ("core.fsmonitor", &program),
        ("core.pager", &program),
        ("pager.rev-list", &program),
        ("core.sshCommand", &program),
        ("core.alternateRefsCommand", &program),
        ("diff.external", &program),
        ("diff.evil.command", &program),
        ("diff.evil.textconv", &program),
        ("filter.evil.smudge", &program),
        ("filter.evil.clean", &program),
        ("filter.evil.process", &program),
        ("gpg.program", &program),
        ("log.showSignature", &"true".to_owned()),
        ("alias.rev-list", &format!("!{program}")),
    ] {
        git(root, &["config", name, value]);
    }
    let before = Snapshot::of(root);
    assert_eq!(found(root, "s", "1").unwrap(), ["a.md=1"]);
    assert!(offered(root, "s").len() == 2 && !ran.exists());
    before.assert_same(&Snapshot::of(root));
    // The trap is one: what is not hardened falls into it.
    git(root, &["diff"]);
    assert!(ran.exists());
}

#[test]
fn what_a_partial_clone_left_at_its_host_stays_there() {
    let repo = repository(&[]);
    let (root, trap) = (repo.path(), tempfile::tempdir().unwrap());
    git(root, &["config", "uploadpack.allowFilter", "true"]);
    put(root, "s/a.md", b"1");
    commit(root);
    let (clone, program, ran) =
        (trap.path().join("clone"), trap.path().join("program"), trap.path().join("ran"));
    let url = format!("file://{}", root.display());
    git(root, &["clone", "--quiet", "--no-checkout", "--filter=blob:none", &url, clone.to_str().unwrap()]);
    let script = format!("#!/bin/sh\ntouch '{}'\nexec git upload-pack \"$@\"\n", ran.display());
    fs::replace(&program, script.as_bytes(), fs::Mode::Executable).unwrap();
    git(&clone, &["config", "remote.origin.uploadpack", program.to_str().unwrap()]);
    git(&clone, &["config", "protocol.allow", "always"]);
    let before = Snapshot::of(&clone);
    assert_eq!(found(&clone, "s", "1"), None);
    assert!(!ran.exists());
    before.assert_same(&Snapshot::of(&clone));
    git(&clone, &["cat-file", "-p", "HEAD:s/a.md"]);
    assert!(ran.exists());
    assert_eq!(found(&clone, "s", "1").unwrap(), ["a.md=1"]);
}

#[test]
fn a_git_that_never_answers_is_waited_for_once() {
    let repo = repository(&[]);
    let root = repo.path();
    put(root, "pdf/SKILL.md", b"one");
    commit(root);
    // A setting that git waits for without end.
    let made = Command::new("mkfifo").arg(root.join("never")).status().unwrap();
    assert!(made.success());
    put(root, ".git/config", b"[include]\n\tpath = ../never\n");
    let world = world(root).with_var("SKILLSYNC_GIT_TIMEOUT", "1");
    let searches = Searches::default();
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(searches.find(&world, root, "pdf", &mut |_| true).unwrap(), None);
    }
    let waited = began.elapsed().as_secs();
    assert!((1..10).contains(&waited), "{waited}");
}

#[test]
fn git_is_not_looked_for_in_the_project() {
    let repo = repository(&[]);
    let root = repo.path();
    put(root, "pdf/SKILL.md", b"one");
    commit(root);
    put(root, "git", b"#!/bin/sh\ntouch ran\n");
    let made = Command::new("chmod").arg("+x").arg(root.join("git")).status().unwrap();
    assert!(made.success());
    let path = world(root).var("PATH").unwrap().to_str().unwrap().to_owned();
    for path in [format!(".:{path}"), format!(":{path}"), format!("./:{path}")] {
        let world = world(root).with_var("PATH", &path);
        let found = Searches::default().find(&world, root, "pdf", &mut |_| true).unwrap();
        assert!(found.is_some(), "{path}");
    }
    for path in ["", ".", ":"] {
        let world = world(root).with_var("PATH", path);
        let found = Searches::default().find(&world, root, "pdf", &mut |_| true).unwrap();
        assert!(found.is_none(), "{path}");
    }
    assert!(!root.join("ran").exists());
}
