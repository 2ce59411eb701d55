//! A file of recorded frames: (u32 big-endian length, the frame's bytes), repeated.

use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::limits;

/// Reads frames one by one, in bounded memory.
#[derive(Debug)]
pub struct FrameFile {
    input: BufReader<std::fs::File>,
    offset: u64,
    size_bytes: u64,
}

/// How a file of frames ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEnd {
    /// After a whole frame.
    Clean,
    /// At a length that cannot be a frame's: the rest cannot be found. Everything before it was read.
    BadLength {
        /// Where the length stands (bytes).
        offset: u64,
        /// What it says (bytes).
        got: u32,
    },
    /// We were told to stop; there is more.
    Stopped {
        /// Where the next frame starts (bytes).
        offset: u64,
    },
    /// Inside a frame or its length. Everything before it was read.
    Cut {
        /// Where the last, incomplete frame starts (bytes).
        offset: u64,
    },
}

impl std::fmt::Display for FileEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clean => f.write_str("the file ended after a whole frame"),
            Self::BadLength { offset, got } => write!(
                f,
                "expected a frame's length of 1 to {} at byte {offset}, got {got}: the rest of the file cannot be read, everything before it was kept",
                limits::FRAME_BYTES_MAX
            ),
            Self::Stopped { offset } => write!(
                f,
                "stopped before the frame at byte {offset}; everything before it was kept"
            ),
            Self::Cut { offset } => write!(
                f,
                "the file is cut inside the frame at byte {offset}; everything before it was kept"
            ),
        }
    }
}

impl FrameFile {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = std::fs::File::open(path)?;
        let size_bytes = file.metadata()?.len();
        Ok(Self {
            input: BufReader::with_capacity(1 << 20, file),
            offset: 0,
            size_bytes,
        })
    }

    /// The file's size (bytes).
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Where the next frame's length stands (bytes).
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next frame into `frame`. `Some` says that there is none, and why.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_into(&mut self, frame: &mut Vec<u8>) -> io::Result<Option<FileEnd>> {
        let offset = self.offset;
        let mut length = [0; 4];
        match read_up_to(&mut self.input, &mut length)? {
            0 => return Ok(Some(FileEnd::Clean)),
            4 => {}
            _ => return Ok(Some(FileEnd::Cut { offset })),
        }
        let got = u32::from_be_bytes(length);
        let length_bytes = got as usize;
        if length_bytes == 0 || length_bytes > limits::FRAME_BYTES_MAX {
            return Ok(Some(FileEnd::BadLength { offset, got }));
        }
        frame.resize(length_bytes, 0);
        if read_up_to(&mut self.input, frame)? < length_bytes {
            return Ok(Some(FileEnd::Cut { offset }));
        }
        self.offset += 4 + u64::from(got);
        Ok(None)
    }
}

/// Like `read_exact`, but says how much there was.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> (Vec<Vec<u8>>, FileEnd) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("frames.bin");
        std::fs::write(&path, bytes).unwrap();
        let mut file = FrameFile::open(&path).unwrap();
        let (mut frames, mut frame) = (Vec::new(), Vec::new());
        loop {
            if let Some(end) = file.next_into(&mut frame).unwrap() {
                return (frames, end);
            }
            frames.push(frame.clone());
        }
    }

    #[test]
    fn whole_frames_then_a_clean_end() {
        let (frames, end) = read_all(b"\0\0\0\x02ab\0\0\0\x01c");
        assert_eq!(
            (frames, end),
            (vec![b"ab".to_vec(), b"c".to_vec()], FileEnd::Clean)
        );
    }

    #[test]
    fn a_bad_length_keeps_what_came_before() {
        let (frames, end) = read_all(b"\0\0\0\x01a\xff\xff\xff\xffzzzz");
        assert_eq!(frames, [b"a"]);
        assert_eq!(
            end,
            FileEnd::BadLength {
                offset: 5,
                got: u32::MAX
            }
        );
    }

    #[test]
    fn a_cut_is_told_with_its_place() {
        assert_eq!(
            read_all(b"\0\0\0\x01a\0\0\0\x09zz").1,
            FileEnd::Cut { offset: 5 }
        );
        assert_eq!(read_all(b"\0\0\0\x01a\0\0").1, FileEnd::Cut { offset: 5 });
    }
}
