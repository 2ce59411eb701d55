//! What a guest says in one call: its log lines and what it prints, bounded, escaped, with the plugin's name.
//!
//! Guarantees: at most [`limits::GUEST_LOG_LINES_MAX`] lines of at most [`limits::GUEST_LOG_LINE_BYTES_MAX`] bytes
//! reach the log for each call, the rest is counted; a line cannot break out of its line or colour a terminal.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::limits;

/// Lines that tell a panic: thread and place, message, advice.
const LAST_PRINTED_LINES: usize = 3;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the author.
    Debug,
    /// For the operator.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// One call's log; its clones are one log.
#[derive(Clone, Debug)]
pub struct GuestLog(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    plugin: Arc<str>,
    left: u32,
    dropped: u64,
    /// What was printed since the last line end.
    partial: Vec<u8>,
    /// The last printed lines that are not empty: where and why, when the guest panicked.
    last_printed: VecDeque<String>,
}

impl GuestLog {
    /// An empty log.
    #[must_use]
    pub fn new(plugin: Arc<str>) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            plugin,
            left: limits::GUEST_LOG_LINES_MAX,
            dropped: 0,
            partial: Vec::new(),
            last_printed: VecDeque::new(),
        })))
    }

    /// Takes one line.
    pub fn line(&self, level: Level, text: &str) {
        self.with(|lines| lines.line(level, text));
    }

    /// Takes printed bytes, which become lines at line ends.
    fn print(&self, bytes: &[u8]) {
        self.with(|lines| lines.print(bytes));
    }

    /// Ends the call: a line without end is taken, dropped lines are reported. Says what was printed last, on one line.
    #[must_use]
    pub fn finish(&self) -> String {
        self.with(|lines| {
            lines.end_line();
            if lines.dropped > 0 {
                tracing::warn!(
                    plugin = %lines.plugin,
                    dropped = lines.dropped,
                    "the plugin logged more lines than one call may: the rest was dropped"
                );
                lines.dropped = 0;
            }
            Vec::from(std::mem::take(&mut lines.last_printed)).join(" | ")
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Lines) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lines {
    fn line(&mut self, level: Level, text: &str) {
        if self.left == 0 {
            self.dropped += 1;
            return;
        }
        self.left -= 1;
        let (plugin, message) = (&self.plugin, escaped(text));
        match level {
            Level::Debug => tracing::debug!(target: "aviary::guest", %plugin, "{message}"),
            Level::Info => tracing::info!(target: "aviary::guest", %plugin, "{message}"),
            Level::Warn => tracing::warn!(target: "aviary::guest", %plugin, "{message}"),
            Level::Error => tracing::error!(target: "aviary::guest", %plugin, "{message}"),
        }
    }

    fn print(&mut self, bytes: &[u8]) {
        for (at, piece) in bytes.split(|b| *b == b'\n').enumerate() {
            if at > 0 {
                self.end_line();
            }
            let room = limits::GUEST_LOG_LINE_BYTES_MAX.saturating_sub(self.partial.len());
            self.partial
                .extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    fn end_line(&mut self) {
        if self.partial.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.partial);
        let text = String::from_utf8_lossy(&bytes);
        self.line(Level::Warn, &text);
        if self.last_printed.len() == LAST_PRINTED_LINES {
            self.last_printed.pop_front();
        }
        self.last_printed.push_back(escaped(&text));
    }
}

/// The text cut to a log line, with everything that moves a cursor or reorders text written as an escape.
#[must_use]
pub fn escaped(text: &str) -> String {
    let cut = text.floor_char_boundary(limits::GUEST_LOG_LINE_BYTES_MAX);
    let mut out = String::with_capacity(cut);
    for c in text[..cut].chars() {
        let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || reorders {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    if cut < text.len() {
        out.push('…');
    }
    out
}

/// Standard output and error of a guest.
impl StdoutStream for GuestLog {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, which no plugin may import.
        Box::new(tokio::io::sink())
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

#[async_trait::async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        const WRITE_BYTES_MAX: usize = 64 << 10;
        Ok(WRITE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_escaped() {
        assert_eq!(
            escaped("a\nb\u{1b}[31m\u{202e}"),
            "a\\nb\\u{1b}[31m\\u{202e}"
        );
        assert_eq!(escaped("æøå 例"), "æøå 例");
        let long = "é".repeat(limits::GUEST_LOG_LINE_BYTES_MAX);
        let cut = escaped(&long);
        assert_eq!(
            cut.chars().count(),
            limits::GUEST_LOG_LINE_BYTES_MAX / 2 + 1
        );
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn prints_become_lines_and_a_flood_is_counted() {
        let log = GuestLog::new("p".into());
        log.print(b"first\nsec");
        log.print(b"ond\n\n");
        assert_eq!(log.with(|l| l.last_printed.clone()), ["first", "second"]);
        for _ in 0..limits::GUEST_LOG_LINES_MAX {
            log.line(Level::Debug, "again");
        }
        assert_eq!(log.with(|l| (l.left, l.dropped)), (0, 2));
        log.print(&vec![b'x'; 10 * limits::GUEST_LOG_LINE_BYTES_MAX]);
        let printed = log.finish();
        assert!(printed.starts_with("first | second | xxx"), "{printed}");
        assert_eq!(
            printed.len(),
            "first | second | ".len() + limits::GUEST_LOG_LINE_BYTES_MAX
        );
    }
}
