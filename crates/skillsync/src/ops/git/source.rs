//! Where a git repository is, as a person writes it: `owner/repo/path@ref`, web addresses, ssh and file addresses.
//! A pure reading of a text; fetching is left to the room above.

mod web;

use std::fmt;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::path::{self, SkillPath};
use skillsync_core::tree::SKILL_MD;

/// Sites whose plain addresses are repositories. Elsewhere an address says so itself, with `.git` or `git+https:`.
const FORGES: [&str; 6] =
    ["github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "gitea.com", "git.sr.ht"];

/// Why a text is not the address of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be read as one.
    #[error("`{text}` is not an address of a git repository: {problem}")]
    Address {
        /// What was given, credentials taken out.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It names a way of fetching that is not used: without a cipher, or one that runs programs.
    #[error("`{scheme}` is no way to fetch a repository here")]
    Transport {
        /// What stands before the address.
        scheme: String,
    },
    /// The folder in it is not one.
    #[error("the folder after the repository's address cannot be used")]
    Folder {
        /// Why.
        #[source]
        source: path::Error,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Address { .. } => "git-address-invalid",
            Error::Transport { .. } => "git-transport-refused",
            Error::Folder { source } => source.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Address { .. } | Error::Folder { .. } => {
                "for example `owner/repo/skills/pdf@v2`, `https://host/group/repo.git//skills/pdf` or \
                 `git@host:owner/repo.git`"
                    .to_owned()
            }
            Error::Transport { .. } => "use an https, ssh or file address".to_owned(),
        })
    }
}

/// A place in a repository: a state and a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Branch, tag or commit; none: the repository's default branch, whatever its name.
    pub reference: Option<String>,
    /// The folder in it; none: its root.
    pub path: Option<SkillPath>,
}

/// The address of a repository, and where in it to look.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    url: String,
    login: Option<String>,
    spots: Vec<Spot>,
    shorthand: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("url", &self.url).field("spots", &self.spots).finish_non_exhaustive()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        if let Some(path) = &self.spot().path {
            write!(f, "//{path}")?;
        }
        match &self.spot().reference {
            Some(reference) => write!(f, "@{reference}"),
            None => Ok(()),
        }
    }
}

impl Source {
    /// Reads `text`. Fails on what is no address, on transports that are not encrypted or run programs, and on
    /// what git could take for an option.
    pub fn parse(text: &str) -> Result<Source, Error> {
        read(text).map_err(|problem| match problem {
            Problem::Text(problem) => Error::Address { text: without_login(text), problem },
            Problem::Transport(scheme) => Error::Transport { scheme: scheme.escape_debug().to_string() },
            Problem::Folder(source) => Error::Folder { source },
        })
    }

    /// The address that git is given and that is recorded, without credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the repository is called: the last part of its address, or `repository` where that is no folder's name.
    pub fn name(&self) -> &str {
        let last = self.url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
        let name = last.trim_end_matches(".git");
        match SkillPath::parse(name) {
            Ok(_) if !name.starts_with('.') => name,
            _ => "repository",
        }
    }

    /// User and password of a web address, as written in it. Never for a person's eyes.
    pub(super) fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// Where in it to look, in the first reading.
    pub fn spot(&self) -> &Spot {
        // Never empty: every constructor puts one in.
        &self.spots[0]
    }

    /// All readings, likeliest first: a ref in a web address may have slashes.
    pub fn spots(&self) -> &[Spot] {
        &self.spots
    }

    /// Whether it was written as `owner/repo`, which may have been meant as a folder.
    pub fn is_shorthand(&self) -> bool {
        self.shorthand
    }

    /// Whether fetching it needs no network.
    pub fn is_on_this_machine(&self) -> bool {
        self.url.starts_with("file://")
    }
}

