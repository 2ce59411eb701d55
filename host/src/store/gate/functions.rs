//! The listed functions: scalar ones here, aggregates and windows in their own part. Anything else is refused.

use aviary_manifest::ColumnType;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    ObjectName, ObjectNamePart, Value,
};

use super::BindForm;
use super::compiler::Compiler;
use super::dialect::after_prefix;
use super::expr::shown;
use super::scope::spelled;
use super::types::{Checked, Form, Typed, comparable, is_number, is_ordered, is_texty, met};

/// For the message about a function that is not in the list.
const ALLOWED: &str = "coalesce nullif abs round length substr starts_with min max, the aggregates count sum min max \
     avg total, and over(…) row_number rank dense_rank lag lead";

/// A call's arguments.
pub(super) enum Args<'a> {
    /// `count(*)`.
    Star,
    /// Expressions, and whether DISTINCT stands before them.
    List(Vec<&'a Expr>, bool),
}

impl Compiler<'_> {
    /// A call of a function.
    pub(super) fn function(&mut self, call: &Function) -> Checked<Typed> {
        let Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            within_group,
            filter,
            null_treatment,
            over,
        } = call;
        let name = function_name(name)?;
        if *uses_odbc_syntax
            || *parameters != FunctionArguments::None
            || !within_group.is_empty()
            || null_treatment.is_some()
        {
            return Err(format!("{} is not allowed in a read", shown(call)));
        }
        let args = arguments(call, args)?;
        if let Some(over) = over {
            if filter.is_some() {
                return Err(format!("FILTER of {name} over(…) is not allowed"));
            }
            return self.window(&name, &args, over);
        }
        let count = match &args {
            Args::Star => 0,
            Args::List(list, _) => list.len(),
        };
        match name.as_str() {
            "count" | "sum" | "avg" | "total" => self.aggregate(&name, &args, filter.as_deref()),
            "min" | "max" if count == 1 => self.aggregate(&name, &args, filter.as_deref()),
            _ => match args {
                Args::List(list, false) if filter.is_none() => self.scalar(&name, &list),
                _ => Err(format!(
                    "{} is not allowed: {name} is no aggregate",
                    shown(call)
                )),
            },
        }
    }

    fn scalar(&mut self, name: &str, args: &[&Expr]) -> Checked<Typed> {
        match (name, args) {
            ("coalesce", [_, _, ..]) => self.coalesce(args),
            ("nullif", [a, b]) => self.nullif(a, b),
            ("abs", [x]) => {
                let x = self.expr(x)?;
                let ty =
                    x.ty.filter(|t| is_number(*t))
                        .ok_or_else(|| wrong(name, "a number", &x))?;
                Ok(Typed::new(format!("abs({})", x.sql), ty, x.nullable, &[&x]))
            }
            ("round", [x]) => {
                let x = self.expr(x)?;
                if !x.ty.is_some_and(is_number) {
                    return Err(wrong(name, "a number", &x));
                }
                let sql = self.dialect.round(&x.sql);
                Ok(Typed::new(sql, ColumnType::Real, x.nullable, &[&x]))
            }
            ("length", [x]) => {
                let x = self.expr(x)?;
                if !x.ty.is_some_and(|t| is_texty(t) || t == ColumnType::Bytes) {
                    return Err(wrong(name, "text or bytes", &x));
                }
                let value = self.text(&x);
                let sql = self.dialect.length(&value);
                Ok(Typed::new(sql, ColumnType::Integer, x.nullable, &[&x]))
            }
            ("substr", [x, from]) => self.substr(x, from, None),
            ("substr", [x, from, len]) => self.substr(x, from, Some(len)),
            ("starts_with", [x, prefix]) => self.starts_with(x, prefix),
            ("min" | "max", [_, _, ..]) => self.extreme(name, args),
            ("coalesce" | "nullif" | "abs" | "round" | "length" | "substr" | "starts_with", _) => {
                Err(format!("{name} does not take {} arguments", args.len()))
            }
            _ => Err(format!(
                "the function {name} is not allowed: expected one of {ALLOWED}"
            )),
        }
    }

    fn coalesce(&mut self, args: &[&Expr]) -> Checked<Typed> {
        let values: Vec<Typed> = args.iter().map(|a| self.expr(a)).collect::<Checked<_>>()?;
        let (ty, is_id) = self.one_type(&values, "coalesce")?;
        let all: Vec<String> = values
            .iter()
            .map(|v| self.fit_as(v, is_id, Some(ty)))
            .collect();
        let nullable = values.iter().all(|v| v.nullable);
        let parts: Vec<&Typed> = values.iter().collect();
        Ok(Typed {
            form: if is_id { Form::Id } else { Form::Plain },
            ..Typed::new(
                format!("coalesce({})", all.join(", ")),
                ty,
                nullable,
                &parts,
            )
        })
    }

    fn nullif(&mut self, a: &Expr, b: &Expr) -> Checked<Typed> {
        let a = self.expr(a)?;
        let b = self.expr(b)?;
        comparable(&a, &b, "nullif")?;
        let Some(ty) = a.ty else {
            return Err(wrong("nullif", "a value", &a));
        };
        let number = met(&[&a, &b]);
        let left = self.fit_as(&a, false, number);
        let right = self.fit_as(&b, false, number);
        let sql = format!("nullif({left}, {right})");
        Ok(Typed::new(sql, number.unwrap_or(ty), true, &[&a, &b]))
    }

    /// `min(a, b, …)` and `max(a, b, …)`: backends disagree about NULL, so none may be null.
    fn extreme(&mut self, name: &str, args: &[&Expr]) -> Checked<Typed> {
        let values: Vec<Typed> = args.iter().map(|a| self.expr(a)).collect::<Checked<_>>()?;
        let (ty, _) = self.one_type(&values, name)?;
        if !is_ordered(ty) {
            return Err(format!("{name} of {} is not allowed", ty.word()));
        }
        if values.iter().any(|v| v.nullable) {
            return Err(format!(
                "{name} of several values takes none that may be null: use coalesce"
            ));
        }
        let all: Vec<String> = values
            .iter()
            .map(|v| self.fit_as(v, false, Some(ty)))
            .collect();
        let parts: Vec<&Typed> = values.iter().collect();
        let sql = self.dialect.extreme(name == "max", &all.join(", "));
        Ok(Typed::new(sql, ty, false, &parts))
    }

    /// `substr(text, from, len)`, in characters from 1. Backends disagree outside of that.
    pub(super) fn substr(&mut self, x: &Expr, from: &Expr, len: Option<&Expr>) -> Checked<Typed> {
        let x = self.expr(x)?;
        if !x.ty.is_some_and(is_texty) {
            return Err(wrong("substr", "text", &x));
        }
        let from = whole(from, 1)?;
        let len = len.map(|len| whole(len, 0)).transpose()?;
        let value = self.text(&x);
        let sql = self.dialect.substr(&value, from, len);
        Ok(Typed::new(sql, ColumnType::Text, x.nullable, &[&x]))
    }

    /// `starts_with(x, prefix)`: with a parameter a range of byte order, which an index serves.
    fn starts_with(&mut self, x: &Expr, prefix: &Expr) -> Checked<Typed> {
        let x = self.expr(x)?;
        let start = self.expr(prefix)?;
        if !x.ty.is_some_and(is_texty) || !start.ty.is_some_and(is_texty) {
            return Err(format!(
                "starts_with takes text, got {} and {}",
                x.word(),
                start.word()
            ));
        }
        let (text, low) = (self.text(&x), self.text(&start));
        let sql = match prefix {
            Expr::Value(value) => {
                if let ([column], false) = (&x.columns[..], x.form == Form::Id) {
                    let term = column.name.clone();
                    self.wish(&x, &term, false);
                }
                let below = match &value.value {
                    Value::Placeholder(p) => {
                        let param = self.param(p)?;
                        let end = self.bind(param, BindForm::PrefixEnd);
                        Some(self.dialect.below_end(&text, &end))
                    }
                    Value::SingleQuotedString(p) => {
                        after_prefix(p).map(|end| format!("{text} < {}", self.dialect.text(&end)))
                    }
                    other => return Err(format!("starts_with of {other} is not allowed")),
                };
                match below {
                    Some(below) => format!("({text} >= {low} and {below})"),
                    None => format!("({text} >= {low})"),
                }
            }
            _ => self.dialect.begins(&text, &low),
        };
        Ok(Typed::truth(sql, &[&x, &start]))
    }
}

