//! A database that the first hub filled is brought up to date, and all that it held is there.

use std::path::Path;

use skillsync_hub::db::By;
use skillsync_hub::signer::pieces::Pieces;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;

/// What the first hub knew: a digest is 32 bytes of seven, `DIGEST`, and another one `OTHER`.
const FILLED: &[&str] = &[
    "insert into accounts (name, tier, created_at) values ('acme', 1, 5)",
    "insert into keys (id, account, secret_sha256, label, scopes, created_at) \
     values ('k1', 'acme', DIGEST, 'laptop', 'read publish', 5), ('k2', 'acme', OTHER, '', 'read', 6)",
    "update keys set revoked_at = 9 where id = 'k2'",
    "insert into skills (slug, owner, title, description, category, visibility, tier, last_seq, head_seq, verified_at, \
     created_at, updated_at) values ('pdf', 'acme', 't', 'd', '', 'public', 0, 2, 2, 0, 0, 0), \
     ('csv', 'acme', 't', 'd', '', 'private', 0, 1, 1, 0, 0, 0)",
    "insert into releases (slug, seq, version, content_hash, tarball_sha256, size_bytes, unpacked_bytes, files, \
     release_sha256, release_size, signature, published_at, changelog, files_json) values \
     ('pdf', 1, '1.0.0', DIGEST, DIGEST, 1, 1, 1, SHA1, 1, 's', 7, '', '[1]'), \
     ('pdf', 2, '1.1.0', DIGEST, OTHER, 2, 1, 1, SHA2, 1, 's', 8, 'more', '[2]'), \
     ('csv', 1, '1.0.0', DIGEST, DIGEST, 1, 1, 1, SHA3, 1, 's', 7, '', '[3]')",
    "insert into installs (key_id, slug, installed_at) values ('k1', 'pdf', 7)",
    "insert into states (key_id, reported_at, skills_json) values ('k1', 7, '[]')",
    "insert into roots (version, envelope) values (1, ENVELOPE)",
    "insert into advisories (version, warnings, expires_at, sha256, envelope) values (1, 1, 99, DIGEST, ENVELOPE)",
    "insert into manifests (audience, epoch, version, generation, issued_at, expires_at, sha256, envelope) \
     values ('key:k1', 1, 3, 4, 7, 99, DIGEST, ENVELOPE)",
    "update catalogue set generation = 4, root_version = 1",
];

/// The statement with the values as the engine writes them.
fn with_values(statement: &str, is_lite: bool) -> String {
    let bytes = |hex: &str| if is_lite { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") };
    let values = [
        ("DIGEST", "07".repeat(32)),
        ("OTHER", "08".repeat(32)),
        ("SHA1", "11".repeat(32)),
        ("SHA2", "12".repeat(32)),
        ("SHA3", "13".repeat(32)),
        ("ENVELOPE", hex::encode("{\"of\":\"before\"}")),
    ];
    values.iter().fold(statement.to_owned(), |text, (name, hex)| text.replace(name, &bytes(hex)))
}

/// Makes the database as the first hub made it, and fills it.
async fn fill(url: &str) {
    let (engine, is_lite) = if url.starts_with("sqlite:") { ("sqlite", true) } else { ("postgres", false) };
    let folder = tempfile::tempdir().unwrap();
    let first = Path::new(engine).join("0001_catalogue.sql");
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    std::fs::copy(migrations.join(first), folder.path().join("0001_catalogue.sql")).unwrap();
    let first = Migrator::new(folder.path()).await.unwrap();
    let statements = FILLED.iter().map(|statement| sqlx::AssertSqlSafe(with_values(statement, is_lite)));
    match url.strip_prefix("sqlite://") {
        Some(path) => {
            let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
            let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
            first.run(&mut conn).await.unwrap();
            for statement in statements {
                conn.execute(statement).await.unwrap();
            }
            conn.close().await.unwrap();
        }
        None => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            first.run(&mut conn).await.unwrap();
            for statement in statements {
                conn.execute(statement).await.unwrap();
            }
            conn.close().await.unwrap();
        }
    }
}

#[test]
fn a_database_of_the_first_hub_goes_on_with_all_that_it_held() {
    at_both(|url| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            fill(url).await;
            let db = Db::open(url, Role::Server).await.unwrap();
            let (acme, pdf) = (account("acme"), name("pdf"));
            let known = db.key("k1").await.unwrap().unwrap();
            assert_eq!(
                (known.tier, known.key.secret_sha256, &*known.key.label),
                (Tier::Pro, [7; 32], "laptop")
            );
            assert!(db.key("k2").await.unwrap().unwrap().key.revoked_at.is_some());

            // The manifest is whole in its head, and still the newest.
            let manifest = db.manifest(&audience("k1")).await.unwrap().unwrap();
            assert_eq!((manifest.stamp.version, manifest.stamp.generation), (3, 4));
            assert_eq!(manifest.pieces, Pieces::whole("{\"of\":\"before\"}"));
            assert_eq!(db.last_root().await.unwrap(), Some((1, b"{\"of\":\"before\"}".to_vec())));
            assert_eq!(db.advisories(1).await.unwrap().unwrap().envelope, b"{\"of\":\"before\"}");

            // What everybody may have is not noted yet, and then it is.
            let offers = async || db.offers(10, 10_000, 10_000).await.unwrap().rows;
            let rows = offers().await;
            let said: Vec<_> =
                rows.iter().map(|row| (row.slug.as_str(), row.seq, &*row.files_json)).collect();
            assert_eq!((said, &rows[0].offer_json), (vec![("pdf", 2, "[2]")], &None));
            db.note_offer(&pdf, 2, "{}").await.unwrap();
            assert_eq!(offers().await[0].offer_json.as_deref(), Some("{}"));

            let listing = db.listing(&viewer(&acme, Tier::Pro, "k1"), 10).await.unwrap();
            let listed: Vec<_> =
                listing.skills.iter().map(|skill| (skill.slug.as_str(), skill.seq)).collect();
            assert_eq!(listed, [("csv", 1), ("pdf", 2)]);
            assert!(
                !db.count_install("k1", &audience("k1"), &pdf, at(1)).await.unwrap(),
                "it counted before"
            );

            // And it goes on from there.
            let before = db.pulse().await.unwrap();
            assert_eq!((before.generation, before.revoked_keys), (4, 0));
            assert!(db.revoke_key(By::Admin, "k1", at(1)).await.unwrap());
            assert_eq!(db.pulse().await.unwrap().revoked_keys, 1);
            done(db.publish(&NewRelease { root_version: 1, ..release("pdf", "acme", 3) }).await.unwrap());
            assert_eq!(offers().await[0].seq, 3);
            db.close().await;
        });
    });
}
