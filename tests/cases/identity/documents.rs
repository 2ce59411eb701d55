//! Where documents come from: a directory, a web site, a file; and those that are refused.

use aviary::atproto::{Did, DidDocument};
use aviary::fault::{Class, Classify};
use aviary::identity::{Identities, IdentityError};
use aviary::net::NetError;
use aviary_tests::recording::Recording;
use aviary_tests::web::Web;
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::json;

use super::did;
use super::directory::{Mode, World, document};

/// G3, G4: documents that are none, are another's, are too large, or are said to be elsewhere.
#[tokio::test]
async fn bad_documents_are_refused() {
    for (n, mode) in [
        Mode::Html,
        Mode::OtherDid,
        Mode::Huge,
        Mode::ManyKeys,
        Mode::Redirect,
        Mode::Gzip,
    ]
    .into_iter()
    .enumerate()
    {
        let world = World::new().await;
        world.directory.put(&did(0), "alice.example.com");
        world.directory.set(mode);
        let refusal = world.identities.get(&did(0)).await.unwrap_err();
        assert_eq!(refusal.class(), Class::Reject, "{mode:?}: {refusal}");
        assert_eq!(world.directory.requests(), 1, "{mode:?}");
        let expected = [
            "as JSON",
            "got that of",
            "65536 bytes",
            "at most 100 entries",
            "redirects",
            "encoded",
        ][n];
        assert!(
            refusal.to_string().contains(expected),
            "{mode:?}: {refusal}"
        );
        assert_eq!(world.identities.get(&did(0)).await.unwrap_err(), refusal);
        assert_eq!(
            world.directory.requests(),
            1,
            "{mode:?}: the refusal is remembered"
        );
    }
}

/// G1: forms of `did:web` that are refused before DNS is asked, and names that lead inside.
#[tokio::test]
async fn did_web_is_a_public_host_name() {
    let world = World::new().await;
    for form in [
        "did:web:localhost",
        "did:web:127.0.0.1",
        "did:web:2130706433",
        "did:web:0x7f000001",
        "did:web:10.0.0.1",
        "did:web:localhost%3A8080",
        "did:web:127.0.0.1%3A443",
        "did:web:example.com%3A8443",
        "did:web:example.com:path",
        "did:web:example.com%2Fpath",
        "did:web:example.com%3F",
        "did:web:user%40example.com",
        "did:web:%5B%3A%3A1%5D",
        "did:web:example",
        "did:web:.",
        "did:key:zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc",
        "did:plc:short",
        "did:plc:25ACH563RBHM6QHIISFX3HU3",
        "did:plc:25ach563rbhm6qhiisfx3hu3a",
        "did:example:x",
    ] {
        let did = Did::parse(form).unwrap();
        assert_eq!(
            world.identities.get(&did).await.unwrap_err(),
            IdentityError::Unsupported(did)
        );
    }
    assert_eq!(
        (world.dns.questions(), world.directory.requests()),
        ((0, 0), 0)
    );

    world
        .dns
        .set_addresses("inside.example.com", &[&["127.0.0.1"]]);
    let inside = Did::parse("did:web:inside.example.com").unwrap();
    let refusal = world.identities.get(&inside).await.unwrap_err();
    assert!(
        matches!(
            &refusal,
            IdentityError::Net {
                source: NetError::Refused { .. },
                ..
            }
        ),
        "{refusal}"
    );
    assert_eq!(
        (refusal.class(), world.dns.questions().0),
        (Class::Reject, 1)
    );
}

#[tokio::test]
async fn did_web_of_an_allowed_host_has_a_port_and_is_asked_by_http() {
    let by_place =
        |place: &str| Did::parse(&format!("did:web:{}", place.replace(':', "%3A"))).unwrap();
    let answer = async move |headers: HeaderMap| {
        let own = by_place(headers["host"].to_str().unwrap());
        document(&own, "web.example.com").to_string()
    };
    let web = Web::serve(Router::new().route("/.well-known/did.json", get(answer))).await;
    let own = by_place(&web.place());
    let world = World::allowing(&web.place()).await;
    let identity = world.identities.get(&own).await.unwrap();
    assert_eq!((identity.did(), web.requests()), (&own, 1));
    assert_eq!(world.directory.requests(), 0);
}

/// `aviary replay --identities`: documents of a file, and no network.
#[tokio::test]
async fn identities_of_a_file_need_no_network() {
    let documents: Vec<DidDocument> = Recording::small()
        .plc()
        .iter()
        .map(|(did, known)| {
            let did = Did::parse(did).unwrap();
            DidDocument::parse(known["doc"].to_string().as_bytes(), &did).unwrap()
        })
        .collect();
    let identities = Identities::fixed(documents.clone());
    for document in &documents {
        identities.purge(&document.did);
        let identity = identities.cached(&document.did).unwrap();
        assert_eq!(identity.document(), document);
        assert_eq!(identities.get(&document.did).await.unwrap(), identity);
        assert!(!identities.refresh(&document.did).await.unwrap().is_fresh);
    }
    let none = identities.get(&did(1)).await.unwrap_err();
    assert_eq!(none, IdentityError::NotFound(did(1)));
    let alice = documents
        .iter()
        .find(|d| {
            d.handle
                .as_ref()
                .is_some_and(|h| h.as_str() == "alice.test")
        })
        .unwrap();
    assert_eq!(identities.verified_handle(&alice.did).await, alice.handle);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&alice.json).unwrap()["id"],
        json!(alice.did.as_str())
    );
}
