//! Registering: the same digest is the same generation; another one starts anew; a refused one changes nothing.

use std::sync::Arc;

use aviary::store::{Effect, Param, StoreError, Value};
use aviary_manifest::Manifest;
use aviary_tests::backend::Backend;

use super::plugin::{effect, manifests, registration};
use super::tables::{Bed, assert_same};
use super::world::{Said, World, did};

aviary_tests::on_both!(
    the_same_digest_is_the_same_generation,
    another_digest_starts_anew_and_takes_the_older_ones_place,
    a_refused_registration_names_all_that_is_wrong_and_changes_nothing,
    names_that_the_database_holds_for_one_are_refused,
    reads_see_winners_of_visible_accounts,
);

async fn filled(backend: Backend, seed: u64) -> Bed {
    let world = World::seeded(seed, 80);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    for plugin in 0..bed.plugins.len() {
        let effects: Vec<(Arc<_>, Effect)> = changes
            .iter()
            .filter(|c| bed.wants(plugin, c))
            .map(|c| (Arc::clone(c), effect(c)))
            .collect();
        let unit = bed.unit(plugin, effects);
        bed.apply(plugin, unit).await.unwrap();
    }
    bed
}

async fn the_same_digest_is_the_same_generation(backend: Backend) {
    let bed = filled(backend, 11).await;
    let before = bed.dump().await;
    let [posts, ..] = manifests();
    let again = bed.store.register(registration(posts, "d1")).await.unwrap();
    assert!(!again.is_new && bed.plugins[0].1.is_new);
    assert_eq!(again.id, bed.plugins[0].1.id);
    assert_eq!(again.positions, [1, 0, 0]);
    assert_same(&bed.dump().await, &before, "registered twice");
}

async fn another_digest_starts_anew_and_takes_the_older_ones_place(backend: Backend) {
    let bed = filled(backend, 12).await;
    let old = bed.plugins[0].1.id;
    assert!(
        bed.rows_in(&format!("dead_letter where generation = {old}"))
            .await
            > 0
    );
    let [posts, ..] = manifests();
    let new = bed.store.register(registration(posts, "d2")).await.unwrap();
    assert!(new.is_new && new.id > old);
    assert_eq!(new.positions, [0, 0, 0]);
    assert_eq!(bed.place.things_of(old).await, 0);
    assert!(bed.place.things_of(new.id).await > 5);
    for left in [
        format!("position where generation = {old}"),
        format!("dead_letter where generation = {old}"),
        format!("generation where id = {old}"),
        bed.place.table(new.id, "post"),
    ] {
        assert_eq!(bed.rows_in(&left).await, 0, "{left}");
    }
    // A consumer of the older generation that comes late is told so.
    let unit = bed.unit(0, Vec::new());
    let late = bed.store.index(unit).await.unwrap_err();
    assert!(matches!(late, StoreError::Refused(_)), "{late}");
    // The other plugins have kept theirs.
    assert!(bed.rows_in(&bed.table(2, "liked")).await > 0);
}

async fn a_refused_registration_names_all_that_is_wrong_and_changes_nothing(backend: Backend) {
    let bed = filled(backend, 13).await;
    let before = bed.dump().await;
    let schema = bed.place.things().await;
    let [mut posts, ..] = manifests();
    let good = posts.reads[0].clone();
    for (name, sql) in [
        ("writes", "delete from post"),
        ("walks", "select body, 1 from post where body = 'x'"),
        (
            "guesses",
            "select nothing, n from by_lang order by n desc limit 3",
        ),
    ] {
        let mut read = good.clone();
        read.name = name.into();
        read.sql = sql.into();
        posts.reads.push(read);
    }
    let error = bed
        .store
        .register(registration(posts, "d3"))
        .await
        .unwrap_err();
    let StoreError::Refused(message) = error else {
        panic!("{error}")
    };
    for name in ["writes", "walks", "guesses"] {
        assert!(message.contains(name), "{name} in {message}");
    }
    assert!(!message.contains("langs"), "{message}");
    assert_same(&bed.dump().await, &before, "after the refusal");
    assert_eq!(bed.place.things().await, schema);
}

/// What the manifest's own rules let through and the database does not.
async fn names_that_the_database_holds_for_one_are_refused(backend: Backend) {
    let bed = Bed::new(backend).await;
    let before = bed.place.things().await;
    let text = r#"
name = "twins"
version = "0.1.0"
api = "0.1"
collections = ["test.rows.post"]
[[tables]]
name = "one"
columns = ["a text"]
key = ["_uri"]
[[tables]]
name = "one_v"
columns = ["a text"]
key = ["_uri"]
"#;
    let manifest = Manifest::from_toml(text).unwrap();
    let error = bed
        .store
        .register(registration(manifest, "d"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StoreError::Refused(m) if m.contains("one_v")),
        "{error}"
    );
    assert_eq!(bed.place.things().await, before);
    assert_eq!(bed.rows_in("generation where plugin = 'twins'").await, 0);
}

async fn reads_see_winners_of_visible_accounts(backend: Backend) {
    let mut bed = Bed::new(backend).await;
    let mut world = World::default();
    let subject = "at://did:web:a0.example/test.rows.post/r0";
    let like = Said {
        text: "red".into(),
        subject: Some(subject.into()),
        ..Said::default()
    };
    for (who, collection) in [
        (1, "test.rows.like"),
        (1, "test.rows.fave"),
        (2, "test.rows.like"),
    ] {
        world.commit(
            &did(who),
            vec![(collection, "r".into(), Some(like.clone()))],
        );
    }
    let changes = bed.archive(&world.events).await;
    let effects = changes.iter().map(|c| (Arc::clone(c), effect(c))).collect();
    let unit = bed.unit(2, effects);
    bed.apply(2, unit).await.unwrap();
    let ask = async |bed: &Bed| {
        let mut session = bed.store.read(bed.plugins[2].1.id).await.unwrap();
        let param = Param::One(Value::Uri(aviary::atproto::AtUri::parse(subject).unwrap()));
        session.run("likes", vec![param]).await.unwrap().rows
    };
    assert_eq!(ask(&bed).await, [[Value::Integer(2)]]);
    let before = world.events.len();
    world.account(&did(0), false);
    bed.archive(&world.events[before..]).await;
    assert!(ask(&bed).await.is_empty(), "the subject is hidden");
}
