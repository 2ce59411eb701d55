//! Events in the words of a Jetstream.

use serde::Serialize;
use serde_json::{Value, json};
use shrike::cbor::{Cid, Codec};

use crate::account::Status;
use crate::content;
use crate::news::{News, What};

/// One message, and what filters look at.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) time_us: u64,
    pub(super) did: String,
    /// Of a commit alone: others pass every filter of collections.
    pub(super) collection: Option<String>,
    pub(super) text: String,
}

/// An event before its time is known.
pub(super) struct Draft<'n> {
    news: &'n News,
    body: Body,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Body {
    Commit(Commit),
    Identity(Value),
    Account(Value),
}

#[derive(Serialize)]
struct Commit {
    rev: String,
    operation: &'static str,
    collection: String,
    rkey: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<String>,
}

/// The order of the keys is the real one's.
#[derive(Serialize)]
struct Message<'a> {
    did: &'a str,
    time_us: u64,
    kind: &'static str,
    #[serde(flatten)]
    body: &'a Body,
}

/// The events that a piece of news becomes. A record that is no JSON is left out.
pub(super) fn drafts(news: &News) -> Vec<Draft<'_>> {
    let bodies = match &news.what {
        What::Commit { rev, ops } => {
            let commits = ops.iter().filter_map(|op| {
                let (collection, rkey) = op.path.split_once('/')?;
                let (record, cid) = match &op.record {
                    Some((cid, bytes)) => {
                        (Some(content::decode(bytes).ok()?), Some(cid.to_string()))
                    }
                    None => (None, None),
                };
                Some(Body::Commit(Commit {
                    rev: rev.clone(),
                    operation: op.action,
                    collection: collection.to_owned(),
                    rkey: rkey.to_owned(),
                    record,
                    cid,
                }))
            });
            commits.collect()
        }
        What::Identity { handle } => vec![Body::Identity(json!({
            "did": news.did, "handle": handle, "seq": news.time_us, "time": news.time,
        }))],
        What::Account { status } => {
            let active = *status == Status::Active;
            let mut account = json!({
                "active": active, "did": news.did, "seq": news.time_us, "time": news.time,
            });
            if !active {
                account["status"] = json!(status.as_str());
            }
            vec![Body::Account(account)]
        }
        What::Sync => Vec::new(),
    };
    let drafts = bodies.into_iter().map(|body| Draft { news, body });
    drafts.collect()
}

impl Draft<'_> {
    pub(super) fn has_record(&self) -> bool {
        matches!(&self.body, Body::Commit(commit) if commit.record.is_some())
    }

    /// The event at its time; with a `lie` its record is another and its CID fits that one, with a
    /// `wrong_cid` only the CID is another.
    pub(super) fn at(mut self, time_us: u64, lie: bool, wrong_cid: bool) -> Event {
        let mut collection = None;
        if let Body::Commit(commit) = &mut self.body {
            if lie && let Some(record) = &mut commit.record {
                record["notInTheRepository"] = json!(time_us);
                let bytes = content::encode(record).unwrap_or_default();
                commit.cid = Some(Cid::compute(Codec::Drisl, &bytes).to_string());
            }
            if wrong_cid {
                let other = Cid::compute(Codec::Drisl, &time_us.to_be_bytes());
                commit.cid = Some(other.to_string());
            }
            collection = Some(commit.collection.clone());
        }
        let kind = match &self.body {
            Body::Commit(_) => "commit",
            Body::Identity(_) => "identity",
            Body::Account(_) => "account",
        };
        let did = &self.news.did;
        let message = Message {
            did,
            time_us,
            kind,
            body: &self.body,
        };
        Event {
            time_us,
            did: did.clone(),
            collection,
            // Serializing strings and numbers to a string cannot fail.
            text: serde_json::to_string(&message).unwrap_or_default(),
        }
    }
}

impl Event {
    /// A message of a later version.
    pub(super) fn unknown(time_us: u64) -> Event {
        let text = json!({ "did": "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "time_us": time_us, "kind": "unheard-of" });
        Event::bare(time_us, text.to_string())
    }

    /// What is no message.
    pub(super) fn garbage(time_us: u64) -> Event {
        Event::bare(time_us, "{\"did\":\"did:plc:".to_owned())
    }

    fn bare(time_us: u64, text: String) -> Event {
        Event {
            time_us,
            did: String::new(),
            collection: None,
            text,
        }
    }
}
