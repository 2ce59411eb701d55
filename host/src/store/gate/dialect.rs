//! What the databases spell differently: parameters, lists, literals, the text behind an interned id, and the functions
//! that do not mean the same everywhere.
//!
//! Guarantees: what one method gives means the same on both; text is compared by its bytes, whatever the database's
//! own order is. What no spelling evens out is told in `docs/adr/0009-one-gate-for-two-databases.md`.

mod postgres;
mod sqlite;

use aviary_manifest::ColumnType;

use super::BindForm;

/// Which database a read is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded one.
    Sqlite,
    /// The one for many hosts.
    Postgres,
}

/// A call of an aggregate.
pub(super) struct Aggregate<'a> {
    /// `count`, `sum`, `avg`, `total`, `min`, `max`.
    pub(super) name: &'a str,
    /// Its argument; `None` for `count(*)`.
    pub(super) value: Option<&'a str>,
    /// The argument's type.
    pub(super) ty: ColumnType,
    pub(super) distinct: bool,
    /// The condition of its FILTER.
    pub(super) filter: Option<&'a str>,
}

impl Aggregate<'_> {
    /// `name([distinct ]value) [filter (where …)]`.
    fn call(&self, name: &str, value: &str) -> String {
        let distinct = if self.distinct { "distinct " } else { "" };
        let filter = self.filter.map_or_else(String::new, |condition| {
            format!(" filter (where {condition})")
        });
        format!("{name}({distinct}{value}){filter}")
    }
}

