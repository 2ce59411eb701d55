//! The guarded client against servers and a DNS that mean harm.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aviary::config::AllowedHosts;
use aviary::fault::{Class, Classify};
use aviary::net::{Client, GetLimits, NetError, NetOptions, StreamLimits};
use aviary_tests::web::{FakeDns, Web};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use futures_util::stream;

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

/// A body without end, and how much of it was taken.
fn endless(sent: &Arc<AtomicUsize>) -> Router {
    let sent = Arc::clone(sent);
    let chunks = move || {
        let sent = Arc::clone(&sent);
        async move {
            Body::from_stream(stream::repeat_with(move || {
                sent.fetch_add(64 << 10, Ordering::SeqCst);
                Ok::<_, std::io::Error>(Bytes::from_static(&[0; 64 << 10]))
            }))
        }
    };
    let long = async || {
        (
            [(header::CONTENT_LENGTH, "1000000000")],
            Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()),
        )
    };
    Router::new()
        .route("/endless", get(chunks))
        .route("/long", get(long))
}

/// G4: a gigabyte is neither read nor waited for.
#[tokio::test]
async fn large_bodies_are_left() {
    let sent = Arc::new(AtomicUsize::new(0));
    let web = Web::serve(endless(&sent)).await;
    let client = client_of(&web);
    let long = error(client.get(&format!("{}/long", web.origin()), BOUNDS).await);
    assert_eq!(long, NetError::TooLarge { bytes_max: 1_000 });
    let endless = format!("{}/endless", web.origin());
    assert_eq!(
        error(client.get(&endless, BOUNDS).await),
        NetError::TooLarge { bytes_max: 1_000 }
    );

    let mut body = client.open(&endless, STREAM).await.unwrap();
    let mut got = 0;
    let stopped = loop {
        match body.chunk().await {
            Ok(chunk) => got += chunk.expect("a body without end").len(),
            Err(error) => break error,
        }
    };
    assert_eq!(stopped, NetError::TooLarge { bytes_max: 1 << 20 });
    assert_eq!(stopped.class(), Class::Reject);
    assert!(got <= 1 << 20, "{got}");
    drop(body);
    let taken = sent.load(Ordering::SeqCst);
    assert!((1..64 << 20).contains(&taken), "{taken} bytes were taken");
}

fn trickle(every: Duration) -> Body {
    Body::from_stream(stream::unfold((), move |()| async move {
        tokio::time::sleep(every).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
    }))
}

/// G4: a byte now and then keeps no reader.
#[tokio::test]
async fn slow_bodies_are_left() {
    let routes = Router::new()
        .route("/trickle", get(async || trickle(Duration::from_millis(20))))
        .route("/stall", get(async || trickle(Duration::from_secs(60))))
        .route(
            "/silent",
            get(async || tokio::time::sleep(Duration::from_secs(60)).await),
        );
    let web = Web::serve(routes).await;
    let client = client_of(&web);
    let url = |path: &str| format!("{}{path}", web.origin());
    let begun = Instant::now();
    for path in ["/trickle", "/stall", "/silent"] {
        let bounds = GetLimits {
            total_ms: 150,
            ..BOUNDS
        };
        let late = error(client.get(&url(path), bounds).await);
        assert!(
            matches!(late, NetError::Timeout { total_ms: 150, .. }),
            "{path}: {late}"
        );
        assert_eq!(late.class(), Class::Retry);
    }
    let head = StreamLimits {
        head_ms: 150,
        ..STREAM
    };
    assert!(matches!(
        error(client.open(&url("/silent"), head).await),
        NetError::Timeout { .. }
    ));

    let read = async |path: &str, bounds: StreamLimits| {
        let mut body = client.open(&url(path), bounds).await.unwrap();
        loop {
            if let Err(error) = body.chunk().await {
                break error;
            }
        }
    };
    let slow = read("/trickle", STREAM).await;
    assert!(
        matches!(
            slow,
            NetError::TooSlow {
                expected: 1_000,
                got: 1..100
            }
        ),
        "{slow}"
    );
    let idle = read("/stall", STREAM).await;
    assert!(
        matches!(idle, NetError::Timeout { total_ms: 200, .. }),
        "{idle}"
    );
    let total = read(
        "/trickle",
        StreamLimits {
            bytes_per_s_min: 0,
            total_ms: 400,
            ..STREAM
        },
    )
    .await;
    assert!(
        matches!(total, NetError::Timeout { total_ms: 400, .. }),
        "{total}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// G4: nothing is unpacked, so nothing grows.
#[tokio::test]
async fn compressed_bodies_are_refused() {
    let seen = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&seen);
    let bomb = async move |headers: HeaderMap| {
        asked.fetch_add(
            usize::from(headers.contains_key(header::ACCEPT_ENCODING)),
            Ordering::SeqCst,
        );
        ([(header::CONTENT_ENCODING, "gzip")], "bytes")
    };
    let web = Web::serve(Router::new().route("/", get(bomb))).await;
    let refusal = error(client_of(&web).get(&web.origin(), BOUNDS).await);
    assert_eq!(refusal, NetError::Encoded("gzip".into()));
    assert_eq!((web.requests(), seen.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn heads_have_bounds() {
    let large = async || ([("x-large", "x".repeat(20 << 10))], "body");
    let many = async || {
        let mut headers = HeaderMap::new();
        for _ in 0..200 {
            headers.append("x-many", "x".parse().unwrap());
        }
        (headers, "body")
    };
    let web = Web::serve(
        Router::new()
            .route("/large", get(large))
            .route("/many", get(many)),
    )
    .await;
    let client = client_of(&web);
    let large = error(client.get(&format!("{}/large", web.origin()), BOUNDS).await);
    assert!(matches!(large, NetError::HeadTooLarge { .. }), "{large}");
    let many = error(client.get(&format!("{}/many", web.origin()), BOUNDS).await);
    assert!(matches!(many, NetError::Transport { .. }), "{many}");
    assert_eq!(web.requests(), 2);
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
