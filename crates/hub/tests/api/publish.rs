//! Publishing: what is let in, what is refused and with what words, and that twice is once.

use axum::body::Body;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use skillsync_wire::api::error::ErrorBody;
use skillsync_wire::api::path;
use skillsync_wire::api::publish::{Announcement, PublishReply, Yank};
use skillsync_wire::api::skill::{Tier, VersionList, Visibility};

use super::house::{asking, form, said};
use super::*;

fn version(text: &str) -> Option<semver::Version> {
    Some(text.parse().unwrap())
}

#[test]
fn twice_is_once_and_a_version_never_changes() {
    on_both(|house| async move {
        let key = house.key("acme", &["publish"]).await.key;
        let first: PublishReply =
            house.upload(&key, &said("pdf"), &skill("pdf", "one")).await.json(StatusCode::CREATED);
        assert_eq!((first.version.to_string().as_str(), first.seq, first.created), ("1.0.0", 1, true));
        let again: PublishReply = house.upload(&key, &said("pdf"), &skill("pdf", "one")).await.ok();
        assert_eq!(again, PublishReply { created: false, ..first.clone() });
        let named = Announcement { version: version("1.0.0"), ..said("pdf") };
        let again: PublishReply = house.upload(&key, &named, &skill("pdf", "one")).await.ok();
        assert!(!again.created);
        assert_eq!(house.upload(&key, &named, &skill("pdf", "two")).await.problem(409), "version-taken");

        let second: PublishReply =
            house.upload(&key, &said("pdf"), &skill("pdf", "two")).await.json(StatusCode::CREATED);
        assert_eq!((second.version.to_string().as_str(), second.seq), ("1.0.1", 2));
        let major = Announcement { version: version("2.0.0"), ..said("pdf") };
        house.upload(&key, &major, &skill("pdf", "three")).await.json::<PublishReply>(StatusCode::CREATED);
        let back = Announcement { version: version("1.5.0"), ..said("pdf") };
        assert_eq!(house.upload(&key, &back, &skill("pdf", "four")).await.problem(409), "version-not-newer");
        let list: VersionList = house.get("/api/skills/pdf/versions", &key).await.ok();
        let listed: Vec<String> = list.versions.iter().map(|one| one.version.to_string()).collect();
        assert_eq!(listed, ["2.0.0", "1.0.1", "1.0.0"]);
    });
}

#[test]
fn of_many_at_once_each_has_its_number() {
    on_both(|house| async move {
        let twin = house.twin().await;
        let key = house.key("acme", &["publish"]).await.key;
        let uploads: Vec<Vec<u8>> = (0..6).map(|n| skill("pdf", &format!("text {n}"))).collect();
        let (announced, houses) = (said("pdf"), [&house, &twin]);
        let sent = uploads.iter().enumerate().map(|(n, bytes)| houses[n % 2].upload(&key, &announced, bytes));
        let answers = futures_util::future::join_all(sent).await;
        let mut seqs: Vec<u64> =
            answers.iter().map(|answer| answer.json::<PublishReply>(StatusCode::CREATED).seq).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
        let synced = Client::new(&key_that_reads(&house).await).sync(&house).await.unwrap();
        assert_eq!(synced.manifest.skills[0].seq, 6, "the chain holds");
        let same = futures_util::future::join_all(
            (0..6).map(|n| houses[n % 2].upload(&key, &announced, &uploads[0])),
        );
        let created = same.await.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
        assert!(created <= 1, "the same files at once are published once");
    });
}

async fn key_that_reads(house: &House) -> String {
    house.key("acme", &["read"]).await.key
}

