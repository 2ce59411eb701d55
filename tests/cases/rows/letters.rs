//! Dead letters: what cannot be used costs only itself, and goes when the record is fixed.

use std::sync::Arc;

use aviary::store::{Change, DeadReason, Effect, Put, Value};
use aviary_tests::backend::Backend;

use super::plugin::{effect, expected};
use super::tables::{Bed, assert_same};
use super::world::{Dice, Said, World, did};

aviary_tests::on_both!(
    a_dead_letter_goes_with_the_records_next_state,
    rows_that_do_not_fit_their_table_are_dead_before_sql,
    what_sql_refuses_costs_only_its_own_change,
    a_guests_words_are_stored_whatever_is_in_them,
);

fn post(text: &str) -> Said {
    Said {
        text: text.into(),
        ..Said::default()
    }
}

fn put_all(world: &mut World, texts: &[&str]) {
    for (n, text) in texts.iter().enumerate() {
        let op = ("test.rows.post", format!("r{n}"), Some(post(text)));
        world.commit(&did(n as u64 % 4), vec![op]);
    }
}

async fn index(bed: &mut Bed, changes: &[Arc<Change>]) -> aviary::store::Applied {
    let effects = changes.iter().map(|c| (Arc::clone(c), effect(c))).collect();
    let unit = bed.unit(0, effects);
    bed.apply(0, unit).await.unwrap()
}

async fn a_dead_letter_goes_with_the_records_next_state(backend: Backend) {
    let mut world = World::default();
    put_all(&mut world, &["reject", "fine", "twice", "reject"]);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    let applied = index(&mut bed, &changes).await;
    assert_eq!((applied.rows, applied.dead), (1, 3));
    assert_same(&bed.dump().await, &expected(&world), "bad ones");
    let generation = bed.plugins[0].1.id;
    let letters = bed.store.dead_letters(generation, 10).await.unwrap();
    assert_eq!(letters.len(), 3);
    let twice = letters.iter().find(|l| l.reason == "bad-rows").unwrap();
    assert_eq!(twice.subject, "at://did:web:a2.example/test.rows.post/r2");
    assert!(
        twice.detail.contains("two rows") && twice.detail.contains("post"),
        "{twice:?}"
    );
    assert!(twice.pos > 0);
    assert_eq!(
        bed.store.dead_letters(generation, 2).await.unwrap().len(),
        2
    );
    assert!(bed.store.dead_letters(0, 10).await.unwrap().is_empty());

    let before = world.events.len();
    put_all(&mut world, &["now fine", "reject"]);
    let gone = ("test.rows.post", "r2".to_owned(), None);
    world.commit(&did(2), vec![gone]);
    let changes = bed.archive(&world.events[before..]).await;
    index(&mut bed, &changes).await;
    assert_same(
        &bed.dump().await,
        &expected(&world),
        "one fixed, one newly bad, one deleted",
    );
    let letters = bed.store.dead_letters(generation, 10).await.unwrap();
    let subjects: Vec<&str> = letters.iter().map(|l| l.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "at://did:web:a1.example/test.rows.post/r1",
            "at://did:web:a3.example/test.rows.post/r3"
        ],
        "newest first"
    );
}

async fn rows_that_do_not_fit_their_table_are_dead_before_sql(backend: Backend) {
    let mut world = World::default();
    put_all(&mut world, &["a", "b", "c", "d", "e"]);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    let good = |change: &Change| match effect(change) {
        Effect::Rows(puts) => puts,
        other => panic!("{other:?}"),
    };
    let mut effects: Vec<(Arc<Change>, Effect)> = Vec::new();
    for (n, change) in changes.iter().enumerate() {
        let mut puts: Vec<Put> = good(change);
        match n {
            0 => puts[0].table = 7,
            1 => drop(puts[0].row.pop()),
            2 => puts[0].row[0] = Value::Integer(1),
            3 => puts[0].row[2] = Value::Null,
            _ => {}
        }
        effects.push((Arc::clone(change), Effect::Rows(puts)));
    }
    let unit = bed.unit(0, effects);
    let applied = bed.apply(0, unit).await.unwrap();
    assert_eq!((applied.rows, applied.dead), (1, 4));
    let letters = bed
        .store
        .dead_letters(bed.plugins[0].1.id, 10)
        .await
        .unwrap();
    assert!(
        letters
            .iter()
            .all(|l| l.reason == DeadReason::BadRows.word())
    );
    for wanted in [
        "ordinal below 1, got 7",
        "expected 7 values, got 6",
        "\"body text\", got integer",
        "\"score real\", got null",
    ] {
        assert!(
            letters.iter().any(|l| l.detail.contains(wanted)),
            "{wanted}: {letters:?}"
        );
    }
}

