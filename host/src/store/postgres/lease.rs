//! Who may write: a lease on every partition, by the database's clock, with an epoch that rises at each take.
//!
//! Guarantees: a transaction that begins with [`Fence::hold`] commits only if no other host has taken its partitions
//! since this one did, however long this one was paused; a host that is killed loses its leases after
//! [`limits::LEASE_MS`], one that stops gives them back at once. Does not spread partitions over hosts: one host takes
//! all of them, the others stand by.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::entry::Partition;
use crate::limits;
use crate::store::error::StoreError;

/// What this host holds, as far as it knows. The database has the last word.
pub(super) struct Fence {
    /// This host's name in the table: unique for each process.
    host: String,
    /// The epoch that all partitions were taken with.
    epoch: RwLock<Option<i64>>,
    stop: CancellationToken,
}

const TAKE: &str = "\
    update lease set epoch = l.top + 1, host = $1, \
    until = clock_timestamp() + make_interval(secs => $2 / 1000.0) \
    from (select max(epoch) as top from lease) l returning lease.epoch";

const RENEW: &str = "\
    update lease set until = clock_timestamp() + make_interval(secs => $3 / 1000.0) \
    where host = $1 and epoch = $2";

impl Fence {
    pub(super) fn new() -> Self {
        let (pid, chance) = (std::process::id(), rand::random::<u32>());
        Self {
            host: format!("{pid}-{chance:08x}"),
            epoch: RwLock::new(None),
            stop: CancellationToken::new(),
        }
    }

    /// This host's name in the tables.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether this host holds the store, as far as it knows.
    pub(super) fn is_held(&self) -> bool {
        self.epoch().is_some()
    }

    fn epoch(&self) -> Option<i64> {
        *self.epoch.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_epoch(&self, epoch: Option<i64>) {
        *self.epoch.write().unwrap_or_else(PoisonError::into_inner) = epoch;
    }

    /// Keeps these partitions this host's until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another host has taken one, or this one never did.
    pub(super) async fn hold(
        &self,
        c: &mut PgConnection,
        partitions: &[Partition],
    ) -> Result<(), StoreError> {
        let Some(epoch) = self.epoch() else {
            return Err(StoreError::Fenced);
        };
        let wanted: Vec<i32> = partitions.iter().map(|p| i32::from(*p)).collect();
        // "for key share" lets the renewal pass, and makes a take wait for this transaction.
        let held: i64 = sqlx::query_scalar(
            "select count(*) from (select part from lease \
             where part = any($1) and epoch = $2 and host = $3 for key share) held",
        )
        .bind(&wanted)
        .bind(epoch)
        .bind(&self.host)
        .fetch_one(c)
        .await?;
        if usize::try_from(held).unwrap_or(0) == wanted.len() {
            Ok(())
        } else {
            Err(StoreError::Fenced)
        }
    }

    /// Waits until this host holds all partitions, and keeps them from then on. `false`: told to stop first.
    pub(super) async fn own(
        self: &Arc<Self>,
        pool: &PgPool,
        stop: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let mut said = false;
        while self.epoch().is_none() {
            if self.take(pool).await? {
                tokio::spawn(Arc::clone(self).renew(pool.clone()));
                break;
            }
            if !said {
                tracing::info!(
                    "store.standing_by: another host writes this database; this one takes over when it is gone"
                );
                said = true;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(false),
                () = tokio::time::sleep(Duration::from_millis(limits::LEASE_POLL_MS)) => {}
            }
        }
        Ok(true)
    }

    /// Takes all partitions when nobody holds one.
    async fn take(&self, pool: &PgPool) -> Result<bool, StoreError> {
        let mut tx = pool.begin().await?;
        let held: Option<String> = sqlx::query_scalar(
            "select host from (select host, until from lease order by part for update) l \
             where until > clock_timestamp() limit 1",
        )
        .fetch_optional(&mut *tx)
        .await?;
        if held.is_some() {
            return Ok(false);
        }
        let epoch: Option<i64> = sqlx::query_scalar(TAKE)
            .bind(&self.host)
            .bind(lease_ms())
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        let epoch = epoch.ok_or_else(|| {
            StoreError::Corrupt("expected a lease for each partition, got none".into())
        })?;
        tracing::info!(
            epoch,
            host = self.host,
            "store.owned: this host writes the database"
        );
        self.set_epoch(Some(epoch));
        Ok(true)
    }

    /// Keeps the leases until told to stop, or until they are another host's.
    async fn renew(self: Arc<Self>, pool: PgPool) {
        let Some(epoch) = self.epoch() else { return };
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(limits::LEASE_RENEW_MS)) => {}
            }
            let renewed = sqlx::query(RENEW)
                .bind(&self.host)
                .bind(epoch)
                .bind(lease_ms())
                .execute(&pool)
                .await;
            match renewed {
                Ok(done) if done.rows_affected() > 0 => {}
                Ok(_) => {
                    self.set_epoch(None);
                    tracing::error!(
                        "store.fenced: another host has taken this database over: this one was away for too long"
                    );
                    return;
                }
                // Whether it is still ours the next transaction will be told.
                Err(error) => {
                    tracing::warn!(%error, "store.lease: the lease was not renewed; it is tried again")
                }
            }
        }
    }

    /// Renews no more.
    pub(super) fn let_go(&self) {
        self.stop.cancel();
    }

    /// Gives the partitions back. After it every transaction is refused.
    pub(super) async fn release(&self, pool: &PgPool) {
        self.let_go();
        let Some(epoch) = self.epoch() else { return };
        self.set_epoch(None);
        let released = sqlx::query(
            "update lease set until = clock_timestamp() where host = $1 and epoch = $2",
        )
        .bind(&self.host)
        .bind(epoch)
        .execute(pool)
        .await;
        if let Err(error) = released {
            tracing::warn!(%error, "store.lease: the lease was not given back; it ends by itself");
        }
    }
}

fn lease_ms() -> f64 {
    limits::LEASE_MS as f64
}
