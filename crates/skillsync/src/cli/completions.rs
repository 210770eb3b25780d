//! `skillsync completions SHELL`

use clap_complete::env::Shells;

use crate::cli::Cx;
use crate::ui::{Exit, Stop};

/// Print the completion script of a shell
///
/// The script asks this program at every Tab, so it completes the names of
/// your skills and targets as they are. Load it at every start of the shell,
/// so that it fits the program after an update:
///
///   bash, in ~/.bashrc:
///     source <(skillsync completions bash)
///   zsh, in ~/.zshrc after compinit:
///     source <(skillsync completions zsh)
///   fish, in ~/.config/fish/config.fish:
///     skillsync completions fish | source
///   elvish, in ~/.config/elvish/rc.elv:
///     eval (skillsync completions elvish | slurp)
///   powershell, in the file that $PROFILE names:
///     skillsync completions powershell | Out-String | Invoke-Expression
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
            Shell::Elvish => "elvish",
            Shell::Powershell => "powershell",
        }
    }
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &CompletionsArgs) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(args.shell.name()) {
        shell
            .write_registration("COMPLETE", "skillsync", "skillsync", "skillsync", &mut script)
            .map_err(Stop::Output)?;
    }
    cx.ui.bytes(&script)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_has_a_script() {
        for shell in Shell::value_variants() {
            assert!(Shells::builtins().completer(shell.name()).is_some(), "{shell:?}");
        }
    }
}
