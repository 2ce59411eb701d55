use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use super::*;
use crate::atproto::{Cid, Did, DidDocument};
use crate::store::partial::Partial;
use crate::telemetry::Counter;
use fake::{BUSY, COLLECTION, DID, FakeMethods, FakeStore, HIDDEN, UNHANDLED};

mod fake;

fn parts(rkeys: &[&str]) -> ServeParts {
    let mut catalog = core_catalog().unwrap();
    for document in fake::lexicons() {
        catalog.add(document.as_bytes()).unwrap();
    }
    ServeParts {
        xrpc: true,
        store: Arc::new(Partial(FakeStore::with(rkeys))),
        catalog: Arc::new(catalog),
        methods: Arc::new(FakeMethods {
            slow_began: Arc::default(),
        }),
        identities: None,
        health: Arc::new(|| {
            Box::pin(async {
                Health {
                    version: "1.2.3".into(),
                    lag: 4,
                    plugins: vec![PluginHealth {
                        name: "things".into(),
                        ..PluginHealth::default()
                    }],
                    ..Health::default()
                }
            })
        }),
        counters: Arc::new(Counters::new()),
        bounds: Bounds {
            request: Duration::from_millis(100),
            request_bytes: 64,
        },
    }
}

async fn send(parts: &ServeParts, request: Request<Body>) -> (u16, HeaderMap, String) {
    let response = router(parts.clone()).oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn get(parts: &ServeParts, path: &str) -> (u16, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (status, headers, body) = send(parts, request).await;
    assert_eq!(headers["content-type"], "application/json", "{path}");
    assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
    (status, serde_json::from_str(&body).unwrap())
}

/// Status and error name; every error has a message.
async fn error(parts: &ServeParts, path: &str) -> (u16, String, String) {
    let (status, body) = get(parts, path).await;
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("message").is_empty(), "{path}: {body}");
    (status, text("error"), text("message"))
}

#[tokio::test]
async fn get_record_gives_uri_cid_and_value() {
    let parts = parts(&["one"]);
    let cid = Cid::of_dag_cbor(b"\xa1\x61a\x01");
    let path =
        format!("/xrpc/com.atproto.repo.getRecord?repo={DID}&collection={COLLECTION}&rkey=one");
    let expected = json!({ "uri": format!("at://{DID}/{COLLECTION}/one"), "cid": cid.to_string(), "value": { "a": 1 } });
    assert_eq!(get(&parts, &path).await, (200, expected.clone()));
    assert_eq!(
        get(&parts, &format!("{path}&cid={cid}")).await,
        (200, expected)
    );

    let other = Cid::of_dag_cbor(b"\xa0");
    let absent = path.replace("rkey=one", "rkey=two");
    for path in [format!("{path}&cid={other}"), absent] {
        let (status, name, _) = error(&parts, &path).await;
        assert_eq!((status, name.as_str()), (400, "RecordNotFound"), "{path}");
    }
}

fn document(did: &str, handle: &str) -> Value {
    json!({ "id": did, "alsoKnownAs": [format!("at://{handle}")], "x": "as it \"came\"" })
}

/// `DID` is alice.test, `HIDDEN` is bob.test, and `UNHANDLED` has no handle.
fn parts_with_identities() -> ServeParts {
    let documents = [(DID, "alice.test"), (HIDDEN, "bob.test"), (UNHANDLED, "")];
    let documents = documents.map(|(did, handle)| {
        let text = document(did, handle).to_string();
        DidDocument::parse(text.as_bytes(), &Did::parse(did).unwrap()).unwrap()
    });
    let mut parts = parts(&["one"]);
    parts.identities = Some(Arc::new(Identities::fixed(documents)));
    parts
}

#[tokio::test]
async fn an_account_is_described_with_its_document() {
    let parts = parts_with_identities();
    let path = "/xrpc/com.atproto.repo.describeRepo?repo=";
    let alice = json!({
        "did": DID,
        "handle": "alice.test",
        "handleIsCorrect": true,
        "collections": [COLLECTION],
        "didDoc": document(DID, "alice.test"),
    });
    for repo in [DID, "alice.test"] {
        assert_eq!(
            get(&parts, &format!("{path}{repo}")).await,
            (200, alice.clone())
        );
    }
    let (status, body) = get(&parts, &format!("{path}{UNHANDLED}")).await;
    assert_eq!((status, &body["handle"]), (200, &json!("handle.invalid")));
    assert_eq!(
        (&body["handleIsCorrect"], &body["collections"]),
        (&json!(false), &json!([]))
    );
    for absent in [HIDDEN, "bob.test", "nobody.test", "did:plc:nobody"] {
        let (status, name, _) = error(&parts, &format!("{path}{absent}")).await;
        assert_eq!((status, name.as_str()), (400, "RepoNotFound"), "{absent}");
    }
}

