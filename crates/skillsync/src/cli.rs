//! The command line: global flags, the list of commands, one file for each. A command translates: it takes what
//! was typed to one op and shows the report.

pub mod complete;
pub mod subject;

mod overview;
mod planned;
mod usage;

mod abort;
mod add;
mod adopt;
mod commit;
mod completions;
mod config;
mod deploy;
mod deployments;
mod diff;
mod doctor;
mod edit;
mod export;
mod gc;
mod history;
mod hook;
mod info;
mod init;
mod install;
mod log;
mod login;
mod logout;
mod ls;
mod man;
mod new;
mod observe;
mod outdated;
mod poll;
mod publish;
mod refresh;
mod rm;
mod rollback;
mod search;
mod setup;
mod show;
mod source;
mod source_add;
mod source_import;
mod source_list;
mod source_remove;
mod source_trust;
mod sync;
mod sync_check;
mod sync_preview;
mod sync_pull;
mod target;
mod target_add;
mod target_list;
mod target_remove;
mod undeploy;
mod update;
mod validate;
mod verify;
mod version;

use std::ffi::{OsStr, OsString};

use clap::{CommandFactory, FromArgMatches, Parser};
use clap_complete::CompleteEnv;

use crate::ui::{Color, Consent, Exit, Format, Loudness, Manner, Stop, Ui};
use crate::world::World;

/// One home for your agents' skills: verified, versioned, in every agent's folder
// One paragraph alone: with a second, clap would print `--help` in its long form, two screens of it.
#[derive(Debug, Parser)]
#[command(name = "skillsync", version, styles = usage::STYLES, help_template = overview::TEMPLATE)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// The flags that every command takes.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Show what would be done and change nothing
    #[arg(short = 'n', long, global = true)]
    pub dry_run: bool,
    /// Say nothing on stderr but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on stderr
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colours: auto, always, never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub color: Color,
    /// Use no network
    #[arg(long, global = true)]
    pub offline: bool,
}

impl Globals {
    fn manner(&self) -> Manner {
        Manner {
            format: if self.json { Format::Json } else { Format::Human },
            loudness: match (self.quiet, self.verbose) {
                (true, _) => Loudness::Quiet,
                (false, true) => Loudness::Verbose,
                (false, false) => Loudness::Normal,
            },
            color: self.color,
            consent: match (self.dry_run, self.yes) {
                (true, _) => Consent::DryRun,
                (false, true) => Consent::Yes,
                (false, false) => Consent::Ask,
            },
        }
    }
}

/// What a command works with: the surroundings, the terminal, the global flags.
pub struct Cx<'a> {
    /// Home, store, clock and variables.
    pub world: &'a World,
    /// Where everything is said.
    pub ui: &'a mut Ui,
    /// The global flags. `dry_run`: show the plan, change nothing. `offline`: use no network.
    pub globals: &'a Globals,
}

