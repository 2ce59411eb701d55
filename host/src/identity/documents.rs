//! DID documents from where they are: the directory for `did:plc`, the DID's own web site for `did:web`.

use super::IdentityError;
use crate::atproto::did_document::DidDocument;
use crate::atproto::{Did, Handle};
use crate::limits;
use crate::net::{Client, GetLimits, NetError};

/// A document is fetched from where it is, never by a redirect \[DID\].
const BOUNDS: GetLimits = GetLimits {
    bytes_max: limits::DID_DOCUMENT_BYTES_MAX,
    total_ms: limits::IDENTITY_LOOKUP_MS,
    redirects_max: 0,
};

/// Fetches documents.
pub(super) struct Documents {
    client: Client,
    plc: String,
}

impl Documents {
    pub(super) fn new(client: Client, plc: String) -> Self {
        Self { client, plc }
    }

    /// The document of a DID.
    pub(super) async fn fetch(&self, did: &Did) -> Result<DidDocument, IdentityError> {
        let url = self.address(did)?;
        let json = self
            .client
            .get(&url, BOUNDS)
            .await
            .map_err(|error| not_there(did, error))?;
        DidDocument::parse(&json, did).map_err(|source| IdentityError::Document {
            did: did.clone(),
            source,
        })
    }

    fn address(&self, did: &Did) -> Result<String, IdentityError> {
        let unsupported = || IdentityError::Unsupported(did.clone());
        if let Some(id) = did.as_str().strip_prefix("did:plc:") {
            let ok = id.len() == 24 && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
            return ok
                .then(|| format!("{}/{did}", self.plc))
                .ok_or_else(unsupported);
        }
        let id = did
            .as_str()
            .strip_prefix("did:web:")
            .ok_or_else(unsupported)?;
        self.web_site(id)
            .map(|origin| format!("{origin}/.well-known/did.json"))
            .ok_or_else(unsupported)
    }

    /// The origin of `did:web:ID`: a host name. With a port, `host%3Aport`, only the operator's own hosts, by `http`.
    fn web_site(&self, id: &str) -> Option<String> {
        match id.split_once("%3A").or_else(|| id.split_once("%3a")) {
            // The syntax of a handle is that of a host name with a dot: no port, no path, no address.
            None => Handle::parse(id).ok().map(|host| format!("https://{host}")),
            Some((host, port)) => {
                let port = port.parse().ok()?;
                let own = self.client.allows(host, port);
                own.then(|| format!("http://{host}:{port}"))
            }
        }
    }
}

fn not_there(did: &Did, error: NetError) -> IdentityError {
    match error {
        NetError::Status { status: 404, .. } => IdentityError::NotFound(did.clone()),
        NetError::Status { status: 410, .. } => IdentityError::Deactivated(did.clone()),
        source => IdentityError::Net {
            did: did.clone(),
            source,
        },
    }
}
