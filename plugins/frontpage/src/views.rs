//! Posts and comments as the lexicon shows them, with their counts, in the order asked for. What has gone is left out.

use std::collections::HashMap;

use aviary_plugin::StoreError;
use serde::Serialize;

use crate::reads;

/// A post with its counts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostView {
    #[serde(flatten)]
    post: reads::PostsOf,
    vote_count: i64,
    comment_count: i64,
}

/// A comment with its counts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentView {
    #[serde(flatten)]
    comment: reads::TextsOf,
    vote_count: i64,
    reply_count: i64,
}

pub(crate) fn posts(uris: &[String]) -> Result<Vec<PostView>, StoreError> {
    let votes = votes(uris)?;
    let comments = reads::comments_of(uris)?.into_iter();
    let comments: HashMap<String, i64> = comments.map(|row| (row.post, row.n)).collect();
    let found = reads::posts_of(uris)?.into_iter();
    let views = found.map(|post| PostView {
        vote_count: count(&votes, &post.uri),
        comment_count: count(&comments, &post.uri),
        post,
    });
    Ok(in_order(uris, views, |view| &view.post.uri))
}

pub(crate) fn comments(uris: &[String]) -> Result<Vec<CommentView>, StoreError> {
    let votes = votes(uris)?;
    let replies = reads::replies_of(uris)?.into_iter();
    let replies: HashMap<String, i64> = replies.map(|row| (row.parent, row.n)).collect();
    let found = reads::texts_of(uris)?.into_iter();
    let views = found.map(|comment| CommentView {
        vote_count: count(&votes, &comment.uri),
        reply_count: count(&replies, &comment.uri),
        comment,
    });
    Ok(in_order(uris, views, |view| &view.comment.uri))
}

fn votes(uris: &[String]) -> Result<HashMap<String, i64>, StoreError> {
    let rows = reads::votes_of(uris)?.into_iter();
    Ok(rows.map(|row| (row.subject, row.n)).collect())
}

/// What nobody counts has no row.
fn count(counts: &HashMap<String, i64>, uri: &str) -> i64 {
    counts.get(uri).copied().unwrap_or_default()
}

fn in_order<T>(
    uris: &[String],
    views: impl Iterator<Item = T>,
    uri: impl Fn(&T) -> &String,
) -> Vec<T> {
    let mut views: HashMap<String, T> = views.map(|view| (uri(&view).clone(), view)).collect();
    uris.iter().filter_map(|uri| views.remove(uri)).collect()
}
