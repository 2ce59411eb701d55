//! Typed settings from flags, environment and `aviary.toml`.
//!
//! Guarantees: flags win over environment, environment over file, file over defaults; a key or an `AVIARY_…` variable
//! that nobody reads is an error that names its place and the nearest known name; what is shown has its secrets
//! replaced. Does not look at the network, the store or the plugins. `docs/OPERATING.md` is the page for operators.

mod allowed;
mod environment;
mod error;
mod file;
mod interval;
mod keys;
mod layers;
mod places;
mod plugins;
mod roles;
mod show;
mod suggest;
mod types;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use allowed::AllowedHosts;
pub use error::ConfigError;
pub use layers::{Flags, Origin};
pub use places::{QueueUrl, StoreUrl};
pub use plugins::PluginSettings;
pub use roles::Roles;
pub use types::{ArchiveMode, BackfillMode, LogFormat, RelayUrl, ServerUrl, StartAt, VerifyMode};
pub use upstream::{SampleShare, SourceKind, StreamUrls};

use layers::Layers;

/// The file that is read when nobody names another one, in the working folder.
pub const DEFAULT_FILE: &str = "aviary.toml";

/// Everything that an operator can set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where everything durable is.
    pub store: StoreUrl,
    /// Where events wait to be archived.
    pub queue: QueueUrl,
    /// What this host does.
    pub roles: Roles,
    /// Partitions of a store that is created now; an existing one must have been created with the same number.
    pub partitions: u16,
    /// Which collections the archive keeps.
    pub archive: ArchiveMode,
    /// Where plugins' files are.
    pub plugins_dir: PathBuf,
    /// Where compiled components are kept.
    pub cache_dir: PathBuf,
    /// The upstream.
    pub ingest: IngestSettings,
    /// Keys and names of accounts.
    pub identity: IdentitySettings,
    /// Outbound requests.
    pub net: NetSettings,
    /// The XRPC server.
    pub serve: ServeSettings,
    /// The log.
    pub log: LogSettings,
    /// Bounds that an operator may move.
    pub limits: LimitSettings,
    /// By plugin name; a plugin without an entry has the defaults.
    pub plugins: BTreeMap<String, PluginSettings>,
}

/// The upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestSettings {
    /// What kind of stream is followed.
    pub source: SourceKind,
    /// Relays whose stream is followed; the first one lists and gives repositories, whatever the source.
    pub relay: StreamUrls,
    /// Jetstreams that are followed.
    pub jetstream: StreamUrls,
    /// How much of a Jetstream is held against the accounts' own hosts.
    pub jetstream_verify: SampleShare,
    /// Where a source without a saved cursor is begun.
    pub start: StartAt,
    /// How far events are proven.
    pub verify: VerifyMode,
    /// Whether what was written before is fetched without being asked.
    pub backfill: BackfillMode,
    /// Time between two rounds in which accounts' own hosts are asked whether the stream hides something; none is never.
    pub audit: Option<Duration>,
}

/// Keys and names of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySettings {
    /// The directory of `did:plc`.
    pub plc: ServerUrl,
    /// The server that is asked about handles below `.test`.
    pub test_handles_via: Option<ServerUrl>,
}

/// Outbound requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetSettings {
    /// Hosts for which `http` and private addresses are right.
    pub allow: AllowedHosts,
}

/// The XRPC server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// Port 0 is any free one.
    pub listen: SocketAddr,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or a filter of targets as `tracing` has it.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// Bounds that an operator may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Time of one request.
    pub request: Duration,
    /// A request's body (bytes).
    pub request_bytes: usize,
    /// How long the stream gets to bring what an account's own host has.
    pub audit_grace: Duration,
    /// How long a stop may drain.
    pub drain: Duration,
}

/// What settings are made from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file named by a flag; must exist.
    pub file: Option<PathBuf>,
    /// The process's environment, names and values.
    pub environment: Vec<(String, String)>,
    /// What the command line says.
    pub flags: Flags,
}

/// Settings, and where each came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    layers: Layers,
}

impl Sources {
    /// This process's environment; variables that are not Unicode are left out unless they are ours.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Flags) -> Self {
        let text = |s: std::ffi::OsString| s.to_string_lossy().into_owned();
        Self {
            file,
            environment: std::env::vars_os()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            flags,
        }
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// When a file cannot be read or parsed, a name is unknown, or a value is not what its key takes.
    pub fn load(self) -> Result<Loaded, ConfigError> {
        let environment = environment::read(&self.environment)?;
        let mut layers = Layers::default();
        let plugins = match self.file.as_deref().or(environment.file.as_deref()) {
            Some(path) => file::read(path, &mut layers)?,
            None if Path::new(DEFAULT_FILE).exists() => {
                file::read(Path::new(DEFAULT_FILE), &mut layers)?
            }
            None => BTreeMap::new(),
        };
        layers.extend(environment.values);
        layers.extend(self.flags.values());
        Ok(Loaded {
            settings: typed(&layers, plugins)?,
            layers,
        })
    }
}

