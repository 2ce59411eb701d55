//! One transaction of a host that owns what it writes.
//!
//! Guarantees: it begins with the fence, so that it commits only while its partitions are this host's; ids that it
//! learnt are remembered for everybody after COMMIT only. Dropped, it is rolled back. When COMMIT itself gives no
//! answer, nobody knows what became of it: that is [`StoreError::Unavailable`], and whoever tries again must find out
//! from the data.

use sqlx::{PgConnection, PgPool, Postgres};

use super::intern::{Ids, Interner};
use super::lease::Fence;
use crate::entry::Partition;
use crate::fault::crash;
use crate::store::error::StoreError;

pub(super) struct Transaction<'s> {
    tx: sqlx::Transaction<'static, Postgres>,
    ids: Ids<'s>,
    fence: &'s Fence,
}

impl<'s> Transaction<'s> {
    /// Begins one that owns nothing yet: see [`Transaction::hold`].
    pub(super) async fn begin(
        pool: &PgPool,
        fence: &'s Fence,
        intern: &'s Interner,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            tx: pool.begin().await?,
            ids: intern.begin(),
            fence,
        })
    }

    /// Keeps these partitions this host's until the end; before anything is written. They are distinct.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when one is another host's.
    pub(super) async fn hold(&mut self, partitions: &[Partition]) -> Result<(), StoreError> {
        self.fence.hold(&mut self.tx, partitions).await
    }

    /// The connection inside the transaction.
    pub(super) fn c(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// The connection, with the ids as this transaction sees them.
    pub(super) fn parts(&mut self) -> (&mut PgConnection, &mut Ids<'s>) {
        (&mut self.tx, &mut self.ids)
    }

    /// Makes it so.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        crash::at(crash::COMMITS);
        self.tx.commit().await?;
        self.ids.keep();
        Ok(())
    }
}
