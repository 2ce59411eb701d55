//! Queries: one SELECT with its ORDER BY and LIMIT, and what a query gives to the query around it.

use aviary_manifest::ColumnType;
use sqlparser::ast::{LimitClause, OrderBy, Query, Select, SetExpr};

use super::compiler::Compiler;
use super::dialect;
use super::expr::shown;
use super::order::Limit;
use super::scope::{Level, Source, SourceColumn};
use super::types::{Checked, ColumnUse, Form, Typed};

/// How `did` and `at-uri` columns leave a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// As ids where they still are.
    Keep,
    /// As text.
    Text,
}

/// How a column is rendered: whether as an id, and the type that is meant.
pub(super) type Shown = (bool, Option<ColumnType>);

/// A rewritten query and its columns, called `c0`, `c1`, ….
#[derive(Clone, Debug)]
pub(super) struct Rowset {
    /// A whole query, without parentheses.
    pub(super) sql: String,
    /// Its columns.
    pub(super) columns: Vec<SourceColumn>,
    /// Whether it always has exactly one row.
    pub(super) is_one: bool,
}

/// One item of a SELECT list.
#[derive(Clone, Debug)]
pub(super) struct Out {
    /// Its alias, or its column's name.
    pub(super) name: Option<String>,
    /// Its value.
    pub(super) value: Typed,
}

/// A SELECT without ORDER BY and LIMIT, before its columns are rendered.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) distinct: bool,
    pub(super) outs: Vec<Out>,
    /// From FROM to HAVING.
    pub(super) tail: String,
    pub(super) has_keys: bool,
    pub(super) has_having: bool,
    pub(super) aggregate: bool,
}

/// Whether a query's SQL ends in a LIMIT.
pub(super) fn is_cut(query: &Query) -> bool {
    match (&query.limit_clause, &*query.body) {
        (Some(_), _) => true,
        (None, SetExpr::Query(inner)) => query.order_by.is_none() && is_cut(inner),
        _ => false,
    }
}

