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

impl Curve {
    /// The one that it is not.
    pub(crate) fn other(self) -> Curve {
        match self {
            Curve::K256 => Curve::P256,
            Curve::P256 => Curve::K256,
        }
    }

    /// The order of its group, big-endian: a signature with `s` has a twin with order - `s`.
    pub(crate) fn order(self) -> [u8; 32] {
        let words: [u64; 4] = match self {
            Curve::K256 => [
                0xffff_ffff_ffff_ffff,
                0xffff_ffff_ffff_fffe,
                0xbaae_dce6_af48_a03b,
                0xbfd2_5e8c_d036_4141,
            ],
            Curve::P256 => [
                0xffff_ffff_0000_0000,
                0xffff_ffff_ffff_ffff,
                0xbce6_faad_a717_9e84,
                0xf3b9_cac2_fc63_2551,
            ],
        };
        let mut order = [0; 32];
        for (at, word) in order.chunks_exact_mut(8).zip(words) {
            at.copy_from_slice(&word.to_be_bytes());
        }
        order
    }
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
        Key::of_curve(curve, rng)
    }

    /// A new key of one curve.
    pub(crate) fn of_curve(curve: Curve, rng: &mut impl Rng) -> Result<Key> {
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
