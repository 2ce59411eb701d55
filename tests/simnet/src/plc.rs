//! The PLC directory: `GET /{did}` answers the DID document of an account that has joined, or what a
//! test chose.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::network::Shared;
use crate::script::Script;

/// How a DID document is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Document {
    /// As it is.
    Sound,
    /// 503.
    Down,
    /// 429 with `Retry-After`.
    TooMany {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// After so many milliseconds, as it is.
    Late {
        /// Milliseconds before the answer.
        ms: u64,
    },
    /// 404.
    Unknown,
    /// 410, as for a DID whose owner gave it up.
    Tombstoned,
    /// The document says that it is another DID's.
    WrongDid,
    /// The document has no signing key.
    NoKey,
    /// As it is, with so many bytes of filling.
    Large {
        /// Bytes.
        filling_bytes: usize,
    },
    /// 200 with what is no JSON.
    NotJson,
}

/// What the directory does and has done.
#[derive(Debug)]
pub struct Directory {
    /// What it answers, by DID.
    pub documents: Script<Document>,
    requests: Mutex<BTreeMap<String, u64>>,
}

impl Default for Directory {
    fn default() -> Self {
        Directory {
            documents: Script::new(Document::Sound),
            requests: Mutex::default(),
        }
    }
}

impl Directory {
    /// How often a DID's document was asked for.
    pub fn requests(&self, did: &str) -> u64 {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.get(did).copied().unwrap_or(0)
    }

    /// How often any document was asked for.
    pub fn requests_in_all(&self) -> u64 {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.values().sum()
    }

    fn count(&self, did: &str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(did.to_owned()).or_default() += 1;
    }
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(
            "/_health",
            get(async || Json(json!({ "version": "simnet" }))),
        )
        .route("/{did}", get(document))
        .with_state(shared)
}

async fn document(State(shared): State<Arc<Shared>>, Path(did): Path<String>) -> Response {
    shared.directory.count(&did);
    let how = shared.directory.documents.take(&did);
    if let Document::Late { ms } = how {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    let document = shared
        .world()
        .account(&did)
        .map(|account| account.document(&shared.pds_endpoint));
    match (document, how) {
        (_, Document::Down) => said(StatusCode::SERVICE_UNAVAILABLE, "the directory is down"),
        (_, Document::TooMany { retry_after_s }) => {
            let after = [(header::RETRY_AFTER, retry_after_s.to_string())];
            (after, said(StatusCode::TOO_MANY_REQUESTS, "slower")).into_response()
        }
        (_, Document::Tombstoned) => said(StatusCode::GONE, &format!("DID not available: {did}")),
        (_, Document::NotJson) => "<html>".into_response(),
        (None, _) | (_, Document::Unknown) => {
            said(StatusCode::NOT_FOUND, &format!("DID not registered: {did}"))
        }
        (Some(mut document), how) => {
            spoil(&mut document, how);
            let kind = [(header::CONTENT_TYPE, "application/did+ld+json")];
            (kind, document.to_string()).into_response()
        }
    }
}

fn spoil(document: &mut Value, how: Document) {
    match how {
        Document::WrongDid => document["id"] = json!("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
        Document::NoKey => document["verificationMethod"] = json!([]),
        Document::Large { filling_bytes } => {
            document["filling"] = json!("x".repeat(filling_bytes));
        }
        _ => {}
    }
}

fn said(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
