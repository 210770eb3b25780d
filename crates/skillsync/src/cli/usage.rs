//! What is answered when the command line does not parse: help that was asked for, or an error in our format with
//! clap's suggestion.

use std::error::Error;
use std::ffi::OsString;

use anstyle::{AnsiColor, Style};
use clap::builder::Styles;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use skillsync_core::fault::Fault;
use skillsync_core::nearest::nearest;
use skillsync_core::{name, skill};

use crate::ui::{Exit, Format, Manner, Stop, Ui, Usage};

/// How help looks.
pub(super) const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// The manner of a command line that does not parse: only `--json` is looked for.
pub(super) fn manner(args: &[OsString]) -> Manner {
    let json = args.iter().skip(1).take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    Manner { format: if json { Format::Json } else { Format::Human }, ..Manner::default() }
}

/// Prints help or the error, and says how the process ends.
pub(super) fn answer(ui: &mut Ui, error: &clap::Error, args: &[OsString]) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match ui.help(&error.render()) {
            Ok(()) => Exit::Done,
            Err(stop) => ui.stop(&stop),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !ui.is_json() => {
            ui.help_instead(&error.render());
            Exit::Usage
        }
        _ => ui.stop(&unusable_value(error).unwrap_or_else(|| Stop::Usage(usage(error, args)))),
    }
}

/// The words to parse: `help --help` asks for the same as `help`, which clap would take for a command.
pub(super) fn words(args: &[OsString]) -> impl Iterator<Item = &OsString> {
    let is_flag = |arg: &OsString| arg.to_string_lossy().starts_with('-');
    let is_help = args.iter().skip(1).find(|arg| !is_flag(arg)).is_some_and(|arg| arg == "help");
    args.iter().filter(move |arg| !(is_help && (*arg == "--help" || *arg == "-h")))
}

/// The command that the words lead to as far as they name one, from the root down. `help` before them counts for
/// nothing.
fn command_meant(args: &[OsString]) -> Vec<clap::Command> {
    let mut root = crate::cli::command();
    root.build();
    let mut path = vec![root];
    for word in args.iter().skip(1).filter_map(|arg| arg.to_str()).filter(|word| !word.starts_with('-')) {
        let below = path.last().and_then(|command| command.find_subcommand(word)).cloned();
        match below {
            Some(below) if below.get_name() == "help" => {}
            Some(below) => path.push(below),
            None => break,
        }
    }
    path
}

/// clap's rendering is paragraphs: `error: ...`, then `  tip: ...` lines, then `Usage: ...`, then `For more
/// ...`.
fn usage(error: &clap::Error, args: &[OsString]) -> Usage {
    let rendered = error.render().to_string();
    let mut paragraphs = rendered.split("\n\n");
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let meant = command_meant(args);
    let mut hints: Vec<String> = nearest_command(error, &meant).into_iter().collect();
    for line in paragraphs.flat_map(str::lines).map(str::trim) {
        if let Some(tip) = line.strip_prefix("tip: ").filter(|_| hints.is_empty()) {
            hints.push(tip.to_owned());
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            hints.push(format!("usage: {usage}"));
        }
    }
    if hints.is_empty() {
        let words: Vec<&str> = meant.iter().skip(1).map(clap::Command::get_name).collect();
        hints
            .push(format!("`{}` explains it", [&["skillsync", "help"], words.as_slice()].concat().join(" ")));
    }
    Usage {
        message: message.split_whitespace().collect::<Vec<_>>().join(" "),
        hint: (!hints.is_empty()).then(|| hints.join("\n")),
    }
}

/// The nearest command where there is none of the word, or how to see all. clap itself would name hidden aliases,
/// and every command that is at all similar.
fn nearest_command(error: &clap::Error, meant: &[clap::Command]) -> Option<String> {
    let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? else { return None };
    let parent = meant.last()?;
    let names = |command: &clap::Command| {
        let aliases = command.get_visible_aliases().map(str::to_owned);
        aliases.chain([command.get_name().to_owned()]).collect::<Vec<_>>()
    };
    let known: Vec<String> = parent.get_subcommands().flat_map(names).collect();
    let found = nearest(word, known.iter().map(String::as_str)).first().and_then(|at| known.get(*at));
    Some(match (found, meant.len()) {
        (Some(name), _) => format!("did you mean `{name}`?"),
        (None, 1) => "`skillsync help` lists the commands".to_owned(),
        (None, _) => format!("`{} --help` says what it takes", parent.get_bin_name().unwrap_or("skillsync")),
    })
}

