//! What surrounds the process: home, store, folder, variables, clock, terminal. Read once in `run`, made by hand
//! in tests; nothing else in the client reads the environment or the clock.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use skillsync_core::fault::{Fault, Kind};

/// Why the surroundings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No variable names the user's home.
    #[error("HOME is not set, so there is no home folder to look in")]
    HomeUnset,
    /// The home folder is not an absolute path.
    #[error("HOME is `{}`, which is not an absolute path", .0.display())]
    HomeRelative(PathBuf),
    /// The current folder cannot be read: it was removed, or a folder above it is closed to us.
    #[error("cannot read the current folder")]
    Cwd(#[source] io::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::HomeUnset | Error::HomeRelative(_) => Kind::Invalid,
            Error::Cwd(_) => Kind::Io,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::HomeUnset => "home-unset",
            Error::HomeRelative(_) => "home-relative",
            Error::Cwd(_) => "cwd-unreadable",
        }
    }
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::HomeUnset | Error::HomeRelative(_) => {
                "set HOME to the absolute path of your home folder".to_owned()
            }
            Error::Cwd(_) => "go to a folder that exists, for example with `cd`".to_owned(),
        })
    }
}

/// Which streams are terminals, and how wide the screen is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Whether standard input is a terminal.
    pub stdin: bool,
    /// Whether standard output is a terminal.
    pub stdout: bool,
    /// Whether standard error is a terminal.
    pub stderr: bool,
    /// Columns of the terminal on standard output; none when it is not a terminal.
    pub columns: Option<u16>,
}

/// Variables by which agents and build machines show that nobody sits at the keyboard.
const AGENT_VARS: [&str; 8] = [
    "CLAUDECODE",
    "CODEX_SANDBOX",
    "CODEX_THREAD_ID",
    "CURSOR_AGENT",
    "GEMINI_CLI",
    "AI_AGENT",
    "OPENCODE_CLIENT",
    "CI",
];

/// The surroundings of one run, as values. It has no `Debug`: variables hold keys.
#[derive(Clone)]
pub struct World {
    /// The user's home folder, its real path.
    pub home: PathBuf,
    /// The store: `$SKILLSYNC_HOME`, or `.skillsync` in the home folder. Its real path, as
    /// far as it is there.
    pub store: PathBuf,
    /// The folder the command was called in, absolute.
    pub cwd: PathBuf,
    /// The time of this run: one command writes one time.
    pub now: Timestamp,
    /// The user's login name, or `uid <number>` where no variable names it.
    pub user: String,
    /// The name of this machine.
    pub host: String,
    /// The id of this process.
    pub pid: u32,
    /// What the three streams are.
    pub terminal: Terminal,
    /// The program that runs; none where the system does not say.
    pub program: Option<PathBuf>,
    vars: BTreeMap<OsString, OsString>,
}

impl World {
    /// Reads the process's surroundings. Fails when there is no usable home or current folder.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads environment and clock")]
    pub fn from_process() -> Result<World, Error> {
        let vars: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let cwd = std::env::current_dir().map_err(Error::Cwd)?;
        // However they are spelled, one home is one home and one store is one store: links say its real path.
        let home = real(home(&vars)?);
        let store = real(store(&vars, &home, &cwd));
        let terminal = Terminal {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
            columns: None,
        };
        let columns = if terminal.stdout { columns(&vars) } else { None };
        Ok(World {
            user: user(&vars),
            host: host(&vars),
            now: Timestamp::now(),
            pid: std::process::id(),
            terminal: Terminal { columns, ..terminal },
            program: std::env::current_exe().ok(),
            home,
            store,
            cwd,
            vars,
        })
    }

    /// The same world at the present time: for who works on and on.
    #[must_use]
    pub fn at_present(&self) -> World {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        let now = Timestamp::now();
        World { now, ..self.clone() }
    }

    /// A world for tests: no variables, no terminal, user `tester` on `testhost`, process 1.
    pub fn by_hand(
        home: impl Into<PathBuf>,
        store: impl Into<PathBuf>,
        cwd: impl Into<PathBuf>,
        now: Timestamp,
    ) -> World {
        World {
            home: home.into(),
            store: store.into(),
            cwd: cwd.into(),
            now,
            user: "tester".to_owned(),
            host: "testhost".to_owned(),
            pid: 1,
            terminal: Terminal::default(),
            program: None,
            vars: BTreeMap::new(),
        }
    }

    /// The same world with one more variable.
    #[must_use]
    pub fn with_var(mut self, name: &str, value: &str) -> World {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// The same world on another terminal.
    #[must_use]
    pub fn with_terminal(mut self, terminal: Terminal) -> World {
        self.terminal = terminal;
        self
    }

    /// A variable of the environment. An empty one counts as absent: `NAME= command` is how a shell unsets it.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        set(&self.vars, name)
    }

    /// The variable that shows an agent or a build machine at work. There no question is ever asked.
    pub fn agent(&self) -> Option<&'static str> {
        AGENT_VARS.into_iter().find(|name| self.var(name).is_some_and(|v| v != "0" && v != "false"))
    }

    /// Colours wanted (`Some(true)`) or refused (`Some(false)`) by the environment: `NO_COLOR`
    /// (<https://no-color.org>) before `CLICOLOR_FORCE` before `TERM=dumb`.
    pub fn colors(&self) -> Option<bool> {
        if self.var("NO_COLOR").is_some() {
            Some(false)
        } else if self.var("CLICOLOR_FORCE").is_some_and(|v| v != "0") {
            Some(true)
        } else if self.var("TERM").is_some_and(|v| v == "dumb") {
            Some(false)
        } else {
            None
        }
    }

    /// `path` as the person meant it: `~/` is the home folder, a relative path starts at the current folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        resolve(path, &self.home, &self.cwd)
    }
}

