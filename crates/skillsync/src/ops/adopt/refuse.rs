//! What `adopt` says when it cannot settle an edit, and what to do about it then.

use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_store::store::Store;

use super::super::{Error, Refusal};
use super::survey::{CANONICAL, Edit, Site, labels, root};

/// How to settle by hand what cannot be settled here.
fn by_hand(name: &SkillName, sites: &[Site]) -> Option<String> {
    let (from, place) = (first(labels(sites)), root(sites).display());
    Some(format!(
        "`skillsync edit {name}`, bring over what you want from `{place}`, commit it, then `skillsync adopt {name} \
         --from {from} --discard`"
    ))
}

fn first(labels: Vec<&str>) -> &str {
    labels.first().copied().unwrap_or(CANONICAL)
}

/// The edit and what was committed since disagree.
pub(super) fn conflict(name: &SkillName, sites: &[Site], base: u32, head: u32, paths: &[String]) -> Error {
    let (place, paths) = (labels(sites).join(", "), paths.join(", "));
    let message = format!(
        "the edit of `{name}` in {place} began from version {base}, and version {head} changed the same places: {paths}"
    );
    Refusal { kind: Kind::Conflict, code: "conflict", message, hint: by_hand(name, sites) }.into()
}

/// The mark of a rendered tree is gone, and no version renders to it.
pub(super) fn base_unknown(name: &SkillName, sites: &[Site]) -> Error {
    let place = labels(sites).join(", ");
    let message = format!("nobody can tell from which version the edit of `{name}` in {place} began");
    Refusal { kind: Kind::Conflict, code: "edit-base-unknown", message, hint: by_hand(name, sites) }.into()
}

/// A new version would replace another edit, in the canonical folder.
pub(super) fn canonical_first(store: &Store, name: &SkillName) -> Error {
    let path = store.layout().skill(name);
    Refusal {
        kind: Kind::Conflict,
        code: "several-edits",
        message: format!("`{name}` was edited in `{}` too, and differently", path.display()),
        hint: Some(format!(
            "`skillsync adopt {name} --from {CANONICAL}` first, to keep that edit, or with `--discard` to drop it"
        )),
    }
    .into()
}

/// Several edits, and none was named.
pub(super) fn several(name: &SkillName, edits: &[Edit]) -> Error {
    let place =
        |edit: &Edit| format!("{} (`{}`)", labels(&edit.sites).join(", "), root(&edit.sites).display());
    let places: Vec<String> = edits.iter().map(place).collect();
    let from = edits.first().map_or(CANONICAL, |edit| first(labels(&edit.sites)));
    Refusal {
        kind: Kind::Conflict,
        code: "several-edits",
        message: format!(
            "`{name}` was edited in {} places, each differently: {}",
            places.len(),
            places.join(", ")
        ),
        hint: Some(format!("settle one after the other: `skillsync adopt {name} --from {from}`")),
    }
    .into()
}

/// Nothing was edited, there or anywhere.
pub(super) fn nothing(store: &Store, name: &SkillName, from: Option<&str>, edits: &[Edit]) -> Error {
    let known = |from: &str| {
        from == CANONICAL || store.config().targets().iter().any(|target| target.id.as_str() == from)
    };
    if let Some(from) = from.filter(|from| !known(from)) {
        return Refusal {
            kind: Kind::NotFound,
            code: "target-not-found",
            message: format!("there is no target `{from}`"),
            hint: Some(format!(
                "`skillsync target list` shows the targets; `{CANONICAL}` is the store itself"
            )),
        }
        .into();
    }
    let message = match from {
        Some(from) => format!("nobody edited `{name}` in {from}"),
        None => format!("nobody edited `{name}` by hand"),
    };
    let elsewhere = edits.iter().find_map(|edit| labels(&edit.sites).first().copied());
    let hint = match elsewhere {
        Some(place) => format!("it was edited in {place}: `skillsync adopt {name} --from {place}`"),
        None => format!("`skillsync edit {name}` begins an edit"),
    };
    Refusal { kind: Kind::Invalid, code: "nothing-to-adopt", message, hint: Some(hint) }.into()
}
