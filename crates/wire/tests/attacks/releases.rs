//! Rows 7, 10, 11, 14, 16, 18, 21, 22 and 23: which release may be installed.

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, FileDigest};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_wire::advisories::Revocation;
use skillsync_wire::archive::{Packed, pack};
use skillsync_wire::manifest::Entry;
use skillsync_wire::release::Release;

use super::folder::Attack;
use super::hub::{House, MANIFEST, RELEASE, Served, line, release, signed, slug};
use super::signatures::{forged, payload, replaced};

fn packed(name: &str) -> Packed {
    let text = format!("---\nname: {name}\ndescription: Work with {name} files.\n---\n\n# {name}\n");
    let file =
        File { digest: FileDigest::of(text.as_bytes()), size_bytes: text.len() as u64, executable: false };
    let tree = Tree::new([(SkillPath::parse("SKILL.md").unwrap(), file)]).unwrap();
    pack(&tree, |_| Ok::<_, String>(text.clone().into_bytes())).unwrap()
}

/// The archive of a skill.
pub(crate) fn archive(name: &str) -> Vec<u8> {
    packed(name).bytes
}

/// A release with an archive that there is.
pub(crate) fn genuine(name: &str, seq: u64, prev: Option<EnvelopeDigest>) -> Release {
    let Packed { tarball, tree, .. } = packed(name);
    Release { tarball, tree, ..release(name, seq, prev) }
}

fn before(what: &str) -> Option<EnvelopeDigest> {
    Some(EnvelopeDigest::of(what.as_bytes()))
}

/// A hub with the skill `pdf`, at release 17.
pub(crate) fn house() -> House {
    let mut house = House::new();
    house.releases.clear();
    house.put(genuine("pdf", 17, before("pdf 16")));
    house
}

/// The hub a moment later, with this release of `pdf` and this pin.
fn then(put: Release, pin: Option<u64>) -> House {
    let mut house = house();
    house.manifest.version += 1;
    house.put(put);
    house.pins.extend(pin.map(|pin| (slug("pdf"), pin)));
    house
}

/// A lie about `pdf` in the manifest.
fn with_entry(house: &House, lie: impl FnOnce(&mut Entry)) -> Served {
    house.serve().with_manifest(house, |manifest| {
        lie(manifest.skills.iter_mut().find(|entry| entry.slug == slug("pdf")).unwrap());
    })
}

/// The hub with this statement for `pdf`, which its manifest names.
pub(crate) fn with_release(house: &House, statement: Vec<u8>) -> Served {
    let mut served = with_entry(house, |entry| {
        entry.release.sha256 = EnvelopeDigest::of(&statement);
        entry.release.size_bytes = statement.len() as u64;
    });
    served.releases.insert(slug("pdf"), statement);
    served
}

pub(crate) fn all() -> Vec<Attack> {
    [older(), mixed(), sizes(), invented(), chains(), revoked()].concat()
}

fn older() -> Vec<Attack> {
    let mut pinned = house();
    pinned.pins.insert(slug("pdf"), 4);
    let known = pinned.serve().first_sync().unwrap();
    let attack = |name, title, seq, pin| {
        Attack::new(name, title, then(genuine("pdf", seq, before("x")), pin).serve()).knowing(known.clone())
    };
    vec![
        attack("07-older", "The release is genuine, and older than what is installed.", 16, None)
            .refused("release-pdf", "trust-rollback"),
        attack(
            "07-older-by-the-same-pin",
            "An older release, by a pin that was followed before.",
            16,
            Some(4),
        )
        .refused("release-pdf", "trust-rollback"),
        attack(
            "07-older-by-a-newer-pin",
            "An older release, by a newer pin than was followed before.",
            16,
            Some(5),
        ),
        attack("07-below-the-floor", "A newer pin chooses a release that was withdrawn.", 14, Some(5))
            .refused("release-pdf", "trust-floor"),
    ]
}

