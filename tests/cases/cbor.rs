//! DAG-CBOR and its JSON form against other projects' vectors, and against bombs.

use aviary::atproto::cbor::{CborError, check_one};
use aviary::atproto::{Cid, json};
use aviary_tests::shared_data;
use serde_json::Value;

fn as_json(item: &[u8]) -> Value {
    let mut text = String::new();
    json::write(item, &mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("not base64: {c}"),
    };
    let mut out = Vec::new();
    for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = chunk
            .iter()
            .fold(0_u32, |n, c| (n << 6) | u32::from(digit(*c)));
        let bits = bits << (6 * (4 - chunk.len()));
        out.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    out
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn data_model_fixtures_have_their_cid_and_their_json() {
    let name = "conformance/atproto-interop-tests/data-model/data-model-fixtures.json";
    let Some(fixtures) = shared_data::json(name) else {
        return;
    };
    let fixtures = fixtures.as_array().unwrap();
    assert!(!fixtures.is_empty());
    for fixture in fixtures {
        let block = base64(fixture["cbor_base64"].as_str().unwrap());
        check_one(&block).unwrap();
        assert_eq!(
            Cid::of_dag_cbor(&block).to_string(),
            fixture["cid"].as_str().unwrap()
        );
        assert_eq!(as_json(&block), fixture["json"]);
    }
}

/// What DASL allows and the atproto data model does not: floats, integers over 64 bits with sign, and hash
/// functions other than SHA-256. Sorted; each must be refused here.
const NOT_IN_THE_DATA_MODEL: [&str; 6] = [
    "64-bit floats only",
    "64-bit subnormal number",
    "Big DASL CID",
    "largest CBOR integer, 2^64-1",
    "smallest CBOR integer, -(2^64)",
    "zero float64",
];

/// Vectors for other profiles (RFC 8949, dCBOR, CDE, CBOR-Core) say nothing about DAG-CBOR.
fn is_for_dag_cbor(vector: &Value) -> bool {
    let tags = vector["tags"].as_array().unwrap();
    tags.iter().any(|tag| {
        ["basic", "dag-cbor", "dasl-cid"]
            .iter()
            .any(|ours| tag == ours)
    })
}

#[test]
fn the_dasl_suite_agrees_where_the_data_model_does() {
    let Some(folder) = shared_data::path("conformance/dasl-testing/fixtures/cbor") else {
        return;
    };
    let (mut wrong, mut refused, mut seen) = (Vec::new(), Vec::new(), 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let vectors: Vec<Value> =
            serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        for vector in vectors.iter().filter(|v| is_for_dag_cbor(v)) {
            let name = vector["name"].as_str().unwrap().to_owned();
            let read = check_one(&hex(vector["data"].as_str().unwrap()));
            seen += 1;
            let roundtrip = vector["type"] == "roundtrip";
            match (roundtrip, read) {
                (true, Err(_)) if NOT_IN_THE_DATA_MODEL.contains(&&*name) => refused.push(name),
                (true, Err(e)) => wrong.push(format!("{name}: {e}")),
                (false, Ok(())) => wrong.push(format!("{name}: passed")),
                _ => {}
            }
        }
    }
    assert!(seen > 80, "{seen} vectors");
    assert_eq!(wrong, Vec::<String>::new());
    refused.sort();
    assert_eq!(refused, NOT_IN_THE_DATA_MODEL);
}

#[test]
fn bombs_are_refused_on_a_small_stack() {
    let refused = |bomb: Vec<u8>| -> CborError {
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        let run = move || {
            let error = check_one(&bomb).unwrap_err();
            let mut text = String::new();
            assert_eq!(json::write(&bomb, &mut text), Err(error.clone()));
            assert_eq!(text, "");
            error
        };
        thread.spawn(run).unwrap().join().unwrap()
    };
    let nested = |opener: &[u8], depth: usize| [&opener.repeat(depth)[..], &[0xf6]].concat();
    for depth in [33, 1_000_000] {
        assert!(matches!(
            refused(nested(b"\x81", depth)),
            CborError::Depth { at: 32 }
        ));
        assert!(matches!(
            refused(nested(b"\xa1\x61a", depth)),
            CborError::Depth { at: 96 }
        ));
    }
    for major in [0x5b, 0x7b, 0x9b, 0xbb] {
        let bomb = [&[major][..], &(1_u64 << 40).to_be_bytes(), &[0; 64]].concat();
        assert!(matches!(
            refused(bomb),
            CborError::Cut { .. } | CborError::Length { .. }
        ));
    }
    let million = [&b"\x9a\x00\x0f\x42\x40"[..], &[0; 1_000_000]].concat();
    assert_eq!(
        refused(million),
        CborError::Length {
            at: 0,
            got: 1_000_000
        }
    );
}
