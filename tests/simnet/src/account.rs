//! An account: identity, hosting status and repository.

use rand::Rng;
use serde_json::{Value, json};

use crate::keys::Key;
use crate::repository::Repository;
use crate::{Error, Result};

/// An account's hosting status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the lexicon")]
pub enum Status {
    Active,
    Deactivated,
    Takendown,
    Suspended,
    Deleted,
    /// A word that no lexicon has yet; not active.
    Other(&'static str),
}

impl Status {
    /// As in `com.atproto.sync.subscribeRepos#account`; an active account has none there.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Deactivated => "deactivated",
            Status::Takendown => "takendown",
            Status::Suspended => "suspended",
            Status::Deleted => "deleted",
            Status::Other(word) => word,
        }
    }
}

/// One account of the world.
#[derive(Debug)]
pub struct Account {
    /// Its DID, `did:plc:` and 24 characters.
    pub did: String,
    /// Its handle, `userN.sim.test` until it changes.
    pub handle: String,
    /// Its hosting status.
    pub status: Status,
    /// Its present signing key.
    pub key: Key,
    /// Its repository, kept while it is inactive, emptied when it is deleted.
    pub repository: Repository,
    /// The host that its DID document names, when it is not the network's own.
    pub(crate) pds: Option<String>,
    /// What the relay says of it against the truth.
    pub(crate) claimed: Option<Status>,
    pub(crate) handles_had: u32,
    /// The subject of its last like: liking it again makes a duplicate.
    pub(crate) last_like: Option<Value>,
}

impl Account {
    pub(crate) fn new(number: usize, rng: &mut impl Rng) -> Result<Account> {
        const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let id: String = (0..24)
            .map(|_| char::from(BASE32[rng.random_range(0..32)]))
            .collect();
        let did = format!("did:plc:{id}");
        let repository = Repository::new(&did)?;
        Ok(Account {
            did,
            handle: format!("user{number}.sim.test"),
            status: Status::Active,
            key: Key::generate(rng)?,
            repository,
            pds: None,
            claimed: None,
            handles_had: 0,
            last_like: None,
        })
    }

    /// Whether it may be served and may commit.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Sets the status; a deleted account's repository is gone for good.
    pub(crate) fn set_status(&mut self, status: Status) -> Result<()> {
        if self.status == Status::Deleted {
            return Err(Error::Inconsistent(format!(
                "{} is deleted and cannot become {status:?}",
                self.did
            )));
        }
        self.status = status;
        if status == Status::Deleted {
            self.repository = Repository::new(&self.did)?;
        }
        Ok(())
    }

    /// Its DID document, as the PLC directory serves it; an account that moved names its own host.
    pub fn document(&self, pds_endpoint: &str) -> Value {
        let pds_endpoint = self.pds.as_deref().unwrap_or(pds_endpoint);
        json!({
            "@context": [
                "https://www.w3.org/ns/did/v1",
                "https://w3id.org/security/multikey/v1",
            ],
            "id": self.did,
            "alsoKnownAs": [format!("at://{}", self.handle)],
            "verificationMethod": [{
                "id": format!("{}#atproto", self.did),
                "type": "Multikey",
                "controller": self.did,
                "publicKeyMultibase": self.key.multibase(),
            }],
            "service": [{
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": pds_endpoint,
            }],
        })
    }
}
