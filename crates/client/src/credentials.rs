//! The key for a source: a file that its owner alone may read, or a variable. It is never shown and never logged; which
//! host gets to see it is left to `fetch`.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SourceName;
use skillsync_core::shell::shell_quoted;
use skillsync_store::config::Config;
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_wire::api::key;
pub use skillsync_wire::api::key::ApiKey;

pub use crate::limits::KEY_BYTES;

/// The variable with the key, where there is one source only.
pub const VARIABLE: &str = "SKILLSYNC_API_KEY";

/// A key cannot be used. No message has a key, or a part of one, in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// What was typed is no key.
    #[error("{origin} is not a key of a hub")]
    Form {
        /// Where it came from.
        origin: Origin,
        /// What is wrong with it.
        #[source]
        source: key::Error,
    },
    /// Others may read the file.
    #[error("others may read the key in `{}`", .path.display())]
    Shared {
        /// The file.
        path: PathBuf,
    },
    /// There is no key for a source.
    #[error("there is no key for the source `{name}`")]
    Missing {
        /// The source.
        name: SourceName,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::Form { .. } => Kind::Invalid,
            Error::Shared { .. } | Error::Missing { .. } => Kind::Denied,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Form { .. } => "api-key-invalid",
            Error::Shared { .. } => "api-key-shared",
            Error::Missing { .. } => "api-key-missing",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Form { .. } => Some("copy the whole key, from `rec_live_` to its end".to_owned()),
            Error::Shared { path } => {
                let path = shell_quoted(&path.display().to_string());
                Some(format!("they may have it: ask for a new key; `chmod 600 {path}` closes the file"))
            }
            Error::Missing { name } => Some(format!("`skillsync login {name}` stores one")),
        }
    }
}

/// Where a key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Its file.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// Somebody typed it, or a program gave it.
    Typed,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "what `{}` holds", path.display()),
            Origin::Variable(name) => write!(f, "the value of {name}"),
            Origin::Typed => f.write_str("what was given"),
        }
    }
}

/// Reads a key that somebody typed; blanks and line ends around it are no part of it.
pub fn typed(text: &str) -> Result<ApiKey, Error> {
    parsed(text, Origin::Typed)
}

fn parsed(text: &str, origin: Origin) -> Result<ApiKey, Error> {
    ApiKey::parse(text.trim()).map_err(|source| Error::Form { origin, source })
}

/// The variable with the key of one source among several: `SKILLSYNC_API_KEY_TEAM_SKILLS`.
pub fn variable(name: &SourceName) -> String {
    format!("{VARIABLE}_{}", name.as_str().to_ascii_uppercase().replace('-', "_"))
}

