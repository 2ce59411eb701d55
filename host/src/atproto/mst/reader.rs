//! The few CBOR items that a node is made of, each in its one form.

use super::node::NodeError;
use crate::atproto::Cid;
use crate::atproto::cbor;
use crate::atproto::cid::CID_BYTES;

/// Tag 42 and the byte string of a CID behind a zero byte.
pub(super) const LINK_HEAD: &[u8] = b"\xd8\x2a\x58\x25\x00";
/// Beginning of a CID that names DAG-CBOR.
const DAG_CBOR: &[u8] = &[1, 0x71, 0x12, 32];

/// CBOR's major types that stand in a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Major {
    Unsigned = 0,
    Bytes = 2,
    Array = 4,
}

/// Bytes and a place in them.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    /// Goes over exactly these bytes. `expected` says what they are.
    #[inline]
    pub(super) fn literal(
        &mut self,
        literal: &[u8],
        expected: &'static str,
    ) -> Result<(), NodeError> {
        if self.skip(literal) {
            return Ok(());
        }
        let at = self.at;
        Err(NodeError::Shape { at, expected })
    }

    /// Goes over these bytes if they come next.
    #[inline]
    fn skip(&mut self, literal: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(literal);
        self.at += if found { literal.len() } else { 0 };
        found
    }

    /// Reads the head of an item of one kind: its value or length.
    #[inline]
    pub(super) fn head(&mut self, major: Major, expected: &'static str) -> Result<u64, NodeError> {
        let head = cbor::read_head(self.bytes, self.at)?;
        if head.major != major as u8 {
            let at = self.at;
            return Err(NodeError::Shape { at, expected });
        }
        self.at = head.end;
        Ok(head.value)
    }

    /// Reads a byte string of at most `max` bytes.
    #[inline]
    pub(super) fn key_bytes(&mut self, max: usize) -> Result<&'a [u8], NodeError> {
        let at = self.at;
        let got = self.head(Major::Bytes, "a key's bytes")?;
        let len = usize::try_from(got).ok().filter(|len| *len <= max);
        let len = len.ok_or(NodeError::KeyLength { at })?;
        let expected = "a key's bytes";
        let rest = &self.bytes[self.at..];
        let bytes = rest.get(..len).ok_or(NodeError::Shape { at, expected })?;
        self.at += len;
        Ok(bytes)
    }

    /// Reads a link.
    #[inline]
    pub(super) fn link(&mut self) -> Result<Cid, NodeError> {
        let expected = "a link";
        let at = self.at;
        self.literal(LINK_HEAD, expected)?;
        let bytes = self.bytes[self.at..].get(..CID_BYTES);
        let cid = bytes.and_then(|bytes| Cid::from_bytes(bytes).ok());
        self.at += CID_BYTES;
        cid.ok_or(NodeError::Shape { at, expected })
    }

    /// Reads a link to a node, or null.
    #[inline]
    pub(super) fn subtree(&mut self) -> Result<Option<Cid>, NodeError> {
        if self.skip(b"\xf6") {
            return Ok(None);
        }
        let at = self.at;
        let cid = self.link()?;
        if cid.as_bytes().starts_with(DAG_CBOR) {
            return Ok(Some(cid));
        }
        let expected = "a link to DAG-CBOR";
        Err(NodeError::Shape { at, expected })
    }
}
