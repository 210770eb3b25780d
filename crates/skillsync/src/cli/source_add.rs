//! `skillsync source add URL`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueHint;
use skillsync_client::anchor::Candidate;
use skillsync_client::credentials::{self, KEY_BYTES};
use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_core::name::SourceName;
use skillsync_store::config::{Apply, BaseUrl, Policy, SourceConfig, SourceKind, Wanted};
use skillsync_store::store::Store;

use crate::cli::Cx;
use crate::ops;
use crate::ops::network::Network;
use crate::ops::source::{Added, Pin, Task, Wish, apply, candidate, plan, skills_listed, task};
use crate::ui::{Answer, Exit, Screen, Show, Stop};

/// Add a hub or a site with an open index as a source of skills
///
/// Fetches the hub's first root, which names the keys that may sign for it, and shows its fingerprint: compare it
/// with the one that whoever runs the hub tells you. With `--root-sha256` or `--root` that is done for you.
///
/// Examples:
///   skillsync source add https://hub.example
///   skillsync source add https://hub.example --name team --root-sha256 4f0c...
///   skillsync source add https://hub.example --all --apply notify
///   skillsync source add https://site.example --kind index
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SourceAddArgs {
    /// Where the hub is
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,
    /// What to call it here; made from the host when left out
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<SourceName>,
    /// What answers there: hub or index; found out when left out
    #[arg(long, value_name = "KIND", value_parser = ["hub", "index", "git"], hide_possible_values = true)]
    pub(crate) kind: Option<String>,
    /// Who chooses versions: track (the publisher) or pin (a bundle's owner)
    #[arg(long, value_name = "POLICY", default_value = "track", hide_default_value = true)]
    pub(crate) policy: Policy,
    /// What a poll does with an update: auto, notify, manual
    #[arg(long, value_name = "WAY", default_value = "auto", hide_default_value = true)]
    pub(crate) apply: Apply,
    /// Install everything that it lists, not only what `install` names; so it is with an index
    #[arg(long)]
    pub(crate) all: bool,
    /// Of an index, install only what `install` names
    #[arg(long, conflicts_with = "all")]
    pub(crate) chosen: bool,
    /// Another address with the same files, tried before the hub; can be given again
    #[arg(long = "mirror", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) mirrors: Vec<String>,
    /// A file with the root to trust
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "root_sha256")]
    pub(crate) root: Option<PathBuf>,
    /// The fingerprint that the hub's first root must have
    #[arg(long, value_name = "HEX")]
    pub(crate) root_sha256: Option<String>,
    /// Allow plain http to another machine
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Read the key for the hub from standard input
    #[arg(long)]
    pub(crate) key_stdin: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SourceAddArgs) -> Result<Exit, Stop> {
    let kind = kind(args)?;
    let store = ops::open(cx.world)?;
    let mut wish = wish(args, kind)?;
    let pin = match (&args.root, &args.root_sha256) {
        (Some(path), _) => Pin::File(cx.world.resolve(path)),
        (None, Some(hex)) => Pin::Fingerprint(fingerprint(hex)?),
        (None, None) => Pin::FirstUse,
    };
    let mut to_do = task(store.config(), store.layout(), &wish)?;
    if let Task::Nothing(config) = &to_do {
        cx.ui.show(&Added { dry_run: cx.globals.dry_run, ..plan(&to_do, None, &pin, None) })?;
        cx.ui.hint(format!(
            "`skillsync config set sources.{}.apply notify` and the like change it",
            config.name
        ));
        return Ok(Exit::Done);
    }
    let network = if cx.globals.offline { Network::Off } else { Network::Allowed };
    if wish.kind == SourceKind::Index {
        let door = network.door("fetching the index")?;
        let listed = skills_listed(store.layout(), to_do.config(), &*door)?;
        return add_index(cx, &store, &wish, &to_do, listed);
    }
    let key = match args.key_stdin {
        true => Some(credentials::typed(&cx.ui.secret("key", KEY_BYTES)?)?),
        false => None,
    };
    let root = match candidate(to_do.config(), &pin, || network.door("fetching the hub's root")) {
        Ok(root) => root,
        // Nobody said what answers there: a site that is no hub may publish an index.
        Err(error) if kind.is_none() && pin == Pin::FirstUse && error.kind() != Kind::Offline => {
            let index = SourceConfig { kind: SourceKind::Index, ..to_do.config().clone() };
            let door = network.door("fetching the index")?;
            let Ok(listed) = skills_listed(store.layout(), &index, &*door) else { return Err(error.into()) };
            wish = self::wish(args, Some(SourceKind::Index))?;
            to_do = task(store.config(), store.layout(), &wish)?;
            return add_index(cx, &store, &wish, &to_do, listed);
        }
        Err(error) => return Err(error.into()),
    };
    if cx.globals.dry_run {
        cx.ui.show(&plan(&to_do, Some(&root), &pin, key.as_ref()))?;
        return Ok(Exit::Done);
    }
    if pin == Pin::FirstUse {
        first_use(cx, to_do.config().url.as_str(), &root)?;
    }
    let report = ops::write(&store, |writing, _| apply(writing, &wish, Some(&root), &pin, key.as_ref()))?;
    cx.ui.show(&report)?;
    if report.status != "present" && !report.key_stored {
        cx.ui.hint(format!("`skillsync login {}` stores your key for it", report.name));
    }
    Ok(Exit::Done)
}

