//! `skillsync add` from git repositories: what comes, what is recorded, what a hostile repository or a broken git can
//! do.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]
#![expect(clippy::disallowed_methods, reason = "a test stands outside: it writes what a user would write")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;
use skillsync_testkit::{Machine, Output, SkillBuilder};

/// A machine with a store, and what GitHub is on it: a folder of repositories.
struct Hub {
    machine: Machine,
}

impl Hub {
    fn new() -> Hub {
        let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
        let base = machine.path("hub").display().to_string();
        let config = format!("[url \"file://{base}/\"]\n\tinsteadOf = https://github.com/\n");
        machine.write(".gitconfig", config);
        machine.run(&["init"]).ok();
        machine.write("tmp/keep", "");
        Hub { machine }
    }

    /// A repository `owner/NAME.git` with these skills, committed on `trunk`.
    fn repository(&self, name: &str, skills: &[(&str, SkillBuilder)]) -> PathBuf {
        let folder = format!("hub/owner/{name}.git");
        self.machine.write(&format!("{folder}/README.md"), "A repository.\n");
        for (path, skill) in skills {
            self.machine.skill_folder(&format!("{folder}/{path}"), skill);
        }
        let folder = self.machine.path(&folder);
        self.git(&folder, &["init", "--quiet", "--initial-branch=trunk"]);
        self.git(&folder, &["config", "uploadpack.allowFilter", "true"]);
        self.commit(&folder, "one");
        folder
    }

    fn commit(&self, folder: &Path, message: &str) -> String {
        self.git(folder, &["add", "--all"]);
        self.git(folder, &["commit", "--quiet", "-m", message]);
        self.git(folder, &["rev-parse", "HEAD"])
    }

    fn git(&self, folder: &Path, args: &[&str]) -> String {
        let name =
            ["-c", "user.name=Ada", "-c", "user.email=ada@host.test", "-c", "core.hooksPath=/dev/null"];
        let run = self.machine.command_of(Path::new("git"), &[&name, args].concat()).cwd(folder);
        run.env("GIT_CONFIG_GLOBAL", "/dev/null").run().ok().stdout.trim().to_owned()
    }

    /// Runs `skillsync add ARGS --json` and looks after it: no checkout is left behind.
    fn add(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut run = self.machine.command(&[&["add", "--json"], args].concat());
        run = run.env("TMPDIR", &self.machine.path("tmp").display().to_string());
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let output = run.run().either();
        assert!(output.is_clean(), "{output}");
        let left: Vec<_> =
            fs::read_dir(self.machine.path("tmp")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["keep"], "{output}");
        output
    }

    #[track_caller]
    fn added(&self, args: &[&str]) -> Value {
        let output = self.add(args, &[]);
        assert_eq!(output.code, Some(0), "{output}");
        output.json()
    }

    /// It fails with this exit code and error code, and changes nothing.
    #[track_caller]
    fn refused(&self, args: &[&str], variables: &[(&str, &str)], exit: i32, code: &str) -> Output {
        let before = self.machine.snapshot();
        let output = self.add(args, variables);
        let json = output.json();
        assert_eq!((output.code, json["error"]["code"].as_str()), (Some(exit), Some(code)), "{output}");
        before.assert_same(&self.machine.snapshot());
        output
    }

