//! The keys of the hub's roles, one file each in a folder that nobody else reads. Which of them is in force is said by
//! the root: a new key is put beside the old one, and no file is ever written over.
//!
//! A file has a line that says what it is and a line of 64 hex digits, and is named for people alone:
//! `skillsync-hub-key 1 release`.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use skillsync_core::fault::{Fault, Kind};
use skillsync_wire::key::{KeyId, SecretKey};
use skillsync_wire::root::Root;

use crate::secret::{self, Secret};

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it cannot be read or written.
    #[error("{} cannot be {doing}", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What was tried: `read`.
        doing: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A file is no key file.
    #[error("{} is not a key file of the hub", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The root names a key that is not there.
    #[error("{} has no {role} key of root {version}, which is {id}", .dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
        /// The role.
        role: Role,
        /// The version of the root.
        version: u64,
        /// The key that the root names.
        id: KeyId,
    },
    /// Fewer root keys than must sign.
    #[error("{} has {found} of the root keys of root {version}; {threshold} must sign", .dir.display())]
    TooFew {
        /// The folder.
        dir: PathBuf,
        /// The version of the root.
        version: u64,
        /// How many of its root keys are there.
        found: usize,
        /// How many are needed.
        threshold: usize,
    },
    /// The secret that signs addresses is not there.
    #[error("{} has no secret for signed addresses", .dir.display())]
    NoUrlSecret {
        /// The folder.
        dir: PathBuf,
    },
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] secret::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Io { .. } => Kind::Io,
            Error::Format { .. } => Kind::Invalid,
            Error::Missing { .. } | Error::TooFew { .. } => Kind::Untrusted,
            Error::NoUrlSecret { .. } => Kind::NotFound,
            Error::Random(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Io { .. } => "io-error",
            Error::Format { .. } => "hub-key-file-invalid",
            Error::Missing { .. } | Error::NoUrlSecret { .. } => "hub-keys-not-of-root",
            Error::TooFew { .. } => "hub-root-keys-missing",
            Error::Random(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Missing { .. } => Some(
                "every process of one hub needs the same keys: copy the folder of the one that made them, or name \
                 it with --keys; a key that is lost is replaced with `skillsync-hub rotate`"
                    .to_owned(),
            ),
            Error::NoUrlSecret { .. } => Some(
                "copy `url.key` from another process of this hub; if there is none, `skillsync-hub init` makes it"
                    .to_owned(),
            ),
            Error::TooFew { .. } => Some("name the folder they are in with --root-keys".to_owned()),
            _ => None,
        }
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Signs roots.
    Root,
    /// Signs release statements and advisories.
    Release,
    /// Signs manifests.
    Manifest,
    /// Is no key of a signature, but the secret of signed addresses.
    Url,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Root => "root",
            Role::Release => "release",
            Role::Manifest => "manifest",
            Role::Url => "url",
        })
    }
}

impl Role {
    fn parse(text: &str) -> Option<Self> {
        [Role::Root, Role::Release, Role::Manifest, Role::Url]
            .into_iter()
            .find(|role| role.to_string() == text)
    }
}

/// The first line of a key file, before the role.
const HEAD: &str = "skillsync-hub-key 1 ";
/// Files with this ending are read.
const ENDING: &str = "key";
/// A key file has some hundred bytes.
const FILE_BYTES: u64 = 1024;

/// A folder of keys.
#[derive(Debug, Clone)]
pub struct KeyDir {
    dir: PathBuf,
}

/// The keys that serve: everything but the root's.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Signs release statements and advisories.
    pub release: SecretKey,
    /// Signs manifests.
    pub manifest: SecretKey,
    /// Signs addresses.
    pub url: Secret<[u8; 32]>,
}

/// Held while keys are made, so that two first starts make one set.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

impl KeyDir {
    /// The folder at `dir`, made for nobody else when it is not there.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        private_dir(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Waits until nobody else makes keys here.
    pub async fn hold(&self) -> Result<Held, Error> {
        let keys = self.clone();
        // In a thread of its own: who holds the folder may be another task of this one.
        let held = tokio::task::spawn_blocking(move || keys.lock()).await;
        held.unwrap_or_else(|gone| Err(failed(&self.dir, "locked")(io::Error::other(gone))))
    }