fn wish(args: &SourceAddArgs, kind: Option<SourceKind>) -> Result<Wish, Stop> {
    let kind = kind.unwrap_or(SourceKind::Hub);
    let is_all = args.all || (kind == SourceKind::Index && !args.chosen);
    if kind == SourceKind::Index && (args.key_stdin || args.root.is_some() || args.root_sha256.is_some()) {
        return Err(Stop::usage("an index has no key and no root", "leave out --key-stdin and --root"));
    }
    Ok(Wish {
        url: address(&args.url)?,
        name: args.name.clone(),
        kind,
        policy: args.policy,
        apply: args.apply,
        skills: if is_all { Wanted::All } else { Wanted::Chosen },
        mirrors: args.mirrors.iter().map(|url| address(url)).collect::<Result<_, _>>()?,
        insecure: args.insecure,
    })
}

/// Trust on first use: a person is shown what they say yes to, and `--yes` what it said yes to.
fn first_use(cx: &mut Cx<'_>, url: &str, root: &Candidate) -> Result<(), Stop> {
    let fingerprint = root.fingerprint();
    if cx.ui.is_asking() {
        cx.ui.note(format!("{url} says it is {}\nits root has the fingerprint {fingerprint}", root.hub()));
        let question = "Is this the fingerprint that whoever runs the hub told you?";
        // The return key alone is no comparison.
        return match cx.ui.confirm(question, Answer::No)? {
            Answer::Yes => Ok(()),
            Answer::No => Err(Stop::Declined),
        };
    }
    cx.ui.consent(&format!("Trust {url} with the fingerprint {fingerprint}?"))?;
    cx.ui.warn(format!(
        "{url} is trusted because it was the first to answer: its fingerprint {fingerprint} was compared with nothing"
    ));
    Ok(())
}

/// What was said to answer there; none where nothing was said.
fn kind(args: &SourceAddArgs) -> Result<Option<SourceKind>, Stop> {
    match args.kind.as_deref() {
        None => Ok(None),
        Some("hub") => Ok(Some(SourceKind::Hub)),
        Some("index") => Ok(Some(SourceKind::Index)),
        Some(kind) => Err(ops::Error::from(ops::Refusal {
            kind: Kind::Invalid,
            code: "source-kind-unsupported",
            message: format!("sources of the kind `{kind}` are not supported by this version"),
            hint: Some("`skillsync add` takes skills from a folder or a git repository".to_owned()),
        })
        .into()),
    }
}

/// Adds an open index. It signs nothing: whoever holds the site says what is in the skills, and that is said.
fn add_index(cx: &mut Cx<'_>, store: &Store, wish: &Wish, task: &Task, listed: usize) -> Result<Exit, Stop> {
    let plan = Added { listed: Some(listed), ..plan(task, None, &Pin::FirstUse, None) };
    if cx.globals.dry_run {
        cx.ui.show(&plan)?;
        return Ok(Exit::Done);
    }
    let url = &wish.url;
    cx.ui.consent(&format!("Follow the {listed} skills of {url}? Nobody signs them but the site itself"))?;
    let report = ops::write(store, |writing, _| apply(writing, wish, None, &Pin::FirstUse, None))?;
    cx.ui.show(&Added { listed: Some(listed), ..report })?;
    cx.ui.hint("`skillsync sync` brings its skills to every agent");
    Ok(Exit::Done)
}

fn address(text: &str) -> Result<BaseUrl, Stop> {
    // What was typed is not repeated: it may have a password in it.
    BaseUrl::parse(text)
        .map_err(|rule| Stop::usage(format!("the address {rule}"), "write it as `https://hub.example`"))
}

fn fingerprint(text: &str) -> Result<EnvelopeDigest, Stop> {
    let hex = text.trim().strip_prefix("sha256:").unwrap_or(text.trim());
    EnvelopeDigest::from_hex(hex).map_err(|_| {
        Stop::usage(
            "--root-sha256 is not a fingerprint",
            "a fingerprint is 64 hex digits, with or without `sha256:`",
        )
    })
}

impl Show for Added {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Added { name, url, .. } = self;
        let done = match (self.status, self.dry_run) {
            ("present", _) => return writeln!(out, "{name}: {url} (was there already)"),
            ("anchored", true) => "would be trusted: ",
            ("anchored", false) => "trusted: ",
            (_, true) => "would be added: ",
            (_, false) => "",
        };
        writeln!(out, "{name}: {done}{url}")?;
        if let Some(listed) = self.listed {
            writeln!(out, "  an index of {listed} skills")?;
        }
        if let Some(fingerprint) = &self.fingerprint {
            writeln!(out, "  root: {fingerprint}")?;
        }
        Ok(())
    }
}
