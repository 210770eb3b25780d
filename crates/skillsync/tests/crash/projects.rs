//! Commands that change a project and its deployments: deploy, sync pull, its rollback, undeploy, and the commit of a
//! pulled conflict.

use crate::shop::{Scene, apart, at_odds, decided, deleted, edited, outdated, stocked};

#[test]
fn deploy_new() {
    let args = &["deploy", "pdf", "greet", "shop"];
    Scene { args, prepare: stocked, exits: 0, again: &[] }.crash("deploy, new");
}

#[test]
fn deploy_update() {
    let args = &["deploy", "pdf", "greet", "shop"];
    Scene { args, prepare: outdated, exits: 0, again: &[] }.crash("deploy, update");
}

#[test]
fn deploy_over_an_edit() {
    let args = &["deploy", "pdf", "greet", "shop", "--force"];
    Scene { args, prepare: apart, exits: 0, again: &[] }.crash("deploy --force");
}

#[test]
fn pull_merges() {
    let args = &["sync", "pull", "shop", "--yes"];
    Scene { args, prepare: apart, exits: 0, again: &[] }.crash("pull, merge");
}

#[test]
fn pull_with_a_conflict() {
    let args = &["sync", "pull", "shop", "--yes"];
    Scene { args, prepare: at_odds, exits: 5, again: &[3, 4] }.crash("pull, conflict");
}

#[test]
fn pull_takes_the_projects() {
    let args = &["sync", "pull", "shop", "--yes", "--strategy", "overwrite"];
    Scene { args, prepare: apart, exits: 0, again: &[] }.crash("pull, overwrite");
}

#[test]
fn pull_takes_the_collections() {
    let args = &["sync", "pull", "shop", "--yes", "--strategy", "overwrite", "--prefer", "collection"];
    Scene { args, prepare: apart, exits: 0, again: &[] }.crash("pull, --prefer collection");
}

#[test]
fn pull_forks() {
    let args = &["sync", "pull", "shop", "--yes", "--strategy", "fork"];
    Scene { args, prepare: apart, exits: 0, again: &[] }.crash("pull, fork");
}

#[test]
fn pull_drops_what_was_deleted() {
    let args = &["sync", "pull", "shop", "--yes"];
    Scene { args, prepare: deleted, exits: 0, again: &[] }.crash("pull, deleted");
}

const ROLLBACK: &[&str] = &["sync", "pull", "shop", "--rollback", "--yes"];

#[test]
fn rollback_of_a_merge_and_a_conflict() {
    let prepare = |m: &skillsync_testkit::Machine| {
        at_odds(m);
        m.run(&["sync", "pull", "shop", "--yes"]).fails(5);
    };
    Scene { args: ROLLBACK, prepare, exits: 0, again: &[1] }.crash("pull --rollback, merge and conflict");
}

#[test]
fn rollback_of_a_push() {
    let prepare = |m: &skillsync_testkit::Machine| {
        apart(m);
        m.run(&["sync", "pull", "shop", "--yes", "--strategy", "overwrite", "--prefer", "collection"]).ok();
    };
    Scene { args: ROLLBACK, prepare, exits: 0, again: &[1] }.crash("pull --rollback, push");
}

#[test]
fn rollback_of_a_drop() {
    let prepare = |m: &skillsync_testkit::Machine| {
        deleted(m);
        m.run(&["sync", "pull", "shop", "--yes"]).ok();
    };
    Scene { args: ROLLBACK, prepare, exits: 0, again: &[1] }.crash("pull --rollback, drop");
}

#[test]
fn undeploy() {
    let args = &["undeploy", "pdf", "greet", "shop"];
    Scene { args, prepare: edited, exits: 0, again: &[1, 3] }.crash("undeploy");
}

#[test]
fn commit_of_a_conflict() {
    let args = &["commit", "pdf", "--reason", "decided"];
    Scene { args, prepare: decided, exits: 0, again: &[1] }.crash("commit of a pull");
}
