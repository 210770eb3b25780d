//! Every case of drift, made real on the disk, against the table of the documentation.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use skillsync_testkit::{SkillBuilder, disk};

use super::site::{PROJECT, Site};

/// One line of the table.
#[derive(Debug)]
struct Case {
    contents: [char; 3],
    expected: Value,
}

fn table() -> Vec<Case> {
    let page = include_str!("../../../../../docs/projects.md");
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let [number, b, s, p, drift, store, project, converged, advice] = cells.as_slice() else {
            return None;
        };
        number.parse::<u32>().ok()?;
        let word = |cell: &str| match cell.trim_matches('`') {
            "-" => Value::Null,
            word => json!(word),
        };
        let expected = match *drift {
            "none" => Value::Null,
            drift => json!({
                "drift_type": word(drift), "recommendation": word(advice), "store_change": word(store),
                "change": word(project), "converged": *converged == "yes",
            }),
        };
        let letter = |cell: &str| cell.chars().next().unwrap();
        Some(Case { contents: [letter(b), letter(s), letter(p)], expected })
    });
    rows.collect()
}

/// In what the contents A, B and C differ.
#[derive(Debug, Clone, Copy)]
enum Flavour {
    Text,
    Binary,
    Files,
    Command,
}

const FLAVOURS: [Flavour; 4] = [Flavour::Text, Flavour::Binary, Flavour::Files, Flavour::Command];

impl Flavour {
    fn name(self, contents: [char; 3]) -> String {
        let letters: String =
            contents.iter().map(|c| if *c == '-' { 'x' } else { c.to_ascii_lowercase() }).collect();
        format!("{}-{letters}", format!("{self:?}").to_lowercase())
    }

    /// Writes one content of the artifact `name`: the folder of a skill, the file of a command.
    fn write(self, site: &Site, name: &str, content: char, at: &str) {
        let path = site.machine.path(at);
        disk::remove(&path);
        let skill = SkillBuilder::new(name);
        match self {
            Flavour::Text => skill.body(&format!("Content {content}.\n")).write(&path),
            Flavour::Binary => skill.file("data.bin", [0, content as u8]).write(&path),
            Flavour::Files => skill.file(&format!("refs/{content}.md"), "Same.\n").write(&path),
            Flavour::Command => disk::write(&path, format!("Content {content}.\n")),
        }
    }

    fn copy(self, name: &str) -> String {
        match self {
            Flavour::Command => format!("{PROJECT}/.claude/commands/{name}.md"),
            _ => format!("{PROJECT}/.claude/skills/{name}"),
        }
    }

    fn working_copy(self, name: &str) -> String {
        match self {
            Flavour::Command => format!(".skillsync/editing/{name}/{name}.md"),
            _ => format!(".skillsync/editing/{name}"),
        }
    }

    fn add(self, site: &Site, name: &str, content: char) {
        match self {
            Flavour::Command => site.add_markdown("command", name, &format!("Content {content}.\n")),
            _ => {
                let at = format!("src/{name}");
                self.write(site, name, content, &at);
                site.run(&["add", &at]).ok();
            }
        }
    }
}

/// A project in which every case of the table stands, in every flavour.
fn every_case() -> (Site, BTreeMap<String, Case>) {
    let site = Site::empty();
    site.add("anchor", &SkillBuilder::new("anchor"));
    let mut cases = BTreeMap::new();
    for flavour in FLAVOURS {
        for case in table() {
            cases.insert(flavour.name(case.contents), (flavour, case));
        }
    }
    // What was deployed.
    let mut deployed = vec!["anchor"];
    for (name, (flavour, case)) in &cases {
        if case.contents[0] != '-' {
            flavour.add(&site, name, case.contents[0]);
            deployed.push(name);
        }
    }
    site.deploy(&deployed).ok();
    // What the store has now, and the project.
    for (name, (flavour, case)) in &cases {
        let [baseline, store, project] = case.contents;
        match (baseline, store) {
            (was, is) if was == is => {}
            (_, '-') => drop(site.run(&["rm", name]).ok()),
            ('-', is) => flavour.add(&site, name, is),
            (_, is) => {
                site.run(&["edit", name]).ok();
                flavour.write(&site, name, is, &flavour.working_copy(name));
                site.run(&["commit", name, "--reason", "next"]).ok();
            }
        }
        match project {
            '-' => disk::remove(&site.machine.path(&flavour.copy(name))),
            is if is != baseline => flavour.write(&site, name, is, &flavour.copy(name)),
            _ => {}
        }
    }
    (site, cases.into_iter().map(|(name, (_, case))| (name, case)).collect())
}

