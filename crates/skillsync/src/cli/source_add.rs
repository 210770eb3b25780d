//! `skillsync source add URL`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueHint;
use skillsync_client::anchor::Candidate;
use skillsync_client::credentials::{self, KEY_BYTES};
use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::Kind;
use skillsync_core::name::SourceName;
use skillsync_store::config::{Apply, BaseUrl, Policy, Wanted};

use crate::cli::Cx;
use crate::ops;
use crate::ops::network::Network;
use crate::ops::source::{Added, Pin, Task, Wish, apply, candidate, plan, task};
use crate::ui::{Exit, Screen, Show, Stop};

/// Add a hub as a source of skills
///
/// Fetches the hub's first root, which names the keys that may sign for it, and shows its fingerprint: compare it
/// with the one that whoever runs the hub tells you. With `--root-sha256` or `--root` that is done for you.
///
/// Examples:
///   skillsync source add https://hub.example
///   skillsync source add https://hub.example --name team --root-sha256 4f0c...
///   skillsync source add https://hub.example --all --apply notify
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SourceAddArgs {
    /// Where the hub is
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,
    /// What to call it here; made from the host when left out
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<SourceName>,
    /// What answers there: hub
    #[arg(long, value_name = "KIND", value_parser = ["hub", "index", "git"], hide_possible_values = true)]
    pub(crate) kind: Option<String>,
    /// Who chooses versions: track (the publisher) or pin (a bundle's owner)
    #[arg(long, value_name = "POLICY", default_value = "track", hide_default_value = true)]
    pub(crate) policy: Policy,
    /// What a poll does with an update: auto, notify, manual
    #[arg(long, value_name = "WAY", default_value = "auto", hide_default_value = true)]
    pub(crate) apply: Apply,
    /// Install everything that the hub lists, not only what `install` names
    #[arg(long)]
    pub(crate) all: bool,
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
    only_hubs(args)?;
    let store = ops::open(cx.world)?;
    let wish = Wish {
        url: address(&args.url)?,
        name: args.name.clone(),
        policy: args.policy,
        apply: args.apply,
        skills: if args.all { Wanted::All } else { Wanted::Chosen },
        mirrors: args.mirrors.iter().map(|url| address(url)).collect::<Result<_, _>>()?,
        insecure: args.insecure,
    };
    let pin = match (&args.root, &args.root_sha256) {
        (Some(path), _) => Pin::File(cx.world.resolve(path)),
        (None, Some(hex)) => Pin::Fingerprint(fingerprint(hex)?),
        (None, None) => Pin::FirstUse,
    };
    let task = task(store.config(), store.layout(), &wish)?;
    if let Task::Nothing(config) = &task {
        cx.ui.show(&Added { dry_run: cx.globals.dry_run, ..plan(&task, None, &pin, None) })?;
        cx.ui.hint(format!(
            "`skillsync config set sources.{}.apply notify` and the like change it",
            config.name
        ));
        return Ok(Exit::Done);
    }
    let key = match args.key_stdin {
        true => Some(credentials::typed(&cx.ui.secret("key", KEY_BYTES)?)?),
        false => None,
    };
    let network = if cx.globals.offline { Network::Off } else { Network::Allowed };
    let root = candidate(task.config(), &pin, || network.door("fetching the hub's root"))?;
    if cx.globals.dry_run {
        cx.ui.show(&plan(&task, Some(&root), &pin, key.as_ref()))?;
        return Ok(Exit::Done);
    }
    if pin == Pin::FirstUse {
        first_use(cx, task.config().url.as_str(), &root)?;
    }
    let report = ops::write(&store, |writing, _| apply(writing, &wish, &root, &pin, key.as_ref()))?;
    cx.ui.show(&report)?;
    if report.status != "present" && !report.key_stored {
        cx.ui.hint(format!("`skillsync login {}` stores your key for it", report.name));
    }
    Ok(Exit::Done)
}

/// Trust on first use: a person is shown what they say yes to, and `--yes` what it said yes to.
fn first_use(cx: &mut Cx<'_>, url: &str, root: &Candidate) -> Result<(), Stop> {
    let fingerprint = root.fingerprint();
    if cx.ui.is_asking() {
        cx.ui.note(format!("{url} says it is {}\nits root has the fingerprint {fingerprint}", root.hub()));
        return cx.ui.consent("Is this the fingerprint that whoever runs the hub told you?");
    }
    cx.ui.consent(&format!("Trust {url} with the fingerprint {fingerprint}?"))?;
    cx.ui.warn(format!(
        "{url} is trusted because it was the first to answer: its fingerprint {fingerprint} was compared with nothing"
    ));
    Ok(())
}

fn only_hubs(args: &SourceAddArgs) -> Result<(), Stop> {
    match args.kind.as_deref() {
        None | Some("hub") => Ok(()),
        Some(kind) => Err(ops::Error::from(ops::Refusal {
            kind: Kind::Invalid,
            code: "source-kind-unsupported",
            message: format!("sources of the kind `{kind}` are not supported by this version"),
            hint: Some("`skillsync add` takes skills from a folder or a git repository".to_owned()),
        })
        .into()),
    }
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
        if let Some(fingerprint) = &self.fingerprint {
            writeln!(out, "  root: {fingerprint}")?;
        }
        Ok(())
    }
}
