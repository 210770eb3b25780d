//! One skill: seen by who may see it, and for everybody else the very same as one that is not there.

use axum::http::Method;
use skillsync_wire::api::install::InstallReply;
use skillsync_wire::api::path;
use skillsync_wire::api::publish::{Announcement, Deprecate, Yank};
use skillsync_wire::api::search::SearchReply;
use skillsync_wire::api::skill::{Access, SkillDetails, Tier, Visibility};
use skillsync_wire::api::state::{InstalledSkill, StateList, StateReport};

use super::house::said;
use super::*;

#[test]
fn what_is_private_to_others_is_as_if_it_were_not_there() {
    on_both(|house| async move {
        let owner = house.key("acme", &["read", "publish"]).await.key;
        let stranger = house.key("globex", &["read", "publish"]).await.key;
        house.upload(&owner, &said("secret"), &skill("secret", "x")).await;
        let yank = Yank { version: "1.0.0".parse().unwrap(), reason: "x".to_owned(), revoke: false };
        for key in [&stranger, &house.admin] {
            for of in ["", "/versions", "/files/SKILL.md"] {
                let private = house.get(&format!("/api/skills/secret{of}"), key).await;
                let missing = house.get(&format!("/api/skills/absent{of}"), key).await;
                assert_eq!(same(&private, "secret"), same(&missing, "absent"), "{of}");
                assert_eq!(private.problem(404), "skill-not-found");
            }
            for query in ["install?slug=", "access?slug="] {
                let private = house.get(&format!("/api/skills/{query}secret"), key).await;
                let missing = house.get(&format!("/api/skills/{query}absent"), key).await;
                assert_eq!(same(&private, "secret"), same(&missing, "absent"), "{query}");
            }
            let synced = Client::new(key).sync(&house).await.unwrap();
            assert!(synced.manifest.skills.is_empty());
            let found: SearchReply = house.get("/api/skills/search?q=secret", key).await.ok();
            assert_eq!(found.total, 0);
        }
        let private = house.post("/api/skills/secret/yank", &stranger, &yank).await;
        let missing = house.post("/api/skills/absent/yank", &stranger, &yank).await;
        assert_eq!(same(&private, "secret"), same(&missing, "absent"));
        let nobody = house.ask(Method::GET, "/api/skills/secret", None).await;
        let missing = house.ask(Method::GET, "/api/skills/absent", None).await;
        assert_eq!(same(&nobody, "secret"), same(&missing, "absent"));
        assert_eq!(house.get("/api/skills/secret", &owner).await.status, StatusCode::OK);
        assert_eq!(Client::new(&owner).sync(&house).await.unwrap().manifest.skills.len(), 1);
    });
}

/// An answer without the name that was asked for.
fn same(answer: &Answer, name: &str) -> impl PartialEq + std::fmt::Debug + use<> {
    let (status, headers, body) = answer.outside();
    (status, headers, body.replace(name, "NAME"))
}

#[test]
fn a_tier_opens_what_is_of_it_and_below() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        let pro = Announcement { visibility: Some(Visibility::Public), tier: Some(Tier::Pro), ..said("pdf") };
        house.upload(&owner, &pro, &skill("pdf", "x")).await;
        let free = house.reader("globex", Tier::Free).await;
        let paying = house.reader("initech", Tier::Pro).await;
        let details: SkillDetails = house.get("/api/skills/pdf", &free).await.ok();
        assert_eq!(details.tier, Tier::Pro, "everybody may know of it");
        let access: Access = house.get("/api/skills/access?slug=pdf", &free).await.ok();
        assert_eq!((access.access, access.required_tier), (false, Some(Tier::Pro)));
        let access: Access = house.get("/api/skills/access?slug=pdf", &paying).await.ok();
        assert_eq!((access.access, access.tier), (true, Some(Tier::Pro)));
        assert_eq!(house.get("/api/skills/install?slug=pdf", &free).await.problem(403), "tier-too-low");
        assert_eq!(house.get("/api/skills/pdf/files/SKILL.md", &free).await.problem(403), "tier-too-low");
        assert_eq!(
            house.ask(Method::GET, "/api/skills/pdf/files/SKILL.md", None).await.problem(403),
            "tier-too-low"
        );
        assert!(Client::new(&free).sync(&house).await.unwrap().manifest.skills.is_empty());
        assert_eq!(Client::new(&paying).sync(&house).await.unwrap().manifest.skills.len(), 1);
    });
}

