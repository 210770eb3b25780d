//! Commands that follow an open index: the first sync, an update, an edit merged, a conflict, a skill that is not listed any
//! more; skills of another tool taken over; a site written. What is noted of an edition is never ahead of what is here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use skillsync_testkit::crash::{Case, Hit};
use skillsync_testkit::strace::Fault;
use skillsync_testkit::web::{Answer, Web};
use skillsync_testkit::{Machine, Snapshot, disk, oracle};

use crate::home::{BIN, rewrite, skill, two_skills, unsynced, version_in};
use crate::invariant::{
    consistent, crash, expendable, history, idle, linked, live, outside, settled, somewhere,
};

/// A site that was published twice: `gamma` and `delta`, then another version of `gamma` alone.
struct Site {
    web: Web,
    edition: Arc<AtomicUsize>,
    _publisher: Machine,
}

impl Site {
    fn open() -> Site {
        let publisher = Machine::new(BIN);
        publisher.run(&["init"]).ok();
        for name in ["gamma", "delta"] {
            publisher.skill_folder(&format!("src/{name}"), &skill(name, 1));
        }
        publisher.run(&["add", "src", "--all"]).ok();
        publisher.run(&["export", "--site", "web-1"]).ok();
        rewrite(&publisher.path("src/gamma"), "gamma", 2);
        publisher.run(&["add", "src/gamma", "--force"]).ok();
        publisher.run(&["export", "--site", "web-2", "--skill", "gamma"]).ok();
        let edition = Arc::new(AtomicUsize::new(1));
        let (now, home) = (Arc::clone(&edition), publisher.home().to_owned());
        let web = Web::serve(move |asked| {
            let root = home.join(format!("web-{}", now.load(Ordering::SeqCst)));
            let path = asked.path.trim_start_matches('/');
            std::fs::read(root.join(path)).map_or_else(|_| Answer::status(404), Answer::ok)
        });
        Site { web, edition, _publisher: publisher }
    }

    fn show(&self, edition: usize) {
        self.edition.store(edition, Ordering::SeqCst);
    }

    /// The home of every other crash, and this site as a source that was never asked.
    fn added(&self, m: &Machine) {
        self.show(1);
        unsynced(m);
        m.run(&["sync"]).ok();
        m.run(&["source", "add", &self.web.url(), "--name", "site", "--kind", "index", "--yes"]).ok();
    }

    /// The same with its first edition here.
    fn followed(&self, m: &Machine) {
        self.added(m);
        m.run(&["sync"]).ok();
        assert_eq!(version_in(&m.store("skills/gamma")), 1);
    }
}

/// What `_meta.json` says of the skill `name`; null when it says nothing.
fn noted(m: &Machine, name: &str) -> Value {
    let Ok(text) = std::fs::read_to_string(m.store("_meta.json")) else { return Value::Null };
    let meta: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("_meta.json: {e}\n{text}"));
    meta["skills"][name].clone()
}

/// No record is ahead: what is noted as installed was made a version here.
fn not_ahead(m: &Machine) {
    live(m);
    for name in ["gamma", "delta"] {
        let noted = noted(m, name);
        // One that was marked to be removed goes by its mark, and its record may go later.
        if noted["state"] != "installed" || !m.store(&format!("skills/{name}")).exists() {
            continue;
        }
        let hash = noted["content_hash"].as_str().unwrap_or_default();
        let is_version = history(m, name).iter().any(|(_, content, _)| content.ends_with(hash));
        assert!(!hash.is_empty() && is_version, "{name} is noted as {hash}, which was never here: {noted}");
    }
}

/// What a power cut may take beside caches: when to ask next, and the index that was seen last.
fn lost(path: &str) -> bool {
    expendable(path) || path.ends_with("/poll.json") || path.starts_with(".skillsync/sources/site/index")
}

/// A command that follows the site: no record is ever ahead, and the same command again ends the work.
fn following<'a>(
    name: &str,
    args: &'a [&'a str],
    prepare: impl Fn(&Machine) + Sync + 'a,
    done: impl Fn(&Machine) + Sync + 'a,
) -> Case<'a> {
    Case::new(name, BIN, args).prepare(prepare).live(not_ahead).durable(lost).settle(move |m, hit| {
        if hit.acknowledged() {
            done(m);
        }
        m.run(args).ok();
        done(m);
        not_ahead(m);
        settled(m, hit);
        // And whatever the site published is here: it is not asked for anything but its index.
        let counts = m.run(&["poll", "--json"]).ok().json()["sources"][0]["counts"].clone();
        assert_eq!((&counts["added"], &counts["updated"]), (&0.into(), &0.into()), "{counts}");
    })
}

