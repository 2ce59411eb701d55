//! One SELECT from FROM to HAVING: its list, its groups, and what may stand beside them.

use aviary_manifest::ColumnType;
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, ObjectName, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::compiler::Compiler;
use super::expr::shown;
use super::scope::spelled;
use super::select::{Core, Out};
use super::types::{Checked, Form, Typed};

impl Compiler<'_> {
    /// A SELECT; its scope stays open.
    pub(super) fn core(&mut self, select: &Select) -> Checked<Core> {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        let extra = !optimizer_hints.is_empty()
            || select_modifiers.is_some()
            || top.is_some()
            || exclude.is_some()
            || into.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || !named_window.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some()
            || *flavor != SelectFlavor::Standard;
        if extra {
            return Err(format!(
                "{} has a clause that is not allowed: expected SELECT … FROM … WHERE … GROUP BY … HAVING",
                shown(select)
            ));
        }
        let distinct = match distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err("DISTINCT ON is not allowed".into()),
        };
        self.no_aggregates(Some("ON"));
        let mut tail = self.from(from)?;
        if let Some(selection) = selection {
            self.no_aggregates(Some("WHERE"));
            tail += &format!(" where {}", self.condition(selection, "WHERE")?.sql);
        }
        self.no_aggregates(Some("GROUP BY"));
        let keys = self.group_by(group_by, projection)?;
        if !keys.is_empty() {
            tail += &format!(" group by {}", keys.join(", "));
        }
        self.no_aggregates(None);
        self.finish_core(distinct, tail, keys, projection, having.as_ref())
    }

    fn finish_core(
        &mut self,
        distinct: bool,
        tail: String,
        keys: Vec<String>,
        projection: &[SelectItem],
        having: Option<&Expr>,
    ) -> Checked<Core> {
        let has_keys = !keys.is_empty();
        if let Some(level) = self.levels.last_mut() {
            level.keys = keys;
        }
        let mut outs = Vec::new();
        for item in projection {
            self.select_item(item, &mut outs)?;
        }
        let having = having.map(|h| self.condition(h, "HAVING")).transpose()?;
        let mut core = Core {
            distinct,
            aggregate: has_keys || having.is_some() || outs.iter().any(|o| o.value.aggregate),
            outs,
            tail,
            has_keys,
            has_having: having.is_some(),
        };
        for out in &core.outs {
            self.check_grouped(&core, &out.value, "SELECT")?;
        }
        if let Some(having) = having {
            self.check_grouped(&core, &having, "HAVING")?;
            core.tail += &format!(" having {}", having.sql);
        }
        Ok(core)
    }

    /// In a SELECT with groups a column is a key or inside an aggregate.
    pub(super) fn check_grouped(&self, core: &Core, value: &Typed, clause: &str) -> Checked<()> {
        let here = self.levels.len().saturating_sub(1);
        match value.columns.iter().find(|c| c.level == here) {
            Some(column) if core.aggregate => Err(format!(
                "column {} in {clause} must be in GROUP BY or inside an aggregate",
                column.name
            )),
            _ => Ok(()),
        }
    }

    fn group_by(&mut self, clause: &GroupByExpr, items: &[SelectItem]) -> Checked<Vec<String>> {
        let GroupByExpr::Expressions(exprs, modifiers) = clause else {
            return Err("GROUP BY ALL is not allowed".into());
        };
        if !modifiers.is_empty() {
            return Err("GROUP BY … WITH is not allowed".into());
        }
        let mut keys = Vec::new();
        for expr in exprs {
            let key = match self.expr(expr) {
                Ok(key) => key,
                // Not a column: perhaps the alias of a result column.
                Err(reason) => match aliased(expr, items)? {
                    Some(item) => self.expr(item)?,
                    None => return Err(reason),
                },
            };
            if key.columns.is_empty() {
                return Err(format!("GROUP BY {} uses no column", shown(expr)));
            }
            if key.ty == Some(ColumnType::Json) {
                return Err("GROUP BY of json is not allowed".into());
            }
            self.wish_key(&key);
            let is_id = key.form == Form::Id;
            keys.push(self.fit(&key, is_id));
        }
        Ok(keys)
    }

    fn wish_key(&mut self, key: &Typed) {
        if let [column] = &key.columns[..] {
            let term = column.name.clone();
            self.wish(key, &term, false);
        }
    }

    fn select_item(&mut self, item: &SelectItem, outs: &mut Vec<Out>) -> Checked<()> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::Identifier(name) => Some(spelled(name)?),
                    Expr::CompoundIdentifier(parts) => parts.last().map(spelled).transpose()?,
                    _ => None,
                };
                let value = self.expr(expr)?;
                outs.push(Out { name, value });
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let value = self.expr(expr)?;
                let name = Some(spelled(alias)?);
                outs.push(Out { name, value });
            }
            SelectItem::Wildcard(options) => {
                plain_star(options)?;
                self.star(None, outs)?;
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(ObjectName(parts)),
                options,
            ) => {
                plain_star(options)?;
                let alias = match &parts[..] {
                    [part] => part.as_ident().map(spelled).transpose()?,
                    _ => None,
                };
                let Some(alias) = alias else {
                    return Err(format!("{} is not allowed: write alias.*", shown(item)));
                };
                self.star(Some(&alias), outs)?;
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _)
            | SelectItem::ExprWithAliases { .. } => {
                return Err(format!("{} is not allowed in a SELECT list", shown(item)));
            }
        }
        Ok(())
    }

    /// `*` stands for the declared columns, never for what a view may have besides.
    fn star(&mut self, alias: Option<&str>, outs: &mut Vec<Out>) -> Checked<()> {
        let sources = self.levels.last().map(|l| l.sources.clone());
        let mut any = false;
        for source in sources.iter().flatten() {
            if alias.is_some_and(|a| a != source.alias) {
                continue;
            }
            any = true;
            for name in source.columns.iter().filter_map(|c| c.name.clone()) {
                let parts = [source.alias.as_str(), &name].map(|p| Ident::with_quote('"', p));
                let value = self.column(&parts)?;
                outs.push(Out {
                    name: Some(name),
                    value,
                });
            }
        }
        if any {
            Ok(())
        } else {
            Err(match alias {
                Some(alias) => format!("there is no table or alias {alias} here"),
                None => "* needs a FROM".into(),
            })
        }
    }
}

fn plain_star(options: &WildcardAdditionalOptions) -> Checked<()> {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike: None,
        opt_exclude: None,
        opt_except: None,
        opt_replace: None,
        opt_rename: None,
        opt_alias: None,
    } = options
    else {
        return Err(format!("*{options} is not allowed"));
    };
    Ok(())
}

/// The expression behind an alias of the SELECT list.
fn aliased<'a>(expr: &Expr, items: &'a [SelectItem]) -> Checked<Option<&'a Expr>> {
    let Expr::Identifier(name) = expr else {
        return Ok(None);
    };
    let name = spelled(name)?;
    for item in items {
        if let SelectItem::ExprWithAlias { expr, alias } = item
            && spelled(alias)? == name
        {
            return Ok(Some(expr));
        }
    }
    Ok(None)
}
