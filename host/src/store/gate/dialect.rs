//! What the backends spell differently, for SQLite: parameters, lists, the text behind an interned id.

use aviary_manifest::ColumnType;

/// How a cross join is spelled. SQLite's own CROSS JOIN would fix the order of the loops.
pub(super) const CROSS_JOIN: &str = "join";

/// A bound parameter, numbered from 1.
pub(super) fn param(number: usize) -> String {
    format!("?{number}")
}

/// The right side of IN for a list that is bound as one JSON array.
pub(super) fn list(param: &str) -> String {
    format!("(select value from json_each({param}))")
}

/// A truth value.
pub(super) fn boolean(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}

/// Bytes written out, from checked hexadecimal digits.
pub(super) fn bytes(hex: &str) -> String {
    format!("x'{hex}'")
}

/// Text written out.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// An identifier.
pub(super) fn name(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

/// A row limit that never means "no limit", as a negative one does in SQLite.
pub(super) fn row_limit(value: &str) -> String {
    format!("max({value}, 0)")
}

/// The smaller or larger of values that are not null.
pub(super) fn extreme(largest: bool, values: &str) -> String {
    format!("{}({values})", if largest { "max" } else { "min" })
}

/// The text that an interned id stands for. CROSS JOIN keeps the record first, so that each step is by key.
pub(super) fn text_of(ty: ColumnType, id: &str) -> String {
    if ty == ColumnType::Did {
        return format!(r#"(select "_d"."did" from "did" as "_d" where "_d"."id" = {id})"#);
    }
    format!(
        r#"(select 'at://' || "_d"."did" || '/' || "_c"."nsid" || '/' || "_r"."rkey" from "record" as "_r" cross join "did" as "_d" on "_d"."id" = "_r"."did_id" cross join "collection" as "_c" on "_c"."id" = "_r"."coll_id" where "_r"."id" = {id})"#
    )
}

/// A bound above every text that begins with `prefix`; see [`after_prefix`].
pub(super) fn prefix_end(prefix: &str) -> String {
    // Any text is less than any bytes: no text is above the last character.
    after_prefix(prefix).map_or_else(|| bytes(""), |end| text(&end))
}

/// The least text that is above every text that begins with `prefix`, in byte order; `None` when there is none.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut rest = prefix;
    while let Some(last) = rest.chars().next_back() {
        rest = &rest[..rest.len() - last.len_utf8()];
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            return Some(format!("{rest}{next}"));
        }
    }
    None
}
