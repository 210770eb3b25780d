//! A hub that may tell any lie and a client that asks it again and again: the input says what the hub does and when the
//! client asks. Whatever is believed keeps the rules, which are asked a second way here.
#![no_main]

#[expect(dead_code, reason = "the tests of threats use all of it")]
#[path = "../../crates/wire/tests/threats/hub.rs"]
mod hub;

use libfuzzer_sys::fuzz_target;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::advisories::Revocation;
use skillsync_wire::envelope::Document as _;
use skillsync_wire::json::Time;
use skillsync_wire::manifest::Manifest;
use skillsync_wire::text::{Audience, Hub};
use skillsync_wire::trust::{Freshness, State};

use hub::{House, MANIFEST, RELEASE, STRANGER, Served, line, now, signed, slug, time};

/// Every move costs signatures.
const MOVES: usize = 24;

struct World {
    house: House,
    /// What was served before, to be served again.
    past: Vec<Served>,
    state: Option<State>,
    clock: Time,
}

fuzz_target!(|bytes: &[u8]| {
    let mut world = World { house: House::new(), past: vec![], state: None, clock: now() };
    world.past.push(world.house.serve());
    for pair in bytes.chunks_exact(2).take(MOVES) {
        world.play(pair[0], pair[1]);
    }
});

impl World {
    fn play(&mut self, play: u8, how: u8) {
        let name = ["pdf", "docx"][usize::from(how % 2)];
        let number = u64::from(how / 2);
        match play % 16 {
            0 => self.house.publish(name),
            // Numbers that go anywhere.
            1 => self.house.manifest.version = number * 40,
            2 => self.house.manifest.epoch = number % 6,
            3 => self.house.releases.get_mut(&slug(name)).expect("it is there").seq = number.max(2),
            4 => {
                self.house.pins.insert(slug(name), number.max(1));
            }
            5 => {
                self.house.advisories.version = number.max(1);
            }
            6 => {
                self.house.advisories.floors.insert(slug(name), number.max(1));
            }
            7 => self.revoke(name),
            // The next root, honest but for what it says; the epochs grow, stay or go back.
            8 => self.rotate(how),
            9 => self.house.release_by = [RELEASE, STRANGER, MANIFEST, 6][usize::from(how % 4)],
            10 => self.house.manifest_by = [MANIFEST, STRANGER, RELEASE, 7][usize::from(how % 4)],
            11 => {
                let hours = [
                    "2026-11-20T09:30:00Z",
                    "2026-11-21T09:00:00Z",
                    "2026-11-25T00:00:00Z",
                    "2027-12-01T00:00:00Z",
                ];
                let issued = ["2026-11-20T09:30:00Z", "2026-11-20T12:04:00Z", "2026-11-24T12:00:00Z"];
                self.house.manifest.issued_at = time(issued[usize::from(how % 3)]);
                self.house.manifest.expires = time(hours[usize::from(how / 3 % 4)]);
            }
            12 => {
                let clocks = [
                    "2020-01-01T00:00:00Z",
                    "2026-11-20T12:00:00Z",
                    "2026-11-24T13:00:00Z",
                    "2028-01-01T00:00:00Z",
                ];
                self.clock = time(clocks[usize::from(how % 4)]);
            }
            // Parts of what was served at different times.
            13 => {
                let (at, now) = (usize::from(how / 8) % self.past.len(), self.serve());
                let Some(mut served) = now else { return };
                let old = self.past[at].clone();
                match how % 8 {
                    0 => served.manifest = old.manifest,
                    1 => served.advisories = old.advisories,
                    2 => served.releases = old.releases,
                    3 => served.roots = old.roots,
                    4 => served.roots.truncate(1),
                    5 => (served.manifest, served.advisories) = (old.manifest, old.advisories),
                    6 => served.manifest = served.releases[&slug(name)].clone(),
                    _ => served = old,
                }
                self.ask(&served);
            }
            14 => self.lie(how),
            _ => {
                let Some(served) = self.serve() else { return };
                self.past.push(served.clone());
                self.ask(&served);
            }
        }
    }

    /// What the hub serves now; none when its documents are such that nobody could sign them.
    fn serve(&self) -> Option<Served> {
        let sound = |check: Result<(), String>| check.is_ok();
        let house = &self.house;
        let documents = sound(house.advisories.check())
            && sound(house.root.check())
            && house.releases.values().all(|release| sound(release.check()))
            && sound(house.manifest().check());
        documents.then(|| house.serve())
    }

    fn revoke(&mut self, name: &str) {
        let release = EnvelopeDigest::of(&self.house.statement(name));
        if self.house.advisories.revocation(release).is_none() {
            self.house.advisories.version += 1;
            let reason = line("it harms");
            self.house.advisories.revoked.push(Revocation { release, slug: slug(name), reason });
        }
    }

