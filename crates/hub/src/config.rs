//! What the hub is told at its start: options, each also a variable `SKILLSYNC_HUB_*`. Nothing else reads the environment.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use skillsync_wire::limits::MANIFEST_TTL_S;
use skillsync_wire::text::Hub;

use crate::secret::Secret;

/// Where everything lies.
#[derive(Debug, Clone, Args)]
pub struct Storage {
    /// Folder of the hub: its database, blobs and keys, where they are not elsewhere
    #[arg(long, env = "SKILLSYNC_HUB_DATA", value_name = "DIR", default_value = "hub-data")]
    pub data: PathBuf,
    /// Database: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME` [default: DATA/hub.db]
    #[arg(long, env = "SKILLSYNC_HUB_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<Secret<String>>,
    /// Archives and signed documents: `s3://BUCKET/PREFIX` or a folder [default: DATA/blobs]
    #[arg(long, env = "SKILLSYNC_HUB_BLOBS", value_name = "URL")]
    pub blobs: Option<String>,
    /// Folder of the keys, the same for every process of one hub [default: DATA/keys]
    #[arg(long, env = "SKILLSYNC_HUB_KEYS", value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Credentials of the bucket.
    #[command(flatten)]
    pub bucket: Bucket,
}

/// How a bucket is reached, in the variables that everybody uses for it.
#[derive(Debug, Clone, Default, Args)]
pub struct Bucket {
    /// Address of the bucket's server, where it is not Amazon's
    #[arg(long = "s3-endpoint", env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long = "s3-region", env = "AWS_REGION", value_name = "REGION")]
    pub region: Option<String>,
    /// Id of the bucket's access key
    #[arg(long = "s3-key-id", env = "AWS_ACCESS_KEY_ID", value_name = "ID", hide = true)]
    pub key_id: Option<String>,
    /// The bucket's access key: a variable alone, since what is on a command line is seen by everybody
    #[arg(long = "s3-secret", env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true, hide = true)]
    pub secret: Option<Secret<String>>,
    /// Token of a session
    #[arg(long = "s3-token", env = "AWS_SESSION_TOKEN", hide_env_values = true, hide = true)]
    pub token: Option<Secret<String>>,
}

/// What the hub calls itself. It counts at the first start alone.
#[derive(Debug, Clone, Default, Args)]
pub struct Identity {
    /// Name of the hub in everything it signs: `https://hub.example`. It never changes and is never fetched from
    /// [default: the public address, or one that is made up]
    #[arg(long, env = "SKILLSYNC_HUB_NAME", value_name = "ORIGIN", value_parser = Hub::parse)]
    pub name: Option<Hub>,
    /// Address at which clients reach the hub
    #[arg(long, env = "SKILLSYNC_HUB_PUBLIC_URL", value_name = "URL", value_parser = base)]
    pub public_url: Option<String>,
}

/// How the hub serves.
#[derive(Debug, Clone, Args)]
pub struct Serving {
    /// Where it listens
    #[arg(long, env = "SKILLSYNC_HUB_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where its metrics are, or `off` [default: 127.0.0.1:9464]
    #[arg(long, env = "SKILLSYNC_HUB_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<MetricsListen>,
    /// Address of what serves the paths below `/cdn` and `/trust` in its place
    #[arg(long, env = "SKILLSYNC_HUB_CDN_URL", value_name = "URL", value_parser = base)]
    pub cdn_url: Option<String>,
    /// How long a manifest holds: `24h` at most
    #[arg(long, env = "SKILLSYNC_HUB_MANIFEST_TTL", value_name = "TIME", default_value = "24h")]
    pub manifest_ttl: ManifestTtl,
    /// Whether callers are limited; `off` is for measuring
    #[arg(long, env = "SKILLSYNC_HUB_RATE_LIMITS", value_name = "on|off", default_value = "on")]
    pub rate_limits: Switch,
    /// Addresses of proxies before the hub, whose `X-Forwarded-For` is believed
    #[arg(long, env = "SKILLSYNC_HUB_TRUSTED_PROXIES", value_name = "IP,..", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,
    /// How the log is written
    #[arg(long, env = "SKILLSYNC_HUB_LOG_FORMAT", value_name = "text|json", default_value = "text")]
    pub log_format: LogFormat,
    /// What is logged: a level, or `target=level,..`
    #[arg(long, env = "SKILLSYNC_HUB_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nowhere.
    Off,
    /// At an address of their own, which is not for the world.
    At(SocketAddr),
}

