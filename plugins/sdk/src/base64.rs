//! Base64 without padding: the standard alphabet for `{"$bytes"}`, the URL one for cursors.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn standard(bytes: &[u8]) -> String {
    encode(bytes, STANDARD)
}

pub(crate) fn url(bytes: &[u8]) -> String {
    encode(bytes, URL)
}

/// What [`url`] wrote; `None` for anything else.
pub(crate) fn from_url(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for b in text.bytes() {
        let digit = URL.iter().position(|&a| a == b)?;
        bits = (bits << 6) | u32::try_from(digit).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    // What is left over is padding of fewer than six bits, all zero.
    (count < 6 && bits & ((1 << count) - 1) == 0).then_some(out)
}

fn encode(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let block =
            chunk.iter().fold(0_u32, |n, &b| (n << 8) | u32::from(b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(char::from(alphabet[(block >> (18 - 6 * i) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(standard(plain.as_bytes()), text);
            assert_eq!(from_url(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(standard(&[0xfb, 0xff]), "+/8");
        assert_eq!(url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["Z", "Zh", "Zg==", "Zm9/", "Zm 8", "ü"] {
            assert_eq!(from_url(text), None, "{text}");
        }
    }
}
