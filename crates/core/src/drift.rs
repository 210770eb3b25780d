//! Drift: what a comparison of baseline, store and project says of one artifact, and what to do about it (checklist
//! Q6, Q8; decision 18). Where the three contents come from is left to others.

use std::borrow::Cow;

use serde::Serialize;

use crate::diff::as_text;
use crate::digest::ContentHash;
use crate::words;

words!(
    /// How an artifact has drifted (checklist Q6).
    DriftType, "type of drift", "modified, outdated, conflict, added, removed", {
        /// Changed in the project alone.
        Modified = "modified",
        /// Changed in the store alone.
        Outdated = "outdated",
        /// Changed in both, differently.
        Conflict = "conflict",
        /// On one side alone, and never deployed.
        Added = "added",
        /// Gone from the store.
        Removed = "removed",
    }
);

words!(
    /// What to do about a drift (decision 18).
    Recommendation, "recommendation",
    "pull_from_project, push_to_collection, review_manually, deploy_to_project, remove_from_project", {
        /// `sync pull`: the store takes what the project has.
        PullFromProject = "pull_from_project",
        /// The collection's content goes out to the project: `deploy` again. The word is the original's.
        PushToCollection = "push_to_collection",
        /// Somebody must decide: `sync pull` with a strategy.
        ReviewManually = "review_manually",
        /// `deploy` for the first time.
        DeployToProject = "deploy_to_project",
        /// `undeploy`.
        RemoveFromProject = "remove_from_project",
    }
);

/// What one side did since the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It has it, and the baseline does not.
    Add,
    /// It has other content.
    Edit,
    /// It has it no more.
    Delete,
}

impl Change {
    /// Its one word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Add => "add",
            Change::Edit => "edit",
            Change::Delete => "delete",
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Drift {
    /// Its type.
    pub drift_type: DriftType,
    /// What to do.
    pub recommendation: Recommendation,
    /// What the project did; none when it is as deployed.
    pub change: Option<Change>,
    /// What the store did; none when it is as deployed.
    pub store_change: Option<Change>,
    /// Whether store and project agree, so that only the record is behind.
    pub converged: bool,
}

fn change<T: PartialEq>(baseline: Option<&T>, now: Option<&T>) -> Option<Change> {
    match (baseline, now) {
        (None, Some(_)) => Some(Change::Add),
        (Some(_), None) => Some(Change::Delete),
        (was, is) if was != is => Some(Change::Edit),
        _ => None,
    }
}

/// Compares what was deployed, what the store has and what the project has; each may be absent. None when there is
/// nothing to say. The table of all cases is in `docs/projects.md`.
pub fn drift<T: PartialEq>(baseline: Option<&T>, store: Option<&T>, project: Option<&T>) -> Option<Drift> {
    use DriftType::{Added, Conflict, Modified, Outdated, Removed};
    use Recommendation::{
        DeployToProject, PullFromProject, PushToCollection, RemoveFromProject, ReviewManually,
    };

    let converged = store == project;
    let (by_project, by_store) = (change(baseline, project), change(baseline, store));
    let (drift_type, recommendation) = match (by_store, by_project) {
        (None, None) => return None,
        // On both sides and equal, only never recorded: the next `deploy` records it.
        (Some(Change::Add), Some(Change::Add)) if converged => return None,
        (Some(Change::Add), None) => (Added, DeployToProject),
        (None, Some(Change::Add)) => (Added, PullFromProject),
        (Some(Change::Delete), None) => (Removed, RemoveFromProject),
        (Some(Change::Delete), Some(_)) if converged => (Removed, RemoveFromProject),
        (Some(_), None) => (Outdated, PushToCollection),
        (Some(_), Some(_)) if converged => (Outdated, PushToCollection),
        (None, Some(_)) => (Modified, PullFromProject),
        (Some(_), Some(_)) => (Conflict, ReviewManually),
    };
    Some(Drift { drift_type, recommendation, change: by_project, store_change: by_store, converged })
}

/// What is known of an artifact's deployments, to find the content that store and project really have in common.
#[derive(Debug, Clone, Copy)]
pub struct Ancestry<'a> {
    /// What the deployment file says was deployed last.
    pub deployed: &'a ContentHash,
    /// What it says was deployed before, the newest first. It may begin with `deployed`.
    pub lineage: &'a [ContentHash],
    /// Whether it was this store that deployed it; else a teammate's did.
    pub is_own: bool,
    /// What this store has taken from the project since, with `sync pull`.
    pub taken: Option<&'a ContentHash>,
}

