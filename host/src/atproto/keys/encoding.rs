//! Keys as text: multibase (base58btc only), multicodec and the two forms of a point.

use super::{Curve, KeyError};

/// The multicodec of a secp256k1 key, as a varint.
const K256_CODEC: [u8; 2] = [0xe7, 0x01];
/// The multicodec of a P-256 key, as a varint.
const P256_CODEC: [u8; 2] = [0x80, 0x24];
/// Longer text is not decoded: base58 takes quadratic time, and an uncompressed point takes 91 characters.
const TEXT_BYTES_MAX: usize = 128;

/// The refusal of a text, with its beginning.
pub(super) fn unexpected(expected: &'static str, got: &str) -> KeyError {
    const SHOWN_CHARS: usize = 80;
    KeyError::Text {
        expected,
        got: got.chars().take(SHOWN_CHARS).collect(),
    }
}

/// The bytes of `z…`.
pub(super) fn multibase(text: &str) -> Result<Vec<u8>, KeyError> {
    let err = || unexpected("a key as z and base58", text);
    let digits = text
        .strip_prefix('z')
        .filter(|digits| digits.len() <= TEXT_BYTES_MAX)
        .ok_or_else(err)?;
    bs58::decode(digits).into_vec().map_err(|_| err())
}

/// Curve and point.
pub(super) fn without_codec(bytes: &[u8]) -> Result<(Curve, &[u8]), KeyError> {
    match bytes.split_first_chunk() {
        Some((&K256_CODEC, point)) => Ok((Curve::K256, point)),
        Some((&P256_CODEC, point)) => Ok((Curve::P256, point)),
        _ => Err(KeyError::Codec(bytes.iter().take(2).copied().collect())),
    }
}

/// `z…` of a point with its multicodec.
pub(super) fn with_codec(curve: Curve, compressed: &[u8; 33]) -> String {
    let codec = match curve {
        Curve::K256 => K256_CODEC,
        Curve::P256 => P256_CODEC,
    };
    format!(
        "z{}",
        bs58::encode([&codec[..], compressed].concat()).into_string()
    )
}

/// The compressed form of bytes that look like a point; whether they are one is the curve's to say.
pub(super) fn compressed(point: &[u8]) -> Option<[u8; 33]> {
    match point {
        [2 | 3, ..] => point.try_into().ok(),
        [4, coordinates @ ..] if coordinates.len() == 64 => {
            let mut out = [0; 33];
            out[0] = 2 | (coordinates[63] & 1);
            out[1..].copy_from_slice(&coordinates[..32]);
            Some(out)
        }
        _ => None,
    }
}
