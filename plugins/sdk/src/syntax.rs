//! The protocol's identifiers, as the host checks them in `did` and `at-uri` columns: ask before you hand one over.

/// Whether it is a DID \[DID\].
#[must_use]
pub fn is_did(text: &str) -> bool {
    let Some((method, id)) = text
        .strip_prefix("did:")
        .and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    text.len() <= 2_048
        && !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_lowercase())
        && !id.is_empty()
        && !id.ends_with([':', '%'])
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:%-".contains(&b))
}

/// Whether it is an NSID \[NSID\].
#[must_use]
pub fn is_nsid(text: &str) -> bool {
    let Some((authority, name)) = text.rsplit_once('.') else {
        return false;
    };
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.len() <= 317
        && authority.len() <= 253
        && authority.contains('.')
        && authority.starts_with(|c: char| c.is_ascii_alphabetic())
        && authority.split('.').all(label)
        && (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether it is a record's address with a DID as authority: `at://did/collection/rkey`. A handle as authority, a
/// bare repository or a fragment is not.
#[must_use]
pub fn is_record_uri(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("at://") else {
        return false;
    };
    let mut parts = rest.splitn(3, '/');
    let (Some(did), Some(collection), Some(rkey)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    is_did(did) && is_nsid(collection) && is_rkey(rkey)
}

fn is_rkey(text: &str) -> bool {
    (1..=512).contains(&text.len())
        && text != "."
        && text != ".."
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:~-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_uris() {
        for good in [
            "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3k2a",
            "at://did:web:example.com/a.b.c/self",
            "at://did:web:localhost%3A2583/a.b-c.d/~._:-",
        ] {
            assert!(is_record_uri(good), "{good}");
        }
        for bad in [
            "",
            "at://alice.test/app.bsky.feed.post/3k2a",
            "at://did:plc:a/app.bsky.feed.post",
            "at://did:plc:a/app.bsky.feed.post/",
            "at://did:plc:a/post/3k",
            "at://did:plc:a/a.b.c/..",
            "at://did:plc:a/a.b.c/x/y",
            "at://did:plc:a/a.b.c/x#y",
            "at://did:plc:/a.b.c/x",
            "at://did:PLC:a/a.b.c/x",
            "at://did:plc:a/a.b.3c/x",
            "https://did:plc:a/a.b.c/x",
        ] {
            assert!(!is_record_uri(bad), "{bad}");
        }
    }
}