impl MetricsListen {
    /// Where metrics are if nobody says.
    pub fn default_address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 9464))
    }
}

impl FromStr for MetricsListen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => {
                text.parse().map(Self::At).map_err(|_| "an address is written as `127.0.0.1:9464`".to_owned())
            }
        }
    }
}

/// How long a manifest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestTtl(u64);

impl ManifestTtl {
    /// In seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl Default for ManifestTtl {
    fn default() -> Self {
        Self(MANIFEST_TTL_S)
    }
}

impl fmt::Display for ManifestTtl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl FromStr for ManifestTtl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || "a time is written as `24h`, `90m` or `600s`, from 10s to 24h".to_owned();
        let unit = text.chars().next_back().ok_or_else(rule)?;
        let count: u64 = text.trim_end_matches(unit).parse().map_err(|_| rule())?;
        let seconds = match unit {
            'h' => count.checked_mul(3600),
            'm' => count.checked_mul(60),
            's' => Some(count),
            _ => None,
        };
        seconds.filter(|seconds| (10..=MANIFEST_TTL_S).contains(seconds)).map(Self).ok_or_else(rule)
    }
}

impl Storage {
    /// The database's URL. May hold a password.
    pub fn database_url(&self) -> Secret<String> {
        let own = || Secret::new(format!("sqlite://{}", self.data.join("hub.db").display()));
        self.database.clone().unwrap_or_else(own)
    }

    /// Where blobs are.
    pub fn blobs_url(&self) -> String {
        self.blobs.clone().unwrap_or_else(|| self.data.join("blobs").display().to_string())
    }

    /// Where keys are.
    pub fn keys_dir(&self) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| self.data.join("keys"))
    }
}

impl Identity {
    /// What the hub is to be called, as far as it was said.
    pub fn hub(&self) -> Option<Hub> {
        let public = || self.public_url.as_ref().and_then(|url| Hub::parse(url).ok());
        self.name.clone().or_else(public)
    }
}

/// An address that paths are put behind.
fn base(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good = |rest: &str| {
        !rest.is_empty()
            && rest.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@' | b'"'))
    };
    match rest.map(|rest| rest.trim_end_matches('/')).filter(|rest| good(rest)) {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err("an address is written as `https://hub.example`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        storage: Storage,
        #[command(flatten)]
        identity: Identity,
        #[command(flatten)]
        serving: Serving,
    }

    fn parse(args: &[&str]) -> Result<Command, clap::Error> {
        Command::try_parse_from(std::iter::once(&"hub").chain(args))
    }

    #[test]
    fn secrets_are_not_shown() {
        let url = "postgres://hub:hunter2@db/hub";
        let args =
            ["--database", url, "--s3-secret", "hunter2", "--s3-token", "hunter2", "--blobs", "s3://b/p"];
        let command = parse(&args).unwrap();
        assert!(!format!("{command:?} {command:#?}").contains("hunter2"));
        assert_eq!(command.storage.database_url().expose(), url);
    }

    #[test]
    fn nothing_needs_to_be_said() {
        let command = parse(&[]).unwrap();
        assert_eq!(command.storage.database_url().expose(), "sqlite://hub-data/hub.db");
        assert_eq!(command.serving.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(command.serving.manifest_ttl, ManifestTtl::default());
        assert_eq!(command.identity.hub(), None);
        assert_eq!(command.serving.metrics_listen, None);
    }

    #[test]
    fn values_keep_their_rules() {
        for (args, good) in [
            (["--manifest-ttl", "90m"], true),
            (["--manifest-ttl", "25h"], false),
            (["--manifest-ttl", "5s"], false),
            (["--manifest-ttl", "24"], false),
            (["--name", "https://hub.example"], true),
            (["--name", "http://hub.example"], false),
            (["--public-url", "http://127.0.0.1:8080/"], true),
            (["--public-url", "hub.example"], false),
            (["--public-url", "https://u:p@hub.example"], false),
            (["--metrics-listen", "off"], true),
            (["--metrics-listen", "9464"], false),
            (["--trusted-proxies", "10.0.0.1,::1"], true),
            (["--rate-limits", "maybe"], false),
        ] {
            assert_eq!(parse(&args).is_ok(), good, "{args:?}");
        }
        let named = parse(&["--public-url", "https://hub.example/"]).unwrap();
        assert_eq!(named.identity.hub().unwrap().as_str(), "https://hub.example");
    }
}
