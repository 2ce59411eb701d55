//! `com.atproto.repo.*`: single records and lists of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use shrike::cbor::Cid;

use super::{Params, XrpcError, hosted};
use crate::account::Account;
use crate::host::Side;
use crate::network::Shared;
use crate::world::World;
use crate::{content, limits};

pub(super) async fn get_record(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let (collection, rkey) = (params.required("collection")?, params.required("rkey")?);
    let world = shared.world();
    let account = repo_of(&world, &params)?;
    let record = account.repository.record(&format!("{collection}/{rkey}"));
    let asked = params.optional("cid");
    let record = record.filter(|(cid, _)| asked.is_none_or(|asked| asked == cid.to_string()));
    let uri = format!("at://{}/{collection}/{rkey}", account.did);
    let (cid, bytes) = record.ok_or_else(|| {
        XrpcError::named("RecordNotFound", format!("could not locate record: {uri}"))
    })?;
    Ok(Json(entry(account, collection, rkey, cid, bytes)?))
}

/// Newest key first unless `reverse`; the cursor is the last key of the page before.
pub(super) async fn list_records(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let collection = params.required("collection")?;
    let limit = params.limit(limits::LIST_RECORDS)?;
    let reverse = params.number("reverse")?.unwrap_or(false);
    let cursor = params.optional("cursor");
    let world = shared.world();
    let account = repo_of(&world, &params)?;
    let all = account.repository.collection(collection);
    let page: Vec<_> = if reverse {
        all.filter(|(rkey, ..)| cursor.is_none_or(|cursor| *rkey > cursor))
            .take(limit)
            .collect()
    } else {
        all.rev()
            .filter(|(rkey, ..)| cursor.is_none_or(|cursor| *rkey < cursor))
            .take(limit)
            .collect()
    };
    let mut body = json!({});
    if let Some((last, ..)) = page.last() {
        body["cursor"] = json!(last);
    }
    let records = page
        .into_iter()
        .map(|(rkey, cid, bytes)| entry(account, collection, rkey, cid, bytes));
    body["records"] = Value::Array(records.collect::<Result<_, _>>()?);
    Ok(Json(body))
}

pub(super) async fn describe_repo(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let world = shared.world();
    let account = repo_of(&world, &params)?;
    let mut collections: Vec<&str> = account
        .repository
        .records()
        .filter_map(|(path, ..)| path.split_once('/').map(|(collection, _)| collection))
        .collect();
    collections.dedup();
    Ok(Json(json!({
        "handle": account.handle,
        "did": account.did,
        "didDoc": account.document(&shared.pds_endpoint),
        "collections": collections,
        "handleIsCorrect": true,
    })))
}

/// The account that `repo` names by DID or handle.
fn repo_of<'w>(world: &'w World, params: &Params) -> Result<&'w Account, XrpcError> {
    let repo = params.required("repo")?;
    match world.account_by_handle(repo) {
        Some(account) => hosted(world, &account.did, Side::Pds),
        None => hosted(world, repo, Side::Pds),
    }
}

fn entry(
    account: &Account,
    collection: &str,
    rkey: &str,
    cid: Cid,
    bytes: &[u8],
) -> Result<Value, XrpcError> {
    Ok(json!({
        "uri": format!("at://{}/{collection}/{rkey}", account.did),
        "cid": cid.to_string(),
        "value": content::decode(bytes)?,
    }))
}
