//! Identities against directories, web sites and a DNS that fail, lie and flood.

mod directory;
mod documents;
mod handles;

use std::sync::Arc;

use aviary::atproto::Did;
use aviary::fault::{Class, Classify};
use aviary::identity::IdentityError;
use aviary::limits;
use aviary::net::NetError;

use directory::{Mode, World};

const MINUTE_MS: i64 = 60_000;

fn did(n: u32) -> Did {
    let digits: String = (0..24)
        .map(|at| char::from(b'a' + u8::try_from((n >> at) & 1).unwrap()))
        .collect();
    Did::parse(&format!("did:plc:{digits}")).unwrap()
}

/// G6: a hundred who ask at once are one request.
#[tokio::test]
async fn a_hundred_questions_are_one_request() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    world.directory.set(Mode::Slow);
    assert!(world.identities.cached(&did(1)).is_none());
    let asked = (0..100).map(|_| {
        let identities = Arc::clone(&world.identities);
        tokio::spawn(async move { identities.get(&did(1)).await })
    });
    for answer in futures_util::future::join_all(asked).await {
        let identity = answer.unwrap().unwrap();
        assert_eq!(identity.did(), &did(1));
        assert_eq!(
            identity.claimed_handle().unwrap().as_str(),
            "alice.example.com"
        );
        assert!(identity.signing_key().is_ok() && identity.label_key().is_err());
        assert_eq!(identity.pds(), Some("https://pds.example.com"));
    }
    assert_eq!(world.directory.requests(), 1);
    let cached = world.identities.cached(&did(1)).unwrap();
    assert!(Arc::ptr_eq(
        &cached,
        &world.identities.get(&did(1)).await.unwrap()
    ));
    assert_eq!(world.directory.requests(), 1);
}

#[tokio::test]
async fn an_identity_is_asked_for_again_when_it_is_old() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.put(&did(1), "new.example.com");
    world.pass(limits::IDENTITY_FRESH_MS - 1);
    assert!(world.identities.cached(&did(1)).is_some());
    world.pass(1);
    assert!(world.identities.cached(&did(1)).is_none());
    let identity = world.identities.get(&did(1)).await.unwrap();
    assert_eq!(
        identity.claimed_handle().unwrap().as_str(),
        "new.example.com"
    );
    assert_eq!(world.directory.requests(), 2);
}

/// G6: what is known is served while the directory is away, for a bounded time, and it is asked now and then.
#[tokio::test]
async fn a_directory_that_is_away_is_bridged() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.set(Mode::Down);
    world.pass(limits::IDENTITY_FRESH_MS);
    for _ in 0..100 {
        assert!(world.identities.get(&did(1)).await.is_ok());
        assert!(world.identities.get(&did(2)).await.is_err());
    }
    assert_eq!(
        world.directory.requests(),
        3,
        "one question each while it is away"
    );
    assert!(world.identities.cached(&did(1)).is_some());
    world.pass(limits::IDENTITY_TROUBLE_MS);
    let unknown = world.identities.get(&did(2)).await.unwrap_err();
    assert!(matches!(unknown, IdentityError::Net { .. }) && unknown.class() == Class::Retry);
    assert!(world.identities.get(&did(1)).await.is_ok());
    assert_eq!(world.directory.requests(), 5);
    let refreshed = {
        world.pass(MINUTE_MS);
        world.identities.refresh(&did(1)).await.unwrap()
    };
    assert!(!refreshed.is_fresh);

    world.pass(limits::IDENTITY_STALE_MS);
    let gone = world.identities.get(&did(1)).await.unwrap_err();
    assert_eq!(gone.class(), Class::Retry);
    world.directory.set(Mode::Up);
    world.pass(limits::IDENTITY_TROUBLE_MS);
    assert!(world.identities.get(&did(1)).await.is_ok());
    assert!(
        world
            .identities
            .refresh(&did(1))
            .await
            .is_ok_and(|r| !r.is_fresh)
    );
}

