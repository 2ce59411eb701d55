//! A good indexer whose component carries no manifest.

use aviary_plugin::wit::indexer::exports::aviary::plugin::indexer::{Batch, Guest, Outcome};

/// What the component exports.
pub struct Bare;

impl Guest for Bare {
    fn index(input: Batch) -> Vec<Outcome> {
        input.changes.iter().map(|_| Outcome::Skip).collect()
    }
}

#[cfg(target_family = "wasm")]
aviary_plugin::made::export_indexer!(Bare with_types_in aviary_plugin::wit::indexer);
