//! `com.atproto.sync.*`: whole repositories, their heads and proofs of their records.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::page::page;
use super::{Params, XrpcError, car, hosted, known, status_on};
use crate::account::{Account, Status};
use crate::host::{Answer, Here, Side};
use crate::limits;

/// The whole repository as a CAR; `since` is accepted and answered with everything.
pub(super) async fn get_repo(
    State(here): State<Here>,
    params: Params,
) -> Result<Response, XrpcError> {
    let did = params.required("did")?;
    let running = here.host().begin();
    let answer = here.host().repos.take(did);
    if let Some(refusal) = car::refusal(answer, || elsewhere(&here, did)).await {
        return Ok(refusal);
    }
    let export = {
        let world = here.shared.world();
        let account = hosted(&world, did, here.side)?;
        match answer {
            Answer::Older => world.remembered(did).cloned(),
            _ => account.repository.export()?,
        }
    };
    let export = export
        .ok_or_else(|| XrpcError::named("RepoNotFound", format!("{did} has no commit yet")))?;
    car::body(export, answer, running)
}

/// A proof that a record is there with its content, or that it is not there.
pub(super) async fn get_record(
    State(here): State<Here>,
    params: Params,
) -> Result<Response, XrpcError> {
    let did = params.required("did")?;
    let path = format!(
        "{}/{}",
        params.required("collection")?,
        params.required("rkey")?
    );
    let answer = here.host().records.take(did);
    if let Some(refusal) = car::refusal(answer, || elsewhere(&here, did)).await {
        return Ok(refusal);
    }
    let proof = hosted(&here.shared.world(), did, here.side)?
        .repository
        .proof(&path)?;
    let proof = proof
        .ok_or_else(|| XrpcError::named("RepoNotFound", format!("{did} has no commit yet")))?;
    car::body(proof, answer, here.host().begin())
}

/// The same request at the account's own host.
fn elsewhere(here: &Here, did: &str) -> String {
    let world = here.shared.world();
    let moved = world.account(did).and_then(|account| account.pds.clone());
    let host = moved.unwrap_or_else(|| here.shared.pds_endpoint.clone());
    format!("{host}/xrpc/com.atproto.sync.getRepo?did={did}")
}

pub(super) async fn get_latest_commit(
    State(here): State<Here>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let did = params.required("did")?;
    let world = here.shared.world();
    let head = hosted(&world, did, here.side)?.repository.head();
    let head =
        head.ok_or_else(|| XrpcError::named("RepoNotFound", format!("{did} has no commit yet")))?;
    Ok(Json(
        json!({ "cid": head.cid.to_string(), "rev": head.rev.to_string() }),
    ))
}

pub(super) async fn get_repo_status(
    State(here): State<Here>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let world = here.shared.world();
    let account = known(&world, params.required("did")?, here.side)?;
    let mut body = json!({ "did": account.did });
    let status = status_on(account, here.side);
    add_status(&mut body, status);
    let active = status == Status::Active;
    if let Some(head) = account.repository.head().filter(|_| active) {
        body["rev"] = json!(head.rev.to_string());
    }
    Ok(Json(body))
}

/// Every account that has a repository, inactive ones too.
pub(super) async fn list_repos(
    State(here): State<Here>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let limit = params.limit(limits::LIST_REPOS)?;
    let world = here.shared.world();
    let side = here.side;
    let from = |number| {
        let accounts = world.accounts().enumerate().skip(number);
        accounts.filter_map(move |numbered| repo(numbered, side))
    };
    let cursor = params.optional("cursor");
    page("repos", here.host().paging(), limit, cursor, from).map(Json)
}

/// Every active account that has a record in the collection.
pub(super) async fn list_repos_by_collection(
    State(here): State<Here>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let collection = params.required("collection")?;
    let limit = params.limit(limits::LIST_REPOS_BY_COLLECTION)?;
    let world = here.shared.world();
    let side = here.side;
    let from = |number| {
        let accounts = world.accounts().enumerate().skip(number);
        let holders = accounts.filter(move |(_, account)| {
            let mut records = account.repository.collection(collection);
            status_on(account, side) == Status::Active && records.next().is_some()
        });
        holders.map(|(number, account)| (number, json!({ "did": account.did })))
    };
    let cursor = params.optional("cursor");
    page("repos", here.host().paging(), limit, cursor, from).map(Json)
}

fn repo((number, account): (usize, &Account), side: Side) -> Option<(usize, Value)> {
    let head = account.repository.head()?;
    let mut body = json!({
        "did": account.did,
        "head": head.cid.to_string(),
        "rev": head.rev.to_string(),
    });
    add_status(&mut body, status_on(account, side));
    Some((number, body))
}

fn add_status(body: &mut Value, status: Status) {
    body["active"] = json!(status == Status::Active);
    if status != Status::Active {
        body["status"] = json!(status.as_str());
    }
}
