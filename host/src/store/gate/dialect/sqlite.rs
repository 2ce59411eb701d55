//! SQLite's spelling.

use aviary_manifest::ColumnType;

pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The list is one JSON array.
pub(super) fn in_list(head: &str, negated: bool, list: &str, as_real: bool) -> String {
    let not = if negated { "not " } else { "" };
    let value = if as_real {
        "cast(value as real)"
    } else {
        "value"
    };
    format!("({head} {not}in (select {value} from json_each({list})))")
}

pub(super) fn cast(value: &str, to: ColumnType) -> String {
    let name = match to {
        ColumnType::Integer => "integer",
        ColumnType::Real => "real",
        _ => "text",
    };
    format!("cast({value} as {name})")
}
