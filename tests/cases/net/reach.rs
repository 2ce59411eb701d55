//! What may be dialled: public addresses, what the operator allows, and nowhere else by a detour.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aviary::fault::{Class, Classify};
use aviary::net::{GetLimits, NetError};
use aviary_tests::web::{FakeDns, Web};
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;

use super::{BOUNDS, client, client_of, error};

/// G1: what a name resolves to decides, and no connection is tried.
#[tokio::test]
async fn names_of_private_addresses_are_not_dialled() {
    let dns = Arc::new(FakeDns::default());
    let client = client("", &dns);
    let private = [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ];
    for (n, address) in private.into_iter().enumerate() {
        dns.set_addresses("inside.example.com", &[&[address]]);
        let begun = Instant::now();
        let refusal = error(client.get("https://inside.example.com/", BOUNDS).await);
        assert!(
            matches!(&refusal, NetError::Refused { reason, .. } if reason.contains(address)),
            "{address}: {refusal}"
        );
        assert_eq!(refusal.class(), Class::Reject);
        assert_eq!(
            dns.questions().0,
            n + 1,
            "{address}: the name was looked up"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{address}: something was dialled"
        );
    }
    // `localhost` is a name like any other.
    dns.set_addresses("localhost", &[&["127.0.0.1", "::1"]]);
    assert_eq!(
        error(client.get("https://localhost/", BOUNDS).await).class(),
        Class::Reject
    );
}

/// G2: the name is looked up once for a connection, so there is no second answer to dial.
#[tokio::test]
async fn the_address_that_was_looked_up_is_the_one_that_is_dialled() {
    let here = Web::serve(Router::new().route("/", get(async || "here"))).await;
    let there = SocketAddr::from(([127, 0, 0, 2], here.port()));
    let there = Web::serve_at(there, Router::new().route("/", get(async || "there"))).await;
    let dns = Arc::new(FakeDns::default());
    dns.set_addresses("rebind.example.com", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let place = format!("rebind.example.com:{}", here.port());
    let body = client(&place, &dns)
        .get(&format!("http://{place}/"), BOUNDS)
        .await;
    assert_eq!(body.unwrap(), "here");
    assert_eq!(
        (here.requests(), there.requests(), dns.questions().0),
        (1, 0, 1)
    );
    // The second answer was there to be had.
    let body = client(&place, &dns)
        .get(&format!("http://{place}/"), BOUNDS)
        .await;
    assert_eq!((body.unwrap(), there.requests()), (Bytes::from("there"), 1));
}

/// A host and port that are allowed allow nothing else on that host.
#[tokio::test]
async fn an_allowed_port_does_not_open_the_others() {
    let dns = Arc::new(FakeDns::default());
    dns.set_addresses("mine.example.com", &[&["127.0.0.1"]]);
    let client = client("mine.example.com:2583", &dns);
    for url in [
        "https://mine.example.com/",
        "http://mine.example.com/",
        "http://mine.example.com:2584/",
    ] {
        let refusal = error(client.get(url, BOUNDS).await);
        assert!(
            matches!(refusal, NetError::Refused { .. }),
            "{url}: {refusal}"
        );
    }
}

/// G3
#[tokio::test]
async fn redirects_are_followed_three_times_and_never_inside() {
    let hop = async |Path(n): Path<u32>| match n {
        0 => "arrived".into_response(),
        n => Redirect::temporary(&format!("/hop/{}", n - 1)).into_response(),
    };
    let to = async |Path(url): Path<String>| Redirect::permanent(&url);
    let routes = Router::new()
        .route("/hop/{n}", get(hop))
        .route("/to/{*url}", get(to));
    let web = Web::serve(routes).await;
    let inside = Web::serve(Router::new().fallback(async || "secret")).await;
    let client = client_of(&web);
    let ask = async |path: &str, redirects_max: u8| {
        let bounds = GetLimits {
            redirects_max,
            ..BOUNDS
        };
        client.get(&format!("{}{path}", web.origin()), bounds).await
    };
    assert_eq!(ask("/hop/3", 3).await.unwrap(), "arrived");
    let before = web.requests();
    let twenty = error(ask("/hop/20", 200).await);
    assert!(
        matches!(twenty, NetError::Redirects { max: 3, .. }),
        "{twenty}"
    );
    assert_eq!(web.requests() - before, 4);
    let none = error(ask("/hop/1", 0).await);
    assert!(matches!(none, NetError::Redirects { max: 0, .. }) && none.class() == Class::Reject);

    let before = web.requests();
    for url in [
        inside.origin(),
        "https://127.0.0.1/".into(),
        "http://169.254.169.254/latest".into(),
        "https://[::1]/".into(),
        "file:///etc/passwd".into(),
    ] {
        let refusal = error(ask(&format!("/to/{url}"), 3).await);
        assert!(
            matches!(refusal, NetError::Refused { .. }),
            "{url}: {refusal}"
        );
    }
    assert_eq!((web.requests() - before, inside.requests()), (5, 0));
}
