//! From a comment's record to its row.
//!
//! The first lexicon has a text in `content`, the successor paragraphs in `blocks`: they become one text with an empty
//! line between two of them, and a block of another kind is left out. A comment whose `parent` is no comment's address
//! answers the post. Over 100,000 bytes of text, the lexicon's bound for one paragraph and Frontpage's for them all, it
//! is rejected.

use aviary_plugin::{Change, Outcome, reject, skip};
use serde::Deserialize;

use crate::subject::{Kind, StrongRef};
use crate::tables;

const TEXT_BYTES_MAX: usize = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    post: StrongRef,
    created_at: String,
    parent: Option<StrongRef>,
    content: Option<String>,
    blocks: Option<Vec<Block>>,
}

#[derive(Deserialize)]
struct Block {
    content: Paragraph,
}

#[derive(Deserialize)]
struct Paragraph {
    text: Option<String>,
}

pub(crate) fn index(change: &Change<'_>) -> Outcome {
    let comment: Comment = change.record()?;
    let (Kind::Post, post) = comment.post.subject("post")? else {
        return skip();
    };
    let parent = comment.parent.and_then(|p| p.subject("parent").ok());
    let Some(text) = comment.content.or_else(|| comment.blocks.map(joined)) else {
        return reject("expected a text in content or in blocks, got none");
    };
    let len = text.len();
    if len > TEXT_BYTES_MAX {
        return reject(format!(
            "text: expected at most {TEXT_BYTES_MAX} bytes, got {len}"
        ));
    }
    let row = tables::Comments {
        post,
        parent: parent.and_then(|(kind, uri)| (kind == Kind::Comment).then_some(uri)),
        text,
        created_at: change.claimed_time(&comment.created_at),
    };
    Ok(row.into())
}

fn joined(blocks: Vec<Block>) -> String {
    let texts: Vec<String> = blocks.into_iter().filter_map(|b| b.content.text).collect();
    texts.join("\n\n")
}
