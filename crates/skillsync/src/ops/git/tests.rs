//! The door tried on real repositories: what is fetched, what is refused, what git's words mean.

use std::process::Command;

use skillsync_core::fault::{Fault as _, Kind};

use super::*;

/// Runs git with no settings but these, in `dir`.
pub(super) fn git(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@host.test", "-c", "init.defaultBranch=trunk"])
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

pub(super) fn put(root: &Path, path: &str, bytes: &[u8]) {
    let at = root.join(path);
    fs::make_dirs(at.parent().unwrap()).unwrap();
    fs::replace(&at, bytes, fs::Mode::Plain).unwrap();
}

/// A repository with a default branch that is not `main`, a tag, an older commit, and a large other folder.
fn repository() -> (tempfile::TempDir, PathBuf, [String; 2]) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("repo");
    fs::make_dirs(&root).unwrap();
    git(&root, &["init", "--quiet"]);
    git(&root, &["config", "uploadpack.allowFilter", "true"]);
    put(&root, "skills/pdf/SKILL.md", b"one\n");
    put(&root, "skills/pdf/crlf.txt", b"a\r\nb\n");
    put(&root, "skills/xlsx/SKILL.md", b"x\n");
    put(&root, "large/blob", &[7; 4096]);
    git(&root, &["add", "--all"]);
    put(&root, ".gitattributes", b"*.txt text eol=lf\n*.md filter=evil ident\n");
    git(&root, &["add", ".gitattributes"]);
    git(&root, &["commit", "--quiet", "-m", "one"]);
    git(&root, &["tag", "-a", "-m", "v1", "v1"]);
    let first = git(&root, &["rev-parse", "HEAD"]);
    git(&root, &["branch", "feature/new"]);
    put(&root, "skills/pdf/SKILL.md", b"two $Id$\n");
    git(&root, &["commit", "--quiet", "-m", "two", "skills/pdf/SKILL.md"]);
    let second = git(&root, &["rev-parse", "HEAD"]);
    (home, root, [first, second])
}

#[expect(clippy::disallowed_methods, reason = "where git is on this machine")]
pub(super) fn world(home: &Path) -> World {
    let path = std::env::var("PATH").unwrap();
    World::by_hand(home, home.join("store"), home, Timestamp::UNIX_EPOCH).with_var("PATH", &path)
}

/// Fetches what `text` names, into a folder that goes away with the first part of the result.
fn fetched(home: &Path, text: &str) -> (tempfile::TempDir, Result<Checkout, Error>) {
    let into = tempfile::tempdir().unwrap();
    let source = Source::parse(text).unwrap();
    let result = fetch(&world(home), Network::Allowed, &source, into.path(), &mut |_| {});
    (into, result)
}

#[test]
fn every_kind_of_ref_gives_its_commit() {
    let (home, root, [first, second]) = repository();
    let check = |tail: &str, commit: &str, text: &str| {
        let (_into, checkout) = fetched(home.path(), &format!("file://{}//skills/pdf{tail}", root.display()));
        let checkout = checkout.unwrap_or_else(|e| panic!("{tail}: {e:?}"));
        assert_eq!(checkout.commit, commit, "{tail}");
        assert_eq!(fs::read(&checkout.dir.join("SKILL.md"), 100).unwrap(), text.as_bytes(), "{tail}");
        assert_eq!(fs::read(&checkout.dir.join("crlf.txt"), 100).unwrap(), b"a\r\nb\n", "{tail}");
        assert_eq!(checkout.upstream("").path, "skills/pdf");
    };
    check("", &second, "two $Id$\n");
    check("@trunk", &second, "two $Id$\n");
    check("@HEAD", &second, "two $Id$\n");
    check("@v1", &first, "one\n");
    check("@feature/new", &first, "one\n");
    check(&format!("@{first}"), &first, "one\n");
    check(&format!("@{}", &first[..9]), &first, "one\n");
    let (_into, missing) = fetched(home.path(), &format!("file://{}@v9", root.display()));
    assert_eq!(missing.unwrap_err().code(), "git-ref-not-found");
    let (_into, missing) = fetched(home.path(), &format!("file://{}@{}", root.display(), "0".repeat(40)));
    assert_eq!(missing.unwrap_err().code(), "git-ref-not-found");
}

