//! Rows 6, 8, 9, 12 and 13: which manifest is believed, and until when.

use skillsync_core::digest::{EnvelopeDigest, PayloadDigest};
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_wire::json::Time;
use skillsync_wire::text::{Audience, Hub};
use skillsync_wire::trust::{Freshness, State};

use super::hub::{House, MANIFEST, Served, code, now, signed, slug, time};

#[test]
fn a_sync_is_remembered() {
    let house = House::new();
    let served = house.serve();
    let state = served.first_sync().unwrap();
    assert_eq!(state.root_sha256, EnvelopeDigest::of(&served.roots[0]));
    let mark = state.manifest.clone().unwrap();
    assert_eq!((mark.epoch, mark.version, mark.expires), (3, 1207, time("2026-11-21T09:30:00Z")));
    assert_eq!(state.advisories.as_ref().unwrap().sha256, EnvelopeDigest::of(&served.advisories));
    let skill = &state.skills[&slug("pdf")];
    assert_eq!((skill.seq, skill.pin_seq), (17, 0));
    assert_eq!(skill.release, EnvelopeDigest::of(&served.releases[&slug("pdf")]));
    assert_eq!(state.max_time, Some(house.manifest.issued_at));
    // Once more changes nothing.
    assert_eq!(served.sync(&state, now()).unwrap(), state);
}

#[test]
fn t06_a_manifest_never_goes_back() {
    let mut house = House::new();
    let state = house.serve().first_sync().unwrap();
    for (version, expected) in
        [(1206, "trust-rollback"), (1, "trust-rollback"), (1207, "ok"), (1208, "ok"), (9999, "ok")]
    {
        house.manifest.version = version;
        assert_eq!(code(house.serve().sync(&state, now())), expected, "{version}");
    }
    // The same number over other bytes.
    house.manifest.version = 1207;
    house.manifest.expires = time("2026-11-21T09:29:59Z");
    assert_eq!(code(house.serve().sync(&state, now())), "trust-fork");
    // The same bytes in another spelling of the envelope: nothing that anybody signed has changed.
    let mut served = House::new().serve();
    served.manifest = [b" ", served.manifest.as_slice(), b"\n"].concat();
    assert_eq!(served.sync(&state, now()).unwrap(), state);
}

#[test]
fn t08_a_manifest_holds_until_it_expires_whatever_the_clock_says_later() {
    let house = House::new();
    let served = house.serve();
    let state = served.first_sync().unwrap();
    let expires = house.manifest.expires;
    for (clock, expected) in [
        ("2026-11-20T09:30:00Z", "ok"),
        ("2026-11-21T09:29:59Z", "ok"),
        ("2026-11-21T09:30:00Z", "trust-stale"),
        ("2026-11-21T09:30:01Z", "trust-stale"),
        ("2026-12-31T00:00:00Z", "trust-stale"),
        // Before what is proved by the manifest itself: the clock is wrong, and the manifest is as new as can be.
        ("2026-11-10T09:30:00Z", "ok"),
    ] {
        let outcome = served.sync(&state, time(clock));
        if let Err(refusal) = &outcome {
            assert_eq!(
                refusal.kind(),
                Kind::Offline,
                "stale is no attack: what is installed goes on working"
            );
        }
        assert_eq!(code(outcome), expected, "{clock}");
        let fresh = if expected == "ok" { Freshness::Fresh } else { Freshness::Stale { since: expires } };
        assert_eq!(state.freshness(time(clock)), fresh, "{clock}");
    }
    // It was seen to be stale; then the clock is set back by ten days.
    let seen = state.clone().seen(time("2026-11-21T09:30:01Z"));
    let back = time("2026-11-11T09:30:01Z");
    assert_eq!(seen.freshness(back), Freshness::Stale { since: expires });
    assert_eq!(code(served.sync(&seen, back)), "trust-stale");
    // A clock that runs ahead by years is no proof, and the next manifest is believed.
    let ahead = state.clone().seen(time("2099-01-01T00:00:00Z"));
    assert_eq!(ahead.max_time, Some(expires));
    let mut next = house.clone();
    (next.manifest.version, next.manifest.issued_at, next.manifest.expires) =
        (1208, time("2026-11-21T10:00:00Z"), time("2026-11-22T10:00:00Z"));
    assert_eq!(code(next.serve().sync(&ahead, time("2026-11-21T10:00:00Z"))), "ok");
    // While it holds, nothing is remembered but what is proved.
    assert_eq!(state.clone().seen(now()), state);
}

#[test]
fn t08_what_was_proved_is_kept() {
    let mut house = House::new();
    let state = house.serve().first_sync().unwrap();
    house.manifest.version += 1;
    house.manifest.issued_at = time("2026-11-20T09:00:00Z");
    house.manifest.expires = time("2026-11-21T09:00:00Z");
    let later = house.serve().sync(&state, now()).unwrap();
    assert_eq!(later.max_time, state.max_time, "an older time proves nothing new");
}

#[test]
fn a_manifest_is_of_its_time() {
    let cases: [(&str, &str, &str); 7] = [
        ("2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z", "ok"),
        ("2026-11-20T12:05:00Z", "2026-11-20T13:00:00Z", "ok"),
        ("2026-11-20T12:05:01Z", "2026-11-20T13:00:00Z", "trust-future"),
        ("2030-11-20T12:00:00Z", "2030-11-21T12:00:00Z", "trust-future"),
        ("2026-11-20T11:00:00Z", "2026-11-21T11:00:00Z", "ok"),
        ("2026-11-20T11:00:00Z", "2026-11-21T11:00:01Z", "trust-ttl"),
        ("2026-11-20T11:00:00Z", "2027-11-20T11:00:00Z", "trust-ttl"),
    ];
    for (issued_at, expires, expected) in cases {
        let mut house = House::new();
        house.manifest.issued_at = time(issued_at);
        house.manifest.expires = time(expires);
        assert_eq!(code(house.serve().first_sync()), expected, "{issued_at} to {expires}");
    }
    // The root of this hub allows less.
    let mut house = House::new();
    house.root.roles.manifest.max_ttl_s = 86_399;
    assert_eq!(code(house.serve().first_sync()), "trust-ttl");
}