fn typed(
    layers: &Layers,
    plugins: BTreeMap<String, PluginSettings>,
) -> Result<Settings, ConfigError> {
    let path = |key| {
        layers.parsed(key, "a path", |t| {
            if t.is_empty() {
                None
            } else {
                Some(PathBuf::from(t))
            }
        })
    };
    let at_least_one = |key| {
        layers.parsed(key, "a whole number from 1", |t| {
            t.parse().ok().filter(|n: &u64| *n > 0)
        })
    };
    Ok(Settings {
        store: layers.checked(&keys::STORE, StoreUrl::parse)?,
        queue: layers.checked(&keys::QUEUE, QueueUrl::parse)?,
        roles: layers.parsed(
            &keys::ROLES,
            "roles such as ingest,index,serve or serve; ingest needs index",
            Roles::parse,
        )?,
        partitions: layers.parsed(&keys::PARTITIONS, "a number from 1 to 1024", |t| {
            t.parse().ok().filter(|n| (1..=1_024).contains(n))
        })?,
        archive: layers.parsed(
            &keys::ARCHIVE,
            "\"plugins\" or \"all\"",
            ArchiveMode::from_word,
        )?,
        plugins_dir: path(&keys::PLUGINS_DIR)?,
        cache_dir: path(&keys::CACHE_DIR)?,
        ingest: ingest(layers)?,
        identity: IdentitySettings {
            plc: layers.checked(&keys::PLC, ServerUrl::parse)?,
            test_handles_via: layers.checked(&keys::TEST_HANDLES_VIA, |text| {
                let named = Some(text).filter(|t| !t.is_empty());
                named.map(ServerUrl::parse).transpose()
            })?,
        },
        net: NetSettings {
            allow: layers.checked(&keys::NET_ALLOW, AllowedHosts::parse)?,
        },
        serve: ServeSettings {
            listen: layers.parsed(
                &keys::LISTEN,
                "an address and port such as 127.0.0.1:3210",
                |t| t.parse().ok(),
            )?,
        },
        log: LogSettings {
            level: layers.parsed(&keys::LOG_LEVEL, "a level such as \"info\"", |t| {
                (!t.is_empty()).then(|| t.to_owned())
            })?,
            format: layers.parsed(
                &keys::LOG_FORMAT,
                "\"text\" or \"json\"",
                LogFormat::from_word,
            )?,
        },
        limits: LimitSettings {
            request: Duration::from_millis(at_least_one(&keys::REQUEST_MS)?),
            request_bytes: usize::try_from(at_least_one(&keys::REQUEST_BYTES)?)
                .unwrap_or(usize::MAX),
            audit_grace: Duration::from_millis(at_least_one(&keys::AUDIT_GRACE_MS)?),
            drain: Duration::from_millis(at_least_one(&keys::DRAIN_MS)?),
        },
        plugins,
    })
}

fn ingest(layers: &Layers) -> Result<IngestSettings, ConfigError> {
    Ok(IngestSettings {
        source: layers.parsed(
            &keys::SOURCE,
            "\"relay\" or \"jetstream\"",
            SourceKind::from_word,
        )?,
        relay: layers.checked(&keys::RELAY, StreamUrls::parse)?,
        jetstream: layers.checked(&keys::JETSTREAM, StreamUrls::parse)?,
        jetstream_verify: layers.parsed(
            &keys::JETSTREAM_VERIFY,
            "\"none\", \"sample:N%\" with N from 1 to 99, or \"all\"",
            SampleShare::from_word,
        )?,
        start: layers.parsed(&keys::START, "\"now\" or \"oldest\"", StartAt::from_word)?,
        verify: layers.parsed(
            &keys::VERIFY,
            "\"full\" or \"hashes\"",
            VerifyMode::from_word,
        )?,
        backfill: layers.parsed(
            &keys::BACKFILL,
            "\"off\" or \"auto\"",
            BackfillMode::from_word,
        )?,
        audit: layers.checked(&keys::AUDIT, interval::parse)?,
    })
}

impl Settings {
    /// A plugin's settings: what the file says, or the defaults.
    #[must_use]
    pub fn plugin(&self, name: &str) -> PluginSettings {
        self.plugins.get(name).cloned().unwrap_or_default()
    }
}

impl Loaded {
    /// The effective settings as TOML, each with where it came from, secrets replaced.
    #[must_use]
    pub fn to_toml(&self) -> String {
        show::toml(&self.layers, &self.settings.plugins)
    }
}

#[cfg(test)]
mod tests;
