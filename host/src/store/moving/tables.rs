//! The host's tables as a move sees them: what is copied, and along which key.

/// What a column holds, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An integer.
    Int,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// 0 or 1 in SQLite, a boolean in Postgres.
    Bool,
}

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What it is paged by in SQLite: an integer that never repeats. None: it is small and copied in one page.
    pub(super) key: Option<&'static str>,
    /// Which rows, as a condition on both sides.
    pub(super) only: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// The columns of its primary key in Postgres.
    pub(super) unique: &'static str,
}

use Kind::{Bool, Bytes, Int, Text};

const fn keyed(
    name: &'static str,
    key: &'static str,
    columns: &'static [(&'static str, Kind)],
) -> Table {
    Table {
        name,
        key: Some(key),
        only: "true",
        columns,
        unique: key,
    }
}

const fn small(
    name: &'static str,
    unique: &'static str,
    columns: &'static [(&'static str, Kind)],
) -> Table {
    Table {
        name,
        key: None,
        only: "true",
        columns,
        unique,
    }
}

/// In the order of copying. Marks come last: a cursor must not be ahead of what it stands for.
pub(super) const TABLES: &[Table] = &[
    keyed("did", "id", &[("id", Int), ("did", Text)]),
    keyed("collection", "id", &[("id", Int), ("nsid", Text)]),
    keyed(
        "record",
        "id",
        &[
            ("id", Int),
            ("did_id", Int),
            ("coll_id", Int),
            ("rkey", Text),
            ("part", Int),
            ("pos", Int),
            ("rev", Text),
            ("cid", Bytes),
            ("trust", Int),
            ("seen_us", Int),
            ("body", Bytes),
        ],
    ),
    keyed(
        "repo",
        "did_id",
        &[
            ("did_id", Int),
            ("part", Int),
            ("rev", Text),
            ("data", Bytes),
            ("state", Int),
            ("reason", Text),
            ("state_us", Int),
            ("want", Text),
            ("fetch", Int),
        ],
    ),
    keyed(
        "account",
        "did_id",
        &[
            ("did_id", Int),
            ("active", Bool),
            ("status", Text),
            ("status_source", Text),
            ("status_seq", Int),
            ("handle", Text),
            ("handle_source", Text),
            ("handle_seq", Int),
        ],
    ),
    keyed("hidden", "did_id", &[("did_id", Int)]),
    keyed(
        "redo",
        "did_id",
        &[("did_id", Int), ("after_coll", Int), ("after_rkey", Text)],
    ),
    keyed(
        "erased",
        "did_id",
        &[
            ("did_id", Int),
            ("source", Text),
            ("seq", Int),
            ("at_us", Int),
            ("done", Bool),
            ("lifted_us", Int),
            ("after_coll", Int),
            ("after_rkey", Text),
        ],
    ),
    // A plugin's dead letters come again when its tables are built; generation 0 is the host.
    Table {
        name: "dead_letter",
        key: Some("id"),
        only: "generation = 0",
        columns: &[
            ("id", Int),
            ("generation", Int),
            ("record_id", Int),
            ("subject", Text),
            ("pos", Int),
            ("reason", Text),
            ("detail", Text),
            ("at_us", Int),
        ],
        unique: "id",
    },
    small(
        "backfill",
        "job",
        &[
            ("job", Text),
            ("cursor", Text),
            ("listed_all", Bool),
            ("listed", Int),
            ("at_us", Int),
        ],
    ),
    small("partition", "part", &[("part", Int), ("pos", Int)]),
    small(
        "mark",
        "source, part",
        &[("source", Text), ("part", Int), ("seq", Int)],
    ),
];

impl Table {
    /// Its columns, for a SELECT that gives integers for booleans on both sides.
    pub(super) fn selected(&self, of_postgres: bool) -> String {
        let columns = self.columns.iter().map(|(name, kind)| match kind {
            Kind::Int if of_postgres => format!("\"{name}\"::bigint"),
            // A boolean has no cast to bigint of its own.
            Kind::Bool if of_postgres => format!("\"{name}\"::int::bigint"),
            _ => format!("\"{name}\""),
        });
        columns.collect::<Vec<_>>().join(", ")
    }
}