/// Whether `text` is written as a repository's address. A text that is neither this nor an address of another kind
/// is a folder's path; so is one that leads to something on the disk, which the caller has looked at before.
pub(super) fn is_address(text: &str) -> bool {
    if text.starts_with(['.', '/', '~', '-']) {
        return false;
    }
    match text.split_once("://") {
        Some(("https", rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit('@').next().unwrap_or(authority).trim_start_matches("www.");
            let path = path.rsplit_once('@').map_or(path, |(path, _)| path);
            FORGES.contains(&host)
                || path.split('/').any(|part| part.len() > 4 && part.ends_with(".git"))
                || path.contains("/-/")
        }
        Some(_) => true,
        None => transport_helper(text).is_some() || scp(text).is_some() || owner_and_repo(text).is_some(),
    }
}

/// `text` with user and password of a web address taken out, and nothing in it that a terminal obeys.
pub(super) fn without_login(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(['/', ' ', '\'', '"']).unwrap_or(after.len());
        let host_at = after[..end].rfind('@').map_or(0, |at| at + 1);
        rest = &after[host_at..];
    }
    shown.push_str(rest);
    shown
        .chars()
        .take(300)
        .flat_map(|c| if c == '\'' || c == '"' { vec![c] } else { c.escape_debug().collect() })
        .collect()
}

enum Problem {
    Text(&'static str),
    Transport(String),
    Folder(path::Error),
}

impl From<&'static str> for Problem {
    fn from(problem: &'static str) -> Self {
        Problem::Text(problem)
    }
}

fn read(text: &str) -> Result<Source, Problem> {
    if text.starts_with('-') {
        return Err("it begins with a hyphen".into());
    }
    if text.trim() != text || text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err("it has a control character, or space around it".into());
    }
    let text = text.strip_prefix("git+").unwrap_or(text);
    if let Some(helper) = transport_helper(text) {
        return Err(Problem::Transport(format!("{helper}::")));
    }
    match text.split_once("://") {
        Some(("https", rest)) => web::read(rest),
        Some(("ssh", rest)) => ssh(rest),
        Some(("file", rest)) => file(rest),
        Some((scheme, _)) => {
            Err(Problem::Transport(format!("{}://", scheme.chars().take(20).collect::<String>())))
        }
        None => match scp(text) {
            Some((host, path)) => scp_like(host, path),
            None => shorthand(text),
        },
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `ext::sh -c ...` and its like: git would run the program `git-remote-ext`.
fn transport_helper(text: &str) -> Option<&str> {
    let (helper, _) = text.split_once("::")?;
    (!helper.is_empty() && helper.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)))
        .then_some(helper)
}

/// `user@host:path`, taken apart at the colon; a drive letter is no host.
fn scp(text: &str) -> Option<(&str, &str)> {
    let (host, path) = text.split_once(':')?;
    (host.len() > 1 && !host.contains('/')).then_some((host, path))
}

fn ssh(rest: &str) -> Result<Source, Problem> {
    let (authority, tail) = rest.split_once('/').ok_or("it names no repository")?;
    let (user, host) = match authority.rsplit_once('@') {
        // ssh takes no password from an address: it is left out, so that it is recorded nowhere.
        Some((login, host)) => (login.split(':').next().filter(|user| !user.is_empty()), host),
        None => (None, authority),
    };
    check_host(host)?;
    check_user(user)?;
    let (tail, reference) = split_reference(tail);
    let (repository, folder) = split_folder(tail);
    check_repository(repository.trim_matches('/'))?;
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let url = format!("ssh://{user}{host}/{}", repository.trim_start_matches('/'));
    Ok(Source { url, login: None, spots: vec![spot(reference, folder)?], shorthand: false })
}

fn scp_like(host: &str, path: &str) -> Result<Source, Problem> {
    let (user, name) = match host.split_once('@') {
        Some((user, name)) => (Some(user), name),
        None => (None, host),
    };
    check_host(name)?;
    check_user(user)?;
    if name.contains(':') || path.starts_with('-') {
        return Err("it names no repository".into());
    }
    let (path, reference) = split_reference(path);
    let (repository, folder) = split_folder(path);
    if repository.trim_matches('/').is_empty() {
        return Err("it names no repository".into());
    }
    let url = format!("{host}:{repository}");
    Ok(Source { url, login: None, spots: vec![spot(reference, folder)?], shorthand: false })
}

fn file(rest: &str) -> Result<Source, Problem> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err("a file address goes on with an absolute path".into());
    }
    let (path, reference) = split_reference(path);
    let (repository, folder) = match path[1..].split_once("//") {
        Some((repository, folder)) => (repository, folder),
        None => (&path[1..], ""),
    };
    if repository.is_empty() {
        return Err("it names no repository".into());
    }
    let url = format!("file:///{repository}");
    Ok(Source { url, login: None, spots: vec![spot(reference, folder)?], shorthand: false })
}

