//! A directory on loopback that fails in the ways that directories do, and a world around it whose clock stands still.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aviary::atproto::Did;
use aviary::clock::Clock;
use aviary::config::AllowedHosts;
use aviary::identity::{Identities, IdentityOptions};
use aviary::net::{Client, NetOptions};
use aviary_tests::web::{FakeDns, Web};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};

/// How the directory behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Mode {
    #[default]
    Up,
    /// Answers, in its own time.
    Slow,
    Down,
    /// 429, and not before a minute.
    Busy,
    Tombstone,
    Html,
    OtherDid,
    Huge,
    ManyKeys,
    Redirect,
    Gzip,
}

#[derive(Default)]
struct Known {
    documents: HashMap<String, Value>,
    mode: Mode,
}

/// A directory.
pub(super) struct Directory {
    known: Arc<Mutex<Known>>,
    web: Web,
}

/// A DID's document with a key.
pub(super) fn document(did: &Did, handle: &str) -> Value {
    json!({
        "id": did.as_str(),
        "alsoKnownAs": [format!("at://{handle}")],
        "verificationMethod": [{
            "id": format!("{did}#atproto"),
            "type": "Multikey",
            "controller": did.as_str(),
            "publicKeyMultibase": "zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc",
        }],
        "service": [{ "id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://pds.example.com" }],
    })
}

impl Directory {
    async fn start() -> Self {
        let known = Arc::<Mutex<Known>>::default();
        let routes = Router::new()
            .route("/{did}", get(answer))
            .with_state(Arc::clone(&known));
        let web = Web::serve(routes).await;
        Self { known, web }
    }

    pub(super) fn put(&self, did: &Did, handle: &str) {
        let document = document(did, handle);
        self.known
            .lock()
            .unwrap()
            .documents
            .insert(did.to_string(), document);
    }

    pub(super) fn set(&self, mode: Mode) {
        self.known.lock().unwrap().mode = mode;
    }

    pub(super) fn requests(&self) -> usize {
        self.web.requests()
    }

    /// Waits until it was asked so often.
    pub(super) async fn asked(&self, requests: usize) {
        let look = async {
            while self.requests() < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), look)
            .await
            .expect("a request");
    }
}

async fn answer(State(known): State<Arc<Mutex<Known>>>, Path(did): Path<String>) -> Response {
    let (mode, document) = {
        let known = known.lock().unwrap();
        (known.mode, known.documents.get(&did).cloned())
    };
    if mode == Mode::Slow {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    match (mode, document) {
        (Mode::Down, _) => StatusCode::BAD_GATEWAY.into_response(),
        (Mode::Busy, _) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")]).into_response()
        }
        (Mode::Tombstone, _) => StatusCode::GONE.into_response(),
        (Mode::Redirect, _) => Redirect::temporary("/elsewhere").into_response(),
        (_, None) => StatusCode::NOT_FOUND.into_response(),
        (mode, Some(document)) => changed(mode, document),
    }
}

fn changed(mode: Mode, mut document: Value) -> Response {
    match mode {
        Mode::Html => return "<!doctype html><title>hello</title>".into_response(),
        Mode::Gzip => {
            return ([(header::CONTENT_ENCODING, "gzip")], document.to_string()).into_response();
        }
        Mode::OtherDid => document["id"] = json!("did:plc:25ach563rbhm6qhiisfx3hu3"),
        Mode::Huge => document["padding"] = json!("x".repeat(1 << 20)),
        Mode::ManyKeys => {
            document["verificationMethod"] = json!(vec![json!({ "id": "#x" }); 2_000])
        }
        _ => {}
    }
    document.to_string().into_response()
}

/// Identities, what they ask, and the time that they see.
pub(super) struct World {
    pub(super) identities: Arc<Identities>,
    pub(super) directory: Directory,
    pub(super) dns: Arc<FakeDns>,
    now_ms: Arc<AtomicI64>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::allowing("").await
    }

    /// With one more host that is allowed; handles below `.test` are asked there.
    pub(super) async fn allowing(place: &str) -> Self {
        let (directory, dns) = (Directory::start().await, Arc::<FakeDns>::default());
        let allowed = format!("{},{place}", directory.web.place());
        let client = Client::new(NetOptions {
            allowed: AllowedHosts::parse(&allowed).unwrap(),
            dns: Arc::clone(&dns) as _,
        });
        let now_ms = Arc::new(AtomicI64::new(1_800_000_000_000));
        let clock = Arc::clone(&now_ms);
        let options = IdentityOptions {
            plc: directory.web.origin(),
            clock: Clock::from_fn(move || clock.load(Ordering::SeqCst) * 1_000),
            test_handles_via: (!place.is_empty()).then(|| format!("http://{place}")),
        };
        Self {
            identities: Arc::new(Identities::new(client.unwrap(), options)),
            directory,
            dns,
            now_ms,
        }
    }

    /// Lets time pass.
    pub(super) fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}
