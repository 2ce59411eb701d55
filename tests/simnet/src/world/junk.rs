//! Commits that are honestly signed and hold what no consumer can use, or more than a commit may.

use super::World;
use crate::content::{self, STATUS};
use crate::frame::Frame;
use crate::repository::Write;
use crate::{Result, limits};

/// What an account's own host puts into its repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Junk {
    /// A record with a floating-point number.
    Float,
    /// A record whose keys are not in order.
    UnsortedKeys,
    /// A record of indefinite length.
    Indefinite,
    /// A record key with a dollar sign.
    DollarKey,
    /// A path without a slash.
    NoSlash,
    /// A record key of 1,024 bytes.
    LongKey,
    /// A collection that is no NSID.
    BadNsid,
    /// A record of one byte more than a record may have.
    LargeRecord,
    /// One operation more than a commit may have; each is sound.
    ManyOps,
    /// More bytes of blocks than a commit may have; each record is sound.
    LargeBlocks,
}

impl Junk {
    /// Every one of them.
    pub const ALL: [Junk; 10] = [
        Junk::Float,
        Junk::UnsortedKeys,
        Junk::Indefinite,
        Junk::DollarKey,
        Junk::NoSlash,
        Junk::LongKey,
        Junk::BadNsid,
        Junk::LargeRecord,
        Junk::ManyOps,
        Junk::LargeBlocks,
    ];

    /// A path and bytes that no consumer can use; none where all is sound but there is too much.
    fn entry(self, rkey: &str, sound: Vec<u8>) -> Option<(String, Vec<u8>)> {
        let usual = format!("{STATUS}/{rkey}");
        Some(match self {
            Junk::Float => (usual, b"\xa1\x65value\xfb\x3f\xf8\0\0\0\0\0\0".to_vec()),
            Junk::UnsortedKeys => (usual, b"\xa2\x61b\x01\x61a\x02".to_vec()),
            Junk::Indefinite => (usual, b"\xbf\x61a\x01\xff".to_vec()),
            Junk::DollarKey => (format!("{STATUS}/${rkey}"), sound),
            Junk::NoSlash => (format!("{STATUS}.{rkey}"), sound),
            Junk::LongKey => (
                format!("{STATUS}/{rkey}{}", "k".repeat(1_024 - rkey.len())),
                sound,
            ),
            Junk::BadNsid => (format!("xyz..status/{rkey}"), sound),
            Junk::LargeRecord => (usual, text_of(limits::RECORD_BYTES_MAX + 1, b'x')),
            Junk::ManyOps | Junk::LargeBlocks => return None,
        })
    }
}

/// A DAG-CBOR map of one text, `bytes` long in all.
fn text_of(bytes: usize, letter: u8) -> Vec<u8> {
    // The map, its key "text" and the head of a text of more than 65,535 bytes.
    let mut record = b"\xa1\x64text\x7a".to_vec();
    let filler = bytes - record.len() - 4;
    record.extend_from_slice(&(filler as u32).to_be_bytes());
    record.resize(bytes, letter);
    record
}

impl World {
    /// One commit of an account with one sound status and `kind` beside it. What is unusable stays in
    /// the repository's tree for good; [`Truth`](crate::Truth) lists it apart from the records.
    pub fn write_junk(&mut self, did: &str, kind: Junk) -> Result<Frame> {
        let number = self.writer(did)?;
        let now = self.next_moment();
        let mut writes = vec![self.write_status(number)?];
        match kind {
            Junk::ManyOps => {
                while writes.len() <= limits::COMMIT_OPS_MAX {
                    writes.push(self.write_status(number)?);
                }
            }
            Junk::LargeBlocks => {
                for letter in [b'a', b'b', b'c'] {
                    let path = format!("{STATUS}/{}", self.tid(number)?);
                    let bytes = limits::COMMIT_BLOCKS_BYTES_MAX / 3 + 1;
                    let record = Some(text_of(bytes, letter));
                    writes.push(Write { path, record });
                }
            }
            _ => {}
        }
        let rkey = self.tid(number)?.to_string();
        let sound = content::encode(&content::status(&mut self.rng, &now.time))?;
        let junk = kind.entry(&rkey, sound).into_iter().collect();
        let rev = self.tid(number)?;
        let account = &mut self.accounts[number];
        let key = account.key.signing();
        let commit = account.repository.commit_with(writes, junk, rev, key)?;
        self.told(number, &commit, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_record_has_the_bytes_that_were_asked_for() {
        let record = text_of(70_000, b'x');
        assert_eq!(record.len(), 70_000);
        let value = content::decode(&record).unwrap();
        assert_eq!(value["text"].as_str().map(str::len), Some(70_000 - 11));
    }
}