#[tokio::test]
async fn a_repository_may_be_named_by_its_handle() {
    let parts = parts_with_identities();
    let list = format!("/xrpc/com.atproto.repo.listRecords?collection={COLLECTION}&repo=");
    let (status, body) = get(&parts, &format!("{list}Alice.test")).await;
    let uri = format!("at://{DID}/{COLLECTION}/one");
    assert_eq!((status, &body["records"][0]["uri"]), (200, &json!(uri)));
    let record = "/xrpc/com.atproto.repo.getRecord?rkey=one&collection=xyz.example.thing&repo=";
    let (status, body) = get(&parts, &format!("{record}alice.test")).await;
    assert_eq!((status, &body["uri"]), (200, &json!(uri)));
    for absent in ["nobody.test", "bob.test"] {
        let (status, name, _) = error(&parts, &format!("{list}{absent}")).await;
        assert_eq!((status, name.as_str()), (400, "RepoNotFound"), "{absent}");
    }
}

#[tokio::test]
async fn list_records_pages_in_both_directions() {
    let parts = parts(&["a", "b", "c"]);
    let base = format!("/xrpc/com.atproto.repo.listRecords?repo={DID}&collection={COLLECTION}");
    let page = async |query: &str| {
        let (status, body) = get(&parts, &format!("{base}{query}")).await;
        assert_eq!(status, 200, "{body}");
        let rkey = |r: &Value| {
            r["uri"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        };
        let rkeys: Vec<_> = body["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(rkey)
            .collect();
        (rkeys.concat(), body["cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(page("").await, ("cba".into(), None));
    assert_eq!(page("&reverse=true").await, ("abc".into(), None));
    assert_eq!(page("&limit=2").await, ("cb".into(), Some("b".into())));
    assert_eq!(page("&limit=2&cursor=b").await, ("a".into(), None));
    assert_eq!(
        page("&limit=1&reverse=true&cursor=a").await,
        ("b".into(), Some("b".into()))
    );

    let others = base.replace(COLLECTION, "xyz.example.other");
    assert_eq!(get(&parts, &others).await, (200, json!({ "records": [] })));
    let (status, name, _) = error(&parts, &base.replace(DID, HIDDEN)).await;
    assert_eq!((status, name.as_str()), (400, "RepoNotFound"));
}

#[tokio::test]
async fn a_record_without_json_form_does_not_take_its_page_along() {
    let parts = parts(&["a", "float", "z"]);
    let list = format!("/xrpc/com.atproto.repo.listRecords?repo={DID}&collection={COLLECTION}");
    let (status, body) = get(&parts, &list).await;
    assert_eq!(
        (status, body["records"].as_array().unwrap().len()),
        (200, 2)
    );
    let record =
        format!("/xrpc/com.atproto.repo.getRecord?repo={DID}&collection={COLLECTION}&rkey=float");
    assert_eq!(error(&parts, &record).await.1, "RecordNotFound");
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let parts = parts(&[]);
    let list = "/xrpc/com.atproto.repo.listRecords?collection=xyz.example.thing&repo=";
    for (path, name) in [
        (format!("{list}{DID}&limit=0"), "limit"),
        (format!("{list}{DID}&limit=101"), "limit"),
        (format!("{list}{DID}&limit=x"), "limit"),
        (format!("{list}{DID}&cursor=%2F"), "cursor"),
        (format!("{list}{DID}&reverse=maybe"), "reverse"),
        (format!("{list}someone.example.com"), "repo must be a DID"),
        (format!("{list}did"), "repo"),
        (list.replace("&repo=", ""), "repo"),
        (
            format!("/xrpc/com.atproto.repo.getRecord?repo={DID}&collection=x&rkey=a"),
            "collection",
        ),
        ("/xrpc/xyz.example.echo?n=many".into(), "n"),
    ] {
        let (status, error, message) = error(&parts, &path).await;
        assert_eq!((status, error.as_str()), (400, "InvalidRequest"), "{path}");
        assert!(message.contains(name), "{path}: {message}");
    }
}

#[tokio::test]
async fn methods_go_to_their_host_with_defaults_filled_in() {
    let parts = parts(&[]);
    assert_eq!(
        get(&parts, "/xrpc/xyz.example.echo").await,
        (200, json!({ "n": 7 }))
    );
    assert_eq!(
        get(&parts, "/xrpc/xyz.example.echo?n=-2").await,
        (200, json!({ "n": -2 }))
    );
    assert_eq!(
        error(&parts, "/xrpc/xyz.example.echo?n=13").await,
        (418, "Thirteen".into(), "no".into())
    );
    let request = Request::get("/xrpc/xyz.example.echo")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        send(&parts, request).await.1["cache-control"],
        "public, max-age=5"
    );
}

#[tokio::test]
async fn what_cannot_be_answered_says_why() {
    let parts = parts(&[]);
    for (path, status, name) in [
        ("/xrpc/xyz.example.nobody", 501, "MethodNotImplemented"),
        ("/xrpc/xyz.example.unclaimed", 501, "MethodNotImplemented"),
        (
            "/xrpc/not an nsid".replace(' ', "%20").as_str(),
            400,
            "InvalidRequest",
        ),
        ("/xrpc/xyz.example.panic", 500, "InternalServerError"),
        ("/xrpc/xyz.example.slow", 504, "Timeout"),
        ("/xrpc/xyz.example.put", 405, "InvalidRequest"),
        ("/nothing/here", 404, "NotFound"),
        (
            format!("/xrpc/com.atproto.repo.listRecords?repo={BUSY}&collection={COLLECTION}")
                .as_str(),
            503,
            "ServiceUnavailable",
        ),
    ] {
        let (got, error, _) = error(&parts, path).await;
        assert_eq!((got, error.as_str()), (status, name), "{path}");
    }
    let snapshot = parts.counters.snapshot();
    assert_eq!(
        (
            snapshot.get(Counter::Requests),
            snapshot.get(Counter::RequestsFailed)
        ),
        (8, 5)
    );
}

#[tokio::test]
async fn procedures_take_a_bounded_body() {
    let parts = parts(&[]);
    let post = async |content_type: Option<&str>, body: &str| {
        let mut request = Request::post("/xrpc/xyz.example.put");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let (status, _, body) =
            send(&parts, request.body(Body::from(body.to_owned())).unwrap()).await;
        (status, body)
    };
    assert_eq!(
        post(Some("application/json; charset=utf-8"), "{\"a\":1}").await,
        (200, "{\"a\":1}".into())
    );
    assert_eq!(
        post(Some("text/plain"), "words").await,
        (200, "words".into())
    );
    assert_eq!(post(None, "").await, (200, "null".into()));
    assert_eq!(post(None, "x").await.0, 400);
    assert_eq!(post(Some("application/json"), "{").await.0, 400);
    let (status, body) = post(Some("text/plain"), &"x".repeat(65)).await;
    assert!(
        status == 413 && body.contains("PayloadTooLarge"),
        "{status} {body}"
    );
}

#[tokio::test]
async fn wrong_verbs_say_which_are_right() {
    let parts = parts(&[]);
    let request = Request::post("/xrpc/com.atproto.repo.getRecord")
        .body(Body::empty())
        .unwrap();
    let (status, headers, _) = send(&parts, request).await;
    assert_eq!(
        (status, headers["allow"].to_str().unwrap()),
        (405, "GET, HEAD")
    );

    let preflight = Request::options("/xrpc/xyz.example.put")
        .header("origin", "https://x.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .body(Body::empty())
        .unwrap();
    let (status, headers, _) = send(&parts, preflight).await;
    assert_eq!(status, 200);
    assert_eq!(headers["access-control-allow-headers"], "authorization");
    assert!(
        headers["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("POST")
    );
}

#[tokio::test]
async fn health_metrics_and_overview() {
    let parts = parts(&[]);
    let (status, health) = get(&parts, "/xrpc/_health").await;
    assert_eq!(
        (status, &health["version"], &health["lag"]),
        (200, &json!("1.2.3"), &json!(4))
    );
    assert_eq!(health["cursor"], Value::Null);
    let page = send(&parts, Request::get("/").body(Body::empty()).unwrap()).await;
    assert!(
        page.0 == 200 && page.2.contains("Plugin things"),
        "{}",
        page.2
    );
    let metrics = send(
        &parts,
        Request::get("/metrics").body(Body::empty()).unwrap(),
    )
    .await;
    // Health and overview have been counted, this one not yet.
    assert!(
        metrics.2.contains("\naviary_requests_total 2\n"),
        "{}",
        metrics.2
    );
}

#[tokio::test]
async fn a_socket_gets_head_without_body_and_a_stop_that_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let slow_began = Arc::new(tokio::sync::Notify::new());
    let mut parts = parts(&["one"]);
    parts.methods = Arc::new(FakeMethods {
        slow_began: Arc::clone(&slow_began),
    });
    let server = tokio::spawn(run(listener, parts, async {
        stopped.await.ok();
    }));
    let ask = async |verb: &str, path: &str| {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("{verb} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let path =
        format!("/xrpc/com.atproto.repo.getRecord?repo={DID}&collection={COLLECTION}&rkey=one");
    let head = ask("HEAD", &path).await;
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(ask("GET", &path).await.ends_with("\"value\":{\"a\":1}}"));

    let slow = ask("GET", "/xrpc/xyz.example.slow");
    let (answer, ()) = tokio::join!(slow, async {
        slow_began.notified().await;
        stop.send(()).unwrap();
    });
    assert!(
        answer.starts_with("HTTP/1.1 504"),
        "what was begun is answered: {answer}"
    );
    server.await.unwrap().unwrap();
}