/// A value that one of our types refused: the type's own code, words and hint are better than clap's frame around
/// them.
fn unusable_value(error: &clap::Error) -> Option<Stop> {
    let source = error.source()?;
    let fault: Box<dyn Fault> = match source.downcast_ref::<name::Error>() {
        Some(fault) => Box::new(fault.clone()),
        None => Box::new(source.downcast_ref::<skill::Error>()?.clone()),
    };
    Some(Stop::Argument(fault))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(line: &str, exit: Exit, expected: Expect) {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let error = crate::cli::parse(&args).expect_err(line);
        let (mut ui, seen) = Ui::by_hand(manner(&args));
        assert_eq!(answer(&mut ui, &error, &args), exit, "{line}");
        expected.assert_eq(&format!("{}{}", seen.out(), seen.err()));
    }

    #[test]
    fn a_wrong_line_gets_one_error_and_a_hint() {
        check(
            "skillsync ad x",
            Exit::Usage,
            expect![[r#"
            error: unrecognized subcommand 'ad'
            hint: did you mean `add`?
              usage: skillsync [OPTIONS] <COMMAND>
        "#]],
        );
        check(
            "skillsync uninstal x",
            Exit::Usage,
            expect![[r#"
            error: unrecognized subcommand 'uninstal'
            hint: `skillsync help` lists the commands
              usage: skillsync [OPTIONS] <COMMAND>
        "#]],
        );
        check(
            "skillsync help add nope",
            Exit::Usage,
            expect![[r#"
            error: unrecognized subcommand 'nope'
            hint: `skillsync add --help` says what it takes
              usage: skillsync add [OPTIONS] <SOURCE>...
        "#]],
        );
        check(
            "skillsync info",
            Exit::Usage,
            expect![[r#"
            error: the following required arguments were not provided: <NAME>
            hint: usage: skillsync info <NAME>
        "#]],
        );
        check(
            "skillsync info My_Skill",
            Exit::Usage,
            expect![[r#"
            error: skill name `My_Skill` has a character other than a-z, 0-9 and hyphen
            hint: 1 to 64 of `a-z`, `0-9` and single hyphens, for example `my-skill`
        "#]],
        );
        check(
            "skillsync observe pdf --signal good",
            Exit::Usage,
            expect![[r#"
                error: invalid value 'good' for '--signal <SIGNAL>' [possible values: positive, negative]
                hint: `skillsync help observe` explains it
            "#]],
        );
        check(
            "skillsync ls --jsno",
            Exit::Usage,
            expect![[r#"
            error: unexpected argument '--jsno' found
            hint: a similar argument exists: '--json'
              usage: skillsync ls --json
        "#]],
        );
        check(
            "skillsync commit pdf",
            Exit::Usage,
            expect![[r#"
            error: the following required arguments were not provided: --reason <TEXT>
            hint: usage: skillsync commit --reason <TEXT> <NAME>
        "#]],
        );
        check(
            "skillsync target",
            Exit::Usage,
            expect![[r#"
            Choose the agent folders that sync links skills into

            Usage: skillsync target [OPTIONS] <COMMAND>

            Commands:
              add     Add an agent's folder as a target
              remove  Stop linking skills into a target [alias: rm]
              list    List the targets [alias: ls]
              help    Print this message or the help of the given subcommand(s)

            Options:
              -h, --help  Print help (see more with '--help')

            Global options:
                  --json          Print one JSON document on stdout
              -y, --yes           Answer yes to every question
              -n, --dry-run       Show what would be done and change nothing
              -q, --quiet         Say nothing on stderr but warnings and errors
              -v, --verbose       Say more on stderr
                  --color <WHEN>  When to use colours: auto, always, never
                  --offline       Use no network
        "#]],
        );
        check(
            "skillsync --json info \u{1b}[2J",
            Exit::Usage,
            expect![[r#"
                {"error":{"code":"name-invalid","kind":"invalid","message":"skill name `\\u{1b}[2J` has a character other than a-z, 0-9 and hyphen","causes":[],"hint":"1 to 64 of `a-z`, `0-9` and single hyphens, for example `2j`"}}
                error: skill name `\u{1b}[2J` has a character other than a-z, 0-9 and hyphen
                hint: 1 to 64 of `a-z`, `0-9` and single hyphens, for example `2j`
            "#]],
        );
        check(
            "skillsync target add",
            Exit::Usage,
            expect![[r#"
            error: the following required arguments were not provided: <--tool <NAME>|--path <PATH>|--project [<DIR>]|--detected>
            hint: usage: skillsync target add <--tool <NAME>|--path <PATH>|--project [<DIR>]|--detected>
        "#]],
        );
    }

    #[test]
    fn help_of_help_is_help() {
        let said = |line: &str| {
            let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            crate::cli::parse(&args).expect_err(line).to_string()
        };
        for line in ["skillsync help --help", "skillsync help -h", "skillsync --json help --help"] {
            assert_eq!(said(line), said("skillsync help"), "{line}");
        }
        assert_eq!(said("skillsync help target --help"), said("skillsync help target"));
    }

    #[test]
    fn a_line_without_a_command_gets_the_help_and_fails() {
        let said = |line: &str| {
            let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let (mut ui, seen) = Ui::by_hand(manner(&args));
            let exit = answer(&mut ui, &crate::cli::parse(&args).expect_err(line), &args);
            (exit, seen.out(), seen.err())
        };
        let (_, help, _) = said("skillsync --help");
        assert_eq!(said("skillsync"), (Exit::Usage, String::new(), help));
    }

    #[test]
    fn help_fits_a_screen_and_names_all_commands() {
        check(
            "skillsync --help",
            Exit::Done,
            expect![[r#"
                One home for your agents' skills: verified, versioned, in every agent's folder

                Usage: skillsync [OPTIONS] <COMMAND>

                Start:
                  setup        Set everything up: find agents, adopt their skills, link, sync
                  init         Make the store and its config.toml
                  doctor       Find what is wrong and say what mends it

                Skills:
                  new          Make a new skill
                  add          Add skills from a folder or a git repository
                  rm           Remove skills at the next sync [also: remove]
                  ls           List skills [also: list]
                  info         Show what a skill is and its state
                  show         Show what an agent loads of a skill, with token counts
                  export       Copy a skill to a folder, or publish skills as a site

                Editing:
                  edit         Take a working copy of a skill and print its path
                  diff         Compare a working copy with its skill, as JSON
                  commit       Make the working copy the skill's next version
                  abort        Throw a working copy away and end the edit
                  adopt        Keep or discard an edit made outside `edit`
                  history      List the versions of a skill
                  rollback     Go back to an earlier version of a skill

                Quality:
                  validate     Check skills against the Agent Skills specification
                  observe      Record how one use of a skill went
                  log          Show how the uses of a skill went

                Projects:
                  deploy       Copy skills into a project and record what was copied
                  undeploy     Take copies out of a project and drop their records
                  deployments  List what is deployed in a project

                Agents:
                  target       Choose the agent folders that sync links skills into
                  sync         Bring every target up to date; check, preview, pull a project
                  hook         Begin every session of an agent with its skills up to date

                Hubs:
                  source       Choose the hubs that skills come from
                  login        Store your key for a hub
                  logout       Delete your key for a hub
                  search       Search the hubs for skills
                  install      Install a skill from a hub
                  outdated     Show which installed skills have a newer release
                  update       Bring installed skills up to date
                  poll         Ask the hubs for news and install what is new
                  publish      Publish a skill on a hub

                Store:
                  config       Read and change the settings
                  verify       Check every stored byte against its digest
                  gc           Free the space of what nothing needs any more

                Program:
                  completions  Print the completion script of a shell
                  man          Print or write the man pages
                  version      Print the version
                  help         Explain a command

                Global options:
                      --json          Print one JSON document on stdout
                  -y, --yes           Answer yes to every question
                  -n, --dry-run       Show what would be done and change nothing
                  -q, --quiet         Say nothing on stderr but warnings and errors
                  -v, --verbose       Say more on stderr
                      --color <WHEN>  When to use colours: auto, always, never
                      --offline       Use no network
                  -h, --help          Print help
                  -V, --version       Print version

                `skillsync help COMMAND` explains a command. With no skills yet, begin with `skillsync setup`.
            "#]],
        );
        check(
            "skillsync target --help",
            Exit::Done,
            expect![[r#"
            Choose the agent folders that sync links skills into

            A target is one folder where an agent looks for skills: for all projects (`--tool`), in one project
            (`--project`), or anywhere (`--path`). `skillsync sync` serves all of them.

            Usage: skillsync target [OPTIONS] <COMMAND>

            Commands:
              add     Add an agent's folder as a target
              remove  Stop linking skills into a target [alias: rm]
              list    List the targets [alias: ls]
              help    Print this message or the help of the given subcommand(s)

            Options:
              -h, --help
                      Print help (see a summary with '-h')

            Global options:
                  --json
                      Print one JSON document on stdout

              -y, --yes
                      Answer yes to every question

              -n, --dry-run
                      Show what would be done and change nothing

              -q, --quiet
                      Say nothing on stderr but warnings and errors

              -v, --verbose
                      Say more on stderr

                  --color <WHEN>
                      When to use colours: auto, always, never

                  --offline
                      Use no network
        "#]],
        );
        check(
            "skillsync sync -h",
            Exit::Done,
            expect![[r#"
                Bring every target up to date; check, preview, pull a project

                Usage: skillsync sync [OPTIONS] [COMMAND]

                Commands:
                  check    Show how a project's copies stand to the store
                  preview  Show what `sync pull` would look at, with hashes and strategy
                  pull     Take what was edited in a project into the store
                  help     Print this message or the help of the given subcommand(s)

                Options:
                  -h, --help  Print help (see more with '--help')

                Global options:
                      --json          Print one JSON document on stdout
                  -y, --yes           Answer yes to every question
                  -n, --dry-run       Show what would be done and change nothing
                  -q, --quiet         Say nothing on stderr but warnings and errors
                  -v, --verbose       Say more on stderr
                      --color <WHEN>  When to use colours: auto, always, never
                      --offline       Use no network
            "#]],
        );
    }
}
