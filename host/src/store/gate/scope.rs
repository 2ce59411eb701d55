//! Which names stand for what: sources of each nested SELECT, common table expressions, relations of the schema.
//!
//! Guarantees: no identifier of the author is ever emitted; what is emitted is a physical name of the schema or a
//! made-up alias (`t0`, `q1`, `c2`).

use aviary_manifest::ColumnType;
use sqlparser::ast::Ident;

use super::dialect;
use super::types::{Checked, ColumnUse, Form, Typed};

/// A column that can be referred to.
#[derive(Clone, Debug)]
pub(super) struct SourceColumn {
    /// What the author writes; none for an expression without alias.
    pub(super) name: Option<String>,
    /// What is emitted, unquoted.
    pub(super) physical: String,
    /// Its type; `None` when it is always NULL.
    pub(super) ty: Option<ColumnType>,
    /// Whether it may be null.
    pub(super) nullable: bool,
    /// Whether it stands as an interned id.
    pub(super) is_id: bool,
}

/// One item of a FROM clause.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// What the author calls it.
    pub(super) alias: String,
    /// What it is called in the rewritten SQL.
    pub(super) emitted: String,
    /// Its columns.
    pub(super) columns: Vec<SourceColumn>,
}

/// One SELECT around the expression at hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    /// Its FROM clause.
    pub(super) sources: Vec<Source>,
    /// The emitted SQL of its GROUP BY.
    pub(super) keys: Vec<String>,
    /// The clause at hand when aggregates are not allowed in it.
    pub(super) no_aggregates: Option<&'static str>,
}

/// A common table expression.
#[derive(Clone, Debug)]
pub(super) struct Cte {
    /// What the author calls it.
    pub(super) name: String,
    /// What it is called in the rewritten SQL.
    pub(super) emitted: String,
    /// Its columns.
    pub(super) columns: Vec<SourceColumn>,
    /// How often it was named.
    pub(super) uses: usize,
    /// Whether it is being made just now, by naming itself.
    pub(super) is_recursive: bool,
}

/// An identifier as the schema spells it: unquoted ones are lower case.
pub(super) fn spelled(ident: &Ident) -> Checked<String> {
    match ident.quote_style {
        None => Ok(ident.value.to_ascii_lowercase()),
        Some('"') => Ok(ident.value.clone()),
        Some(quote) => Err(format!(
            "expected an identifier, got {quote}{}{quote}",
            ident.value
        )),
    }
}

/// Finds a column in the innermost SELECT that has it.
pub(super) fn resolve(levels: &[Level], alias: Option<&str>, name: &str) -> Checked<Typed> {
    for (number, level) in levels.iter().enumerate().rev() {
        let named = |s: &&Source| alias.is_none_or(|a| s.alias == a);
        let hits: Vec<(&Source, &SourceColumn)> = level
            .sources
            .iter()
            .filter(named)
            .flat_map(|s| s.columns.iter().map(move |c| (s, c)))
            .filter(|(_, c)| c.name.as_deref() == Some(name))
            .collect();
        match hits[..] {
            [(source, column)] => return Ok(reference(number, &source.emitted, column)),
            [] => {}
            _ => return Err(format!("column {name} is ambiguous: write alias.{name}")),
        }
        if alias.is_some()
            && let Some(source) = level.sources.iter().find(named)
        {
            return Err(format!(
                "{} has no column {name}: it has {}",
                source.alias,
                names(std::slice::from_ref(source))
            ));
        }
    }
    let here = levels.last().map_or(&[][..], |l| &l.sources);
    Err(match alias {
        Some(alias) => format!("there is no table or alias {alias} here"),
        None => format!("there is no column {name} here: there is {}", names(here)),
    })
}

/// All columns of some sources, for messages.
fn names(sources: &[Source]) -> String {
    let all: Vec<&str> = sources
        .iter()
        .flat_map(|s| &s.columns)
        .filter_map(|c| c.name.as_deref())
        .collect();
    if all.is_empty() {
        "none".into()
    } else {
        all.join(", ")
    }
}

/// A column of a source, as an expression.
pub(super) fn reference(level: usize, emitted: &str, column: &SourceColumn) -> Typed {
    // What is always NULL has the type of what it meets.
    if column.ty.is_none() {
        return Typed {
            ty: None,
            ..Typed::new("null".into(), ColumnType::Text, true, &[])
        };
    }
    Typed {
        sql: format!(
            "{}.{}",
            dialect::name(emitted),
            dialect::name(&column.physical)
        ),
        ty: column.ty,
        nullable: column.nullable,
        form: if column.is_id { Form::Id } else { Form::Plain },
        literal: false,
        nonzero: false,
        aggregate: false,
        window: false,
        bare: true,
        columns: vec![ColumnUse {
            level,
            source: emitted.to_owned(),
            name: column.name.clone().unwrap_or_default(),
        }],
    }
}
