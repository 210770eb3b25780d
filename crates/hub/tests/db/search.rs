//! Search: what is found, in which order, by whom.

use skillsync_hub::db::{By, Page, YankOrder};

use super::*;

/// The slugs that are found, in their order.
async fn found(db: &Db, who: &Viewer<'_>, text: &str) -> String {
    let found = db.search(who, text, Page::of(1, 100)).await.unwrap();
    assert_eq!(found.total, found.hits.len() as u64, "{text}");
    assert!(found.hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)), "{text}");
    found.hits.iter().map(|hit| hit.skill.slug.as_str()).collect::<Vec<_>>().join(" ")
}

async fn publish(db: &Db, slug: &str, title: &str, description: &str, body: &str) {
    let new = NewRelease {
        title: title.to_owned(),
        description: description.to_owned(),
        body: body.to_owned(),
        ..release(slug, "acme", 1)
    };
    done(db.publish(&new).await.unwrap());
}

#[test]
fn words_find_whatever_they_are_made_of() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        publish(&db, "pdf-tools", "PDF tools", "Fill forms and merge files", "Run the extraction script")
            .await;
        publish(&db, "spreadsheets", "Sheets", "Read tables, and write PDF reports", "Open workbooks").await;
        publish(&db, "reise", "Über Reisen", "Plane eine Reise nach Köln", "日本語 text").await;
        let acme = account("acme");
        let who = viewer(&acme, Tier::Free, "k1");
        for (text, expected) in [
            ("pdf", "pdf-tools spreadsheets"),
            ("PDF-Tools", "pdf-tools"),
            ("pdf_tools", "pdf-tools"),
            ("merging form", "pdf-tools"),
            ("extract scripts", "pdf-tools"),
            ("the report", "spreadsheets"),
            ("köln", "reise"),
            ("日本語", "reise"),
            ("workbook pdf", "spreadsheets"),
            // Without one that has them all, those that have one.
            ("workbook merge", "pdf-tools spreadsheets"),
            ("nothing", ""),
            // Words, not operators of any engine.
            ("pdf OR reise", "pdf-tools spreadsheets reise"),
            ("pdf NOT tables", "spreadsheets pdf-tools"),
            ("pdf*", "pdf-tools spreadsheets"),
            ("title:sheets", "spreadsheets"),
            ("\"pdf tools\"", "pdf-tools"),
            ("pdf & !tools | (reise <-> x) ':*'", "pdf-tools reise spreadsheets"),
            ("x'; drop table skills; --", "spreadsheets"),
            ("pdf\0tools", "pdf-tools"),
        ] {
            let mut slugs: Vec<_> = found(&db, &who, text).await.split(' ').map(str::to_owned).collect();
            let mut wanted: Vec<_> = expected.split(' ').map(str::to_owned).collect();
            // Where every word need not be there, the engines weigh rare words differently.
            slugs.sort();
            wanted.sort();
            assert_eq!(slugs, wanted, "{text}");
        }
        assert_eq!(
            found(&db, &who, "pdf").await,
            "pdf-tools spreadsheets",
            "a name weighs more than a description"
        );
    });
}