#[test]
fn an_install_says_where_and_is_counted_once_for_each_key() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        let first = house.publish(&owner, "pdf", "one").await;
        house.publish(&owner, "pdf", "two").await;
        let key = house.reader("globex", Tier::Free).await;
        let reply: InstallReply = house.get("/api/skills/install?slug=pdf@1.0.0&mode=files", &key).await.ok();
        assert_eq!((reply.version.to_string().as_str(), reply.release), ("1.0.0", first.release));
        assert_eq!(
            reply.manifest.files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(),
            ["SKILL.md", "scripts/run.sh"]
        );
        assert!(!reply.manifest.signature.is_empty());
        let newest: InstallReply = house.get("/api/skills/install?slug=pdf", &key).await.ok();
        assert_eq!(newest.version.to_string(), "1.0.1");
        let archive = house.ask(Method::GET, &newest.tarball_url, None).await;
        assert_eq!(archive.body, skill("pdf", "two"));
        let apart: InstallReply = house.get("/api/skills/install?slug=pdf&version=1.0.0", &key).await.ok();
        assert_eq!(apart.release, reply.release);
        let count =
            async || house.get("/api/skills/pdf", &key).await.ok::<SkillDetails>().install_count_total;
        assert_eq!(count().await, 1);
        let other = house.reader("initech", Tier::Free).await;
        house.get("/api/skills/install?slug=pdf", &other).await;
        assert_eq!(count().await, 2);
        for (query, status, code) in [
            ("slug=pdf@9.9.9", 404, "version-not-found"),
            ("slug=pdf@1.0.0&version=1.0.1", 400, "request-invalid"),
            ("slug=pdf@x", 400, "request-invalid"),
            ("slug=pdf&mode=all", 400, "request-invalid"),
            ("slug=..%2Fetc", 400, "name-invalid"),
            ("", 400, "request-invalid"),
        ] {
            assert_eq!(
                house.get(&format!("/api/skills/install?{query}"), &key).await.problem(status),
                code,
                "{query}"
            );
        }
        let yank = Yank { version: "1.0.1".parse().unwrap(), reason: "broken".to_owned(), revoke: false };
        house.post("/api/skills/pdf/yank", &owner, &yank).await;
        assert_eq!(
            house.get("/api/skills/install?slug=pdf@1.0.1", &key).await.problem(404),
            "version-not-found"
        );
        let newest: InstallReply = house.get("/api/skills/install?slug=pdf", &key).await.ok();
        assert_eq!(newest.version.to_string(), "1.0.0", "the one before it");
    });
}

#[test]
fn one_file_can_be_read_without_an_install() {
    on_lite(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        house.publish(&owner, "pdf", "one").await;
        let file = house.ask(Method::GET, "/api/skills/pdf/files/scripts/run.sh", None).await;
        assert_eq!((file.status, file.body.as_slice()), (StatusCode::OK, b"echo run\n".as_slice()));
        assert_eq!(file.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(file.header("content-disposition"), "attachment");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        for (path, status, code) in [
            ("scripts/none.sh", 404, "file-not-found"),
            ("scripts", 404, "file-not-found"),
            ("..%2F..%2Fetc%2Fpasswd", 400, "path-invalid"),
            ("SKILL.md?version=7.0.0", 404, "version-not-found"),
        ] {
            let answer = house.ask(Method::GET, &format!("/api/skills/pdf/files/{path}"), None).await;
            let found = answer.problem(status);
            assert!(found == code || code == "path-invalid" && found.starts_with("path"), "{path}: {found}");
        }
    });
}

