//! The walk: every item of a tree in order, told to a visitor, with a stack of fixed size.

use super::CborError;
use super::head::{self, Head};
use crate::atproto::Cid;
use crate::limits::{CBOR_CONTAINER_LEN_MAX, CBOR_DEPTH_MAX, CBOR_ITEMS_MAX};

/// Told of each item. Methods do nothing unless a visitor says otherwise.
pub(crate) trait Visit<'a> {
    fn null(&mut self) {}
    fn bool(&mut self, _value: bool) {}
    fn integer(&mut self, _value: i64) {}
    fn bytes(&mut self, _value: &'a [u8]) {}
    fn text(&mut self, _value: &'a str) {}
    fn link(&mut self, _value: Cid) {}
    fn open_array(&mut self) {}
    fn close_array(&mut self) {}
    fn open_map(&mut self) {}
    fn key(&mut self, _key: &'a str) {}
    fn close_map(&mut self) {}
}

/// Walks the item that `bytes` begin with and gives its length. On an error the visitor has seen what came before.
pub(crate) fn walk<'a, V: Visit<'a>>(bytes: &'a [u8], visit: &mut V) -> Result<usize, CborError> {
    let mut walker = Walker {
        bytes,
        at: 0,
        levels: [Level::default(); CBOR_DEPTH_MAX],
        depth: 0,
        items: 0,
    };
    loop {
        walker.value(visit)?;
        if walker.next_or_done(visit)? {
            return Ok(walker.at);
        }
    }
}

/// A container that is open.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Elements (of a map: entries) still to come.
    left: u32,
    is_map: bool,
    /// The last key of a map; its first has nothing before it.
    key: Option<(usize, usize)>,
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    levels: [Level; CBOR_DEPTH_MAX],
    depth: usize,
    items: usize,
}

impl<'a> Walker<'a> {
    /// Reads one value; of a container, its head.
    #[inline]
    fn value<V: Visit<'a>>(&mut self, visit: &mut V) -> Result<(), CborError> {
        let at = self.at;
        let head = head::read(self.bytes, at)?;
        self.at = head.end;
        match head.major {
            0 => visit.integer(integer(at, head.value, "")?),
            1 => visit.integer(-1 - integer(at, head.value, "-1-")?),
            2 => visit.bytes(self.take(head.value)?),
            3 => visit.text(self.text(at, head.value)?),
            4 => {
                self.open(at, &head, false)?;
                visit.open_array();
            }
            5 => {
                self.open(at, &head, true)?;
                visit.open_map();
            }
            6 => visit.link(self.link(at, &head)?),
            _ => match head.value {
                20 => visit.bool(false),
                21 => visit.bool(true),
                22 => visit.null(),
                _ => return Err(self.kind(at, "true, false or null")),
            },
        }
        Ok(())
    }

    /// Closes containers that are complete and reads the key before the next value. True: the tree is complete.
    #[inline]
    fn next_or_done<V: Visit<'a>>(&mut self, visit: &mut V) -> Result<bool, CborError> {
        while self.depth > 0 {
            let level = &mut self.levels[self.depth - 1];
            let is_map = level.is_map;
            if level.left > 0 {
                level.left -= 1;
                if is_map {
                    visit.key(self.map_key()?);
                }
                return Ok(false);
            }
            self.depth -= 1;
            if is_map {
                visit.close_map();
            } else {
                visit.close_array();
            }
        }
        Ok(true)
    }

    fn open(&mut self, at: usize, head: &Head, is_map: bool) -> Result<(), CborError> {
        let len = head.value;
        if len > CBOR_CONTAINER_LEN_MAX {
            return Err(CborError::Length { at, got: len });
        }
        let elements = if is_map { len * 2 } else { len };
        let left = self.bytes.len() - self.at;
        if elements > left as u64 {
            return Err(CborError::Cut {
                at: self.at,
                needed: elements,
                left,
            });
        }
        // Both fit: the check above bounds them by CBOR_CONTAINER_LEN_MAX.
        self.items += elements as usize;
        if self.items > CBOR_ITEMS_MAX {
            return Err(CborError::Items { at });
        }
        let Some(level) = self.levels.get_mut(self.depth) else {
            return Err(CborError::Depth { at });
        };
        *level = Level {
            left: len as u32,
            is_map,
            key: None,
        };
        self.depth += 1;
        Ok(())
    }

    fn map_key(&mut self) -> Result<&'a str, CborError> {
        let at = self.at;
        let head = head::read(self.bytes, at)?;
        if head.major != 3 {
            return Err(self.kind(at, "a map key of text"));
        }
        self.at = head.end;
        let key = self.text(at, head.value)?;
        let level = &mut self.levels[self.depth - 1];
        if let Some((from, to)) = level.key.replace((head.end, self.at)) {
            let last = &self.bytes[from..to];
            if (last.len(), last) >= (key.len(), key.as_bytes()) {
                let got = key.chars().take(64).collect();
                return Err(CborError::KeyOrder { at, got });
            }
        }
        Ok(key)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], CborError> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let Some(taken) = taken else {
            return Err(CborError::Cut {
                at: self.at,
                needed: len,
                left: rest.len(),
            });
        };
        self.at += taken.len();
        Ok(taken)
    }

    #[inline]
    fn text(&mut self, at: usize, len: u64) -> Result<&'a str, CborError> {
        std::str::from_utf8(self.take(len)?).map_err(|_| CborError::Utf8 { at })
    }

    /// The rest of tag 42: a byte string of a zero byte and a CID.
    fn link(&mut self, at: usize, head: &Head) -> Result<Cid, CborError> {
        if head.value != 42 {
            return Err(self.kind(at, "tag 42 or no tag"));
        }
        let inner = head::read(self.bytes, self.at)?;
        if inner.major != 2 {
            return Err(self.kind(self.at, "a byte string with a CID"));
        }
        self.at = inner.end;
        let bytes = self.take(inner.value)?;
        let err = |got: String| CborError::Link { at, got };
        match bytes.split_first() {
            Some((0, cid)) => Cid::from_bytes(cid).map_err(|e| err(e.to_string())),
            Some((first, _)) => Err(err(format!("prefix 0x{first:02x}"))),
            None => Err(err("nothing".to_owned())),
        }
    }

    fn kind(&self, at: usize, expected: &'static str) -> CborError {
        let got = self.bytes.get(at).copied().unwrap_or_default();
        CborError::Kind { at, expected, got }
    }
}

fn integer(at: usize, value: u64, sign: &'static str) -> Result<i64, CborError> {
    i64::try_from(value).map_err(|_| CborError::IntegerRange {
        at,
        sign,
        got: value,
    })
}
