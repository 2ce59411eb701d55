//! `com.atproto.sync.*`: whole repositories and their heads.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Params, XrpcError, hosted, known};
use crate::account::{Account, Status};
use crate::limits;
use crate::network::Shared;

/// The whole repository as a CAR; `since` is accepted and answered with everything.
pub(super) async fn get_repo(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Response, XrpcError> {
    let did = params.required("did")?;
    let car = hosted(&shared.world(), did)?.repository.export()?;
    let car =
        car.ok_or_else(|| XrpcError::named("RepoNotFound", format!("{did} has no commit yet")))?;
    Ok(([(header::CONTENT_TYPE, "application/vnd.ipld.car")], car).into_response())
}

pub(super) async fn get_latest_commit(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let did = params.required("did")?;
    let world = shared.world();
    let head = hosted(&world, did)?.repository.head();
    let head =
        head.ok_or_else(|| XrpcError::named("RepoNotFound", format!("{did} has no commit yet")))?;
    Ok(Json(
        json!({ "cid": head.cid.to_string(), "rev": head.rev.to_string() }),
    ))
}

pub(super) async fn get_repo_status(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let world = shared.world();
    let account = known(&world, params.required("did")?)?;
    let mut body = json!({ "did": account.did });
    add_status(&mut body, account);
    if let Some(head) = account.repository.head().filter(|_| account.is_active()) {
        body["rev"] = json!(head.rev.to_string());
    }
    Ok(Json(body))
}

/// Every account that has a repository, inactive ones too; the cursor is the next account's number.
pub(super) async fn list_repos(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let limit = params.limit(limits::LIST_REPOS)?;
    let from: usize = params.number("cursor")?.unwrap_or(0);
    let world = shared.world();
    let page: Vec<_> = world
        .accounts()
        .enumerate()
        .skip(from)
        .filter_map(repo)
        .take(limit)
        .collect();
    let last = page
        .last()
        .map(|(number, _)| number + 1)
        .filter(|_| page.len() == limit);
    let repos = page.into_iter().map(|(_, repo)| repo).collect();
    Ok(Json(paged("repos", repos, last)))
}

/// Every active account that has a record in the collection; the cursor as in [`list_repos`].
pub(super) async fn list_repos_by_collection(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let collection = params.required("collection")?;
    let limit = params.limit(limits::LIST_REPOS_BY_COLLECTION)?;
    let from: usize = params.number("cursor")?.unwrap_or(0);
    let world = shared.world();
    let holders = world
        .accounts()
        .enumerate()
        .skip(from)
        .filter(|(_, account)| {
            account.is_active() && account.repository.collection(collection).next().is_some()
        });
    let page: Vec<_> = holders.take(limit).collect();
    let last = page
        .last()
        .map(|(number, _)| number + 1)
        .filter(|_| page.len() == limit);
    let repos = page
        .into_iter()
        .map(|(_, account)| json!({ "did": account.did }))
        .collect();
    Ok(Json(paged("repos", repos, last)))
}

fn repo((number, account): (usize, &Account)) -> Option<(usize, Value)> {
    let head = account.repository.head()?;
    let mut body = json!({
        "did": account.did,
        "head": head.cid.to_string(),
        "rev": head.rev.to_string(),
    });
    add_status(&mut body, account);
    Some((number, body))
}

fn add_status(body: &mut Value, account: &Account) {
    body["active"] = json!(account.is_active());
    if account.status != Status::Active {
        body["status"] = json!(account.status.as_str());
    }
}

fn paged(key: &str, items: Vec<Value>, cursor: Option<usize>) -> Value {
    let mut body = json!({ key: items });
    if let Some(cursor) = cursor {
        body["cursor"] = json!(cursor.to_string());
    }
    body
}
