//! Who asks: the key in a header becomes a [`Caller`], or the one refusal that tells nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use skillsync_wire::api::key::ApiKey;

use super::Http;
use super::guard::Of;
use super::places::account;
use super::problem::{Problem, Trouble};
use super::rates::{Class, Who};
use crate::app::keys::Caller;

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Somebody who may have shown a key, and if so, a good one.
pub(super) struct Visitor {
    /// The key's owner.
    pub(super) caller: Option<Caller>,
    /// Whose bucket this request is taken from.
    pub(super) who: Who,
}

/// A caller from whose bucket this request was taken before anything of its body is read.
pub(super) struct Counted(pub(super) Caller);

/// Whoever asks, known by their address: a key that comes along is not looked at.
pub(super) struct Anybody(Who);

impl FromRequestParts<Arc<Http>> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Arc<Http>) -> Result<Self, Problem> {
        Ok(Self(Who::at(address(parts, http))))
    }
}

impl Anybody {
    /// Takes one from the bucket of their address.
    pub(super) fn take(&self, http: &Http, class: Class) -> Result<(), Problem> {
        limited(http, class, &self.0)
    }

    /// Their address, as somebody who takes places.
    pub(super) fn who(&self) -> Who {
        self.0.clone()
    }
}

impl FromRequestParts<Arc<Http>> for Counted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Arc<Http>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, http).await?;
        take(http, Class::Other, &caller)?;
        Ok(Self(caller))
    }
}

impl FromRequestParts<Arc<Http>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Arc<Http>) -> Result<Self, Problem> {
        let visitor = Visitor::from_request_parts(parts, http).await?;
        match visitor.caller {
            Some(caller) => Ok(caller),
            None => Err(refuse(http, parts)),
        }
    }
}

impl FromRequestParts<Arc<Http>> for Visitor {
    type Rejection = Problem;

    /// A key that was shown and does not hold is refused even where none is needed: its owner should know.
    async fn from_request_parts(parts: &mut Parts, http: &Arc<Http>) -> Result<Self, Problem> {
        let address = Who::at(address(parts, http));
        let Some(shown) = shown(&parts.headers) else {
            return Ok(Visitor { caller: None, who: address });
        };
        let Ok(key) = ApiKey::parse(shown.trim()) else { return Err(refuse(http, parts)) };
        let Some(caller) = http.app.authenticate(&key).await? else { return Err(refuse(http, parts)) };
        if let Some(of) = parts.extensions.get::<Of>() {
            of.note(key.id());
        }
        Ok(Visitor { who: Who::Key(key.id().to_owned()), caller: Some(caller) })
    }
}

impl Visitor {
    /// Whose places this request takes: those of its account, or of its address where there is no key.
    pub(super) fn account(&self) -> Who {
        self.caller.as_ref().map_or_else(|| self.who.clone(), account)
    }

    /// Takes one from the visitor's bucket.
    pub(super) fn take(&self, http: &Http, class: Class) -> Result<(), Problem> {
        limited(http, class, &self.who)
    }
}

/// Takes one from the bucket of a caller, or of its account.
pub(super) fn take(http: &Http, class: Class, caller: &Caller) -> Result<(), Problem> {
    let who = if class.is_of_account() {
        Who::Account(caller.account().to_string())
    } else {
        Who::Key(caller.key_id().to_owned())
    };
    limited(http, class, &who)
}

fn limited(http: &Http, class: Class, who: &Who) -> Result<(), Problem> {
    let taken = http.rates.take(class, who);
    if taken.is_err() {
        http.app.metrics().turned_away("rate");
    }
    taken
}

fn refuse(http: &Http, parts: &Parts) -> Problem {
    match limited(http, Class::Refused, &Who::at(address(parts, http))) {
        Ok(()) => Trouble::KeyRefused.problem(),
        Err(problem) => problem,
    }
}

/// The key that a request shows, in either of its two places.
fn shown(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get("x-api-key") {
        // What is no text is no key, and not the same as none.
        return Some(value.to_str().unwrap_or_default());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().unwrap_or_default();
    Some(
        value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map_or("", |(_, key)| key),
    )
}

/// Where a request comes from: the other end of the connection, or, where that is a proxy that the configuration names,
/// what it says last of whom it got the request from. An address of IPv4 is one however it is written: whoever listens for both
/// kinds is told of all of them as IPv6.
fn address(parts: &Parts, http: &Http) -> IpAddr {
    let peer = parts.extensions.get::<Peer>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical());
    if !http.trusted_proxies.contains(&peer) {
        if peer.is_loopback() && parts.headers.contains_key("x-forwarded-for") {
            http.untold_proxy.call_once(|| {
                tracing::warn!(%peer, "a proxy is not named in --trusted-proxies: all its callers count as one");
            });
        }
        return peer;
    }
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|line| line.split(',')).map(str::trim).collect();
    // Read from its end: what stands before the last hop that is not ours was written by anybody.
    for hop in hops.into_iter().rev() {
        match hop.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if http.trusted_proxies.contains(&address) => {}
            Ok(address) => return address,
            Err(_) => return peer,
        }
    }
    peer
}
