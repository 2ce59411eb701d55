//! A store of a few records in memory, and a method host with one method.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use crate::serve::{MethodHost, MethodRequest, MethodResponse, Payload, XrpcError};
use crate::store::partial::PartialStore;
use crate::store::{AccountRow, RecordRow, RepoPage, StoreError};

pub(super) const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
pub(super) const HIDDEN: &str = "did:plc:hidden";
/// Whose document claims no handle.
pub(super) const UNHANDLED: &str = "did:plc:unhandled";
/// Whose reads find the database busy.
pub(super) const BUSY: &str = "did:plc:busy";
pub(super) const COLLECTION: &str = "xyz.example.thing";

/// Only what the server reads is there.
pub(super) struct FakeStore(BTreeMap<String, RecordRow>);

impl FakeStore {
    /// `DID` with these record keys, each with the body `{"a": 1}`; the key `float` has a float instead.
    pub(super) fn with(rkeys: &[&str]) -> Self {
        let row = |rkey: &str| {
            let body: &[u8] = if rkey == "float" {
                b"\xa1\x61a\xfb\x3f\xf8\0\0\0\0\0\0"
            } else {
                b"\xa1\x61a\x01"
            };
            RecordRow {
                rkey: RecordKey::parse(rkey).unwrap(),
                cid: Cid::of_dag_cbor(body),
                rev: Tid::parse("3jzfcijpj2z2a").unwrap(),
                seen_us: 1,
                body: Bytes::from_static(body),
            }
        };
        Self(rkeys.iter().map(|k| ((*k).to_owned(), row(k))).collect())
    }

    fn holds(did: &Did, collection: &Nsid) -> Result<bool, StoreError> {
        if did.as_str() == BUSY {
            return Err(StoreError::Unavailable("locked".into()));
        }
        Ok(did.as_str() == DID && collection.as_str() == COLLECTION)
    }
}

#[async_trait]
impl PartialStore for FakeStore {
    async fn get_record(&self, uri: &AtUri) -> Result<Option<RecordRow>, StoreError> {
        let held = Self::holds(&uri.did, &uri.collection)?;
        Ok(self.0.get(uri.rkey.as_str()).filter(|_| held).cloned())
    }

    async fn list_records(
        &self,
        did: &Did,
        collection: &Nsid,
        after: Option<&RecordKey>,
        reverse: bool,
        limit: usize,
    ) -> Result<Option<RepoPage>, StoreError> {
        if did.as_str() == HIDDEN {
            return Ok(None);
        }
        let mut records: Vec<_> = self.0.values().cloned().collect();
        if !reverse {
            records.reverse();
        }
        if let Some(after) = after {
            records.retain(|r| {
                if reverse {
                    r.rkey > *after
                } else {
                    r.rkey < *after
                }
            });
        }
        if !Self::holds(did, collection)? {
            records.clear();
        }
        let more = records.len() > limit;
        records.truncate(limit);
        Ok(Some(RepoPage { records, more }))
    }

    async fn archived_collections(&self, did: &Did) -> Result<Vec<Nsid>, StoreError> {
        let collection = Nsid::parse(COLLECTION).unwrap();
        let held = Self::holds(did, &collection)?;
        Ok(held.then_some(collection).into_iter().collect())
    }

    async fn account(&self, did: &Did) -> Result<Option<AccountRow>, StoreError> {
        let account = AccountRow {
            did: did.clone(),
            active: false,
            status: None,
            origin: None,
            erased: false,
        };
        Ok(Some(account).filter(|_| did.as_str() == HIDDEN))
    }
}

/// Claims `xyz.example.echo` (what it was asked), `.panic`, `.slow` (never answers) and `.put` (gives its input back).
pub(super) struct FakeMethods {
    /// Told when a call of `.slow` has begun.
    pub(super) slow_began: Arc<Notify>,
}

#[async_trait]
impl MethodHost for FakeMethods {
    async fn handle(&self, request: MethodRequest) -> Option<Result<MethodResponse, XrpcError>> {
        let body = match request.nsid.as_str() {
            "xyz.example.echo" if request.params["n"] == 13 => {
                return Some(Err(XrpcError::new(418, "Thirteen", "no")));
            }
            "xyz.example.echo" => {
                Payload::Json(serde_json::Value::Object(request.params).to_string())
            }
            "xyz.example.put" => request.input.unwrap_or(Payload::Json("null".into())),
            "xyz.example.panic" => panic!("a bug"),
            "xyz.example.slow" => {
                self.slow_began.notify_one();
                std::future::pending().await
            }
            _ => return None,
        };
        let max_age_s = Some(5);
        Some(Ok(MethodResponse { body, max_age_s }))
    }
}

/// Documents of those methods, and of one that nobody claims.
pub(super) fn lexicons() -> Vec<String> {
    let method = |name: &str, kind: &str| {
        serde_json::json!({
            "lexicon": 1,
            "id": format!("xyz.example.{name}"),
            "defs": { "main": {
                "type": kind,
                "parameters": { "type": "params", "properties": { "n": { "type": "integer", "default": 7 } } },
            } },
        })
        .to_string()
    };
    vec![
        method("echo", "query"),
        method("panic", "query"),
        method("slow", "query"),
        method("unclaimed", "query"),
        method("put", "procedure"),
    ]
}
