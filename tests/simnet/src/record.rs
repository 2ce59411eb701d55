//! Pre-signed traffic on disk, in the shape of the project's recordings.
//!
//! `frames.bin`: (u32 big-endian length, frame)*. `plc.json`: by DID `{"doc": …}`, as it is at the
//! end. `truth.json`: see [`Truth::to_json`](crate::Truth::to_json).

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::world::World;
use crate::{Error, Result};

/// The PDS endpoint that recorded documents name when the configuration names none.
pub const PDS_ENDPOINT: &str = "https://pds.sim.test";

/// What was written.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// Events.
    pub events: u64,
    /// Bytes of `frames.bin`.
    pub frames_bytes: u64,
    /// Accounts that have joined by the end.
    pub accounts: usize,
    /// Records that are there at the end, inactive accounts' included.
    pub records: usize,
}

/// Makes `events` events happen in a new world and writes them and their outcome into `dir`, which
/// is created. `progress` is called with the number of events so far, now and then.
pub fn record(
    config: &Config,
    events: u64,
    dir: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Summary> {
    std::fs::create_dir_all(dir)?;
    let mut world = World::new(config)?;
    let mut frames = BufWriter::new(File::create(dir.join("frames.bin"))?);
    let mut frames_bytes = 0;
    for number in 1..=events {
        let frame = world.next_frame()?;
        let length = u32::try_from(frame.bytes.len());
        let length = length.map_err(|_| Error::Inconsistent("a frame of 4 GiB".into()))?;
        frames.write_all(&length.to_be_bytes())?;
        frames.write_all(&frame.bytes)?;
        frames_bytes += 4 + u64::from(length);
        if number.is_multiple_of(1_000) {
            progress(number);
        }
    }
    frames.flush()?;
    let endpoint = config.pds_endpoint.as_deref().unwrap_or(PDS_ENDPOINT);
    let documents: Map<String, Value> = world
        .accounts()
        .map(|account| {
            (
                account.did.clone(),
                json!({ "doc": account.document(endpoint) }),
            )
        })
        .collect();
    write_json(&dir.join("plc.json"), &Value::Object(documents))?;
    write_json(&dir.join("truth.json"), &world.truth()?.to_json())?;
    Ok(Summary {
        events,
        frames_bytes,
        accounts: world.accounts().count(),
        records: world
            .accounts()
            .map(|account| account.repository.records().count())
            .sum(),
    })
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer(&mut file, value)?;
    Ok(file.flush()?)
}