/// What the check says of each artifact that drifted, as the table says it.
fn said(checked: &Value) -> BTreeMap<String, Value> {
    assert_eq!(checked["failed"], json!([]));
    let keys = ["drift_type", "recommendation", "store_change", "change", "converged"];
    let artifacts = checked["artifacts"].as_array().unwrap().iter().map(|one| {
        let said = keys.iter().map(|key| ((*key).to_owned(), one[*key].clone())).collect();
        (one["artifact_name"].as_str().unwrap().to_owned(), Value::Object(said))
    });
    artifacts.collect()
}

#[test]
fn every_case_of_the_table_is_what_a_check_says() {
    let (site, cases) = every_case();
    assert_eq!(cases.len(), 28 * FLAVOURS.len());
    let stamps = site.stamps();
    let expected: BTreeMap<_, _> = cases.iter().filter(|(_, case)| !case.expected.is_null()).collect();
    // Once cold, once from what was remembered, once after what is marked for removal is gone.
    for round in 0..3 {
        let said = said(&site.check(&["--all"]));
        for (name, case) in &cases {
            assert_eq!(said.get(name).unwrap_or(&Value::Null), &case.expected, "{name}, round {round}");
        }
        assert_eq!(said.len(), expected.len(), "round {round}");
        if round == 1 {
            site.run(&["sync"]).ok();
        }
    }
    assert_eq!(site.stamps(), stamps, "a check writes nothing");

    // Without --all, what was never deployed is not looked at.
    let deployed = said(&site.check(&[]));
    for (name, case) in &cases {
        let is_said = case.contents[0] != '-' && !case.expected.is_null();
        assert_eq!(deployed.contains_key(name), is_said, "{name}");
    }
}

#[test]
fn from_every_case_each_side_can_win() {
    let (site, cases) = every_case();
    let result = site.pulled(&["--strategy", "overwrite", "--prefer", "project"]);
    let synced = result["artifacts_synced"].as_array().unwrap().len();
    let is_edited = |case: &&Case| {
        let drift = case.expected["drift_type"].as_str().unwrap_or_default();
        case.contents[0] != '-' && ["modified", "conflict"].contains(&drift)
    };
    assert_eq!(synced, cases.values().filter(is_edited).count());
    let said_now = said(&site.check(&[]));
    for (name, case) in &cases {
        let now = said_now.get(name);
        let drift = |now: &Value| now["drift_type"].as_str().unwrap_or_default().to_owned();
        let left = now.map(drift).unwrap_or_default();
        assert!(!["modified", "conflict"].contains(&&*left), "{name} {case:?}: {now:?}");
        // The store has what the project had.
        if is_edited(&case) && case.contents[2] != '-' {
            assert_eq!((&*left, &now.unwrap()["converged"]), ("outdated", &json!(true)), "{name}");
        }
    }

    let (site, cases) = every_case();
    site.deploy(&["--all", "--force"]).ok();
    let said_now = said(&site.check(&["--all"]));
    for (name, case) in &cases {
        match case.contents[1] {
            // What the store does not have stays as it was.
            '-' => assert_eq!(said_now.get(name).unwrap_or(&Value::Null), &case.expected, "{name}"),
            _ => assert_eq!(said_now.get(name), None, "{name}"),
        }
    }
}
