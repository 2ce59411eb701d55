//! A stand-in for the host in an author's unit tests: records in, rows out; requests in, answers out.
//!
//! Not a host: it has no database, no limits and no lexicon check (so pass the defaults that a lexicon would fill in).
//! What is set holds for the current thread, which is to say for one test.

use std::cell::RefCell;

use serde_json::Value as JsonValue;

use crate::made::Handler;
use crate::wit::methods::exports::aviary::plugin::methods as wit;
use crate::wit::types::{Batch, Body, Change};
use crate::{Answer, Indexer, Level, Request, StoreError, StoredRecord};

pub use crate::wit::types::{Outcome, Param, Put, Value};

type Reads = Box<dyn Fn(&str, &[Param]) -> Result<Vec<Vec<Value>>, StoreError>>;

thread_local! {
    static SETTINGS: RefCell<String> = RefCell::new("{}".into());
    static READS: RefCell<Option<Reads>> = const { RefCell::new(None) };
    static RECORDS: RefCell<Vec<StoredRecord>> = const { RefCell::new(Vec::new()) };
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// The DID of every change that [`index`] makes.
pub const DID: &str = "did:plc:testtesttesttesttesttest";
/// When the host first saw every change that [`index`] makes: 2026-01-01T00:00:00Z.
pub const SEEN_US: u64 = 1_767_225_600_000_000;

/// Sets what `settings` gives.
pub fn set_settings(settings: &JsonValue) {
    SETTINGS.replace(settings.to_string());
}

/// Sets what answers named reads.
pub fn set_reads(answer: impl Fn(&str, &[Param]) -> Result<Vec<Vec<Value>>, StoreError> + 'static) {
    READS.replace(Some(Box::new(answer)));
}

/// Sets what the archive holds.
pub fn set_records(records: Vec<StoredRecord>) {
    RECORDS.replace(records);
}

/// The lines logged so far, taken out.
#[must_use]
pub fn take_log() -> Vec<(Level, String)> {
    LOG.take()
}

/// What one record of [`DID`] with the key `self` becomes.
#[must_use]
pub fn index<P: Indexer>(collection: &str, record: &JsonValue) -> Outcome {
    let batch = Batch {
        collections: vec![collection.into()],
        changes: vec![Change {
            did: DID.into(),
            collection: 0,
            rkey: "self".into(),
            rev: "3lzzzzzzzzz22".into(),
            cid: "bafyreigaknpexyvxt76zgkitavbwx6ejgfheup5oybpm77f3pxzrvwpfdi".into(),
            time_us: SEEN_US,
            body: Body::Json(record.to_string()),
        }],
    };
    crate::made::index_batch::<P>(&batch).remove(0)
}

/// What a method answers to an anonymous caller.
///
/// # Errors
/// Whatever the method says.
pub fn call<P: Handler>(method: &str, params: &JsonValue) -> Answer {
    P::answer(&Request::new(wit::XrpcRequest {
        call: wit::Call {
            viewer: None,
            now_us: SEEN_US,
            languages: Vec::new(),
            labelers: Vec::new(),
        },
        method: method.into(),
        params: params.to_string(),
        input: None,
    }))
}

pub(crate) fn settings_text() -> String {
    SETTINGS.with_borrow(Clone::clone)
}

pub(crate) fn emit(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.to_owned())));
}

pub(crate) fn archived(uris: &[String]) -> Vec<Option<StoredRecord>> {
    RECORDS.with_borrow(|records| {
        uris.iter()
            .map(|uri| records.iter().find(|r| r.uri == *uri).cloned())
            .collect()
    })
}

pub(crate) fn answer_read(name: &str, params: &[Param]) -> Result<Vec<Vec<Value>>, StoreError> {
    READS.with_borrow(|reads| match reads {
        Some(answer) => answer(name, params),
        None => Err(StoreError::Unavailable),
    })
}
