//! The one gate through which a plugin's SQL reaches a database: parse, check against a closed list, rewrite.
//!
//! Guarantees: what comes out is one SELECT over relations of the schema and listed functions only; a name resolves
//! to the relation's physical view, so hiding happens below joins and aggregates; DIDs and URIs, stored as interned
//! integers, behave as the text they stand for. Does not run anything.

mod aggregates;
mod compare;
mod compiler;
mod core;
mod dialect;
mod expr;
mod from;
mod functions;
mod order;
mod parse;
mod returns;
mod scope;
mod select;
mod types;
mod union;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use aviary_manifest::{Column, ColumnType, Read};

use crate::limits;

pub use dialect::Dialect;
pub(crate) use dialect::after_prefix;

/// The relations one generation's reads may name.
#[derive(Clone, Debug, Default)]
pub struct GateSchema {
    /// Own tables and counts, granted foreign ones (`plugin.table`), host views.
    pub relations: Vec<Relation>,
}

/// One relation as SQL may name it.
#[derive(Clone, Debug)]
pub struct Relation {
    /// What the author writes: `status`, or `bsky.like` for a granted one.
    pub name: String,
    /// The schema that it is in, unquoted; `None`: where names without a schema are looked for.
    pub schema: Option<String>,
    /// The view or table in the database, unquoted.
    pub physical: String,
    /// Its columns.
    pub columns: Vec<RelationColumn>,
}

/// One column of a relation.
#[derive(Clone, Debug)]
pub struct RelationColumn {
    /// What the author writes.
    pub name: String,
    /// The column of the physical view, unquoted.
    pub physical: String,
    /// What it is to the author; `did` and `at-uri` are interned integers in the physical view.
    pub ty: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
}

/// A checked read, ready to be prepared.
#[derive(Clone, Debug)]
pub struct CompiledRead {
    /// Its name.
    pub name: String,
    /// SQL of the database, its parameters (`?1`, `$1`) numbered as [`CompiledRead::params`].
    pub sql: String,
    /// What to bind, in order.
    pub params: Vec<BindParam>,
    /// The result's columns as declared.
    pub returns: Vec<Column>,
    /// Relations it names, with the index that would serve it.
    pub sources: Vec<ReadSource>,
    /// Which of its SELECTs stop by themselves.
    pub bounded: Bounded,
}

/// A relation that a read names.
#[derive(Clone, Debug)]
pub struct ReadSource {
    /// As the author writes it.
    pub relation: String,
    /// The view or table in the database.
    pub physical: String,
    /// Its alias in the rewritten SQL.
    pub emitted: String,
    /// Columns compared for equality: an index could begin with them.
    pub equal: Vec<String>,
    /// Index terms that it is sorted or cut by after those.
    pub sorted: Vec<String>,
}

/// Whether a walk along an index ends before the index does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// The outermost SELECT has a LIMIT that stops it.
    pub outer: bool,
    /// So has every other SELECT that reads a relation.
    pub inner: bool,
}

/// One bound parameter of the rewritten SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindParam {
    /// Index into the read's declared parameters.
    pub param: usize,
    /// The declared type of the parameter, or of its items.
    pub ty: ColumnType,
    /// How it is bound.
    pub form: BindForm,
}

/// How a parameter is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindForm {
    /// As its value (text for `did` and `at-uri`).
    Value,
    /// As the interned id of a `did` or `at-uri`; -1 when the host has never seen it.
    Id,
    /// A list of values, as one parameter: a JSON array in SQLite, an array in Postgres.
    ValueList,
    /// A list of interned ids, likewise.
    IdList,
    /// A bound above every text that begins with its value, for `starts_with`. When there is none: bytes, which SQLite
    /// puts above all text, and NULL in Postgres.
    PrefixEnd,
}

/// Why a read is refused: for the plugin's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read {read:?}: {message}")]
pub struct GateError {
    /// Which read.
    pub read: String,
    /// What was expected, what came, what to do.
    pub message: String,
}

/// Checks one read and rewrites it for a database.
///
/// # Errors
/// When the SQL does not parse, writes, names what it may not, or does not give what it declares. The same SQL is
/// refused for the same reason whatever the database.
pub fn compile(
    read: &Read,
    schema: &GateSchema,
    dialect: Dialect,
) -> Result<CompiledRead, GateError> {
    checked(read, schema, dialect).map_err(|message| GateError {
        read: read.name.clone(),
        message,
    })
}

fn checked(read: &Read, schema: &GateSchema, dialect: Dialect) -> types::Checked<CompiledRead> {
    let query = parse::parse(&read.sql)?;
    let mut compiler = compiler::Compiler::new(dialect, schema, &read.params);
    let mut rows = compiler.query(&query, &select::Want::Text)?;
    returns::check(&rows.columns, &read.returns)?;
    if let Some(unused) = compiler.used.iter().position(|used| !used) {
        return Err(format!(
            "the parameter ${} is declared and not used",
            unused + 1
        ));
    }
    if dialect == Dialect::Postgres && !select::is_cut(&query) {
        // A server sends all rows, wanted or not; SQLite computes them one by one. One more than allowed tells.
        rows.sql += &format!(" limit {}", limits::READ_ROWS_MAX + 1);
    }
    Ok(CompiledRead {
        name: read.name.clone(),
        sql: rows.sql,
        params: compiler.binds,
        returns: read.returns.clone(),
        sources: compiler.sources,
        bounded: compiler.bounded,
    })
}
