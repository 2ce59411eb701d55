//! Compressed messages: each is one zstd frame, with or without a dictionary that both sides have.
//!
//! Guarantees: nothing is written past [`limits::JETSTREAM_MESSAGE_BYTES_MAX`], whatever the frame says of itself;
//! the memory for it is taken once.

use std::io;
use std::sync::Arc;

use zstd::bulk::Decompressor;

use crate::limits;

/// Whether and how a Jetstream is to compress.
#[derive(Clone, Debug, Default)]
pub enum Compression {
    /// Text as it is.
    #[default]
    Off,
    /// zstd without a dictionary.
    Plain,
    /// zstd with the dictionary of that Jetstream.
    Dictionary(Arc<[u8]>),
}

/// Unpacks one connection's messages.
pub(super) struct Unpacker {
    inner: Decompressor<'static>,
    text: Vec<u8>,
}

impl Unpacker {
    /// None where nothing is compressed.
    pub(super) fn new(compression: &Compression) -> io::Result<Option<Self>> {
        let inner = match compression {
            Compression::Off => return Ok(None),
            Compression::Plain => Decompressor::new()?,
            Compression::Dictionary(dictionary) => Decompressor::with_dictionary(dictionary)?,
        };
        let text = Vec::with_capacity(limits::JETSTREAM_MESSAGE_BYTES_MAX);
        Ok(Some(Self { inner, text }))
    }

    /// The text of one message; an error says why there is none.
    pub(super) fn unpack(&mut self, packed: &[u8]) -> Result<&str, String> {
        self.text.clear();
        self.inner
            .decompress_to_buffer(packed, &mut self.text)
            .map_err(|e| {
                format!(
                    "not one zstd frame of at most {} bytes: {e}",
                    self.text.capacity()
                )
            })?;
        std::str::from_utf8(&self.text).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacker(compression: &Compression) -> Unpacker {
        Unpacker::new(compression).unwrap().unwrap()
    }

    #[test]
    fn messages_come_back_one_after_the_other() {
        let mut plain = unpacker(&Compression::Plain);
        for text in ["{\"did\":\"did:plc:a\"}", "", "{}"] {
            let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
            assert_eq!(plain.unpack(&packed).unwrap(), text);
        }
        let dictionary: Arc<[u8]> = b"{\"did\":\"did:plc:\",\"kind\":\"commit\"}"
            .as_slice()
            .into();
        let mut packer = zstd::bulk::Compressor::with_dictionary(3, &dictionary).unwrap();
        let packed = packer.compress(b"{\"did\":\"did:plc:b\"}").unwrap();
        let mut with = unpacker(&Compression::Dictionary(dictionary));
        assert_eq!(with.unpack(&packed).unwrap(), "{\"did\":\"did:plc:b\"}");
        assert!(Unpacker::new(&Compression::Off).unwrap().is_none());
    }

    #[test]
    fn a_bomb_and_what_is_no_frame_are_refused_and_the_next_is_read() {
        let mut plain = unpacker(&Compression::Plain);
        let bomb = io::Read::take(io::repeat(b' '), 200 << 20);
        let bomb = zstd::encode_all(bomb, 3).unwrap();
        assert!(bomb.len() < 100_000);
        let before = plain.text.capacity();
        assert!(plain.unpack(&bomb).unwrap_err().contains("at most"));
        assert_eq!(plain.text.capacity(), before);
        plain.unpack(b"{\"did\":1}").unwrap_err();
        plain
            .unpack(&zstd::encode_all(&b"\xff"[..], 3).unwrap())
            .unwrap_err();
        let packed = zstd::encode_all(&b"{}"[..], 3).unwrap();
        assert_eq!(plain.unpack(&packed).unwrap(), "{}");
    }
}
