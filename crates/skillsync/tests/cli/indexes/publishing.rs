//! A site is written, served by real web servers, read back byte for byte, and written again.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "what strangers do is done outside the product, and what fails in a helper fails its test"
)]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use skillsync_testkit::{Machine, SkillBuilder, Snapshot, disk, oracle, say};

use super::server::{Server, curl, nginx, python};
use crate::stocked::{commit, only_plans, overwrite, refuses, stocked};

const V01: &str = ".well-known/skills";
const V02: &str = ".well-known/agent-skills";

/// `pdf` with a script and files of every kind, and `csv`, which is a `SKILL.md` alone.
fn shop() -> Machine {
    let machine = stocked();
    machine.skill_folder("src/csv", &SkillBuilder::new("csv").description("Reads CSV. Use for tables."));
    machine.skill_folder(
        "src/odd",
        &SkillBuilder::new("odd")
            .file("a b/100%.md", "percent\n")
            .file("ünï.txt", "é\n")
            .file(".gitignore", "x\n")
            .file("bytes.bin", vec![0xff, 0x00, 0xfe, b'\r', b'\n'])
            .file("page.html", "<script>1</script>\n"),
    );
    machine.run(&["add", "src/csv", "src/odd"]).ok();
    machine
}

/// The code block of `docs/indexes.md` in this language.
fn documented(language: &str, holds: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/indexes.md");
    let page = std::fs::read_to_string(path).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1);
    let block = blocks.map(|rest| rest.split("```").next().unwrap()).find(|block| block.contains(holds));
    block.unwrap_or_else(|| panic!("no {language} block with `{holds}`")).to_owned()
}

