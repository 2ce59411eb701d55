use super::super::{connection, migrate};
use super::*;

async fn database(dir: &tempfile::TempDir) -> SqliteConnection {
    let mut c = connection::open_writer(&dir.path().join("a.db"))
        .await
        .unwrap();
    migrate::run(&mut c).await.unwrap();
    c
}

fn uri(did: &str, rkey: &str) -> AtUri {
    AtUri::parse(&format!(
        "at://did:web:{did}.example/app.bsky.feed.post/{rkey}"
    ))
    .unwrap()
}

#[tokio::test]
async fn ids_are_stable_across_caches_and_duplicates() {
    let dir = tempfile::tempdir().unwrap();
    let mut c = database(&dir).await;
    let asked: Vec<AtUri> = (0..300)
        .map(|i| uri(&format!("a{}", i % 7), &format!("r{}", i % 211)))
        .collect();
    let mut one = Interner::new();
    let first = one.uris(&mut c, &asked).await.unwrap();
    assert_eq!(first.len(), asked.len());
    for (i, a) in asked.iter().enumerate() {
        for (j, b) in asked.iter().enumerate() {
            assert_eq!(a == b, first[i] == first[j], "{a} {b}");
        }
    }
    assert_eq!(one.uris(&mut c, &asked).await.unwrap(), first);
    let mut two = Interner::new();
    assert_eq!(two.uris(&mut c, &asked).await.unwrap(), first);
    let bare: i64 = sqlx::query_scalar("select count(*) from record where pos is null")
        .fetch_one(&mut c)
        .await
        .unwrap();
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(usize::try_from(bare).unwrap(), distinct.len());
}

#[tokio::test]
async fn ids_mean_the_text_they_were_given_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut c = database(&dir).await;
    let dids: Vec<Did> = [
        "did:web:b.example",
        "did:web:a.example",
        "did:web:b.example",
    ]
    .iter()
    .map(|d| Did::parse(d).unwrap())
    .collect();
    let ids = Interner::new().dids(&mut c, &dids).await.unwrap();
    for (did, id) in dids.iter().zip(ids) {
        let text: String = sqlx::query_scalar("select did from did where id = ?")
            .bind(id)
            .fetch_one(&mut c)
            .await
            .unwrap();
        assert_eq!(text, did.as_str());
    }
}

#[tokio::test]
async fn a_rollback_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let mut c = database(&dir).await;
    let mut interner = Interner::new();
    interner.uris(&mut c, &[uri("kept", "r")]).await.unwrap();
    sqlx::raw_sql("begin").execute(&mut c).await.unwrap();
    interner.uris(&mut c, &[uri("lost", "r")]).await.unwrap();
    sqlx::raw_sql("rollback").execute(&mut c).await.unwrap();
    interner.forget();
    let other = interner.uris(&mut c, &[uri("other", "r")]).await.unwrap()[0];
    let lost = interner.uris(&mut c, &[uri("lost", "r")]).await.unwrap()[0];
    assert_ne!(other, lost);
    for (id, did) in [
        (other, "did:web:other.example"),
        (lost, "did:web:lost.example"),
    ] {
        let text: String = sqlx::query_scalar(
            "select d.did from record r join did d on d.id = r.did_id where r.id = ?",
        )
        .bind(id)
        .fetch_one(&mut c)
        .await
        .unwrap();
        assert_eq!(text, did);
    }
}
