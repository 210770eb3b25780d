//! Addresses as a browser shows them: which part is the repository, which the ref, which the folder.

use super::{Problem, Source, Spot, check_host, check_repository, split_reference, spot};

/// In the addresses of these words a ref and a folder follow.
const TREE_WORDS: [&str; 2] = ["tree", "blob"];
/// A ref may have slashes; in a web address it is found by trying so many readings at most.
const READINGS: usize = 4;

pub(super) fn read(rest: &str) -> Result<Source, Problem> {
    if rest.contains(['?', '#']) {
        return Err("it has a `?` or `#`; a branch or tag is written `@name` at its end".into());
    }
    let (authority, tail) = rest.split_once('/').ok_or("it names no repository")?;
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login.to_owned()).filter(|login| !login.is_empty()), host),
        None => (None, authority),
    };
    check_host(host)?;
    let (tail, reference) = split_reference(tail);
    let host = host.to_ascii_lowercase();
    let host = if host == "www.github.com" { "github.com".to_owned() } else { host };
    let place = web_place(&host, &decoded(tail)?)?;
    let url = format!("https://{host}/{}", place.repository);
    if reference.is_some() && place.tree.is_some() {
        return Err("it names a branch twice, in the address and after `@`".into());
    }
    let spots = match place.tree {
        Some(tree) => tree_spots(&tree)?,
        None => vec![spot(reference, &place.folder)?],
    };
    Ok(Source { url, login, spots, shorthand: false })
}

/// A web address below its host, taken apart.
struct Place {
    repository: String,
    folder: String,
    /// What follows `/tree/`: a ref and a folder, the border between them not marked.
    tree: Option<String>,
}

fn web_place(host: &str, tail: &str) -> Result<Place, Problem> {
    let tail = tail.trim_end_matches('/');
    let plain = |repository: &str, folder: &str| Place {
        repository: repository.to_owned(),
        folder: folder.to_owned(),
        tree: None,
    };
    if let Some((repository, folder)) = tail.split_once("//") {
        return checked(plain(repository, folder));
    }
    if let Some((repository, view)) = tail.split_once("/-/") {
        return checked(Place { tree: Some(tree_of(view)?), ..plain(repository, "") });
    }
    let parts: Vec<&str> = tail.split('/').collect();
    if host == "github.com" {
        let [owner, name, view @ ..] = parts.as_slice() else { return Err("it names no repository".into()) };
        let repository = format!("{owner}/{}.git", name.trim_end_matches(".git"));
        let tree = if view.is_empty() { None } else { Some(tree_of(&view.join("/"))?) };
        return checked(Place { tree, ..plain(&repository, "") });
    }
    match parts.iter().position(|part| part.len() > 4 && part.ends_with(".git")) {
        Some(at) => checked(plain(&parts[..=at].join("/"), &parts[at + 1..].join("/"))),
        None => checked(plain(tail, "")),
    }
}

fn checked(place: Place) -> Result<Place, Problem> {
    check_repository(&place.repository)?;
    Ok(place)
}

/// `tree/REF/FOLDER` or `blob/REF/FOLDER/FILE` without its first word.
fn tree_of(view: &str) -> Result<String, Problem> {
    let (word, tree) = view.split_once('/').unwrap_or((view, ""));
    if !TREE_WORDS.contains(&word) || tree.is_empty() {
        return Err("after the repository it does not go on with `/tree/REF/FOLDER`".into());
    }
    match (word, tree.rsplit_once('/')) {
        ("blob", Some((folder, _))) => Ok(folder.to_owned()),
        ("blob", None) => Err("it leads to a file; give the folder with the SKILL.md".into()),
        _ => Ok(tree.to_owned()),
    }
}

fn tree_spots(tree: &str) -> Result<Vec<Spot>, Problem> {
    let parts: Vec<&str> = tree.split('/').collect();
    let reading = |border: usize| spot(Some(parts[..border].join("/")), &parts[border..].join("/"));
    let mut spots = vec![reading(1)?];
    // A longer reading that cannot be is none; the first one must be.
    spots.extend((2..=parts.len().min(READINGS)).filter_map(|border| reading(border).ok()));
    Ok(spots)
}

/// Percent signs in a web address, decoded.
fn decoded(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.filter(|b| !b.is_ascii_control()).ok_or("it has a `%` that stands for nothing")?);
        rest = tail.get(2..).unwrap_or_default();
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}
