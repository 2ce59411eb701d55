//! Which names may be given to plugins, tables, columns, counts and reads, and which texts are NSIDs.

use super::{Checked, broken};

/// Words that SQL dialects reserve, or that read as something else in a SELECT: a table or column of that name would
/// have to be quoted, or would surprise.
const SQL_WORDS: [&str; 118] = [
    "all",
    "alter",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "binary",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "excluded",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "glob",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "index",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "match",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "oid",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "recursive",
    "references",
    "regexp",
    "returning",
    "right",
    "rollback",
    "rowid",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "transaction",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "where",
    "with",
];
/// Relations that the host offers to every plugin's reads.
const HOST_VIEWS: [&str; 3] = ["record", "account", "label"];
/// Columns that the host adds to every row.
pub(super) const HOST_COLUMNS: [&str; 5] = ["_uri", "_did", "_cid", "_rev", "_seen"];

/// A table's, count's, column's or read's name (bytes): Postgres takes 63, of which the host needs some.
const NAME_BYTES_MAX: usize = 48;
const NAME_RULE: &str = "a name of 1 to 48 of a-z, 0-9 and _ that starts with a letter";

/// A name for a column, a read.
pub(super) fn name(place: &str, got: &str) -> Checked {
    if !is_name(got) {
        return broken(place, format!("expected {NAME_RULE}, got {got:?}"));
    }
    if SQL_WORDS.contains(&got) {
        return broken(
            place,
            format!("expected a name that SQL does not reserve, got {got:?}"),
        );
    }
    Ok(())
}

/// A name for a table or a count: also not a view of the host.
pub(super) fn relation(place: &str, got: &str) -> Checked {
    name(place, got)?;
    if HOST_VIEWS.contains(&got) {
        return broken(
            place,
            format!("expected a name other than the host's own views {HOST_VIEWS:?}, got {got:?}"),
        );
    }
    Ok(())
}

/// A plugin's name.
pub(super) fn plugin(place: &str, got: &str) -> Checked {
    if is_plugin(got) {
        return Ok(());
    }
    broken(
        place,
        format!(
            "expected a name of 1 to 63 of a-z, 0-9, _ and - that starts with a letter, got {got:?}"
        ),
    )
}

/// Whether it is `[a-z][a-z0-9_]{0,47}`.
pub(super) fn is_name(text: &str) -> bool {
    is_plugin(text) && text.len() <= NAME_BYTES_MAX && !text.contains('-')
}

/// Whether it is `[a-z][a-z0-9_-]{0,62}`.
pub(super) fn is_plugin(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 63
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// Whether it is an NSID \[NSID\]: an authority of two or more segments and a name.
pub(crate) fn is_nsid(text: &str) -> bool {
    let Some((authority, name)) = text.rsplit_once('.') else {
        return false;
    };
    let mut name_bytes = name.bytes();
    is_authority(authority)
        && text.len() <= 317
        && (1..=63).contains(&name.len())
        && name_bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && name_bytes.all(|b| b.is_ascii_alphanumeric())
}

/// An NSID, or an authority and `.*`.
pub(super) fn is_collection(text: &str) -> bool {
    text.strip_suffix(".*")
        .map_or_else(|| is_nsid(text), is_authority)
}

/// A domain name in reverse, of two or more segments.
fn is_authority(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').count() >= 2
        && text.split('.').all(is_label)
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// A host name of two or more labels whose last is not a number (so not an address).
pub(super) fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').count() >= 2
        && text.split('.').all(is_label)
        && text
            .rsplit('.')
            .next()
            .is_some_and(|l| l.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether it is `major.minor.patch`, with a pre-release or build part or without.
pub(super) fn is_semver(text: &str) -> bool {
    let (rest, build) = split_part(text, '+');
    let (core, pre) = split_part(rest, '-');
    let number = |t: &str| {
        (1..=18).contains(&t.len())
            && t.bytes().all(|b| b.is_ascii_digit())
            && (t.len() == 1 || !t.starts_with('0'))
    };
    let part = |p: Option<&str>| {
        p.is_none_or(|p| {
            p.split('.').all(|id| {
                !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            })
        })
    };
    let numbers: Vec<&str> = core.split('.').collect();
    text.len() <= 128
        && numbers.len() == 3
        && numbers.into_iter().all(number)
        && part(pre)
        && part(build)
}

fn split_part(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at)
        .map_or((text, None), |(head, tail)| (head, Some(tail)))
}
