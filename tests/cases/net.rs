//! The guarded client against servers and a DNS that mean harm.

mod bodies;
mod reach;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aviary::config::AllowedHosts;
use aviary::fault::{Class, Classify};
use aviary::net::{Client, GetLimits, NetError, NetOptions, StreamLimits};
use aviary_tests::web::{FakeDns, Web};
use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::routing::get;

const BOUNDS: GetLimits = GetLimits {
    bytes_max: 1_000,
    total_ms: 5_000,
    redirects_max: 3,
};

const STREAM: StreamLimits = StreamLimits {
    bytes_max: 1 << 20,
    head_ms: 5_000,
    idle_ms: 200,
    bytes_per_s_min: 1_000,
    total_ms: 5_000,
    redirects_max: 3,
};

fn client(allow: &str, dns: &Arc<FakeDns>) -> Client {
    let options = NetOptions {
        allowed: AllowedHosts::parse(allow).unwrap(),
        dns: Arc::clone(dns) as _,
    };
    Client::new(options).unwrap()
}

fn client_of(web: &Web) -> Client {
    client(&web.place(), &Arc::default())
}

fn error<T>(answer: Result<T, NetError>) -> NetError {
    match answer {
        Ok(_) => panic!("expected an error"),
        Err(error) => error,
    }
}

/// G4: a server without TLS is trouble, not an answer.
#[tokio::test]
async fn failures_of_tls_and_connection_are_tried_again_later() {
    let web = Web::serve(Router::new()).await;
    let client = client_of(&web);
    let tls = error(
        client
            .get(&format!("https://{}/", web.place()), BOUNDS)
            .await,
    );
    assert!(
        matches!(tls, NetError::Transport { .. }) && tls.class() == Class::Retry,
        "{tls}"
    );
    assert_eq!(web.requests(), 0);
    let (place, origin) = (web.place(), web.origin());
    drop(web);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let gone = error(client.get(&origin, BOUNDS).await);
    assert!(
        matches!(&gone, NetError::Transport { place: p, .. } if *p == place),
        "{gone}"
    );
}

#[tokio::test]
async fn dns_says_no_or_says_nothing() {
    let dns = Arc::new(FakeDns::default());
    let client = client("", &dns);
    let nowhere = error(client.get("https://nowhere.example.com/", BOUNDS).await);
    assert!(
        matches!(nowhere, NetError::NoSuchName(_)) && nowhere.class() == Class::Reject,
        "{nowhere}"
    );
    dns.set_down(true);
    let silent = error(client.get("https://nowhere.example.com/", BOUNDS).await);
    assert!(
        matches!(silent, NetError::Dns { .. }) && silent.class() == Class::Retry,
        "{silent}"
    );
    assert_eq!(
        error(client.txt("x.example.com", 1_000).await).class(),
        Class::Retry
    );
    dns.set_down(false);
    assert_eq!(client.txt("x.example.com", 1_000).await, Ok(vec![]));
    assert_eq!(dns.questions(), (2, 2));
}

#[tokio::test]
async fn statuses_have_their_classes() {
    let status = async |Path(code): Path<u16>| (StatusCode::from_u16(code).unwrap(), "why");
    let web = Web::serve(Router::new().route("/{code}", get(status))).await;
    let client = client_of(&web);
    for (code, class) in [
        (304, Class::Reject),
        (400, Class::Reject),
        (401, Class::Reject),
        (404, Class::Reject),
        (408, Class::Retry),
        (410, Class::Reject),
        (500, Class::Retry),
        (501, Class::Reject),
        (502, Class::Retry),
        (504, Class::Retry),
    ] {
        let said = error(
            client
                .get(&format!("{}/{code}", web.origin()), BOUNDS)
                .await,
        );
        assert!(
            matches!(&said, NetError::Status { status, message, .. } if *status == code && (message == "why" || code == 304)),
            "{said}"
        );
        assert_eq!(said.class(), class, "{code}");
    }
    for code in [429, 503] {
        let said = error(
            client
                .get(&format!("{}/{code}", web.origin()), BOUNDS)
                .await,
        );
        assert!(
            matches!(&said, NetError::Busy { status, retry_after: None, .. } if *status == code),
            "{said}"
        );
        assert_eq!(said.class(), Class::Retry);
    }
}

/// G6: a host that says when is not asked before.
#[tokio::test]
async fn a_host_that_says_later_is_left_alone() {
    let busy = async || (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]);
    let web = Web::serve(Router::new().route("/", get(busy))).await;
    let client = client_of(&web);
    let first = error(client.get(&web.origin(), BOUNDS).await);
    assert_eq!(first.retry_after(), Some(Duration::from_secs(1)));
    for _ in 0..100 {
        let wait = error(client.get(&web.origin(), BOUNDS).await).retry_after();
        assert!(
            wait.is_some_and(|wait| wait <= Duration::from_secs(1)),
            "{wait:?}"
        );
    }
    assert_eq!(web.requests(), 1);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert!(client.get(&web.origin(), BOUNDS).await.is_err());
    assert_eq!(web.requests(), 2);
}

#[tokio::test]
async fn a_host_gets_sixteen_requests_at_once() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let slow = async move || {
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        inside.fetch_sub(1, Ordering::SeqCst);
        "done"
    };
    let web = Web::serve(Router::new().route("/", get(slow))).await;
    let (client, origin) = (client_of(&web), web.origin());
    let answers =
        futures_util::future::join_all((0..100).map(|_| client.get(&origin, BOUNDS))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!((web.requests(), most.load(Ordering::SeqCst)), (100, 16));
}
