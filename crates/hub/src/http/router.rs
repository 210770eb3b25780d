//! All routes of the hub as one list, from which the router and the OpenAPI document are made.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use skillsync_wire::api;
use skillsync_wire::api::path;

use super::problem::Trouble;
use super::{
    Http, cdn, guard, health, install, keys, manifest, publish, search, skills, state, trust, wellknown,
};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A key for what is not public.
    KeyForPrivate,
    /// A key, or an address that was signed, for what is not public.
    KeyOrSignature,
    /// A key, with one of these scopes.
    Key(&'static str),
}

/// A field of a query.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
}

/// The shape of a body.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What a route answers when all is well.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// JSON, with this status.
    Json(u16, Shape),
    /// Bytes of this type.
    Bytes(&'static str),
    /// Nothing but that it is done.
    Done,
}

/// What a route takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// No body.
    Nothing,
    /// JSON.
    Json(Shape),
    /// An upload: an announcement and an archive.
    Upload(Shape),
}

/// One route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its method. What answers GET answers HEAD.
    pub method: Method,
    /// Its path, variable parts in braces.
    pub path: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// What it asks of its caller.
    pub needs: Needs,
    /// The fields of its query.
    pub query: &'static [Field],
    /// What it takes.
    pub takes: Takes,
    /// What it answers.
    pub reply: Reply,
    /// The statuses of its problems, beside those that every route has.
    pub problems: &'static [u16],
    handler: fn() -> MethodRouter<Arc<Http>>,
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const fn needed(name: &'static str, what: &'static str) -> Field {
    Field { name, what, optional: false }
}

const fn optional(name: &'static str, what: &'static str) -> Field {
    Field { name, what, optional: true }
}

const DSSE: Reply = Reply::Bytes("application/vnd.skillsync.dsse+json");
const SIGNATURE: &[Field] = &[
    optional("exp", "until when the address holds, in seconds since 1970"),
    optional("key", "the id of the key it was made for"),
    optional("sig", "the signature, in hex"),
];

const SEARCH: &[Field] = &[
    optional("q", "words; none for the most popular"),
    optional("page", "from 1"),
    optional("page_size", "20 unless said, 100 at most"),
];
const INSTALL: &[Field] = &[
    needed("slug", "the skill, or `slug@version`"),
    optional("version", "the newest unless said"),
    optional("mode", "`files`"),
];
const ACCESS: &[Field] = &[needed("slug", "the skill")];
const OF_VERSION: &[Field] = &[optional("version", "the newest unless said")];
const AFTER: &[Field] = &[optional("after", "the id of the last key of the page before")];
const PAGE: &[Field] = &[optional("page", "from 1")];

impl Route {
    fn get(path: &'static str, summary: &'static str, handler: fn() -> MethodRouter<Arc<Http>>) -> Self {
        Self {
            method: Method::GET,
            path,
            summary,
            needs: Needs::Nothing,
            query: &[],
            takes: Takes::Nothing,
            reply: Reply::Done,
            problems: &[],
            handler,
        }
    }

    fn post(path: &'static str, summary: &'static str, handler: fn() -> MethodRouter<Arc<Http>>) -> Self {
        Self { method: Method::POST, ..Self::get(path, summary, handler) }
    }
}

