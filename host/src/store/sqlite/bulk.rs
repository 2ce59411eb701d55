//! Statements over many rows at once: a statement costs a hand-over to SQLite's thread, a row does not.
//!
//! Chunk sizes are powers of two, so that a handful of texts serves every batch and the statement cache holds them.
//! Parameters are anonymous (`?`): SQLite looks numbered ones up by a linear search at each bind.

use std::ops::Range;

use sqlx::AssertSqlSafe;

use crate::limits;

/// Cuts `0..len` into chunks whose sizes are powers of two, largest first.
pub(super) fn chunks(len: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let left = len - at;
        if left == 0 {
            return None;
        }
        let size = (1 << left.ilog2()).min(limits::SQLITE_CHUNK_ROWS_MAX);
        at += size;
        Some(at - size..at)
    })
}

/// `head` `row`, `row`, … `tail`.
pub(super) fn values(head: &str, row: &str, rows: usize, tail: &str) -> AssertSqlSafe<String> {
    let mut sql = String::with_capacity(head.len() + rows * (row.len() + 1) + tail.len());
    sql.push_str(head);
    for i in 0..rows {
        if i > 0 {
            sql.push(',');
        }
        sql.push_str(row);
    }
    sql.push_str(tail);
    AssertSqlSafe(sql)
}

/// A JSON array of integers, for `in (select value from json_each(?))`.
pub(super) fn id_list(ids: &[i64]) -> String {
    let mut json = String::with_capacity(ids.len() * 8 + 2);
    json.push('[');
    for (i, id) in ids.iter().enumerate() {
        if i > 0 {
            json.push(',');
        }
        json.push_str(&id.to_string());
    }
    json.push(']');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_once() {
        for len in [0, 1, 2, 3, 7, 64, 127, 128, 129, 1_000] {
            let all: Vec<usize> = chunks(len).flatten().collect();
            assert_eq!(all, (0..len).collect::<Vec<_>>());
            assert!(chunks(len).all(|r| r.len().is_power_of_two()));
        }
    }

    #[test]
    fn texts_are_as_written() {
        assert_eq!(values("a ", "(?)", 2, " z").0, "a (?),(?) z");
        assert_eq!(id_list(&[3, -1]), "[3,-1]");
        assert_eq!(id_list(&[]), "[]");
    }
}
