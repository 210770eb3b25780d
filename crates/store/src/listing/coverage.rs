//! Which targets need no links of their own, because their tool reads the folder of another target anyway.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use skillsync_core::name::TargetId;

/// A configured target with what its tool reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The target.
    pub target: TargetId,
    /// Its own folder.
    pub dir: PathBuf,
    /// The other folders that its tool reads, in reading order.
    pub scans: Vec<PathBuf>,
}

/// For each target the target whose folder its tool reads anyway, so that links in both would list every skill
/// twice; none for a target that gets links of its own.
///
/// - A target that covers another is never covered itself, so every tool finds every skill.
/// - Of several that could cover it, a target is covered by the one that its tool reads first.
/// - Several targets with one folder need links in it once: all are covered by the first of them. Such a folder
///   is covered from outside only if all its tools read the outside folder.
/// - Of two that read each other, exactly one is covered, or both by a third. In a ring it is the folder that most
///   others read that gets the links, and the first of `seats` among equals.
///
/// What remains double is then double in any choice, or part of a ring of three or more: Cursor reads the folders
/// of both Claude Code and Codex, and neither of these reads the other's.
///
/// The answer depends on `seats` and their order alone. Ids are distinct. Paths are compared as they are, so give
/// all of them resolved, or none.
pub fn coverage(seats: &[Seat]) -> BTreeMap<TargetId, Option<TargetId>> {
    let mut folders: Vec<Vec<&Seat>> = Vec::new();
    let mut index: BTreeMap<&Path, usize> = BTreeMap::new();
    for seat in seats {
        let at = *index.entry(&seat.dir).or_insert(folders.len());
        if at == folders.len() {
            folders.push(Vec::new());
        }
        folders[at].push(seat);
    }
    // A folder is as good as covered only where all of its tools read: the intersection of what they read.
    let reads: Vec<Vec<usize>> = folders
        .iter()
        .enumerate()
        .map(|(own, members)| {
            let others = (0..folders.len()).filter(|other| *other != own);
            others
                .filter(|other| members.iter().all(|seat| seat.scans.contains(&folders[*other][0].dir)))
                .collect()
        })
        .collect();
    let linked = linked(&reads);
    let mut result = BTreeMap::new();
    for (at, members) in folders.iter().enumerate() {
        for (position, seat) in members.iter().enumerate() {
            let by = if linked[at] {
                (position > 0).then(|| members[0].target.clone())
            } else {
                let mut read = seat.scans.iter().filter_map(|dir| index.get(dir.as_path()));
                read.find(|other| linked[**other]).map(|other| folders[*other][0].target.clone())
            };
            result.insert(seat.target.clone(), by);
        }
    }
    result
}

