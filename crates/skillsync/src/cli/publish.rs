//! `skillsync publish NAME`

use std::io::{self, Write};

use skillsync_client::catalogue::{Tier, Visibility};
use skillsync_client::publish::Version;
use skillsync_core::name::{SkillName, SourceName};

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::network::{self, Network};
use crate::ops::publish::{Planned, Published, Terms, prepare};
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Publish a skill on a hub
///
/// Uploads the newest committed version. The hub looks through it, packs and signs it; the same files again are
/// no new release. A skill with something that looks like a secret is refused before anything is sent.
///
/// Examples:
///   skillsync publish pdf
///   skillsync publish pdf --version 1.2.0 --changelog "Reads forms" --public
///   skillsync publish pdf -n
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PublishArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// The source to publish on; needed where there are several
    #[arg(long, value_name = "NAME", add = complete::sources())]
    pub(crate) source: Option<SourceName>,
    /// Its version, such as 1.2.0; counted on by the hub when left out
    #[arg(long = "version", value_name = "VERSION")]
    pub(crate) release: Option<Version>,
    /// What changed, for those who have it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) changelog: String,
    /// Everybody with a key of the hub may have it
    #[arg(long, conflicts_with = "private")]
    pub(crate) public: bool,
    /// Only your account may have it; so it is for a new skill
    #[arg(long)]
    pub(crate) private: bool,
    /// Which accounts it is for: free, pro, operator
    #[arg(long, value_name = "TIER")]
    pub(crate) tier: Option<Tier>,
    /// Its category
    #[arg(long, value_name = "NAME")]
    pub(crate) category: Option<String>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &PublishArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let source = network::meant(cx.world, &store, args.source.as_ref())?;
    let visibility = match (args.public, args.private) {
        (true, _) => Some(Visibility::Public),
        (_, true) => Some(Visibility::Private),
        _ => None,
    };
    let terms = Terms {
        version: args.release.clone(),
        changelog: args.changelog.clone(),
        visibility,
        tier: args.tier,
        category: args.category.clone(),
    };
    let ready = prepare(&store, &args.name, terms)?;
    if cx.globals.dry_run {
        cx.ui.show(&ready.plan(&source))?;
        return Ok(Exit::Done);
    }
    let network = if cx.globals.offline { Network::Off } else { Network::Allowed };
    let door = network.door("publishing")?;
    let progress = cx.ui.transfer("uploading", ready.upload_bytes());
    let published = ready.send(&*door, &source, &|count| progress.add(count))?;
    drop(progress);
    cx.ui.show(&published)?;
    for finding in &published.reply.findings {
        let place = if finding.path.is_empty() { String::new() } else { format!("{}: ", finding.path) };
        cx.ui.warn(format!("{place}{} [{}]", finding.message, finding.code));
    }
    Ok(Exit::Done)
}

impl Show for Planned {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let version = self.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
        writeln!(out, "would publish {}{version} on {} ({})", self.slug, self.source, self.url)?;
        writeln!(out, "  content-hash: {}", self.content_hash)?;
        let files = if self.files.len() == 1 { "file" } else { "files" };
        let (count, size, packed) = (self.files.len(), self.size_bytes, self.archive_bytes);
        writeln!(out, "  {count} {files}, {size} bytes, {packed} packed")?;
        self.files.iter().try_for_each(|file| writeln!(out, "  {:>10}  {}", file.size, file.path))
    }
}

impl Show for Published {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let reply = &self.reply;
        write!(out, "{} {}: ", reply.slug, reply.version)?;
        if reply.created {
            out.tone(Tone::Good, "published")?;
            writeln!(out, " on {}, release {}", self.source, reply.seq)
        } else {
            writeln!(out, "{} has these files already, nothing new", self.source)
        }
    }
}
