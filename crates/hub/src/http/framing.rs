//! Where a request ends and whose it is. What a proxy and the hub could read in two ways is refused, so that nothing can be
//! hidden in it (RFC 9112, sections 3.2, 6.1 and 11.2).

use axum::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Version};

/// What is wrong with the frame of a request, if something is. `is_remote` says that it came over a network.
pub(super) fn fault(version: Version, headers: &HeaderMap, is_remote: bool) -> Option<&'static str> {
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 {
        return Some("there is more than one `host`");
    }
    if is_remote && hosts == 0 && version == Version::HTTP_11 {
        return Some("there is no `host`");
    }
    if is_chunked(headers) {
        if headers.contains_key(CONTENT_LENGTH) {
            return Some("`content-length` and `transfer-encoding` exclude each other");
        }
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let alone = codings.next().is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
        if !alone || codings.next().is_some() {
            return Some("the one `transfer-encoding` is `chunked`");
        }
    }
    None
}

/// Whether the body comes in chunks. The connection ends with such a request: HTTP's own parser may have dropped a
/// `content-length` that another reader went by.
pub(super) fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_what_everybody_reads_alike_is_let_in() {
        let (remote, local) = (true, false);
        for (lines, is_remote, good) in [
            (&[("host", "hub")][..], remote, true),
            (&[], local, true),
            (&[], remote, false),
            (&[("host", "hub"), ("host", "hub")], local, false),
            (&[("host", "hub"), ("content-length", "5")], remote, true),
            (&[("host", "hub"), ("transfer-encoding", "chunked")], remote, true),
            (&[("host", "hub"), ("transfer-encoding", "Chunked")], remote, true),
            (&[("host", "hub"), ("transfer-encoding", "chunked"), ("content-length", "5")], remote, false),
            (&[("host", "hub"), ("transfer-encoding", "gzip, chunked")], remote, false),
            (&[("host", "hub"), ("transfer-encoding", "chunked"), ("transfer-encoding", "x")], remote, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(fault(Version::HTTP_11, &headers, is_remote).is_none(), good, "{lines:?}");
        }
        assert_eq!(fault(Version::HTTP_10, &HeaderMap::new(), true), None);
    }
}
