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

/// What is known of one copy and its artifact, to find the content that store and project really have in common.
#[derive(Debug, Clone, Copy)]
pub struct Ancestry<'a> {
    /// What the deployment file says was deployed last.
    pub deployed: &'a ContentHash,
    /// What it says was deployed before, the newest first. It may begin with `deployed`.
    pub lineage: &'a [ContentHash],
    /// What was deployed when this store last had to do with the copy; none when it never had.
    pub own: Option<&'a ContentHash>,
    /// What this store took from the project since then, if the copy still has all of that.
    pub taken: Option<&'a ContentHash>,
    /// Every content that this store has had of the artifact, the newest first. It is another artifact's after a removal
    /// and a new beginning under the same name.
    pub history: &'a [ContentHash],
}

/// The baseline to compare `store` and `project` with: the newest content that is known to be in the past of both. None
/// when none is known.
///
/// 1. Where both sides agree, or the project has no copy, only the record counts: what was deployed.
/// 2. A copy that this store deployed, and that is as deployed: that.
/// 3. What this store took from the copy since, and the copy still has: that.
/// 4. What this store deployed: that.
/// 5. Where others deployed since, what this store deployed before them; else the newest of its own contents that was
///    ever deployed. A store that is behind then shows as behind, and a deploy from it takes nobody's work back.
///
/// What was taken counts only as long as the store has had it: of an artifact that was removed and begun anew, the past
/// is gone, and a deploy must not take for as-deployed what is nowhere else.
pub fn baseline<'a>(
    ancestry: Ancestry<'a>,
    store: Option<&ContentHash>,
    project: Option<&ContentHash>,
) -> Option<&'a ContentHash> {
    let Ancestry { deployed, lineage, own, taken, history } = ancestry;
    if store == project || project.is_none() {
        return Some(deployed);
    }
    let is_own = own == Some(deployed);
    if store.is_none() {
        return is_own.then_some(deployed);
    }
    let is_known = |hash: &&ContentHash| history.contains(hash);
    let own_deployed = Some(deployed).filter(|_| is_own);
    if own_deployed.is_some() && project == own_deployed {
        return own_deployed;
    }
    let taken = taken.filter(|_| is_own).filter(is_known);
    let was_deployed = |hash: &&ContentHash| *hash == deployed || lineage.contains(hash);
    taken
        .or(own_deployed)
        .or_else(|| own.filter(was_deployed).filter(is_known))
        .or_else(|| history.iter().find(was_deployed))
}

/// A file's bytes as drift compares them: a text's CRLF folded to LF, anything else as it is (checklist Q9, decision
/// 7). An edit of line ends alone is no drift.
pub fn folded(bytes: &[u8]) -> Cow<'_, [u8]> {
    // Most have none, and that is found out faster than whether they are text.
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
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
        let all = |letters: &str| -> Vec<ContentHash> { letters.chars().map(|c| *hash(c)).collect() };
        // lineage (the first is deployed), own, taken, history of the store (newest first), store, project, expected
        #[rustfmt::skip]
        let cases = [
            ("A", 'A', '-', "A", 'A', 'B', 'A'),
            // Pulled, then edited again: what was pulled is the base.
            ("A", 'A', 'B', "BA", 'B', 'C', 'B'),
            // Pulled and nothing since: the record is behind.
            ("A", 'A', 'B', "BA", 'B', 'B', 'A'),
            // Merged: the store has more than the project.
            ("A", 'A', 'B', "CBA", 'C', 'B', 'B'),
            // Pulled, then put back as deployed.
            ("A", 'A', 'B', "BA", 'B', 'A', 'A'),
            // Pulled, removed, and begun anew: what was pulled is nowhere else any more.
            ("A", 'A', 'B', "D", 'D', 'B', 'A'),
            ("A", 'A', 'B', "A", 'A', 'B', 'A'),
            // The store went back to what it had before it deployed.
            ("BA", 'B', '-', "ABA", 'A', 'B', 'B'),
            // A teammate deployed B over A; this store only knows A.
            ("BA", '-', '-', "A", 'A', 'B', 'A'),
            ("BA", 'A', '-', "A", 'A', 'B', 'A'),
            // This store went from A to C on its own.
            ("BA", '-', '-', "CA", 'C', 'B', 'A'),
            // This store has had B, too.
            ("BA", '-', '-', "CBA", 'C', 'B', 'B'),
            // A teammate went back to A; this store is at B, whether it deployed or only has it.
            ("ABA", 'B', '-', "BA", 'B', 'A', 'B'),
            ("ABA", '-', '-', "BA", 'B', 'A', 'B'),
            ("ABA", '-', '-', "CBA", 'C', 'A', 'B'),
            // Nothing in common.
            ("BA", '-', '-', "D", 'D', 'B', '-'),
            // The store does not have it and never had it.
            ("B", '-', '-', "", '-', 'B', '-'),
            // The store had it and removed it.
            ("B", 'B', '-', "", '-', 'B', 'B'),
            ("B", '-', '-', "D", 'D', '-', 'B'),
        ];
        for (lineage, own, taken, history, store, project, expected) in cases {
            let (lineage, history) = (all(lineage), all(history));
            let content = |c: char| (c != '-').then(|| hash(c));
            let ancestry = Ancestry {
                deployed: &lineage[0],
                lineage: &lineage,
                own: content(own),
                taken: content(taken),
                history: &history,
            };
            let found = baseline(ancestry, content(store), content(project));
            let case = format!("{own} {taken} {} {store} {project}", history.len());
            assert_eq!(found, content(expected), "{case}");
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