/// `name` is here in this version, it is noted, and agents load it.
fn is_at(m: &Machine, name: &str, version: u32) {
    assert_eq!(version_in(&m.store(&format!("skills/{name}"))), version);
    let noted = noted(m, name);
    assert_eq!((&noted["source"], &noted["state"]), (&"site".into(), &"installed".into()), "{noted}");
    let newest = history(m, name).pop().map(|(_, content, _)| content).unwrap_or_default();
    assert!(noted["content_hash"].as_str().is_some_and(|hash| newest.ends_with(hash)), "stale: {noted}");
    assert!(linked(m, ".claude/skills", name) && linked(m, "extra", name));
}

#[test]
fn index_first_sync() {
    let site = Site::open();
    let done = |m: &Machine| {
        is_at(m, "gamma", 1);
        is_at(m, "delta", 1);
        assert_eq!((history(m, "gamma").len(), history(m, "delta").len()), (1, 1), "installed once");
    };
    following("index, first sync", &["sync"], |m| site.added(m), done).thin(6).run();
}

#[test]
fn index_update_and_prune() {
    let site = Site::open();
    let prepare = |m: &Machine| {
        site.followed(m);
        site.show(2);
    };
    let done = |m: &Machine| {
        is_at(m, "gamma", 2);
        assert_eq!(history(m, "gamma").len(), 2, "updated once");
        assert!(!m.store("skills/delta").exists() && !linked(m, "extra", "delta"));
        assert!(somewhere(m, ".skillsync/trash", "# delta"), "the removed skill is not in trash");
        assert!(noted(m, "delta").is_null());
    };
    following("index, update and prune", &["poll"], prepare, done).thin(6).twice(6).run();
}

#[test]
fn index_update_of_an_edited_skill() {
    let site = Site::open();
    let prepare = |m: &Machine| {
        site.followed(m);
        m.run(&["edit", "gamma"]).ok();
        disk::write(&m.store("editing/gamma/mine.md"), "mine\n");
        m.run(&["commit", "gamma", "--reason", "mine"]).ok();
        site.show(2);
    };
    let done = |m: &Machine| {
        let text = m.read(".skillsync/skills/gamma/SKILL.md");
        assert!(text.contains("mark: v2") && m.store("skills/gamma/mine.md").is_file(), "{text}");
        assert_eq!(history(m, "gamma").len(), 3, "merged once");
        assert_eq!(noted(m, "gamma")["state"], "installed");
    };
    // A merge is neither version: what holds at each moment is that nothing of the edit is lost.
    following("index, edited skill", &["poll"], prepare, done)
        .live(|m| assert!(somewhere(m, ".skillsync/skills/gamma", "mine"), "the edit is gone"))
        .settle(|m, _| {
            m.run(&["poll"]).ok();
            done(m);
            m.run(&["sync"]).ok();
            m.run(&["verify"]).ok();
        })
        .kills_only()
        .thin(4)
        .run();
}

#[test]
fn index_update_that_meets_a_conflict() {
    let site = Site::open();
    let prepare = |m: &Machine| {
        site.followed(m);
        let text = m.read(".skillsync/skills/gamma/SKILL.md").replace("mark: v1", "mark: mine");
        m.run(&["edit", "gamma"]).ok();
        disk::write(&m.store("editing/gamma/SKILL.md"), &text);
        m.run(&["commit", "gamma", "--reason", "mine"]).ok();
        site.show(2);
    };
    following("index, conflict", &["poll"], prepare, |_| {})
        .exits(5)
        .live(|m| {
            let text = m.read(".skillsync/skills/gamma/SKILL.md");
            assert!(text.contains("mark: mine") && !text.contains("<<<<"), "{text}");
        })
        .settle(|m, _| {
            // Whatever was noted of it: that it waits for somebody is said.
            let polled = m.run(&["poll", "--json"]).one_of(&[0, 3, 5]);
            let sources = polled.json()["sources"].clone();
            let skills = sources[0]["skills"].as_array().cloned().unwrap_or_default();
            let gamma = skills.into_iter().find(|skill| skill["skill"] == "gamma").unwrap_or_default();
            match (polled.code.unwrap_or(-1), gamma["outcome"].as_str()) {
                (5, Some("conflict")) => assert!(gamma["working_copy"].is_string(), "{gamma}"),
                (0, Some("held")) => assert_eq!(gamma["why"], "conflict", "{gamma}"),
                (3, Some("held")) => assert!(gamma["error"]["code"].is_string(), "{gamma}"),
                (code, _) => panic!("exit {code}: {gamma}"),
            }
            let copy = m.read(".skillsync/editing/gamma/SKILL.md");
            assert!(copy.contains("mark: mine") && copy.contains("mark: v2"), "{copy}");
            assert!(m.store("locks/gamma.lock").is_file());
            m.run(&["verify"]).ok();
        })
        .kills_only()
        .thin(6)
        .run();
}