fn set<'a>(vars: &'a BTreeMap<OsString, OsString>, name: &str) -> Option<&'a OsStr> {
    vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
}

fn text(vars: &BTreeMap<OsString, OsString>, name: &str) -> Option<String> {
    set(vars, name).map(|value| value.to_string_lossy().into_owned())
}

fn home(vars: &BTreeMap<OsString, OsString>) -> Result<PathBuf, Error> {
    let home = set(vars, "HOME").or_else(|| if cfg!(windows) { set(vars, "USERPROFILE") } else { None });
    let home = PathBuf::from(home.ok_or(Error::HomeUnset)?);
    if home.is_absolute() { Ok(home) } else { Err(Error::HomeRelative(home)) }
}

fn store(vars: &BTreeMap<OsString, OsString>, home: &Path, cwd: &Path) -> PathBuf {
    match set(vars, "SKILLSYNC_HOME") {
        Some(path) => resolve(Path::new(path), home, cwd),
        None => home.join(".skillsync"),
    }
}

/// `path` as it really is; what cannot be followed stays as it is written, and says so when it is used.
fn real(path: PathBuf) -> PathBuf {
    skillsync_store::fs::resolved(&path).unwrap_or(path)
}

/// A `~/` that reached us was not expanded by a shell: it comes from a quoted variable or a settings file.
fn resolve(path: &Path, home: &Path, cwd: &Path) -> PathBuf {
    let joined = match path.strip_prefix("~") {
        Ok(rest) => home.join(rest),
        Err(_) => cwd.join(path),
    };
    // Through its components: without `.` and without a slash at the end, `..` kept for the disk to resolve.
    joined.components().collect()
}

fn user(vars: &BTreeMap<OsString, OsString>) -> String {
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| text(vars, name)).unwrap_or_else(user_number)
}

#[cfg(unix)]
fn user_number() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn user_number() -> String {
    "unknown".to_owned()
}

#[cfg(unix)]
fn host(_vars: &BTreeMap<OsString, OsString>) -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host(vars: &BTreeMap<OsString, OsString>) -> String {
    text(vars, "COMPUTERNAME").unwrap_or_else(|| "unknown".to_owned())
}

/// `COLUMNS` where somebody exported it, else what the terminal says.
fn columns(vars: &BTreeMap<OsString, OsString>) -> Option<u16> {
    text(vars, "COLUMNS")
        .and_then(|value| value.parse().ok())
        .filter(|columns| *columns > 0)
        .or_else(|| dialoguer::console::Term::stdout().size_checked().map(|(_rows, columns)| columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    #[cfg(unix)]
    fn the_store_is_where_the_variable_says() {
        let check = |value: Option<&str>, expected: &str| {
            let vars = value.map(|v| vars(&[("SKILLSYNC_HOME", v)])).unwrap_or_default();
            let found = store(&vars, Path::new("/home/me"), Path::new("/work"));
            assert_eq!(found, Path::new(expected), "{value:?}");
        };
        check(None, "/home/me/.skillsync");
        check(Some(""), "/home/me/.skillsync");
        check(Some("/else/where/"), "/else/where");
        check(Some("./here"), "/work/here");
        check(Some("~/store"), "/home/me/store");
        check(Some("~"), "/home/me");
        check(Some("~other"), "/work/~other");
    }

    #[test]
    #[cfg(unix)]
    fn a_home_is_needed_and_must_be_absolute() {
        assert!(matches!(home(&vars(&[])), Err(Error::HomeUnset)));
        assert!(matches!(home(&vars(&[("HOME", "")])), Err(Error::HomeUnset)));
        assert!(matches!(home(&vars(&[("HOME", "me")])), Err(Error::HomeRelative(_))));
        assert_eq!(home(&vars(&[("HOME", "/home/me")])).unwrap(), Path::new("/home/me"));
    }

    #[test]
    fn agents_are_known_by_their_variables() {
        let check = |name: &str, value: &str, expected: Option<&str>| {
            let world = World::by_hand("/h", "/s", "/c", Timestamp::UNIX_EPOCH).with_var(name, value);
            assert_eq!(world.agent(), expected, "{name}={value}");
        };
        check("CLAUDECODE", "1", Some("CLAUDECODE"));
        check("CODEX_THREAD_ID", "abc", Some("CODEX_THREAD_ID"));
        check("CI", "true", Some("CI"));
        check("CI", "false", None);
        check("CI", "", None);
        check("EDITOR", "vi", None);
    }

    #[test]
    fn no_color_wins() {
        let world = World::by_hand("/h", "/s", "/c", Timestamp::UNIX_EPOCH);
        assert_eq!(world.colors(), None);
        let forced = world.with_var("CLICOLOR_FORCE", "1");
        assert_eq!(forced.colors(), Some(true));
        assert_eq!(forced.with_var("NO_COLOR", "1").colors(), Some(false));
    }
}