#[test]
fn only_the_folder_asked_for_comes() {
    let (home, root, _) = repository();
    let (into, checkout) = fetched(home.path(), &format!("file://{}//skills/pdf", root.display()));
    let checkout = checkout.unwrap();
    assert_eq!(checkout.dir, into.path().join("skills/pdf"));
    assert_eq!(fs::entries(into.path()).unwrap().unwrap(), [".git", "skills"]);
    assert_eq!(fs::entries(&into.path().join("skills")).unwrap().unwrap(), ["pdf"]);
    // Neither did the bytes of the other files, nor the commit before.
    let large = git(&root, &["rev-parse", "HEAD:large/blob"]);
    let objects =
        git(into.path(), &["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"]);
    assert!(!objects.contains(&large), "{objects}");
    assert_eq!(objects.matches(" commit").count(), 1, "{objects}");
}

#[test]
fn a_host_without_filters_gives_the_same() {
    let (home, root, [_, second]) = repository();
    git(&root, &["config", "uploadpack.allowFilter", "false"]);
    let (into, checkout) = fetched(home.path(), &format!("file://{}//skills/pdf", root.display()));
    assert_eq!(checkout.unwrap().commit, second);
    assert_eq!(fs::entries(into.path()).unwrap().unwrap(), [".git", "skills"]);
}

#[test]
fn a_link_on_the_way_to_the_folder_is_not_followed() {
    let (home, root, _) = repository();
    fs::symlink_new(home.path(), &root.join("skills/out")).unwrap();
    fs::symlink_new(Path::new("skills"), &root.join("alias")).unwrap();
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "-m", "links"]);
    for folder in
        ["skills/out", "skills/out/repo", "alias", "alias/pdf", "skills/none", "skills/pdf/SKILL.md/x"]
    {
        let (_into, result) = fetched(home.path(), &format!("file://{}//{folder}", root.display()));
        assert_eq!(result.unwrap_err().code(), "git-folder-not-found", "{folder}");
    }
    let (_into, whole) = fetched(home.path(), &format!("file://{}", root.display()));
    let whole = whole.unwrap();
    assert!(whole.holds(&whole.dir.join("skills/pdf")).unwrap());
    assert!(whole.holds(&whole.dir.join("alias/pdf")).unwrap());
    assert!(!whole.holds(&whole.dir.join("skills/out")).unwrap());
    assert_eq!(
        (whole.upstream("").path, whole.upstream("skills/pdf").path),
        (".".into(), "skills/pdf".into())
    );
}

#[test]
fn nothing_is_tried_offline_but_this_machine() {
    let (home, root, _) = repository();
    let into = tempfile::tempdir().unwrap();
    let offline = |text: &str| {
        let source = Source::parse(text).unwrap();
        fetch(&world(home.path()), Network::Off, &source, into.path(), &mut |_| {}).map(|c| c.commit)
    };
    let error = offline("owner/repo").unwrap_err();
    assert_eq!((error.code(), error.kind()), ("git-offline", Kind::Offline));
    assert!(offline(&format!("file://{}", root.display())).is_ok());
}

