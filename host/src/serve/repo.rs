//! `com.atproto.repo.describeRepo`, `getRecord` and `listRecords`, for any collection that the archive holds.

mod describe;
mod whose;

use serde_json::{Map, Value};

use super::ServeParts;
use super::error::XrpcError;
use super::methods::{MethodResponse, Payload};
use crate::atproto::{AtUri, Cid, Nsid, RecordKey, json};
use crate::limits;
use crate::store::RecordRow;

/// The host's own methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RepoMethod {
    DescribeRepo,
    GetRecord,
    ListRecords,
}

impl RepoMethod {
    pub(super) fn of(nsid: &Nsid) -> Option<Self> {
        match nsid.as_str() {
            "com.atproto.repo.describeRepo" => Some(Self::DescribeRepo),
            "com.atproto.repo.getRecord" => Some(Self::GetRecord),
            "com.atproto.repo.listRecords" => Some(Self::ListRecords),
            _ => None,
        }
    }

    /// Answers; `params` have passed the method's lexicon.
    pub(super) async fn answer(
        self,
        parts: &ServeParts,
        params: &Map<String, Value>,
    ) -> Result<MethodResponse, XrpcError> {
        let body = match self {
            Self::DescribeRepo => describe::describe_repo(parts, params).await?,
            Self::GetRecord => get_record(parts, params).await?,
            Self::ListRecords => list_records(parts, params).await?,
        };
        Ok(MethodResponse {
            body: Payload::Json(body),
            max_age_s: None,
        })
    }
}

async fn get_record(parts: &ServeParts, params: &Map<String, Value>) -> Result<String, XrpcError> {
    let uri = AtUri {
        did: whose::repo(parts, params).await?,
        collection: collection(params)?,
        rkey: record_key(params, "rkey")?,
    };
    let wanted = match params.get("cid").and_then(Value::as_str) {
        Some(text) => Some(Cid::parse(text).map_err(|e| XrpcError::invalid(format!("cid: {e}")))?),
        None => None,
    };
    let found = parts.store.get_record(&uri).await?;
    let mut out = String::new();
    match found.filter(|row| wanted.is_none_or(|cid| cid == row.cid)) {
        Some(row) if write_record(&uri, &row, &mut out) => Ok(out),
        _ => Err(XrpcError::new(
            400,
            "RecordNotFound",
            format!("could not locate record: {uri}"),
        )),
    }
}

async fn list_records(
    parts: &ServeParts,
    params: &Map<String, Value>,
) -> Result<String, XrpcError> {
    let (did, collection) = (whose::repo(parts, params).await?, collection(params)?);
    let after = match params.get("cursor").and_then(Value::as_str) {
        Some(_) => Some(record_key(params, "cursor")?),
        None => None,
    };
    let reverse = params
        .get("reverse")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    let limit = params
        .get("limit")
        .and_then(Value::as_u64)
        .and_then(|n| usize::try_from(n).ok());
    // The lexicon has a default and bounds; this is for a catalog whose document was replaced.
    let limit = limit
        .unwrap_or(limits::LIST_RECORDS_MAX)
        .clamp(1, limits::LIST_RECORDS_MAX);

    let page = parts
        .store
        .list_records(&did, &collection, after.as_ref(), reverse, limit)
        .await?
        .ok_or_else(|| {
            XrpcError::new(400, "RepoNotFound", format!("could not find repo: {did}"))
        })?;
    let mut out = String::from("{\"records\":[");
    let start = out.len();
    for row in &page.records {
        let before = out.len();
        if before > start {
            out.push(',');
        }
        let uri = AtUri {
            did: did.clone(),
            collection: collection.clone(),
            rkey: row.rkey.clone(),
        };
        if !write_record(&uri, row, &mut out) {
            out.truncate(before);
        }
    }
    out.push(']');
    if let (true, Some(last)) = (page.more, page.records.last()) {
        // A record key holds nothing that JSON escapes.
        out.push_str(&format!(",\"cursor\":\"{}\"", last.rkey));
    }
    out.push('}');
    Ok(out)
}

/// Appends `{"uri","cid","value"}`. False, with `out` as it was, for a body that is not of the atproto data model:
/// such a record is archived as it was signed, but cannot be shown as JSON.
fn write_record(uri: &AtUri, row: &RecordRow, out: &mut String) -> bool {
    let before = out.len();
    // A URI and a CID hold nothing that JSON escapes.
    out.push_str(&format!(
        "{{\"uri\":\"{uri}\",\"cid\":\"{}\",\"value\":",
        row.cid
    ));
    if let Err(error) = json::write(&row.body, out) {
        tracing::debug!(%uri, %error, "serve.bad_record: a record has no JSON form");
        out.truncate(before);
        return false;
    }
    out.push('}');
    true
}

fn text<'p>(params: &'p Map<String, Value>, name: &str) -> Result<&'p str, XrpcError> {
    let value = params.get(name).and_then(Value::as_str);
    value.ok_or_else(|| XrpcError::invalid(format!("{name} is required")))
}

fn collection(params: &Map<String, Value>) -> Result<Nsid, XrpcError> {
    Nsid::parse(text(params, "collection")?)
        .map_err(|e| XrpcError::invalid(format!("collection: {e}")))
}

fn record_key(params: &Map<String, Value>, name: &str) -> Result<RecordKey, XrpcError> {
    RecordKey::parse(text(params, name)?).map_err(|e| XrpcError::invalid(format!("{name}: {e}")))
}