    /// A folder with one program called `git`.
    fn other_git(&self, script: &str) -> String {
        let path = self.machine.write("bin/git", format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self.machine.path("bin").display().to_string()
    }

    fn meta(&self, skill: &str) -> String {
        self.machine.read(&format!(".skillsync/skills/{skill}/.meta.toml"))
    }
}

fn pdf() -> SkillBuilder {
    SkillBuilder::new("pdf").script("scripts/run.sh", "#!/bin/sh\n").file("crlf.txt", "a\r\nb\r\n")
}

#[test]
fn one_skill_comes_with_its_record() {
    let hub = Hub::new();
    let repository =
        hub.repository("tools", &[("skills/pdf", pdf()), ("skills/xlsx", SkillBuilder::new("xlsx"))]);
    let commit = hub.git(&repository, &["rev-parse", "HEAD"]);
    let report = hub.added(&["owner/tools/skills/pdf"]);
    let added = &report["added"][0];
    assert_eq!((&added["skill"], &added["status"]), (&"pdf".into(), &"added".into()));
    assert_eq!(added["path"], "https://github.com/owner/tools.git//skills/pdf");
    assert_eq!(added["warnings"], Value::Array(Vec::new()), "{report}");
    let meta = hub.meta("pdf");
    let upstream = format!(
        "[upstream]\nurl = \"https://github.com/owner/tools.git\"\npath = \"skills/pdf\"\ncommit = \"{commit}\"\n"
    );
    assert!(meta.contains(&upstream) && meta.contains("source = \"git\""), "{meta}");
    // Bytes and modes are those of the author.
    let (theirs, ours) = (repository.join("skills/pdf"), hub.machine.store("skills/pdf"));
    assert_eq!(
        skillsync_testkit::oracle::content_hash(&ours),
        skillsync_testkit::oracle::content_hash(&theirs)
    );
    assert_eq!(added["content_hash"], skillsync_testkit::oracle::content_hash(&theirs).as_str());
    assert_eq!(fs::metadata(ours.join("scripts/run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    assert!(hub.machine.run(&["info", "pdf"]).ok().stdout.contains("source: git"));
    let info = hub.machine.run(&["info", "pdf", "--json"]).ok().json();
    let url = "https://github.com/owner/tools.git";
    assert_eq!(
        info["upstream"],
        serde_json::json!({"url": url, "path": "skills/pdf", "ref": null, "commit": commit})
    );
    let history = hub.machine.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(history["versions"][0]["reason"], format!("{url} at {}", &commit[..12]));
}

#[test]
fn branch_tag_commit_and_force_choose_the_version() {
    let hub = Hub::new();
    let repository = hub.repository("pdf", &[("", pdf())]);
    let first = hub.git(&repository, &["rev-parse", "HEAD"]);
    hub.git(&repository, &["tag", "v1"]);
    fs::write(repository.join("SKILL.md"), pdf().body("two\n").text()).unwrap();
    let second = hub.commit(&repository, "two");
    hub.git(&repository, &["branch", "feature/new"]);
    let add = |reference: &str, commit: &str| {
        let report = hub.added(&["--force", &format!("owner/pdf{reference}")]);
        assert_eq!(report["failed"], Value::Array(Vec::new()), "{report}");
        if report["added"][0]["status"] != "unchanged" {
            assert!(
                hub.meta("pdf").contains(&format!("commit = \"{commit}\"")),
                "{reference}: {}",
                hub.meta("pdf")
            );
            assert!(hub.meta("pdf").contains("path = \".\""));
        }
        report["added"][0]["version"].clone()
    };
    assert_eq!(add("@v1", &first), 1);
    assert!(hub.meta("pdf").contains("ref = \"v1\""));
    assert_eq!(add("", &second), 2);
    assert_eq!(add("@feature/new", &second), 2, "the same content is no new version");
    assert_eq!(add(&format!("@{first}"), &first), 3);
    assert_eq!(add(&format!("@{}", &second[..8]), &second), 4);
    assert_eq!(add("@trunk", &second), 4);
    let exists = hub.add(&["owner/pdf@v1"], &[]);
    assert_eq!(
        (exists.code, &exists.json()["failed"][0]["error"]["code"]),
        (Some(1), &"skill-exists".into())
    );
    hub.refused(&["owner/pdf@v9"], &[], 1, "git-ref-not-found");
    hub.refused(&["owner/pdf/none"], &[], 1, "git-folder-not-found");
    hub.refused(&["owner/nowhere"], &[], 1, "git-repository-not-found");
    hub.refused(&["owner/pdf@a..b"], &[], 1, "git-address-invalid");
    hub.refused(&["http://github.com/owner/pdf.git"], &[], 1, "git-transport-refused");
    hub.refused(&["ext::sh -c 'touch ~/ran'"], &[], 1, "git-transport-refused");
}

#[test]
fn of_several_some_are_chosen() {
    let hub = Hub::new();
    let names = ["docx", "pdf", "xlsx"];
    let skills = names.map(|name| (format!("skills/{name}"), SkillBuilder::new(name)));
    let skills: Vec<_> = skills.iter().map(|(path, skill)| (path.as_str(), skill.clone())).collect();
    hub.repository("office", &skills);
    let asked = hub.refused(&["owner/office"], &[], 2, "usage");
    let error = &asked.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("docx, pdf, xlsx"), "{asked}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("--skill") && hint.contains("--all"), "{asked}");
    hub.refused(&["owner/office", "--skill", "none"], &[], 1, "skill-not-found");
    let before = hub.machine.snapshot();
    let plan = hub.added(&["--dry-run", "owner/office"]);
    assert_eq!((plan["dry_run"].as_bool(), plan["added"].as_array().unwrap().len()), (Some(true), 3));
    before.assert_same(&hub.machine.snapshot());
    assert_eq!(hub.added(&["owner/office", "--skill", "pdf"])["added"][0]["skill"], "pdf");
    let rest = hub.added(&["owner/office", "--all"]);
    let statuses: Vec<_> = rest["added"].as_array().unwrap().iter().map(|s| s["status"].clone()).collect();
    assert_eq!(statuses, ["added", "unchanged", "added"]);
    assert!(hub.meta("xlsx").contains("path = \"skills/xlsx\""));
}

#[test]
fn skills_sorted_by_theme_are_found() {
    let hub = Hub::new();
    let repository = hub.repository(
        "themes",
        &[
            ("plugins/office/skills/pdf", pdf()),
            ("text/short", SkillBuilder::new("short")),
            ("a/b/c/d/deep", SkillBuilder::new("deep")),
            ("node_modules/other", SkillBuilder::new("other")),
        ],
    );
    symlink("text", repository.join("alias")).unwrap();
    hub.commit(&repository, "alias");
    let report = hub.added(&["owner/themes", "--all"]);
    let paths: Vec<_> =
        report["added"].as_array().unwrap().iter().map(|s| s["path"].as_str().unwrap()).collect();
    let at = |folder: &str| format!("https://github.com/owner/themes.git//{folder}");
    assert_eq!(paths, [at("plugins/office/skills/pdf"), at("text/short")]);
    hub.repository("none", &[]);
    let output = hub.refused(&["owner/none"], &[], 1, "no-skill-found");
    assert!(output.stderr.contains("`https://github.com/owner/none.git`"), "{output}");
    hub.refused(&["https://ada:s3cret@host.test/skills"], &[], 1, "source-unknown");
}

#[test]
fn a_folder_that_is_here_is_not_an_address() {
    let hub = Hub::new();
    hub.machine.skill_folder("owner/local", &SkillBuilder::new("local"));
    let report = hub.added(&["owner/local"]);
    assert_eq!(report["added"][0]["path"], hub.machine.path("owner/local").display().to_string());
    assert!(hub.meta("local").contains("source = \"imported\""));
}

#[test]
fn nothing_of_a_repository_is_executed() {
    let hub = Hub::new();
    let repository = hub.repository("evil", &[("skills/pdf", pdf())]);
    let ran = hub.machine.path("ran").display().to_string();
    // Whatever way git has to run a program: hooks, filters, a monitor, a large-file smudge, a submodule's address.
    let hook = hub.machine.write("hooks/post-checkout", format!("#!/bin/sh\ntouch {ran}\n"));
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let hook = hook.display();
    let config = hub.machine.read(".gitconfig");
    hub.machine.write(
        ".gitconfig",
        format!(
            "{config}[core]\n\thooksPath = {hooks}\n\tfsmonitor = {hook}\n\tautocrlf = true\n[init]\n\ttemplateDir = \
             {template}\n[filter \"lfs\"]\n\tsmudge = {hook}\n\trequired = true\n[filter \"x\"]\n\tprocess = \
             {hook}\n\tsmudge = {hook}\n\trequired = true\n[submodule]\n\trecurse = true\n[protocol]\n\tallow = always\n",
            hooks = hub.machine.path("hooks").display(),
            template = hub.machine.path("template").display(),
        ),
    );
    fs::create_dir_all(hub.machine.path("template/hooks")).unwrap();
    fs::copy(hub.machine.path("hooks/post-checkout"), hub.machine.path("template/hooks/post-checkout"))
        .unwrap();
    let put = |path: &str, bytes: &str| fs::write(repository.join(path), bytes).unwrap();
    put(
        ".gitattributes",
        "* filter=x ident\n*.bin filter=lfs\n*.txt text eol=lf working-tree-encoding=UTF-16\n",
    );
    put(".gitmodules", &format!("[submodule \"s\"]\n\tpath = skills/s\n\turl = ext::touch {ran}\n"));
    put("skills/pdf/large.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n");
    let head = hub.git(&repository, &["rev-parse", "HEAD"]);
    let attributes = ["-c", "core.attributesFile=/dev/null", "update-index", "--add"];
    hub.git(&repository, &[&attributes[..], &["--cacheinfo", &format!("160000,{head},skills/s")]].concat());
    fs::remove_file(repository.join(".gitattributes")).unwrap();
    hub.git(&repository, &["add", ".gitmodules", "skills/pdf/large.bin"]);
    put(".gitattributes", "* filter=x ident\n*.bin filter=lfs\n*.txt text eol=lf\n");
    hub.git(
        &repository,
        &["-c", "filter.x.clean=cat", "-c", "filter.lfs.clean=cat", "add", ".gitattributes"],
    );
    hub.git(&repository, &["commit", "--quiet", "-m", "evil"]);
    // The traps are good: git by itself steps into them.
    let clone = ["clone", "--quiet", "https://github.com/owner/evil", "plain"];
    let _ = hub.machine.command_of(Path::new("git"), &clone).run().either();
    assert!(Path::new(&ran).exists());
    fs::remove_file(&ran).unwrap();
    for address in ["owner/evil/skills/pdf", "owner/evil"] {
        let report = hub.added(&[address, "--force"]);
        assert_eq!(report["added"][0]["skill"], "pdf", "{report}");
        assert_eq!(report["added"][0]["warnings"][0]["code"], "lfs-pointer", "{report}");
    }
    assert!(!Path::new(&ran).exists(), "something of the repository was run");
    assert_eq!(hub.machine.read(".skillsync/skills/pdf/crlf.txt"), "a\r\nb\r\n");
    assert!(hub.machine.read(".skillsync/skills/pdf/large.bin").starts_with("version https://git-lfs"));
}

#[test]
fn a_link_brings_nothing_of_this_machine_along() {
    let hub = Hub::new();
    hub.machine.skill_folder("private", &SkillBuilder::new("private").file("secret", "s3cret"));
    let repository = hub.repository(
        "links",
        &[("skills/good", SkillBuilder::new("good")), ("skills/file", SkillBuilder::new("file"))],
    );
    symlink(hub.machine.path("private"), repository.join("skills/folder")).unwrap();
    symlink(hub.machine.path("private/secret"), repository.join("skills/file/x")).unwrap();
    fs::create_dir_all(repository.join(".claude")).unwrap();
    symlink("../skills", repository.join(".claude/skills")).unwrap();
    hub.commit(&repository, "links");
    let output = hub.add(&["owner/links", "--all"], &[]);
    let report = output.json();
    assert_eq!((output.code, &report["added"][0]["skill"]), (Some(3), &"good".into()), "{output}");
    let failed = report["failed"].as_array().unwrap();
    let failures: Vec<_> =
        failed.iter().map(|f| (f["path"].as_str().unwrap(), f["error"]["code"].as_str().unwrap())).collect();
    let at = |name: &str| format!("https://github.com/owner/links.git//skills/{name}");
    let (file, folder) = (at("file"), at("folder"));
    let mut failures = failures;
    failures.sort_unstable();
    assert_eq!(failures, [(file.as_str(), "link-outside"), (folder.as_str(), "link-outside")], "{output}");
    assert!(!output.stdout.contains("/tmp/skillsync-git-"), "{output}");
    assert!(!hub.machine.store("skills/folder").exists() && !hub.machine.store("skills/private").exists());
    hub.refused(&["owner/links/skills/folder"], &[], 1, "git-folder-not-found");
}

#[test]
fn a_noisy_git_is_heard_to_its_end() {
    let hub = Hub::new();
    hub.repository("pdf", &[("", pdf())]);
    let path = std::env::var("PATH").unwrap();
    let noise = "head -c 300000 /dev/zero | tr '\\0' x >&2; head -c 300000 /dev/zero | tr '\\0' y";
    let fails = hub.other_git(&format!("{noise}\necho >&2\necho 'fatal: it \x1b[31mbroke' >&2\nexit 1"));
    let output = hub.refused(&["owner/pdf"], &[("PATH", &format!("{fails}:{path}"))], 1, "git-failed");
    assert!(output.stderr.contains("fatal: it \\u{1b}[31mbroke"), "{output}");
    assert!(output.stderr.len() < 10_000, "{output}");
    let works =
        hub.other_git(&format!("head -c 300000 /dev/zero | tr '\\0' x >&2\nPATH='{path}' exec git \"$@\""));
    let output = hub.add(&["owner/pdf"], &[("PATH", &format!("{works}:{path}"))]);
    assert_eq!(output.json()["added"][0]["skill"], "pdf", "{output}");
}

#[test]
fn a_git_that_is_missing_or_hangs_is_named() {
    let hub = Hub::new();
    hub.repository("pdf", &[("", pdf())]);
    let nowhere = hub.machine.path("tmp").display().to_string();
    let output = hub.refused(&["owner/pdf"], &[("PATH", &nowhere)], 1, "git-missing");
    assert!(output.stderr.contains("apt install git"), "{output}");
    let hangs = hub.other_git("echo working >&2\nexec sleep 600");
    let path = format!("{hangs}:{}", std::env::var("PATH").unwrap());
    hub.refused(&["owner/pdf"], &[("PATH", &path), ("SKILLSYNC_GIT_TIMEOUT", "1")], 7, "git-timeout");
    // What it started holds the pipes open after its end.
    let lingers = hub.other_git("sleep 600 &\nexit 1");
    let path = format!("{lingers}:{}", std::env::var("PATH").unwrap());
    hub.refused(&["owner/pdf"], &[("PATH", &path)], 1, "git-failed");
}

#[test]
fn without_a_network_it_says_so() {
    let hub = Hub::new();
    hub.repository("pdf", &[("", pdf())]);
    hub.refused(&["--offline", "owner/pdf"], &[], 7, "git-offline");
    let output = hub.refused(&["https://ada:s3cret@127.0.0.1:1/x.git"], &[], 7, "git-unreachable");
    assert!(!output.stderr.contains("s3cret") && !output.stdout.contains("s3cret"), "{output}");
    let local = format!("file://{}", hub.machine.path("hub/owner/pdf.git").display());
    hub.added(&["--offline", &local]);
}

#[test]
fn a_call_from_inside_a_hook_is_not_led_astray() {
    let hub = Hub::new();
    hub.repository("pdf", &[("", pdf())]);
    let other = hub.repository("other", &[]);
    let git_dir = other.join(".git").display().to_string();
    let before = skillsync_testkit::Snapshot::of(&other);
    let output = hub.add(
        &["owner/pdf"],
        &[
            ("GIT_DIR", &git_dir),
            ("GIT_INDEX_FILE", "index"),
            ("GIT_WORK_TREE", &other.display().to_string()),
        ],
    );
    assert_eq!(output.json()["added"][0]["skill"], "pdf", "{output}");
    before.assert_same(&skillsync_testkit::Snapshot::of(&other));
}
