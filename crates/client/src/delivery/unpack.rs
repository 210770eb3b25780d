//! From a cached archive to a payload: the very bytes that were hashed are unpacked, within what was signed.

use std::collections::BTreeMap;

use skillsync_core::digest::ArchiveDigest;
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_wire::archive::{self, Promise, Reader};
use skillsync_wire::release::Release;

use super::Error;
use crate::download;

/// The files of `release`, whose archive is in the cache. They are read into memory once; what is hashed there is what is
/// unpacked, whoever changes the file meanwhile (threat 24).
pub(super) fn payload(layout: &Layout, release: &Release) -> Result<Payload, Error> {
    let slug = &release.slug;
    let archived = |source| Error::Archive { slug: slug.clone(), source };
    let path = layout.cached(&release.tarball.sha256);
    let bytes = fs::read(&path, release.tarball.size_bytes).inspect_err(|_| {
        // The next run fetches it anew.
        let _ = fs::remove_file(&path);
    })?;
    if ArchiveDigest::of(&bytes) != release.tarball.sha256 {
        let (host, what) = ("the cache".to_owned(), format!("archive of `{slug}`"));
        // It is of no use to anybody.
        fs::remove_file(&path)?;
        return Err(download::Error::Mismatch { host, what, field: "digest" }.into());
    }
    let mut reader = Reader::promised(&*bytes, Promise::from(release));
    let mut files = BTreeMap::new();
    for entry in reader.by_ref() {
        let archive::Entry { path, executable, bytes } = entry.map_err(archived)?;
        files.insert(path, PayloadFile { bytes, executable });
    }
    reader.finish().map_err(archived)?;
    Payload::new(files).map_err(archive::Error::from).map_err(archived)
}
