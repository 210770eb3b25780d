//! What can go wrong between us and a repository, and what git's words about it mean.

use std::io;

use skillsync_core::fault::{Fault, Kind};
use skillsync_store::fs;

use super::program::Said;
use super::source::{self, Source, Spot};

/// Why a repository's files could not be had. No address in it has credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be read.
    #[error(transparent)]
    Address(#[from] source::Error),
    /// There is no `git` on this machine.
    #[error("the program `git` was not found")]
    NoGit,
    /// A network is needed, and `--offline` forbids it.
    #[error("`{url}` is not on this machine")]
    Offline {
        /// The repository.
        url: String,
    },
    /// The network or the host is not there.
    #[error("cannot reach `{url}`")]
    Unreachable {
        /// The repository.
        url: String,
        /// What git said.
        #[source]
        said: Said,
    },
    /// The host is not the one it was, or cannot prove who it is.
    #[error("the host of `{url}` is not trusted")]
    Untrusted {
        /// The repository.
        url: String,
        /// What git said.
        #[source]
        said: Said,
    },
    /// No such repository, or none that we may read: hosts do not tell which.
    #[error("there is no repository `{url}` that can be read")]
    NotFound {
        /// The repository.
        url: String,
        /// Whether it was written as `owner/repo`.
        shorthand: bool,
        /// What git said.
        #[source]
        said: Said,
    },
    /// It has no such branch, tag or commit.
    #[error("`{url}` has no branch, tag or commit `{reference}`")]
    NoReference {
        /// The repository.
        url: String,
        /// What was asked for.
        reference: String,
    },
    /// It has no commit at all.
    #[error("`{url}` has no commit yet")]
    Empty {
        /// The repository.
        url: String,
    },
    /// It has no such folder.
    #[error("`{path}` is {what} in `{url}` at commit {commit}")]
    NoFolder {
        /// The repository.
        url: String,
        /// The folder.
        path: String,
        /// What is there instead.
        what: &'static str,
        /// Where it was looked for.
        commit: String,
    },
    /// Git said nothing for too long, or took too long.
    #[error("fetching `{url}` was given up after {seconds} s")]
    TimedOut {
        /// The repository.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It failed in another way.
    #[error("git could not fetch `{url}`")]
    Failed {
        /// The repository.
        url: String,
        /// What git said.
        #[source]
        said: Said,
    },
    /// The program is there and cannot be run.
    #[error("the program `git` cannot be run")]
    Start(#[source] io::Error),
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Address(e) => e.kind(),
            Error::Offline { .. } | Error::Unreachable { .. } | Error::TimedOut { .. } => Kind::Offline,
            Error::Untrusted { .. } => Kind::Untrusted,
            Error::NoGit | Error::NotFound { .. } | Error::NoReference { .. } => Kind::NotFound,
            Error::Empty { .. } | Error::NoFolder { .. } => Kind::NotFound,
            Error::Failed { .. } | Error::Start(_) => Kind::Io,
            Error::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Address(e) => e.code(),
            Error::NoGit => "git-missing",
            Error::Offline { .. } => "git-offline",
            Error::Unreachable { .. } => "git-unreachable",
            Error::Untrusted { .. } => "git-host-untrusted",
            Error::NotFound { .. } => "git-repository-not-found",
            Error::NoReference { .. } => "git-ref-not-found",
            Error::Empty { .. } => "git-repository-empty",
            Error::NoFolder { .. } => "git-folder-not-found",
            Error::TimedOut { .. } => "git-timeout",
            Error::Failed { .. } | Error::Start(_) => "git-failed",
            Error::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Address(e) => return e.hint(),
            Error::NoGit => "install git and run the command again: `apt install git`, `dnf install git` or \
                             `brew install git`"
                .to_owned(),
            Error::Offline { .. } => "leave out --offline, or add a folder instead".to_owned(),
            Error::Unreachable { .. } => {
                "check the network and the host's name; what is in the store goes on working".to_owned()
            }
            Error::Untrusted { .. } => {
                "connect to the host once by hand, with `ssh` or a browser, and find out why".to_owned()
            }
            Error::NotFound { shorthand: true, .. } => {
                "if it is private, git must be able to log in by itself: try `git ls-remote ADDRESS`; if a folder on \
                 this machine was meant, it is not there: folders may begin with `./`"
                    .to_owned()
            }
            Error::NotFound { .. } => {
                "if it is private, git must be able to log in by itself: try `git ls-remote ADDRESS`".to_owned()
            }
            Error::NoReference { .. } => {
                "without `@REF` its default branch is taken; a skill is chosen with --skill NAME".to_owned()
            }
            Error::Empty { .. } => "push something to it first".to_owned(),
            Error::NoFolder { .. } => "leave the folder out to see which skills it has".to_owned(),
            Error::TimedOut { .. } => {
                "try again, or set SKILLSYNC_GIT_TIMEOUT to the seconds git may be silent for".to_owned()
            }
            Error::Failed { .. } | Error::Start(_) => return None,
            Error::Fs(e) => return e.hint(),
        })
    }
}

/// What git's words mean. What is in none of the lists is shown as it is.
pub(super) fn explain(source: &Source, spot: &Spot, said: Said) -> Error {
    let url = source.url().to_owned();
    // In this order: ssh adds the same last words to every failure.
    if said.has(&UNREACHABLE) {
        return Error::Unreachable { url, said };
    }
    if said.has(&UNTRUSTED) {
        return Error::Untrusted { url, said };
    }
    if said.has(&NO_REFERENCE) {
        return match &spot.reference {
            Some(reference) => Error::NoReference { url, reference: reference.clone() },
            None => Error::Empty { url },
        };
    }
    if said.has(&NOT_FOUND) {
        return Error::NotFound { url, shorthand: source.is_shorthand(), said };
    }
    Error::Failed { url, said }
}

const UNREACHABLE: [&str; 13] = [
    "could not resolve",
    "failed to connect",
    "couldn't connect",
    "unable to connect",
    "connection refused",
    "connection reset",
    "connection timed out",
    "operation timed out",
    "network is unreachable",
    "no route to host",
    "temporary failure in name resolution",
    "requested url returned error: 429",
    "requested url returned error: 50",
];
const UNTRUSTED: [&str; 4] = [
    "host key verification failed",
    "ssl certificate problem",
    "certificate verification failed",
    "transport 'http' not allowed",
];
const NO_REFERENCE: [&str; 4] =
    ["couldn't find remote ref", "not our ref", "unadvertised object", "no such remote ref"];
const NOT_FOUND: [&str; 8] = [
    "repository not found",
    "' not found",
    "does not appear to be a git repository",
    "does not exist",
    "could not read username",
    "could not read password",
    "authentication failed",
    "permission denied",
];