#[test]
fn only_what_the_caller_may_have_is_found_or_counted() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        for (slug, owner, visibility, tier) in [
            ("pdf-free", "other", Visibility::Public, Tier::Free),
            ("pdf-pro", "other", Visibility::Public, Tier::Pro),
            ("pdf-secret", "other", Visibility::Private, Tier::Free),
            ("pdf-own", "acme", Visibility::Private, Tier::Pro),
            ("pdf-gone", "other", Visibility::Public, Tier::Free),
        ] {
            let new =
                NewRelease { visibility: Some(visibility), tier: Some(tier), ..release(slug, owner, 1) };
            done(db.publish(&new).await.unwrap());
        }
        let (gone, one) = (name("pdf-gone"), version("1.1.0"));
        let order = YankOrder { slug: &gone, version: &one, reason: "bad", revoke: false };
        db.yank(By::Admin, &order, at(2)).await.unwrap();
        let (acme, other) = (account("acme"), account("other"));
        for (who, tier, expected) in [
            (&acme, Tier::Free, "pdf-free pdf-own"),
            (&acme, Tier::Pro, "pdf-free pdf-own pdf-pro"),
            (&other, Tier::Free, "pdf-free pdf-pro pdf-secret"),
        ] {
            for text in ["pdf", ""] {
                assert_eq!(
                    found(&db, &viewer(who, tier, "k1"), text).await,
                    expected,
                    "{who} {tier} `{text}`"
                );
            }
        }
        // What a newer release does not say any more is not found any more.
        let renamed =
            NewRelease { description: "About sheets".to_owned(), ..release("pdf-free", "other", 2) };
        done(db.publish(&renamed).await.unwrap());
        assert_eq!(found(&db, &viewer(&other, Tier::Free, "k1"), "sheets").await, "pdf-free");
        assert_eq!(
            found(&db, &viewer(&other, Tier::Free, "k1"), "wanted free").await,
            "pdf-free pdf-pro pdf-secret"
        );
    });
}

#[test]
fn what_fits_alike_is_ordered_by_installs_then_by_age_and_comes_in_pages() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        for n in 0..7 {
            let slug = format!("pdf-{n}");
            let new = NewRelease {
                published_at: at(n),
                description: "About it".to_owned(),
                ..release(&slug, "acme", 1)
            };
            done(db.publish(&new).await.unwrap());
            db.insert_key(&key(&format!("k{n}"), "acme")).await.unwrap();
        }
        for (slug, keys) in [("pdf-2", 3), ("pdf-4", 1)] {
            for n in 0..keys {
                let id = format!("k{n}");
                db.count_install(&id, &audience(&id), &name(slug), at(9)).await.unwrap();
            }
        }
        let acme = account("acme");
        let who = viewer(&acme, Tier::Free, "k1");
        let order = "pdf-2 pdf-4 pdf-6 pdf-5 pdf-3 pdf-1 pdf-0";
        for text in ["pdf", "", "of the"] {
            assert_eq!(found(&db, &who, text).await, order, "`{text}`");
            let mut pages = Vec::new();
            for page in 1..=4 {
                let found = db.search(&who, text, Page::of(page, 3)).await.unwrap();
                assert_eq!(found.total, 7);
                pages.push(found.hits.iter().map(|h| h.skill.slug.as_str()).collect::<Vec<_>>().join(" "));
            }
            assert_eq!(pages, ["pdf-2 pdf-4 pdf-6", "pdf-5 pdf-3 pdf-1", "pdf-0", ""]);
            let far = db.search(&who, text, Page::of(u32::MAX, 100)).await.unwrap();
            assert!(far.hits.is_empty());
        }
    });
}

#[test]
fn what_others_keep_private_moves_neither_order_nor_score() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other", "third"]).await;
        publish(&db, "alpha-zebra", "One", "About alpha things", "Some more words on giraffe").await;
        publish(&db, "beta-tools", "Two", "About zebra and giraffe things", "Some words").await;
        publish(&db, "gamma-tools", "Three", "About giraffe", "A zebra stands here").await;
        let third = account("third");
        let who = viewer(&third, Tier::Free, "k1");
        let all = async |db: &Db| {
            let mut seen = Vec::new();
            for text in ["zebra", "giraffe", "zebra giraffe", "zebra giraffe alpha nothing"] {
                let found = db.search(&who, text, Page::of(1, 100)).await.unwrap();
                let hits = found.hits.iter().map(|hit| (hit.skill.slug.to_string(), hit.score));
                seen.push((found.total, hits.collect::<Vec<_>>()));
            }
            seen
        };
        let before = all(&db).await;
        assert!(before.iter().all(|(total, _)| *total == 3), "{before:?}");
        for n in 0..20 {
            let new = NewRelease {
                visibility: Some(Visibility::Private),
                description: "All about the zebra".to_owned(),
                body: "zebra ".repeat(50),
                ..release(&format!("secret-{n}"), "other", 1)
            };
            done(db.publish(&new).await.unwrap());
        }
        assert_eq!(all(&db).await, before);
    });
}
