//! How entries go through the proofs: which are proven, which wait behind one, and what a verdict makes of them.

use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};

use super::checks::{Checked, Step, What};
use super::events::Events;
use super::proof::Verdict;
use crate::atproto::Did;
use crate::entry::{Entry, Records, Trust};
use crate::ingest::IngestError;
use crate::telemetry::Counter;

impl Events {
    /// Hands an entry on, behind what its account waits for.
    pub(super) async fn pass(&mut self, seq: i64, entry: Entry) -> Result<(), IngestError> {
        let Some(did) = entry.did().cloned() else {
            return self.append(entry).await;
        };
        let what = What::Pass(entry);
        self.step(&did, Step { seq, what }).await
    }

    /// Hands records on after their proof, behind what their account waits for.
    pub(super) async fn prove(&mut self, seq: i64, records: Records) -> Result<(), IngestError> {
        let did = records.did.clone();
        let what = What::Prove(records);
        self.step(&did, Step { seq, what }).await
    }

    async fn step(&mut self, did: &Did, step: Step) -> Result<(), IngestError> {
        while self.checks.holds(did) && self.checks.is_full() {
            let ended = self.checks.ended().await;
            self.finish(ended.map_err(ended_early)?).await?;
        }
        match self.checks.hold(did, step) {
            Some(step) => self.take(step).await,
            None => Ok(()),
        }
    }

    /// Takes a step that waits for nothing.
    async fn take(&mut self, step: Step) -> Result<(), IngestError> {
        let records = match step.what {
            What::Pass(entry) => return self.append(entry).await,
            What::Prove(records) => records,
        };
        self.wait_for_room(self.checks.patience()).await?;
        let prover = self.prover().filter(|_| self.checks.has_room());
        match prover {
            Some(prover) => {
                self.checks.begin(&prover, records, step.seq);
                Ok(())
            }
            None => self.unproven(records).await,
        }
    }

    async fn wait_for_room(&mut self, most: Duration) -> Result<(), IngestError> {
        let deadline = Instant::now() + most;
        while !self.checks.has_room() {
            match timeout_at(deadline, self.checks.ended()).await {
                Ok(ended) => self.finish(ended.map_err(ended_early)?).await?,
                Err(_) => {
                    self.checks.tire();
                    break;
                }
            }
        }
        Ok(())
    }

    async fn unproven(&self, records: Records) -> Result<(), IngestError> {
        self.counters().add(Counter::StreamOpsUnproven, 1);
        self.append(Entry::Records(records)).await
    }

    /// The next proof that ends; never, while none runs.
    ///
    /// # Errors
    /// When its task ended by itself.
    pub(super) async fn checked(&mut self) -> Result<Checked, IngestError> {
        self.checks.ended().await.map_err(ended_early)
    }

    /// Does what a proof says, then takes what waited behind it, up to the next proof.
    ///
    /// # Errors
    /// When the queue is closed.
    pub(super) async fn finish(&mut self, checked: Checked) -> Result<(), IngestError> {
        let did = checked.records.did.clone();
        let is_unproven = matches!(checked.verdict, Verdict::Unproven(_));
        self.conclude(checked).await?;
        while let Some(Step { seq, what }) = self.checks.next(&did) {
            match (what, self.prover()) {
                (What::Pass(entry), _) => self.append(entry).await?,
                // The account's room is free: its proof has just ended.
                (What::Prove(records), Some(prover)) if !is_unproven => {
                    self.checks.begin(&prover, records, seq);
                    break;
                }
                (What::Prove(records), _) => self.unproven(records).await?,
            }
        }
        Ok(())
    }

    async fn conclude(&mut self, checked: Checked) -> Result<(), IngestError> {
        let Checked {
            records,
            seq,
            verdict,
        } = checked;
        match verdict {
            Verdict::Proven => {
                self.counters().add(Counter::StreamOpsProven, 1);
                let trust = Trust::Verified;
                self.append(Entry::Records(Records { trust, ..records }))
                    .await
            }
            Verdict::Now(now) => {
                self.counters().add(Counter::StreamOpsReplaced, 1);
                self.append(Entry::Records(now)).await
            }
            Verdict::False(how, now) => {
                self.counters().reject(how.reason());
                let mut paths = records.ops.iter().map(|op| (&op.collection, &op.rkey));
                let path = paths
                    .next()
                    .map_or_else(String::new, |(c, r)| format!("{c}/{r}"));
                let (did, rev) = (records.did.clone(), Some(records.rev));
                let refused = self.refused(did, path, rev, how.to_string(), seq);
                self.append(refused).await?;
                self.append(Entry::Records(now)).await
            }
            Verdict::Unproven(why) => {
                let did = &records.did;
                tracing::info!(%did, %why, "ingest.unproven: an operation of the Jetstream was not proven");
                self.unproven(records).await
            }
        }
    }
}

fn ended_early(error: JoinError) -> IngestError {
    IngestError::Lane(format!("a proof: {error}"))
}