/// All commands. Their arguments are described only when one is used (`defer`): start-up is felt by every agent.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
enum Command {
    Setup(setup::SetupArgs),
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    New(new::NewArgs),
    Add(add::AddArgs),
    #[command(visible_alias = "remove", alias = "uninstall")]
    Rm(rm::RmArgs),
    #[command(visible_alias = "list")]
    Ls(ls::LsArgs),
    Info(info::InfoArgs),
    Show(show::ShowArgs),
    Edit(edit::EditArgs),
    Diff(diff::DiffArgs),
    Commit(commit::CommitArgs),
    Abort(abort::AbortArgs),
    Adopt(adopt::AdoptArgs),
    History(history::HistoryArgs),
    Rollback(rollback::RollbackArgs),
    Export(export::ExportArgs),
    Validate(validate::ValidateArgs),
    Observe(observe::ObserveArgs),
    Log(log::LogArgs),
    Deploy(deploy::DeployArgs),
    Undeploy(undeploy::UndeployArgs),
    Deployments(deployments::DeploymentsArgs),
    Target(target::TargetArgs),
    Sync(sync::SyncArgs),
    Hook(hook::HookArgs),
    Source(source::SourceArgs),
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Search(search::SearchArgs),
    Install(install::InstallArgs),
    Outdated(outdated::OutdatedArgs),
    Update(update::UpdateArgs),
    Poll(poll::PollArgs),
    Publish(publish::PublishArgs),
    Config(config::ConfigArgs),
    Verify(verify::VerifyArgs),
    Gc(gc::GcArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Version(version::VersionArgs),
}

impl Command {
    fn run(&self, cx: &mut Cx<'_>) -> Result<Exit, Stop> {
        match self {
            Command::Setup(args) => setup::run(cx, args),
            Command::Init(args) => init::run(cx, args),
            Command::Doctor(args) => doctor::run(cx, args),
            Command::New(args) => new::run(cx, args),
            Command::Add(args) => add::run(cx, args),
            Command::Rm(args) => rm::run(cx, args),
            Command::Ls(args) => ls::run(cx, args),
            Command::Info(args) => info::run(cx, args),
            Command::Show(args) => show::run(cx, args),
            Command::Edit(args) => edit::run(cx, args),
            Command::Diff(args) => diff::run(cx, args),
            Command::Commit(args) => commit::run(cx, args),
            Command::Abort(args) => abort::run(cx, args),
            Command::Adopt(args) => adopt::run(cx, args),
            Command::History(args) => history::run(cx, args),
            Command::Rollback(args) => rollback::run(cx, args),
            Command::Export(args) => export::run(cx, args),
            Command::Validate(args) => validate::run(cx, args),
            Command::Observe(args) => observe::run(cx, args),
            Command::Log(args) => log::run(cx, args),
            Command::Deploy(args) => deploy::run(cx, args),
            Command::Undeploy(args) => undeploy::run(cx, args),
            Command::Deployments(args) => deployments::run(cx, args),
            Command::Target(args) => target::run(cx, args),
            Command::Sync(args) => sync::run(cx, args),
            Command::Hook(args) => hook::run(cx, args),
            Command::Source(args) => source::run(cx, args),
            Command::Login(args) => login::run(cx, args),
            Command::Logout(args) => logout::run(cx, args),
            Command::Search(args) => search::run(cx, args),
            Command::Install(args) => install::run(cx, args),
            Command::Outdated(args) => outdated::run(cx, args),
            Command::Update(args) => update::run(cx, args),
            Command::Poll(args) => poll::run(cx, args),
            Command::Publish(args) => publish::run(cx, args),
            Command::Config(args) => config::run(cx, args),
            Command::Verify(args) => verify::run(cx, args),
            Command::Gc(args) => gc::run(cx, args),
            Command::Completions(args) => completions::run(cx, args),
            Command::Man(args) => man::run(cx, args),
            Command::Version(args) => version::run(cx, args),
        }
    }
}

/// The whole command line as clap describes it: for help, man pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command line, program name first.
pub fn run(args: Vec<OsString>) -> Exit {
    let world = match World::from_process() {
        Ok(world) => world,
        Err(error) => return Ui::new(usage::manner(&args), None).stop(&Stop::from(error)),
    };
    if let Some(shell) = world.var("COMPLETE") {
        match CompleteEnv::with_factory(complete::command).try_complete(&args, Some(&world.cwd)) {
            Ok(true) => return Exit::Done,
            // `COMPLETE=0` means no completion: an ordinary run.
            Ok(false) => {}
            Err(_) => return Ui::new(usage::manner(&args), Some(&world)).stop(&unknown_shell(shell)),
        }
    }
    match parse(&args) {
        Ok(cli) => {
            let mut ui = Ui::new(cli.globals.manner(), Some(&world));
            let mut cx = Cx { world: &world, ui: &mut ui, globals: &cli.globals };
            cli.command.run(&mut cx).unwrap_or_else(|stop| ui.stop(&stop))
        }
        Err(error) => usage::answer(&mut Ui::new(usage::manner(&args), Some(&world)), &error, &args),
    }
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let mut matches = command().try_get_matches_from(usage::words(args))?;
    Cli::from_arg_matches_mut(&mut matches)
}

fn unknown_shell(shell: &OsStr) -> Stop {
    Stop::usage(
        format!("COMPLETE is `{}`, which is no shell that completions are made for", shell.display()),
        "unset COMPLETE; `skillsync completions --help` says how to load completions",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Cli, clap::Error> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    fn walk(command: &clap::Command, path: &str, visit: &mut dyn FnMut(&str, &clap::Command)) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            visit(&path, sub);
            walk(sub, &path, visit);
        }
    }

