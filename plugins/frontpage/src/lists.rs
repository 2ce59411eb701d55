//! The two lists of links: the best first, and the newest first.

use aviary_plugin::{Answer, Cursor, Response, Time};
use serde::Serialize;

use crate::rank::Reading;
use crate::views::{self, PostView};
use crate::{params, reads};

#[derive(Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    posts: Vec<PostView>,
}

pub(crate) fn top(now: Time, params: &params::GetTopPosts) -> Answer {
    let reading = Reading::parse(params.cursor.as_deref(), now)?;
    let (uris, cursor) = reading.page(params.limit)?;
    let posts = views::posts(&uris)?;
    Response::json(&Body { cursor, posts })
}

pub(crate) fn newest(params: &params::GetNewPosts) -> Answer {
    let after = Cursor::decode(params.cursor.as_deref())?;
    let rows = reads::newest(after.time, &after.uri, params.limit)?;
    let cursor = Cursor::after(&rows, params.limit, |row| (row.created_at, &row.uri));
    let uris: Vec<String> = rows.into_iter().map(|row| row.uri).collect();
    let posts = views::posts(&uris)?;
    Response::json(&Body { cursor, posts })
}
