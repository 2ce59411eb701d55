//! Many rows in one statement.
//!
//! SQLite has no arrays: lists of ids go in as JSON text, rows as VALUES. Rows are cut into chunks whose sizes are
//! powers of two, so that each table has a handful of prepared statements whatever the batch sizes are.

/// Rows of one statement at most.
const ROWS_MAX: usize = 64;

/// `[1,2,3]`, for `in (select value from json_each(?))`.
pub(super) fn id_list(ids: &[i64]) -> String {
    let mut text = String::with_capacity(ids.len() * 8 + 2);
    text.push('[');
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text
}

/// `(?,?,?),(?,?,?)`: `rows` groups of `columns` parameters.
pub(super) fn values(columns: usize, rows: usize) -> String {
    let group = format!("({})", vec!["?"; columns].join(","));
    vec![group.as_str(); rows].join(",")
}

/// Cuts a slice into chunks whose lengths are powers of two, the largest first.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        if rows.is_empty() {
            return None;
        }
        let length = ROWS_MAX.min(1 << rows.len().ilog2());
        let (chunk, rest) = rows.split_at(length);
        rows = rest;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_powers_of_two_and_lose_nothing() {
        let rows: Vec<usize> = (0..203).collect();
        let lengths: Vec<usize> = chunks(&rows).map(<[usize]>::len).collect();
        assert_eq!(lengths, [64, 64, 64, 8, 2, 1]);
        assert_eq!(chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(chunks::<usize>(&[]).count(), 0);
    }

    #[test]
    fn texts_for_statements() {
        assert_eq!(id_list(&[3, 1]), "[3,1]");
        assert_eq!(id_list(&[]), "[]");
        assert_eq!(values(2, 2), "(?,?),(?,?)");
    }
}