fn mixed() -> Vec<Attack> {
    let house = house();
    let honest = house.serve();
    let mut newer = house.clone();
    newer.advisories.version += 1;
    let old_advisories = Served { advisories: honest.advisories.clone(), ..newer.serve() };
    let mut other = house.clone();
    other.advisories.floors.clear();
    let docx = genuine("docx", 17, before("docx 16"));
    let mut other_archive = house.releases[&slug("pdf")].clone();
    other_archive.tarball = docx.tarball.clone();
    let of_docx = with_release(&house, signed(&docx, &[RELEASE]));
    let mut both = house.clone();
    both.put(docx);
    let both = both.serve();
    let mut swapped = both.clone();
    swapped.releases.insert(slug("pdf"), both.releases[&slug("docx")].clone());
    swapped.releases.insert(slug("docx"), both.releases[&slug("pdf")].clone());
    vec![
        Attack::new("10-old-advisories", "A new manifest comes with the advisories before.", old_advisories)
            .refused("advisories", "trust-mismatch"),
        Attack::new(
            "10-other-advisories",
            "The advisories have the number of those before and say something else.",
            other.serve().with_manifest(&other, |manifest| manifest.version += 1),
        )
        .knowing(honest.first_sync().unwrap())
        .refused("advisories", "trust-fork"),
        Attack::new(
            "10-release-of-another-skill",
            "The manifest names a genuine release of another skill.",
            of_docx,
        )
        .refused("release-pdf", "trust-mismatch"),
        Attack::new(
            "10-two-archives",
            "Manifest and release name different archives.",
            with_release(&house, signed(&other_archive, &[RELEASE])),
        )
        .refused("release-pdf", "trust-mismatch"),
        Attack::new("11-releases-swapped", "The release statements of two skills were swapped.", swapped)
            .refused("release-docx", "trust-mismatch"),
        Attack::new("11-archives-swapped", "The archives of two skills were swapped.", both.clone())
            .archive("docx", archive("pdf"))
            .archive("pdf", archive("docx"))
            .refused("archive-docx", "trust-mismatch"),
        Attack::new("11-each-in-its-place", "Two skills, each with its own.", both)
            .archive("docx", archive("docx"))
            .archive("pdf", archive("pdf")),
    ]
}

fn sizes() -> Vec<Attack> {
    let house = house();
    let honest = house.serve();
    let longer = [archive("pdf"), vec![0; 64]].concat();
    let promising = |change: fn(&mut Release)| {
        let mut house = house.clone();
        house.releases.values_mut().for_each(change);
        house.serve()
    };
    vec![
        Attack::new(
            "14-release-longer",
            "The release statement is longer than the manifest says.",
            with_entry(&house, |entry| entry.release.size_bytes -= 1),
        )
        .refused("release-pdf", "trust-mismatch"),
        Attack::new(
            "14-advisories-longer",
            "The advisories are longer than the manifest says.",
            honest.clone().with_manifest(&house, |manifest| manifest.advisories.size_bytes -= 1),
        )
        .refused("advisories", "trust-mismatch"),
        Attack::new("14-archive-longer", "The archive goes on after its promised end.", honest)
            .archive("pdf", longer)
            .refused("archive-pdf", "trust-mismatch"),
        Attack::new(
            "14-unpacks-to-more",
            "The archive unpacks to more than its release says.",
            promising(|release| release.tarball.unpacked_bytes -= 1),
        )
        .archive("pdf", archive("pdf"))
        .refused("archive-pdf", "trust-mismatch"),
        Attack::new(
            "14-unpacks-to-less",
            "The archive has fewer files than its release says.",
            promising(|release| release.tarball.files += 1),
        )
        .archive("pdf", archive("pdf"))
        .refused("archive-pdf", "trust-mismatch"),
    ]
}