    fn lock(&self) -> Result<Held, Error> {
        let path = self.dir.join(".lock");
        let open = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path);
        let file = open.map_err(failed(&path, "opened"))?;
        file.lock().map_err(failed(&path, "locked"))?;
        Ok(Held { _file: file })
    }

    /// The file of the key of this name.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.{ENDING}"))
    }

    /// Makes a key file. One of that name that is there already is an error.
    pub fn make(&self, role: Role, name: &str) -> Result<SecretKey, Error> {
        let seed = secret::random::<32>()?;
        let path = self.file(name);
        // Written whole under another name first: whoever is killed here leaves no half of a key.
        let staged = self.dir.join(format!(".{name}.new"));
        let open = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&staged);
        let mut file = open.map_err(failed(&staged, "made"))?;
        let text = format!("{HEAD}{role}\n{}\n", hex::encode(seed));
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(failed(&staged, "written"))?;
        fs::hard_link(&staged, &path).map_err(failed(&path, "made"))?;
        let cleared = fs::remove_file(&staged).and_then(|()| File::open(&self.dir)?.sync_all());
        cleared.map_err(failed(&self.dir, "written"))?;
        Ok(SecretKey::from_seed(&seed))
    }

    /// The key in the file of this name, made where there is none. Only for who holds the folder ([`KeyDir::hold`]).
    pub fn ensure(&self, role: Role, name: &str) -> Result<SecretKey, Error> {
        let path = self.file(name);
        if !path.exists() {
            return self.make(role, name);
        }
        match read(&path)? {
            (found, seed) if found == role => Ok(SecretKey::from_seed(seed.expose())),
            _ => Err(Error::Format { path }),
        }
    }

    /// The keys of a role, in the order of their files' names.
    pub fn of_role(&self, role: Role) -> Result<Vec<SecretKey>, Error> {
        let seeds = self.seeds()?.into_iter().filter(|(of, _)| *of == role);
        Ok(seeds.map(|(_, seed)| SecretKey::from_seed(seed.expose())).collect())
    }

    /// The keys that serve under `root`. Fails by name when one of them is not there: then this folder is not of the hub
    /// that the database is of.
    pub fn serving(&self, root: &Root) -> Result<Serving, Error> {
        let url = self.seeds()?.into_iter().find(|(of, _)| *of == Role::Url).map(|(_, seed)| seed);
        Ok(Serving {
            release: self.release_of(root)?,
            manifest: self.in_force(Role::Manifest, &root.roles.manifest.keyids, root)?,
            url: url.ok_or_else(|| Error::NoUrlSecret { dir: self.dir.clone() })?,
        })
    }

    /// The release key of `root`. Fails by name when it is not there.
    pub fn release_of(&self, root: &Root) -> Result<SecretKey, Error> {
        self.in_force(Role::Release, &root.roles.release.keyids, root)
    }

    fn in_force(&self, role: Role, ids: &[KeyId], root: &Root) -> Result<SecretKey, Error> {
        let found = self.of_role(role)?.into_iter().find(|key| ids.contains(&key.public().id()));
        let (dir, version) = (self.dir.clone(), root.version);
        // A role has at least one key: roots without are refused.
        found.ok_or_else(|| Error::Missing { dir, role, version, id: ids[0] })
    }

    /// As many of the root keys of `root` as must sign. Fails when they are not there.
    pub fn signing_root(&self, root: &Root) -> Result<Vec<SecretKey>, Error> {
        let role = &root.roles.root;
        let mut keys = self.of_role(Role::Root)?;
        keys.retain(|key| role.keyids.contains(&key.public().id()));
        keys.dedup_by_key(|key| key.public().id());
        if keys.len() < role.threshold {
            let (dir, version) = (self.dir.clone(), root.version);
            return Err(Error::TooFew { dir, version, found: keys.len(), threshold: role.threshold });
        }
        keys.truncate(role.threshold);
        Ok(keys)
    }

    fn seeds(&self) -> Result<Vec<Seed>, Error> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed(&self.dir, "read"))? {
            let path = entry.map_err(failed(&self.dir, "read"))?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }
}

/// What a key is for, and what it is made of.
type Seed = (Role, Secret<[u8; 32]>);

fn read(path: &Path) -> Result<Seed, Error> {
    let mut text = String::new();
    let file = File::open(path).map_err(failed(path, "read"))?;
    file.take(FILE_BYTES).read_to_string(&mut text).map_err(failed(path, "read"))?;
    let mut seed = [0; 32];
    let role = text.split_once('\n').and_then(|(head, rest)| {
        hex::decode_to_slice(rest.trim_end(), &mut seed).ok()?;
        Role::parse(head.strip_prefix(HEAD)?.trim_end())
    });
    let role = role.ok_or_else(|| Error::Format { path: path.to_owned() })?;
    Ok((role, Secret::new(seed)))
}

/// Makes a folder for nobody else, unless it is there.
pub fn private_dir(dir: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(failed(dir, "made"))
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| Error::Io { path, doing, cause }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_read_back_and_are_for_nobody_else() {
        let home = tempfile::tempdir().unwrap();
        let dir = KeyDir::open(&home.path().join("a/keys")).unwrap();
        let made = dir.make(Role::Release, "release").unwrap();
        let read = dir.of_role(Role::Release).unwrap();
        assert_eq!(read[0].public(), made.public());
        assert!(dir.of_role(Role::Manifest).unwrap().is_empty());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(dir.path()), mode(&dir.path().join("release.key"))), (0o700, 0o600));
        assert_eq!(dir.make(Role::Release, "release").unwrap_err().code(), "io-error");
    }

    #[test]
    fn what_is_no_key_file_is_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let dir = KeyDir::open(home.path()).unwrap();
        for wrong in ["", "skillsync-hub-key 2 root\n", "skillsync-hub-key 1 cook\n00\n"] {
            fs::write(home.path().join("x.key"), wrong).unwrap();
            let error = dir.of_role(Role::Root).unwrap_err();
            assert_eq!(error.code(), "hub-key-file-invalid", "{wrong}");
            assert!(error.to_string().contains("x.key"), "{error}");
        }
    }
}
