//! The rows that tests of reads find on every database, and the databases behind them: interned ids are in another order
//! than their texts, times tie, and one account is hidden.

use super::gate::fixture::{read, schema};
use super::gate::{CompiledRead, Dialect, compile};
use super::read::ReadSession;
use super::{postgres, sqlite};

/// Rows for the tables of [`schema`]; `$` marks what the databases spell differently: see [`rows`].
const ROWS: &str = r#"
insert into did values (1, 'did:plc:zed'), (2, 'did:plc:amy'), (3, 'did:plc:bob'), (4, 'did:plc:hid');
insert into hidden values (4);
insert into collection values (1, 'x.y.status'), (2, 'x.y.like');
insert into record (id, did_id, coll_id, rkey, rev, cid, seen_us, body) values
    (1, 1, 1, '1', '2222222222222', $CID, 7, $A0),
    (2, 3, 1, '3', '2222222222222', $CID, 7, $A0),
    (3, 2, 1, '2', '2222222222222', $CID, 7, $A0),
    (4, 1, 1, '4', '2222222222222', $CID, 7, $A0),
    (5, 4, 1, '5', '2222222222222', $CID, 7, $A0),
    (6, 2, 2, '6', null, null, null, null);
insert into g1_status values
    (1, 1, 1, 'r1', 'c1', 7, 'up', 100, null, 1.5, '{"a":1}', true, $B00FF),
    (2, 3, 1, 'r3', 'c3', 7, 'down', 200, 1, null, null, false, null),
    (3, 2, 1, 'r2', 'c2', 7, 'up', 200, 1, -2.0, null, true, null),
    (4, 1, 1, 'r4', 'c4', 7, 'a_b%', 300, null, 0.5, null, false, null),
    (5, 4, 1, 'r5', 'c5', 7, 'up', 400, null, null, null, true, null);
insert into g1_likes values (6, 0, 1, 2, 1, 10), (7, 0, 1, 3, 1, 20), (8, 0, 1, 4, 1, 30), (9, 0, 1, 1, 3, 40),
    (10, 0, 0, 1, 3, 50);
insert into g1_by_status values ('up', 2), ('down', 1), ('a_b%', 1);
insert into g1_by_subject values (1, 2), (3, 1);
insert into g1_numbers values
    (1, 9223372036854775807, 1e308, '', $B),
    (2, $LEAST, -1e308, 'a', $B00),
    (3, 0, 0.5, 'é', $B00FF),
    (4, null, null, null, null),
    (5, 7, 2.5, 'Z', $BFF),
    (6, -7, -2.5, '􏿿', $B61),
    (7, 9007199254740993, 9007199254740992.0, '􏿿a', $B62),
    (8, 2, 0.1, 'ä', $B00),
    (9, 3, -0.4, $QUOTES, null);
"#;

/// The rows, with what the databases spell differently.
pub(super) fn rows(dialect: Dialect) -> String {
    let bytes = |hex: &str| match dialect {
        Dialect::Sqlite => format!("x'{hex}'"),
        Dialect::Postgres => format!("decode('{hex}', 'hex')"),
    };
    let quotes = match dialect {
        Dialect::Sqlite => r"'a\b''c'",
        Dialect::Postgres => r"E'a\\b''c'",
    };
    ROWS.replace("$CID", &bytes(&format!("01711220{}", "00".repeat(32))))
        .replace("$A0", &bytes("a0"))
        .replace("$B00FF", &bytes("00ff"))
        .replace("$B00", &bytes("00"))
        .replace("$BFF", &bytes("ff"))
        .replace("$B61", &bytes("61"))
        .replace("$B62", &bytes("62"))
        .replace("$B", &bytes(""))
        .replace("$LEAST", "(-9223372036854775807 - 1)")
        .replace("$QUOTES", quotes)
}

/// A database of either kind with these rows.
pub(super) enum Trial {
    Sqlite(sqlite::fixture::Database),
    Postgres(postgres::fixture::Database),
}

impl Trial {
    /// A new one, with as many read-only connections as asked for.
    pub(super) async fn open(dialect: Dialect, readers: u32) -> Self {
        match dialect {
            Dialect::Sqlite => Self::Sqlite(sqlite::fixture::Database::open(readers).await),
            Dialect::Postgres => Self::Postgres(postgres::fixture::Database::open(readers).await),
        }
    }

    /// Runs SQL that changes something.
    pub(super) async fn write(&mut self, sql: &str) {
        match self {
            Self::Sqlite(database) => database.write(sql).await,
            Self::Postgres(database) => database.write(sql).await,
        }
    }

    /// A read compiled for this database, see [`read`].
    pub(super) fn compiled(&self, params: &str, returns: &str, sql: &str) -> CompiledRead {
        let dialect = match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        };
        compile(&read(params, returns, sql), &schema(), dialect)
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// A session with some reads, each called by its place.
    pub(super) fn session(&self, reads: &[&CompiledRead]) -> Box<dyn ReadSession> {
        match self {
            Self::Sqlite(database) => database.session(reads),
            Self::Postgres(database) => database.session(reads),
        }
    }
}

/// Makes a test of each body on each database: `sqlite::name` and `postgres::name`.
macro_rules! on_both {
    ($($body:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $body() {
                super::$body(crate::store::gate::Dialect::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $body() {
                super::$body(crate::store::gate::Dialect::Postgres).await;
            })+
        }
    };
}
pub(super) use on_both;
