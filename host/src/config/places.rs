//! Where a host keeps things: the store, and the queue.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use super::error::Problem;
use super::show::without_password;

/// The schema of a Postgres database that is used when nobody names one.
const SCHEMA: &str = "aviary";
/// The longest name of one (bytes): plugins' schemas and roles get a name after it, and Postgres cuts at 63.
const SCHEMA_BYTES_MAX: usize = 31;
/// What the keys of a queue on Redis begin with when nobody says anything.
const PREFIX: &str = "aviary";
/// The longest one (bytes).
const PREFIX_BYTES_MAX: usize = 64;

/// Where everything durable is. Displayed without a password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite://PATH`, made when it is not there.
    Sqlite(PathBuf),
    /// `postgres://…`
    Postgres {
        /// The address, without the schema.
        url: String,
        /// The schema that holds the host's tables, made when it is not there.
        schema: String,
    },
}

impl StoreUrl {
    /// Reads `sqlite://PATH`, where a path that does not start with a slash is relative to the working folder, or
    /// `postgres://USER@HOST/DATABASE?schema=NAME`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let expected =
            "sqlite://PATH, such as sqlite://aviary.db, or postgres://USER@HOST/DATABASE";
        match text.split_once("://") {
            Some(("sqlite", path))
                if !path.is_empty() && !path.starts_with(':') && !path.contains('?') =>
            {
                Ok(Self::Sqlite(path.into()))
            }
            Some(("postgres" | "postgresql", _)) => {
                let (url, schema) =
                    taken_out(text, "schema").ok_or_else(|| Problem::unexpected(expected, text))?;
                let schema = schema.unwrap_or_else(|| SCHEMA.to_owned());
                if !is_schema(&schema) {
                    return Err(Problem::unexpected(
                        "a schema of at most 31 of a-z, 0-9 and _, not beginning with a digit",
                        &schema,
                    ));
                }
                Ok(Self::Postgres { url, schema })
            }
            _ => Err(Problem::unexpected(expected, text)),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres { url, schema } => {
                write!(f, "{} (schema {schema})", without_password(url))
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where events wait to be archived. Displayed without a password.
#[derive(Clone, PartialEq, Eq)]
pub enum QueueUrl {
    /// `memory`
    Memory,
    /// `redis://…` or `rediss://…`
    Redis {
        /// The address, without the prefix.
        url: String,
        /// What the keys begin with: one for each store.
        prefix: String,
    },
}

impl QueueUrl {
    /// Reads `memory`, or `redis://HOST:PORT/NUMBER?prefix=NAME`, or the same with `rediss` for TLS.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let expected = "\"memory\", or an address such as redis://127.0.0.1:6379";
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let bad = || Problem::unexpected(expected, text);
        let (url, prefix) = taken_out(text, "prefix").ok_or_else(bad)?;
        let parsed = Url::parse(&url).map_err(|_| bad())?;
        if !matches!(parsed.scheme(), "redis" | "rediss") || !parsed.has_host() {
            return Err(bad());
        }
        let prefix = prefix.unwrap_or_else(|| PREFIX.to_owned());
        if !is_prefix(&prefix) {
            return Err(Problem::unexpected(
                "a prefix of 1 to 64 of A-Z, a-z, 0-9, _, -, . and :",
                &prefix,
            ));
        }
        Ok(Self::Redis { url, prefix })
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Redis { url, prefix } => {
                write!(f, "{} (prefix {prefix})", without_password(url))
            }
        }
    }
}

impl fmt::Debug for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL without one of its parameters, and that parameter's value, the last one if there are several.
fn taken_out(text: &str, parameter: &str) -> Option<(String, Option<String>)> {
    let mut url = Url::parse(text).ok()?;
    let (taken, left): (Vec<_>, Vec<_>) = url
        .query_pairs()
        .into_owned()
        .partition(|(name, _)| name == parameter);
    let Some((_, value)) = taken.into_iter().next_back() else {
        return Some((text.to_owned(), None));
    };
    url.set_query(None);
    if !left.is_empty() {
        url.query_pairs_mut().extend_pairs(left);
    }
    Some((url.into(), Some(value)))
}

fn is_schema(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= SCHEMA_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(fits)
}

fn is_prefix(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    (1..=PREFIX_BYTES_MAX).contains(&name.len()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(url: &str, schema: &str) -> StoreUrl {
        StoreUrl::Postgres {
            url: url.into(),
            schema: schema.into(),
        }
    }

    #[test]
    fn a_schema_is_taken_out_of_the_address() {
        let of = |text: &str| StoreUrl::parse(text).unwrap();
        assert_eq!(
            of("postgres://a@h/d"),
            postgres("postgres://a@h/d", "aviary")
        );
        assert_eq!(
            of("postgresql://a:b@h:5433/d?schema=other_1"),
            postgres("postgresql://a:b@h:5433/d", "other_1")
        );
        assert_eq!(
            of("postgres:///d?host=/run/pg&schema=x&sslmode=disable"),
            postgres("postgres:///d?host=%2Frun%2Fpg&sslmode=disable", "x")
        );
        for bad in ["1a", "A", "a-b", "", &"a".repeat(32)] {
            assert!(
                StoreUrl::parse(&format!("postgres://h/d?schema={bad}")).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_queue_is_memory_or_redis() {
        assert_eq!(QueueUrl::parse("memory"), Ok(QueueUrl::Memory));
        let redis = |url: &str, prefix: &str| {
            Ok(QueueUrl::Redis {
                url: url.into(),
                prefix: prefix.into(),
            })
        };
        assert_eq!(
            QueueUrl::parse("redis://h:1/2"),
            redis("redis://h:1/2", "aviary")
        );
        assert_eq!(
            QueueUrl::parse("rediss://:secret@h?prefix=one"),
            redis("rediss://:secret@h", "one")
        );
        for bad in [
            "",
            "redis",
            "http://h",
            "redis://",
            "redis://h?prefix={a}",
            "redis://h?prefix=",
        ] {
            assert!(QueueUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let store = StoreUrl::parse("postgres://a:geheim@h/d").unwrap();
        let queue = QueueUrl::parse("redis://:geheim@h").unwrap();
        let elsewhere = StoreUrl::parse("postgres://h/d?password=geheim&user=a").unwrap();
        for shown in [
            format!("{store} {store:?}"),
            format!("{queue} {queue:?}"),
            format!("{elsewhere}"),
        ] {
            assert!(
                !shown.contains("geheim") && shown.contains("[redacted]"),
                "{shown}"
            );
        }
    }
}