/// Where nothing listens: an import asks nobody.
const NOBODY: &str = "http://127.0.0.1:9";
const LIST: &str = "shop/.claude/skills/.ic-managed.json";

/// `gamma` and `delta` as another tool mirrored them; `delta` was edited since.
fn mirrored(m: &Machine) {
    two_skills(m);
    let folder = |name: &str| m.skill_folder(&format!("shop/.claude/skills/{name}"), &skill(name, 1));
    let hashes = ["gamma", "delta"].map(|name| (name, oracle::content_hash(&folder(name))));
    let list: serde_json::Map<_, _> =
        hashes.into_iter().map(|(name, hash)| (name.to_owned(), hash.into())).collect();
    m.write(LIST, Value::Object(list).to_string());
    rewrite(&m.path("shop/.claude/skills/delta"), "delta", 2);
}

#[test]
fn source_import() {
    let args = ["source", "import", LIST, "--site", NOBODY, "--yes"];
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/gamma")), 1);
        assert_eq!(version_in(&m.store("skills/delta")), 2, "an edit stays");
        assert_eq!((history(m, "gamma").len(), history(m, "delta").len()), (1, 1), "taken over once");
        let sources = m.run(&["source", "list", "--json"]).ok().json()["sources"].clone();
        let source = &sources[0];
        assert_eq!(
            (sources.as_array().map(Vec::len), &source["kind"], &source["installed"]),
            (Some(1), &"index".into(), &1.into()),
            "{sources}"
        );
        assert_eq!(noted(m, "gamma")["state"], "installed", "gamma is not followed");
        assert!(noted(m, "delta").is_null(), "delta is the user's");
        idle(m, &args);
    };
    crash("source import", &args, mirrored, &[0], done).live(not_ahead).thin(5).run();
}

/// Claude Code with `alpha` of its own and a link to `gamma`, which npm's `skills` installed from an index.
fn installed_elsewhere(m: &Machine) {
    m.agent("claude-code");
    m.skill_folder(".claude/skills/alpha", &skill("alpha", 1));
    m.skill_folder(".agents/skills/gamma", &skill("gamma", 1));
    disk::link("../../.agents/skills/gamma", &m.path(".claude/skills/gamma"));
    // Older edits of another skill that was installed: the newest content becomes current at last, on top of them.
    m.skill_folder(".agents/skills/delta", &skill("delta", 2));
    disk::age(&m.skill_folder(".claude/skills/delta", &skill("delta", 1)), 1_600_000_000);
    m.agent("windsurf");
    disk::age(&m.skill_folder(".codeium/windsurf/skills/delta", &skill("delta", 3)), 1_500_000_000);
    let one = serde_json::json!({"source": "site", "sourceType": "well-known", "sourceUrl": NOBODY});
    let lock = serde_json::json!({"version": 3, "skills": {"gamma": one, "delta": one}});
    m.write(".agents/.skill-lock.json", lock.to_string());
}

fn came_over(m: &Machine) {
    for name in ["alpha", "gamma"] {
        assert_eq!(history(m, name).len(), 1, "{name} came once");
        assert!(linked(m, ".claude/skills", name), "{name} is not linked");
    }
    assert!(linked(m, ".claude/skills", "delta"));
    assert_eq!(noted(m, "gamma")["state"], "installed", "gamma is not followed");
    let sources = m.run(&["source", "list", "--json"]).ok().json()["sources"].clone();
    assert_eq!(sources.as_array().map(Vec::len), Some(1), "{sources}");
}