/// A rule of the database stands for whatever SQL may refuse. It fires for two of many changes; one of them had a row before.
async fn what_sql_refuses_costs_only_its_own_change(backend: Backend) {
    let mut world = World::default();
    let fine: Vec<String> = (0..60).map(|n| format!("text {n}")).collect();
    let mut texts: Vec<&str> = fine.iter().map(String::as_str).collect();
    put_all(&mut world, &texts);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    index(&mut bed, &changes).await;

    let generation = bed.plugins[0].1.id;
    let table = bed.table(0, "post");
    bed.place
        .refuse(&table, "body", "poison", "the test refuses poison")
        .await;
    let before = world.events.len();
    texts[17] = "poison";
    texts[42] = "more poison";
    texts.push("a new one");
    put_all(&mut world, &texts);
    let changes = bed.archive(&world.events[before..]).await;
    let applied = index(&mut bed, &changes).await;
    assert_eq!((applied.rows, applied.dead), (59, 2));

    let letters = bed.store.dead_letters(generation, 10).await.unwrap();
    let mut subjects: Vec<&str> = letters.iter().map(|l| l.subject.as_str()).collect();
    subjects.sort_unstable();
    assert_eq!(
        subjects,
        [
            "at://did:web:a1.example/test.rows.post/r17",
            "at://did:web:a2.example/test.rows.post/r42"
        ]
    );
    for letter in &letters {
        assert_eq!(letter.reason, "sql");
        assert!(
            letter.detail.contains("the test refuses poison"),
            "{letter:?}"
        );
    }
    bed.check_counts().await;
    for uri in subjects {
        world.records.remove(uri).unwrap();
    }
    let mut wanted = expected(&world);
    let mut found = bed.dump().await;
    assert_eq!(found.remove("posts.dead_letter").map(|l| l.len()), Some(2));
    wanted.remove("posts.dead_letter");
    assert_same(&found, &wanted, "all but two");
}

/// No database but SQLite takes a NUL as text.
async fn a_guests_words_are_stored_whatever_is_in_them(backend: Backend) {
    let mut world = World::default();
    put_all(&mut world, &["a", "b"]);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    let dead = |detail: &str| Effect::Dead {
        reason: DeadReason::Rejected,
        detail: detail.to_owned(),
    };
    let effects = vec![
        (Arc::clone(&changes[0]), dead("not\0here")),
        (Arc::clone(&changes[1]), effect(&changes[1])),
    ];
    let unit = bed.unit(0, effects);
    let applied = bed.apply(0, unit).await.unwrap();
    assert_eq!((applied.rows, applied.dead), (1, 1));
    let letters = bed.store.dead_letters(bed.plugins[0].1.id, 10).await;
    assert_eq!(letters.unwrap()[0].detail, "not\u{fffd}here");
}

/// The value check lets none of these through; a host of another version may have had another check.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_postgres_refuses_costs_only_its_own_change() {
    let mut world = World::default();
    put_all(&mut world, &["a", "b", "c", "d"]);
    let mut bed = Bed::new(Backend::Postgres).await;
    let changes = bed.archive(&world.events).await;
    let mut dice = Dice(1);
    // Nothing that could be pressed into an entry of an index.
    let long: String = std::iter::repeat_with(|| format!("{:016x}", dice.next()))
        .take(2_000)
        .collect();
    let mut effects: Vec<(Arc<Change>, Effect)> = Vec::new();
    for (n, change) in changes.iter().enumerate() {
        let Effect::Rows(mut puts) = effect(change) else {
            panic!("a row")
        };
        match n {
            0 => puts[0].row[1] = Value::Text(long.clone()),
            2 => puts[0].row[0] = Value::Text("not\0text".into()),
            _ => {}
        }
        effects.push((Arc::clone(change), Effect::Rows(puts)));
    }
    let unit = bed.unit(0, effects);
    let applied = bed.apply(0, unit).await.unwrap();
    assert_eq!((applied.rows, applied.dead), (2, 2));
    let letters = bed.store.dead_letters(bed.plugins[0].1.id, 10).await;
    let mut details: Vec<String> = letters.unwrap().into_iter().map(|l| l.detail).collect();
    details.sort();
    assert!(details[0].contains("index row"), "{details:?}");
    assert!(details[1].contains("invalid byte sequence"), "{details:?}");
    bed.check_counts().await;
}
