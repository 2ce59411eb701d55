//! What one compilation carries along: parameters and how they are bound, open scopes, made-up names, what was
//! learnt for the planner's check.

use aviary_manifest::{ColumnType, ParamType};
use sqlparser::ast::{Ident, Value};

use super::scope::{Cte, Level, resolve, spelled};
use super::types::{Checked, ColumnUse, Form, Typed};
use super::{BindForm, BindParam, Bounded, Dialect, GateSchema, ReadSource};
use crate::limits;

/// The state of compiling one read.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    pub(super) dialect: Dialect,
    pub(super) schema: &'a GateSchema,
    pub(super) params: &'a [ParamType],
    pub(super) binds: Vec<BindParam>,
    pub(super) used: Vec<bool>,
    pub(super) levels: Vec<Level>,
    pub(super) ctes: Vec<Cte>,
    /// Every column reference so far, to know what a subquery takes from outside.
    pub(super) touched: Vec<ColumnUse>,
    pub(super) sources: Vec<ReadSource>,
    pub(super) bounded: Bounded,
    /// How many queries are open.
    pub(super) queries: usize,
    pub(super) depth: usize,
    names: usize,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(dialect: Dialect, schema: &'a GateSchema, params: &'a [ParamType]) -> Self {
        Self {
            dialect,
            schema,
            params,
            binds: Vec::new(),
            used: vec![false; params.len()],
            levels: Vec::new(),
            ctes: Vec::new(),
            touched: Vec::new(),
            sources: Vec::new(),
            bounded: Bounded {
                outer: false,
                inner: true,
            },
            queries: 0,
            depth: 0,
            names: 0,
        }
    }

    /// A name that nothing else has.
    pub(super) fn fresh(&mut self, prefix: char) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// A deeper step into the tree.
    pub(super) fn descend<T>(&mut self, step: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        self.depth += 1;
        if self.depth > limits::READ_SQL_DEPTH_MAX {
            return Err(format!(
                "the SQL is nested deeper than {} levels",
                limits::READ_SQL_DEPTH_MAX
            ));
        }
        let done = step(self);
        self.depth -= 1;
        done
    }

    /// The placeholder of a parameter bound in one form.
    pub(super) fn bind(&mut self, param: usize, form: BindForm) -> String {
        let ty = self.params[param].ty;
        let wanted = BindParam { param, ty, form };
        let at = self.binds.iter().position(|b| *b == wanted);
        let at = at.unwrap_or_else(|| {
            self.binds.push(wanted);
            self.binds.len() - 1
        });
        self.dialect.param(at + 1, ty, form)
    }

    /// The SQL of a value as the author sees it.
    pub(super) fn text(&mut self, value: &Typed) -> String {
        match (value.form, value.ty) {
            (Form::Param(param), _) => self.bind(param, BindForm::Value),
            (Form::Id, Some(ty)) => self.dialect.text_of(ty, &value.sql),
            _ => value.sql.clone(),
        }
    }

    /// The SQL of a value as its interned id, or as it is when it has none (NULL).
    pub(super) fn id(&mut self, value: &Typed) -> String {
        match value.form {
            Form::Param(param) => self.bind(param, BindForm::Id),
            Form::Id | Form::Plain => value.sql.clone(),
        }
    }

    /// The SQL of a value in the form asked for.
    pub(super) fn fit(&mut self, value: &Typed, is_id: bool) -> String {
        if is_id {
            self.id(value)
        } else {
            self.text(value)
        }
    }

    /// The SQL of a value where one of a type is meant: an integer becomes a real, NULL is one of that type.
    pub(super) fn fit_as(&mut self, value: &Typed, is_id: bool, ty: Option<ColumnType>) -> String {
        match (value.ty, ty) {
            (None, Some(ty)) => self.dialect.null(ty, is_id),
            (Some(ColumnType::Integer), Some(ColumnType::Real)) => {
                let integer = self.text(value);
                self.dialect.as_real(&integer)
            }
            _ => self.fit(value, is_id),
        }
    }

    /// Resolves a column, with or without the alias of its source.
    pub(super) fn column(&mut self, parts: &[Ident]) -> Checked<Typed> {
        let typed = match parts {
            [name] => resolve(&self.levels, None, &spelled(name)?)?,
            [alias, name] => resolve(&self.levels, Some(&spelled(alias)?), &spelled(name)?)?,
            _ => {
                return Err(format!(
                    "expected column or alias.column, got {} parts: give the table an alias",
                    parts.len()
                ));
            }
        };
        let outer_key = typed.columns.iter().any(|c| {
            let level = &self.levels[c.level];
            level.keys.contains(&typed.sql)
        });
        if !outer_key {
            self.touched.extend(typed.columns.iter().cloned());
        }
        Ok(typed)
    }

    /// The index of `$1`, `$2`, ….
    pub(super) fn param(&mut self, text: &str) -> Checked<usize> {
        let number: usize = text
            .strip_prefix('$')
            .and_then(|n| n.parse().ok())
            .filter(|n| *n > 0)
            .ok_or_else(|| format!("expected a parameter as $1, got {text}"))?;
        if number > self.params.len() {
            return Err(format!(
                "{text} is not declared: the read declares {} parameters",
                self.params.len()
            ));
        }
        self.used[number - 1] = true;
        Ok(number - 1)
    }

    /// A constant or a single parameter.
    pub(super) fn value(&mut self, value: &Value) -> Checked<Typed> {
        match value {
            Value::Placeholder(text) => self.single_param(text),
            Value::Number(digits, false) => number(self.dialect, digits),
            Value::SingleQuotedString(text) => {
                Ok(constant(self.dialect.text(text), ColumnType::Text))
            }
            Value::Boolean(b) => Ok(constant(
                self.dialect.boolean(*b).to_owned(),
                ColumnType::Boolean,
            )),
            Value::HexStringLiteral(hex)
                if hex.len() % 2 == 0 && hex.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                Ok(constant(self.dialect.bytes(hex), ColumnType::Bytes))
            }
            Value::Null => Ok(Typed {
                ty: None,
                nullable: true,
                ..constant("null".into(), ColumnType::Text)
            }),
            other => Err(format!("a literal such as {other} is not allowed")),
        }
    }

    fn single_param(&mut self, text: &str) -> Checked<Typed> {
        let param = self.param(text)?;
        let declared = self.params[param];
        if declared.list {
            return Err(format!(
                "{text} is a list: it can stand in `x in ({text})` only"
            ));
        }
        Ok(match declared.ty {
            ty @ (ColumnType::Did | ColumnType::AtUri) => Typed {
                form: Form::Param(param),
                ..constant(text.to_owned(), ty)
            },
            ty => constant(self.bind(param, BindForm::Value), ty),
        })
    }

    /// Remembers that an index could begin with (`equal`) or go on with this column.
    pub(super) fn wish(&mut self, value: &Typed, term: &str, equal: bool) {
        let (true, [column]) = (value.bare, &value.columns[..]) else {
            return;
        };
        let Some(source) = self.sources.iter_mut().find(|s| s.emitted == column.source) else {
            return;
        };
        let list = if equal {
            &mut source.equal
        } else {
            &mut source.sorted
        };
        let starts = |t: &String| t.split(' ').next() == Some(column.name.as_str());
        // An ORDER BY term says more than a comparison of the same column.
        list.retain(|t| !(starts(t) && t != term));
        if !list.iter().any(starts) {
            list.push(term.to_owned());
        }
    }
}

/// A constant.
pub(super) fn constant(sql: String, ty: ColumnType) -> Typed {
    Typed::new(sql, ty, false, &[])
}

fn number(dialect: Dialect, digits: &str) -> Checked<Typed> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let (sql, ty, nonzero) = if plain {
        let n: i64 = digits
            .parse()
            .map_err(|_| format!("{digits} does not fit an int64"))?;
        (dialect.integer(n), ColumnType::Integer, n != 0)
    } else {
        let x: f64 = digits
            .parse()
            .ok()
            .filter(|x: &f64| x.is_finite())
            .ok_or_else(|| format!("expected a number, got {digits}"))?;
        (dialect.real(x), ColumnType::Real, x != 0.0)
    };
    Ok(Typed {
        literal: true,
        nonzero,
        ..constant(sql, ty)
    })
}