impl Dialect {
    /// How a cross join is spelled.
    pub(super) fn cross_join(self) -> &'static str {
        match self {
            // SQLite's own CROSS JOIN would fix the order of the loops.
            Self::Sqlite => "join",
            Self::Postgres => "cross join",
        }
    }

    /// A bound parameter, numbered from 1.
    pub(super) fn param(self, number: usize, ty: ColumnType, form: BindForm) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Postgres => postgres::param(number, ty, form),
        }
    }

    /// `head in (list)` with a list that is bound as one parameter.
    pub(super) fn in_list(self, head: &str, negated: bool, list: &str, as_real: bool) -> String {
        match self {
            Self::Sqlite => sqlite::in_list(head, negated, list, as_real),
            Self::Postgres => postgres::in_list(head, negated, list, as_real),
        }
    }

    /// A truth value.
    pub(super) fn boolean(self, value: bool) -> &'static str {
        match (self, value) {
            (Self::Sqlite, true) => "1",
            (Self::Sqlite, false) => "0",
            (Self::Postgres, true) => "true",
            (Self::Postgres, false) => "false",
        }
    }

    /// An integer written out.
    pub(super) fn integer(self, value: i64) -> String {
        match self {
            Self::Sqlite => value.to_string(),
            Self::Postgres => format!("{value}::bigint"),
        }
    }

    /// A finite real written out.
    pub(super) fn real(self, value: f64) -> String {
        match self {
            Self::Sqlite => format!("{value:?}"),
            Self::Postgres => format!("'{value:?}'::double precision"),
        }
    }

    /// Bytes written out, from checked hexadecimal digits.
    pub(super) fn bytes(self, hex: &str) -> String {
        match self {
            Self::Sqlite => format!("x'{hex}'"),
            Self::Postgres => format!("decode('{hex}', 'hex')"),
        }
    }

    /// Text written out.
    pub(super) fn text(self, value: &str) -> String {
        match self {
            Self::Sqlite => sqlite::text(value),
            Self::Postgres => postgres::text(value),
        }
    }

    /// A NULL among values of a type.
    pub(super) fn null(self, ty: ColumnType, is_id: bool) -> String {
        match self {
            Self::Sqlite => "null".into(),
            Self::Postgres => postgres::typed("null", ty, is_id),
        }
    }

    /// An integer where a real is meant. Without it SQLite would go on with an integer.
    pub(super) fn as_real(self, integer: &str) -> String {
        match self {
            Self::Sqlite => format!("cast({integer} as real)"),
            Self::Postgres => format!("({integer})::double precision"),
        }
    }

    /// A row limit that never means "no limit", as a negative one does in SQLite.
    pub(super) fn row_limit(self, value: &str) -> String {
        match self {
            Self::Sqlite => format!("max({value}, 0)"),
            Self::Postgres => format!("greatest({value}, 0)"),
        }
    }

    /// The smaller or larger of values that are not null.
    pub(super) fn extreme(self, largest: bool, values: &str) -> String {
        let name = match (self, largest) {
            (Self::Sqlite, true) => "max",
            (Self::Sqlite, false) => "min",
            (Self::Postgres, true) => "greatest",
            (Self::Postgres, false) => "least",
        };
        format!("{name}({values})")
    }

    /// The text that an interned id stands for.
    pub(super) fn text_of(self, ty: ColumnType, id: &str) -> String {
        if ty == ColumnType::Did {
            return format!(r#"(select "_d"."did" from "did" as "_d" where "_d"."id" = {id})"#);
        }
        // The record comes first and each step is by key; SQLite keeps that order for CROSS JOIN only.
        let join = match self {
            Self::Sqlite => "cross join",
            Self::Postgres => "join",
        };
        format!(
            r#"(select {head} || "_d"."did" || {slash} || "_c"."nsid" || {slash} || "_r"."rkey" from "record" as "_r" {join} "did" as "_d" on "_d"."id" = "_r"."did_id" {join} "collection" as "_c" on "_c"."id" = "_r"."coll_id" where "_r"."id" = {id})"#,
            head = self.text("at://"),
            slash = self.text("/"),
        )
    }

    /// That `text` is below a parameter bound as [`BindForm::PrefixEnd`].
    pub(super) fn below_end(self, text: &str, end: &str) -> String {
        match self {
            Self::Sqlite => format!("{text} < {end}"),
            // No end: every text is below it.
            Self::Postgres => format!("({end} is null or {text} < {end})"),
        }
    }

    /// `a / b` or `a % b`; NULL when `b` is 0.
    pub(super) fn division(self, a: &str, op: &str, b: &str, is_safe: bool) -> String {
        match self {
            Self::Postgres if !is_safe => format!("({a} {op} nullif({b}, 0))"),
            Self::Sqlite | Self::Postgres => format!("({a} {op} {b})"),
        }
    }

    /// `a is not distinct from b`, so that an index serves it.
    pub(super) fn not_distinct(self, a: (&str, bool), b: (&str, bool)) -> String {
        match self {
            Self::Sqlite => format!("({} is not distinct from {})", a.0, b.0),
            Self::Postgres => postgres::not_distinct(a, b),
        }
    }

    /// An aggregate with its FILTER.
    pub(super) fn aggregate(self, call: &Aggregate<'_>) -> String {
        match self {
            Self::Sqlite => call.call(call.name, call.value.unwrap_or("*")),
            Self::Postgres => postgres::aggregate(call),
        }
    }

    /// `lag` or `lead`, before OVER.
    pub(super) fn neighbour(self, name: &str, value: &str, offset: u32) -> String {
        match self {
            Self::Sqlite => format!("{name}({value}, {offset})"),
            Self::Postgres => format!("{name}({value}, {})", postgres::small(offset.into())),
        }
    }

    /// A number rounded half away from zero, as a real.
    pub(super) fn round(self, value: &str) -> String {
        match self {
            Self::Sqlite => format!("round({value})"),
            Self::Postgres => postgres::round(value),
        }
    }

    /// Characters of text, or bytes.
    pub(super) fn length(self, value: &str) -> String {
        match self {
            Self::Sqlite => format!("length({value})"),
            Self::Postgres => format!("(length({value})::bigint)"),
        }
    }

    /// A piece of text, in characters from 1.
    pub(super) fn substr(self, value: &str, from: i64, len: Option<i64>) -> String {
        let number = |n: i64| match self {
            Self::Sqlite => n.to_string(),
            Self::Postgres => postgres::small(n).to_string(),
        };
        let len = len.map_or_else(String::new, |len| format!(", {}", number(len)));
        format!("substr({value}, {}{len})", number(from))
    }

    /// That `text` begins with `start`, whatever both are.
    pub(super) fn begins(self, text: &str, start: &str) -> String {
        format!("(substr({text}, 1, length({start})) = {start})")
    }

    /// A cast that the gate allows.
    pub(super) fn cast(self, value: &str, from: ColumnType, to: ColumnType) -> String {
        match self {
            Self::Sqlite => sqlite::cast(value, to),
            Self::Postgres => postgres::cast(value, from, to),
        }
    }
}

/// An identifier.
pub(super) fn name(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

/// A relation, in a schema of its own or in the one that is searched first.
pub(super) fn relation(schema: Option<&str>, physical: &str) -> String {
    match schema {
        Some(schema) => format!("{}.{}", name(schema), name(physical)),
        None => name(physical),
    }
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
