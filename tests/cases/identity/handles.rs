//! Handles: DNS first, both directions, and names that nobody can own.

use aviary::atproto::Handle;
use aviary::fault::{Class, Classify};
use aviary::identity::IdentityError;
use aviary::limits;
use aviary::net::NetError;
use aviary_tests::web::Web;
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use std::collections::HashMap;

use super::did;
use super::directory::World;

fn handle(text: &str) -> Handle {
    Handle::parse(text).unwrap()
}

/// G5, G7: both directions agree, or the handle is invalid; a hundred questions are one to DNS.
#[tokio::test]
async fn a_handle_counts_when_both_sides_say_so() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    world.directory.put(&did(2), "alice.example.com");
    world.dns.set_texts(
        "_atproto.alice.example.com",
        &["v=spf1 -all", &format!("did={}", did(1))],
    );
    for _ in 0..100 {
        assert_eq!(
            world.identities.verified_handle(&did(1)).await,
            Some(handle("alice.example.com"))
        );
        // B's document says so too, but DNS says A. B is still B.
        assert_eq!(world.identities.verified_handle(&did(2)).await, None);
    }
    assert!(world.identities.get(&did(2)).await.is_ok());
    let alice = handle("alice.example.com");
    assert_eq!(world.identities.did_of(&alice).await, Ok(did(1)));
    assert_eq!(
        world
            .identities
            .resolve_handle(&handle("ALICE.example.com"))
            .await,
        Ok(did(1))
    );
    assert_eq!(world.dns.questions(), (0, 1));

    // Taken over: known for a while, then the other way round.
    world
        .dns
        .set_texts("_atproto.alice.example.com", &[&format!("did={}", did(2))]);
    world.pass(limits::HANDLE_FRESH_MS);
    assert_eq!(world.identities.verified_handle(&did(1)).await, None);
    let now = world.identities.verified_handle(&did(2)).await;
    assert_eq!(now, Some(handle("alice.example.com")));
    assert_eq!(world.dns.questions(), (0, 2));

    // A name that points at somebody who does not claim it.
    let bob = handle("bob.example.com");
    world
        .dns
        .set_texts("_atproto.bob.example.com", &[&format!("did={}", did(1))]);
    let unclaimed = world.identities.did_of(&bob).await;
    assert_eq!(unclaimed, Err(IdentityError::NoSuchHandle(bob)));
}

/// G5
#[tokio::test]
async fn two_dids_in_dns_are_none() {
    let world = World::new().await;
    let texts = [format!("did={}", did(1)), format!("did={}", did(2))];
    world
        .dns
        .set_texts("_atproto.both.example.com", &[&texts[0], &texts[1]]);
    world
        .dns
        .set_addresses("both.example.com", &[&["127.0.0.1"]]);
    let none = world
        .identities
        .resolve_handle(&handle("both.example.com"))
        .await
        .unwrap_err();
    assert_eq!(
        none,
        IdentityError::AmbiguousHandle {
            handle: handle("both.example.com"),
            got: 2
        }
    );
    assert_eq!(none.class(), Class::Reject);
    assert_eq!(
        world.dns.questions(),
        (0, 1),
        "the web site is not asked to choose"
    );
}

/// G5
#[tokio::test]
async fn reserved_names_are_not_asked_for() {
    let world = World::new().await;
    for top in [
        "alt",
        "arpa",
        "example",
        "internal",
        "invalid",
        "local",
        "localhost",
        "onion",
        "test",
    ] {
        let reserved = handle(&format!("alice.{top}"));
        let refusal = world
            .identities
            .resolve_handle(&reserved)
            .await
            .unwrap_err();
        assert_eq!(refusal, IdentityError::ReservedHandle(reserved));
        assert_eq!(refusal.class(), Class::Reject);
    }
    assert_eq!(world.dns.questions(), (0, 0));
    let longest = format!("{}.example.com", vec!["x".repeat(60); 4].join("."))[3..].to_owned();
    assert_eq!(longest.len(), 252);
    let none = world
        .identities
        .resolve_handle(&handle(&longest))
        .await
        .unwrap_err();
    assert_eq!(none, IdentityError::NoSuchHandle(handle(&longest)));
    assert!(Handle::parse(&format!("ab{longest}")).is_err());
}

/// Without a record in DNS the web site is asked, through the same guard.
#[tokio::test]
async fn the_web_site_is_asked_second_and_guarded() {
    let world = World::new().await;
    let nowhere = world
        .identities
        .resolve_handle(&handle("nowhere.example.com"))
        .await
        .unwrap_err();
    assert_eq!(
        nowhere,
        IdentityError::NoSuchHandle(handle("nowhere.example.com"))
    );
    assert_eq!(world.dns.questions(), (1, 1));

    world
        .dns
        .set_addresses("inside.example.com", &[&["169.254.169.254"]]);
    let inside = world
        .identities
        .resolve_handle(&handle("inside.example.com"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            &inside,
            IdentityError::HandleNet {
                source: NetError::Refused { .. },
                ..
            }
        ),
        "{inside}"
    );
    assert_eq!(
        (inside.class(), world.dns.questions()),
        (Class::Reject, (2, 2))
    );
    for _ in 0..100 {
        assert_eq!(
            world
                .identities
                .resolve_handle(&handle("inside.example.com"))
                .await,
            Err(inside.clone())
        );
    }
    assert_eq!(world.dns.questions(), (2, 2), "a no is remembered");
}

#[tokio::test]
async fn dns_that_does_not_answer_is_asked_again_soon() {
    let world = World::new().await;
    world.dns.set_down(true);
    let silent = world
        .identities
        .resolve_handle(&handle("alice.example.com"))
        .await
        .unwrap_err();
    assert_eq!(silent.class(), Class::Retry);
    world.dns.set_down(false);
    world
        .dns
        .set_texts("_atproto.alice.example.com", &[&format!("did={}", did(1))]);
    assert!(
        world
            .identities
            .resolve_handle(&handle("alice.example.com"))
            .await
            .is_err()
    );
    world.pass(limits::IDENTITY_TROUBLE_MS);
    assert_eq!(
        world
            .identities
            .resolve_handle(&handle("alice.example.com"))
            .await,
        Ok(did(1))
    );
}

/// Below `.test` the server of the settings says whose a handle is.
#[tokio::test]
async fn test_handles_are_their_servers_to_say() {
    let resolve =
        async |Query(query): Query<HashMap<String, String>>| match query["handle"].as_str() {
            "alice.test" => format!("{{\"did\":\"{}\"}}", did(1)).into_response(),
            "broken.test" => "{\"did\":\"nobody\"}".into_response(),
            _ => (StatusCode::BAD_REQUEST, "{\"error\":\"InvalidRequest\"}").into_response(),
        };
    let server =
        Web::serve(Router::new().route("/xrpc/com.atproto.identity.resolveHandle", get(resolve)))
            .await;
    let world = World::allowing(&server.place()).await;
    world.directory.put(&did(1), "alice.test");
    world.directory.put(&did(2), "alice.test");
    assert_eq!(
        world.identities.verified_handle(&did(1)).await,
        Some(handle("alice.test"))
    );
    assert_eq!(world.identities.verified_handle(&did(2)).await, None);
    for none in ["nobody.test", "broken.test"] {
        let error = world
            .identities
            .resolve_handle(&handle(none))
            .await
            .unwrap_err();
        assert_eq!(error, IdentityError::NoSuchHandle(handle(none)));
    }
    assert_eq!((server.requests(), world.dns.questions()), (3, (0, 0)));
}