/// The key for a source and where it came from: a variable before its file. `var` reads the environment.
pub fn find(
    layout: &Layout,
    config: &Config,
    name: &SourceName,
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(ApiKey, Origin)>, Error> {
    match from_variable(config, name, var)? {
        Some(found) => Ok(Some(found)),
        None => load(layout, name),
    }
}

/// The key that a variable holds for a source: its own, or [`VARIABLE`] where no other source is configured. A key opens
/// one hub; shown to another it would be lost, so a variable that does not say whose it is counts only where there is no
/// doubt.
pub fn from_variable(
    config: &Config,
    name: &SourceName,
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(ApiKey, Origin)>, Error> {
    let own = variable(name);
    let is_alone = config.sources().iter().all(|source| source.name == *name);
    let names = [Some(own), is_alone.then(|| VARIABLE.to_owned())];
    let set = names.into_iter().flatten().find_map(|variable| Some((var(&variable)?, variable)));
    let Some((text, variable)) = set.filter(|(text, _)| !text.trim().is_empty()) else { return Ok(None) };
    let origin = Origin::Variable(variable);
    Ok(Some((parsed(&text, origin.clone())?, origin)))
}

/// The key in the file of a source. Fails when others may read it: then it is no secret any more.
fn load(layout: &Layout, name: &SourceName) -> Result<Option<(ApiKey, Origin)>, Error> {
    let path = layout.source_key(name);
    let Some(metadata) = fs::stat(&path)? else { return Ok(None) };
    if metadata.mode() & 0o077 != 0 {
        return Err(Error::Shared { path });
    }
    let bytes = fs::read(&path, KEY_BYTES)?;
    let origin = Origin::File(path);
    Ok(Some((parsed(&String::from_utf8_lossy(&bytes), origin.clone())?, origin)))
}

/// Stores the key of a source as one step, for its owner's eyes alone.
pub fn save(layout: &Layout, name: &SourceName, key: &ApiKey) -> Result<(), Error> {
    Ok(fs::replace(&layout.source_key(name), format!("{}\n", key.expose()).as_bytes(), fs::Mode::Private)?)
}

/// Deletes the key of a source; says whether there was one. It is the one thing that does not go to trash: who takes a
/// key away wants it gone.
pub fn forget(layout: &Layout, name: &SourceName) -> Result<bool, Error> {
    let path = layout.source_key(name);
    if fs::lstat(&path)?.is_none() {
        return Ok(false);
    }
    fs::remove_file(&path)?;
    fs::sync_dir(&layout.source(name))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const KEYS: [&str; 3] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"];

    fn key(id: &str) -> ApiKey {
        ApiKey::of(id, &"S3cret".repeat(8)[..43]).unwrap()
    }

    fn name(text: &str) -> SourceName {
        SourceName::parse(text).unwrap()
    }

    fn config(names: &[&str]) -> Config {
        let blocks =
            names.iter().map(|n| format!("[[sources]]\nname = \"{n}\"\nurl = \"https://{n}.example\"\n"));
        let text = format!("[skillsync]\nversion = \"1\"\n{}", blocks.collect::<String>());
        Config::parse(&text, Path::new("config.toml")).unwrap()
    }

    #[test]
    fn a_key_is_kept_for_its_owner_alone_and_goes_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        let (team, none) = (name("team"), |_: &str| None);
        fs::make_dirs(&layout.source(&team)).unwrap();
        assert!(find(&layout, &config(&["team"]), &team, &none).unwrap().is_none());
        assert!(!forget(&layout, &team).unwrap());
        save(&layout, &team, &key(KEYS[0])).unwrap();
        let path = layout.source_key(&team);
        assert_eq!(fs::stat(&path).unwrap().unwrap().mode() & 0o777, 0o600);
        let (found, origin) = find(&layout, &config(&["team"]), &team, &none).unwrap().unwrap();
        assert_eq!((found, origin), (key(KEYS[0]), Origin::File(path.clone())));
        fs::set_mode(&path, fs::Mode::Plain).unwrap();
        let error = find(&layout, &config(&["team"]), &team, &none).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("api-key-shared", Kind::Denied));
        assert!(forget(&layout, &team).unwrap() && fs::lstat(&path).unwrap().is_none());
    }

    #[test]
    fn a_variable_counts_only_for_the_hub_that_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        let (team, lab) = (name("team-a"), name("lab"));
        fs::make_dirs(&layout.source(&lab)).unwrap();
        save(&layout, &lab, &key(KEYS[2])).unwrap();
        let var = |asked: &str| match asked {
            "SKILLSYNC_API_KEY" => Some(key(KEYS[0]).expose().to_owned()),
            "SKILLSYNC_API_KEY_TEAM_A" => Some(format!(" {}\n", key(KEYS[1]).expose())),
            _ => None,
        };
        let id = |names: &[&str], source| {
            let found = find(&layout, &config(names), source, &var).unwrap();
            found.map(|(key, _)| key.id().to_owned())
        };
        assert_eq!(id(&["lab"], &lab).unwrap(), KEYS[0], "the only source");
        assert_eq!(id(&["lab", "team-a"], &lab).unwrap(), KEYS[2], "one of two: its file");
        assert_eq!(id(&["lab", "team-a"], &team).unwrap(), KEYS[1], "its own variable");
    }

    #[test]
    fn no_error_says_what_was_typed() {
        let wrong = "rec_live_aaaaaaaaaaaa_S3cret";
        let error = typed(wrong).unwrap_err();
        assert_eq!(error.code(), "api-key-invalid");
        let said = format!(
            "{error} {error:?} {} {}",
            error.hint().unwrap(),
            std::error::Error::source(&error).unwrap()
        );
        assert!(!said.contains("S3cret") && !said.contains("aaaaaaaaaaaa"), "{said}");
        assert!(!format!("{:?}", key(KEYS[0])).contains("S3cret"));
    }
}
