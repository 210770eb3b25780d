//! Symlink mode: `<folder>/<name>` leads to `rendered/<target>/<name>`, and that to a rendered tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skillsync_core::name::SkillName;

use super::place::{self, Occupant};
use super::{Blocked, Error, Plan, Step, Wanted, is_edited};
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
    let outcome = &mut plan.outcome;
    for rendering in wanted.renderings {
        let name = &rendering.name;
        let place = dir.join(name.as_str());
        let occupant = place::occupant(layout, &place)?;
        if !occupant.is_ours() && occupant != Occupant::Nothing {
            outcome.blocked.push(Blocked { name: name.clone(), path: place, occupant });
            continue;
        }
        outcome.skills += 1;
        let link = layout.rendered_skill(&target.id, name.as_str());
        let now = render::linked(layout, &link)?;
        let moves = now.as_deref() != Some(rendering.id.hex().as_str());
        if let (true, Some(old)) = (moves, &now)
            && is_edited(layout, index, old)?
        {
            outcome.held.push(name.clone());
            continue;
        }
        if moves {
            plan.steps.push(Step::Swing { link: link.clone(), id: rendering.id });
        }
        let text = link_text(target, &dir, &link);
        let step = match occupant {
            Occupant::Ours(at) if at == text => None,
            Occupant::Ours(_) => Some(Step::Relink { place, text }),
            _ => Some(Step::Link { place, text }),
        };
        if moves || step.is_some() {
            outcome.placed.push(name.clone());
        }
        plan.steps.extend(step);
    }
    prune(layout, index, target, wanted, plan)
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
        if let Some(hex) = render::linked(layout, &link)?
            && is_edited(layout, index, &hex)?
        {
            plan.outcome.held.extend(SkillName::parse(text).ok());
            kept.insert(text.to_owned());
            continue;
        }
        if fs::read_link(&link)?.is_some() {
            inner.push(Step::Unlink(link));
        }
    }
    for entry in fs::entries(&plan.dir)?.unwrap_or_default() {
        let Some(text) = entry.to_str() else { continue };
        if wanted.keeps(text) || kept.contains(text) || text.starts_with(fs::OUR_PREFIX) {
            continue;
        }
        let at = plan.dir.join(text);
        if let Occupant::Ours(leads_to) = place::occupant(layout, &at)? {
            let leads_to = place::cleaned(&plan.dir.join(leads_to));
            if plan.shared.iter().any(|rendered| leads_to.starts_with(rendered)) {
                continue;
            }
            plan.steps.push(Step::Unlink(at));
            plan.outcome.pruned.push(text.to_owned());
        }
    }
    plan.steps.extend(inner);
    Ok(())
}
