//! Counts: net differences of one unit, one upsert for each counter, in sorted order.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::bulk;
use super::rows::{Cell, WriteError};
use super::schema::{CountTable, KeyColumn, RowTable};

/// What a unit changes in the counts over one table.
pub(super) struct Deltas<'t> {
    counts: Vec<(&'t CountTable, BTreeMap<String, Delta>)>,
}

struct Delta {
    by: Vec<Cell>,
    n: i64,
}

impl<'t> Deltas<'t> {
    pub(super) fn new(table: &'t RowTable) -> Self {
        Self {
            counts: table.counts.iter().map(|c| (c, BTreeMap::new())).collect(),
        }
    }

    /// Whether nothing is counted over this table.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Columns that a query over the table has to give for [`Deltas::add_read`], each count's in turn.
    pub(super) fn columns(&self) -> Vec<&'t KeyColumn> {
        self.counts
            .iter()
            .flat_map(|(count, _)| &count.by)
            .collect()
    }

    /// Deletes rows of these records, counting each away.
    pub(super) async fn take_deleted(
        &mut self,
        db: &mut SqliteConnection,
        table: &RowTable,
        records: &[i64],
    ) -> Result<(), WriteError> {
        let columns: Vec<&str> = self.columns().iter().map(|c| c.name.as_str()).collect();
        let returning = if columns.is_empty() {
            String::new()
        } else {
            format!(" returning {}", columns.join(", "))
        };
        let sql = format!(
            "delete from {} where _u in (select value from json_each(?1)){returning}",
            table.name
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(bulk::id_list(records))
            .fetch_all(db)
            .await?;
        for row in rows {
            self.add_read(&row, 0, -1)?;
        }
        Ok(())
    }

    /// Counts a row that was read; its [`Deltas::columns`] start at `from`.
    pub(super) fn add_read(
        &mut self,
        row: &sqlx::sqlite::SqliteRow,
        from: usize,
        n: i64,
    ) -> Result<(), sqlx::Error> {
        let mut at = from;
        for (count, deltas) in &mut self.counts {
            let by = (at..at + count.by.len())
                .map(|i| Cell::read(row, i))
                .collect::<Result<_, _>>()?;
            at += count.by.len();
            add(deltas, by, n);
        }
        Ok(())
    }

    /// Counts a row by its declared columns.
    pub(super) fn add_row(&mut self, did_id: i64, cells: &[Cell], n: i64) {
        for (count, deltas) in &mut self.counts {
            let by = count
                .by
                .iter()
                .map(|column| match column.at {
                    Some(at) => cells.get(at).cloned().unwrap_or(Cell::Null),
                    None => Cell::Integer(did_id),
                })
                .collect();
            add(deltas, by, n);
        }
    }

    /// Writes the net differences; counters that come to 0 go.
    pub(super) async fn write(self, db: &mut SqliteConnection) -> Result<(), WriteError> {
        for (count, deltas) in self.counts {
            let changed: Vec<Delta> = deltas.into_values().filter(|d| d.n != 0).collect();
            let names: Vec<&str> = count.by.iter().map(|c| c.name.as_str()).collect();
            for chunk in bulk::chunks(&changed) {
                let sql = format!(
                    "insert into {} ({names}, n) values {} on conflict ({names}) do update set n = n + excluded.n",
                    count.name,
                    bulk::values(names.len() + 1, chunk.len()),
                    names = names.join(", "),
                );
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for delta in chunk {
                    for cell in &delta.by {
                        query = cell.clone().bind(query);
                    }
                    query = query.bind(delta.n);
                }
                query.execute(&mut *db).await?;
            }
            let lowered: Vec<&Delta> = changed.iter().filter(|d| d.n < 0).collect();
            for chunk in bulk::chunks(&lowered) {
                let sql = format!(
                    "delete from {} where n = 0 and ({}) in (values {})",
                    count.name,
                    names.join(", "),
                    bulk::values(names.len(), chunk.len()),
                );
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for cell in chunk.iter().flat_map(|d| &d.by) {
                    query = cell.clone().bind(query);
                }
                query.execute(&mut *db).await?;
            }
        }
        Ok(())
    }
}

/// Rows with a NULL among what is counted by are not counted.
fn add(deltas: &mut BTreeMap<String, Delta>, by: Vec<Cell>, n: i64) {
    if by.contains(&Cell::Null) {
        return;
    }
    let key = serde_json::Value::from_iter(by.iter().map(Cell::json)).to_string();
    deltas.entry(key).or_insert(Delta { by, n: 0 }).n += n;
}
