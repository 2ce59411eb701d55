//! One operation of a Jetstream held against the account's own host (`com.atproto.sync.getRecord`).
//!
//! Guarantees: what is called proven is signed by the account's key and in its tree. A host that has moved on since
//! tells what the record is now, and that is as good: it is handed back in place of the operation. A host that cannot
//! be asked, or proves nothing, proves nothing wrong either.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::atproto::car::{CarError, CarSlice};
use crate::atproto::commit::{CommitError, CommitObject};
use crate::atproto::proof::{ProofError, prove_record};
use crate::atproto::{Cid, Did, Tid, cbor};
use crate::entry::{Action, Op, Records, Trust};
use crate::fault::{Class, Classify};
use crate::identity::{Identities, Identity, IdentityError};
use crate::limits;
use crate::net::{Client, GetLimits, NetError};

/// Where proofs come from, and how many operations are asked about.
#[derive(Clone)]
pub struct Prover {
    /// The way out.
    pub client: Client,
    /// Keys and hosts.
    pub identities: Arc<Identities>,
    /// Of a hundred operations, how many are held against their origin; chosen by chance.
    pub percent: u8,
}

/// What a proof says of an operation.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The record is what the operation says.
    Proven,
    /// The account has moved on since: this is the record as it is now.
    Now(Records),
    /// At the operation's own revision the record is another, or is not there: it is this.
    False(FalseOp, Records),
    /// Nothing was proven.
    Unproven(Unproven),
}

/// How an operation is false.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FalseOp {
    #[error("the account's host proves that the record is {got} at this revision, not {said}")]
    Differs { said: String, got: Cid },
    #[error("the account's host proves that there is no such record at this revision")]
    Absent,
}

impl FalseOp {
    /// A short name for counters.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Differs { .. } => "jetstream-differs",
            Self::Absent => "jetstream-absent",
        }
    }
}

/// Why nothing was proven.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unproven {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("expected the account's document to name its host, got none")]
    NoHost,
    #[error("asking the account's host: {0}")]
    Net(#[from] NetError),
    #[error("the proof is damaged: {0}")]
    Car(#[from] CarError),
    #[error("in the proof: {0}")]
    Commit(#[from] CommitError),
    #[error("in the proof: {0}")]
    Proof(#[from] ProofError),
    #[error("the proof is not signed by the account's key")]
    Signature,
    #[error("the proof names the record {0} and does not hold it, or not as a record")]
    Record(Cid),
    #[error("expected a proof of rev {said} or later, got one of {got}")]
    Older { said: Tid, got: Tid },
    #[error("expected a proof within {} ms", limits::JETSTREAM_PROOF_MS_MAX)]
    Late,
    #[error("expected one operation, got {0}")]
    Ops(usize),
}

impl Classify for Unproven {
    fn class(&self) -> Class {
        match self {
            Self::Identity(e) => e.class(),
            Self::Net(e) => e.class(),
            Self::Older { .. } | Self::Late => Class::Retry,
            Self::NoHost
            | Self::Car(_)
            | Self::Commit(_)
            | Self::Proof(_)
            | Self::Signature
            | Self::Record(_)
            | Self::Ops(_) => Class::Reject,
        }
    }
}

impl Prover {
    /// Whether the next operation is to be proven.
    pub(super) fn chooses(&self) -> bool {
        rand::random_range(0..100) < self.percent
    }

    /// Holds records of one operation against the account's host, within a bounded time.
    pub(super) async fn judge(&self, records: &Records) -> Verdict {
        let most = Duration::from_millis(limits::JETSTREAM_PROOF_MS_MAX);
        match tokio::time::timeout(most, self.ask(records)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(unproven)) => Verdict::Unproven(unproven),
            Err(_) => Verdict::Unproven(Unproven::Late),
        }
    }

    async fn ask(&self, records: &Records) -> Result<Verdict, Unproven> {
        let [op] = &records.ops[..] else {
            return Err(Unproven::Ops(records.ops.len()));
        };
        let did = &records.did;
        let identity = self.identities.get(did).await?;
        let host = identity.pds().ok_or(Unproven::NoHost)?;
        let url = format!(
            "{host}/xrpc/com.atproto.sync.getRecord?did={did}&collection={}&rkey={}",
            op.collection, op.rkey
        );
        let bounds = GetLimits {
            bytes_max: limits::COMMIT_BLOCKS_BYTES_MAX,
            total_ms: limits::JETSTREAM_PROOF_MS_MAX,
            redirects_max: limits::NET_REDIRECTS_MAX,
        };
        let bytes = self.client.get(&url, bounds).await?;
        let car = CarSlice::read(&bytes)?;
        let block = car.get(&car.root()).unwrap_or_default();
        let object = CommitObject::decode(block)?;
        let path = format!("{}/{}", op.collection, op.rkey);
        let found = prove_record(&car, did, &path, &object)?;
        self.check_signature(&identity, did, &object, block).await?;
        compare(records, op, object.rev, found, &car)
    }

    /// The key is looked up anew when it does not fit.
    async fn check_signature(
        &self,
        identity: &Identity,
        did: &Did,
        object: &CommitObject<'_>,
        block: &[u8],
    ) -> Result<(), Unproven> {
        let bytes = object.signed_bytes(block).ok_or(Unproven::Signature)?;
        let signed = |identity: &Identity| {
            let key = identity.signing_key().ok();
            key.is_some_and(|key| key.verify(&bytes, object.sig).is_ok())
        };
        if signed(identity) || signed(&self.identities.refresh(did).await?.identity) {
            Ok(())
        } else {
            Err(Unproven::Signature)
        }
    }
}

/// The operation against what is proven to be there at `rev`.
fn compare(
    records: &Records,
    op: &Op,
    rev: Tid,
    found: Option<Cid>,
    car: &CarSlice<'_>,
) -> Result<Verdict, Unproven> {
    let said = match &op.action {
        Action::Put { cid, .. } => Some(*cid),
        Action::Delete => None,
    };
    if rev < records.rev {
        let said = records.rev;
        return Err(Unproven::Older { said, got: rev });
    }
    if said == found {
        return Ok(Verdict::Proven);
    }
    let action = match found {
        Some(cid) => Action::Put {
            cid,
            body: record(car, cid)?,
        },
        None => Action::Delete,
    };
    let now = Records {
        did: records.did.clone(),
        rev,
        trust: Trust::Verified,
        ops: vec![Op {
            action,
            ..op.clone()
        }],
        rejected: Vec::new(),
    };
    if rev > records.rev {
        return Ok(Verdict::Now(now));
    }
    let how = match found {
        Some(got) => FalseOp::Differs {
            said: said.map_or_else(|| "gone".to_owned(), |cid| cid.to_string()),
            got,
        },
        None => FalseOp::Absent,
    };
    Ok(Verdict::False(how, now))
}

/// A record of the proof, if it is one that can be used.
fn record(car: &CarSlice<'_>, cid: Cid) -> Result<Bytes, Unproven> {
    const MAP: u8 = 5;
    let block = car.get(&cid).ok_or(Unproven::Record(cid))?;
    let usable = block.first().map(|head| head >> 5) == Some(MAP)
        && block.len() <= limits::RECORD_BYTES_MAX
        && cbor::check_one(block).is_ok();
    usable
        .then(|| Bytes::copy_from_slice(block))
        .ok_or(Unproven::Record(cid))
}