fn invented() -> Vec<Attack> {
    let house = house();
    let honest = house.serve();
    let text = payload(&honest.releases[&slug("pdf")]);
    let more =
        replaced(&text, r#""slug":"#, r#""dependencies":["evil"],"install":{"hook":"evil.sh"},"slug":"#);
    let evil = ArchiveDigest::of(b"evil");
    let mut release = house.releases[&slug("pdf")].clone();
    release.tarball.sha256 = evil;
    let mut invented = with_release(&house, signed(&release, &[MANIFEST]));
    let statement = invented.releases[&slug("pdf")].clone();
    invented = invented.with_manifest(&house, |manifest| {
        manifest.skills[0].release.sha256 = EnvelopeDigest::of(&statement);
        manifest.skills[0].release.size_bytes = statement.len() as u64;
        manifest.skills[0].tarball.sha256 = evil;
    });
    let mut advisories = house.advisories.clone();
    advisories.floors.clear();
    let advisories = signed(&advisories, &[MANIFEST]);
    let mut no_floors = honest.clone().with_manifest(&house, |manifest| {
        manifest.advisories.sha256 = EnvelopeDigest::of(&advisories);
        manifest.advisories.size_bytes = advisories.len() as u64;
    });
    no_floors.advisories = advisories;
    let mut bare = house.releases[&slug("pdf")].clone();
    bare.sandbox = None;
    let mut stripped = honest.clone();
    stripped.releases.insert(slug("pdf"), signed(&bare, &[RELEASE]));
    vec![
        Attack::new(
            "16-dependencies",
            "The release says what else to install and to run, which is passed over.",
            with_release(&house, forged::<Release>(&more, &[RELEASE])),
        ),
        Attack::new(
            "18-invented-archive",
            "Who has the manifest key names an archive of their own beside the genuine release.",
            with_entry(&house, |entry| entry.tarball.sha256 = evil),
        )
        .refused("release-pdf", "trust-mismatch"),
        Attack::new(
            "18-invented-release",
            "Who has the manifest key signs a release, and lists it.",
            invented,
        )
        .refused("release-pdf", "trust-sig"),
        Attack::new(
            "18-invented-advisories",
            "Who has the manifest key signs advisories that withdraw nothing.",
            no_floors,
        )
        .refused("advisories", "trust-sig"),
        Attack::new("22-stripped-on-the-way", "The sandbox was taken off the release on the way.", stripped)
            .refused("release-pdf", "trust-mismatch"),
        Attack::new(
            "22-stripped-by-the-manifest-key",
            "Who has the manifest key takes the sandbox off the release, and lists it.",
            with_release(&house, signed(&bare, &[MANIFEST])),
        )
        .refused("release-pdf", "trust-sig"),
    ]
}

fn chains() -> Vec<Attack> {
    let house = house();
    let known = house.serve().first_sync().unwrap();
    let seventeen = Some(EnvelopeDigest::of(&house.statement("pdf")));
    let attack = |name, title, seq, prev| {
        Attack::new(name, title, then(genuine("pdf", seq, prev), None).serve()).knowing(known.clone())
    };
    vec![
        attack("21-next", "Release 18 follows the 17 that is installed.", 18, seventeen),
        attack("21-fork", "Release 18 follows another 17 than is installed.", 18, before("another 17"))
            .refused("release-pdf", "trust-fork"),
        attack("21-same-number", "Release 17 is another 17 than is installed.", 17, before("another 16"))
            .refused("release-pdf", "trust-fork"),
        attack("21-gap", "Release 19 follows an 18 that was never seen.", 19, before("some 18")),
    ]
}

fn revoked() -> Vec<Attack> {
    let house = house();
    let known = house.serve().first_sync().unwrap();
    let release = EnvelopeDigest::of(&house.statement("pdf"));
    let mut warned = house;
    warned.manifest.version += 1;
    warned.advisories.version += 1;
    warned.advisories.revoked.push(Revocation { slug: slug("pdf"), release, reason: line("malware") });
    let listed = warned.serve();
    warned.releases.clear();
    vec![
        Attack::new(
            "23-still-listed",
            "The installed release is revoked, and the manifest still lists it.",
            listed.clone(),
        )
        .knowing(known.clone())
        .refused("release-pdf", "trust-revoked")
        .revoking("pdf"),
        Attack::new(
            "23-new-to-the-client",
            "The manifest lists a revoked release to who never had it.",
            listed,
        )
        .refused("release-pdf", "trust-revoked"),
        Attack::new(
            "23-no-longer-listed",
            "The installed release is revoked, and listed no longer.",
            warned.serve(),
        )
        .knowing(known)
        .revoking("pdf"),
    ]
}
