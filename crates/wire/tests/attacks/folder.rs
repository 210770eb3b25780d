//! One folder: how it is made, and whether it ends as it says.

use std::collections::BTreeMap;

use serde::Deserialize;

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_core::fault::Fault as _;
use skillsync_core::name::SkillName;
use skillsync_wire::archive::{Promise, Reader};
use skillsync_wire::json::Time;
use skillsync_wire::release::{Release, Tarball};
use skillsync_wire::text::Audience;
use skillsync_wire::trust::{Freshness, Refusal, State, Walk};

use super::hub::{Served, now, slug};

/// The files of a folder, by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Somebody serves this to a client that knows that.
#[derive(Clone)]
pub(crate) struct Attack {
    /// The row of the table of threats, and what is done.
    pub(crate) name: &'static str,
    title: &'static str,
    clock: Time,
    state: State,
    served: Served,
    not_modified: bool,
    archives: Vec<(&'static str, Vec<u8>)>,
    step: &'static str,
    expect: &'static str,
    revoked: Vec<&'static str>,
}

impl Attack {
    /// `served` to a client that knows the first root and nothing else, and believes all of it.
    pub(crate) fn new(name: &'static str, title: &'static str, served: Served) -> Self {
        let first = &served.roots[0];
        let state = Walk::pinned(first, EnvelopeDigest::of(first)).unwrap().state().clone();
        Self {
            name,
            title,
            clock: now(),
            state,
            served,
            not_modified: false,
            archives: vec![],
            step: "done",
            expect: "accepted",
            revoked: vec![],
        }
    }

    pub(crate) fn knowing(self, state: State) -> Self {
        Self { state, ..self }
    }

    pub(crate) fn at(self, clock: Time) -> Self {
        Self { clock, ..self }
    }

    /// The hub says that there is nothing new, and nothing else.
    pub(crate) fn not_modified(self) -> Self {
        Self { not_modified: true, step: "manifest", ..self }
    }

    pub(crate) fn archive(mut self, name: &'static str, bytes: Vec<u8>) -> Self {
        self.archives.push((name, bytes));
        self
    }

    pub(crate) fn refused(self, step: &'static str, expect: &'static str) -> Self {
        Self { step, expect, ..self }
    }

    /// An installed release is to be taken out of use.
    pub(crate) fn revoking(self, name: &'static str) -> Self {
        Self { revoked: vec![name], ..self }
    }

    /// The files of its folder.
    pub(crate) fn files(self) -> Files {
        let mut files = Files::new();
        for (at, root) in self.served.roots.iter().enumerate() {
            files.insert(format!("root-{}.json", at + 1), root.clone());
        }
        if !self.not_modified {
            files.insert("manifest.json".to_owned(), self.served.manifest);
            files.insert("advisories.json".to_owned(), self.served.advisories);
            let releases = self.served.releases.into_iter();
            files.extend(releases.map(|(name, bytes)| (format!("release-{name}.json"), bytes)));
        }
        let archives = self.archives.into_iter();
        files.extend(archives.map(|(name, bytes)| (format!("archive-{name}.tar.gz"), bytes)));
        files.insert("trust.json".to_owned(), self.state.write().unwrap());
        let row: u32 = self.name[..2].parse().unwrap();
        let mut case = format!(
            "title = {:?}\nrow = {row}\naudience = \"{}\"\nclock = \"{}\"\n",
            self.title,
            super::hub::caller(),
            self.clock
        );
        if self.not_modified {
            case += "not_modified = true\n";
        }
        case += &format!("step = {:?}\nexpect = {:?}\n", self.step, self.expect);
        if !self.revoked.is_empty() {
            case += &format!("revoked = {:?}\n", self.revoked);
        }
        files.insert("case.toml".to_owned(), case.into_bytes());
        if self.expect == "accepted"
            && let Ok(ended) = Case::read(&files).and_then(|case| case.end(&files))
            && let Some(after) = ended.after
        {
            files.insert("after.json".to_owned(), after.write().unwrap());
        }
        files
    }
}

/// What `case.toml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    title: String,
    row: u32,
    audience: Audience,
    clock: Time,
    #[serde(default)]
    not_modified: bool,
    step: String,
    expect: String,
    #[serde(default)]
    revoked: Vec<SkillName>,
}

/// How it ended.
struct Ended {
    step: String,
    code: String,
    revoked: Vec<SkillName>,
    after: Option<State>,
}

/// Why it did not go on: a document was refused at a step, or the folder lacks one.
enum Stop {
    Refused(String, &'static str),
    Folder(String),
}

fn at<T>(step: impl Into<String>, result: Result<T, Refusal>) -> Result<T, Stop> {
    result.map_err(|refusal| Stop::Refused(step.into(), refusal.code()))
}

fn file<'a>(files: &'a Files, name: &str) -> Result<&'a [u8], Stop> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| Stop::Folder(format!("{name} is missing")))
}

impl Case {
    fn read(files: &Files) -> Result<Self, String> {
        let text = files.get("case.toml").ok_or("case.toml is missing")?;
        toml_edit::de::from_slice(text).map_err(|error| format!("case.toml: {error}"))
    }

