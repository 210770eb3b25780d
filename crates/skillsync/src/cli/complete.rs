//! What a shell offers after Tab: skill names and target ids, read from the store at that moment. It reads only,
//! and where something fails it offers nothing.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;

use clap_complete::engine::ValueCompleter;
use clap_complete::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use skillsync_core::limits;
use skillsync_core::name::{SkillName, TargetId};

use crate::world::World;

/// Completes the name of a skill in the store.
pub fn skills() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, skill_names))
}

/// Completes the name of a skill that has a working copy.
pub fn edited_skills() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, edited_names))
}

/// Completes the name of a skill or a path.
pub fn subjects() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut all = offer(current, skill_names);
        all.extend(PathCompleter::dir().complete(current));
        all
    })
}

/// Completes the id of a target in `config.toml`.
pub fn targets() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, target_ids))
}

fn offer(current: &OsStr, names: fn(&Path) -> Vec<String>) -> Vec<CompletionCandidate> {
    let (Some(current), Ok(world)) = (current.to_str(), World::from_process()) else { return Vec::new() };
    let mut names = names(&world.store);
    names.retain(|name| name.starts_with(current));
    names.sort();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn skill_names(store: &Path) -> Vec<String> {
    folders(&store.join("skills"))
}

fn edited_names(store: &Path) -> Vec<String> {
    folders(&store.join("editing"))
}

fn folders(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| SkillName::parse(name).is_ok())
        .collect()
}

fn target_ids(store: &Path) -> Vec<String> {
    let mut text = String::new();
    let read = fs::File::open(store.join("config.toml"))
        .and_then(|file| file.take(limits::CONFIG_BYTES).read_to_string(&mut text));
    if read.is_ok() { ids(&text) } else { Vec::new() }
}

/// The `id` of every `[[targets]]`, by line: a file that is being edited and does not parse still completes.
fn ids(config: &str) -> Vec<String> {
    let mut in_target = false;
    let mut ids = Vec::new();
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_target = line.starts_with("[[targets]]");
        } else if in_target && let Some(id) = id_of(line) {
            ids.push(id);
        }
    }
    ids
}

fn id_of(line: &str) -> Option<String> {
    let value = line.strip_prefix("id")?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let id = value[1..].split(quote).next()?;
    TargetId::parse(id).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_ids_are_read_from_any_config() {
        let config = "\
[skillsync]
id = \"not-a-target\"
[[targets]]
id = \"codex\" # comment
path = \"~/.codex/skills\"
[[targets]] # second
  id='claude-code'
identity = \"x\"
[[targets]]
id = \"\u{1b}[2J\"
id = broken
[observation]
id = \"neither\"
";
        assert_eq!(ids(config), ["codex", "claude-code"]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a store is laid out by hand")]
    fn skill_names_are_the_valid_folders() {
        let store = tempfile::tempdir().unwrap();
        assert_eq!(skill_names(store.path()), Vec::<String>::new());
        for name in ["pdf", "pdf-forms", ".staging", "Not_A_Name"] {
            fs::create_dir_all(store.path().join("skills").join(name)).unwrap();
        }
        let mut names = skill_names(store.path());
        names.sort();
        assert_eq!(names, ["pdf", "pdf-forms"]);
    }
}
