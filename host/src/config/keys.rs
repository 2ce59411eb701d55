//! Every key of `aviary.toml` outside `[plugins]`, with its default: the one list that reading, showing and suggesting
//! go by.

use crate::limits;

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// With its section, such as `ingest.relay`.
    pub(super) path: &'static str,
    /// When nobody says anything.
    pub(super) default: Default,
}

/// A default, which also says what TOML type the key takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Default {
    Text(&'static str),
    Number(u64),
}

impl Key {
    const fn text(path: &'static str, default: &'static str) -> Self {
        Self {
            path,
            default: Default::Text(default),
        }
    }

    const fn number(path: &'static str, default: u64) -> Self {
        Self {
            path,
            default: Default::Number(default),
        }
    }

    /// Whether it is a number in TOML.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.default, Default::Number(_))
    }

    /// The default as text.
    pub(super) fn default_text(&self) -> String {
        match self.default {
            Default::Text(text) => text.to_owned(),
            Default::Number(n) => n.to_string(),
        }
    }

    /// The environment's name for it: `AVIARY_INGEST_RELAY`.
    pub(super) fn variable(&self) -> String {
        format!("AVIARY_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// Section (empty on top) and name.
    pub(super) fn parts(&self) -> (&'static str, &'static str) {
        self.path.split_once('.').unwrap_or(("", self.path))
    }
}

pub(super) static STORE: Key = Key::text("store", "sqlite://aviary.db");
pub(super) static QUEUE: Key = Key::text("queue", "memory");
pub(super) static ROLES: Key = Key::text("roles", "ingest,index,serve");
pub(super) static PARTITIONS: Key = Key::number("partitions", 1);
pub(super) static ARCHIVE: Key = Key::text("archive", "plugins");
pub(super) static PLUGINS_DIR: Key = Key::text("plugins_dir", "plugins");
pub(super) static CACHE_DIR: Key = Key::text("cache_dir", "aviary-cache");
pub(super) static RELAY: Key = Key::text("ingest.relay", "wss://bsky.network");
pub(super) static SOURCE: Key = Key::text("ingest.source", "relay");
pub(super) static JETSTREAM: Key =
    Key::text("ingest.jetstream", "wss://jetstream2.us-east.bsky.network");
pub(super) static JETSTREAM_VERIFY: Key = Key::text("ingest.jetstream_verify", "none");
pub(super) static START: Key = Key::text("ingest.start", "now");
pub(super) static PLC: Key = Key::text("identity.plc", "https://plc.directory");
pub(super) static TEST_HANDLES_VIA: Key = Key::text("identity.test_handles_via", "");
pub(super) static NET_ALLOW: Key = Key::text("net.allow", "");
pub(super) static VERIFY: Key = Key::text("ingest.verify", "full");
pub(super) static BACKFILL: Key = Key::text("ingest.backfill", "off");
pub(super) static AUDIT: Key = Key::text("ingest.audit", "10m");
pub(super) static LISTEN: Key = Key::text("serve.listen", "127.0.0.1:3210");
pub(super) static LOG_LEVEL: Key = Key::text("log.level", "info");
pub(super) static LOG_FORMAT: Key = Key::text("log.format", "text");
pub(super) static REQUEST_MS: Key = Key::number("limits.request_ms", limits::REQUEST_MS_MAX);
pub(super) static REQUEST_BYTES: Key =
    Key::number("limits.request_bytes", limits::REQUEST_BYTES_MAX as u64);
pub(super) static AUDIT_GRACE_MS: Key =
    Key::number("limits.audit_grace_ms", limits::AUDIT_GRACE_MS);
pub(super) static DRAIN_MS: Key = Key::number("limits.drain_ms", limits::DRAIN_MS_MAX);

/// All of them, sections together.
pub(super) static ALL: [&Key; 25] = [
    &STORE,
    &QUEUE,
    &ROLES,
    &PARTITIONS,
    &ARCHIVE,
    &PLUGINS_DIR,
    &CACHE_DIR,
    &SOURCE,
    &RELAY,
    &JETSTREAM,
    &JETSTREAM_VERIFY,
    &START,
    &VERIFY,
    &BACKFILL,
    &AUDIT,
    &PLC,
    &TEST_HANDLES_VIA,
    &NET_ALLOW,
    &LISTEN,
    &LOG_LEVEL,
    &LOG_FORMAT,
    &REQUEST_MS,
    &REQUEST_BYTES,
    &AUDIT_GRACE_MS,
    &DRAIN_MS,
];

/// The key of a full path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    ALL.into_iter().find(|k| k.path == path)
}

/// Whether keys live below this name.
pub(super) fn is_section(name: &str) -> bool {
    ALL.iter().any(|k| k.parts().0 == name && !name.is_empty())
}
