//! Expressions: one case for each allowed kind, everything else is refused by its text.

use aviary_manifest::ColumnType;
use sqlparser::ast::{BinaryOperator, CaseWhen, CastKind, DataType, Expr, UnaryOperator};

use super::compare::Op;
use super::compiler::Compiler;
use super::types::{Checked, Form, Typed, is_number, is_texty, unify};
use crate::limits;

impl Compiler<'_> {
    /// Checks and rewrites one expression.
    pub(super) fn expr(&mut self, expr: &Expr) -> Checked<Typed> {
        let mut typed = self.descend(|c| c.expr_kind(expr))?;
        // Some spellings write an operand twice: nested ones would double without end.
        if typed.sql.len() > limits::READ_REWRITTEN_BYTES_MAX {
            return Err(format!(
                "{} becomes longer than {} bytes",
                shown(expr),
                limits::READ_REWRITTEN_BYTES_MAX
            ));
        }
        // What is a GROUP BY key of a SELECT around us is a constant in each of its groups.
        for (number, level) in self.levels.iter().enumerate() {
            if level.keys.contains(&typed.sql) {
                typed.columns.retain(|c| c.level != number);
            }
        }
        Ok(typed)
    }

    fn expr_kind(&mut self, expr: &Expr) -> Checked<Typed> {
        match expr {
            Expr::Identifier(name) => self.column(std::slice::from_ref(name)),
            Expr::CompoundIdentifier(parts) => self.column(parts),
            Expr::Nested(inner) => self.expr(inner),
            Expr::Value(value) => self.value(&value.value),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::IsNull(inner) => self.null_test(inner, "is null"),
            Expr::IsNotNull(inner) => self.null_test(inner, "is not null"),
            Expr::IsDistinctFrom(a, b) => self.comparison(Op::Distinct, a, b),
            Expr::IsNotDistinctFrom(a, b) => self.comparison(Op::NotDistinct, a, b),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => self.between(expr, *negated, low, high),
            Expr::InList {
                expr,
                list,
                negated,
            } => self.in_list(expr, list, *negated),
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } => self.in_subquery(expr, subquery, *negated),
            Expr::Exists { subquery, negated } => self.exists(subquery, *negated),
            Expr::Subquery(query) => self.scalar_subquery(query),
            Expr::Case {
                case_token: _,
                end_token: _,
                operand,
                conditions,
                else_result,
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Expr::Cast {
                kind: CastKind::Cast,
                expr,
                data_type,
                format: None,
            } => self.cast(expr, data_type),
            Expr::Substring {
                expr,
                substring_from: Some(from),
                substring_for,
                special: true,
                shorthand: _,
            } => self.substr(expr, from, substring_for.as_deref()),
            Expr::Function(function) => self.function(function),
            Expr::Tuple(_) => Err(
                "a row value can only be compared with another one, such as (a, b) < ($1, $2)"
                    .into(),
            ),
            Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::SimilarTo { .. }
            | Expr::RLike { .. } => Err(format!(
                "{} is not allowed: use starts_with(column, prefix)",
                shown(expr)
            )),
            other => Err(format!("{} is not allowed in a read", shown(other))),
        }
    }

    /// An expression that must be a truth value.
    pub(super) fn condition(&mut self, expr: &Expr, place: &str) -> Checked<Typed> {
        let typed = self.expr(expr)?;
        match typed.ty {
            Some(ColumnType::Boolean) => Ok(typed),
            _ => Err(format!("{place} expects a condition, got {}", typed.word())),
        }
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Checked<Typed> {
        let compare = match op {
            BinaryOperator::Eq => Op::Eq,
            BinaryOperator::NotEq => Op::NotEq,
            BinaryOperator::Lt => Op::Lt,
            BinaryOperator::LtEq => Op::LtEq,
            BinaryOperator::Gt => Op::Gt,
            BinaryOperator::GtEq => Op::GtEq,
            BinaryOperator::And => return self.logic(left, "and", right),
            BinaryOperator::Or => return self.logic(left, "or", right),
            BinaryOperator::Plus => return self.arithmetic(left, "+", right),
            BinaryOperator::Minus => return self.arithmetic(left, "-", right),
            BinaryOperator::Multiply => return self.arithmetic(left, "*", right),
            BinaryOperator::Divide => return self.arithmetic(left, "/", right),
            BinaryOperator::Modulo => return self.arithmetic(left, "%", right),
            BinaryOperator::StringConcat => return self.concat(left, right),
            other => return Err(format!("the operator {other} is not allowed in a read")),
        };
        self.comparison(compare, left, right)
    }

    fn logic(&mut self, left: &Expr, op: &str, right: &Expr) -> Checked<Typed> {
        let a = self.condition(left, op)?;
        let b = self.condition(right, op)?;
        Ok(Typed::truth(
            format!("({} {op} {})", a.sql, b.sql),
            &[&a, &b],
        ))
    }

    fn unary(&mut self, op: UnaryOperator, inner: &Expr) -> Checked<Typed> {
        match op {
            UnaryOperator::Not => {
                let typed = self.condition(inner, "not")?;
                Ok(Typed::truth(format!("(not {})", typed.sql), &[&typed]))
            }
            UnaryOperator::Minus | UnaryOperator::Plus => {
                let sign = if op == UnaryOperator::Minus { "-" } else { "+" };
                let typed = self.expr(inner)?;
                let Some(ty) = typed.ty.filter(|t| is_number(*t)) else {
                    return Err(format!("{sign} expects a number, got {}", typed.word()));
                };
                let sql = format!("({sign} {})", typed.sql);
                Ok(Typed {
                    literal: typed.literal,
                    nonzero: typed.nonzero,
                    ..Typed::new(sql, ty, typed.nullable, &[&typed])
                })
            }
            other => Err(format!("the operator {other} is not allowed in a read")),
        }
    }

    fn arithmetic(&mut self, left: &Expr, op: &str, right: &Expr) -> Checked<Typed> {
        let a = self.expr(left)?;
        let b = self.expr(right)?;
        let ty = arithmetic_type(&a, op, &b)
            .ok_or_else(|| format!("{} {op} {} is not allowed", a.word(), b.word()))?;
        let is_division = matches!(op, "/" | "%");
        // Division by zero is NULL.
        let nullable = a.nullable || b.nullable || (is_division && !b.nonzero);
        let sql = if is_division {
            self.dialect.division(&a.sql, op, &b.sql, b.nonzero)
        } else {
            format!("({} {op} {})", a.sql, b.sql)
        };
        Ok(Typed::new(sql, ty, nullable, &[&a, &b]))
    }

    fn concat(&mut self, left: &Expr, right: &Expr) -> Checked<Typed> {
        let a = self.expr(left)?;
        let b = self.expr(right)?;
        if ![&a, &b].iter().all(|t| t.ty.is_some_and(is_texty)) {
            return Err(format!(
                "|| joins text, got {} and {}: use cast(x as text)",
                a.word(),
                b.word()
            ));
        }
        let sql = format!("({} || {})", self.text(&a), self.text(&b));
        let nullable = a.nullable || b.nullable;
        Ok(Typed::new(sql, ColumnType::Text, nullable, &[&a, &b]))
    }

    fn null_test(&mut self, inner: &Expr, test: &str) -> Checked<Typed> {
        let typed = self.expr(inner)?;
        let sql = match typed.form {
            Form::Param(_) => self.text(&typed),
            Form::Id | Form::Plain => typed.sql.clone(),
        };
        Ok(Typed::new(
            format!("({sql} {test})"),
            ColumnType::Boolean,
            false,
            &[&typed],
        ))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Checked<Typed> {
        let mut parts = Vec::new();
        let mut values = Vec::new();
        let mut tests = Vec::new();
        for CaseWhen { condition, result } in conditions {
            let test = match operand {
                Some(operand) => self.comparison(Op::Eq, operand, condition)?,
                None => self.condition(condition, "WHEN")?,
            };
            tests.push(test.sql.clone());
            parts.push(test);
            values.push(self.expr(result)?);
        }
        let has_else = otherwise.is_some();
        if let Some(otherwise) = otherwise {
            values.push(self.expr(otherwise)?);
        }
        let (ty, mut is_id) = self.one_type(&values, "CASE")?;
        is_id &= !parts.iter().any(|p| p.aggregate || p.window);
        let mut sql = String::from("case");
        for (test, value) in tests.iter().zip(&values) {
            sql += &format!(" when {test} then {}", self.fit_as(value, is_id, Some(ty)));
        }
        if let (true, Some(value)) = (has_else, values.last()) {
            sql += &format!(" else {}", self.fit_as(value, is_id, Some(ty)));
        }
        let nullable = !has_else || values.iter().any(|v| v.nullable);
        parts.extend(values);
        let parts: Vec<&Typed> = parts.iter().collect();
        Ok(Typed {
            form: if is_id { Form::Id } else { Form::Plain },
            ..Typed::new(format!("({sql} end)"), ty, nullable, &parts)
        })
    }

    /// The one type of several branches, and whether all of them can stay ids. An id that depends on an aggregate
    /// or a window cannot: its text would be asked for by a subquery, where those mean something else.
    pub(super) fn one_type(&self, values: &[Typed], what: &str) -> Checked<(ColumnType, bool)> {
        let refs: Vec<&Typed> = values.iter().collect();
        let ty = unify(&refs, what)?
            .ok_or_else(|| format!("{what} is always NULL: expected a value in one branch"))?;
        let is_plain = !refs.iter().any(|v| v.aggregate || v.window);
        Ok((ty, is_plain && stays_id(&refs, ty)))
    }

    fn cast(&mut self, inner: &Expr, to: &DataType) -> Checked<Typed> {
        use ColumnType::{Integer, Real, Text};
        let typed = self.expr(inner)?;
        let ty = match to {
            DataType::Integer(None) | DataType::Int(None) | DataType::BigInt(None) => Integer,
            DataType::Real | DataType::DoublePrecision => Real,
            DataType::Text => Text,
            other => return Err(format!("cast to {other} is not allowed")),
        };
        let from = match typed.ty {
            Some(from) if is_texty(from) && ty == Text => from,
            Some(from @ (Integer | Real)) if ty != Text => from,
            Some(Integer) => Integer,
            _ => {
                return Err(format!(
                    "cast of {} to {} is not allowed",
                    typed.word(),
                    ty.word()
                ));
            }
        };
        let value = self.text(&typed);
        let sql = self.dialect.cast(&value, from, ty);
        Ok(Typed::new(sql, ty, typed.nullable, &[&typed]))
    }
}

/// Whether values of one interned type can all stand as ids, and one of them does so without binding.
pub(super) fn stays_id(values: &[&Typed], ty: ColumnType) -> bool {
    values.iter().any(|v| v.form == Form::Id)
        && values
            .iter()
            .all(|v| v.ty.is_none() || (v.ty == Some(ty) && v.can_be_id()))
}

fn arithmetic_type(a: &Typed, op: &str, b: &Typed) -> Option<ColumnType> {
    use ColumnType::{Integer, Real, Time};
    match (a.ty?, op, b.ty?) {
        (Integer, _, Integer) => Some(Integer),
        (_, "%", Real) | (Real, "%", _) => None,
        (Integer | Real, _, Integer | Real) => Some(Real),
        (Time, "-", Time) => Some(Integer),
        (Time, "+" | "-", Integer) | (Integer, "+", Time) => Some(Time),
        (Time, "/" | "%", Integer) => Some(Integer),
        _ => None,
    }
}

/// A piece of the author's SQL for a message.
pub(super) fn shown(sql: &impl std::fmt::Display) -> String {
    const SHOWN_CHARS: usize = 80;
    let text = sql.to_string();
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    if cut.len() < text.len() {
        format!("`{cut}…`")
    } else {
        format!("`{cut}`")
    }
}