/// G6: 429 with `Retry-After` holds for every DID of that directory.
#[tokio::test]
async fn a_directory_that_says_later_is_left_alone() {
    let world = World::new().await;
    world.directory.set(Mode::Busy);
    for n in 0..50 {
        let later = world.identities.get(&did(n)).await.unwrap_err();
        let IdentityError::Net {
            source:
                NetError::Busy {
                    status: 429,
                    retry_after: Some(wait),
                    ..
                },
            ..
        } = &later
        else {
            panic!("{later}");
        };
        assert!(wait.as_secs() <= 60);
        assert_eq!(later.class(), Class::Retry);
    }
    assert_eq!(world.directory.requests(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_remembered_shortly() {
    let world = World::new().await;
    for _ in 0..10 {
        let none = world.identities.get(&did(7)).await.unwrap_err();
        assert_eq!(none, IdentityError::NotFound(did(7)));
        assert_eq!(none.class(), Class::Reject);
    }
    assert_eq!(world.directory.requests(), 1);
    world.directory.put(&did(7), "late.example.com");
    world.pass(limits::IDENTITY_NEGATIVE_MS);
    assert!(world.identities.get(&did(7)).await.is_ok());

    world.directory.set(Mode::Tombstone);
    let gone = world.identities.get(&did(8)).await.unwrap_err();
    assert_eq!(gone, IdentityError::Deactivated(did(8)));
    assert_eq!(gone.class(), Class::Reject);
}

/// A tombstone is an answer: what was known before it is not served for it.
#[tokio::test]
async fn a_tombstone_ends_what_was_known() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.set(Mode::Tombstone);
    world.pass(limits::IDENTITY_FRESH_MS);
    let gone = world.identities.get(&did(1)).await.unwrap_err();
    assert_eq!(gone, IdentityError::Deactivated(did(1)));
}

#[tokio::test]
async fn a_purged_identity_is_asked_for_again() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.put(&did(1), "new.example.com");
    world.pass(limits::IDENTITY_PURGE_MS);
    world.identities.purge(&did(1));
    assert!(world.identities.cached(&did(1)).is_none());
    assert_eq!(world.directory.requests(), 1, "a purge asks nobody");
    let identity = world.identities.get(&did(1)).await.unwrap();
    assert_eq!(
        identity.claimed_handle().unwrap().as_str(),
        "new.example.com"
    );

    // Its old key may be why it was purged: it does not come back because the directory is away.
    world.directory.set(Mode::Down);
    world.pass(limits::IDENTITY_PURGE_MS);
    world.identities.purge(&did(1));
    let held = world.identities.get(&did(1)).await.unwrap_err();
    assert_eq!(held.class(), Class::Retry);
    // What was not there may be there after a purge.
    let world = World::new().await;
    assert!(world.identities.get(&did(9)).await.is_err());
    world.directory.put(&did(9), "nine.example.com");
    world.pass(limits::IDENTITY_PURGE_MS);
    world.identities.purge(&did(9));
    assert!(world.identities.get(&did(9)).await.is_ok());
}

/// A purge that comes while the directory answers: the answer may be older than the purge.
#[tokio::test]
async fn what_was_purged_on_the_way_is_not_kept() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.directory.set(Mode::Slow);
    let identities = Arc::clone(&world.identities);
    let asked = tokio::spawn(async move { identities.get(&did(1)).await });
    world.directory.asked(1).await;
    world.identities.purge(&did(1));
    assert!(asked.await.unwrap().is_ok());
    assert!(world.identities.cached(&did(1)).is_none());
    assert!(world.identities.get(&did(1)).await.is_ok());
    assert_eq!(world.directory.requests(), 2);
}

/// G7: `#identity` events and bad signatures without number cost a bounded number of requests.
#[tokio::test]
async fn floods_are_bounded() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    for _ in 0..2_000 {
        world.identities.purge(&did(1));
        assert!(world.identities.get(&did(1)).await.is_ok());
        world.pass(5);
    }
    // Ten seconds have passed.
    assert!(
        (10..=11).contains(&world.directory.requests()),
        "{}",
        world.directory.requests()
    );

    let before = world.directory.requests();
    let mut fresh = 0;
    for _ in 0..600 {
        fresh += usize::from(world.identities.refresh(&did(1)).await.unwrap().is_fresh);
        world.pass(100);
    }
    // A minute has passed.
    assert!((5..=7).contains(&fresh), "{fresh}");
    assert_eq!(world.directory.requests() - before, fresh);
}

#[tokio::test]
async fn a_refresh_sees_the_new_key() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.put(&did(1), "new.example.com");
    world.pass(limits::IDENTITY_REFRESH_MS);
    let refreshed = world.identities.refresh(&did(1)).await.unwrap();
    assert!(refreshed.is_fresh);
    assert_eq!(
        refreshed.identity.claimed_handle().unwrap().as_str(),
        "new.example.com"
    );
    let again = world.identities.refresh(&did(1)).await.unwrap();
    assert!(!again.is_fresh && Arc::ptr_eq(&again.identity, &refreshed.identity));
    assert_eq!(world.directory.requests(), 2);
}
