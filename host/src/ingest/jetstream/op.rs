//! One operation of a Jetstream's commit: its words checked, its record brought into canonical bytes.
//!
//! Guarantees: the body is DAG-CBOR of the data model, within the record's bound, and hashes to the CID of the
//! operation. Whether the account ever signed it nobody can tell from here.

use bytes::Bytes;

use super::message::CommitPart;
use crate::atproto::{Cid, Nsid, RecordKey, Tid, json};
use crate::entry::{Action, Op};
use crate::limits;

/// Reads an operation and its revision; an error says why it cannot be used.
pub(super) fn read(part: &CommitPart<'_>) -> Result<(Tid, Op), String> {
    let rev = Tid::parse(&part.rev).map_err(|e| e.to_string())?;
    let action = match &*part.operation {
        "create" | "update" => put(part)?,
        "delete" => Action::Delete,
        other => {
            return Err(format!(
                "expected the operation create, update or delete, got {other:?}"
            ));
        }
    };
    let op = Op {
        collection: Nsid::parse(&part.collection).map_err(|e| e.to_string())?,
        rkey: RecordKey::parse(&part.rkey).map_err(|e| e.to_string())?,
        action,
    };
    Ok((rev, op))
}

fn put(part: &CommitPart<'_>) -> Result<Action, String> {
    const MAP: u8 = 5;
    let record = part.record.ok_or("expected a record, got none")?;
    let body = json::read(record.get()).map_err(|e| e.to_string())?;
    if body.first().map(|head| head >> 5) != Some(MAP) {
        return Err("expected the record to be an object".into());
    }
    if body.len() > limits::RECORD_BYTES_MAX {
        return Err(format!(
            "expected a record of at most {} bytes, got {}",
            limits::RECORD_BYTES_MAX,
            body.len()
        ));
    }
    let cid = Cid::of_dag_cbor(&body);
    if let Some(said) = &part.cid {
        let said = Cid::parse(said).map_err(|e| e.to_string())?;
        if said != cid {
            return Err(format!(
                "expected a record with the CID {said}, got one with {cid}"
            ));
        }
    }
    let body = Bytes::from(body);
    Ok(Action::Put { cid, body })
}