#[test]
fn what_is_no_good_skill_is_refused_with_what_is_wrong() {
    on_lite(|house| async move {
        let key = house.key("acme", &["publish"]).await.key;
        let good = b"---\nname: pdf\ndescription: Reads PDF files. Use it for them.\n---\n# P\n".as_slice();
        let secret = format!("key: ghp_{}\n", "k3J9".repeat(9));
        let cut = &skill("pdf", "x")[..150];
        let mut longer = skill("pdf", "x");
        longer.push(0);
        let cases: [(Vec<u8>, u16, &str); 7] = [
            (b"no archive at all".to_vec(), 400, "archive-damaged"),
            (cut.to_vec(), 400, "archive-damaged"),
            (longer, 400, "archive-not-canonical"),
            (Vec::new(), 400, "archive-damaged"),
            (skill("docx", "x"), 422, "gate-refused"),
            (archive(&[("SKILL.md", b"# no head\n")]), 422, "gate-refused"),
            (archive(&[("SKILL.md", good), ("a.txt", secret.as_bytes())]), 422, "gate-refused"),
        ];
        for (bytes, status, code) in cases {
            let answer = house.upload(&key, &said("pdf"), &bytes).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.problem(status), code, "{text}");
            assert!(!text.contains("ghp_"), "{text}");
        }
        let answer = house
            .upload(&key, &said("pdf"), &archive(&[("SKILL.md", good), ("a.txt", secret.as_bytes())]))
            .await;
        let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap();
        assert!(body.error.message.contains("`a.txt`: looks like a GitHub token in line 1"), "{body:?}");
        assert_eq!(
            house.get("/api/skills/pdf", &key).await.problem(404),
            "skill-not-found",
            "nothing is left"
        );
    });
}

#[test]
fn an_upload_has_its_form() {
    on_lite(|house| async move {
        let key = house.key("acme", &["publish"]).await.key;
        let (announced, bytes) = (serde_json::to_vec(&said("pdf")).unwrap(), skill("pdf", "x"));
        let whole = [("announcement", announced.as_slice()), ("archive", bytes.as_slice())];
        for (parts, status, code) in [
            (vec![whole[1], whole[0]], 400, "request-invalid"),
            (vec![whole[0]], 400, "request-invalid"),
            (vec![], 400, "request-invalid"),
            (vec![whole[0], whole[1], ("more", b"x".as_slice())], 400, "request-invalid"),
            (vec![("announcement", b"{".as_slice()), whole[1]], 400, "request-invalid"),
            (vec![("announcement", b"{\"slug\":\"../a\"}".as_slice()), whole[1]], 400, "request-invalid"),
            (vec![("announcement", [b' '; 70_000].as_slice()), whole[1]], 413, "body-too-large"),
        ] {
            let answer = house.send(form(&key, &parts)).await;
            assert_eq!(
                answer.problem(status),
                code,
                "{:?}",
                parts.iter().map(|part| part.0).collect::<Vec<_>>()
            );
        }
        let other = asking(Method::POST, path::PUBLISH, Some(&key)).header(CONTENT_TYPE, "application/gzip");
        assert_eq!(
            house.send(other.body(bytes.clone().into()).unwrap()).await.problem(415),
            "body-type-wrong"
        );
        let cut = form(&key, &whole).into_parts();
        let body = http_body_util::BodyExt::collect(cut.1).await.unwrap().to_bytes();
        let request = axum::http::Request::from_parts(cut.0, Body::from(body.slice(..body.len() / 2)));
        assert_eq!(house.send(request).await.problem(400), "request-invalid");
        let large = vec![0; 21 * 1024 * 1024];
        let answer = house.send(form(&key, &[whole[0], ("archive", &large)])).await;
        assert_eq!(answer.problem(413), "body-too-large");
        let reserved = Announcement { slug: "search".parse().unwrap(), ..said("pdf") };
        assert_eq!(house.upload(&key, &reserved, &skill("search", "x")).await.problem(400), "field-invalid");
    });
}

