//! Posts (`app.bsky.feed.post`) with their text, languages and place in a thread, and each author's, newest first.
//!
//! A post is kept wherever it can be: a reply to something that is no record's address with a DID, or with half of its
//! thread, is a post without that reference; languages beyond the lexicon's three are left out. Only a record without
//! text or `createdAt`, or with a text over the lexicon's 3,000 bytes, is rejected. A `createdAt` in the future, or one that is
//! no datetime, counts as the host's first sight of the record.

use aviary_plugin::{
    Answer, Change, Cursor, Indexer, Json, Outcome, Request, Response, is_record_uri, reject,
};
use serde::{Deserialize, Serialize};

aviary_plugin::plugin!();

const TEXT_BYTES_MAX: usize = 3_000;
const LANGS_MAX: usize = 3;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    text: String,
    created_at: String,
    #[serde(default)]
    langs: Option<Vec<String>>,
    #[serde(default)]
    reply: Option<Reply>,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    parent: Option<StrongRef>,
    #[serde(default)]
    root: Option<StrongRef>,
}

#[derive(Deserialize)]
struct StrongRef {
    uri: String,
}

impl Indexer for Plugin {
    fn index(change: &Change<'_>) -> Outcome {
        let post: Post = change.record()?;
        let len = post.text.len();
        if len > TEXT_BYTES_MAX {
            return reject(format!(
                "text: expected at most {TEXT_BYTES_MAX} bytes, got {len}"
            ));
        }
        let (parent, root) = post.reply.map_or((None, None), |r| (r.parent, r.root));
        let row = tables::Posts {
            created_at: change.claimed_time(&post.created_at),
            text: post.text,
            langs: post.langs.and_then(langs),
            reply_parent: parent.and_then(record_uri),
            reply_root: root.and_then(record_uri),
        };
        Ok(row.into())
    }
}

fn langs(mut list: Vec<String>) -> Option<Json> {
    list.truncate(LANGS_MAX);
    if list.is_empty() {
        return None;
    }
    Json::of(&list).ok()
}

fn record_uri(reference: StrongRef) -> Option<String> {
    is_record_uri(&reference.uri).then_some(reference.uri)
}

impl Methods for Plugin {
    fn get_author_posts(_: &Request, params: params::GetAuthorPosts) -> Answer {
        #[derive(Serialize)]
        struct Body {
            #[serde(skip_serializing_if = "Option::is_none")]
            cursor: Option<String>,
            posts: Vec<reads::LatestOf>,
        }
        let Cursor { time, uri } = Cursor::decode(params.cursor.as_deref())?;
        let posts = reads::latest_of(&params.actor, time, &uri, params.limit)?;
        let cursor = Cursor::after(&posts, params.limit, |p| (p.created_at, &p.uri));
        Response::json(&Body { cursor, posts })
    }
}

#[cfg(test)]
mod tests;
