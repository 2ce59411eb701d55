//! Postgres' spelling.
//!
//! Everything that begins a text carries `collate "C"`, so that no comparison, order or extreme goes by the database's
//! own order. Everything that begins a number carries its type: 32-bit and decimal arithmetic never come in.

use aviary_manifest::ColumnType;

use super::Aggregate;
use crate::store::gate::BindForm;

/// `sql` as a value of a type, or as an interned id.
pub(super) fn typed(sql: &str, ty: ColumnType, is_id: bool) -> String {
    match ty {
        ColumnType::Did | ColumnType::AtUri if is_id => format!("{sql}::bigint"),
        ColumnType::Text | ColumnType::Json | ColumnType::Did | ColumnType::AtUri => {
            format!("({sql}::text collate \"C\")")
        }
        _ => format!("{sql}::{}", name_of(ty)),
    }
}

fn name_of(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Integer | ColumnType::Time => "bigint",
        ColumnType::Real => "double precision",
        ColumnType::Boolean => "boolean",
        ColumnType::Bytes => "bytea",
        ColumnType::Text | ColumnType::Json | ColumnType::Did | ColumnType::AtUri => "text",
    }
}

pub(super) fn param(number: usize, ty: ColumnType, form: BindForm) -> String {
    let place = format!("${number}");
    match form {
        BindForm::Value => typed(&place, ty, false),
        BindForm::Id => format!("{place}::bigint"),
        BindForm::PrefixEnd => typed(&place, ColumnType::Text, false),
        BindForm::IdList => format!("{place}::bigint[]"),
        BindForm::ValueList if name_of(ty) == "text" => {
            format!("({place}::text[] collate \"C\")")
        }
        BindForm::ValueList => format!("{place}::{}[]", name_of(ty)),
    }
}

pub(super) fn in_list(head: &str, negated: bool, list: &str, as_real: bool) -> String {
    let test = if negated { "<> all" } else { "= any" };
    let cast = if as_real { "::double precision[]" } else { "" };
    format!("({head} {test}({list}{cast}))")
}

/// A backslash means the same in an E'' string however the server is set.
pub(super) fn text(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    let literal = if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    };
    format!("({literal}::text collate \"C\")")
}

/// IS NOT DISTINCT FROM is never served by an index; this is where one side cannot be null.
pub(super) fn not_distinct(a: (&str, bool), b: (&str, bool)) -> String {
    match (a, b) {
        ((a, false), (b, false)) => format!("({a} = {b})"),
        ((x, true), (y, false)) | ((y, false), (x, true)) => {
            format!("({x} is not null and {x} = {y})")
        }
        ((a, true), (b, true)) => format!("({a} is not distinct from {b})"),
    }
}

/// Sums of integers are decimals here, and sums of reals depend on the order of rows: reals are summed by their exact
/// shortest decimals.
pub(super) fn aggregate(call: &Aggregate<'_>) -> String {
    let Some(value) = call.value else {
        return call.call("count", "*");
    };
    let is_real = call.ty == ColumnType::Real;
    let addend = if is_real {
        decimal(value)
    } else {
        value.to_owned()
    };
    let sum = call.call("sum", &addend);
    match (call.name, call.ty) {
        ("sum", ColumnType::Real) => format!("({sum})::double precision"),
        ("sum", _) => format!("({sum})::bigint"),
        ("total", _) => format!("coalesce(({sum})::double precision, 0)"),
        ("avg", _) => format!(
            "(({sum})::double precision / nullif({}, 0))",
            call.call("count", value)
        ),
        ("min" | "max", ColumnType::Bytes) => {
            // There is no order of bytes among the aggregates; that of their digits is the same.
            let digits = format!("encode({value}, 'hex') collate \"C\"");
            format!("decode({}, 'hex')", call.call(call.name, &digits))
        }
        (name, _) => call.call(name, value),
    }
}

/// A real as the decimal that it is written as.
fn decimal(value: &str) -> String {
    format!("({value})::text::numeric")
}

/// Decimals are rounded half away from zero, reals half to even.
pub(super) fn round(value: &str) -> String {
    format!("round({})::double precision", decimal(value))
}

/// Positions in text are 32-bit; no text is longer.
pub(super) fn small(number: i64) -> i64 {
    number.min(i64::from(i32::MAX))
}

pub(super) fn cast(value: &str, from: ColumnType, to: ColumnType) -> String {
    match (from, to) {
        (ColumnType::Real, ColumnType::Integer) => whole(value),
        (_, to) => typed(&format!("({value})"), to, false),
    }
}

/// Cut towards zero; what no int64 holds becomes the nearest one.
fn whole(value: &str) -> String {
    format!(
        "(case when {value} >= '9223372036854775808'::double precision then 9223372036854775807 \
         when {value} < '-9223372036854775808'::double precision then (-9223372036854775807 - 1) \
         else trunc({value})::bigint end)"
    )
}
