//! What a method may ask of the host: named reads and records, over one snapshot of one generation.
//!
//! Guarantees: the snapshot is opened by the first read and serves all of the call; parameters have the manifest's
//! types before the store sees them; the number of reads is bounded. Does not bound a read's time and rows: the
//! store does.

use std::sync::Arc;

use aviary_manifest::{Manifest, ParamType, Read};

use super::convert;
use super::page_json;
use super::sandbox::Stop;
use super::values::{RawParam, RawValue};
use crate::atproto::{AtUri, json};
use crate::limits;
use crate::store::{
    GenerationId, Param, ReadPage, ReadSession, RecordRow, Store, StoreError, Value,
};

/// One call's way to the store.
pub struct Reads {
    manifest: Arc<Manifest>,
    store: Arc<dyn Store>,
    generation: GenerationId,
    session: Option<Box<dyn ReadSession>>,
    left: u32,
}

/// A read that gave no rows: for the guest, which answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The manifest has no read of that name.
    Unknown,
    /// Parameters that the manifest does not declare so.
    BadParams(String),
    /// Took too long.
    Timeout,
    /// Found too much.
    TooManyRows,
    /// The database did not answer.
    Unavailable,
}

/// A record of the archive, as guests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// Its address.
    pub uri: String,
    /// Its content's CID.
    pub cid: String,
    /// The commit that set it.
    pub rev: String,
    /// When this version was first seen, microseconds since 1970.
    pub time_us: u64,
    /// atproto JSON.
    pub value: String,
}

impl Reads {
    /// Nothing is opened yet.
    #[must_use]
    pub fn new(manifest: Arc<Manifest>, store: Arc<dyn Store>, generation: GenerationId) -> Self {
        Self {
            manifest,
            store,
            generation,
            session: None,
            left: limits::READS_PER_CALL_MAX,
        }
    }

    /// Runs a named read.
    ///
    /// # Errors
    /// The outer one stops the call: too many reads. The inner one is for the guest.
    pub async fn read(
        &mut self,
        name: &str,
        params: Vec<RawParam>,
    ) -> Result<Result<ReadPage, ReadError>, Stop> {
        self.count()?;
        let Some(read) = self.manifest.reads.iter().find(|r| r.name == name) else {
            return Ok(Err(ReadError::Unknown));
        };
        let params = match typed_params(read, params) {
            Ok(params) => params,
            Err(says) => return Ok(Err(ReadError::BadParams(says))),
        };
        let page = match self.session().await {
            Ok(session) => session.run(name, params).await,
            Err(error) => Err(error),
        };
        Ok(page.map_err(|error| self.told(name, &error)))
    }

    /// Runs a named read and writes its rows as a JSON array of objects.
    ///
    /// # Errors
    /// As [`Reads::read`].
    pub async fn read_json(
        &mut self,
        name: &str,
        params: Vec<RawParam>,
    ) -> Result<Result<String, ReadError>, Stop> {
        Ok(self
            .read(name, params)
            .await?
            .map(|page| page_json::of(&page)))
    }

    /// Visible records by address; what is no record's address is answered with none.
    ///
    /// # Errors
    /// Too many URIs, too many reads, or a store that does not answer: the guest cannot be told, so its call stops.
    pub async fn records(&mut self, uris: &[String]) -> Result<Vec<Option<FoundRecord>>, Stop> {
        if uris.len() > limits::RECORDS_GET_MAX {
            return Err(Stop::Records(uris.len()));
        }
        self.count()?;
        let asked: Vec<Option<AtUri>> = uris.iter().map(|uri| AtUri::parse(uri).ok()).collect();
        let known: Vec<AtUri> = asked.iter().flatten().cloned().collect();
        let rows = match self.session().await {
            Ok(session) => session.records(&known).await,
            Err(error) => Err(error),
        };
        let mut rows = match rows {
            Ok(rows) => rows.into_iter(),
            Err(error) => {
                self.told("records.get", &error);
                return Err(Stop::Unavailable);
            }
        };
        Ok(asked
            .into_iter()
            .map(|uri| uri.and_then(|uri| found(&uri, rows.next()??)))
            .collect())
    }

    fn count(&mut self) -> Result<(), Stop> {
        self.left = self.left.checked_sub(1).ok_or(Stop::Reads)?;
        Ok(())
    }

    async fn session(&mut self) -> Result<&mut Box<dyn ReadSession>, StoreError> {
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(self.store.read(self.generation).await?)),
        }
    }

    /// What a guest is told of a store's error; the operator is told the rest.
    fn told(&self, read: &str, error: &StoreError) -> ReadError {
        match error {
            StoreError::ReadTimeout { .. } => ReadError::Timeout,
            StoreError::TooManyRows { .. } => ReadError::TooManyRows,
            StoreError::Refused(says) => ReadError::BadParams(says.clone()),
            other => {
                tracing::warn!(plugin = %self.manifest.name, read, error = %other, "a plugin's read failed");
                ReadError::Unavailable
            }
        }
    }
}

fn typed_params(read: &Read, params: Vec<RawParam>) -> Result<Vec<Param>, String> {
    if params.len() != read.params.len() {
        return Err(format!(
            "{}: expected {} parameters, got {}",
            read.name,
            read.params.len(),
            params.len()
        ));
    }
    read.params
        .iter()
        .zip(params)
        .enumerate()
        .map(|(at, (ty, param))| {
            typed_param(*ty, param).map_err(|says| format!("{}: ${}: {says}", read.name, at + 1))
        })
        .collect()
}

fn typed_param(ty: ParamType, param: RawParam) -> Result<Param, String> {
    let not_null = |raw: RawValue| match convert::typed(ty.ty, raw)? {
        Value::Null => Err(format!("expected {}, got null", ty.ty.word())),
        value => Ok(value),
    };
    match (ty.list, param) {
        (false, RawParam::One(raw)) => not_null(raw).map(Param::One),
        (true, RawParam::Many(raw)) if raw.len() > limits::READ_LIST_MAX => Err(format!(
            "expected a list of at most {} values, got {}",
            limits::READ_LIST_MAX,
            raw.len()
        )),
        (true, RawParam::Many(raw)) => raw
            .into_iter()
            .map(not_null)
            .collect::<Result<_, _>>()
            .map(Param::Many),
        (false, RawParam::Many(_)) => Err("expected one value, got a list".to_owned()),
        (true, RawParam::One(_)) => Err("expected a list, got one value".to_owned()),
    }
}

fn found(uri: &AtUri, row: RecordRow) -> Option<FoundRecord> {
    let mut value = String::with_capacity(row.body.len() * 2);
    if let Err(error) = json::write(&row.body, &mut value) {
        tracing::warn!(%uri, %error, "an archived record is not of the atproto data model");
        return None;
    }
    Some(FoundRecord {
        uri: uri.to_string(),
        cid: row.cid.to_string(),
        rev: row.rev.to_string(),
        time_us: u64::try_from(row.seen_us).unwrap_or(0),
        value,
    })
}
