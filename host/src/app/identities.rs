//! DID documents beside a file of frames.
//!
//! Their claimed handles are archived like those of `#identity` events; their keys verify the frames.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::atproto::{Did, DidDocument};
use crate::entry::{Entry, IdentityEvent, Source, partition_of};
use crate::queue::Queue;

/// One entry of a directory's dump.
#[derive(Deserialize)]
struct Dumped<'a> {
    #[serde(borrow)]
    doc: &'a RawValue,
}

/// What the file tells.
pub(super) struct Known {
    pub(super) documents: Vec<DidDocument>,
    pub(super) handles: Vec<(Did, String)>,
}

/// Reads a file of documents by DID as a PLC directory returned them.
///
/// # Errors
/// When the file is not there or not of that shape.
pub(super) fn read(path: &Path) -> anyhow::Result<Known> {
    let context = || {
        format!(
            "expected {} to be JSON of the form {{\"did:plc:…\": {{\"doc\": {{…}}}}}}",
            path.display()
        )
    };
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let entries: BTreeMap<String, Dumped<'_>> =
        serde_json::from_slice(&bytes).with_context(context)?;
    let mut known = Known {
        documents: Vec::with_capacity(entries.len()),
        handles: Vec::new(),
    };
    for (did, Dumped { doc }) in entries {
        let did = Did::parse(&did).with_context(context)?;
        let document = DidDocument::parse(doc.get().as_bytes(), &did).with_context(context)?;
        if let Some(handle) = &document.handle {
            known.handles.push((did, handle.to_string()));
        }
        known.documents.push(document);
    }
    Ok(known)
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
