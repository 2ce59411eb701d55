//! What an SQL expression is: its type, whether it may be null, and whether it is text or an interned id. Pure.

use aviary_manifest::ColumnType;

/// A result or the reason of a refusal, for the plugin's author.
pub(super) type Checked<T> = Result<T, String>;

/// How a value stands in the rewritten SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As what the author sees.
    Plain,
    /// A `did` or `at-uri` as its interned id.
    Id,
    /// A `did` or `at-uri` parameter (its index): bound as id or as text, by what it meets.
    Param(usize),
}

/// A column that an expression uses outside of aggregates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnUse {
    /// Nesting of the SELECT that it belongs to.
    pub(super) level: usize,
    /// The emitted alias of its source.
    pub(super) source: String,
    /// Its name, as the author writes it.
    pub(super) name: String,
}

/// A checked expression.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// The rewritten SQL; not usable for [`Form::Param`].
    pub(super) sql: String,
    /// Its type; `None` for the literal NULL.
    pub(super) ty: Option<ColumnType>,
    /// Whether it may be null.
    pub(super) nullable: bool,
    /// How it stands in `sql`.
    pub(super) form: Form,
    /// A number written out.
    pub(super) literal: bool,
    /// One that is not 0.
    pub(super) nonzero: bool,
    /// Contains an aggregate of its own SELECT.
    pub(super) aggregate: bool,
    /// Contains a window function of its own SELECT.
    pub(super) window: bool,
    /// Nothing but one column.
    pub(super) bare: bool,
    /// Columns outside of aggregates.
    pub(super) columns: Vec<ColumnUse>,
}

impl Typed {
    /// An expression made of `parts`.
    pub(super) fn new(sql: String, ty: ColumnType, nullable: bool, parts: &[&Typed]) -> Self {
        Self {
            sql,
            ty: Some(ty),
            nullable,
            form: Form::Plain,
            literal: false,
            nonzero: false,
            aggregate: parts.iter().any(|p| p.aggregate),
            window: parts.iter().any(|p| p.window),
            bare: false,
            columns: parts.iter().flat_map(|p| p.columns.clone()).collect(),
        }
    }

    /// A truth value made of `parts`; null when a part is.
    pub(super) fn truth(sql: String, parts: &[&Typed]) -> Self {
        let nullable = parts.iter().any(|p| p.nullable);
        Self::new(sql, ColumnType::Boolean, nullable, parts)
    }

    /// Whether it is a `did` or `at-uri` that can stand as its id.
    pub(super) fn can_be_id(&self) -> bool {
        self.form != Form::Plain
    }

    /// Its type's word.
    pub(super) fn word(&self) -> &'static str {
        word(self.ty)
    }
}

/// A type's word in messages.
pub(super) fn word(ty: Option<ColumnType>) -> &'static str {
    ty.map_or("NULL", ColumnType::word)
}

/// Text, or something that is text to the author.
pub(super) fn is_texty(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Text | ColumnType::Did | ColumnType::AtUri)
}

/// Integer or real.
pub(super) fn is_number(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Integer | ColumnType::Real)
}

/// Whether values of a type have an order.
pub(super) fn is_ordered(ty: ColumnType) -> bool {
    !matches!(ty, ColumnType::Json | ColumnType::Boolean)
}

/// Checks that two values may meet in `what`.
pub(super) fn comparable(a: &Typed, b: &Typed, what: &str) -> Checked<()> {
    let (Some(x), Some(y)) = (a.ty, b.ty) else {
        return Err(format!(
            "{what} with NULL is never true: write IS NULL or IS NOT NULL"
        ));
    };
    if x == ColumnType::Json || y == ColumnType::Json {
        return Err(format!("{what} of json is not allowed"));
    }
    let meets = x == y
        || (is_number(x) && is_number(y))
        || (x == ColumnType::Time && y == ColumnType::Integer && b.literal)
        || (y == ColumnType::Time && x == ColumnType::Integer && a.literal)
        || (is_texty(x) && y == ColumnType::Text)
        || (x == ColumnType::Text && is_texty(y));
    if meets {
        return Ok(());
    }
    let advice = match (x, y) {
        (ColumnType::Time, ColumnType::Integer) | (ColumnType::Integer, ColumnType::Time) => {
            ": declare the integer as time"
        }
        _ => "",
    };
    Err(format!(
        "{what} of {} with {} is not allowed{advice}",
        x.word(),
        y.word()
    ))
}

/// The type in which numbers meet when some are integers and some are reals. SQLite compares those exactly, Postgres
/// as reals: so both do the latter.
pub(super) fn met(values: &[&Typed]) -> Option<ColumnType> {
    let any = |ty| values.iter().any(|v| v.ty == Some(ty));
    (any(ColumnType::Integer) && any(ColumnType::Real)).then_some(ColumnType::Real)
}

/// The one type of the branches of CASE, coalesce or UNION; `None` when all are NULL.
pub(super) fn unify(values: &[&Typed], what: &str) -> Checked<Option<ColumnType>> {
    let mut all: Option<&Typed> = None;
    let mut ty: Option<ColumnType> = None;
    for value in values {
        let Some(next) = value.ty else { continue };
        ty = Some(match (ty, all) {
            (Some(have), Some(first)) => unify_two(have, first.literal, next, value.literal)
                .ok_or_else(|| {
                    format!(
                        "{what} has both {} and {}: expected one type",
                        have.word(),
                        next.word()
                    )
                })?,
            _ => next,
        });
        // A column or parameter outweighs a literal.
        if all.is_none_or(|a| a.literal) {
            all = Some(value);
        }
    }
    Ok(ty)
}

fn unify_two(a: ColumnType, a_lit: bool, b: ColumnType, b_lit: bool) -> Option<ColumnType> {
    use ColumnType::{Integer, Real, Text, Time};
    match (a, b) {
        _ if a == b => Some(a),
        (Integer, Real) | (Real, Integer) => Some(Real),
        (Time, Integer) if b_lit => Some(Time),
        (Integer, Time) if a_lit => Some(Time),
        _ if is_texty(a) && is_texty(b) && (a == Text || b == Text) => Some(Text),
        _ => None,
    }
}
