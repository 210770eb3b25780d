//! What holds at every moment, and what holds once a command was run again.

use std::fs;
use std::path::{Path, PathBuf};

use skillsync_testkit::crash::{Case, Hit};
use skillsync_testkit::snapshot::Entry;
use skillsync_testkit::{Machine, oracle};
use toml_edit::DocumentMut;

use crate::home::{BIN, MARKED, version_in};

/// Folders of agents that hold links of ours, relative to the home.
pub(crate) const TARGETS: &[&str] = &[".claude/skills", ".codeium/windsurf/skills", "extra"];

/// What a power cut may take: caches that are made again, and work that nobody was told of.
pub(crate) fn expendable(path: &str) -> bool {
    ["state/index", "staging", "state/mutex"].iter().any(|p| below(path, &format!(".skillsync/{p}")))
}

fn below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A command to crash: after each fault it is run again, may then end with one of `codes`, and `done` must hold; it
/// must hold before, too, if the faulted run had said that the work is done.
pub(crate) fn crash<'a>(
    name: &str,
    args: &'a [&'a str],
    prepare: fn(&Machine),
    codes: &'a [i32],
    done: impl Fn(&Machine) + Sync + 'a,
) -> Case<'a> {
    Case::new(name, BIN, args).prepare(prepare).live(live).durable(expendable).settle(move |m, hit| {
        if hit.acknowledged() {
            done(m);
        }
        m.run(args).one_of(codes);
        done(m);
        settled(m, hit);
    })
}

/// What an agent sees, at every moment: a link of ours leads to one whole version, and so does the canonical folder.
pub(crate) fn live(m: &Machine) {
    for (name, folder) in links(m) {
        assert!(folder.is_dir(), "the link {} leads nowhere", folder.display());
        if MARKED.contains(&name.as_str()) {
            version_in(&folder);
        }
    }
    for (name, folder) in skills(m) {
        assert!(folder.join(".meta.toml").is_file(), "{}: without .meta.toml", folder.display());
        if MARKED.contains(&name.as_str()) {
            version_in(&folder);
        }
    }
}

/// The end of every case: synced, verified, in agreement with its records, with nothing left lying about, with all
/// that was acknowledged before, and with nothing changed outside.
pub(crate) fn settled(m: &Machine, hit: &Hit) {
    // What a hub would say is another matter: there is none here.
    m.run(&["sync", "--offline"]).ok();
    consistent(m);
    kept(m);
    outside(m, hit);
}

/// The store agrees with itself.
pub(crate) fn consistent(m: &Machine) {
    m.run(&["verify"]).ok();
    live(m);
    for (name, folder) in skills(m) {
        let meta = record(m, &name);
        assert_eq!(
            oracle::content_hash(&folder),
            text(&meta, "content-hash"),
            "{name} is not what its record says"
        );
        let history = history(m, &name);
        let numbers: Vec<i64> = history.iter().map(|(number, ..)| *number).collect();
        let expected: Vec<i64> = (1..=i64::try_from(history.len()).unwrap_or(0)).collect();
        assert_eq!(numbers, expected, "the versions of {name}");
        assert_eq!(
            history.last().map(|(_, hash, _)| hash.clone()),
            Some(text(&meta, "content-hash")),
            "{name}"
        );
    }
    for (path, _) in m.snapshot().only(".skillsync").iter() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        assert!(
            !below(path, ".skillsync/staging") || path == ".skillsync/staging",
            "staging is not cleared up"
        );
        // In trash it goes with its folder.
        let waits = below(path, ".skillsync/trash");
        assert!(waits || !name.ends_with(".tmp"), "a temporary file was left in {folder}");
    }
}

/// What `home::two_skills` put there and was told is done. Homes without it pass.
fn kept(m: &Machine) {
    if !m.path("src/beta").exists() {
        return;
    }
    assert_eq!(version_in(&m.store("skills/beta")), 1, "beta was not part of it");
    // The log of a removed skill goes to trash with it.
    let logs = if m.store("skills/alpha").exists() { ".skillsync/logs" } else { ".skillsync/trash" };
    assert!(somewhere(m, logs, "kept note"), "the observation is gone");
    assert!(m.read(".skillsync/config.toml").contains("# kept comment"), "the comment is gone");
}

/// Nothing outside the store and our own links has changed.
pub(crate) fn outside(m: &Machine, hit: &Hit) {
    let names = MARKED.iter().chain(&["fresh", "skillsync", "skillsync-new", "skillsync-refine"]);
    let mut ours: Vec<String> =
        names.flat_map(|name| TARGETS.iter().map(move |target| format!("{target}/{name}"))).collect();
    ours.extend([".skillsync".to_owned(), "extra".to_owned(), "out".to_owned()]);
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    hit.before.without(&ours).assert_same(&m.snapshot().without(&ours));
}

/// The command, run once more, changes nothing.
pub(crate) fn idle(m: &Machine, args: &[&str]) {
    // The mutex file says who held it last.
    let cache = [".skillsync/state/index", ".skillsync/state/mutex"];
    let before = m.snapshot().without(&cache);
    m.run(args).ok();
    before.assert_same(&m.snapshot().without(&cache));
}

/// The canonical skills: name and folder.
pub(crate) fn skills(m: &Machine) -> Vec<(String, PathBuf)> {
    entries(&m.store("skills"))
}

/// Links of ours in the agents' folders: name and path of the link.
pub(crate) fn links(m: &Machine) -> Vec<(String, PathBuf)> {
    let store = m.store("");
    let all = TARGETS.iter().flat_map(|target| entries(&m.path(target)));
    all.filter(|(_, path)| fs::read_link(path).is_ok_and(|to| to.starts_with(&store))).collect()
}

/// Whether every target has a link to this skill.
pub(crate) fn linked(m: &Machine, target: &str, name: &str) -> bool {
    links(m).iter().any(|(n, path)| n == name && path.starts_with(m.path(target)))
}

fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut all: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()))
        .filter(|(name, _)| !name.starts_with('.'))
        .collect();
    all.sort();
    all
}

/// The `.meta.toml` of a skill. Panics when it does not read.
pub(crate) fn record(m: &Machine, name: &str) -> DocumentMut {
    let text = m.read(&format!(".skillsync/skills/{name}/.meta.toml"));
    text.parse().unwrap_or_else(|e| panic!("{name}/.meta.toml: {e}\n{text}"))
}

/// A text of the `[skill]` table.
pub(crate) fn text(meta: &DocumentMut, key: &str) -> String {
    meta["skill"][key].as_str().unwrap_or_default().to_owned()
}

/// The versions in the record: number, content hash, reason.
pub(crate) fn history(m: &Machine, name: &str) -> Vec<(i64, String, String)> {
    let meta = record(m, name);
    let entries = meta.get("refinement").and_then(|r| r.as_array_of_tables()).into_iter().flatten();
    let of = |table: &toml_edit::Table, key: &str| {
        table.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
    };
    entries
        .map(|table| {
            let number = table.get("version").and_then(toml_edit::Item::as_integer).unwrap_or_default();
            (number, of(table, "content-hash"), of(table, "reason"))
        })
        .collect()
}

/// Whether a text stands in some file below a folder of the home.
pub(crate) fn somewhere(m: &Machine, folder: &str, words: &str) -> bool {
    let all = m.snapshot().only(folder);
    let mut texts = all.iter().filter_map(|(_, entry)| match entry {
        Entry::File { text, .. } => text.as_deref(),
        _ => None,
    });
    texts.any(|text| text.contains(words))
}
