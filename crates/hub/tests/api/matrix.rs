//! Who gets what: every route, asked by every kind of caller for every kind of skill. The table is in `matrix.txt`, and a
//! route that is not in it is missed.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use expect_test::expect_file;
use skillsync_hub::http::{Takes, routes};
use skillsync_wire::api::key::{KeyCreated, NewKey};
use skillsync_wire::api::path;
use skillsync_wire::api::publish::{Announcement, PublishReply, Yank};
use skillsync_wire::api::skill::Visibility;

use super::house::{asking, form, said};
use super::*;

/// What a case is asked about.
struct Object {
    name: &'static str,
    slug: &'static str,
    tarball: String,
    release: String,
}

#[test]
fn everybody_gets_what_the_table_says() {
    on_lite(|house| async move {
        let owner = house.key("acme", &["read", "publish"]).await;
        let mut objects = Vec::new();
        for (name, slug) in
            [("public", "pdf"), ("private", "secret"), ("yanked", "old"), ("missing", "absent")]
        {
            let (mut tarball, mut release) = ("0".repeat(64), "0".repeat(64));
            if name != "missing" {
                let visibility = if name == "private" { Visibility::Private } else { Visibility::Public };
                let announced = Announcement { visibility: Some(visibility), ..said(slug) };
                let answer = house.upload(&owner.key, &announced, &skill(slug, "x")).await;
                let published: PublishReply = answer.json(StatusCode::CREATED);
                (tarball, release) = (published.checksum_sha256.hex(), published.release.hex());
            }
            objects.push(Object { name, slug, tarball, release });
        }
        let yank = Yank { version: "1.0.0".parse().unwrap(), reason: "old".to_owned(), revoke: false };
        house.post("/api/skills/old/yank", &owner.key, &yank).await;

        let soon = skillsync_hub::clock::after(house.site.clock.now(), 1);
        let expiring = NewKey { expires_at: Some(soon), ..NewKey::default() };
        let expired: KeyCreated =
            house.post(path::KEYS, &house.admin, &expiring).await.json(StatusCode::CREATED);
        house.site.clock.advance(2);
        let revoked = house.key("acme", &["read", "publish"]).await;
        house.ask(Method::DELETE, &format!("/api/keys/{}", revoked.info.id), Some(&house.admin)).await;
        let callers = [
            ("nobody", None),
            ("expired", Some(expired.key)),
            ("revoked", Some(revoked.key)),
            ("other read", Some(house.key("globex", &["read"]).await.key)),
            ("other publish", Some(house.key("globex", &["publish"]).await.key)),
            ("own read", Some(house.key("acme", &["read"]).await.key)),
            ("own publish", Some(house.key("acme", &["publish"]).await.key)),
            ("own publish:pdf", Some(house.key("acme", &["publish:pdf"]).await.key)),
            ("admin", Some(house.admin.clone())),
        ];
        let mut table = String::new();
        for route in routes() {
            writeln!(table, "{} {}", route.method, route.path).unwrap();
            let about =
                route.path.contains("{slug}") || route.path.contains("{hex}") || route.path == path::PUBLISH;
            let about = about || route.query.iter().any(|field| field.name == "slug");
            let objects = if about { &objects[..] } else { &objects[..1] };
            for (who, key) in &callers {
                let mut line = format!("  {who}:");
                for object in objects {
                    let status = ask(&house, &route, key.as_deref(), object).await;
                    match about {
                        true => write!(line, " {} {status}", object.name).unwrap(),
                        false => write!(line, " {status}").unwrap(),
                    }
                }
                writeln!(table, "{line}").unwrap();
            }
        }
        expect_file!["matrix.txt"].assert_eq(&table);
    });
}

/// The status of a request that changes nothing, whoever is let in: what it asks for is wrong in its details.
async fn ask(house: &House, route: &skillsync_hub::http::Route, key: Option<&str>, object: &Object) -> u16 {
    let hex = if route.path.contains("releases") { &object.release } else { &object.tarball };
    let at = route.path.replace("{slug}", object.slug).replace("{*path}", "SKILL.md").replace("{hex}", hex);
    let mut at = at.replace("{id}", "abcdefghijkl").replace("{file}", "1.json");
    if route.query.iter().any(|field| field.name == "slug") {
        at = format!("{at}?slug={}", object.slug);
    }
    let request = match route.takes {
        Takes::Nothing => asking(route.method.clone(), &at, key).body(Body::empty()).unwrap(),
        Takes::Json(_) => {
            // A version that is not there, a reason that is none, skills that are none.
            let body = match route.path {
                "/api/skills/{slug}/yank" => "{\"version\":\"9.9.9\",\"reason\":\"x\"}",
                "/api/skills/{slug}/deprecate" => "{\"reason\":\"\"}",
                _ => "{\"skills\":[],\"scopes\":[\"cook\"]}",
            };
            let request = asking(route.method.clone(), &at, key).header(CONTENT_TYPE, "application/json");
            request.body(Body::from(body)).unwrap()
        }
        Takes::Upload(_) => {
            let announced = serde_json::to_vec(&said(object.slug)).unwrap();
            let mut request =
                form(key.unwrap_or_default(), &[("announcement", &announced), ("archive", b"no archive")]);
            if key.is_none() {
                request.headers_mut().remove("x-api-key");
            }
            request
        }
    };
    house.send(request).await.status.as_u16()
}
