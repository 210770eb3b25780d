//! From the newest root to a release that may be installed: manifest, advisories, release statement.

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::SkillName;

use super::refusal::Refusal;
use super::roots::Rooted;
use super::state::{AdvisoriesMark, ManifestMark, SkillMark, State};
use crate::advisories::{Advisories, Revocation};
use crate::envelope::{self, Document as _, Signed};
use crate::json::Time;
use crate::limits;
use crate::manifest::{Entry, Manifest};
use crate::release::Release;
use crate::text::Audience;

/// A manifest that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    rooted: Rooted,
    manifest: Signed<Manifest>,
    now: Time,
}

/// A manifest with its advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advised {
    listed: Listed,
    advisories: Signed<Advisories>,
}

/// A release that may be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    release: Signed<Release>,
    mark: SkillMark,
}

impl Rooted {
    /// Believes a manifest for `aud`, or says why not. `clock` is the time of this machine.
    pub fn manifest(&self, envelope: &[u8], aud: &Audience, clock: Time) -> Result<Listed, Refusal> {
        let manifest: Signed<Manifest> = envelope::verify(envelope, &self.root.manifest_signers()?)?;
        let now = self.state.now(clock);
        let document = Manifest::TYPE;
        if manifest.hub != self.root.hub {
            let (expected, found) = (self.root.hub.clone(), manifest.hub.clone());
            return Err(Refusal::Hub { document, expected, found });
        }
        if manifest.aud != *aud {
            return Err(Refusal::Audience { expected: aud.clone(), found: manifest.aud.clone() });
        }
        let role = &self.root.roles.manifest;
        if manifest.epoch != role.epoch {
            return Err(Refusal::Epoch { document, expected: role.epoch, found: manifest.epoch });
        }
        if manifest.root_version > self.root.version {
            let (trusted, found) = (self.root.version, manifest.root_version);
            return Err(Refusal::RootBehind { trusted, found });
        }
        self.check_manifest_version(&manifest)?;
        if manifest.ttl_s() > role.max_ttl_s {
            return Err(Refusal::Ttl { document, ttl_s: manifest.ttl_s(), most_s: role.max_ttl_s });
        }
        if manifest.issued_at.seconds_since(now) > limits::CLOCK_SKEW_S {
            return Err(Refusal::Future { issued_at: manifest.issued_at, now });
        }
        if manifest.expires <= now {
            return Err(Refusal::Stale { expires: manifest.expires });
        }
        let mut rooted = self.clone();
        let (epoch, version, expires) = (manifest.epoch, manifest.version, manifest.expires);
        let sha256 = manifest.payload_digest();
        rooted.state.manifest = Some(ManifestMark { epoch, version, sha256, expires });
        rooted.state.max_time = rooted.state.max_time.max(Some(manifest.issued_at));
        Ok(Listed { rooted, manifest, now })
    }

    /// Fails when (epoch, version) goes back, or an equal version says something else.
    fn check_manifest_version(&self, manifest: &Signed<Manifest>) -> Result<(), Refusal> {
        let Some(mark) = &self.state.manifest else { return Ok(()) };
        let what = || Manifest::TYPE.to_owned();
        if (manifest.epoch, manifest.version) < (mark.epoch, mark.version) {
            return Err(Refusal::Rollback { what: what(), stored: mark.version, found: manifest.version });
        }
        let same = (manifest.epoch, manifest.version) == (mark.epoch, mark.version);
        if same && manifest.payload_digest() != mark.sha256 {
            return Err(Refusal::Fork { what: what(), number: manifest.version });
        }
        Ok(())
    }
}

impl Listed {
    /// The manifest.
    pub fn manifest(&self) -> &Signed<Manifest> {
        &self.manifest
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.rooted.state
    }

    /// Believes the advisories that the manifest names, or says why not.
    pub fn advisories(&self, envelope: &[u8]) -> Result<Advised, Refusal> {
        let named = &self.manifest.advisories;
        let document = Advisories::TYPE;
        check_named(document, envelope, named.sha256, named.size_bytes)?;
        let signers = self.rooted.root.release_signers()?;
        let advisories: Signed<Advisories> = envelope::verify(envelope, &signers)?;
        if advisories.version != named.version {
            return Err(Refusal::Mismatch { what: document.to_owned(), field: "version" });
        }
        if let Some(mark) = &self.rooted.state.advisories {
            let (what, number) = (document.to_owned(), advisories.version);
            if number < mark.version {
                return Err(Refusal::Rollback { what, stored: mark.version, found: number });
            }
            if number == mark.version && advisories.digest() != mark.sha256 {
                return Err(Refusal::Fork { what, number });
            }
        }
        let expires = advisories.expires;
        if expires <= self.now {
            return Err(Refusal::Expired { document, expires });
        }
        let (ttl_s, most_s) = (expires.seconds_since(self.now), limits::ADVISORIES_TTL_S);
        if ttl_s > most_s + limits::CLOCK_SKEW_S {
            return Err(Refusal::Ttl { document, ttl_s, most_s });
        }
        let mut listed = self.clone();
        let (version, sha256) = (advisories.version, advisories.digest());
        listed.rooted.state.advisories = Some(AdvisoriesMark { version, sha256 });
        Ok(Advised { listed, advisories })
    }
}

impl Advised {
    /// The manifest.
    pub fn manifest(&self) -> &Signed<Manifest> {
        &self.listed.manifest
    }

