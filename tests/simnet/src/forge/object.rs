//! Commit objects by hand, so that every part of them can be wrong.

use shrike::cbor::{Cid, Encoder};

use crate::Result;
use crate::keys::Curve;

/// A commit object of version 3; without a signature, what is signed.
pub(super) fn encode(did: &str, rev: &str, sig: Option<&[u8]>, data: &Cid) -> Result<Vec<u8>> {
    let mut out = Encoder::new(Vec::with_capacity(256));
    out.encode_map_header(5 + u64::from(sig.is_some()))?;
    out.encode_text("did")?;
    out.encode_text(did)?;
    out.encode_text("rev")?;
    out.encode_text(rev)?;
    if let Some(sig) = sig {
        out.encode_text("sig")?;
        out.encode_bytes(sig)?;
    }
    out.encode_text("data")?;
    out.encode_cid(data)?;
    out.encode_text("prev")?;
    out.encode_null()?;
    out.encode_text("version")?;
    out.encode_u64(3)?;
    Ok(out.into_inner())
}

/// The other signature that is valid in the group: R and order - S.
pub(super) fn high_s(signature: &[u8; 64], curve: Curve) -> [u8; 64] {
    let (mut high, order) = (*signature, curve.order());
    let mut borrow = 0;
    for at in (0..32).rev() {
        let left = i16::from(order[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(left < 0);
        high[32 + at] = left.rem_euclid(256) as u8;
    }
    high
}

/// The same signature as an ASN.1 sequence of two integers.
pub(super) fn der(signature: &[u8; 64]) -> Vec<u8> {
    let integer = |bytes: &[u8]| -> Vec<u8> {
        let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(31);
        let bytes = &bytes[from..];
        let pad = bytes[0] >= 0x80;
        let mut out = vec![0x02, (bytes.len() + usize::from(pad)) as u8];
        out.extend(pad.then_some(0));
        out.extend_from_slice(bytes);
        out
    };
    let (r, s) = signature.split_at(32);
    let body = [integer(r), integer(s)].concat();
    let mut out = vec![0x30, body.len() as u8];
    out.extend(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_s_added_to_the_low_one_is_the_order() {
        let mut low = [0_u8; 64];
        low[63] = 2;
        let high = high_s(&low, Curve::K256);
        assert_eq!(
            &high[56..],
            &[0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x3f]
        );
        assert_eq!(high_s(&high, Curve::K256), low);
        low[62] = 0x80;
        assert_eq!(high_s(&high_s(&low, Curve::P256), Curve::P256), low);
    }

    #[test]
    fn der_pads_what_would_be_negative_and_cuts_what_is_zero() {
        let mut signature = [0_u8; 64];
        (signature[31], signature[63]) = (0x80, 0x7f);
        assert_eq!(der(&signature), [0x30, 7, 2, 2, 0, 0x80, 2, 1, 0x7f]);
    }
}
