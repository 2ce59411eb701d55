//! Which events a connection wants: from its query, or from a message that it sends.

use std::collections::HashSet;

use serde::Deserialize;

use super::event::Event;

/// Collections that one connection may name.
const COLLECTIONS_MAX: usize = 100;
/// Accounts that one connection may name.
const DIDS_MAX: usize = 10_000;

/// The wanted collections and accounts; none of either is all.
#[derive(Debug, Default)]
pub(super) struct Filter {
    exact: HashSet<String>,
    /// With their last dot.
    prefixes: Vec<String>,
    dids: HashSet<String>,
    any_collection: bool,
}

/// A message of the client.
#[derive(Deserialize)]
struct Update {
    #[serde(rename = "type")]
    kind: String,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(default)]
    wanted_collections: Vec<String>,
    #[serde(default)]
    wanted_dids: Vec<String>,
}

impl Filter {
    pub(super) fn new(collections: &[String], dids: &[String]) -> Result<Filter, String> {
        if collections.len() > COLLECTIONS_MAX || dids.len() > DIDS_MAX {
            return Err(format!(
                "at most {COLLECTIONS_MAX} collections and {DIDS_MAX} accounts may be wanted"
            ));
        }
        let mut filter = Filter {
            any_collection: collections.is_empty(),
            ..Filter::default()
        };
        for collection in collections {
            match collection.strip_suffix(".*") {
                Some(prefix) if prefix.contains('.') => filter.prefixes.push(format!("{prefix}.")),
                None if collection.split('.').count() > 2 && !collection.contains('*') => {
                    filter.exact.insert(collection.clone());
                }
                _ => return Err(format!("invalid collection: {collection}")),
            }
        }
        for did in dids {
            if !did.starts_with("did:") {
                return Err(format!("invalid DID: {did}"));
            }
            filter.dids.insert(did.clone());
        }
        Ok(filter)
    }

    /// From an `options_update`; the other side is in the wrong when it is none.
    pub(super) fn from_message(text: &str) -> Result<Filter, String> {
        let update: Update = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if update.kind != "options_update" {
            return Err(format!("unexpected message type: {}", update.kind));
        }
        Filter::new(
            &update.payload.wanted_collections,
            &update.payload.wanted_dids,
        )
    }

    /// Whether an event is to be sent. Identity and account events pass every filter of collections.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let collection = event.collection.as_deref().is_none_or(|collection| {
            self.any_collection
                || self.exact.contains(collection)
                || self.prefixes.iter().any(|p| collection.starts_with(p))
        });
        collection && (self.dids.is_empty() || self.dids.contains(&event.did))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(collection: Option<&str>, did: &str) -> Event {
        Event {
            time_us: 1,
            did: did.to_owned(),
            collection: collection.map(str::to_owned),
            text: String::new(),
        }
    }

    #[test]
    fn collections_match_whole_or_at_a_dot_and_others_always_pass() {
        let filter = Filter::from_message(
            r#"{"type":"options_update","payload":{"wantedCollections":["a.b.c","x.y.*"]}}"#,
        )
        .unwrap();
        let wants = |collection| filter.wants(&event(collection, "did:plc:a"));
        assert!(wants(Some("a.b.c")) && wants(Some("x.y.z")) && wants(None));
        assert!(!wants(Some("a.b.cd")) && !wants(Some("x.yy.z")));
        let mine = Filter::new(&[], &["did:plc:a".into()]).unwrap();
        assert!(mine.wants(&event(Some("a.b.c"), "did:plc:a")));
        assert!(!mine.wants(&event(None, "did:plc:b")));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for collection in ["*", "a.*", "a.b", "a.b*.c"] {
            Filter::new(&[collection.to_owned()], &[]).unwrap_err();
        }
        Filter::new(&[], &["alice".to_owned()]).unwrap_err();
        Filter::new(&vec!["a.b.c".to_owned(); 101], &[]).unwrap_err();
        Filter::from_message("{}").unwrap_err();
    }
}
