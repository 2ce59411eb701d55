//! The files of a tar archive: as much of the format as the conformance suites use.

const RECORD_BYTES: usize = 512;

/// Names and contents of the ordinary files.
///
/// # Panics
/// When the bytes are not such an archive.
#[must_use]
pub fn files(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut files = Vec::new();
    while let Some((header, rest)) = bytes.split_at_checked(RECORD_BYTES) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let size = usize::from_str_radix(&text(&header[124..136]), 8).expect("a size in octal");
        let kind = header[156];
        assert!(matches!(kind, b'0' | b'5'), "a file or a folder: {kind}");
        if kind == b'0' {
            files.push((text(&header[..100]), &rest[..size]));
        }
        bytes = &rest[size.next_multiple_of(RECORD_BYTES)..];
    }
    files
}

/// A field's text up to its padding.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| matches!(byte, 0 | b' '));
    let field = &field[..end.unwrap_or(field.len())];
    String::from_utf8(field.to_vec()).expect("text in a header")
}
