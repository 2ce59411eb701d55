//! A link with its comments, oldest first: all of them, each with what it answers, so that a client can nest what it
//! has; or only the answers to one of them, for a thread that is too large to read at once.

use aviary_plugin::{Answer, Cursor, Response, StoreError, Time, XrpcError, is_record_uri};
use serde::Serialize;

use crate::views::{self, CommentView, PostView};
use crate::{params, reads};

pub(crate) fn get(params: &params::GetThread) -> Answer {
    #[derive(Serialize)]
    struct Body {
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        post: PostView,
        comments: Vec<CommentView>,
    }
    let uri = &params.post;
    record_uri("post", uri)?;
    if let Some(parent) = &params.parent {
        record_uri("parent", parent)?;
    }
    let after = Cursor::decode_ascending(params.cursor.as_deref())?;
    let Some(post) = views::posts(std::slice::from_ref(uri))?.pop() else {
        return Err(XrpcError::new(
            400,
            "PostNotFound",
            format!("there is no post {uri}"),
        ));
    };
    let page = places(params, &after)?;
    let cursor = Cursor::after(&page, params.limit, |(time, uri)| (*time, uri));
    let uris: Vec<String> = page.into_iter().map(|(_, uri)| uri).collect();
    let comments = views::comments(&uris)?;
    Response::json(&Body {
        cursor,
        post,
        comments,
    })
}

fn places(params: &params::GetThread, after: &Cursor) -> Result<Vec<(Time, String)>, StoreError> {
    let (post, limit) = (&params.post, params.limit);
    Ok(match &params.parent {
        None => reads::thread(post, after.time, &after.uri, limit)?
            .into_iter()
            .map(|row| (row.created_at, row.uri))
            .collect(),
        Some(parent) => reads::answers(post, parent, after.time, &after.uri, limit)?
            .into_iter()
            .map(|row| (row.created_at, row.uri))
            .collect(),
    })
}

fn record_uri(name: &str, uri: &str) -> Result<(), XrpcError> {
    if is_record_uri(uri) {
        return Ok(());
    }
    Err(XrpcError::invalid_request(format!(
        "parameter {name:?}: expected at://did/collection/rkey, got {uri:?}"
    )))
}
