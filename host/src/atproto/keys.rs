//! Public keys of accounts and labelers, and their signatures \[cryptography\].
//!
//! Guarantees: a key is a point of its curve, parsed once into the form that verifies fastest; a signature is 64
//! bytes (r and s), with a low s on both curves, over the SHA-256 of the message. DER is refused. Does not sign, and
//! does not say whose key it is.

mod encoding;

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use sha2::{Digest, Sha256};

use crate::fault::{Class, Classify};

/// A signature's length (bytes).
pub const SIGNATURE_BYTES: usize = 64;

/// Half of P-256's order, rounded down: the greatest s that is low \[cryptography\].
const P256_S_MAX: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Why a key or a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not of the form that was asked for.
    #[error("expected {expected}, got {got:?}")]
    Text {
        /// The form.
        expected: &'static str,
        /// The text's beginning.
        got: String,
    },
    /// A key of a kind that the protocol does not use.
    #[error(
        "expected a secp256k1 or P-256 key (multicodec e7 or 1200), got one that starts with {0:02x?}"
    )]
    Codec(Vec<u8>),
    /// The bytes are no point of the curve.
    #[error("expected a point of {curve}, got {bytes} bytes that are none")]
    Point {
        /// Which curve.
        curve: Curve,
        /// How many came.
        bytes: usize,
    },
    /// A signature of another length, such as a DER one.
    #[error("expected a signature of 64 bytes (r and s), got {0}")]
    SignatureBytes(usize),
    /// A signature whose s is in the upper half of the order.
    #[error("expected a signature with a low s; the signer has to normalize it")]
    HighS,
    /// A signature that this key did not make over this message.
    #[error("the signature does not belong to this key and message")]
    Signature,
}

impl Classify for KeyError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// The two curves of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// secp256k1, "K-256".
    K256,
    /// NIST P-256, secp256r1.
    P256,
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::K256 => "secp256k1",
            Self::P256 => "P-256",
        })
    }
}

/// A public key, ready to verify. Compares by its point.
#[derive(Clone)]
pub struct PublicKey {
    compressed: [u8; 33],
    parsed: Parsed,
}

#[derive(Clone)]
enum Parsed {
    K256(secp256k1::PublicKey),
    P256(ParsedPublicKey),
}

impl PublicKey {
    /// Reads `did:key:z…`.
    ///
    /// # Errors
    /// When the text is not a `did:key` of one of the two curves.
    pub fn from_did_key(text: &str) -> Result<Self, KeyError> {
        let multibase = text
            .strip_prefix("did:key:")
            .ok_or_else(|| encoding::unexpected("a key as did:key:z…", text))?;
        Self::from_multibase(multibase)
    }

    /// Reads `z…` with a multicodec, as a DID document's `Multikey` has it.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_multibase(text: &str) -> Result<Self, KeyError> {
        let bytes = encoding::multibase(text)?;
        let (curve, point) = encoding::without_codec(&bytes)?;
        Self::from_point(curve, point)
    }

    /// Reads `z…` without a multicodec, as the documents' verification types of 2019 have it.
    ///
    /// # Errors
    /// When the text is not a point of the curve.
    pub fn from_bare_multibase(curve: Curve, text: &str) -> Result<Self, KeyError> {
        Self::from_point(curve, &encoding::multibase(text)?)
    }

    /// Reads a point, compressed (33 bytes) or not (65 bytes).
    ///
    /// # Errors
    /// When the bytes are no point of the curve.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let err = || KeyError::Point {
            curve,
            bytes: point.len(),
        };
        // The libraries take more forms than the protocol has.
        let compressed = encoding::compressed(point).ok_or_else(err)?;
        let parsed = match curve {
            Curve::K256 => secp256k1::PublicKey::from_slice(point)
                .map(Parsed::K256)
                .map_err(|_| err())?,
            Curve::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .map(Parsed::P256)
                .map_err(|_| err())?,
        };
        Ok(Self { compressed, parsed })
    }

    /// Which curve it is of.
    #[must_use]
    pub fn curve(&self) -> Curve {
        match self.parsed {
            Parsed::K256(_) => Curve::K256,
            Parsed::P256(_) => Curve::P256,
        }
    }

    /// As `did:key:z…`.
    #[must_use]
    pub fn to_did_key(&self) -> String {
        format!(
            "did:key:{}",
            encoding::with_codec(self.curve(), &self.compressed)
        )
    }

    /// Checks a signature over the SHA-256 of a message.
    ///
    /// # Errors
    /// When the signature has another form, a high s, or is not this key's over this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let compact: &[u8; SIGNATURE_BYTES] = signature
            .try_into()
            .map_err(|_| KeyError::SignatureBytes(signature.len()))?;
        match &self.parsed {
            Parsed::K256(key) => verify_k256(key, message, compact),
            Parsed::P256(key) => verify_p256(key, message, compact),
        }
    }
}

fn verify_k256(
    key: &secp256k1::PublicKey,
    message: &[u8],
    compact: &[u8; SIGNATURE_BYTES],
) -> Result<(), KeyError> {
    let signature =
        secp256k1::ecdsa::Signature::from_compact(compact).map_err(|_| KeyError::Signature)?;
    let digest = secp256k1::Message::from_digest(Sha256::digest(message).into());
    // The library refuses a high s without saying so: the reason is looked for after a refusal only.
    signature.verify(digest, key).map_err(|_| {
        let mut low = signature;
        low.normalize_s();
        if low == signature {
            KeyError::Signature
        } else {
            KeyError::HighS
        }
    })
}

fn verify_p256(
    key: &ParsedPublicKey,
    message: &[u8],
    compact: &[u8; SIGNATURE_BYTES],
) -> Result<(), KeyError> {
    // No P-256 library refuses a high s.
    if compact[32..] > P256_S_MAX[..] {
        return Err(KeyError::HighS);
    }
    key.verify_sig(message, compact)
        .map_err(|_| KeyError::Signature)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.curve() == other.curve() && self.compressed == other.compressed
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_did_key())
    }
}
