//! `GET /api/skills/install` and `GET /api/skills/access`

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use semver::Version;
use serde::Deserialize;
use skillsync_core::name::SkillName;

use super::Http;
use super::answer::ok;
use super::body::Query;
use super::caller::take;
use super::problem::{Problem, Trouble};
use super::rates::Class;
use super::skills::{slug, version};
use crate::app::keys::Caller;

#[derive(Deserialize)]
pub(super) struct Wanted {
    slug: String,
    version: Option<String>,
    mode: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    slug: String,
}

pub(super) async fn get(
    State(http): State<Arc<Http>>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    take(&http, Class::Install, &caller)?;
    if wanted.mode.as_deref().is_some_and(|mode| mode != "files") {
        return Err(Trouble::wrong("`mode` is `files`, or left out").problem());
    }
    let (slug, version) = named(&wanted.slug, wanted.version.as_deref())?;
    Ok(ok(http.app.install(&caller, &slug, version.as_ref()).await?).into_response())
}

pub(super) async fn access(
    State(http): State<Arc<Http>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    take(&http, Class::Other, &caller)?;
    let slug = slug(&asked.slug)?;
    Ok(ok(http.app.access(&caller, &slug).await?).into_response())
}

/// `pdf`, or `pdf@1.2.3`, or the two apart.
fn named(text: &str, apart: Option<&str>) -> Result<(SkillName, Option<Version>), Problem> {
    let (name, within) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    if within.is_some() && apart.is_some_and(|apart| Some(apart) != within) {
        return Err(Trouble::wrong("two versions were asked for").problem());
    }
    let version = within.or(apart).map(version).transpose()?;
    Ok((slug(name)?, version))
}
