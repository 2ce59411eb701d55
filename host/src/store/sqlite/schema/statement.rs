//! A statement over many rows, with its texts made once.
//!
//! Chunk sizes are powers of two, so that a handful of texts serves every batch and the connection's statement cache
//! holds them. Parameters are anonymous: SQLite looks numbered ones up by a linear search at each bind.

use std::ops::Range;
use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::limits;

/// The texts of one statement for 1, 2, 4, … rows.
#[derive(Debug)]
pub(in crate::store::sqlite) struct Rows {
    texts: Vec<Arc<str>>,
}

impl Rows {
    /// `head` `(?,…)`, `(?,…)`, … `tail`, with `binds` parameters for each row.
    pub(super) fn new(head: &str, binds: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; binds].join(","));
        let fitting = (limits::SQLITE_BINDS_MAX / binds.max(1)).max(1);
        let rows_max = limits::SQLITE_CHUNK_ROWS_MAX.min(1 << fitting.ilog2());
        let texts = (0..=rows_max.ilog2())
            .map(|power| {
                let rows = vec![row.as_str(); 1 << power].join(",");
                format!("{head}{rows}{tail}").into()
            })
            .collect();
        Self { texts }
    }

    /// Cuts `0..len` into chunks that there is a text for, largest first.
    pub(in crate::store::sqlite) fn chunks(
        &self,
        len: usize,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows_max = 1 << self.texts.len().saturating_sub(1);
        let mut at = 0;
        std::iter::from_fn(move || {
            let left = len - at;
            let rows = (1_usize << left.checked_ilog2()?).min(rows_max);
            at += rows;
            Some(at - rows..at)
        })
    }

    /// The text for a chunk of [`Self::chunks`].
    pub(in crate::store::sqlite) fn text(&self, chunk: &Range<usize>) -> AssertSqlSafe<Arc<str>> {
        let power = chunk.len().max(1).ilog2() as usize;
        let text = self.texts.get(power).or(self.texts.last());
        AssertSqlSafe(text.map_or_else(|| Arc::from(""), Arc::clone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_once_and_wide_rows_come_in_small_ones() {
        for (binds, most) in [(3, 128), (255, 128), (256, 64), (300, 64), (2_000, 16)] {
            let rows = Rows::new("v ", binds, "");
            let chunks: Vec<Range<usize>> = rows.chunks(1_003).collect();
            let all: Vec<usize> = chunks.iter().cloned().flatten().collect();
            assert_eq!(all, (0..1_003).collect::<Vec<_>>());
            assert_eq!(chunks.iter().map(Range::len).max(), Some(most), "{binds}");
            for chunk in chunks {
                let marks = rows.text(&chunk).0.matches('?').count();
                assert_eq!(marks, chunk.len() * binds);
                assert!(marks <= limits::SQLITE_BINDS_MAX);
            }
        }
        assert_eq!(Rows::new("v ", 1, "").chunks(0).count(), 0);
    }
}
