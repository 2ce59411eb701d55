//! Answers without end, without pace, packed, or with a head that is too large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aviary::fault::{Class, Classify};
use aviary::net::{GetLimits, NetError, StreamLimits};
use aviary_tests::web::Web;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::routing::get;
use futures_util::stream;

use super::{BOUNDS, STREAM, client_of, error};

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
