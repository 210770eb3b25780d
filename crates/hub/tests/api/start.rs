//! Starts: the first makes everything, the next finds it, two at once make one hub, and wrong keys are refused by name.

use skillsync_core::fault::Fault as _;
use skillsync_hub::app::App;
use skillsync_hub::keys::{KeyDir, Role};
use skillsync_wire::api::path;
use skillsync_wire::text::Hub;

use super::house::Site;
use super::*;

#[test]
fn a_second_start_finds_everything() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish", "read"]).await.key;
        house.publish(&publisher, "pdf", "x").await;
        let mut client = Client::new(&publisher);
        let before = client.sync(&house).await.unwrap();
        house.http.app().close().await;
        let again = house.twin().await;
        assert_eq!(again.first_root, house.first_root);
        assert_eq!(client.sync(&again).await.unwrap().manifest, before.manifest);
    });
}

#[test]
fn two_first_starts_at_once_make_one_hub() {
    on_both(|house| async move {
        // A second hub beside the one of the fixture, where nobody started yet.
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("hub.db").display());
        let site = Site { clock: house.site.clock.clone(), ..Site::new(&database, folder.path()) };
        let starts = futures_util::future::join_all((0..4).map(|_| site.open())).await;
        let opened: Vec<_> = starts.into_iter().map(Result::unwrap).collect();
        assert_eq!(opened.iter().filter(|opened| opened.founded.is_some()).count(), 1);
        assert!(opened.iter().all(|one| one.first_root == opened[0].first_root));
        assert_eq!(site.keys().of_role(Role::Root).unwrap().len(), 3);
        for one in opened {
            one.app.close().await;
        }
    });
}

#[test]
fn keys_of_another_hub_are_refused_by_name() {
    on_both(|house| async move {
        let elsewhere = tempfile::tempdir().unwrap();
        let mut parts = house.site.parts().await;
        parts.keys = KeyDir::open(&elsewhere.path().join("keys")).unwrap();
        let error = App::open(parts).await.unwrap_err();
        assert_eq!(error.code(), "hub-keys-not-of-root");
        assert!(error.to_string().contains("no release key of root 1"), "{error}");
        assert!(error.hint().unwrap().contains("--keys"));
        let mut parts = house.site.parts().await;
        parts.name = Some(Hub::parse("https://other.example").unwrap());
        assert_eq!(App::open(parts).await.unwrap_err().code(), "hub-name-differs");
    });
}

#[test]
fn serving_needs_no_root_keys() {
    on_lite(|house| async move {
        for number in 1..=3 {
            std::fs::remove_file(house.site.folder.join(format!("keys/root-{number}.key"))).unwrap();
        }
        let again = house.twin().await;
        let publisher = again.key("acme", &["publish", "read"]).await.key;
        again.publish(&publisher, "pdf", "x").await;
        assert_eq!(Client::new(&publisher).sync(&again).await.unwrap().manifest.skills.len(), 1);
        assert_eq!(again.get(path::KEYS, &again.admin).await.status, StatusCode::OK);
    });
}

#[cfg(unix)]
#[test]
fn blobs_are_for_the_hub_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    on_lite(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "x").await;
        let mut folders = vec![house.site.folder.join("blobs")];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    assert_eq!(mode(&path), 0o600, "{}", path.display());
                    files += 1;
                }
            }
        }
        assert!(files >= 4, "an archive, a statement, a root and advisories");
    });
}
