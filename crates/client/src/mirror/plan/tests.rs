//! The table of behaviours of checklist P10, and what an index must not bring about.

use super::*;

/// An index in which each of `skills` has this hash; an empty text is none.
fn index(skills: &[(String, &str)]) -> Index {
    let entries = skills.iter().map(|(name, hash)| {
        let hash = if hash.is_empty() { String::new() } else { format!(r#","hash":"{}""#, sha(hash)) };
        format!(r#"{{"name":"{name}","description":"D.","files":["SKILL.md"]{hash}}}"#)
    });
    let entries = entries.collect::<Vec<_>>().join(",");
    Index::parse(format!(r#"{{"skills":[{entries}]}}"#).as_bytes()).unwrap()
}

fn sha(word: &str) -> String {
    skillsync_core::digest::ContentHash::of(word.as_bytes()).to_string()
}

fn name(text: &str) -> SkillName {
    SkillName::parse(text).unwrap()
}

/// 23 skills, as the site of P10 has.
fn all(hash: &'static str) -> Vec<(String, &'static str)> {
    (1..=23).map(|n| (format!("skill-{n:02}"), hash)).collect()
}

fn held(skills: &[(String, &str)], standing: Standing) -> BTreeMap<SkillName, Held> {
    let held =
        |hash: &str| Held { published: (!hash.is_empty()).then(|| sha(hash)), standing, is_guarded: false };
    skills.iter().map(|(skill, hash)| (name(skill), held(hash))).collect()
}

fn planned(index: &Index, held: &BTreeMap<SkillName, Held>) -> Plan {
    plan(index, held, &BTreeSet::new(), Choice::All, Pruning::Guarded)
}

#[test]
fn p10_the_table_of_behaviours_has_its_exact_counts() {
    let pristine = |skills: &[(String, &str)]| held(skills, Standing::Pristine);
    let mut one = all("a");
    one[4].1 = "b";
    let less = all("a")[..22].to_vec();
    let table = [
        ("fresh", all("a"), BTreeMap::new(), "23 added, 0 updated, 0 removed (0 unchanged)"),
        ("one change", one, pristine(&all("a")), "0 added, 1 updated, 0 removed (22 unchanged)"),
        // A list of names says nothing of hashes: everything is fetched once, and known afterwards.
        ("legacy array", all("a"), pristine(&all("")), "0 added, 23 updated, 0 removed (0 unchanged)"),
        ("hashless server", all(""), pristine(&all("a")), "0 added, 23 updated, 0 removed (0 unchanged)"),
        ("hashless again", all(""), pristine(&all("")), "0 added, 23 updated, 0 removed (0 unchanged)"),
        ("no-op", all("a"), pristine(&all("a")), "0 added, 0 updated, 0 removed (23 unchanged)"),
        ("one gone", less, pristine(&all("a")), "0 added, 0 updated, 1 removed (22 unchanged)"),
    ];
    for (case, skills, held, expected) in table {
        assert_eq!(planned(&index(&skills), &held).counts().to_string(), expected, "{case}");
    }
    let why = |plan: &Plan| plan.fetch.values().copied().collect::<BTreeSet<_>>();
    assert_eq!(why(&planned(&index(&all("")), &pristine(&all("a")))), BTreeSet::from([Why::Unverified]));
    assert_eq!(why(&planned(&index(&all("a")), &pristine(&all("")))), BTreeSet::from([Why::Changed]));
}

#[test]
fn p4_an_index_that_lost_most_removes_nothing() {
    let held = held(&all("a"), Standing::Pristine);
    for (count, guarded) in [(0, 23), (1, 22), (11, 12), (12, 0), (22, 0)] {
        let index = index(&all("a")[..count]);
        let found = planned(&index, &held);
        assert_eq!(found.guarded.len(), guarded, "{count} are left");
        assert_eq!(found.remove.len(), 23 - count - guarded);
        let forced = plan(&index, &held, &BTreeSet::new(), Choice::All, Pruning::Allowed);
        assert_eq!((forced.guarded.len(), forced.remove.len()), (0, 23 - count));
    }
}

#[test]
fn p4_what_is_guarded_stays_so_whatever_comes_and_goes_after() {
    let mut here = held(&all("a")[..9], Standing::Pristine);
    // Four vanished, and five came since.
    here.iter_mut().take(4).for_each(|(_, held)| held.is_guarded = true);
    let counts = |index: &Index, pruning| {
        let found = plan(index, &here, &BTreeSet::new(), Choice::All, pruning);
        (found.guarded.len(), found.remove.len())
    };
    assert_eq!(counts(&index(&all("a")[4..9]), Pruning::Guarded), (4, 0));
    assert_eq!(counts(&index(&all("a")[5..9]), Pruning::Guarded), (4, 1), "one of the others is gone");
    assert_eq!(counts(&index(&all("a")[7..9]), Pruning::Guarded), (7, 0), "most of the others are gone, too");
    assert_eq!(counts(&index(&all("a")[..9]), Pruning::Guarded), (0, 0), "listed again");
    assert_eq!(counts(&index(&all("a")[4..9]), Pruning::Allowed), (0, 4));
}

#[test]
fn what_is_the_users_stays() {
    // Edited here and not listed any more: it stays, and is named.
    let mut here = held(&all("a"), Standing::Pristine);
    here.insert(
        name("mine"),
        Held { published: Some(sha("a")), standing: Standing::Edited, is_guarded: false },
    );
    let found = planned(&index(&all("a")), &here);
    assert_eq!((found.left, found.remove.len()), (BTreeSet::from([name("mine")]), 0));

    // Removed by the user: it does not come back, and does not count as lost.
    let removed = held(&all("a"), Standing::Removed);
    assert_eq!(planned(&index(&all("b")), &removed), Plan::default());
    assert_eq!(planned(&index(&[]), &removed), Plan::default());

    // A skill of the same name that came from elsewhere is not replaced.
    let others = BTreeSet::from([name("skill-01")]);
    let found = plan(&index(&all("a")), &BTreeMap::new(), &others, Choice::All, Pruning::Guarded);
    assert_eq!((found.taken, found.fetch.len()), (others, 22));

    // Only what is here already is wanted: nothing new comes in.
    let some = held(&all("a")[..2], Standing::Pristine);
    let found = plan(&index(&all("b")), &some, &BTreeSet::new(), Choice::Held, Pruning::Guarded);
    assert_eq!(found.counts().to_string(), "0 added, 2 updated, 0 removed (0 unchanged)");
}

#[test]
fn an_entry_that_does_not_read_removes_nothing() {
    let text = r#"{"skills":[{"name":"skill-01","description":"D.","files":["../x"]}]}"#;
    let index = Index::parse(text.as_bytes()).unwrap();
    let held = held(&all("a")[..1], Standing::Pristine);
    let found = planned(&index, &held);
    assert_eq!((found.unreadable.len(), found.remove.len(), found.guarded.len()), (1, 0, 0));
}
