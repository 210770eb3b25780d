//! `skillsync install SLUG[@VERSION]`

use std::str::FromStr;

use semver::Version;
use skillsync_client::mirror::Bounds;
use skillsync_client::plan::Ask;
use skillsync_client::source::meant;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_store::installed::{InstallState, Standing};

use crate::cli::refresh::{network, show, watched};
use crate::cli::{Cx, complete};
use crate::ops::refresh::{POLL_EVERY, Request, Which, refresh};
use crate::ops::{self, Intent};
use crate::ui::{Exit, Stop};

/// Install a skill from a hub
///
/// Everything is verified before anything is written: the hub's keys, its list, the release, the archive. A skill
/// of your own with that name is never replaced. With a version, polls leave it there until `update` names it.
///
/// Examples:
///   skillsync install pdf
///   skillsync install pdf@1.4.2 --source team
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct InstallArgs {
    /// The skill, with a version or the newest
    #[arg(value_name = "SLUG[@VERSION]")]
    pub(crate) skill: Wanted,
    /// The source that has it; needed where there are several
    #[arg(long, value_name = "NAME", add = complete::sources())]
    pub(crate) source: Option<SourceName>,
}

/// A skill, and a version of it where one was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    slug: SkillName,
    version: Option<Version>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (slug, version) =
            text.split_once('@').map_or((text, None), |(slug, version)| (slug, Some(version)));
        let slug = SkillName::parse(slug).map_err(|e| e.to_string())?;
        let version = version.map(Version::parse).transpose();
        let version = version.map_err(|_| "a version is written as `1.4.2`".to_owned())?;
        Ok(Self { slug, version })
    }
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &InstallArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let Wanted { slug, version } = args.skill.clone();
    let state = InstallState::load(store.layout())?;
    // It has a source already: from there it is, unless another is named.
    let known = state.get(&slug).filter(|installed| installed.state != Standing::Pending);
    let known = known.map(|installed| installed.source.clone());
    let known = known.filter(|name| store.config().source(name).is_some());
    let source = meant(store.config(), args.source.as_ref().or(known.as_ref()))?.name.clone();
    let intent = if cx.globals.dry_run { Intent::Plan } else { Intent::Apply };
    let progress = cx.ui.transfer("downloading", 0);
    let watch = watched(&progress);
    let request = Request {
        ask: Ask::Install(slug.clone(), version),
        which: Which::One(source),
        interval: POLL_EVERY,
        intent,
        watch: &watch,
        bounds: Bounds::default(),
    };
    let report = refresh(cx.world, &store, network(cx), &request)?;
    drop(watch);
    drop(progress);
    show(cx, &report)?;
    Ok(report.exit_of_named(&[slug], &state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_stand_behind_the_name() {
        let wanted = |text: &str| text.parse::<Wanted>();
        assert_eq!(wanted("pdf").unwrap().version, None);
        assert_eq!(wanted("pdf@1.4.2").unwrap().version, Some(Version::new(1, 4, 2)));
        for wrong in ["", "PDF", "pdf@", "pdf@1.4", "pdf@v1.4.2", "a/b"] {
            assert!(wanted(wrong).is_err(), "{wrong}");
        }
    }
}
