//! Aggregates with FILTER, and the window functions that number and look around.

use aviary_manifest::ColumnType;
use sqlparser::ast::{Expr, Value, WindowSpec, WindowType};

use super::compiler::Compiler;
use super::dialect::Aggregate;
use super::functions::Args;
use super::types::{Checked, Form, Typed, is_number, is_ordered};

/// What an aggregate is called with.
#[derive(Default)]
struct Call {
    /// `None` for `*`.
    value: Option<String>,
    distinct: bool,
}

impl Compiler<'_> {
    /// `count`, `sum`, `min`, `max`, `avg`, `total`.
    pub(super) fn aggregate(
        &mut self,
        name: &str,
        args: &Args<'_>,
        filter: Option<&Expr>,
    ) -> Checked<Typed> {
        let here = self.levels.len().saturating_sub(1);
        if let Some(clause) = self.levels.last().and_then(|l| l.no_aggregates) {
            return Err(format!("the aggregate {name} is not allowed in {clause}"));
        }
        self.no_aggregates(Some("another aggregate"));
        let made = self.aggregate_call(name, args);
        let filter = filter.map(|f| self.condition(f, "FILTER")).transpose();
        self.no_aggregates(None);
        let (call, ty, nullable, arg) = made?;
        let filter = filter?;
        let sql = self.dialect.aggregate(&Aggregate {
            name,
            value: call.value.as_deref(),
            ty: arg.as_ref().and_then(|a| a.ty).unwrap_or(ty),
            distinct: call.distinct,
            filter: filter.as_ref().map(|f| f.sql.as_str()),
        });
        let inside = arg.iter().chain(&filter).flat_map(|t| t.columns.clone());
        let (own, outer): (Vec<_>, Vec<_>) = inside.partition(|c| c.level == here);
        if own.is_empty() && !outer.is_empty() {
            return Err(format!(
                "the aggregate {name} uses only columns from outside of its SELECT"
            ));
        }
        Ok(Typed {
            aggregate: true,
            columns: outer,
            ..Typed::new(sql, ty, nullable, &[])
        })
    }

    fn aggregate_call(
        &mut self,
        name: &str,
        args: &Args<'_>,
    ) -> Checked<(Call, ColumnType, bool, Option<Typed>)> {
        let (arg, distinct) = match args {
            Args::Star if name == "count" => {
                return Ok((Call::default(), ColumnType::Integer, false, None));
            }
            Args::List(list, distinct) if list.len() == 1 => (self.expr(list[0])?, *distinct),
            _ => return Err(format!("the aggregate {name} takes one argument")),
        };
        let Some(from) = arg.ty else {
            return Err(format!("the aggregate {name} of NULL is not allowed"));
        };
        let wrong = || format!("the aggregate {name} of {} is not allowed", from.word());
        let (ty, nullable) = match name {
            "count" if from != ColumnType::Json || !distinct => (ColumnType::Integer, false),
            "sum" if is_number(from) => (from, true),
            "avg" if is_number(from) => (ColumnType::Real, true),
            "total" if is_number(from) => (ColumnType::Real, false),
            "min" | "max" if is_ordered(from) => (from, true),
            _ => return Err(wrong()),
        };
        // A count needs no text: ids are one to one with it.
        let value = if name == "count" && arg.form == Form::Id {
            arg.sql.clone()
        } else {
            self.text(&arg)
        };
        let call = Call {
            value: Some(value),
            distinct,
        };
        Ok((call, ty, nullable, Some(arg)))
    }

    /// Whether aggregates may stand in what follows; otherwise the clause that forbids them.
    pub(super) fn no_aggregates(&mut self, clause: Option<&'static str>) {
        if let Some(level) = self.levels.last_mut() {
            level.no_aggregates = clause;
        }
    }

    /// `f(…) over (partition by … order by …)`.
    pub(super) fn window(
        &mut self,
        name: &str,
        args: &Args<'_>,
        over: &WindowType,
    ) -> Checked<Typed> {
        let WindowType::WindowSpec(WindowSpec {
            window_name: None,
            partition_by,
            order_by,
            window_frame: None,
        }) = over
        else {
            return Err(format!(
                "{name} over(…) takes PARTITION BY and ORDER BY only"
            ));
        };
        let (call, ty, nullable, arg) = self.window_call(name, args)?;
        let mut parts: Vec<Typed> = arg.into_iter().collect();
        let mut spec = Vec::new();
        if !partition_by.is_empty() {
            let mut keys = Vec::new();
            for key in partition_by {
                let key = self.expr(key)?;
                let is_id = key.form == Form::Id;
                keys.push(self.fit(&key, is_id));
                parts.push(key);
            }
            spec.push(format!("partition by {}", keys.join(", ")));
        }
        if order_by.is_empty() {
            return Err(format!("{name} over(…) needs ORDER BY"));
        }
        let mut terms = Vec::new();
        for term in order_by {
            let (value, rest) = self.sort_term(term)?;
            terms.push(format!("{}{rest}", self.text(&value)));
            parts.push(value);
        }
        spec.push(format!("order by {}", terms.join(", ")));
        let parts: Vec<&Typed> = parts.iter().collect();
        let sql = format!("({call} over ({}))", spec.join(" "));
        Ok(Typed {
            window: true,
            ..Typed::new(sql, ty, nullable, &parts)
        })
    }

    fn window_call(
        &mut self,
        name: &str,
        args: &Args<'_>,
    ) -> Checked<(String, ColumnType, bool, Option<Typed>)> {
        let list = match args {
            Args::List(list, false) => &list[..],
            _ => return Err(format!("{name} over(…) does not take * or DISTINCT")),
        };
        match (name, list) {
            ("row_number" | "rank" | "dense_rank", []) => {
                Ok((format!("{name}()"), ColumnType::Integer, false, None))
            }
            ("lag" | "lead", [value, rest @ ..]) if rest.len() <= 1 => {
                let value = self.expr(value)?;
                let Some(ty) = value.ty else {
                    return Err(format!("{name} of NULL is not allowed"));
                };
                let offset = match rest {
                    [] => 1,
                    [offset, ..] => steps(offset)
                        .ok_or_else(|| format!("{name} takes an offset written out"))?,
                };
                let text = self.text(&value);
                let sql = self.dialect.neighbour(name, &text, offset);
                Ok((sql, ty, true, Some(value)))
            }
            _ => Err(format!(
                "{name} over(…) is not allowed: expected row_number() rank() dense_rank() lag(x) lead(x)"
            )),
        }
    }
}

fn steps(expr: &Expr) -> Option<u32> {
    let Expr::Value(value) = expr else {
        return None;
    };
    let Value::Number(digits, false) = &value.value else {
        return None;
    };
    digits.parse().ok()
}