#[test]
fn only_who_may_publishes() {
    on_both(|house| async move {
        let one = house.key("acme", &["publish:pdf"]).await.key;
        let reader = house.reader("acme", Tier::Free).await;
        let other = house.key("globex", &["publish"]).await.key;
        assert_eq!(
            house.upload(&reader, &said("pdf"), &skill("pdf", "x")).await.problem(403),
            "scope-missing"
        );
        assert_eq!(
            house.upload(&one, &said("docx"), &skill("docx", "x")).await.problem(403),
            "scope-missing"
        );
        assert_eq!(house.upload(&one, &said("pdf"), &skill("pdf", "x")).await.status, StatusCode::CREATED);
        assert_eq!(house.upload(&other, &said("pdf"), &skill("pdf", "y")).await.problem(409), "slug-taken");
        let private: skillsync_wire::api::skill::SkillDetails = house.get("/api/skills/pdf", &one).await.ok();
        assert_eq!((private.visibility, private.owner.as_str()), (Visibility::Private, "acme"));
    });
}

#[test]
fn a_long_version_is_refused_and_no_manifest_bursts() {
    on_lite(|house| async move {
        let key = house.key("acme", &["publish"]).await.key;
        let at = |length: usize| Announcement {
            version: version(&format!("1.0.0-{}", "a".repeat(length - 6))),
            visibility: Some(Visibility::Public),
            ..said("pdf")
        };
        for length in [65, 44_000] {
            let answer = house.upload(&key, &at(length), &skill("pdf", "x")).await;
            assert_eq!(answer.problem(400), "field-invalid", "{length}");
        }
        assert_eq!(house.upload(&key, &at(64), &skill("pdf", "x")).await.status, StatusCode::CREATED);
        let synced = Client::new(&key_that_reads(&house).await).sync(&house).await.unwrap();
        assert_eq!(synced.manifest.skills[0].version.to_string().len(), 64);
    });
}

#[test]
fn what_was_taken_back_is_not_said_to_be_published() {
    on_both(|house| async move {
        let key = house.key("acme", &["publish"]).await.key;
        let take_back = async |at: &str, revoke: bool| {
            let order = Yank { version: at.parse().unwrap(), reason: "broken".to_owned(), revoke };
            let answer = house.post("/api/skills/pdf/yank", &key, &order).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        };
        house.publish(&key, "pdf", "one").await;
        take_back("1.0.0", false).await;
        let named = |at: &str| Announcement { version: version(at), ..said("pdf") };
        let one = skill("pdf", "one");
        assert_eq!(house.upload(&key, &named("1.0.0"), &one).await.problem(409), "version-yanked");
        let next: PublishReply = house.upload(&key, &said("pdf"), &one).await.json(StatusCode::CREATED);
        assert_eq!(next.version.to_string(), "1.0.1", "what is yanked alone may come again");
        let installed =
            house.get("/api/skills/install?slug=pdf&mode=files", &key_that_reads(&house).await).await;
        assert_eq!(installed.status, StatusCode::OK);

        take_back("1.0.1", true).await;
        assert_eq!(house.upload(&key, &named("1.0.1"), &one).await.problem(409), "version-yanked");
        assert_eq!(house.upload(&key, &said("pdf"), &one).await.problem(409), "files-revoked");
        house.publish(&key, "pdf", "two").await;
        assert_eq!(house.upload(&key, &said("pdf"), &one).await.problem(409), "files-revoked");
        assert_eq!(house.upload(&key, &named("3.0.0"), &one).await.problem(409), "files-revoked");
    });
}

#[test]
fn of_two_that_publish_the_same_at_once_both_are_heard() {
    on_both(|house| async move {
        let twin = house.twin().await;
        let key = house.key("acme", &["publish"]).await.key;
        for round in 0..6 {
            let slug = format!("skill-{round}");
            let bytes = skill(&slug, "x");
            let plain = Announcement { version: version("1.0.0"), ..said(&slug) };
            let public = Announcement { visibility: Some(Visibility::Public), ..plain.clone() };
            let (one, other) =
                tokio::join!(house.upload(&key, &plain, &bytes), twin.upload(&key, &public, &bytes));
            let mut statuses = [one.status.as_u16(), other.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 201], "{one:?} {other:?}");
            let details: skillsync_wire::api::skill::SkillDetails =
                house.get(&format!("/api/skills/{slug}"), &key).await.ok();
            assert_eq!(details.visibility, Visibility::Public, "whoever was first");
        }
    });
}
