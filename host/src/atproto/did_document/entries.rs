//! One key or one service of a DID document, found by the end of its id.

use serde_json::Value;

use super::NoKey;
use crate::atproto::Did;
use crate::atproto::keys::{Curve, KeyError, PublicKey};

/// The key of a fragment such as `#atproto`.
pub(super) fn key(
    methods: &[Value],
    did: &Did,
    fragment: &'static str,
) -> Result<PublicKey, NoKey> {
    let method = methods
        .iter()
        .find(|method| has_id(method, did, fragment))
        .ok_or(NoKey::Absent(fragment))?;
    let text = |name| method.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kind, multibase) = (text("type"), text("publicKeyMultibase"));
    let read: Result<PublicKey, KeyError> = match kind {
        "Multikey" => PublicKey::from_multibase(multibase),
        "EcdsaSecp256k1VerificationKey2019" => {
            PublicKey::from_bare_multibase(Curve::K256, multibase)
        }
        "EcdsaSecp256r1VerificationKey2019" => {
            PublicKey::from_bare_multibase(Curve::P256, multibase)
        }
        other => return Err(NoKey::Type(other.chars().take(80).collect())),
    };
    Ok(read?)
}

/// The endpoint of the first service with this fragment and type.
pub(super) fn service<'v>(
    services: &'v [Value],
    did: &Did,
    fragment: &str,
    kind: &str,
) -> Option<&'v str> {
    let text = |service: &'v Value, name| service.get(name).and_then(Value::as_str);
    services
        .iter()
        .find(|service| has_id(service, did, fragment) && text(service, "type") == Some(kind))
        .and_then(|service| text(service, "serviceEndpoint"))
}

/// An id is the fragment alone or the whole DID with it.
fn has_id(entry: &Value, did: &Did, fragment: &str) -> bool {
    let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
    id.strip_prefix(did.as_str()).unwrap_or(id) == fragment
}
