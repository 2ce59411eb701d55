//! UNION and WITH: SELECTs that have to agree in the types and forms of their columns.

use sqlparser::ast::{
    Cte as CteAst, Query, Select, SetExpr, SetOperator, SetQuantifier, Visit, With, visit_relations,
};
use std::ops::ControlFlow;

use super::compiler::Compiler;
use super::dialect;
use super::expr::stays_id;
use super::from::{alias_of, renamed};
use super::scope::{Cte, Level, SourceColumn};
use super::select::{Core, Rowset, Shown, Want};
use super::types::{Checked, Typed, unify};
use crate::limits;

/// One SELECT of a compound, with the operator before it.
enum Leaf<'a> {
    Select(&'a Select),
    Query(&'a Query),
}

impl Leaf<'_> {
    fn mentions(&self, name: &str) -> bool {
        match self {
            Self::Select(select) => mentions(*select, name),
            Self::Query(query) => mentions(*query, name),
        }
    }
}

impl Compiler<'_> {
    /// SELECTs joined by UNION.
    pub(super) fn compound(&mut self, body: &SetExpr, want: &Want) -> Checked<Rowset> {
        let mut leaves = Vec::new();
        collect(body, &mut leaves)?;
        let mut cores = Vec::new();
        for (operator, leaf) in leaves {
            cores.push((operator, self.leaf(&leaf)?));
        }
        let columns = agreed(&cores)?;
        Ok(self.join_cores(&cores, columns, want))
    }

    fn leaf(&mut self, leaf: &Leaf<'_>) -> Checked<Core> {
        self.levels.push(Level::default());
        let core = match leaf {
            Leaf::Select(select) => self.core(select)?,
            Leaf::Query(query) => {
                let level = self.levels.pop();
                let rows = self.query(query, &Want::Keep)?;
                self.levels.extend(level);
                self.all_of(rows)?
            }
        };
        self.levels.pop();
        Ok(core)
    }

    fn join_cores(
        &mut self,
        cores: &[(&'static str, Core)],
        mut columns: Vec<SourceColumn>,
        want: &Want,
    ) -> Rowset {
        if *want == Want::Text {
            columns.iter_mut().for_each(|c| c.is_id = false);
        }
        let forms: Vec<Shown> = columns.iter().map(|c| (c.is_id, c.ty)).collect();
        let mut sql = String::new();
        for (operator, core) in cores {
            sql += operator;
            sql += &self.render(core, &forms, "", "").sql;
        }
        Rowset {
            sql,
            columns,
            is_one: false,
        }
    }

    /// The emitted WITH clause, trailing space included; its tables are in scope afterwards.
    pub(super) fn with(&mut self, with: &With) -> Checked<String> {
        let With {
            with_token: _,
            recursive,
            cte_tables,
        } = with;
        let mut items = Vec::new();
        for table in cte_tables {
            let CteAst {
                alias,
                query,
                from: None,
                materialized: None,
                closing_paren_token: _,
            } = table
            else {
                return Err(format!(
                    "WITH {} AS MATERIALIZED is not allowed",
                    table.alias
                ));
            };
            let (name, names) = alias_of(alias)?;
            let emitted = self.fresh('q');
            let levels = std::mem::take(&mut self.levels);
            let rows = if *recursive && mentions(query, &name) {
                self.recursive(&name, &names, &emitted, query)?
            } else {
                self.query(query, &Want::Keep)?
            };
            self.levels = levels;
            let heads: Vec<String> = rows
                .columns
                .iter()
                .map(|c| dialect::name(&c.physical))
                .collect();
            items.push(format!(
                "{}({}) as ({})",
                dialect::name(&emitted),
                heads.join(", "),
                rows.sql
            ));
            let columns = renamed(rows.columns, &names)?;
            self.ctes.push(Cte {
                name,
                emitted,
                columns,
                uses: 0,
                is_recursive: false,
            });
        }
        let recursive = if *recursive { "recursive " } else { "" };
        Ok(format!("with {recursive}{} ", items.join(", ")))
    }

    /// A table that names itself: the types of its columns are those of its first part, widened until the part
    /// that names it agrees.
    fn recursive(
        &mut self,
        name: &str,
        names: &[String],
        emitted: &str,
        query: &Query,
    ) -> Checked<Rowset> {
        let shape = "a recursive WITH is `first part UNION [ALL] part that names it`, without ORDER BY or LIMIT; \
                     only the last part names it";
        let (None, None, None) = (&query.with, &query.order_by, &query.limit_clause) else {
            return Err(shape.into());
        };
        let mut leaves = Vec::new();
        collect(&query.body, &mut leaves)?;
        let names_it: Vec<bool> = leaves.iter().map(|(_, l)| l.mentions(name)).collect();
        if leaves.len() < 2 || names_it.iter().position(|n| *n) != Some(leaves.len() - 1) {
            return Err(shape.into());
        }
        self.queries += 1;
        self.note_bounds(false);
        let mark = self.binds.len();
        let mut state: Option<Vec<SourceColumn>> = None;
        // Each round widens at least one column in form, nullability or type, or is the last.
        const ROUNDS_MAX: usize = 64;
        for _ in 0..ROUNDS_MAX {
            self.binds.truncate(mark);
            let (operator, first) = &leaves[0];
            let mut cores = vec![(*operator, self.leaf(first)?)];
            let columns = match state.take() {
                Some(columns) => columns,
                None => agreed(&cores)?,
            };
            for (operator, leaf) in &leaves[1..] {
                let core = self.recursive_leaf(leaf, name, names, emitted, &columns)?;
                cores.push((*operator, core));
            }
            let mut next = agreed(&cores)?;
            for (n, c) in next.iter_mut().zip(&columns) {
                n.is_id &= c.is_id;
                n.nullable |= c.nullable;
            }
            let is_same = next
                .iter()
                .zip(&columns)
                .all(|(a, b)| (a.ty, a.nullable, a.is_id) == (b.ty, b.nullable, b.is_id));
            if is_same {
                self.queries -= 1;
                return Ok(self.join_cores(&cores, columns, &Want::Keep));
            }
            state = Some(next);
        }
        Err(format!("the types of {name} do not settle"))
    }

    fn recursive_leaf(
        &mut self,
        leaf: &Leaf<'_>,
        name: &str,
        names: &[String],
        emitted: &str,
        columns: &[SourceColumn],
    ) -> Checked<Core> {
        self.ctes.push(Cte {
            name: name.to_owned(),
            emitted: emitted.to_owned(),
            columns: renamed(columns.to_vec(), names)?,
            uses: 0,
            is_recursive: true,
        });
        let core = self.leaf(leaf)?;
        self.ctes.pop();
        Ok(core)
    }
}

/// The leaves of a compound from left to right.
fn collect<'a>(body: &'a SetExpr, leaves: &mut Vec<(&'static str, Leaf<'a>)>) -> Checked<()> {
    if leaves.len() > limits::READ_SQL_DEPTH_MAX {
        return Err(format!(
            "a UNION has more than {} SELECTs",
            limits::READ_SQL_DEPTH_MAX
        ));
    }
    match body {
        SetExpr::Select(select) => leaves.push(("", Leaf::Select(select))),
        SetExpr::Query(query) => leaves.push(("", Leaf::Query(query))),
        SetExpr::SetOperation {
            left,
            op,
            set_quantifier,
            right,
        } => {
            collect(left, leaves)?;
            let before = leaves.len();
            collect(right, leaves)?;
            let word = match (op, set_quantifier) {
                (SetOperator::Union, SetQuantifier::All) => " union all ",
                (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => " union ",
                _ => return Err(format!("{op} is not allowed: expected UNION or UNION ALL")),
            };
            if leaves.len() != before + 1 {
                return Err("parentheses in a UNION take one SELECT".into());
            }
            leaves[before].0 = word;
        }
        other => return Err(format!("{other} is not allowed in a UNION")),
    }
    Ok(())
}

/// The columns that all parts agree in; named by the first.
fn agreed(cores: &[(&'static str, Core)]) -> Checked<Vec<SourceColumn>> {
    let Some((_, first)) = cores.first() else {
        return Ok(Vec::new());
    };
    if let Some((_, odd)) = cores.iter().find(|(_, c)| c.outs.len() != first.outs.len()) {
        return Err(format!(
            "the parts of a UNION have {} and {} columns",
            first.outs.len(),
            odd.outs.len()
        ));
    }
    let column = |number: usize| {
        let values: Vec<&Typed> = cores.iter().map(|(_, c)| &c.outs[number].value).collect();
        let ty = unify(&values, "UNION")?;
        Ok(SourceColumn {
            name: first.outs[number].name.clone(),
            physical: format!("c{number}"),
            ty,
            nullable: values.iter().any(|v| v.nullable),
            is_id: ty.is_some_and(|t| stays_id(&values, t)),
        })
    };
    (0..first.outs.len()).map(column).collect()
}

fn mentions<V: Visit>(part: &V, name: &str) -> bool {
    visit_relations(part, |relation| {
        if relation.to_string().eq_ignore_ascii_case(name) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .is_break()
}
