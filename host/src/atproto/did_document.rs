//! DID documents, as far as this network reads them \[DID, "DID Documents"\].
//!
//! Guarantees: the document is of the DID that was asked for and has bounds in bytes and counts; of several entries
//! with one id the first counts; a key that is there and unusable says why. Does not fetch documents, and does not ask
//! whether the handle, which a document merely claims, points back.

mod entries;

use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::keys::{KeyError, PublicKey};
use super::{Did, Handle};
use crate::fault::{Class, Classify};
use crate::limits;

/// Why a document is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DidDocumentError {
    /// Larger than documents are.
    #[error("expected a DID document of at most {max} bytes, got {0}", max = limits::DID_DOCUMENT_BYTES_MAX)]
    Bytes(usize),
    /// Not JSON, or not of a document's shape.
    #[error("expected a DID document as JSON, got: {0}")]
    Shape(String),
    /// Of somebody else.
    #[error("expected the DID document of {expected}, got that of {got:?}")]
    OtherDid {
        /// Who was asked for.
        expected: Did,
        /// What the document says.
        got: String,
    },
    /// More entries than documents have.
    #[error("expected at most {max} entries in {field}, got {got}", max = limits::DID_DOCUMENT_ITEMS_MAX)]
    Items {
        /// Which list.
        field: &'static str,
        /// How many.
        got: usize,
    },
}

impl Classify for DidDocumentError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// Why a document gives no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// There is no such entry.
    #[error("the DID document has no key {0}")]
    Absent(&'static str),
    /// The entry's type is none that this network uses.
    #[error("expected a key of type Multikey, got {0:?}")]
    Type(String),
    /// The entry's key is unusable.
    #[error("in the DID document: {0}")]
    Bad(#[from] KeyError),
}

/// A document's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DidDocument {
    /// Whose.
    pub did: Did,
    /// The first well-formed `at://` name. A claim: whether it points back is not known here.
    pub handle: Option<Handle>,
    /// The key that signs commits, `#atproto`.
    pub signing_key: Result<PublicKey, NoKey>,
    /// The key that signs labels, `#atproto_label`.
    pub label_key: Result<PublicKey, NoKey>,
    /// Where the repository is, `#atproto_pds`: scheme and authority, no slash at the end.
    pub pds: Option<String>,
    /// The document as it came.
    pub json: Box<str>,
}

impl DidDocument {
    /// Reads a document that was asked for by its DID.
    ///
    /// # Errors
    /// When it is too large, not of its shape, or another DID's.
    pub fn parse(json: &[u8], expected: &Did) -> Result<Self, DidDocumentError> {
        if json.len() > limits::DID_DOCUMENT_BYTES_MAX {
            return Err(DidDocumentError::Bytes(json.len()));
        }
        let shape = |e: &dyn std::fmt::Display| DidDocumentError::Shape(e.to_string());
        let text = std::str::from_utf8(json).map_err(|e| shape(&e))?;
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|e| shape(&e))?;
        if wire.id != expected.as_str() {
            return Err(DidDocumentError::OtherDid {
                expected: expected.clone(),
                got: wire.id.chars().take(limits::DID_BYTES_MAX).collect(),
            });
        }
        let names = bounded("alsoKnownAs", wire.also_known_as)?;
        let methods = bounded("verificationMethod", wire.verification_method)?;
        let services = bounded("service", wire.service)?;
        let key = |fragment| entries::key(&methods, expected, fragment);
        Ok(Self {
            did: expected.clone(),
            handle: names.iter().find_map(handle),
            signing_key: key("#atproto"),
            label_key: key("#atproto_label"),
            pds: entries::service(
                &services,
                expected,
                "#atproto_pds",
                "AtprotoPersonalDataServer",
            )
            .and_then(endpoint),
            json: text.into(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    also_known_as: Option<Vec<Value>>,
    verification_method: Option<Vec<Value>>,
    service: Option<Vec<Value>>,
}

fn bounded(field: &'static str, items: Option<Vec<Value>>) -> Result<Vec<Value>, DidDocumentError> {
    let items = items.unwrap_or_default();
    if items.len() > limits::DID_DOCUMENT_ITEMS_MAX {
        let got = items.len();
        return Err(DidDocumentError::Items { field, got });
    }
    Ok(items)
}

fn handle(name: &Value) -> Option<Handle> {
    Handle::parse(name.as_str()?.strip_prefix("at://")?).ok()
}

/// Scheme and authority of an address that has nothing else.
fn endpoint(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && matches!(
            url.host(),
            Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_))
        )
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then(|| url.origin().ascii_serialization())
}
