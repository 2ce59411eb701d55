//! Signing keys of accounts, made from the world's randomness.

use rand::Rng;
use shrike::crypto::{K256SigningKey, P256SigningKey, SigningKey};

use crate::Result;

/// The two curves of atproto.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// secp256k1.
    K256,
    /// NIST P-256.
    P256,
}

/// An account's signing key. Signatures are deterministic (RFC 6979) and low-S.
pub struct Key {
    curve: Curve,
    signing: Box<dyn SigningKey>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, {})", self.curve, self.multibase())
    }
}

impl Key {
    /// A new key; fifteen of a hundred are P-256.
    pub(crate) fn generate(rng: &mut impl Rng) -> Result<Key> {
        let curve = if rng.random_ratio(15, 100) {
            Curve::P256
        } else {
            Curve::K256
        };
        // All but about 2^-128 of the strings are keys; the top bit off leaves none out of range.
        let mut secret: [u8; 32] = rng.random();
        secret[0] &= 0x7f;
        secret[31] |= 1;
        let signing: Box<dyn SigningKey> = match curve {
            Curve::K256 => Box::new(K256SigningKey::from_bytes(&secret)?),
            Curve::P256 => Box::new(P256SigningKey::from_bytes(&secret)?),
        };
        Ok(Key { curve, signing })
    }

    /// The key's curve.
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The public key as a `publicKeyMultibase` (base58btc of multicodec and compressed point).
    pub fn multibase(&self) -> String {
        self.signing.public_key().multibase()
    }

    pub(crate) fn signing(&self) -> &dyn SigningKey {
        &*self.signing
    }
}