/// The baseline to compare `store` and `project` with. `knows` says whether a content is in the store's history of
/// this artifact. None when store and project have nothing in common that is known.
///
/// - Where both sides agree, only the record can be behind: what was deployed counts.
/// - What was taken from the project is in the store and in the project: it is newer than what was deployed.
/// - What this store deployed itself it has had.
/// - Of what a teammate's store deployed, the newest content counts that this store has had, too: a store that is
///   behind then shows as behind, and a deploy from it does not take the teammate's work back.
pub fn baseline<'a>(
    ancestry: Ancestry<'a>,
    knows: impl Fn(&ContentHash) -> bool,
    store: Option<&ContentHash>,
    project: Option<&ContentHash>,
) -> Option<&'a ContentHash> {
    let Ancestry { deployed, lineage, is_own, taken } = ancestry;
    if store == project || project.is_none() {
        return Some(deployed);
    }
    if let Some(taken) = taken {
        return Some(taken);
    }
    if is_own {
        return Some(deployed);
    }
    store?;
    std::iter::once(deployed).chain(lineage).find(|hash| knows(hash))
}

/// A file's bytes as drift compares them: a text's CRLF folded to LF, anything else as it is (checklist Q9, decision
/// 7). An edit of line ends alone is no drift.
pub fn folded(bytes: &[u8]) -> Cow<'_, [u8]> {
    match as_text(bytes) {
        Some(text) if text.contains("\r\n") => Cow::Owned(text.replace("\r\n", "\n").into_bytes()),
        _ => Cow::Borrowed(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/projects.md`: baseline, store, project, and what is said. `-` is absent.
    #[rustfmt::skip]
    const TABLE: [(char, char, char, &str); 28] = [
        ('-', '-', '-', ""),
        ('-', '-', 'A', "added pull_from_project project:add"),
        ('-', '-', 'B', "added pull_from_project project:add"),
        ('-', 'A', '-', "added deploy_to_project store:add"),
        ('-', 'A', 'A', ""),
        ('-', 'A', 'B', "conflict review_manually store:add project:add"),
        ('-', 'B', '-', "added deploy_to_project store:add"),
        ('-', 'B', 'A', "conflict review_manually store:add project:add"),
        ('-', 'B', 'B', ""),
        ('A', '-', '-', "removed remove_from_project store:delete project:delete converged"),
        ('A', '-', 'A', "removed remove_from_project store:delete"),
        ('A', '-', 'B', "conflict review_manually store:delete project:edit"),
        ('A', 'A', '-', "modified pull_from_project project:delete"),
        ('A', 'A', 'A', ""),
        ('A', 'A', 'B', "modified pull_from_project project:edit"),
        ('A', 'B', '-', "conflict review_manually store:edit project:delete"),
        ('A', 'B', 'A', "outdated push_to_collection store:edit"),
        ('A', 'B', 'B', "outdated push_to_collection store:edit project:edit converged"),
        ('B', '-', '-', "removed remove_from_project store:delete project:delete converged"),
        ('B', '-', 'A', "conflict review_manually store:delete project:edit"),
        ('B', '-', 'B', "removed remove_from_project store:delete"),
        ('B', 'A', '-', "conflict review_manually store:edit project:delete"),
        ('B', 'A', 'A', "outdated push_to_collection store:edit project:edit converged"),
        ('B', 'A', 'B', "outdated push_to_collection store:edit"),
        ('B', 'B', '-', "modified pull_from_project project:delete"),
        ('B', 'B', 'A', "modified pull_from_project project:edit"),
        ('B', 'B', 'B', ""),
        // The one that two contents cannot show.
        ('A', 'B', 'C', "conflict review_manually store:edit project:edit"),
    ];

    fn told(drift: Option<Drift>) -> String {
        let Some(drift) = drift else { return String::new() };
        let mut told = format!("{} {}", drift.drift_type, drift.recommendation);
        for (side, change) in [("store", drift.store_change), ("project", drift.change)] {
            told.extend(change.map(|change| format!(" {side}:{}", change.as_str())));
        }
        if drift.converged {
            told.push_str(" converged");
        }
        told
    }

    #[test]
    fn every_case_is_in_the_table() {
        let content = |letter: &char| Some(*letter).filter(|c| *c != '-');
        for (b, s, p, expected) in &TABLE {
            let drift = drift(content(b).as_ref(), content(s).as_ref(), content(p).as_ref());
            assert_eq!(told(drift), *expected, "{b}{s}{p}");
        }
        for b in "-AB".chars() {
            for s in "-AB".chars() {
                for p in "-AB".chars() {
                    let rows = TABLE.iter().filter(|row| (row.0, row.1, row.2) == (b, s, p)).count();
                    assert_eq!(rows, 1, "{b}{s}{p}");
                }
            }
        }
    }

    #[test]
    fn the_table_of_the_page_is_this_one() {
        let page = include_str!("../../../docs/projects.md");
        for (number, (b, s, p, expected)) in TABLE.iter().enumerate() {
            let parts: Vec<&str> = expected.split(' ').filter(|part| !part.is_empty()).collect();
            let of = |side: &str| {
                let found = parts.iter().find_map(|part| part.strip_prefix(side));
                found.unwrap_or("-").to_owned()
            };
            let show = |c: &char| if *c == '-' { "-".to_owned() } else { c.to_string() };
            let (drift, advice) = match parts.as_slice() {
                [drift, advice, ..] => (format!("`{drift}`"), format!("`{advice}`")),
                _ => ("none".to_owned(), "-".to_owned()),
            };
            let (store, project) = (of("store:"), of("project:"));
            let converged = if parts.contains(&"converged") { "yes" } else { "-" };
            let (b, s, p) = (show(b), show(s), show(p));
            let row = format!(
                "| {} | {b} | {s} | {p} | {drift} | {store} | {project} | {converged} | {advice} |",
                number + 1
            );
            assert!(page.contains(&row), "docs/projects.md lacks: {row}");
        }
    }

    #[test]
    fn the_baseline_is_what_both_sides_really_have_in_common() {
        let hashes: Vec<ContentHash> = (0..6u8).map(|n| ContentHash::of(&[n])).collect();
        let hash = |letter: char| &hashes[letter as usize - 'A' as usize];
        // deployed, lineage, own, taken, history of the store, store, project, expected
        #[rustfmt::skip]
        let cases = [
            ('A', "A", true, None, "A", 'A', 'B', Some('A')),
            // Pulled, then edited again: what was pulled is the base.
            ('A', "A", true, Some('B'), "AB", 'B', 'C', Some('B')),
            // Pulled and nothing since: the record is behind.
            ('A', "A", true, Some('B'), "AB", 'B', 'B', Some('A')),
            // Merged: the store has more than the project.
            ('A', "A", true, Some('B'), "AC", 'C', 'B', Some('B')),
            // A teammate deployed B over A; this store only knows A.
            ('B', "BA", false, None, "A", 'A', 'B', Some('A')),
            // This store went from A to C on its own.
            ('B', "BA", false, None, "AC", 'C', 'B', Some('A')),
            // This store has had B, too.
            ('B', "BA", false, None, "ABC", 'C', 'B', Some('B')),
            // Nothing in common.
            ('B', "BA", false, None, "D", 'D', 'B', None),
            // The store does not have it and never had it.
            ('B', "B", false, None, "", '-', 'B', None),
            // The store had it and removed it.
            ('B', "B", true, None, "", '-', 'B', Some('B')),
            ('B', "B", false, None, "D", 'D', '-', Some('B')),
        ];
        for (deployed, lineage, is_own, taken, history, store, project, expected) in cases {
            let lineage: Vec<ContentHash> = lineage.chars().map(|c| *hash(c)).collect();
            let content = |c: char| (c != '-').then(|| hash(c));
            let ancestry =
                Ancestry { deployed: hash(deployed), lineage: &lineage, is_own, taken: taken.map(hash) };
            let knows = |known: &ContentHash| history.chars().any(|c| hash(c) == known);
            let found = baseline(ancestry, knows, content(store), content(project));
            assert_eq!(found, expected.map(hash), "{deployed} {history} {store} {project}");
        }
    }

    #[test]
    fn line_ends_of_texts_are_folded() {
        for (bytes, expected) in [
            (&b"a\r\nb\n"[..], &b"a\nb\n"[..]),
            (b"a\rb", b"a\rb"),
            (b"\0\r\n", b"\0\r\n"),
            (b"\xff\r\n", b"\xff\r\n"),
            (b"", b""),
        ] {
            assert_eq!(*folded(bytes), *expected);
        }
    }
}
