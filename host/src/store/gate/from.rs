//! FROM: relations of the schema, common table expressions, derived tables, and their joins.

use aviary_manifest::ColumnType;
use sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins,
};

use super::compiler::Compiler;
use super::expr::shown;
use super::scope::{Source, SourceColumn, spelled};
use super::select::Want;
use super::types::{Checked, is_texty};
use super::{ReadSource, Relation, dialect};

impl Compiler<'_> {
    /// The emitted FROM clause, leading space included; its sources are in scope afterwards.
    pub(super) fn from(&mut self, items: &[TableWithJoins]) -> Checked<String> {
        let mut sql = String::new();
        for TableWithJoins { relation, joins } in items {
            let item = self.table(relation)?;
            if sql.is_empty() {
                sql = format!(" from {item}");
            } else {
                sql += &format!(" {} {item}", self.dialect.cross_join());
            }
            for join in joins {
                sql += &self.join(join)?;
            }
        }
        Ok(sql)
    }

    fn join(&mut self, join: &Join) -> Checked<String> {
        let Join {
            relation,
            global,
            join_operator,
        } = join;
        if *global {
            return Err("GLOBAL JOIN is not allowed".into());
        }
        let (word, constraint, is_left) = match join_operator {
            JoinOperator::Join(on) | JoinOperator::Inner(on) => ("join", on, false),
            JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => ("left join", on, true),
            JoinOperator::CrossJoin(JoinConstraint::None) => {
                let item = self.table(relation)?;
                return Ok(format!(" {} {item}", self.dialect.cross_join()));
            }
            _ => {
                return Err(format!(
                    "{} is not allowed: expected JOIN, LEFT JOIN or CROSS JOIN",
                    shown(join)
                ));
            }
        };
        let recursive_uses = self.recursive_uses();
        let item = self.table(relation)?;
        if is_left && self.recursive_uses() > recursive_uses {
            return Err(format!(
                "{}: a table that names itself cannot stand on the right of LEFT JOIN",
                shown(join)
            ));
        }
        let JoinConstraint::On(on) = constraint else {
            return Err(format!("{} needs ON and a condition", shown(join)));
        };
        let on = self.condition(on, "ON")?;
        if is_left && let Some(source) = self.levels.last_mut().and_then(|l| l.sources.last_mut()) {
            for column in &mut source.columns {
                column.nullable = true;
            }
        }
        Ok(format!(" {word} {item} on {}", on.sql))
    }

    /// How often tables that are being made by naming themselves were named so far.
    fn recursive_uses(&self) -> usize {
        let recursive = self.ctes.iter().filter(|c| c.is_recursive);
        recursive.map(|c| c.uses).sum()
    }

    fn table(&mut self, factor: &TableFactor) -> Checked<String> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                self.named_table(name, alias.as_ref())
            }
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias: Some(alias),
                sample: None,
            } => {
                let levels = std::mem::take(&mut self.levels);
                let rows = self.query(subquery, &Want::Keep)?;
                self.levels = levels;
                let (alias, names) = alias_of(alias)?;
                let columns = renamed(rows.columns, &names)?;
                let emitted = self.fresh('d');
                let sql = format!("({}) as {}", rows.sql, dialect::name(&emitted));
                self.enter(Source {
                    alias,
                    emitted,
                    columns,
                })?;
                Ok(sql)
            }
            TableFactor::Derived { alias: None, .. } => {
                Err("a SELECT in FROM needs an alias".into())
            }
            other => Err(format!("{} is not allowed in FROM", shown(other))),
        }
    }

    fn named_table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Checked<String> {
        let parts: Vec<String> = name
            .0
            .iter()
            .map(|part| match part {
                ObjectNamePart::Identifier(ident) => spelled(ident),
                ObjectNamePart::Function(_) => Err(format!("{name} is not allowed in FROM")),
            })
            .collect::<Checked<_>>()?;
        let full = parts.join(".");
        let alias = match alias {
            Some(alias) => match alias_of(alias)? {
                (alias, names) if names.is_empty() => alias,
                _ => {
                    return Err(format!(
                        "{full}: columns of a table cannot be renamed in FROM"
                    ));
                }
            },
            None => parts.last().cloned().unwrap_or_default(),
        };
        if let Some(cte) = self.ctes.iter_mut().rev().find(|c| c.name == full) {
            cte.uses += 1;
            let (table, columns) = (cte.emitted.clone(), cte.columns.clone());
            return self
                .enter_named(alias, 'e', &dialect::name(&table), columns)
                .map(|(sql, _)| sql);
        }
        let Some(relation) = self.schema.relations.iter().find(|r| r.name == full) else {
            let known: Vec<&str> = self
                .schema
                .relations
                .iter()
                .map(|r| r.name.as_str())
                .collect();
            return Err(format!(
                "there is no table {full} for this plugin: there is {}",
                known.join(", ")
            ));
        };
        let table = dialect::relation(relation.schema.as_deref(), &relation.physical);
        let (sql, emitted) = self.enter_named(alias, 't', &table, columns(relation))?;
        self.sources.push(ReadSource {
            relation: relation.name.clone(),
            physical: relation.physical.clone(),
            emitted,
            equal: Vec::new(),
            sorted: Vec::new(),
        });
        Ok(sql)
    }

    fn enter_named(
        &mut self,
        alias: String,
        prefix: char,
        table: &str,
        columns: Vec<SourceColumn>,
    ) -> Checked<(String, String)> {
        let emitted = self.fresh(prefix);
        let sql = format!("{table} as {}", dialect::name(&emitted));
        self.enter(Source {
            alias,
            emitted: emitted.clone(),
            columns,
        })?;
        Ok((sql, emitted))
    }

    /// Adds a source to the innermost SELECT.
    pub(super) fn enter(&mut self, source: Source) -> Checked<()> {
        let Some(level) = self.levels.last_mut() else {
            return Err("FROM outside of a SELECT".into());
        };
        if level.sources.iter().any(|s| s.alias == source.alias) {
            return Err(format!(
                "two tables are called {}: give one an alias",
                source.alias
            ));
        }
        level.sources.push(source);
        Ok(())
    }
}

fn columns(relation: &Relation) -> Vec<SourceColumn> {
    relation
        .columns
        .iter()
        .map(|c| SourceColumn {
            name: Some(c.name.clone()),
            physical: c.physical.clone(),
            ty: Some(c.ty),
            nullable: c.nullable,
            is_id: is_texty(c.ty) && c.ty != ColumnType::Text,
        })
        .collect()
}

/// An alias with the column names after it.
pub(super) fn alias_of(alias: &TableAlias) -> Checked<(String, Vec<String>)> {
    let TableAlias {
        explicit: _,
        name,
        columns,
        at,
    } = alias;
    if at.is_some() {
        return Err(format!("alias {name} AT … is not allowed"));
    }
    let names = columns
        .iter()
        .map(|TableAliasColumnDef { name, data_type }| match data_type {
            None => spelled(name),
            Some(_) => Err(format!("alias {name} takes no column types")),
        })
        .collect::<Checked<_>>()?;
    Ok((spelled(name)?, names))
}

/// Columns under the names of an alias list, when there is one.
pub(super) fn renamed(
    mut columns: Vec<SourceColumn>,
    names: &[String],
) -> Checked<Vec<SourceColumn>> {
    if names.is_empty() {
        return Ok(columns);
    }
    if names.len() != columns.len() {
        return Err(format!(
            "{} column names for {} columns",
            names.len(),
            columns.len()
        ));
    }
    for (column, name) in columns.iter_mut().zip(names) {
        column.name = Some(name.clone());
    }
    Ok(columns)
}
