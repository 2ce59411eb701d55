//! Which collections a Jetstream is asked for: few in the query, many in a first message, very many not at all.
//!
//! More patterns than the upstream takes are asked for as everything, and what is not wanted is dropped here.

use std::fmt::Write as _;

use serde_json::json;

use super::JetstreamOptions;
use super::unpack::Compression;
use crate::limits;

/// The pattern of every collection, which the upstream has no word for.
const EVERYTHING: &str = "*";

/// A filter in the upstream's words.
pub(super) struct Wanted {
    patterns: Vec<String>,
}

impl Wanted {
    pub(super) fn new(patterns: &[String]) -> Self {
        let all = patterns.iter().any(|pattern| pattern == EVERYTHING);
        let fits = patterns.len() <= limits::JETSTREAM_COLLECTIONS_MAX;
        let patterns = if fits && !all {
            patterns.to_vec()
        } else {
            Vec::new()
        };
        Self { patterns }
    }

    /// Whether the upstream is to wait for [`Wanted::message`] before it sends anything.
    pub(super) fn needs_hello(&self) -> bool {
        self.patterns.len() > limits::JETSTREAM_QUERY_COLLECTIONS_MAX
    }

    /// The whole address of a connection. Patterns and numbers need no escape.
    pub(super) fn url(&self, options: &JetstreamOptions, cursor: Option<i64>) -> String {
        let mut url = format!(
            "{}/subscribe?maxMessageSizeBytes={}",
            options.url.trim_end_matches('/'),
            limits::JETSTREAM_MESSAGE_BYTES_MAX
        );
        let mut add = |key: &str, value: &dyn std::fmt::Display| {
            // Writing to a `String` cannot fail, so its result says nothing.
            let _infallible = write!(url, "&{key}={value}");
        };
        if self.needs_hello() {
            add("requireHello", &true);
        } else {
            for pattern in &self.patterns {
                add("wantedCollections", pattern);
            }
        }
        if let Some(cursor) = cursor {
            add("cursor", &cursor);
        }
        if !matches!(options.compression, Compression::Off) {
            add("compress", &true);
        }
        url
    }

    /// The message that sets the filter.
    pub(super) fn message(&self) -> String {
        let update = json!({
            "type": "options_update",
            "payload": {
                "wantedCollections": self.patterns,
                "wantedDids": [],
                "maxMessageSizeBytes": limits::JETSTREAM_MESSAGE_BYTES_MAX,
            },
        });
        update.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ingest::socket::Deadlines;

    fn patterns(n: usize) -> Vec<String> {
        (0..n).map(|n| format!("com.example.c{n}")).collect()
    }

    fn url(n: usize, compression: Compression) -> String {
        let options = JetstreamOptions {
            url: "ws://example/".into(),
            shown: String::new(),
            deadlines: Deadlines::default(),
            compression,
            on_gap: Arc::new(|_| {}),
            tries_max: None,
        };
        Wanted::new(&patterns(n)).url(&options, Some(7))
    }

    #[test]
    fn few_are_in_the_query_many_in_a_message_and_very_many_are_everything() {
        let few = url(2, Compression::Off);
        assert_eq!(
            few,
            "ws://example/subscribe?maxMessageSizeBytes=5000000&wantedCollections=com.example.c0&wantedCollections=com.example.c1&cursor=7"
        );
        let many = url(50, Compression::Plain);
        assert!(many.ends_with("5000000&requireHello=true&cursor=7&compress=true"));
        assert!(
            Wanted::new(&patterns(50))
                .message()
                .contains("com.example.c49")
        );
        let all = Wanted::new(&patterns(101));
        assert!(!all.needs_hello() && all.message().contains(r#""wantedCollections":[]"#));
        assert!(!url(101, Compression::Off).contains("wanted"));
        let everything = Wanted::new(&[EVERYTHING.to_owned()]);
        assert!(!everything.needs_hello() && everything.patterns.is_empty());
    }
}
