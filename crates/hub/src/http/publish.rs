//! `POST /api/skills/publish`: an upload in two parts, what is said of it and then the archive, neither larger than it may
//! be, and refused as early as can be.

use std::sync::Arc;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use skillsync_wire::api::publish::{ANNOUNCEMENT_FIELD, ARCHIVE_FIELD, Announcement};
use skillsync_wire::limits::ARCHIVE_BYTES;

use super::Http;
use super::answer::Json;
use super::body::{Pace, declared, json, media_type, place, room};
use super::caller::take;
use super::places::account;
use super::problem::{Problem, Trouble};
use super::rates::Class;
use crate::app::IsNew;
use crate::app::keys::Caller;
use crate::limits;

/// The media type of an upload.
const FORM: &str = "multipart/form-data";
/// Largest upload: its parts, and what is around them.
pub(super) const UPLOAD_BYTES: u64 =
    ARCHIVE_BYTES + (limits::ANNOUNCEMENT_BYTES + limits::MULTIPART_BYTES) as u64;

pub(super) async fn post(
    State(http): State<Arc<Http>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    if media_type(request.headers()) != Some(FORM) {
        return Err(Trouble::BodyType { expected: FORM }.problem());
    }
    if declared(request.headers()).is_some_and(|bytes| bytes > UPLOAD_BYTES) {
        return Err(Trouble::BodyTooLarge { limit_bytes: UPLOAD_BYTES }.problem());
    }
    let coming = place(&http)?;
    let multipart = Multipart::from_request(request, &()).await;
    let mut multipart = multipart.map_err(|_| Trouble::BodyType { expected: FORM }.problem())?;

    let announcement = part(&mut multipart, ANNOUNCEMENT_FIELD).await?;
    let announcement: Announcement = json(&read(announcement, limits::ANNOUNCEMENT_BYTES as u64).await?)?;
    let class = match http.app.may_publish(&caller, &announcement).await? {
        IsNew::Yes => Class::PublishNew,
        IsNew::No => Class::PublishUpdate,
    };
    take(&http, class, &caller)?;

    // An archive is in memory until it is stored, and so is what is in it.
    let _room = http.uploads.take(&http, account(&caller)).await?;
    let archive = part(&mut multipart, ARCHIVE_FIELD).await?;
    let archive = read(archive, ARCHIVE_BYTES).await?;
    if next(&mut multipart).await?.is_some() {
        return Err(Trouble::wrong("the upload has more parts than it should").problem());
    }
    drop(coming);
    let reply = http.app.publish(&caller, &announcement, archive.into()).await?;
    let status = if reply.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Json(status, reply).into_response())
}

/// The next part, which must have this name.
async fn part<'a>(multipart: &'a mut Multipart, name: &str) -> Result<Field<'a>, Problem> {
    let missing = || Trouble::wrong(format!("the upload needs the part `{name}` here")).problem();
    next(multipart).await?.filter(|field| field.name() == Some(name)).ok_or_else(missing)
}

async fn next(multipart: &mut Multipart) -> Result<Option<Field<'_>>, Problem> {
    Pace::begin().wait(0, multipart.next_field()).await?.map_err(|error| broken(&error))
}

async fn read(mut field: Field<'_>, most: u64) -> Result<Vec<u8>, Problem> {
    let (mut bytes, pace) = (room(usize::try_from(most).unwrap_or_default()), Pace::begin());
    loop {
        let chunk = pace.wait(bytes.len(), field.chunk()).await?;
        let Some(chunk) = chunk.map_err(|error| broken(&error))? else { return Ok(bytes) };
        if bytes.len() as u64 + chunk.len() as u64 > most {
            return Err(Trouble::BodyTooLarge { limit_bytes: most }.problem());
        }
        bytes.extend_from_slice(&chunk);
    }
}

fn broken(error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Trouble::BodyTooLarge { limit_bytes: UPLOAD_BYTES }.problem(),
        _ => Trouble::wrong("the upload is cut off, or is not `multipart/form-data`").problem(),
    }
}
