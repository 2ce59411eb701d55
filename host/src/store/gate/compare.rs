//! Comparisons: single values, rows, BETWEEN, IN, EXISTS. Decides where ids can stay ids.

use aviary_manifest::ColumnType;
use sqlparser::ast::{Expr, Query, Value};

use super::compiler::Compiler;
use super::expr::stays_id;
use super::select::Want;
use super::types::{Checked, Form, Typed, comparable, is_ordered, met, word};
use super::{BindForm, Dialect};

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Distinct,
    NotDistinct,
}

impl Op {
    fn sql(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Distinct => "is distinct from",
            Self::NotDistinct => "is not distinct from",
        }
    }

    fn is_order(self) -> bool {
        matches!(self, Self::Lt | Self::LtEq | Self::Gt | Self::GtEq)
    }

    /// `<` for `<` and `<=`, `>` for the others: what decides before the last element of a row.
    fn strict(self) -> &'static str {
        match self {
            Self::Lt | Self::LtEq => "<",
            _ => ">",
        }
    }
}

impl Compiler<'_> {
    /// A comparison of two values or of two rows.
    pub(super) fn comparison(&mut self, op: Op, left: &Expr, right: &Expr) -> Checked<Typed> {
        match (row(left), row(right)) {
            (None, None) => {
                let a = self.expr(left)?;
                let b = self.expr(right)?;
                self.compare(op, &a, &b)
            }
            (Some(a), Some(b)) if a.len() == b.len() => self.compare_rows(op, a, b),
            (Some(a), Some(b)) => Err(format!(
                "a row of {} is compared with a row of {}",
                a.len(),
                b.len()
            )),
            _ => Err("a row value can only be compared with another row value".into()),
        }
    }

    fn compare(&mut self, op: Op, a: &Typed, b: &Typed) -> Checked<Typed> {
        comparable(a, b, op.sql())?;
        if let Some(ty) = a.ty.filter(|t| op.is_order() && !is_ordered(*t)) {
            return Err(format!("{} of {} is not allowed", op.sql(), ty.word()));
        }
        let equal = matches!(op, Op::Eq | Op::NotDistinct);
        let ty = met(&[a, b]);
        for side in [a, b].into_iter().filter(|s| ty.is_none() || s.ty == ty) {
            if let [column] = &side.columns[..] {
                let term = column.name.clone();
                self.wish(side, &term, equal);
            }
        }
        let is_id = !op.is_order() && a.ty.is_some_and(|t| stays_id(&[a, b], t));
        let left = self.fit_as(a, is_id, ty);
        let right = self.fit_as(b, is_id, ty);
        let sql = match op {
            Op::NotDistinct => self
                .dialect
                .not_distinct((&left, a.nullable), (&right, b.nullable)),
            _ => format!("({left} {} {right})", op.sql()),
        };
        let mut truth = Typed::truth(sql, &[a, b]);
        if matches!(op, Op::Distinct | Op::NotDistinct) {
            truth.nullable = false;
        }
        Ok(truth)
    }

    fn compare_rows(&mut self, op: Op, left: &[Expr], right: &[Expr]) -> Checked<Typed> {
        let mut pairs = Vec::new();
        for (l, r) in left.iter().zip(right) {
            pairs.push((self.expr(l)?, self.expr(r)?));
        }
        let tests: Vec<Typed> = pairs
            .iter()
            .map(|(a, b)| self.compare(op, a, b))
            .collect::<Checked<_>>()?;
        let sql = match op {
            Op::Eq | Op::NotEq => {
                let link = if op == Op::Eq { " and " } else { " or " };
                let all: Vec<&str> = tests.iter().map(|t| t.sql.as_str()).collect();
                format!("({})", all.join(link))
            }
            Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => {
                let all: Vec<(String, String)> = pairs
                    .iter()
                    .map(|(a, b)| {
                        let ty = met(&[a, b]);
                        (self.fit_as(a, false, ty), self.fit_as(b, false, ty))
                    })
                    .collect();
                if pairs.iter().any(|(a, _)| a.form == Form::Id) {
                    row_order(self.dialect, op, &all)
                } else {
                    let (a, b): (Vec<String>, Vec<String>) = all.into_iter().unzip();
                    format!("(({}) {} ({}))", a.join(", "), op.sql(), b.join(", "))
                }
            }
            Op::Distinct | Op::NotDistinct => {
                return Err("IS DISTINCT FROM of row values is not allowed".into());
            }
        };
        Ok(Typed::truth(sql, &tests.iter().collect::<Vec<_>>()))
    }

    /// `x between low and high`.
    pub(super) fn between(
        &mut self,
        expr: &Expr,
        negated: bool,
        low: &Expr,
        high: &Expr,
    ) -> Checked<Typed> {
        let x = self.expr(expr)?;
        let low = self.expr(low)?;
        let high = self.expr(high)?;
        self.compare(Op::GtEq, &x, &low)?;
        self.compare(Op::LtEq, &x, &high)?;
        let ty = met(&[&x, &low, &high]);
        let sql = format!(
            "({} {}between {} and {})",
            self.fit_as(&x, false, ty),
            if negated { "not " } else { "" },
            self.fit_as(&low, false, ty),
            self.fit_as(&high, false, ty)
        );
        Ok(Typed::truth(sql, &[&x, &low, &high]))
    }

    /// `x in (a, b)` or `x in ($1)` with a list.
    pub(super) fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Checked<Typed> {
        if row(expr).is_some() {
            return Err("IN of row values is not allowed".into());
        }
        let x = self.expr(expr)?;
        if let [Expr::Value(value)] = list
            && let Value::Placeholder(text) = &value.value
        {
            let param = self.param(text)?;
            if self.params[param].list {
                return self.in_param(&x, param, negated);
            }
        }
        let items: Vec<Typed> = list.iter().map(|e| self.expr(e)).collect::<Checked<_>>()?;
        let mut parts = vec![&x];
        for item in &items {
            self.compare(Op::Eq, &x, item)?;
            parts.push(item);
        }
        let is_id = x.ty.is_some_and(|t| stays_id(&parts, t));
        let ty = met(&parts);
        let all: Vec<String> = items.iter().map(|i| self.fit_as(i, is_id, ty)).collect();
        let head = self.fit_as(&x, is_id, ty);
        let sql = format!("({head} {} ({}))", word_in(negated), all.join(", "));
        Ok(Typed::truth(sql, &parts))
    }

    fn in_param(&mut self, x: &Typed, param: usize, negated: bool) -> Checked<Typed> {
        let ty = self.params[param].ty;
        if matches!(ty, ColumnType::Bytes | ColumnType::Json) {
            return Err(format!("a list of {} is not allowed", ty.word()));
        }
        let item = super::compiler::constant(String::new(), ty);
        comparable(x, &item, "in")?;
        let number = met(&[x, &item]);
        if let ([column], true) = (&x.columns[..], number.is_none() || x.ty == number) {
            let term = column.name.clone();
            self.wish(x, &term, true);
        }
        let is_id = x.form == Form::Id && x.ty == Some(ty);
        let form = if is_id {
            BindForm::IdList
        } else {
            BindForm::ValueList
        };
        let list = self.bind(param, form);
        let head = self.fit_as(x, is_id, number);
        let sql = self
            .dialect
            .in_list(&head, negated, &list, number.is_some());
        Ok(Typed::truth(sql, &[x]))
    }

    /// `x in (select …)`.
    pub(super) fn in_subquery(
        &mut self,
        expr: &Expr,
        query: &Query,
        negated: bool,
    ) -> Checked<Typed> {
        if row(expr).is_some() {
            return Err("IN of row values is not allowed".into());
        }
        let x = self.expr(expr)?;
        let mark = self.binds.len();
        let (mut rows, mut outer) = self.subquery(query, &Want::Keep)?;
        let [column] = &rows.columns[..] else {
            return Err(format!("IN expects one column, got {}", rows.columns.len()));
        };
        let item = Typed {
            ty: column.ty,
            nullable: column.nullable,
            form: if column.is_id { Form::Id } else { Form::Plain },
            columns: outer.clone(),
            ..super::compiler::constant(String::new(), ColumnType::Text)
        };
        comparable(&x, &item, "in")?;
        let is_id = column.is_id && x.can_be_id() && x.ty == column.ty;
        if column.is_id && !is_id {
            self.binds.truncate(mark);
            (rows, outer) = self.subquery(query, &Want::Text)?;
        }
        if let [column] = &x.columns[..] {
            let term = column.name.clone();
            self.wish(&x, &term, true);
        }
        let ty = met(&[&x, &item]);
        if ty.is_some() && item.ty != ty {
            let column = self.dialect.as_real("c0");
            rows.sql = format!("select {column} from ({}) as \"r\"", rows.sql);
        }
        let head = self.fit_as(&x, is_id, ty);
        let sql = format!("({head} {} ({}))", word_in(negated), rows.sql);
        let mut truth = Typed::truth(sql, &[&x, &item]);
        truth.columns = x.columns.iter().cloned().chain(outer).collect();
        Ok(truth)
    }

    /// `exists (select …)`.
    pub(super) fn exists(&mut self, query: &Query, negated: bool) -> Checked<Typed> {
        let (rows, outer) = self.subquery(query, &Want::Keep)?;
        let not = if negated { "not " } else { "" };
        let sql = format!("({not}exists ({}))", rows.sql);
        Ok(Typed {
            columns: outer,
            ..Typed::new(sql, ColumnType::Boolean, false, &[])
        })
    }

    /// `(select …)` as a value; NULL when it has no row.
    pub(super) fn scalar_subquery(&mut self, query: &Query) -> Checked<Typed> {
        let (rows, outer) = self.subquery(query, &Want::Keep)?;
        let [column] = &rows.columns[..] else {
            return Err(format!(
                "a subquery as a value expects one column, got {}",
                rows.columns.len()
            ));
        };
        let Some(ty) = column.ty else {
            return Err(format!("a subquery as a value is always {}", word(None)));
        };
        Ok(Typed {
            form: if column.is_id { Form::Id } else { Form::Plain },
            columns: outer,
            ..Typed::new(
                format!("({})", rows.sql),
                ty,
                column.nullable || !rows.is_one,
                &[],
            )
        })
    }
}

/// The elements of a row value.
fn row(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Tuple(items) => Some(items),
        _ => None,
    }
}

fn word_in(negated: bool) -> &'static str {
    if negated { "not in" } else { "in" }
}

/// A row comparison spelled out, its first column as a bound of its own, so that an index serves it:
/// `a <= x and (a < x or b < y)`.
fn row_order(dialect: Dialect, op: Op, pairs: &[(String, String)]) -> String {
    let Some(((a, x), rest)) = pairs.split_first() else {
        return dialect.boolean(false).into();
    };
    if rest.is_empty() {
        return format!("({a} {} {x})", op.sql());
    }
    let strict = op.strict();
    format!(
        "({a} {strict}= {x} and ({a} {strict} {x} or {}))",
        row_order(dialect, op, rest)
    )
}
