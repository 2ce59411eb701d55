//! What a step of a redo or an erasure asks of a backend, inside one transaction that the backend began.
//!
//! Guarantees of an implementation: the account that was named first is nobody else's until the transaction ends.

use async_trait::async_trait;

use crate::entry::Partition;
use crate::store::error::StoreError;
use crate::store::feed::Pos;

/// An account whose records wait, and the last one that is done.
pub(in crate::store) struct Pending {
    pub(in crate::store) did_id: i64,
    pub(in crate::store) after: Place,
}

/// A record among those of its account: its collection's id, and its key.
pub(in crate::store) type Place = (i64, String);

/// A record of an account that waits.
pub(in crate::store) struct Waiting {
    pub(in crate::store) id: i64,
    pub(in crate::store) place: Place,
    /// None while nothing was ever archived there.
    pub(in crate::store) partition: Option<Partition>,
    /// Its body's size (bytes); none when it is not live.
    pub(in crate::store) body_bytes: Option<usize>,
}

/// One transaction of a step.
#[async_trait]
pub(in crate::store) trait StepSql: Send {
    /// The first account whose records have to pass through the feed again.
    async fn first_redo(&mut self) -> Result<Option<Pending>, StoreError>;

    /// The first account that is to be erased.
    async fn first_erasure(&mut self) -> Result<Option<Pending>, StoreError>;

    /// Whether an account waits for its redo.
    async fn redo_waits(&mut self) -> Result<bool, StoreError>;

    /// Whether an account waits for its erasure.
    async fn erasure_waits(&mut self) -> Result<bool, StoreError>;

    /// The next records of an account by collection and key, up to [`crate::limits::REDO_RECORDS_PER_STEP`]: live ones,
    /// or all addresses of it.
    async fn next(&mut self, pending: &Pending, live: bool) -> Result<Vec<Waiting>, StoreError>;

    /// Takes the next pos of a partition.
    async fn take_pos(&mut self, partition: Partition) -> Result<Pos, StoreError>;

    /// Gives records a new pos.
    async fn replace(&mut self, ids: &[i64], pos: Pos) -> Result<(), StoreError>;

    /// Turns records into tombstones at a new pos.
    async fn bury(&mut self, ids: &[i64], pos: Pos, now_us: i64) -> Result<(), StoreError>;

    /// Removes the dead letters that generations have of these records.
    async fn remove_letters_of(&mut self, ids: &[i64]) -> Result<(), StoreError>;

    /// Notes how far the redo of an account came; none: it is done.
    async fn redo_to(&mut self, did_id: i64, last: Option<&Place>) -> Result<(), StoreError>;

    /// Notes how far the erasure of an account came.
    async fn erased_to(&mut self, did_id: i64, last: &Place) -> Result<(), StoreError>;

    /// Removes what is left of an account beside its records, and notes that its erasure is done.
    async fn erase_rest(&mut self, did_id: i64) -> Result<(), StoreError>;
}
