//! Where to ask: addresses, valid by construction, and which of them may be asked without encryption.

use std::fmt;

use ureq::http::Uri;

use super::Error;
use crate::limits;

/// Which hosts may be asked over plain http.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// This machine alone.
    Loopback,
    /// Every host: the user said so of this source.
    Allowed,
}

/// What stands before the paths of a hub or of a mirror: `https://hub.example`, `https://cdn.example/hub`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    text: String,
    plain: Plain,
}

/// One thing on one server. Its `Debug` and `Display` leave out the query, where signatures stand.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    uri: Uri,
    plain: Plain,
}

impl Base {
    /// Reads `text`. Fails when it is no address, has a query, a fragment or a user in it, or is plain http and may not.
    pub fn parse(text: &str, plain: Plain) -> Result<Self, Error> {
        let invalid = |problem| Err(Error::Address { text: shown(text), problem });
        if text.contains(['?', '#']) {
            return invalid("it has a query or a fragment");
        }
        let address = Address::parse(text, plain)?;
        let text = format!(
            "{}://{}{}",
            address.scheme(),
            address.authority(),
            address.uri.path().trim_end_matches('/')
        );
        Ok(Self { text, plain })
    }

    /// The address of `path`, which begins with a slash and may have a query.
    pub fn at(&self, path: &str) -> Result<Address, Error> {
        Address::parse(&format!("{}{path}", self.text), self.plain)
    }

    /// The address that the hub names: an absolute one, or a path on this server.
    pub fn resolve(&self, text: &str) -> Result<Address, Error> {
        if text.starts_with('/') && !text.starts_with("//") {
            return self.at(text);
        }
        Address::parse(text, self.plain)
    }

    /// The address as it is written in the configuration: no slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        let rest = self.text.split_once("://").map_or(&*self.text, |(_, rest)| rest);
        rest.split_once('/').map_or(rest, |(host, _)| host)
    }
}

impl Address {
    /// Reads an absolute address. Fails when it is none, has a user in it, or is plain http and may not.
    pub fn parse(text: &str, plain: Plain) -> Result<Self, Error> {
        let invalid = |problem| Err(Error::Address { text: shown(text), problem });
        if text.len() > limits::ADDRESS_BYTES {
            return invalid("it is too long");
        }
        let Ok(uri) = text.parse::<Uri>() else { return invalid("it cannot be read") };
        let Some(authority) = uri.authority() else { return invalid("it has no host") };
        if authority.as_str().contains('@') {
            return invalid("it has a user in it; keys belong into `skillsync login`");
        }
        if authority.host().is_empty() {
            return invalid("it has no host");
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if plain == Plain::Allowed || is_loopback(authority.host()) => {}
            Some("http") => return Err(Error::Plain { host: authority.to_string() }),
            _ => return invalid("it does not begin with `https://`"),
        }
        Ok(Self { uri, plain })
    }

    /// Where `location`, the target of a redirect from here, leads. Fails when it may not be followed.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, Error> {
        let refused = |problem| Error::Redirect { host: self.host(), problem };
        let absolute = match location {
            _ if location.starts_with("//") => format!("{}:{location}", self.scheme()),
            _ if location.starts_with('/') => format!("{}://{}{location}", self.scheme(), self.authority()),
            _ => location.to_owned(),
        };
        let next = Self::parse(&absolute, self.plain)
            .map_err(|_| refused("to where nothing may be asked without encryption, or to no address"))?;
        if next.scheme() != self.scheme() {
            return Err(refused("to another scheme"));
        }
        Ok(next)
    }

    /// Whether both are on one host and port: who may see what is for this one.
    pub(super) fn is_beside(&self, other: &Address) -> bool {
        let port = |a: &Address| a.uri.port_u16().unwrap_or(if a.scheme() == "https" { 443 } else { 80 });
        let host = |a: &Address| a.uri.host().unwrap_or_default().to_ascii_lowercase();
        (self.scheme(), host(self), port(self)) == (other.scheme(), host(other), port(other))
    }

    /// Whether it is of this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.uri.host().unwrap_or_default())
    }

    /// Host and port.
    pub fn host(&self) -> String {
        self.authority().to_owned()
    }

    /// The path with its query, as it is asked for. Not for messages: signatures stand in queries.
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.uri.path())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The text for a message: neither a query nor a user, where secrets may stand, and not too much of it.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => text.to_owned(),
    };
    text.chars().take(100).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use skillsync_core::fault::Fault as _;

    use super::*;

    #[test]
    fn a_base_is_an_origin_with_or_without_a_path() {
        let cases = [
            ("https://hub.example", "https://hub.example"),
            ("https://hub.example/", "https://hub.example"),
            ("https://cdn.example:8443/hub/", "https://cdn.example:8443/hub"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://[::1]:1", "http://[::1]:1"),
        ];
        for (text, expected) in cases {
            assert_eq!(Base::parse(text, Plain::Loopback).unwrap().as_str(), expected, "{text}");
        }
        let bad = [
            ("", "hub-address-invalid"),
            ("hub.example", "hub-address-invalid"),
            ("/a", "hub-address-invalid"),
            ("https://", "hub-address-invalid"),
            ("ftp://hub.example", "hub-address-invalid"),
            ("https://me:secret@hub.example", "hub-address-invalid"),
            ("https://hub.example?a=b", "hub-address-invalid"),
            ("https://hub.example#a", "hub-address-invalid"),
            ("http://hub.example", "hub-address-plain"),
            ("http://localhost.example", "hub-address-plain"),
            ("http://127.0.0.1.example", "hub-address-plain"),
        ];
        for (text, code) in bad {
            let error = Base::parse(text, Plain::Loopback).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(Base::parse("http://hub.example", Plain::Allowed).is_ok());
    }

    #[test]
    fn a_redirect_stays_in_its_scheme_and_off_the_open_wire() {
        let check = |from: &str, to: &str| {
            let from = Address::parse(from, Plain::Loopback).unwrap();
            from.redirected(to).map(|next| (next.to_string(), next.is_beside(&from)))
        };
        let good = [
            ("https://a.example/x", "https://b.example/y", "https://b.example/y", false),
            ("https://a.example/x", "//b.example/y", "https://b.example/y", false),
            ("https://a.example/x", "/y?sig=1", "https://a.example/y", true),
            ("https://a.example/x", "https://A.EXAMPLE:443/y", "https://A.EXAMPLE:443/y", true),
            ("https://a.example/x", "https://a.example:444/y", "https://a.example:444/y", false),
            ("http://127.0.0.1:1/x", "http://localhost:1/y", "http://localhost:1/y", false),
        ];
        for (from, to, expected, beside) in good {
            assert_eq!(check(from, to).unwrap(), (expected.to_owned(), beside), "{from} {to}");
        }
        for (from, to) in [
            ("https://a.example/x", "http://a.example/x"),
            ("https://a.example/x", "http://127.0.0.1/x"),
            ("http://127.0.0.1:1/x", "https://a.example/x"),
            ("http://127.0.0.1:1/x", "http://a.example/x"),
            ("https://a.example/x", "file:///etc/passwd"),
            ("https://a.example/x", "https://u:p@a.example/x"),
            ("https://a.example/x", ""),
        ] {
            assert_eq!(check(from, to).unwrap_err().code(), "hub-redirect-refused", "{from} {to}");
        }
    }
}