    fn end(&self, files: &Files) -> Result<Ended, String> {
        let mut revoked = vec![];
        let (step, code, after) = match self.follow(files, &mut revoked) {
            Ok((step, state)) => (step.to_owned(), "accepted", Some(state)),
            Err(Stop::Refused(step, code)) => (step, code, None),
            Err(Stop::Folder(complaint)) => return Err(complaint),
        };
        Ok(Ended { step, code: code.to_owned(), revoked, after })
    }

    /// The order of a sync, with the bytes of the folder in place of a hub's.
    fn follow(&self, files: &Files, revoked: &mut Vec<SkillName>) -> Result<(&'static str, State), Stop> {
        let state = State::read(file(files, "trust.json")?);
        let state = state.map_err(|error| Stop::Folder(format!("trust.json: {error}")))?;
        let stored = file(files, &format!("root-{}.json", state.root_version))?;
        let mut walk = at("stored-root", Walk::resumed(state, stored))?;
        while let Some(root) = files.get(&format!("root-{}.json", walk.next_version())) {
            at(format!("root-{}", walk.next_version()), walk.step(root))?;
        }
        let rooted = at("root", walk.end(self.clock))?;
        if self.not_modified {
            return match rooted.state().freshness(self.clock) {
                Freshness::Fresh => Ok(("manifest", rooted.state().clone())),
                _ => Err(Stop::Refused("manifest".to_owned(), "trust-stale")),
            };
        }
        let manifest = file(files, "manifest.json")?;
        let listed = at("manifest", rooted.manifest(manifest, &self.audience, self.clock))?;
        let mut advised = at("advisories", listed.advisories(file(files, "advisories.json")?))?;
        revoked.extend(advised.revoked().map(|(name, _)| name.clone()));
        for entry in &listed.manifest().skills {
            let name = &entry.slug;
            let statement = file(files, &format!("release-{name}.json"))?;
            let accepted = at(format!("release-{name}"), advised.release(name, statement))?;
            if let Some(archive) = files.get(&format!("archive-{name}.tar.gz")) {
                let refused = |code| Stop::Refused(format!("archive-{name}"), code);
                unpacked(archive, accepted.release()).map_err(refused)?;
            }
            advised.installed(&accepted);
        }
        Ok(("done", advised.state().clone()))
    }
}

/// Unpacks an archive that is, by size and digest, the one of the release; fails with the code of the first rule it breaks.
fn unpacked(archive: &[u8], release: &Release) -> Result<(), &'static str> {
    let Tarball { sha256, size_bytes, .. } = release.tarball;
    if (archive.len() as u64, ArchiveDigest::of(archive)) != (size_bytes, sha256) {
        return Err("trust-mismatch");
    }
    let promise = Promise::new(release.tarball.clone(), release.tree);
    Reader::promised(archive, promise).finish().map_err(|error| error.code()).map(|_| ())
}

/// Whether a folder may have a file of this name.
fn is_known(name: &str, files: &Files) -> bool {
    let between = |head: &str, tail: &str| name.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
    match name {
        "case.toml" | "trust.json" | "after.json" | "manifest.json" | "advisories.json" => true,
        _ if let Some(number) = between("root-", ".json").and_then(|text| text.parse::<u64>().ok()) => {
            number == 1 || files.contains_key(&format!("root-{}.json", number - 1))
        }
        _ if let Some(skill) = between("release-", ".json") => SkillName::parse(skill).is_ok(),
        _ if let Some(skill) = between("archive-", ".tar.gz") => {
            files.contains_key(&format!("release-{}.json", slug(skill)))
        }
        _ => false,
    }
}

/// What is wrong with a folder.
pub(crate) fn complaints(name: &str, files: &Files) -> Vec<String> {
    let mut said: Vec<String> = files
        .keys()
        .filter(|file| !is_known(file, files))
        .map(|file| format!("{name}: {file} is unknown"))
        .collect();
    let mut say = |text: String| said.push(format!("{name}: {text}"));
    let ended = Case::read(files).and_then(|case| case.end(files).map(|ended| (case, ended)));
    let (case, ended) = match ended {
        Ok(read) => read,
        Err(complaint) => {
            say(complaint);
            return said;
        }
    };
    for (file, is_served) in [
        ("root-1.json", true),
        ("manifest.json", !case.not_modified),
        ("advisories.json", !case.not_modified),
    ] {
        if files.contains_key(file) != is_served {
            say(format!("{file} is {}", if is_served { "missing" } else { "not to be there" }));
        }
    }
    if name.get(..3) != Some(format!("{:02}-", case.row).as_str()) {
        say(format!("of row {}", case.row));
    }
    if !case.title.ends_with('.') {
        say("the title is no sentence".to_owned());
    }
    if (&ended.step, &ended.code) != (&case.step, &case.expect) {
        say(format!("{} at {}, not {} at {}", ended.code, ended.step, case.expect, case.step));
    }
    if ended.revoked != case.revoked {
        say(format!("{:?} are revoked, not {:?}", ended.revoked, case.revoked));
    }
    let after = ended.after.map(|state| state.write().unwrap());
    if files.get("after.json") != after.as_ref() {
        say("after.json is not what is known then".to_owned());
    }
    said
}