    #[test]
    fn every_command_and_argument_explains_itself() {
        let mut root = command();
        root.build();
        walk(&root, "skillsync", &mut |path, command| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let first = about.lines().next().unwrap_or_default();
            assert!(!first.is_empty() && !first.ends_with('.'), "{path}: `{first}`");
            assert!(first.len() <= 64, "{path}: `{first}` is long");
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.ends_with('.'), "{path} {}: `{help}`", argument.get_id());
            }
        });
    }

    #[test]
    fn the_overview_lists_every_command_with_its_first_line() {
        let mut root = command();
        root.build();
        let mut names = vec!["help"];
        for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
            let mut about = command.get_about().map(ToString::to_string).unwrap_or_default();
            for alias in command.get_visible_aliases() {
                about.push_str(&format!(" [also: {alias}]"));
            }
            let line = format!("  {:<13}{about}\n", command.get_name());
            assert!(overview::TEMPLATE.contains(&line), "the overview lacks: {line}");
            names.push(command.get_name());
        }
        let listed = overview::TEMPLATE.lines().filter(|line| line.starts_with("  ")).count();
        assert_eq!(listed, names.len(), "the overview lists what is no command");
    }

    #[test]
    fn command_lines_that_people_type_are_understood() {
        for line in [
            "skillsync setup --undo --yes",
            "skillsync add ./a owner/repo@v1 --skill pdf --skill xlsx -n",
            "skillsync remove pdf xlsx",
            "skillsync uninstall pdf",
            "skillsync --json list",
            "skillsync show pdf --level 2",
            "skillsync show pdf references/forms.md",
            "skillsync edit pdf --force",
            "skillsync commit pdf --reason because --token 3",
            "skillsync adopt pdf --from codex",
            "skillsync adopt pdf --discard",
            "skillsync rollback pdf --to 2",
            "skillsync validate pdf ./folder",
            "skillsync observe pdf --signal positive --note fine",
            "skillsync log pdf --summary",
            "skillsync target add --tool codex",
            "skillsync target add --project",
            "skillsync target add --project ~/app --tool claude-code",
            "skillsync target add --path ./skills --mode copy",
            "skillsync target rm codex",
            "skillsync target ls",
            "skillsync deploy pdf xlsx ~/app",
            "skillsync deploy --all . --tool codex --tool cursor --force",
            "skillsync undeploy pdf ~/app -n",
            "skillsync deployments",
            "skillsync --json sync check ~/app",
            "skillsync sync check --all --record",
            "skillsync sync preview . --strategy fork",
            "skillsync sync pull . --artifacts pdf,xlsx --strategy overwrite --prefer collection --json",
            "skillsync sync pull ~/app --rollback --yes",
            "skillsync -q sync --offline",
            "skillsync install pdf@1.4.2 --source team",
            "skillsync outdated --json",
            "skillsync update pdf xlsx -n",
            "skillsync poll --every 15m --json",
            "skillsync poll --once --source team",
            "skillsync source add https://hub.example --name team --policy pin --apply notify --all -n",
            "skillsync source add http://127.0.0.1:8080 --root-sha256 00 --mirror https://cdn.example --key-stdin",
            "skillsync source rm team -y",
            "skillsync source ls",
            "skillsync source trust team",
            "skillsync login https://hub.example",
            "skillsync logout team",
            "skillsync search seo audit --source team --page-size 5 --page 2",
            "skillsync publish pdf --version 1.2.0 --changelog more --public --tier pro --category documents",
            "skillsync config",
            "skillsync config set observation.threshold 0.5",
        ] {
            typed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn wrong_command_lines_are_refused() {
        for line in [
            "skillsync",
            "skillsync commit pdf",
            "skillsync info Not_A_Name",
            "skillsync observe pdf --signal maybe",
            "skillsync rollback pdf --to 0",
            "skillsync show pdf --level 4",
            "skillsync log pdf --summary --limit 3",
            "skillsync target add",
            "skillsync target add --tool codex --path x",
            "skillsync target add --detected --project",
            "skillsync add a --all --skill b",
            "skillsync -q -v ls",
            "skillsync adopt pdf --discard --reason x",
            "skillsync deploy",
            "skillsync install",
            "skillsync install pdf@newest",
            "skillsync poll --every often",
            "skillsync poll --once --every 15m",
            "skillsync source add",
            "skillsync source add https://hub.example --apply never",
            "skillsync source add https://hub.example --root a --root-sha256 b",
            "skillsync search",
            "skillsync search a --page-size 101",
            "skillsync search a --page 0",
            "skillsync publish pdf --public --private",
            "skillsync publish pdf --version 1",
            "skillsync publish pdf --tier gold",
            "skillsync sync pull . --strategy theirs",
            "skillsync sync pull . --rollback --strategy merge",
        ] {
            assert!(typed(line).is_err(), "{line}");
        }
    }
}
