//! DID documents beside a file of frames.
//!
//! Their claimed handles are archived like those of `#identity` events. Their keys are for verification, which this
//! version does not do.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::atproto::Did;
use crate::entry::{Entry, IdentityEvent, Source, partition_of};
use crate::queue::Queue;

/// One entry of a directory's dump.
#[derive(Deserialize)]
struct Known {
    doc: Document,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    also_known_as: Vec<String>,
}

/// Handles by DID, from a file of documents by DID as a PLC directory returned them.
///
/// # Errors
/// When the file is not there or not of that shape.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<(Did, String)>> {
    let context = || {
        format!(
            "expected {} to be JSON of the form {{\"did:plc:…\": {{\"doc\": {{…}}}}}}",
            path.display()
        )
    };
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let known: BTreeMap<String, Known> = serde_json::from_slice(&bytes).with_context(context)?;
    let mut handles = Vec::with_capacity(known.len());
    for (did, Known { doc }) in known {
        let did = Did::parse(&did).with_context(context)?;
        let handle = doc
            .also_known_as
            .iter()
            .find_map(|name| name.strip_prefix("at://"));
        handles.extend(handle.map(|h| (did, h.to_owned())));
    }
    Ok(handles)
}

/// Appends them before the first frame, which has seq 1 at the least.
pub(super) async fn append(
    handles: Vec<(Did, String)>,
    source: &Source,
    partitions: u16,
    queue: &dyn Queue,
) -> anyhow::Result<()> {
    for (did, handle) in handles {
        let event = IdentityEvent {
            did,
            handle: Some(handle),
            source: source.clone(),
            seq: 0,
        };
        let partition = partition_of(&event.did, partitions);
        queue.append(partition, Entry::Identity(event)).await?;
    }
    Ok(())
}