#[test]
fn setup_that_imports() {
    let args = ["setup", "--yes"];
    let settle = |m: &Machine, hit: &Hit| {
        if hit.acknowledged() {
            came_over(m);
        }
        m.run(&args).ok();
        came_over(m);
        // Of an error the first run told, and what the second one finds is what it decides about.
        if hit.acknowledged() || hit.fault == Fault::Kill {
            assert_eq!(version_in(&m.store("skills/delta")), 2, "what was planned is current");
            assert_eq!(history(m, "delta").len(), 4, "each content once, and the newest again");
        }
        idle(m, &args);
        m.run(&["verify"]).ok();
        m.run(&["setup", "--undo", "--yes"]).ok();
        hit.before.without(&[".skillsync"]).assert_same(&m.snapshot().without(&[".skillsync"]));
        let sources = m.run(&["source", "list", "--json"]).ok().json()["sources"].clone();
        assert_eq!(sources.as_array().map(Vec::len), Some(0), "{sources}");
        assert!(!m.store("skills/gamma").exists() && noted(m, "gamma").is_null(), "gamma is still here");
    };
    Case::new("setup, importing", BIN, &args).prepare(installed_elsewhere).settle(settle).thin(8).run();
}

#[test]
fn undo_of_a_setup_that_imported() {
    let prepare = |m: &Machine| {
        installed_elsewhere(m);
        m.run(&["setup", "--yes"]).ok();
    };
    let args = ["setup", "--undo", "--yes"];
    let undone = |m: &Machine| {
        m.run(&args).one_of(&[0, 1]);
        assert_eq!(version_in(&m.path(".claude/skills/alpha")), 1);
        let link = std::fs::read_link(m.path(".claude/skills/gamma")).expect("a link");
        assert_eq!(link, std::path::Path::new("../../.agents/skills/gamma"));
        let sources = m.run(&["source", "list", "--json"]).ok().json()["sources"].clone();
        assert_eq!(sources.as_array().map(Vec::len), Some(0), "{sources}");
        assert!(!m.store("skills/gamma").exists() && noted(m, "gamma").is_null(), "gamma is still here");
    };
    Case::new("setup --undo, imported", BIN, &args).prepare(prepare).settle(|m, _| undone(m)).thin(6).run();
    // Whoever changes their mind in the middle has everything again.
    let settle = |m: &Machine, _: &Hit| {
        m.run(&["setup", "--yes"]).ok();
        came_over(m);
        m.run(&["verify"]).ok();
        undone(m);
    };
    let case = Case::new("setup --undo, imported, then setup", BIN, &args).prepare(prepare);
    case.settle(settle).kills_only().thin(3).run();
}

/// Three skills and the site of two of them as they were: since then one was changed, one removed, one added.
fn exported(m: &Machine) {
    two_skills(m);
    m.run(&["export", "--site", "out"]).ok();
    m.write("out/index.html", "not ours\n");
    rewrite(&m.path("src/alpha"), "alpha", 2);
    m.run(&["add", "src/alpha", "--force"]).ok();
    m.run(&["rm", "beta"]).ok();
    m.skill_folder("src/gamma", &skill("gamma", 1));
    m.run(&["add", "src/gamma"]).ok();
    m.run(&["sync"]).ok();
}

/// Every index that is served names only what is there, and each of these files is whole.
fn served_whole(m: &Machine) {
    live(m);
    assert_eq!(m.read("out/index.html"), "not ours\n");
    for kind in ["skills", "agent-skills"] {
        let root = m.path(&format!("out/.well-known/{kind}"));
        let text = std::fs::read_to_string(root.join("index.json"))
            .unwrap_or_else(|e| panic!("there was an index of {kind}, and now there is none: {e}"));
        let index: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{kind}: {e}\n{text}"));
        for skill in index["skills"].as_array().into_iter().flatten() {
            let name = skill["name"].as_str().unwrap_or_default();
            for file in skill["files"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let path = root.join(name).join(file);
                let text = std::fs::read_to_string(&path);
                assert!(text.is_ok_and(|text| text.contains("mark: v")), "{} is not whole", path.display());
            }
            if let Some(url) = skill["url"].as_str() {
                let named: PathBuf = m.path("out").join(url.trim_start_matches('/'));
                let named = if url.starts_with('/') { named } else { root.join(url) };
                assert!(named.is_file(), "{url} of {kind} is not there");
            }
        }
    }
}

#[test]
fn export_site() {
    let args = ["export", "--site", "out"];
    let done = |m: &Machine| {
        m.run(&["export", "--site", "fresh"]).ok();
        let fresh = Snapshot::of(&m.path("fresh"));
        disk::remove(&m.path("fresh"));
        fresh.assert_same(&Snapshot::of(&m.path("out")).without(&["index.html"]));
        idle(m, &args);
    };
    Case::new("export --site", BIN, &args)
        .prepare(exported)
        .live(served_whole)
        .durable(expendable)
        .thin(4)
        .settle(|m, hit| {
            if hit.acknowledged() {
                done(m);
            }
            m.run(&args).ok();
            done(m);
            consistent(m);
            outside(m, hit);
        })
        .run();
}
