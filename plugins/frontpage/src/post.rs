//! From a link's record to its row.
//!
//! The first lexicon has the link in `url`, the successor in `subject.url`; either is taken in either, for there are
//! records of the one in the form of the other. What is no web address is rejected: a page of links must not carry
//! scripts to those who click. So is a title over the lexicon's 3,000 bytes.

use aviary_plugin::{Change, Outcome, reject};
use serde::Deserialize;

use crate::tables;

const TITLE_BYTES_MAX: usize = 3_000;
/// As the protocol bounds a `uri`.
const URL_BYTES_MAX: usize = 8 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    title: String,
    created_at: String,
    url: Option<String>,
    subject: Option<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    url: Option<String>,
}

pub(crate) fn index(change: &Change<'_>) -> Outcome {
    let post: Post = change.record()?;
    let len = post.title.len();
    if len > TITLE_BYTES_MAX {
        return reject(format!(
            "title: expected at most {TITLE_BYTES_MAX} bytes, got {len}"
        ));
    }
    let Some(url) = post.url.or_else(|| post.subject?.url) else {
        return reject("expected a link in url or in subject.url, got none");
    };
    if !is_web(&url) || url.len() > URL_BYTES_MAX {
        return reject(format!(
            "url: expected http:// or https:// and at most {URL_BYTES_MAX} bytes, got {} bytes that start with {:?}",
            url.len(),
            url.chars().take(20).collect::<String>()
        ));
    }
    let row = tables::Posts {
        created_at: change.claimed_time(&post.created_at),
        title: post.title,
        url,
    };
    Ok(row.into())
}

/// Schemes are the same in capitals.
fn is_web(url: &str) -> bool {
    let has = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    has("https://") || has("http://")
}