impl Compiler<'_> {
    /// A query inside of an expression, with the columns it takes from outside.
    pub(super) fn subquery(
        &mut self,
        query: &Query,
        want: &Want,
    ) -> Checked<(Rowset, Vec<ColumnUse>)> {
        let mark = self.touched.len();
        let inside = self.levels.len();
        let rows = self.query(query, want)?;
        let mut outer = self.touched[mark..].to_vec();
        outer.retain(|c| c.level < inside);
        Ok((rows, outer))
    }

    /// A whole query.
    pub(super) fn query(&mut self, query: &Query, want: &Want) -> Checked<Rowset> {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let extra = fetch.is_some()
            || !locks.is_empty()
            || for_clause.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || !pipe_operators.is_empty();
        if extra {
            return Err(format!(
                "{} has a clause that is not allowed: expected SELECT … ORDER BY … LIMIT … OFFSET",
                shown(query)
            ));
        }
        let outer_ctes = self.ctes.len();
        self.queries += 1;
        let rows = self.descend(|c| {
            let with = with.as_ref().map(|w| c.with(w)).transpose()?;
            let mut rows = c.body(body, order_by.as_ref(), limit_clause.as_ref(), want)?;
            rows.sql = with.unwrap_or_default() + &rows.sql;
            Ok(rows)
        })?;
        self.queries -= 1;
        self.ctes.truncate(outer_ctes);
        Ok(rows)
    }

    fn body(
        &mut self,
        body: &SetExpr,
        order: Option<&OrderBy>,
        limit: Option<&LimitClause>,
        want: &Want,
    ) -> Checked<Rowset> {
        match body {
            SetExpr::Select(select) => self.select(select, order, limit, want),
            SetExpr::Query(inner) if order.is_none() && limit.is_none() => self.query(inner, want),
            SetExpr::Query(_) | SetExpr::SetOperation { .. } => {
                let keep = if order.is_none() && limit.is_none() {
                    want
                } else {
                    &Want::Keep
                };
                let rows = self.compound(body, keep)?;
                self.note_bounds(false);
                if order.is_none() && limit.is_none() {
                    return Ok(rows);
                }
                self.wrap(rows, |c, outs| c.order_terms(order, outs), limit, want)
            }
            SetExpr::Values(_) => Err("VALUES is not allowed in a read".into()),
            SetExpr::Table(_) => Err("TABLE is not allowed in a read: write SELECT".into()),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(format!("{}: a read never writes", shown(body)))
            }
        }
    }

    fn select(
        &mut self,
        select: &Select,
        order: Option<&OrderBy>,
        limit: Option<&LimitClause>,
        want: &Want,
    ) -> Checked<Rowset> {
        self.levels.push(Level::default());
        let mut core = self.core(select)?;
        let terms = self.order_terms(order, &core.outs)?;
        core.aggregate |= terms.iter().any(|t| t.value.aggregate);
        for term in &terms {
            self.check_grouped(&core, &term.value, "ORDER BY")?;
        }
        let has_source = self.levels.pop().is_some_and(|l| !l.sources.is_empty());
        let at: Vec<Option<usize>> = terms
            .iter()
            .map(|t| core.outs.iter().position(|o| o.value.sql == t.value.sql))
            .collect();
        if core.distinct && at.contains(&None) {
            return Err("ORDER BY of SELECT DISTINCT takes only its result columns".into());
        }
        let ids = core.outs.iter().any(|o| o.value.form == Form::Id);
        if core.distinct && ids && *want == Want::Text {
            // Distinct as ids first, then text of what is left.
            let inner = self.render(&core, &self.forms(&core.outs, &Want::Keep), "", "");
            self.note_bounds(!has_source);
            let sorted = move |_: &mut Self, outs: &[Out]| {
                let mut terms = terms;
                for (term, at) in terms.iter_mut().zip(at) {
                    if let Some(out) = at.and_then(|at| outs.get(at)) {
                        term.value = out.value.clone();
                    }
                }
                Ok(terms)
            };
            return self.wrap(inner, sorted, limit, want);
        }
        let limit = self.limit_sql(limit)?;
        self.note_bounds(!has_source || (limit.is_set && (!core.aggregate || core.has_keys)));
        Ok(self.ordered(&core, &terms, &limit.sql, want))
    }

    /// Sorts and cuts the rows of a whole query.
    fn wrap(
        &mut self,
        inner: Rowset,
        terms: impl FnOnce(&mut Self, &[Out]) -> Checked<Vec<super::order::Term>>,
        limit: Option<&LimitClause>,
        want: &Want,
    ) -> Checked<Rowset> {
        self.levels.push(Level::default());
        let core = self.all_of(inner)?;
        let terms = terms(self, &core.outs)?;
        let Limit { sql: limit, .. } = self.limit_sql(limit)?;
        self.levels.pop();
        Ok(self.ordered(&core, &terms, &limit, want))
    }

    /// Renders a SELECT with the forms that its reader wants, sorted and cut.
    fn ordered(
        &mut self,
        core: &Core,
        terms: &[super::order::Term],
        limit: &str,
        want: &Want,
    ) -> Rowset {
        let forms = self.forms(&core.outs, want);
        let rendered: Vec<String> = core
            .outs
            .iter()
            .zip(&forms)
            .map(|(o, (id, ty))| self.fit_as(&o.value, *id, *ty))
            .collect();
        let order = self.order_sql(terms, &rendered);
        self.render(core, &forms, &order, limit)
    }

    /// `select * from (…)`; its source is in the innermost scope afterwards.
    pub(super) fn all_of(&mut self, inner: Rowset) -> Checked<Core> {
        let emitted = self.fresh('d');
        let tail = format!(" from ({}) as {}", inner.sql, dialect::name(&emitted));
        let level = self.levels.len().saturating_sub(1);
        let outs = inner
            .columns
            .iter()
            .map(|column| Out {
                name: column.name.clone(),
                value: super::scope::reference(level, &emitted, column),
            })
            .collect();
        self.enter(Source {
            alias: String::new(),
            emitted,
            columns: inner.columns,
        })?;
        Ok(Core {
            distinct: false,
            outs,
            tail,
            has_keys: false,
            has_having: false,
            aggregate: false,
        })
    }

    fn forms(&self, outs: &[Out], want: &Want) -> Vec<Shown> {
        outs.iter()
            .map(|o| (*want == Want::Keep && o.value.form == Form::Id, o.value.ty))
            .collect()
    }

    /// The SQL of a SELECT with each column as id or as text.
    pub(super) fn render(
        &mut self,
        core: &Core,
        forms: &[Shown],
        order: &str,
        limit: &str,
    ) -> Rowset {
        let mut items = Vec::new();
        let mut columns = Vec::new();
        for (number, (out, (is_id, ty))) in core.outs.iter().zip(forms).enumerate() {
            let physical = format!("c{number}");
            let sql = self.fit_as(&out.value, *is_id, *ty);
            items.push(format!("{sql} as {}", dialect::name(&physical)));
            columns.push(SourceColumn {
                name: out.name.clone(),
                physical,
                ty: out.value.ty,
                nullable: out.value.nullable,
                is_id: *is_id,
            });
        }
        let distinct = if core.distinct { "distinct " } else { "" };
        let sql = format!(
            "select {distinct}{}{}{order}{limit}",
            items.join(", "),
            core.tail
        );
        Rowset {
            sql,
            columns,
            is_one: core.aggregate && !core.has_keys && !core.has_having && limit.is_empty(),
        }
    }

    /// Learns whether a SELECT stops by itself when an index gives its rows in order.
    pub(super) fn note_bounds(&mut self, stops: bool) {
        if self.queries == 1 {
            self.bounded.outer = stops;
        } else {
            self.bounded.inner &= stops;
        }
    }
}
