//! From text to one parsed query. Accepts more than the gate allows: what is allowed is decided on the tree.

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::Dialect;
use sqlparser::parser::Parser;

use super::types::Checked;
use crate::limits;

/// The few rules of spelling: ASCII identifiers, quoted by `"` alone, parameters as `$1`.
#[derive(Debug)]
struct ReadDialect;

impl Dialect for ReadDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.is_identifier_start(ch) || ch.is_ascii_digit()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_dollar_placeholder(&self) -> bool {
        true
    }
}

/// Parses exactly one query.
pub(super) fn parse(sql: &str) -> Checked<Query> {
    if sql.len() > limits::READ_SQL_BYTES_MAX {
        return Err(format!(
            "expected at most {} bytes of SQL, got {}",
            limits::READ_SQL_BYTES_MAX,
            sql.len()
        ));
    }
    if sql.contains('\0') {
        return Err("the SQL contains a NUL".into());
    }
    let mut statements = Parser::new(&ReadDialect)
        .with_recursion_limit(limits::READ_SQL_DEPTH_MAX)
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|e| format!("the SQL does not parse: {e}"))?;
    match (statements.pop(), statements.len()) {
        (Some(Statement::Query(query)), 0) => Ok(*query),
        (Some(statement), 0) => Err(format!(
            "expected one SELECT, got {}: a read never writes",
            first_word(&statement.to_string())
        )),
        (Some(_), more) => Err(format!("expected one SELECT, got {} statements", more + 1)),
        (None, _) => Err("expected one SELECT, got nothing".into()),
    }
}

fn first_word(sql: &str) -> &str {
    sql.split_whitespace().next().unwrap_or("nothing")
}