/// All routes.
pub fn routes() -> Vec<Route> {
    let read = Needs::Key("read");
    let publishing = Needs::Key("publish, publish:SLUG");
    vec![
        Route {
            needs: read,
            reply: DSSE,
            ..Route::get(path::MANIFEST, "The signed manifest of what the caller may have", || {
                get(manifest::get)
            })
        },
        Route {
            needs: read,
            query: SEARCH,
            reply: Reply::Json(200, shape::<api::search::SearchReply>),
            problems: &[400],
            ..Route::get(path::SEARCH, "Search among what the caller may have", || get(search::get))
        },
        Route {
            needs: read,
            query: INSTALL,
            reply: Reply::Json(200, shape::<api::install::InstallReply>),
            problems: &[400, 404],
            ..Route::get(path::INSTALL, "Where to get one skill; counts as an install", || get(install::get))
        },
        Route {
            needs: read,
            query: ACCESS,
            reply: Reply::Json(200, shape::<api::skill::Access>),
            problems: &[400, 404],
            ..Route::get(path::ACCESS, "Whether the caller may have one skill", || get(install::access))
        },
        Route {
            needs: publishing,
            takes: Takes::Upload(shape::<api::publish::Announcement>),
            reply: Reply::Json(201, shape::<api::publish::PublishReply>),
            problems: &[400, 408, 409, 413, 415, 422],
            ..Route::post(
                path::PUBLISH,
                "Publish a version; 200 where these files are published already",
                || {
                    let limit = usize::try_from(publish::UPLOAD_BYTES).unwrap_or(usize::MAX);
                    post(publish::post).layer(DefaultBodyLimit::max(limit))
                },
            )
        },
        Route {
            needs: Needs::KeyForPrivate,
            reply: Reply::Json(200, shape::<api::skill::SkillDetails>),
            problems: &[400, 404],
            ..Route::get("/api/skills/{slug}", "Details of one skill", || get(skills::get))
        },
        Route {
            needs: Needs::KeyForPrivate,
            reply: Reply::Json(200, shape::<api::skill::VersionList>),
            problems: &[400, 404],
            ..Route::get("/api/skills/{slug}/versions", "Versions of one skill", || get(skills::versions))
        },
        Route {
            needs: Needs::KeyForPrivate,
            query: OF_VERSION,
            reply: Reply::Bytes("application/octet-stream"),
            problems: &[400, 403, 404],
            ..Route::get("/api/skills/{slug}/files/{*path}", "One file of a version", || get(skills::file))
        },
        Route {
            needs: publishing,
            takes: Takes::Json(shape::<api::publish::Yank>),
            problems: &[400, 404, 409, 413, 415],
            ..Route::post("/api/skills/{slug}/yank", "Take a version back", || post(skills::yank))
        },
        Route {
            needs: publishing,
            takes: Takes::Json(shape::<api::publish::Deprecate>),
            problems: &[400, 404, 409, 413, 415],
            ..Route::post("/api/skills/{slug}/deprecate", "Say that a skill is superseded", || {
                post(skills::deprecate)
            })
        },
        Route {
            needs: read,
            query: AFTER,
            reply: Reply::Json(200, shape::<api::state::StateList>),
            ..Route::get(path::STATE, "What the machines of the caller's account have", || get(state::list))
        },
        Route {
            needs: read,
            takes: Takes::Json(shape::<api::state::StateReport>),
            problems: &[400, 413, 415],
            ..Route::post(path::STATE, "Tell what this machine has", || post(state::put))
        },
        Route {
            needs: Needs::Key("publish"),
            query: PAGE,
            reply: Reply::Json(200, shape::<api::key::KeyList>),
            ..Route::get(path::KEYS, "The keys of the caller's account", || get(keys::list))
        },
        Route {
            needs: Needs::Key("publish"),
            takes: Takes::Json(shape::<api::key::NewKey>),
            reply: Reply::Json(201, shape::<api::key::KeyCreated>),
            problems: &[400, 413, 415],
            ..Route::post(path::KEYS, "Make a key, which is shown this one time", || post(keys::create))
        },
        Route {
            method: Method::DELETE,
            needs: Needs::Key("publish, or the key itself"),
            problems: &[404],
            ..Route::get("/api/keys/{id}", "Revoke a key, in force at once", || delete(keys::revoke))
        },
        Route {
            needs: Needs::KeyOrSignature,
            query: SIGNATURE,
            reply: Reply::Bytes("application/gzip"),
            problems: &[404],
            ..Route::get("/cdn/blobs/sha256/{hex}", "An archive; never changes", || get(cdn::tarball))
        },
        Route {
            needs: Needs::KeyOrSignature,
            query: SIGNATURE,
            reply: DSSE,
            problems: &[404],
            ..Route::get("/cdn/releases/sha256/{hex}", "A release statement; never changes", || {
                get(cdn::release)
            })
        },
        Route {
            reply: DSSE,
            problems: &[404],
            ..Route::get("/trust/root/{file}", "Root `N.json`; never changes", || get(trust::root))
        },
        Route {
            reply: DSSE,
            ..Route::get(path::ADVISORIES, "The newest advisories", || get(trust::newest_advisories))
        },
        Route {
            reply: DSSE,
            problems: &[404],
            ..Route::get("/trust/advisories/{file}", "Advisories `N.json`; never change", || {
                get(trust::advisories)
            })
        },
        Route {
            reply: Reply::Bytes("application/json"),
            ..Route::get("/.well-known/agent-skills/index.json", "The open index, v0.2.0", wellknown::route)
        },
        Route {
            reply: Reply::Bytes("application/gzip"),
            problems: &[404],
            ..Route::get(
                "/.well-known/agent-skills/{file}",
                "The archive `NAME.tar.gz` of a skill",
                wellknown::route,
            )
        },
        Route {
            reply: Reply::Bytes("application/octet-stream"),
            problems: &[404],
            ..Route::get("/.well-known/agent-skills/{slug}/{*path}", "One file of a skill", wellknown::route)
        },
        Route {
            reply: Reply::Bytes("application/json"),
            ..Route::get("/.well-known/skills/index.json", "The open index, v0.1", wellknown::route)
        },
        Route {
            reply: Reply::Bytes("application/gzip"),
            problems: &[404],
            ..Route::get(
                "/.well-known/skills/{file}",
                "The archive `NAME.tar.gz` of a skill",
                wellknown::route,
            )
        },
        Route {
            reply: Reply::Bytes("application/octet-stream"),
            problems: &[404],
            ..Route::get("/.well-known/skills/{slug}/{*path}", "One file of a skill", wellknown::route)
        },
        Route {
            reply: Reply::Bytes("application/json"),
            ..Route::get(path::OPENAPI, "This description", || get(health::openapi))
        },
        Route {
            reply: Reply::Bytes("text/plain"),
            ..Route::get("/healthz", "Whether the hub lives", || get(health::live))
        },
        Route {
            reply: Reply::Bytes("text/plain"),
            problems: &[503],
            ..Route::get("/readyz", "Whether database and blobs answer", || get(health::ready))
        },
    ]
}

/// The router of all routes, with what happens to every request around them.
pub fn router(http: Arc<Http>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        router = router.route(route.path, (route.handler)());
    }
    guarded(router, http)
}

/// Routes with what happens to every request around them, whatever they do.
pub fn guarded(router: Router<Arc<Http>>, http: Arc<Http>) -> Router {
    router
        .fallback(|| async { Trouble::NoRoute.problem() })
        .method_not_allowed_fallback(|| async { Trouble::NoMethod.problem() })
        .layer(from_fn_with_state(http.clone(), guard::guard))
        .layer(from_fn(wellknown::readable))
        .with_state(http)
}
