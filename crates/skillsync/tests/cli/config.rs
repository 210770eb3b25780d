//! `skillsync config`.

use crate::stocked::{only_plans, overwrite, refuses, stocked};

#[test]
fn a_setting_is_changed_and_the_rest_of_the_file_stays() {
    let machine = stocked();
    let file = ".skillsync/config.toml";
    let before = machine.read(file);
    let plan = only_plans(&machine, &["config", "set", "observation.mode", "remind"]);
    assert_eq!(plan.stdout, "observation.mode: would be remind (config.toml), was auto\n");
    let done = machine.run(&["config", "set", "observation.mode", "remind"]).ok();
    assert_eq!(done.stdout, "observation.mode: remind (config.toml), was auto\n");
    assert_eq!(machine.read(file), before.replace("mode = \"auto\"", "mode = \"remind\""));
    assert_eq!(machine.run(&["config", "get", "observation.mode"]).ok().stdout, "remind\n");

    let again = machine.run(&["config", "set", "observation.mode", "remind"]).ok();
    assert_eq!(again.stdout, "observation.mode: remind already (config.toml)\n");
    let json = machine.run(&["config", "unset", "observation.mode", "--json"]).ok().json();
    assert_eq!(
        (&json["value"], &json["is_set"], &json["previous"]),
        (&"auto".into(), &false.into(), &"remind".into())
    );
    assert_eq!((&json["changed"], &json["dry_run"]), (&true.into(), &false.into()));
    assert!(!machine.read(file).contains("mode ="));

    let list = |args: &[&str]| machine.run(args).ok().stdout;
    assert_eq!(
        list(&["config", "set", "skillsync.without", "skillsync-new"]),
        "skillsync.without: skillsync-new (config.toml), was empty\n"
    );
    assert_eq!(
        list(&["config", "unset", "skillsync.without"]),
        "skillsync.without: (default), was skillsync-new\n"
    );

    let json = machine.run(&["config", "--json"]).ok().json();
    assert_eq!(json["path"], machine.store("config.toml").display().to_string());
    let threshold = json["settings"].as_array().unwrap().iter().find(|s| s["key"] == "observation.threshold");
    assert_eq!(threshold.unwrap()["value"], "0.3");
    let table = machine.run(&["config"]).ok().stdout;
    let has = |words: &[&str]| table.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
    assert!(has(&["SETTING", "VALUE", "FROM"]) && has(&["observation.mode", "auto", "default"]), "{table}");
    assert!(has(&["observation.min_invocations", "5", "config.toml"]), "{table}");
}

#[test]
fn a_wrong_setting_changes_nothing() {
    let machine = stocked();
    let told = refuses(&machine, &["config", "set", "observation.mode", "loud"], 1, "config-value");
    assert_eq!(told.json()["error"]["message"], "`observation.mode`: `loud` is not one of auto, remind, off");
    let told =
        refuses(&machine, &["config", "set", "skillsync.without", "skillsync-new,nope"], 1, "config-value");
    assert_eq!(told.json()["error"]["message"], "`skillsync.without`: `nope` is not a built-in skill");
    refuses(&machine, &["config", "set", "observation.threshold", "-1"], 1, "config-value");
    refuses(&machine, &["config", "set", "observation.min_invocations", "many"], 1, "config-value");
    for args in [&["config", "get", "mode"][..], &["config", "set", "x.y", "1"], &["config", "unset", "mode"]]
    {
        refuses(&machine, args, 1, "setting-unknown");
    }
}

#[test]
fn a_broken_file_can_be_found() {
    let machine = stocked();
    overwrite(&machine, ".skillsync/config.toml", "[observation\n");
    refuses(&machine, &["config"], 1, "config-syntax");
    refuses(&machine, &["config", "set", "observation.mode", "off"], 1, "config-syntax");
    let path = machine.run(&["config", "path"]).ok().stdout;
    assert_eq!(path.trim_end(), machine.store("config.toml").display().to_string());
}
