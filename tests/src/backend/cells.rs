//! Rows of a place as cells that are the same on both backends, and where a plugin's tables are.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, TypeInfo as _, ValueRef as _};

use super::{Place, SCHEMA, postgres, sqlite};

/// One value, whatever the backend; truth values are 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// None.
    Null,
    /// A number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Cell {
    /// The number.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(i) => *i,
            other => panic!("expected an integer, got {other:?}"),
        }
    }

    /// The text.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }
}

impl Place {
    /// The rows of a query.
    ///
    /// # Panics
    /// When it fails.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Cell>> {
        let text = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(dir) => {
                let mut c = sqlite(dir).await;
                let rows = sqlx::query(text).fetch_all(&mut c).await;
                let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e}"));
                rows.iter().map(of_sqlite).collect()
            }
            Self::Postgres(database) => {
                let mut c = postgres(database).await;
                let rows = sqlx::query(text).fetch_all(&mut c).await;
                let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e}"));
                rows.iter().map(of_postgres).collect()
            }
        }
    }

    /// A table or count of a generation, as SQL names it.
    #[must_use]
    pub fn table(&self, generation: i64, name: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("\"g{generation}_{name}\""),
            Self::Postgres(_) => format!("\"{SCHEMA}_g{generation}\".\"t_{name}\""),
        }
    }

    /// The view over it.
    #[must_use]
    pub fn view(&self, generation: i64, name: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("\"g{generation}_{name}_v\""),
            Self::Postgres(_) => format!("\"{SCHEMA}_g{generation}\".\"v_{name}\""),
        }
    }

    /// How many things the database has of a generation besides the host's rows: tables, views, indexes, schemas,
    /// roles.
    ///
    /// # Panics
    /// When it does not say.
    pub async fn things_of(&self, generation: i64) -> i64 {
        let sql = match self {
            Self::Sqlite(_) => format!(
                "select count(*) from sqlite_schema where name glob 'g{generation}_*' or tbl_name glob 'g{generation}_*'"
            ),
            Self::Postgres(database) => format!(
                "select (select count(*) from pg_class c join pg_namespace s on s.oid = c.relnamespace \
                         where s.nspname = '{SCHEMA}_g{generation}') \
                      + (select count(*) from pg_namespace where nspname = '{SCHEMA}_g{generation}') \
                      + (select count(*) from pg_roles where rolname = '{}_{SCHEMA}_g{generation}')",
                database.name()
            ),
        };
        self.number(&sql).await
    }

    /// How many things the database has in all, those of roles that are named after it included.
    ///
    /// # Panics
    /// When it does not say.
    pub async fn things(&self) -> i64 {
        let sql = match self {
            Self::Sqlite(_) => "select count(*) from sqlite_schema".to_owned(),
            Self::Postgres(database) => format!(
                "select (select count(*) from pg_class) + (select count(*) from pg_namespace) \
                      + (select count(*) from pg_roles where starts_with(rolname, '{}'))",
                database.name()
            ),
        };
        self.number(&sql).await
    }

    /// Has the database refuse rows whose column holds a word, in the words of `why`.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn refuse(&self, table: &str, column: &str, word: &str, why: &str) {
        let sql = match self {
            Self::Sqlite(_) => format!(
                "create trigger refuse before insert on {table} when new.{column} like '%{word}%' \
                 begin select raise(abort, '{why}'); end"
            ),
            Self::Postgres(_) => format!(
                "alter table {table} add constraint \"{why}\" check ({column} not like '%{word}%')"
            ),
        };
        self.execute(&sql).await;
    }

    /// The columns of all tables in which a word stands, `table.column`; a generation's table is `gN_NAME`.
    ///
    /// # Panics
    /// When there are fewer than `columns_min` columns to look at, or the database does not say.
    pub async fn columns_with(&self, word: &str, columns_min: usize) -> Vec<String> {
        let columns = match self {
            Self::Sqlite(_) => {
                "select '\"' || t.name || '\"', '\"' || c.name || '\"', t.name || '.' || c.name, '' from sqlite_schema t \
                 join pragma_table_info(t.name) c where t.type = 'table'"
            }
            Self::Postgres(_) => {
                "select quote_ident(c.table_schema) || '.' || quote_ident(c.table_name), quote_ident(c.column_name), \
                        case when c.table_schema = 'aviary' then c.table_name \
                             else substr(c.table_schema, 8) || substr(c.table_name, 2) end || '.' || c.column_name, \
                        c.data_type::text \
                 from information_schema.columns c join information_schema.tables t using (table_schema, table_name) \
                 where t.table_type = 'BASE TABLE' and c.table_schema like 'aviary%'"
            }
        };
        let columns = self.rows(columns).await;
        assert!(columns.len() > columns_min, "the scan sees the tables");
        let each: Vec<String> = columns
            .iter()
            .map(|cells| {
                let [table, column, name, ty] = [0, 1, 2, 3].map(|at| cells[at].text());
                let holds = match (self, ty) {
                    (Self::Sqlite(_), _) => {
                        format!("instr(cast({column} as blob), cast('{word}' as blob)) > 0")
                    }
                    (_, "bytea") => format!("position('{word}'::bytea in {column}) > 0"),
                    _ => format!("strpos({column}::text, '{word}') > 0"),
                };
                format!("select '{name}' where exists (select 1 from {table} where {holds})")
            })
            .collect();
        let mut found = Vec::new();
        // Few enough for one statement of either backend.
        for some in each.chunks(50) {
            found.extend(self.texts(&some.join(" union all ")).await);
        }
        found.sort();
        found
    }
}

fn of_sqlite(row: &SqliteRow) -> Vec<Cell> {
    (0..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at).expect("a value");
            if raw.is_null() {
                return Cell::Null;
            }
            match raw.type_info().name() {
                "INTEGER" | "BOOLEAN" => Cell::Integer(row.get_unchecked(at)),
                "REAL" => Cell::Real(row.get_unchecked(at)),
                "BLOB" => Cell::Bytes(row.get_unchecked(at)),
                _ => Cell::Text(row.get_unchecked(at)),
            }
        })
        .collect()
}

fn of_postgres(row: &PgRow) -> Vec<Cell> {
    (0..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at).expect("a value");
            if raw.is_null() {
                return Cell::Null;
            }
            match raw.type_info().name() {
                "INT8" => Cell::Integer(row.get(at)),
                "INT4" => Cell::Integer(row.get::<i32, _>(at).into()),
                "BOOL" => Cell::Integer(row.get::<bool, _>(at).into()),
                "FLOAT8" => Cell::Real(row.get(at)),
                "BYTEA" => Cell::Bytes(row.get(at)),
                _ => Cell::Text(row.get(at)),
            }
        })
        .collect()
}