#[test]
fn t12_a_manifest_is_for_one_caller() {
    let house = House::new();
    for other in ["key:k_8f3a22", "fleet:k_8f3a21", "key:K_8f3a21"] {
        let served = house.serve().with_manifest(&house, |m| m.aud = Audience::parse(other).unwrap());
        assert_eq!(code(served.first_sync()), "trust-aud", "{other}");
    }
}

#[test]
fn t13_a_document_is_of_one_hub() {
    let house = House::new();
    let staging = Hub::parse("https://staging.hub.example").unwrap();
    let served = house.serve().with_manifest(&house, |m| m.hub = staging.clone());
    assert_eq!(code(served.first_sync()), "trust-hub", "manifest");
    let mut lying = house.clone();
    lying.releases.values_mut().for_each(|release| release.hub = staging.clone());
    assert_eq!(code(lying.serve().first_sync()), "trust-hub", "release");
}

#[test]
fn a_manifest_is_under_the_root_that_was_shown() {
    let house = House::new();
    for (epoch, expected) in [(2, "trust-epoch"), (3, "ok"), (4, "trust-epoch")] {
        let served = house.serve().with_manifest(&house, |m| m.epoch = epoch);
        assert_eq!(code(served.first_sync()), expected, "epoch {epoch}");
    }
    // Somebody hides root 2.
    let served = house.serve().with_manifest(&house, |m| m.root_version = 2);
    assert_eq!(code(served.first_sync()), "trust-root-behind");
}

#[test]
fn an_older_epoch_is_older_whatever_its_version() {
    let house = House::new();
    let mut state = house.serve().first_sync().unwrap();
    state.manifest.as_mut().unwrap().epoch = 4;
    assert_eq!(code(house.serve().sync(&state, now())), "trust-rollback");
    state.manifest.as_mut().unwrap().epoch = 2;
    state.manifest.as_mut().unwrap().version = 9999;
    assert_eq!(code(house.serve().sync(&state, now())), "ok");
}

#[test]
fn a_state_reads_as_it_is_written_and_nothing_else_does() {
    let mut house = House::new();
    house.pins.insert(slug("pdf"), 4);
    let state = house.serve().first_sync().unwrap();
    let text = String::from_utf8(state.write().unwrap()).unwrap();
    assert_eq!(State::read(text.as_bytes()).unwrap(), state);
    for (from, to, expected) in [
        (r#""format":1"#, r#""format":2"#, "store-newer"),
        (r#""format":1,"#, "", "trust-state-damaged"),
        (r#""root_version":1"#, r#""root_version":-1"#, "trust-state-damaged"),
        (r#""seq":17"#, r#""seq":17,"seq":18"#, "trust-state-damaged"),
        ("2026-11-21T09:30:00Z", "2026-11-21 09:30", "trust-state-damaged"),
        (r#"{"format""#, r#"["format""#, "trust-state-damaged"),
        (&text, "", "trust-state-damaged"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        assert_eq!(code(State::read(text.replacen(from, to, 1).as_bytes())), expected, "{to}");
    }
}

/// Whether a list of skills that only a lying hub could sign is refused before anything is made of it.
#[test]
fn a_signed_manifest_that_breaks_its_own_rules_is_refused() {
    let house = House::new();
    let text = String::from_utf8(serde_json::to_vec(&house.manifest()).unwrap()).unwrap();
    let text = text.replacen('{', r#"{"_type":"manifest","spec":"1.0","#, 1);
    let envelope = |text: &str| {
        let kind = "application/vnd.skillsync.manifest.v1+json";
        skillsync_wire::envelope::sign_unchecked(kind, text.as_bytes(), &[&super::hub::key(MANIFEST)])
            .unwrap()
    };
    let served = |text: &str| Served { manifest: envelope(text), ..house.serve() };
    assert_eq!(code(served(&text).first_sync()), "ok");
    for (from, to) in [
        (r#""slug":"docx""#, r#""slug":"zip""#),
        (r#""slug":"docx""#, r#""slug":"pdf""#),
        (r#""slug":"docx""#, r#""slug":"../docx""#),
        (r#""version":"1.17.0""#, r#""version":"1.17""#),
        (r#""seq":17"#, r#""seq":0"#),
        (r#""removed":[]"#, r#""removed":[{"slug":"pdf","reason":"revoked"}]"#),
        (r#""removed":[]"#, r#""removed":[{"slug":"a","reason":"b"},{"slug":"a","reason":"b"}]"#),
        ("2026-11-20T09:30:00Z", "2026-11-22T09:30:00Z"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let refused = served(&text.replacen(from, to, 1)).first_sync();
        assert_eq!(code(refused), "document-malformed", "{to}");
    }
}

/// The time and the digest types cannot be mixed up: this is what the marks are made of.
#[test]
fn marks_name_signed_bytes() {
    let house = House::new();
    let state = house.serve().first_sync().unwrap();
    let envelope = signed(&house.manifest(), &[MANIFEST]);
    let mark = state.manifest.unwrap();
    assert_ne!(mark.sha256, PayloadDigest::of(&envelope), "not the envelope");
    let again: Time = mark.expires.to_string().parse().unwrap();
    assert_eq!(again, mark.expires);
}
