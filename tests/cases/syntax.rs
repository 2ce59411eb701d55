//! Identifiers against the vectors of atproto-interop-tests.

use aviary::atproto::{AtUri, Cid, Did, Handle, Nsid, RecordKey, Tid};
use aviary_tests::shared_data;

/// The vectors of a file; none when the data is absent.
fn vectors(name: &str) -> Option<Vec<String>> {
    let bytes = shared_data::read(&format!(
        "conformance/atproto-interop-tests/syntax/{name}.txt"
    ))?;
    let text = String::from_utf8(bytes).unwrap();
    let lines = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    Some(lines.map(str::to_owned).collect())
}

/// The vectors on which a parser and the file disagree.
fn disagreements(kind: &str, parses: impl Fn(&str) -> bool) -> Option<[Vec<String>; 2]> {
    let wrong = |name: &str, expected: bool| {
        let vectors = vectors(&format!("{kind}_syntax_{name}"))?;
        assert!(!vectors.is_empty(), "{kind} {name}");
        Some(
            vectors
                .into_iter()
                .filter(|text| parses(text) != expected)
                .collect(),
        )
    };
    Some([wrong("valid", true)?, wrong("invalid", false)?])
}

fn none() -> [Vec<String>; 2] {
    [Vec::new(), Vec::new()]
}

#[test]
fn dids_agree() {
    let Some(wrong) = disagreements("did", |t| Did::parse(t).is_ok()) else {
        return;
    };
    assert_eq!(wrong, none());
}

#[test]
fn handles_agree() {
    let Some(wrong) = disagreements("handle", |t| Handle::parse(t).is_ok()) else {
        return;
    };
    assert_eq!(wrong, none());
}

#[test]
fn handles_are_kept_in_lower_case() {
    let handle = Handle::parse("Alice.Example.COM").unwrap();
    assert_eq!(
        (handle.as_str(), handle.top_level()),
        ("alice.example.com", "com")
    );
}

#[test]
fn nsids_agree() {
    let Some(wrong) = disagreements("nsid", |t| Nsid::parse(t).is_ok()) else {
        return;
    };
    assert_eq!(wrong, none());
}

#[test]
fn record_keys_agree() {
    let Some(wrong) = disagreements("recordkey", |t| RecordKey::parse(t).is_ok()) else {
        return;
    };
    assert_eq!(wrong, none());
}

#[test]
fn tids_agree() {
    let Some(wrong) = disagreements("tid", |t| Tid::parse(t).is_ok()) else {
        return;
    };
    assert_eq!(wrong, none());
}

/// Ours are addresses of records with a DID: shorter ones and handles are refused, and nothing else that is valid.
#[test]
fn at_uris_agree_as_far_as_they_name_a_record_of_a_did() {
    let Some([refused, accepted]) = disagreements("aturi", |t| AtUri::parse(t).is_ok()) else {
        return;
    };
    assert_eq!(accepted, Vec::<String>::new());
    let record_of_did = |uri: &str| uri.starts_with("at://did:") && uri.split('/').count() == 5;
    let unexplained: Vec<_> = refused.iter().filter(|uri| record_of_did(uri)).collect();
    assert_eq!(unexplained, Vec::<&String>::new());
    assert!(!refused.is_empty(), "the narrowing was not exercised");
}

/// Ours are the two kinds that the data model has (CIDv1, SHA-256, dag-cbor or raw, base32).
#[test]
fn cids_of_other_kinds_are_refused_with_the_malformed() {
    let Some([_, accepted]) = disagreements("cid", |t| Cid::parse(t).is_ok()) else {
        return;
    };
    assert_eq!(accepted, Vec::<String>::new());
}