/// Which folders get links, when folder `i` is read together with each of `reads[i]`: a folder that reads one with
/// links gets none, one that reads only folders without links gets them.
fn linked(reads: &[Vec<usize>]) -> Vec<bool> {
    let mut decided: Vec<Option<bool>> = vec![None; reads.len()];
    loop {
        let mut moved = false;
        for at in 0..reads.len() {
            if decided[at].is_some() {
                continue;
            }
            if reads[at].iter().any(|other| decided[*other] == Some(true)) {
                decided[at] = Some(false);
                moved = true;
            } else if reads[at].iter().all(|other| decided[*other] == Some(false)) {
                decided[at] = Some(true);
                moved = true;
            }
        }
        if moved {
            continue;
        }
        // Only rings are left, and what reads into them. Break one where it helps most.
        let open = |at: &usize| decided[*at].is_none();
        let readers =
            |at: usize| (0..reads.len()).filter(open).filter(|reader| reads[*reader].contains(&at)).count();
        match (0..reads.len()).filter(open).min_by_key(|at| std::cmp::Reverse(readers(*at))) {
            Some(at) => decided[at] = Some(true),
            None => return decided.into_iter().map(|linked| linked == Some(true)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::{Places, Tools};

    fn id(text: &str) -> TargetId {
        TargetId::parse(text).unwrap()
    }

    /// Seats as (target, folder, folders it also reads); the expected as target -> coverer, `-` for links.
    fn check(seats: &[(&str, &str, &[&str])], expected: &[(&str, &str)]) {
        let seats: Vec<Seat> = seats
            .iter()
            .map(|(target, dir, scans)| Seat {
                target: id(target),
                dir: dir.into(),
                scans: scans.iter().map(PathBuf::from).collect(),
            })
            .collect();
        compare(&seats, expected);
    }

    fn compare(seats: &[Seat], expected: &[(&str, &str)]) {
        let expected: BTreeMap<TargetId, Option<TargetId>> =
            expected.iter().map(|(target, by)| (id(target), (*by != "-").then(|| id(by)))).collect();
        assert_eq!(coverage(seats), expected);
    }

    #[test]
    fn a_target_is_covered_where_its_tool_reads_anyway() {
        check(&[], &[]);
        check(&[("a", "/a", &["/x", "/a"])], &[("a", "-")]);
        // A chain: the middle one is covered, so the last must have links.
        check(
            &[("a", "/a", &["/b"]), ("b", "/b", &["/c"]), ("c", "/c", &[])],
            &[("a", "-"), ("b", "c"), ("c", "-")],
        );
        // The one read first covers, not the one configured first.
        check(
            &[("b", "/b", &[]), ("c", "/c", &[]), ("a", "/a", &["/c", "/b"])],
            &[("a", "c"), ("b", "-"), ("c", "-")],
        );
        // Two that read each other: the first configured has the links.
        check(&[("b", "/b", &["/a"]), ("a", "/a", &["/b"])], &[("a", "b"), ("b", "-")]);
        // Unless others read the second.
        check(
            &[("b", "/b", &["/a"]), ("a", "/a", &["/b"]), ("c", "/c", &["/a"])],
            &[("a", "-"), ("b", "a"), ("c", "a")],
        );
        // One folder, two tools: once, however it is spelled.
        check(&[("b", "/x/", &[]), ("a", "/x", &[])], &[("a", "b"), ("b", "-")]);
        // Only one of the two reads /y: the shared folder needs its links for the other.
        check(
            &[("a", "/x", &["/y"]), ("b", "/x", &[]), ("c", "/y", &[])],
            &[("a", "-"), ("b", "a"), ("c", "-")],
        );
        check(
            &[("a", "/x", &["/y"]), ("b", "/x", &["/y"]), ("c", "/y", &[])],
            &[("a", "c"), ("b", "c"), ("c", "-")],
        );
    }

    #[test]
    fn the_known_tools_share_their_folders() {
        let tools = Tools::builtin();
        let places = Places { home: Path::new("/home/ann"), cwd: Path::new("/"), var: &|_| None };
        let check = |names: &[&str], expected: &[(&str, &str)]| {
            let seats: Vec<Seat> = names
                .iter()
                .map(|name| {
                    let tool = tools.get(name).unwrap();
                    let dir = tool.global_dir(&places).unwrap();
                    Seat { target: tool.id.clone(), dir, scans: tool.also_scanned(&places) }
                })
                .collect();
            compare(&seats, expected);
        };
        check(
            &["claude-code", "codex", "cursor"],
            &[("claude-code", "-"), ("codex", "-"), ("cursor", "codex")],
        );
        check(&["cursor", "claude-code"], &[("claude-code", "-"), ("cursor", "claude-code")]);
        check(&["gemini", "codex"], &[("codex", "-"), ("gemini-cli", "codex")]);
        check(&["gemini", "antigravity"], &[("antigravity", "-"), ("gemini-cli", "-")]);
        check(&["kimi", "claude"], &[("claude-code", "-"), ("kimi", "claude-code")]);
        check(&["kimi", "amp", "codex"], &[("amp", "kimi"), ("codex", "-"), ("kimi", "-")]);
        check(&["kimi"], &[("kimi", "-")]);
        check(&["warp", "codex", "cline"], &[("cline", "warp"), ("codex", "warp"), ("warp", "-")]);
    }

    /// Every way in which four folders can read each other.
    #[test]
    fn the_rules_hold_for_every_choice_of_four() {
        let pairs: Vec<(usize, usize)> =
            (0..4).flat_map(|a| (0..4).filter(move |b| *b != a).map(move |b| (a, b))).collect();
        for bits in 0_u32..1 << pairs.len() {
            let mut reads = vec![Vec::new(); 4];
            for (at, (a, b)) in pairs.iter().enumerate() {
                if bits & (1 << at) != 0 {
                    reads[*a].push(*b);
                }
            }
            let dir = |at: usize| PathBuf::from(format!("/{at}"));
            let seats: Vec<Seat> = (0..4)
                .map(|at| Seat {
                    target: id(&format!("t{at}")),
                    dir: dir(at),
                    scans: reads[at].iter().map(|other| dir(*other)).collect(),
                })
                .collect();
            let result = coverage(&seats);
            let by = |at: usize| result[&seats[at].target].as_ref();
            assert_eq!(result.len(), 4);
            for at in 0..4 {
                if let Some(by) = by(at) {
                    let coverer = seats.iter().position(|seat| seat.target == *by).unwrap();
                    assert_eq!(result[by], None, "{reads:?}: a coverer is covered");
                    assert!(reads[at].contains(&coverer), "{reads:?}: covered by what it does not read");
                }
                for other in reads[at].iter().filter(|other| reads[**other].contains(&at)) {
                    assert!(by(at).is_some() || by(*other).is_some(), "{reads:?}: two that read each other");
                }
            }
            // Without a ring nothing is listed twice that need not be.
            let mut left: Vec<usize> = (0..4).collect();
            while let Some(at) =
                left.iter().position(|at| reads[*at].iter().all(|other| !left.contains(other)))
            {
                left.remove(at);
            }
            for at in (0..4).filter(|at| left.is_empty() && by(*at).is_none()) {
                assert!(reads[at].iter().all(|other| by(*other).is_some()), "{reads:?}: {at} lists twice");
            }
        }
    }
}