    /// The advisories.
    pub fn advisories(&self) -> &Signed<Advisories> {
        &self.advisories
    }

    /// What is known. To be stored last, when what was accepted is installed.
    pub fn state(&self) -> &State {
        &self.listed.rooted.state
    }

    /// Believes the release statement of a skill that the manifest lists, or says why not.
    pub fn release(&self, slug: &SkillName, envelope: &[u8]) -> Result<Accepted, Refusal> {
        let entry = self.manifest().skill(slug);
        let entry = entry.ok_or_else(|| Refusal::NotListed { slug: slug.clone() })?;
        let what = format!("release of `{slug}`");
        check_named(&what, envelope, entry.release.sha256, entry.release.size_bytes)?;
        let release = self.listed.rooted.statement(envelope)?;
        if let Some(field) = differing(&release, entry) {
            return Err(Refusal::Mismatch { what, field });
        }
        let pin_seq = entry.pin.as_ref().map_or(0, |pin| pin.seq);
        let mark = self.state().skills.get(slug);
        if let Some(mark) = mark {
            check_seq(&what, &release, mark, pin_seq)?;
        }
        self.check_usable(slug, &release)?;
        let seq = release.seq;
        let pin_seq = mark.map_or(0, |mark| mark.pin_seq).max(pin_seq);
        let mark = SkillMark { seq, pin_seq, release: release.digest() };
        Ok(Accepted { release, mark })
    }

    /// Believes a release of `slug` that the user named by its version, whatever the manifest lists: a genuine one that is
    /// neither withdrawn nor revoked. It may be older than what was installed before, for that was asked for; what is
    /// remembered does not go back for it.
    pub fn chosen(&self, slug: &SkillName, envelope: &[u8]) -> Result<Accepted, Refusal> {
        let release = self.listed.rooted.statement(envelope)?;
        let what = format!("release of `{slug}`");
        if release.slug != *slug {
            return Err(Refusal::Mismatch { what, field: "slug" });
        }
        let mut mark = SkillMark { seq: release.seq, pin_seq: 0, release: release.digest() };
        if let Some(known) = self.state().skills.get(slug) {
            if release.seq >= known.seq {
                check_seq(&what, &release, known, 0)?;
                mark.pin_seq = known.pin_seq;
            } else {
                mark = known.clone();
            }
        }
        self.check_usable(slug, &release)?;
        Ok(Accepted { release, mark })
    }

    /// Fails when the release is below the lowest that may be used, or revoked.
    fn check_usable(&self, slug: &SkillName, release: &Signed<Release>) -> Result<(), Refusal> {
        let (seq, floor) = (release.seq, self.advisories.floor(slug));
        if seq < floor {
            return Err(Refusal::Floor { slug: slug.clone(), seq, floor });
        }
        if let Some(Revocation { reason, release, .. }) = self.advisories.revocation(release.digest()) {
            let (slug, reason) = (slug.clone(), reason.clone());
            return Err(Refusal::Revoked { slug, release: *release, reason });
        }
        Ok(())
    }

    /// Remembers that a release is installed: its archive was verified, unpacked, and has the tree that it promises.
    pub fn installed(&mut self, accepted: &Accepted) {
        self.listed.rooted.state.skills.insert(accepted.release.slug.clone(), accepted.mark.clone());
    }

    /// The skills of which an installed release is revoked now. They are to be taken out of use, whatever the manifest
    /// says of them.
    pub fn revoked(&self) -> impl Iterator<Item = (&SkillName, &Revocation)> {
        let marks = self.state().skills.iter();
        marks.filter_map(|(slug, mark)| Some((slug, self.advisories.revocation(mark.release)?)))
    }
}

impl Accepted {
    /// The release.
    pub fn release(&self) -> &Signed<Release> {
        &self.release
    }
}

/// Fails unless the bytes are those that the manifest names by digest and size.
fn check_named(what: &str, envelope: &[u8], digest: EnvelopeDigest, size_bytes: u64) -> Result<(), Refusal> {
    let mismatch = |field| Err(Refusal::Mismatch { what: what.to_owned(), field });
    if envelope.len() as u64 != size_bytes {
        return mismatch("size");
    }
    if EnvelopeDigest::of(envelope) != digest {
        return mismatch("digest");
    }
    Ok(())
}

/// What the manifest's entry and the release do not agree on.
fn differing(release: &Release, entry: &Entry) -> Option<&'static str> {
    let fields = [
        ("slug", release.slug == entry.slug),
        ("version", release.version == entry.version),
        ("seq", release.seq == entry.seq),
        ("tarball", release.tarball.sha256 == entry.tarball.sha256),
        ("tarball size", release.tarball.size_bytes == entry.tarball.size_bytes),
    ];
    fields.into_iter().find(|(_, agree)| !agree).map(|(field, _)| field)
}

/// Fails when a release goes back, unless a newer pin chose it; and when it is not of the chain that is known.
fn check_seq(what: &str, release: &Signed<Release>, mark: &SkillMark, pin_seq: u64) -> Result<(), Refusal> {
    let (what, number) = (what.to_owned(), release.seq);
    if number < mark.seq && pin_seq <= mark.pin_seq {
        return Err(Refusal::Rollback { what, stored: mark.seq, found: number });
    }
    let follows = mark.seq != 0 && number == mark.seq + 1;
    if (follows && release.prev != Some(mark.release))
        || (number == mark.seq && release.digest() != mark.release)
    {
        return Err(Refusal::Fork { what, number });
    }
    Ok(())
}
