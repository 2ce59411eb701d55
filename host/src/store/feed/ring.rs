//! Placeholder.

/// The feed.
#[derive(Debug)]
pub struct Feed;