#[test]
fn search_gives_pages_of_what_the_caller_may_have() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        for slug in ["pdf-read", "pdf-write", "docx"] {
            house.publish(&owner, slug, "words").await;
        }
        let key = house.reader("globex", Tier::Free).await;
        let found: SearchReply = house.get("/api/skills/search?q=pdf&page_size=1", &key).await.ok();
        assert_eq!((found.total, found.page, found.page_size, found.results.len()), (2, 1, 1, 1));
        let next: SearchReply = house.get("/api/skills/search?q=pdf&page_size=1&page=2", &key).await.ok();
        assert_ne!(next.results[0].slug, found.results[0].slug);
        let all: SearchReply = house.get("/api/skills/search", &key).await.ok();
        assert_eq!((all.total, all.page_size), (3, 20));
        for query in ["page_size=101", "page_size=0", "page=0", "page=x", "page=99999999", "q=a&q=b"] {
            let answer = house.get(&format!("/api/skills/search?{query}"), &key).await;
            let code = answer.problem(400);
            assert!(["field-invalid", "request-invalid"].contains(&code.as_str()), "{query}: {code}");
        }
        for hostile in
            ["%22", "%27%20OR%201%3D1--", "*", "NEAR(", "%00", "a%20AND", "%F0%9F%92%A9", "slug%3Apdf"]
        {
            let answer = house.get(&format!("/api/skills/search?q={hostile}"), &key).await;
            assert_eq!(answer.status, StatusCode::OK, "{hostile}: {answer:?}");
        }
    });
}

#[test]
fn an_owner_says_that_a_skill_is_superseded_and_takes_it_back() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        house.publish(&owner, "pdf", "one").await;
        let other = house.key("globex", &["publish"]).await.key;
        let said =
            Deprecate { reason: Some("use pdf2".to_owned()), replaced_by: Some("pdf2".parse().unwrap()) };
        assert_eq!(house.post("/api/skills/pdf/deprecate", &other, &said).await.problem(403), "not-owner");
        assert_eq!(
            house.post("/api/skills/pdf/deprecate", &owner, &said).await.status,
            StatusCode::NO_CONTENT
        );
        let details: SkillDetails = house.get("/api/skills/pdf", &other).await.ok();
        assert_eq!((details.deprecated, details.replaced_by), (said.reason, said.replaced_by));
        let back = Deprecate { reason: None, replaced_by: None };
        house.post("/api/skills/pdf/deprecate", &house.admin, &back).await;
        assert_eq!(house.get("/api/skills/pdf", &other).await.ok::<SkillDetails>().deprecated, None);
        let hostile = Deprecate { reason: Some("a\nb".to_owned()), replaced_by: None };
        assert_eq!(
            house.post("/api/skills/pdf/deprecate", &owner, &hostile).await.problem(400),
            "field-invalid"
        );
    });
}

#[test]
fn who_may_see_it_can_be_changed_without_a_new_version() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        let reader = house.reader("globex", Tier::Free).await;
        house.upload(&owner, &said("pdf"), &skill("pdf", "x")).await;
        assert!(Client::new(&reader).sync(&house).await.unwrap().manifest.skills.is_empty());
        let open = Announcement { visibility: Some(Visibility::Public), ..said("pdf") };
        let answer = house.upload(&owner, &open, &skill("pdf", "x")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(Client::new(&reader).sync(&house).await.unwrap().manifest.skills.len(), 1);
        let closed = Announcement { visibility: Some(Visibility::Private), ..said("pdf") };
        house.upload(&owner, &closed, &skill("pdf", "x")).await;
        assert!(Client::new(&reader).sync(&house).await.unwrap().manifest.skills.is_empty());
    });
}

