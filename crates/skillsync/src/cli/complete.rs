//! What a shell offers after Tab: names of skills and targets, versions, files and settings, read from the store at
//! that moment. It reads only, and where something fails it offers nothing.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;

use clap::builder::Resettable;
use clap_complete::engine::ValueCompleter;
use clap_complete::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use skillsync_core::limits;
use skillsync_core::name::{SkillName, TargetId};
use skillsync_store::{config, skills};

use crate::ops;
use crate::ui::text;
use crate::world::World;

/// The command line as a shell completes it: each visible alias is a command of its own, since the engine offers
/// only one word for each command.
pub fn command() -> clap::Command {
    let mut root = super::command();
    root.build();
    spelt_out(root)
}

fn spelt_out(mut command: clap::Command) -> clap::Command {
    let below: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    for sub in below {
        let aliases: Vec<String> = sub.get_visible_aliases().map(str::to_owned).collect();
        let sub = spelt_out(sub).visible_alias(Resettable::Reset);
        for alias in aliases {
            command = command.subcommand(sub.clone().name(alias));
        }
        let name = sub.get_name().to_owned();
        command = command.mut_subcommand(&name, |_| sub);
    }
    command
}

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

/// Completes the name of a source in `config.toml`.
pub fn sources() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, source_names))
}

/// Completes the id of an agent that is known, also by the user's own `tools.toml`.
pub fn tools() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, tool_ids))
}

/// Completes the key of a setting.
pub fn settings() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        offer(current, |store| {
            let of_sources = source_names(store)
                .into_iter()
                .flat_map(|name| config::SOURCE_FIELDS.map(|field| format!("sources.{name}.{field}")));
            config::KEYS.iter().map(|key| (*key).to_owned()).chain(of_sources).collect()
        })
    })
}

/// Completes a version of the skill that stands on the command line, the newest first.
pub fn versions() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let Some((world, name)) = skill_on_the_line() else { return Vec::new() };
        let history = ops::open(&world).and_then(|store| ops::history::history(&store, &name));
        let versions = history.map_or_else(|_| Vec::new(), |history| history.versions);
        let begins = |number: &String| current.to_str().is_some_and(|current| number.starts_with(current));
        let offered = versions.into_iter().filter(|version| begins(&version.number.to_string()));
        offered
            .map(|version| {
                let why = version.reason.unwrap_or_else(|| version.origin.to_string());
                CompletionCandidate::new(version.number.to_string())
                    .help(Some(text::one_line(&why).into_owned().into()))
            })
            .collect()
    })
}

/// Completes a file of the skill that stands on the command line.
pub fn files() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let Some((world, name)) = skill_on_the_line() else { return Vec::new() };
        let tree = ops::open(&world).and_then(|store| {
            let meta = skills::load(&store, &name)?;
            Ok(store.objects().tree(&meta.head().tree)?)
        });
        let Ok(tree) = tree else { return Vec::new() };
        let paths = tree.files().map(|(path, _)| path.as_str());
        let begins = |path: &&str| current.to_str().is_some_and(|current| path.starts_with(current));
        paths.filter(begins).map(CompletionCandidate::new).collect()
    })
}

/// The first word of the command line that is completed, after its command, that names a skill of the store. A
/// completer is given no more than the word under the cursor.
fn skill_on_the_line() -> Option<(World, SkillName)> {
    let world = World::from_process().ok()?;
    let words = std::env::args_os().skip_while(|word| word != "--").skip(3);
    let name = named_in(words.filter_map(|word| word.into_string().ok()), &world.store)?;
    Some((world, name))
}

fn named_in(words: impl Iterator<Item = String>, store: &Path) -> Option<SkillName> {
    let known = skill_names(store);
    words.filter(|word| known.contains(word)).find_map(|word| SkillName::parse(&word).ok())
}

fn tool_ids(store: &Path) -> Vec<String> {
    ops::target::tools(store)
        .map_or_else(|_| Vec::new(), |tools| tools.ids().map(ToString::to_string).collect())
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
    values(&config_text(store), "targets", "id")
}

fn source_names(store: &Path) -> Vec<String> {
    values(&config_text(store), "sources", "name")
}

fn config_text(store: &Path) -> String {
    let mut text = String::new();
    let read = fs::File::open(store.join("config.toml"))
        .and_then(|file| file.take(limits::CONFIG_BYTES).read_to_string(&mut text));
    if read.is_ok() { text } else { String::new() }
}

/// The `key` of every block of `list`, by line: a file that is being edited and does not parse still completes.
fn values(config: &str, list: &str, key: &str) -> Vec<String> {
    let head = format!("[[{list}]]");
    let mut is_inside = false;
    let mut values = Vec::new();
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            is_inside = line.starts_with(&head);
        } else if is_inside && let Some(value) = value_of(line, key) {
            values.push(value);
        }
    }
    values
}

fn value_of(line: &str, key: &str) -> Option<String> {
    let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
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
        assert_eq!(values(config, "targets", "id"), ["codex", "claude-code"]);
        let config = "[[sources]]\nurl = \"https://a\"\nname = 'team' # ours\n[[targets]]\nname = \"x\"\n";
        assert_eq!(values(config, "sources", "name"), ["team"]);
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
