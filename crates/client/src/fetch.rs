//! The one door to the network: a request goes out, an answer of bounded size comes back. Nothing that comes through it is
//! believed here; what an answer means is left to who asked.

use std::fmt;
use std::io::{self, Write};

use skillsync_core::fault::{Fault, Kind};
use skillsync_wire::api::key::ApiKey;

mod address;
mod http;
mod names;
mod pace;

pub use address::{Address, Base, Plain};
pub use http::{Http, Limits};

/// Asks a server. Programs use [`Http`]; tests may answer from memory.
pub trait Fetch: Sync {
    /// Sends `request` and writes the body of a success (2xx) to `into`, never more than the request allows. The body of
    /// any other answer is in the reply. What was written is to be thrown away after an error.
    fn fetch(&self, request: &Request<'_>, into: &mut dyn Write) -> Result<Reply, Error>;
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// From where.
    pub address: &'a Address,
    /// The key to show, in a header; another host never gets to see it.
    pub key: Option<&'a ApiKey>,
    /// The `ETag` of what is here already: the answer may be 304 then.
    pub if_none_match: Option<&'a str>,
    /// Most bytes that the body of a success may have.
    pub limit_bytes: u64,
    /// What is sent; `None` is a GET.
    pub send: Option<Send<'a>>,
    /// Told how many bytes more went through.
    pub progress: Option<&'a (dyn Fn(u64) + Sync)>,
}

/// What is sent with a POST.
#[derive(Clone, Copy)]
pub struct Send<'a> {
    /// Its type.
    pub content_type: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl<'a> Request<'a> {
    /// A GET of `address`.
    pub fn get(address: &'a Address, limit_bytes: u64) -> Self {
        Self { address, key: None, if_none_match: None, limit_bytes, send: None, progress: None }
    }

    /// A POST to `address`.
    pub fn post(address: &'a Address, send: Send<'a>, limit_bytes: u64) -> Self {
        Self { send: Some(send), ..Self::get(address, limit_bytes) }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key and what is sent are nobody's business.
        f.debug_struct("Request").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// What names this edition of the answer.
    pub etag: Option<String>,
    /// How long the server asks to be left alone, in seconds.
    pub retry_after_s: Option<u64>,
    /// How many bytes of a success were written.
    pub length_bytes: u64,
    /// The body of what is no success, cut off at [`crate::limits::PROBLEM_BYTES`].
    pub problem: Vec<u8>,
}

impl Reply {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text is no address of a hub.
    #[error("`{text}` is not an address of a hub: {problem}")]
    Address {
        /// The text, without what may be secret in it.
        text: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Plain http, and the host is not this machine.
    #[error("{host} would be asked without encryption")]
    Plain {
        /// The host.
        host: String,
    },
    /// The server cannot be reached.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server cannot prove who it is.
    #[error("{host} cannot prove who it is")]
    Certificate {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server took too long.
    #[error("{host} is too slow: {what}")]
    Slow {
        /// The host.
        host: String,
        /// At what.
        what: &'static str,
    },
    /// The connection ended in the middle of an answer.
    #[error("{host} ended in the middle of its answer")]
    Cut {
        /// The host.
        host: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The answer is no answer of a hub.
    #[error("the answer of {host} cannot be read: {problem}")]
    Garbled {
        /// The host.
        host: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The answer is larger than it may be.
    #[error("the answer of {host} has more than {limit_bytes} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The bound.
        limit_bytes: u64,
    },
    /// A redirect that is not followed.
    #[error("{host} redirects {problem}")]
    Redirect {
        /// The host.
        host: String,
        /// How.
        problem: &'static str,
    },
    /// What came could not be written.
    #[error("what {host} sends cannot be written")]
    Write {
        /// The host.
        host: String,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether the same question may well be answered a moment later, or by another server.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind(), Kind::Offline)
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Address { .. } | Error::Plain { .. } => Kind::Invalid,
            Error::Unreachable { .. } | Error::Slow { .. } | Error::Cut { .. } | Error::Garbled { .. } => {
                Kind::Offline
            }
            Error::TooLarge { .. } => Kind::Limit,
            Error::Certificate { .. } | Error::Redirect { .. } => Kind::Untrusted,
            Error::Write { .. } => Kind::Io,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Address { .. } => "hub-address-invalid",
            Error::Plain { .. } => "hub-address-plain",
            Error::Unreachable { .. } => "hub-unreachable",
            Error::Certificate { .. } => "hub-host-untrusted",
            Error::Slow { .. } => "hub-slow",
            Error::Cut { .. } => "hub-interrupted",
            Error::Garbled { .. } => "hub-answer-unreadable",
            Error::TooLarge { .. } => "hub-answer-too-large",
            Error::Redirect { .. } => "hub-redirect-refused",
            Error::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => "disk-full",
            Error::Write { .. } => "io-error",
        }
    }
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Address { .. } => "write it as `https://hub.example`",
            Error::Plain { .. } => {
                "use https; for a network that you trust, set `insecure = true` at the source in config.toml"
            }
            Error::Unreachable { .. } | Error::Slow { .. } | Error::Cut { .. } => {
                "what is installed goes on working; try again later"
            }
            Error::Certificate { .. } => "somebody may be in between; ask who runs the hub",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
