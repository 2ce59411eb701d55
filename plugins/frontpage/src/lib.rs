//! A link aggregator: links, comments and votes of Frontpage, under its first names (`fyi.unravel.frontpage.*`) and under
//! those of the successor (`fyi.frontpage.feed.*`), in one list.
//!
//! - `getTopPosts` ranks by votes and age; a reading of several pages shows one ranking, whatever is voted meanwhile
//!   (`rank.rs` says how);
//! - `getNewPosts` gives all links, newest first;
//! - `getThread` gives a link with its comments, or the answers to one comment.
//!
//! One vote of an account for a subject counts, whichever of the two collections it is in, and however many records say
//! so. A vote for what is neither link nor comment, and a comment on what is no link, are not of interest.

mod comment;
mod lists;
mod post;
mod rank;
mod subject;
#[cfg(test)]
mod tests;
mod thread;
mod views;
mod vote;

use aviary_plugin::{Answer, Change, Indexer, Outcome, Request, skip};

aviary_plugin::plugin!();

impl Indexer for Plugin {
    fn index(change: &Change<'_>) -> Outcome {
        match subject::Kind::of(change.collection()) {
            Some(subject::Kind::Post) => post::index(change),
            Some(subject::Kind::Comment) => comment::index(change),
            None if subject::VOTES.contains(&change.collection()) => vote::index(change),
            None => skip(),
        }
    }
}

impl Methods for Plugin {
    fn get_top_posts(request: &Request, params: params::GetTopPosts) -> Answer {
        lists::top(request.now(), &params)
    }

    fn get_new_posts(_: &Request, params: params::GetNewPosts) -> Answer {
        lists::newest(&params)
    }

    fn get_thread(_: &Request, params: params::GetThread) -> Answer {
        thread::get(&params)
    }
}