#[test]
fn what_a_killed_fetch_left_goes_after_a_day() {
    let home = tempfile::tempdir().unwrap();
    let temp = home.path().display().to_string();
    let at = |time: &str| {
        let world = World::by_hand(home.path(), home.path(), home.path(), time.parse().unwrap());
        Scratch::new(&world.with_var("TMPDIR", &temp)).unwrap()
    };
    for name in ["skillsync-git-1-2-3", "skillsync-other"] {
        fs::make_dir(&home.path().join(name)).unwrap();
    }
    let young = at("1970-01-01T00:00:00Z");
    assert_eq!(fs::entries(home.path()).unwrap().unwrap().len(), 3);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(young.dir()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    drop(young);
    let old = at("2900-01-01T00:00:00Z");
    assert_eq!(fs::entries(home.path()).unwrap().unwrap().len(), 2);
    drop(old);
    assert_eq!(fs::entries(home.path()).unwrap().unwrap(), ["skillsync-other"]);
}

#[test]
fn what_git_says_is_understood() {
    let check = |said: &str, reference: Option<&str>, code: &str| {
        let source = Source::parse("owner/repo").unwrap();
        let spot = Spot { reference: reference.map(str::to_owned), path: None };
        let error = explain(&source, &spot, Said::new(said.as_bytes(), None));
        assert_eq!(error.code(), code, "{said}");
    };
    check("fatal: unable to access 'https://h/x/': Could not resolve host: h", None, "git-unreachable");
    check(
        "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.",
        None,
        "git-unreachable",
    );
    check(
        "Host key verification failed.\nfatal: Could not read from remote repository.",
        None,
        "git-host-untrusted",
    );
    check(
        "fatal: unable to access 'https://h/': SSL certificate problem: self-signed",
        None,
        "git-host-untrusted",
    );
    check("fatal: couldn't find remote ref v9", Some("v9"), "git-ref-not-found");
    check("fatal: remote error: upload-pack: not our ref 00", Some("0000000"), "git-ref-not-found");
    check("fatal: couldn't find remote ref HEAD", None, "git-repository-empty");
    check(
        "remote: Repository not found.\nfatal: repository 'https://h/x/' not found",
        None,
        "git-repository-not-found",
    );
    check(
        "fatal: could not read Username for 'https://h': terminal prompts disabled",
        None,
        "git-repository-not-found",
    );
    check("git@h: Permission denied (publickey).", None, "git-repository-not-found");
    check("fatal: early EOF", None, "git-failed");
    check("", None, "git-failed");
}

#[test]
fn what_is_shown_of_git_is_clean() {
    let stderr = b"Receiving objects:  45% (9/20)\rremote: \x1b[31mhi\nfatal: 'https://ada:s3cret@h/x': token s3cret\n";
    let said = Said::new(stderr, Some("ada:s3cret")).to_string();
    assert_eq!(said, "remote: \\u{1b}[31mhi\nfatal: 'https://h/x': token ***");
    let flood: String = (0..1000).map(|n| format!("line {n}\n")).collect();
    assert_eq!(Said::new(flood.as_bytes(), None).to_string().lines().count(), 12);
    assert_eq!(Said::new(b"", None).to_string(), "git gave no reason");
}

#[test]
fn credentials_go_by_the_environment() {
    let source = Source::parse("https://ada:s3cret@host.test/x.git").unwrap();
    let world = world(Path::new("/h")).with_var("GIT_CONFIG_COUNT", "2");
    let git = Git::new(&world, &source, Path::new("/"));
    let value = |name: &str| {
        let found = program::variables(&git).into_iter().find(|(n, _)| n == name);
        found.and_then(|(_, value)| value).map(|v| v.to_string_lossy().into_owned())
    };
    assert_eq!(value("GIT_CONFIG_COUNT").as_deref(), Some("3"));
    assert_eq!(value("GIT_CONFIG_KEY_2").as_deref(), Some("url.https://ada:s3cret@host.test/.insteadOf"));
    assert_eq!(value("GIT_CONFIG_VALUE_2").as_deref(), Some("https://host.test/"));
    assert_eq!(value("GIT_TERMINAL_PROMPT").as_deref(), Some("0"));
    assert_eq!(value("SSH_ASKPASS_REQUIRE").as_deref(), Some("force"));
    assert!(program::variables(&git).iter().any(|(name, value)| name == "GIT_DIR" && value.is_none()));
}

#[test]
fn a_folder_is_a_pattern_of_itself_alone() {
    assert_eq!(pattern(&SkillPath::parse("a b/[c]!").unwrap()), "/a\\ b/\\[c\\]\\!/\n");
}