fn wrong(name: &str, expected: &str, got: &Typed) -> String {
    format!("{name} takes {expected}, got {}", got.word())
}

fn whole(expr: &Expr, least: i64) -> Checked<i64> {
    let digits = match expr {
        Expr::Value(v) => match &v.value {
            Value::Number(digits, false) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    };
    digits.filter(|n: &i64| *n >= least).ok_or_else(|| {
        format!(
            "substr takes numbers written out, from {least}; got {}",
            shown(expr)
        )
    })
}

fn function_name(name: &ObjectName) -> Checked<String> {
    match &name.0[..] {
        [ObjectNamePart::Identifier(ident)] => spelled(ident),
        _ => Err(format!(
            "the function {name} is not allowed: expected one of {ALLOWED}"
        )),
    }
}

fn arguments<'a>(call: &Function, args: &'a FunctionArguments) -> Checked<Args<'a>> {
    let refused = || format!("the arguments of {} are not allowed", shown(call));
    let FunctionArguments::List(list) = args else {
        return Err(refused());
    };
    if !list.clauses.is_empty() {
        return Err(refused());
    }
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    if let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] = &list.args[..] {
        return if distinct {
            Err(refused())
        } else {
            Ok(Args::Star)
        };
    }
    let exprs = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Ok(e),
        _ => Err(refused()),
    });
    Ok(Args::List(exprs.collect::<Checked<_>>()?, distinct))
}
