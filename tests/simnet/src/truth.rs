//! The state that a consumer of the whole stream must arrive at.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::account::{Account, Status};
use crate::{Result, content};

/// Every account after the event `seq`.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The last event that is part of it.
    pub seq: u64,
    /// By DID. An account appears with its first event, or from the start if it was always there.
    pub accounts: BTreeMap<String, AccountTruth>,
}

/// One account as its host reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountTruth {
    /// Its present handle.
    pub handle: String,
    /// Its hosting status.
    pub status: Status,
    /// The latest commit; none before the first one and for a deleted account.
    pub latest: Option<LatestCommit>,
    /// By collection and rkey, whatever the status; nothing for a deleted account.
    pub collections: BTreeMap<String, BTreeMap<String, RecordTruth>>,
    /// Paths in its tree that no consumer can use: a bad path, or bytes that are no record.
    pub unusable: Vec<String>,
}

/// A commit as `com.atproto.sync.getLatestCommit` names it, with the tree's root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LatestCommit {
    /// The commit block's CID.
    pub cid: String,
    /// The revision.
    pub rev: String,
    /// The tree's root.
    pub data: String,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordTruth {
    /// Its CID.
    pub cid: String,
    /// Its value in atproto JSON.
    pub value: Value,
}

impl AccountTruth {
    pub(crate) fn of(account: &Account) -> Result<AccountTruth> {
        let mut collections: BTreeMap<String, BTreeMap<String, RecordTruth>> = BTreeMap::new();
        for (path, cid, bytes) in account.repository.records() {
            let (collection, rkey) = path.split_once('/').unwrap_or((path, ""));
            let record = RecordTruth {
                cid: cid.to_string(),
                value: content::decode(bytes)?,
            };
            let of_collection = collections.entry(collection.to_owned()).or_default();
            of_collection.insert(rkey.to_owned(), record);
        }
        let latest = account.repository.head().map(|head| LatestCommit {
            cid: head.cid.to_string(),
            rev: head.rev.to_string(),
            data: head.data.to_string(),
        });
        Ok(AccountTruth {
            handle: account.handle.clone(),
            status: account.status,
            latest,
            collections,
            unusable: account.repository.unusable().map(str::to_owned).collect(),
        })
    }

    /// Whether the account is active; of one that is not, a host shows no records.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Every record that a host shows: `collection`, `rkey` and the record. None while inactive.
    pub fn visible(&self) -> impl Iterator<Item = (&str, &str, &RecordTruth)> {
        let shown = self.is_active().then_some(&self.collections);
        shown
            .into_iter()
            .flatten()
            .flat_map(|(collection, records)| {
                records
                    .iter()
                    .map(move |(rkey, record)| (collection.as_str(), rkey.as_str(), record))
            })
    }
}

impl Truth {
    /// The shape of a recording's `truth.json`: by DID handle, status, `repoStatus`, `latest`,
    /// `describe` and `collections`, the last two empty for inactive accounts.
    pub fn to_json(&self) -> Value {
        let accounts = self.accounts.iter();
        Value::Object(
            accounts
                .map(|(did, a)| (did.clone(), account_json(did, a)))
                .collect(),
        )
    }
}

fn account_json(did: &str, account: &AccountTruth) -> Value {
    let active = account.is_active();
    let mut status = json!({ "did": did, "active": active });
    match (&account.latest, active) {
        (Some(latest), true) => status["rev"] = json!(latest.rev),
        (_, true) => {}
        (_, false) => status["status"] = json!(account.status.as_str()),
    }
    let gone = || json!({ "http": 400, "error": "RepoNotFound" });
    json!({
        "handle": account.handle,
        "status": account.status.as_str(),
        "repoStatus": status,
        "latest": account.latest.as_ref().map_or_else(gone, |latest| json!(latest)),
        "describe": if active { json!({ "handle": account.handle, "handleIsCorrect": true }) } else { json!({}) },
        "collections": if active { json!(account.collections) } else { json!({}) },
    })
}