/// `owner/repo[/folder][@ref]` on GitHub.
fn shorthand(text: &str) -> Result<Source, Problem> {
    let (owner, name, folder, reference) = owner_and_repo(text).ok_or("it has no `owner/repo`")?;
    let url = format!("https://github.com/{owner}/{name}.git");
    Ok(Source { url, login: None, spots: vec![spot(reference, folder)?], shorthand: true })
}

/// Owner, repository, folder and ref, if `text` has the shape of those.
fn owner_and_repo(text: &str) -> Option<(&str, &str, &str, Option<&str>)> {
    let (text, reference) = split_reference(text);
    let (owner, rest) = text.trim_end_matches('/').split_once('/')?;
    let (name, folder) = rest.split_once('/').unwrap_or((rest, ""));
    let name = name.trim_end_matches(".git");
    let word = |text: &str, more: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !text.is_empty() && text.len() <= 100 && text.chars().all(allowed)
    };
    let good = word(owner, "-_") && word(name, "-_.") && !name.starts_with(['.', '-']);
    good.then_some((owner, name, folder, reference))
}

/// Takes `@ref` off the end. An `@` that opens a folder's name belongs to the folder.
fn split_reference(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('@') {
        Some((before, reference)) if !before.is_empty() && !before.ends_with('/') => {
            (before, Some(reference))
        }
        _ => (text, None),
    }
}

/// Takes the folder off an ssh path: after `//`, or after a component that ends with `.git`.
fn split_folder(path: &str) -> (&str, &str) {
    if let Some((repository, folder)) = path.split_once("//").filter(|(repository, _)| !repository.is_empty())
    {
        return (repository, folder);
    }
    match path.find(".git/") {
        Some(at) if at > 0 => (&path[..at + 4], &path[at + 5..]),
        _ => (path, ""),
    }
}

fn spot(reference: Option<impl Into<String>>, folder: &str) -> Result<Spot, Problem> {
    let reference = reference.map(Into::into);
    if let Some(reference) = &reference {
        check_reference(reference)?;
    }
    let folder = folder.trim_matches('/');
    // Whoever copies the address of the file means the skill around it.
    let folder = if folder == SKILL_MD { "" } else { folder.strip_suffix("/SKILL.md").unwrap_or(folder) };
    let path =
        if folder.is_empty() { None } else { Some(SkillPath::parse(folder).map_err(Problem::Folder)?) };
    if folder.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err("`.git` is no folder of a repository's content".into());
    }
    Ok(Spot { reference, path })
}

/// The rules of `git check-ref-format`, so that a ref is never an option, a pattern or a pair of refs.
fn check_reference(reference: &str) -> Result<(), Problem> {
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let bad = reference.len() > 250
        || reference.starts_with(['-', '+'])
        || reference.ends_with('.')
        || reference == "@"
        || reference.contains("..")
        || reference.contains("@{")
        || reference.contains([' ', '~', '^', ':', '?', '*', '[', '\\', '"', '\''])
        || reference.split('/').any(bad_part);
    if bad { Err("what follows `@` cannot be a branch, tag or commit".into()) } else { Ok(()) }
}

fn check_host(host: &str) -> Result<(), Problem> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let good_name = match address {
        Some(address) => {
            !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c))
        }
        None => !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    // ssh would take a host that begins with a hyphen for an option.
    if good_name && good_port && !name.starts_with(['-', '.']) {
        Ok(())
    } else {
        Err("its host is no name".into())
    }
}

/// Each part of a repository's path is a name, and none could be taken for an option.
fn check_repository(path: &str) -> Result<(), Problem> {
    let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.starts_with('-');
    if path.split('/').any(bad) { Err("it names no repository".into()) } else { Ok(()) }
}

fn check_user(user: Option<&str>) -> Result<(), Problem> {
    let good = |user: &str| {
        !user.is_empty()
            && !user.starts_with('-')
            && user.chars().all(|c| c.is_ascii_alphanumeric() || "-._+".contains(c))
    };
    if user.is_none_or(good) { Ok(()) } else { Err("its user is no name".into()) }
}

#[cfg(test)]
mod tests;
