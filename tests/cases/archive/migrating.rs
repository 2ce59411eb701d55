//! A database of an earlier version goes on where it was.

use aviary::store::RepoStatus;
use aviary_tests::backend::Place;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

use super::entries::{broken, chunk, held, resynced, stands};
use super::world::{archive, body, collection, commit, did, put, tid};

const FIRST: &str = include_str!("../../../migrations/sqlite/0001_spine.sql");
const SECOND: &str = include_str!("../../../migrations/sqlite/0002_host_views.sql");

/// Two repositories, one of them broken; a record, a tombstone, an address, a dead letter.
async fn old_database(dir: &TempDir) {
    let options = SqliteConnectOptions::new()
        .filename(dir.path().join("store.db"))
        .create_if_missing(true);
    let mut c = SqliteConnection::connect_with(&options).await.unwrap();
    for script in [FIRST, SECOND, "pragma user_version = 2"] {
        sqlx::raw_sql(script).execute(&mut c).await.unwrap();
    }
    let (cid, bytes) = body(1, 256);
    for (sql, texts) in [
        ("insert into partition (part, pos) values (0, 9)", vec![]),
        (
            "insert into did values (1, ?), (2, ?)",
            vec![did(1).to_string(), did(2).to_string()],
        ),
        (
            "insert into collection values (1, ?)",
            vec![collection(0).to_string()],
        ),
        (
            "insert into repo (did_id, part, rev, state, reason, state_us) \
             values (1, 0, ?, 0, null, 0), (2, 0, ?, 1, 'an old hole', 77)",
            vec![tid(5).to_string(), tid(6).to_string()],
        ),
        (
            "insert into record (id, did_id, coll_id, rkey, part, pos, rev, seen_us) \
             values (2, 1, 1, 'gone', 0, 9, ?, 8), (3, 1, 1, 'named', null, null, null, null)",
            vec![tid(5).to_string()],
        ),
        (
            "insert into dead_letter (generation, subject, pos, reason, detail, at_us) \
             values (0, 'at://x/y', 3, 'bad-op', 'old', 1)",
            vec![],
        ),
    ] {
        let mut query = sqlx::query(sql);
        for text in texts {
            query = query.bind(text);
        }
        query.execute(&mut c).await.unwrap();
    }
    sqlx::query(
        "insert into record (id, did_id, coll_id, rkey, part, pos, rev, cid, trust, seen_us, body) \
         values (1, 1, 1, 'a', 0, 8, ?, ?, 1, 7, ?)",
    )
    .bind(tid(4).to_string())
    .bind(cid.as_bytes().as_slice())
    .bind(bytes.as_ref())
    .execute(&mut c)
    .await
    .unwrap();
    c.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_the_first_version_goes_on() {
    let dir = TempDir::new().unwrap();
    old_database(&dir).await;
    let place = Place::Sqlite(dir);
    let store = place.open(1).await;
    assert_eq!(
        stands(&*store, 1).await,
        (Some(5), RepoStatus::Synchronized)
    );
    assert_eq!(
        stands(&*store, 2).await,
        (Some(6), RepoStatus::Desynchronized)
    );
    let repo = broken(&*store, 2).await.unwrap();
    assert_eq!((repo.reason.as_str(), repo.since_us), ("an old hole", 77));
    let records = held(&*store, 1, 0).await;
    assert_eq!((records.len(), records[0].trust), (1, 1));
    assert_eq!(store.dead_letters(0, 9).await.unwrap()[0].detail, "old");

    // The tombstone counts as hashed, and what was known is known.
    let stale = chunk(1, 4, vec![put(0, "gone", 2, 256), put(0, "named", 3, 256)]);
    let known = commit(1, 5, vec![put(0, "b", 4, 256)]);
    let archived = archive(&*store, [stale, known], 9).await.unwrap();
    assert_eq!((archived.ops, archived.replayed), (1, 1));
    archive(
        &*store,
        [resynced(2, 6), commit(1, 6, vec![put(0, "gone", 5, 256)])],
        10,
    )
    .await
    .unwrap();
    assert_eq!(stands(&*store, 2).await.1, RepoStatus::Synchronized);
    let keys: Vec<String> = held(&*store, 1, 0)
        .await
        .iter()
        .map(|r| r.rkey.to_string())
        .collect();
    assert_eq!(keys, ["a", "gone", "named"]);
    store.close().await;
    let without = "select count(*) from record where trust is null";
    assert_eq!(place.number(without).await, 0);
    assert_eq!(place.texts("pragma integrity_check").await, ["ok"]);
}