    fn rotate(&mut self, how: u8) {
        let mut root = self.house.root.clone();
        let roles = &mut root.roles;
        match how % 6 {
            0 => roles.manifest.epoch += 1,
            1 => roles.release.epoch += 1,
            2 => roles.manifest.epoch = roles.manifest.epoch.saturating_sub(1).max(1),
            3 => root.expires = time("2026-11-23T00:00:00Z"),
            4 => root.expires = time("2027-11-20T00:00:00Z"),
            _ => roles.release.epoch = roles.release.epoch.saturating_sub(1).max(1),
        }
        root.version += 1;
        if root.check().is_ok() && self.house.roots.len() < 8 {
            self.house.rotate(&[1, 2], |next| *next = root);
        }
    }

    /// A manifest that the right key signed and that says what is not so.
    fn lie(&mut self, how: u8) {
        let Some(served) = self.serve() else { return };
        let mut manifest = self.house.manifest();
        let change = |manifest: &mut Manifest| match how % 8 {
            0 => manifest.hub = Hub::parse("https://other.example").expect("it is a hub"),
            1 => manifest.aud = Audience::parse("key:k_000000").expect("it is one"),
            2 => manifest.root_version = u64::from(how),
            3 => manifest.skills[0].seq += 1,
            4 => manifest.skills[0].tarball.size_bytes += 1,
            5 => manifest.advisories.version += 1,
            6 => manifest.skills[0].release = manifest.skills[1].release.clone(),
            _ => drop(manifest.skills.pop()),
        };
        change(&mut manifest);
        if manifest.check().is_err() {
            return;
        }
        let lie = served.with_manifest(&self.house, change);
        self.past.push(lie.clone());
        self.ask(&lie);
    }

    /// The client asks, and what it believes is judged.
    fn ask(&mut self, served: &Served) {
        let before = self.state.clone();
        let result = match &before {
            // The stored root is what the client stored: a hub cannot take it away.
            Some(state) if served.roots.len() < usize::try_from(state.root_version).expect("few") => return,
            Some(state) => served.sync(state, self.clock),
            None => served.first_sync(),
        };
        // The first sync goes by its own clock.
        let clock = if before.is_some() { self.clock } else { now() };
        let after = match result {
            Ok(after) => after,
            Err(refusal) => {
                assert!(!refusal.to_string().chars().any(char::is_control), "{refusal:?}");
                return;
            }
        };
        let written = after.write().expect("a state can be written");
        assert_eq!(State::read(&written).expect("what was written can be read"), after);
        assert_eq!(after.freshness(clock), Freshness::Fresh, "nothing stale is believed");

        let mark = after.manifest.as_ref().expect("a manifest is remembered");
        let advised = after.advisories.as_ref().expect("advisories are remembered");
        let current =
            advised.sha256 == EnvelopeDigest::of(&signed(&self.house.advisories, &[self.house.release_by]));
        for (name, skill) in after.skills.iter().filter(|_| current) {
            // What was known before may have been revoked since; it is this sync that must not install it.
            let old = before.as_ref().and_then(|before| before.skills.get(name));
            let installed = old != Some(skill);
            let revoked = self.house.advisories.revocation(skill.release).is_some();
            assert!(!(installed && revoked), "a revoked release is installed");
            assert!(!installed || skill.seq >= self.house.advisories.floor(name), "below the floor");
        }
        if let Some(before) = before {
            assert!(after.root_version >= before.root_version);
            assert!(after.max_time >= before.max_time, "time goes back");
            if let Some(old) = &before.manifest {
                assert!((mark.epoch, mark.version) >= (old.epoch, old.version), "the manifest goes back");
                let same = (mark.epoch, mark.version) == (old.epoch, old.version);
                assert!(!same || mark.sha256 == old.sha256, "one version, two manifests");
            }
            let rotated = after.root_version > before.root_version;
            if let (Some(old), false) = (&before.advisories, rotated) {
                assert!(advised.version >= old.version, "advisories go back");
                assert!(advised.version != old.version || advised.sha256 == old.sha256);
            }
            for (name, old) in &before.skills {
                let new = after.skills.get(name).expect("what was installed stays known");
                assert!(rotated || new.pin_seq >= old.pin_seq, "pins go back");
                assert!(rotated || new.seq >= old.seq || new.pin_seq > old.pin_seq, "a release goes back");
                assert!(
                    rotated || new.seq != old.seq || new.release == old.release,
                    "one release, two contents"
                );
            }
        }
        self.state = Some(after);
    }
}
