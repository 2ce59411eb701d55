//! What the writer applies: one kind for each way of changing the database, each with the one who waits for it.

use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::super::memory::Memory;
use super::super::read::Reads;
use super::super::{archive, epoch, generation, rows, steps, trim};
use crate::store::archive::{ArchiveUnit, Archived, RedoStep};
use crate::store::error::StoreError;
use crate::store::rows::{Applied, Generation, IndexUnit, Registration};

/// Where a unit's result goes.
pub(in super::super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A new or known generation, with its compiled reads for the reading side.
pub(in super::super) type Registered = (Generation, Reads);

/// Tells the one who waits, once the group's transaction has ended: committed, or lost for this reason.
pub(super) type Done = Box<dyn FnOnce(Result<(), String>) + Send>;

/// One piece of work, applied whole or not at all.
pub(in super::super) enum Unit {
    Archive(ArchiveUnit, Answer<Archived>),
    Index(Arc<IndexUnit>, Answer<Applied>),
    Register(Registration, i64, Answer<Registered>),
    Redo(Answer<RedoStep>),
    Erase(i64, Answer<RedoStep>),
    Trim(i64, Answer<u64>),
    Epoch(Answer<i64>),
    /// Applied already; only its answer is left.
    Ended(Done),
}

/// A unit that could not be applied because the database failed.
pub(super) struct Failed {
    pub(super) unit: Unit,
    pub(super) error: StoreError,
}

impl Unit {
    /// Applies the unit. The inner result says whether its savepoint stays; the outer one fails with the database.
    pub(super) async fn apply(
        self,
        c: &mut SqliteConnection,
        memory: &mut Memory,
    ) -> Result<Result<Done, Done>, Failed> {
        match self {
            Self::Archive(unit, answer) => {
                judge(archive::apply(c, memory, &unit).await, answer, |a| {
                    Self::Archive(unit, a)
                })
            }
            Self::Index(unit, answer) => judge(index(c, memory, &unit).await, answer, |a| {
                Self::Index(unit, a)
            }),
            Self::Register(registration, now_us, answer) => {
                let result = register(c, memory, &registration, now_us).await;
                judge(result, answer, |a| Self::Register(registration, now_us, a))
            }
            Self::Redo(answer) => judge(steps::redo(c, memory).await, answer, Self::Redo),
            Self::Erase(now_us, answer) => {
                let result = steps::erase(c, memory, now_us).await;
                judge(result, answer, |a| Self::Erase(now_us, a))
            }
            Self::Trim(before_us, answer) => judge(trim::step(c, before_us).await, answer, |a| {
                Self::Trim(before_us, a)
            }),
            Self::Epoch(answer) => judge(epoch::open(c).await, answer, Self::Epoch),
            Self::Ended(done) => Ok(Ok(done)),
        }
    }

    /// Answers that the unit was not applied.
    pub(super) fn refuse(self, why: String) {
        match self {
            Self::Archive(_, answer) => send(answer, Err(StoreError::Unavailable(why))),
            Self::Index(_, answer) => send(answer, Err(StoreError::Unavailable(why))),
            Self::Register(_, _, answer) => send(answer, Err(StoreError::Unavailable(why))),
            Self::Redo(answer) | Self::Erase(_, answer) => {
                send(answer, Err(StoreError::Unavailable(why)));
            }
            Self::Trim(_, answer) => send(answer, Err(StoreError::Unavailable(why))),
            Self::Epoch(answer) => send(answer, Err(StoreError::Unavailable(why))),
            Self::Ended(done) => done(Err(why)),
        }
    }
}

async fn index(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    unit: &IndexUnit,
) -> Result<Applied, StoreError> {
    let (tables, intern) = memory.tables(c, unit.generation).await?;
    rows::apply(c, intern, tables, unit).await
}

async fn register(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    registration: &Registration,
    now_us: i64,
) -> Result<Registered, StoreError> {
    let made = generation::register(c, memory.partitions(), registration, now_us).await?;
    memory.learn(made.tables);
    Ok((made.generation, made.reads))
}

fn judge<T: Send + 'static>(
    result: Result<T, StoreError>,
    answer: Answer<T>,
    again: impl FnOnce(Answer<T>) -> Unit,
) -> Result<Result<Done, Done>, Failed> {
    let failed = result.is_err();
    if let Err(error @ StoreError::Unavailable(_)) = result {
        return Err(Failed {
            unit: again(answer),
            error,
        });
    }
    let done: Done = Box::new(move |ended: Result<(), String>| {
        let result = match ended {
            Ok(()) => result,
            Err(why) => Err(StoreError::Unavailable(why)),
        };
        send(answer, result);
    });
    Ok(if failed { Err(done) } else { Ok(done) })
}

fn send<T>(answer: Answer<T>, result: Result<T, StoreError>) {
    // Nobody waits any more: the work is done or undone all the same.
    drop(answer.send(result));
}
