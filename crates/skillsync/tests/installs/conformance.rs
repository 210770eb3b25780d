//! What TUF's public conformance suite asks of every client and the table of threats does not: in which order it asks, what it
//! stores, what it does where something is missing. `docs/tuf-conformance.md` says where each of its cases is.

use std::collections::BTreeSet;
use std::path::Path;

use skillsync_testkit::web::Answer;
use skillsync_wire::api::path;

use crate::home::{hub, installed, machine, meta, publish, report};
use crate::house::{RELEASE, api_key, id};
use crate::threats::{forged, refuses, valuables};

#[test]
fn a_refresh_asks_in_one_order_and_for_nothing_else() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    machine.run(&["poll"]).ok();
    let (release, archive, advisories) = hub.change(|house| {
        let newest = house.newest("pdf");
        let (release, archive) = (path::release(&newest.digest()), newest.release.tarball.sha256);
        (release, path::tarball(&archive), path::advisories(house.advisories.version))
    });
    let mut asked = hub.take_paths();
    // What is told of afterwards is no part of it; advisories that are here already need not be asked for.
    asked.retain(|path| path != path::STATE && *path != advisories);
    // The manifest comes first, so that a poll without news is one question; it is read when the roots were gone through.
    assert_eq!(asked, [path::MANIFEST, &path::root(2), &release, &archive]);
}

#[test]
fn what_is_stored_is_what_was_served_byte_for_byte() {
    let hub = hub();
    hub.change(|house| house.rotate(&[1, 2], |_| ()));
    let machine = installed(&hub);
    let (manifest, advisories, roots, newest) = hub.change(|house| {
        let manifest = crate::house::signed(&house.manifest_for(&api_key().audience()), &[house.manifest_by]);
        (manifest, house.signed_advisories(), house.roots.clone(), house.newest("pdf").clone())
    });
    let statement = format!("releases/{}.json", newest.digest().hex());
    for (file, served) in [
        ("manifest.json", &manifest),
        ("advisories.json", &advisories),
        ("root-1.json", &roots[0]),
        ("root-2.json", &roots[1]),
        (&statement, &newest.statement),
    ] {
        let stored = std::fs::read(machine.store(&format!("sources/team/{file}"))).unwrap();
        assert!(stored == *served, "{file} is not what was served");
    }
}

#[test]
fn an_install_begins_with_a_refresh() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    machine.run(&["install", "pdf"]).ok();
    let asked = hub.take_paths();
    let at = |start: &str| asked.iter().position(|path| path.starts_with(start)).unwrap();
    assert!(at(path::MANIFEST) < at("/cdn/blobs/") && at("/trust/root/") < at("/cdn/blobs/"), "{asked:?}");
    // What is not there is asked of the hub by name, and nothing is fetched for it.
    machine.run(&["install", "absent"]).fails(1);
    assert!(!hub.take_paths().iter().any(|path| path.starts_with("/cdn/")));
    assert!(!machine.store("skills/absent").exists());
}

#[test]
fn a_document_that_is_missing_ends_the_refresh_and_changes_nothing() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    let before = valuables(&machine);
    let (release, archive) = hub.change(|house| {
        // New ones, so that they are asked for.
        house.revoke("docx", 1, "malware");
        let newest = house.newest("pdf");
        (path::release(&newest.digest()), path::tarball(&newest.release.tarball.sha256))
    });
    let advisories = hub.change(|house| path::advisories(house.advisories.version));
    for missing in [path::MANIFEST.to_owned(), advisories, release, archive] {
        let gone = missing.clone();
        hub.lie(move |asked, answer| match asked.path.starts_with(&gone) {
            true => Answer::status(404),
            false => answer,
        });
        let polled = machine.run(&["poll", "--json"]).one_of(&[1, 3, 6, 7]).json();
        assert_ne!(polled["sources"][0]["status"], "updated", "{missing}: {polled}");
        before.assert_same(&valuables(&machine));
        assert_eq!(meta(&machine)["skills"]["pdf"]["seq"], 1, "{missing}");
    }
    hub.repent();
    report(&machine, &["poll"], 0);
    assert_eq!(meta(&machine)["skills"]["pdf"]["seq"], 2, "once all of it is there");
}

#[test]
fn a_field_of_a_key_that_means_nothing_here_changes_nothing() {
    let hub = hub();
    let machine = installed(&hub);
    let name = id(RELEASE).to_string();
    hub.change(|house| {
        house.rotate(&[1, 2], |_| ());
        let root = forged(&house.root, &[1, 2], |root| {
            root["keys"][&name]["keyid_hash_algorithms"] = serde_json::json!(["md5", "sha1"]);
        });
        *house.roots.last_mut().unwrap() = root;
    });
    publish(&hub, "TWO");
    report(&machine, &["poll"], 0);
    assert_eq!(meta(&machine)["skills"]["pdf"]["seq"], 2);
}

#[test]
fn a_role_with_more_signatures_to_have_than_keys_is_refused() {
    let hub = hub();
    let machine = installed(&hub);
    hub.change(|house| {
        house.rotate(&[1, 2], |_| ());
        let root = forged(&house.root, &[1, 2], |root| root["roles"]["release"]["threshold"] = 2.into());
        *house.roots.last_mut().unwrap() = root;
    });
    publish(&hub, "TWO");
    refuses(&machine, "document-malformed");
}

#[test]
fn every_case_of_the_table_has_its_tests() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = std::fs::read_to_string(repository.join("docs/tuf-conformance.md")).unwrap();
    let mut tests = BTreeSet::new();
    let mut folders = vec![repository.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                let names = text.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split_once('('));
                tests.extend(names.map(|(name, _)| name.to_owned()));
            }
        }
    }
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `test_")).collect();
    assert_eq!(rows.len(), 47, "the suite has so many cases outside delegations and its own simulator");
    for row in rows {
        let ours = row.split('|').nth(2).unwrap();
        let named: Vec<&str> = ours.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || ours.trim().starts_with("none: "), "{row}");
        for name in named {
            assert!(tests.contains(name), "there is no test `{name}`");
        }
    }
}