fn encoded(path: &str) -> String {
    path.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"/-._".contains(&b) {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Reads both indexes and all that they name, as a stranger would.
fn read_all(machine: &Machine, server: &Server) {
    let json = |folder: &str| {
        let got = curl(&[&format!("{}/{folder}/index.json", server.origin)]);
        assert_eq!((got.status, &*got.headers["content-type"]), (200, "application/json"));
        serde_json::from_slice::<serde_json::Value>(&got.body).unwrap()
    };
    let (old, new) = (json(V01), json(V02));
    assert!(old.get("$schema").is_none());
    assert_eq!(new["$schema"], "https://schemas.agentskills.io/discovery/0.2.0/schema.json");
    for index in [&old, &new] {
        let names: Vec<_> =
            index["skills"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["csv", "odd", "pdf"], "skillsync's own skills are not published");
    }
    for skill in old["skills"].as_array().unwrap() {
        let name = skill["name"].as_str().unwrap();
        let source = machine.path(&format!("src/{name}"));
        let hash = oracle::content_hash(&source);
        assert_eq!(
            skill["hash"].as_str().unwrap().trim_start_matches("sha256:"),
            hash.trim_start_matches("sha256:")
        );
        let files = skill["files"].as_array().unwrap();
        assert_eq!(files[0], "SKILL.md", "it comes first");
        // Each file is under both folders, byte for byte.
        let got = tempfile::tempdir().unwrap();
        for (folder, path) in files.iter().flat_map(|path| [(V01, path), (V02, path)]) {
            let path = path.as_str().unwrap();
            let at = got.path().join(folder).join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            let answer = curl(&[&format!("{}/{folder}/{name}/{}", server.origin, encoded(path))]);
            assert_eq!(answer.status, 200, "{path}");
            std::fs::write(at, answer.body).unwrap();
        }
        for folder in [V01, V02] {
            assert_eq!(oracle::content_hash(&got.path().join(folder)), hash, "{name}");
        }
        // The hash, as the page says to check it by hand.
        let by_hand = Command::new("sh")
            .args(["-c", &documented("sh", "sha256sum <")])
            .current_dir(got.path().join(V01))
            .output()
            .unwrap();
        let by_hand = String::from_utf8(by_hand.stdout).unwrap();
        assert_eq!(by_hand.split(' ').next().unwrap(), hash.trim_start_matches("sha256:"), "{name}");
    }
    for skill in new["skills"].as_array().unwrap() {
        let (name, url) = (skill["name"].as_str().unwrap(), skill["url"].as_str().unwrap());
        let answer = curl(&[&format!("{}/{V02}/{url}", server.origin)]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.len() as u64, skill["size"].as_u64().unwrap());
        let got = tempfile::tempdir().unwrap();
        let artifact = got.path().join("artifact");
        std::fs::write(&artifact, &answer.body).unwrap();
        let digest = Command::new("sha256sum").arg(&artifact).output().unwrap().stdout;
        let digest = String::from_utf8(digest).unwrap();
        assert_eq!(
            skill["digest"].as_str().unwrap(),
            format!("sha256:{}", digest.split(' ').next().unwrap())
        );
        if skill["type"] == "skill-md" {
            assert_eq!(
                (name, &answer.body),
                ("csv", &std::fs::read(machine.path("src/csv/SKILL.md")).unwrap())
            );
            continue;
        }
        let unpacked = got.path().join("unpacked");
        std::fs::create_dir(&unpacked).unwrap();
        let tar = Command::new("tar").arg("-xzf").arg(&artifact).arg("-C").arg(&unpacked).status().unwrap();
        assert!(tar.success());
        Snapshot::of(&machine.path(&format!("src/{name}"))).assert_same(&Snapshot::of(&unpacked));
    }
}

#[test]
fn p1_p2_a_site_is_read_back_from_a_real_web_server() {
    let machine = shop();
    let done = machine.run(&["export", "--site", "web"]).ok();
    assert!(done.stdout.starts_with("3 skills in "), "{done}");
    read_all(&machine, &python(&machine.path("web")));

    let Some(server) = nginx(&machine.path("web"), &documented("nginx", "location")) else {
        return say("SKIPPED: the documented configuration of nginx, as nginx is not installed");
    };
    read_all(&machine, &server);
    let at = |path: &str| format!("{}/{path}", server.origin);
    for (path, expected) in [
        ("index.json", "application/json"),
        ("pdf.tar.gz", "application/gzip"),
        ("pdf/SKILL.md", "text/markdown; charset=utf-8"),
        ("pdf/scripts/run.sh", "text/plain; charset=utf-8"),
        ("odd/page.html", "text/plain; charset=utf-8"),
        ("odd/bytes.bin", "application/octet-stream"),
    ] {
        let url = at(&format!("{V02}/{path}"));
        let (got, head) = (curl(&[&url]), curl(&["--head", &url]));
        assert_eq!((got.status, &*got.headers["content-type"]), (200, expected), "{path}");
        assert_eq!(got.headers["access-control-allow-origin"], "*");
        assert_eq!(got.headers["access-control-expose-headers"], "etag");
        assert_eq!(got.headers["cache-control"], "public, no-cache");
        assert_eq!(got.headers["x-content-type-options"], "nosniff");
        assert_eq!((head.status, &head.headers["content-length"]), (200, &got.body.len().to_string()));
        let again = curl(&["--header", &format!("If-None-Match: {}", got.headers["etag"]), &url]);
        assert_eq!(again.status, 304, "{path}");
    }
    assert_eq!(curl(&[&at(&format!("{V02}/none/SKILL.md"))]).status, 404);
}

#[test]
fn p10_a_site_is_the_same_bytes_each_time_and_on_each_machine() {
    let (one, two) = (shop(), shop());
    for machine in [&one, &two] {
        only_plans(machine, &["export", "--site", "web"]);
        machine.run(&["export", "--site", "web"]).ok();
    }
    let first = Snapshot::of(&one.path("web"));
    first.assert_same(&Snapshot::of(&two.path("web")));
    let times = |machine: &Machine| {
        std::fs::metadata(machine.path("web/.skillsync-site.json")).unwrap().modified().unwrap()
    };
    let before = times(&one);
    let again = one.run(&["export", "--site", "web", "--json"]).ok().json();
    assert_eq!((&again["written"], &again["removed"]), (&0.into(), &0.into()));
    assert_eq!(times(&one), before, "not even the mark is written again");

    // A change of one file changes its skill's files and the indexes, and nothing else.
    commit(&one, "First", "Second");
    let report = one.run(&["export", "--site", "web", "--json"]).ok().json();
    assert_eq!(report["written"], 6, "two files, two archives, two indexes: {report}");
    let hash = |machine: &Machine| {
        let index: serde_json::Value =
            serde_json::from_str(&machine.read("web/.well-known/skills/index.json")).unwrap();
        ["csv", "odd", "pdf"].map(|name| {
            let skills = index["skills"].as_array().unwrap();
            skills.iter().find(|skill| skill["name"] == name).unwrap()["hash"].clone()
        })
    };
    let [csv, odd, pdf] = hash(&one);
    assert_eq!(hash(&two)[..2], [csv, odd]);
    assert_ne!(hash(&two)[2], pdf);
}

#[test]
fn an_export_replaces_and_removes_only_what_is_its_own() {
    let machine = shop();
    machine.write("web/index.html", "mine");
    machine.write("web/.well-known/security.txt", "mine");
    machine.write("web/.well-known/skills/hand-made/SKILL.md", "mine");
    let mine =
        ["web/index.html", "web/.well-known/security.txt", "web/.well-known/skills/hand-made/SKILL.md"];
    machine.run(&["export", "--site", "web"]).ok();

    // A skill goes, and with it its files; what somebody put beside them stays, and so does what they changed.
    machine.write("web/.well-known/skills/odd/notes.txt", "mine");
    overwrite(&machine, "web/.well-known/agent-skills/odd/page.html", "edited");
    machine.run(&["rm", "odd", "--yes"]).ok();
    machine.run(&["sync"]).ok();
    let done = machine.run(&["export", "--site", "web", "--json"]).ok();
    assert_eq!(done.json()["kept"], serde_json::json!([".well-known/agent-skills/odd/page.html"]));
    assert!(done.stderr.contains("page.html"), "{done}");
    assert!(!machine.path("web/.well-known/skills/odd/SKILL.md").exists());
    assert!(!machine.path("web/.well-known/skills/odd/a b").exists(), "empty folders go, too");
    assert_eq!(machine.read("web/.well-known/skills/odd/notes.txt"), "mine");
    for path in mine {
        assert_eq!(machine.read(path), "mine");
    }

    // What is in the way stops everything.
    overwrite(&machine, "web/.well-known/skills/pdf/SKILL.md", "edited");
    refuses(&machine, &["export", "--site", "web"], 1, "site-file-foreign");
    disk::remove(&machine.path("web/.well-known/skills/pdf"));
    disk::remove(&machine.path("web/.well-known/skills/csv"));
    std::fs::create_dir(machine.path("elsewhere")).unwrap();
    symlink(machine.path("elsewhere"), machine.path("web/.well-known/skills/csv")).unwrap();
    refuses(&machine, &["export", "--site", "web"], 1, "site-file-foreign");
    disk::remove(&machine.path("web/.well-known/skills/csv"));
    machine.run(&["export", "--site", "web"]).ok();
    assert!(machine.path("web/.well-known/skills/pdf/SKILL.md").exists(), "what was deleted comes back");

    // A mark that was tampered with makes us remove nothing else.
    let mark = machine.read("web/.skillsync-site.json");
    overwrite(&machine, "web/.skillsync-site.json", mark.replace(".well-known/skills/csv/", "../src/csv/"));
    refuses(&machine, &["export", "--site", "web"], 1, "site-mark-damaged");
    overwrite(&machine, "web/.skillsync-site.json", "{");
    refuses(&machine, &["export", "--site", "web"], 1, "site-mark-damaged");
}

#[test]
fn what_should_not_be_published_is_refused() {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.run(&["init"]).ok();
    refuses(&machine, &["export", "--site", "web"], 1, "nothing-to-export");
    machine.skill_folder("src/ok", &SkillBuilder::new("ok"));
    machine.skill_folder("src/leak", &SkillBuilder::new("leak").file(".env", "TOKEN=1\n"));
    machine.run(&["add", "src/ok", "src/leak", "--yes"]).ok();
    refuses(&machine, &["export", "--site", "web"], 6, "publish-secret");
    assert!(!machine.path("web/.well-known").exists());
    refuses(&machine, &["export", "--site", "no/where", "--skill", "ok"], 1, "folder-not-found");
    refuses(&machine, &["export", "--site", ".skillsync/web", "--skill", "ok"], 1, "export-into-store");
    machine.write("file", "mine");
    refuses(&machine, &["export", "--site", "file", "--skill", "ok"], 1, "path-exists");
    refuses(&machine, &["export", "--site", "web", "--skill", "none"], 1, "skill-not-found");
    let done =
        machine.run(&["export", "--site", "web", "--skill", "ok", "--base-url", "https://h.example/x/"]).ok();
    assert!(done.stdout.starts_with("1 skill in "), "{done}");
    let index: serde_json::Value =
        serde_json::from_str(&machine.read("web/.well-known/agent-skills/index.json")).unwrap();
    assert_eq!(index["skills"][0]["url"], "https://h.example/x/.well-known/agent-skills/ok/SKILL.md");
    for args in [
        &["export"][..],
        &["export", "ok"],
        &["export", "ok", "out", "--site", "web"],
        &["export", "ok", "out", "--base-url", "https://h.example"],
        &["export", "--site", "web", "--base-url", "ftp://h"],
    ] {
        machine.run(args).fails(2);
    }
}
