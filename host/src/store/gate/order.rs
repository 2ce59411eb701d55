//! ORDER BY, LIMIT and OFFSET.

use aviary_manifest::ColumnType;
use sqlparser::ast::{
    Expr, LimitClause, Offset, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort,
    Value,
};

use super::compiler::Compiler;
use super::expr::shown;
use super::scope::spelled;
use super::select::Out;
use super::types::{Checked, Form, Typed, is_ordered};

/// One checked term of ORDER BY.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// What is sorted by.
    pub(super) value: Typed,
    /// Direction and place of NULLs, to be appended.
    pub(super) rest: String,
}

impl Compiler<'_> {
    /// Checks an ORDER BY beside its SELECT list.
    pub(super) fn order_terms(
        &mut self,
        order: Option<&OrderBy>,
        outs: &[Out],
    ) -> Checked<Vec<Term>> {
        let Some(OrderBy { kind, interpolate }) = order else {
            return Ok(Vec::new());
        };
        let (OrderByKind::Expressions(exprs), None) = (kind, interpolate) else {
            return Err("ORDER BY takes a list of expressions".into());
        };
        exprs.iter().map(|e| self.order_term(e, outs)).collect()
    }

    fn order_term(&mut self, term: &OrderByExpr, outs: &[Out]) -> Checked<Term> {
        let named = match &term.expr {
            Expr::Value(v) => match &v.value {
                Value::Number(digits, false) => {
                    let at: usize = digits.parse().unwrap_or(0);
                    let out = at.checked_sub(1).and_then(|i| outs.get(i)).ok_or_else(|| {
                        format!("ORDER BY {digits}: there are {} columns", outs.len())
                    })?;
                    Some(out.value.clone())
                }
                _ => None,
            },
            Expr::Identifier(ident) => {
                let name = spelled(ident)?;
                outs.iter()
                    .find(|o| o.name.as_deref() == Some(name.as_str()))
                    .map(|o| o.value.clone())
            }
            _ => None,
        };
        let value = match named {
            Some(value) => value,
            None => self.expr(&term.expr)?,
        };
        let rest = direction(term, &value)?;
        if let [column] = &value.columns[..] {
            let suffix = if rest.starts_with(" desc") {
                " desc"
            } else {
                ""
            };
            let term = format!("{}{suffix}", column.name);
            self.wish(&value, &term, false);
        }
        Ok(Term { value, rest })
    }

    /// A term of a window's ORDER BY.
    pub(super) fn sort_term(&mut self, term: &OrderByExpr) -> Checked<(Typed, String)> {
        let value = self.expr(&term.expr)?;
        let rest = direction(term, &value)?;
        Ok((value, rest))
    }

    /// The emitted ORDER BY; a term that is a result column goes by its number, so that it is computed once.
    pub(super) fn order_sql(&mut self, terms: &[Term], rendered: &[String]) -> String {
        let all: Vec<String> = terms
            .iter()
            .map(|term| {
                let sql = self.text(&term.value);
                let at = rendered.iter().position(|r| *r == sql);
                // A bare column stays a name: the planner matches it with an index either way.
                match at {
                    Some(at) if !term.value.bare || term.value.form == Form::Id => {
                        format!("{}{}", at + 1, term.rest)
                    }
                    _ => format!("{sql}{}", term.rest),
                }
            })
            .collect();
        if all.is_empty() {
            String::new()
        } else {
            format!(" order by {}", all.join(", "))
        }
    }

    /// The emitted LIMIT and OFFSET.
    pub(super) fn limit_sql(&mut self, clause: Option<&LimitClause>) -> Checked<Limit> {
        let (limit, offset) = match clause {
            None => return Ok(Limit::default()),
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) if limit_by.is_empty() => (limit.as_ref(), offset.as_ref()),
            Some(_) => return Err("expected LIMIT n OFFSET m".into()),
        };
        let Some(limit) = limit else {
            return Err("OFFSET needs a LIMIT".into());
        };
        let mut sql = format!(" limit {}", self.row_number(limit, "LIMIT")?);
        if let Some(Offset { value, rows: _ }) = offset {
            sql += &format!(" offset {}", self.row_number(value, "OFFSET")?);
        }
        Ok(Limit { sql, is_set: true })
    }

    fn row_number(&mut self, expr: &Expr, clause: &str) -> Checked<String> {
        let Expr::Value(value) = expr else {
            return Err(format!(
                "{clause} takes a number or a parameter, got {}",
                shown(expr)
            ));
        };
        let typed = self.value(&value.value)?;
        if typed.ty == Some(ColumnType::Integer) {
            Ok(self.dialect.row_limit(&typed.sql))
        } else {
            Err(format!("{clause} takes an integer, got {}", typed.word()))
        }
    }
}

/// An emitted LIMIT.
#[derive(Clone, Debug, Default)]
pub(super) struct Limit {
    /// With its OFFSET; empty when there is none.
    pub(super) sql: String,
    /// Whether there is one.
    pub(super) is_set: bool,
}

fn direction(term: &OrderByExpr, value: &Typed) -> Checked<String> {
    let OrderByExpr {
        expr,
        options: OrderByOptions { sort, nulls_first },
        with_fill,
    } = term;
    if with_fill.is_some() {
        return Err("ORDER BY … WITH FILL is not allowed".into());
    }
    if !value.ty.is_some_and(is_ordered) {
        return Err(format!("ORDER BY of {} is not allowed", value.word()));
    }
    let mut rest = match sort {
        None | Some(OrderBySort::Asc) => String::new(),
        Some(OrderBySort::Desc) => " desc".into(),
        Some(OrderBySort::Using(_)) => return Err("ORDER BY … USING is not allowed".into()),
    };
    match (value.nullable, nulls_first) {
        // What is never null needs no word about it, and an index then serves both spellings.
        (false, _) => {}
        (true, Some(true)) => rest += " nulls first",
        (true, Some(false)) => rest += " nulls last",
        (true, None) => {
            return Err(format!(
                "ORDER BY {}: it may be null, so say NULLS FIRST or NULLS LAST",
                shown(expr)
            ));
        }
    }
    Ok(rest)
}
