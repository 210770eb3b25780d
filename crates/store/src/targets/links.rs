//! Symlink mode: `<folder>/<name>` leads to `rendered/<target>/<name>`, and that to a rendered tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skillsync_core::name::SkillName;

use super::place::{self, Occupant};
use super::{Blocked, Error, Held, Plan, Step, Wanted, copies, edit_of};
use crate::config::{Target, TargetSource};
use crate::fs;
use crate::index::Index;
use crate::layout::Layout;
use crate::render;

/// Plans the links of a target.
pub(super) fn plan(
    layout: &Layout,
    index: &mut Index,
    target: &Target,
    wanted: Wanted<'_>,
    plan: &mut Plan,
) -> Result<(), Error> {
    let dir = plan.dir.clone();
    for rendering in wanted.renderings {
        let name = &rendering.name;
        let place = dir.join(name.as_str());
        let link = layout.rendered_skill(&target.id, name.as_str());
        let text = link_text(target, &dir, &link);
        let step = match place::occupant(layout, &place)? {
            Occupant::Nothing => Some(Step::Link { place, text }),
            Occupant::Ours(was) if was == text => None,
            Occupant::Ours(was) => Some(Step::Relink { place, was, text }),
            Occupant::Folder if is_our_copy(layout, index, plan, &place, name)? => {
                Some(Step::Uncopy { place, name: name.clone(), text })
            }
            occupant => {
                plan.outcome.blocked.push(Blocked { name: name.clone(), path: place, occupant });
                continue;
            }
        };
        plan.outcome.skills += 1;
        let now = render::linked(layout, &link)?;
        let moves = now.as_deref() != Some(rendering.id.hex().as_str());
        if let (true, Some(old)) = (moves, &now)
            && let Some(extent) = edit_of(layout, index, old)?
        {
            plan.outcome.held.push(Held { name: name.clone(), root: layout.trees().join(old), extent });
            continue;
        }
        if moves {
            plan.steps.push(Step::Swing { link, from: now, id: rendering.id });
        }
        if moves || step.is_some() {
            plan.outcome.placed.push(name.clone());
        }
        plan.steps.extend(step);
    }
    prune(layout, index, target, wanted, plan)
}

/// Whether a copy of ours, as we wrote it, stands here from when the target had copies.
fn is_our_copy(
    layout: &Layout,
    index: &mut Index,
    plan: &Plan,
    place: &Path,
    name: &SkillName,
) -> Result<bool, Error> {
    // Where another target has copies in this folder, they are its.
    Ok(!plan.shared.copies
        && matches!(copies::found(layout, index, "", place, name)?, copies::Found::Ours(_)))
}

/// What an entry says: absolute for a user's own folders; relative in a project, which may be moved together with
/// what is around it.
fn link_text(target: &Target, dir: &Path, link: &Path) -> PathBuf {
    match target.source {
        TargetSource::Project => place::relative(dir, link),
        TargetSource::Tool | TargetSource::Path => link.to_owned(),
    }
}

/// Removes our entries that are not wanted any more: first the agent's links, then what they led to. A tree that
/// somebody edited keeps both.
fn prune(
    layout: &Layout,
    index: &mut Index,
    target: &Target,
    wanted: Wanted<'_>,
    plan: &mut Plan,
) -> Result<(), Error> {
    let rendered = layout.rendered_target(&target.id);
    let mut kept = BTreeSet::new();
    let mut inner = Vec::new();
    for entry in fs::entries(&rendered)?.unwrap_or_default() {
        let Some(text) = entry.to_str().filter(|text| !wanted.keeps(text)) else { continue };
        let link = rendered.join(text);
        if !wanted.revoked.iter().any(|name| name.as_str() == text)
            && let Some(hex) = render::linked(layout, &link)?
            && let Some(extent) = edit_of(layout, index, &hex)?
        {
            if let Ok(name) = SkillName::parse(text) {
                plan.outcome.held.push(Held { name, root: layout.trees().join(hex), extent });
            }
            kept.insert(text.to_owned());
            continue;
        }
        if let Some(was) = fs::read_link(&link)? {
            inner.push(Step::UnlinkRendered { link, was });
        }
    }
    for entry in fs::entries(&plan.dir)?.unwrap_or_default() {
        let Some(text) = entry.to_str() else { continue };
        if wanted.keeps(text) || kept.contains(text) || text.starts_with(fs::OUR_PREFIX) {
            continue;
        }
        let place = plan.dir.join(text);
        match (place::occupant(layout, &place)?, SkillName::parse(text)) {
            (Occupant::Ours(was), _) => {
                let is_theirs =
                    |leads_to: PathBuf| plan.shared.rendered.iter().any(|r| leads_to.starts_with(r));
                if place::leads_to(&plan.dir, &was).is_ok_and(is_theirs) {
                    continue;
                }
                plan.steps.push(Step::Unlink { place, was });
            }
            (Occupant::Folder, Ok(name)) if is_our_copy(layout, index, plan, &place, &name)? => {
                plan.steps.push(Step::Trash { place, name });
            }
            _ => continue,
        }
        plan.outcome.pruned.push(text.to_owned());
    }
    plan.steps.extend(inner);
    Ok(())
}