#[test]
fn what_a_machine_tells_is_for_its_account() {
    on_both(|house| async move {
        let (one, two) = (house.key("acme", &["read"]).await, house.key("acme", &["read"]).await);
        let stranger = house.reader("globex", Tier::Free).await;
        let published = house.publish(&house.key("acme", &["publish"]).await.key, "pdf", "x").await;
        let installed = InstalledSkill {
            slug: "pdf".parse().unwrap(),
            version: published.version,
            content_hash: published.content_hash,
            release: published.release,
            installed_at: house.site.clock.now(),
        };
        let report = StateReport { skills: vec![installed.clone()] };
        for key in [&one.key, &two.key] {
            assert_eq!(house.post(path::STATE, key, &report).await.status, StatusCode::NO_CONTENT);
        }
        let list: StateList = house.get(path::STATE, &one.key).await.ok();
        let mut expected = [one.info.id.clone(), two.info.id.clone()];
        expected.sort();
        assert_eq!(list.machines.iter().map(|m| m.key.clone()).collect::<Vec<_>>(), expected);
        assert_eq!(list.machines[0].skills, report.skills);
        let rest: StateList =
            house.get(&format!("{}?after={}", path::STATE, expected[0]), &one.key).await.ok();
        assert_eq!(rest.machines.len(), 1);
        assert!(house.get(path::STATE, &stranger).await.ok::<StateList>().machines.is_empty());
        let many = (0..5000).map(|n| InstalledSkill {
            slug: format!("{n:04}{}", "x".repeat(60)).parse().unwrap(),
            ..installed.clone()
        });
        let largest = StateReport { skills: many.collect() };
        assert_eq!(house.post(path::STATE, &two.key, &largest).await.status, StatusCode::NO_CONTENT);
        let long = InstalledSkill {
            version: format!("1.0.0-{}", "x".repeat(59)).parse().unwrap(),
            ..installed.clone()
        };
        let long = StateReport { skills: vec![long] };
        assert_eq!(house.post(path::STATE, &two.key, &long).await.problem(400), "field-invalid");
        let twice = StateReport { skills: vec![installed.clone(), installed] };
        assert_eq!(house.post(path::STATE, &one.key, &twice).await.problem(400), "field-invalid");
    });
}

#[test]
fn nobody_is_offered_what_is_below_the_floor() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        let key = house.reader("globex", Tier::Free).await;
        for text in ["one", "two", "three"] {
            house.publish(&publisher, "pdf", text).await;
        }
        let version = |text: &str| text.parse::<semver::Version>().unwrap();
        let pdf = "pdf".parse().unwrap();
        let yank = Yank { version: version("1.0.2"), reason: "broken".to_owned(), revoke: false };
        house.post("/api/skills/pdf/yank", &publisher, &yank).await;
        let mut client = Client::new(&key);
        assert_eq!(client.sync(&house).await.unwrap().manifest.skills[0].seq, 2);
        // Another process of the hub, as the command is.
        let twin = house.twin().await;
        let app = twin.http.app();
        assert!(app.raise_floor_as_operator(&pdf, &version("9.0.0")).await.is_err());
        assert!(app.raise_floor_as_operator(&pdf, &version("1.0.1")).await.unwrap().is_raised);
        assert!(!app.raise_floor_as_operator(&pdf, &version("1.0.1")).await.unwrap().is_raised);
        assert!(
            !app.raise_floor_as_operator(&pdf, &version("1.0.0")).await.unwrap().is_raised,
            "it never sinks"
        );
        let synced = client.sync(&house).await.unwrap().manifest;
        assert_eq!(synced.skills[0].seq, 2);
        let below = house.get("/api/skills/install?slug=pdf&version=1.0.0", &key).await;
        assert_eq!(below.problem(404), "version-not-found");
        assert!(app.raise_floor_as_operator(&pdf, &version("1.0.2")).await.unwrap().is_raised);
        assert!(client.sync(&house).await.unwrap().manifest.skills.is_empty(), "nothing is left to install");
        house.publish(&publisher, "pdf", "four").await;
        assert_eq!(client.sync(&house).await.unwrap().manifest.skills[0].seq, 4);
    });
}
