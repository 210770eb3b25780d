//! The first page of help: all commands on one screen, in the order a person meets them. A test holds it to the
//! commands and their own first lines.

/// What skillsync is, for the first man page.
pub(super) const ABOUT: &str = "\
One home for your agents' skills: verified, versioned, in every agent's folder

Skills live in one store (~/.skillsync). They are edited as working copies, committed with a reason, and linked into \
the folder of every agent you use.";

/// The template of `skillsync --help`. clap would list the commands in one long row, without the options'
/// heading.
pub(super) const TEMPLATE: &str = "\
{about-with-newline}
{usage-heading} {usage}

\x1b[1mStart:\x1b[0m
  setup        Set everything up: find agents, adopt their skills, link, sync
  init         Make the store and its config.toml
  doctor       Find what is wrong and say what mends it

\x1b[1mSkills:\x1b[0m
  new          Make a new skill
  add          Add skills from a folder or a git repository
  rm           Remove skills at the next sync [also: remove]
  ls           List skills [also: list]
  info         Show what a skill is and its state
  show         Show what an agent loads of a skill, with token counts
  export       Copy a skill to a folder, or publish skills as a site

\x1b[1mEditing:\x1b[0m
  edit         Take a working copy of a skill and print its path
  diff         Compare a working copy with its skill, as JSON
  commit       Make the working copy the skill's next version
  abort        Throw a working copy away and end the edit
  adopt        Keep or discard an edit made outside `edit`
  history      List the versions of a skill
  rollback     Go back to an earlier version of a skill

\x1b[1mQuality:\x1b[0m
  validate     Check skills against the Agent Skills specification
  observe      Record how one use of a skill went
  log          Show how the uses of a skill went

\x1b[1mProjects:\x1b[0m
  deploy       Copy skills into a project and record what was copied
  undeploy     Take copies out of a project and drop their records
  deployments  List what is deployed in a project

\x1b[1mAgents:\x1b[0m
  target       Choose the agent folders that sync links skills into
  sync         Bring every target up to date; check, preview, pull a project
  hook         Begin every session of an agent with its skills up to date

\x1b[1mHubs:\x1b[0m
  source       Choose the hubs that skills come from
  login        Store your key for a hub
  logout       Delete your key for a hub
  search       Search the hubs for skills
  install      Install a skill from a hub
  outdated     Show which installed skills have a newer release
  update       Bring installed skills up to date
  poll         Ask the hubs for news and install what is new
  publish      Publish a skill on a hub

\x1b[1mStore:\x1b[0m
  config       Read and change the settings
  verify       Check every stored byte against its digest
  gc           Free the space of what nothing needs any more

\x1b[1mProgram:\x1b[0m
  completions  Print the completion script of a shell
  man          Print or write the man pages
  version      Print the version
  help         Explain a command

\x1b[1mGlobal options:\x1b[0m
{options}

`skillsync help COMMAND` explains a command. With no skills yet, begin with `skillsync setup`.
";
