//! The tree and the signatures held against atproto-interop-tests.
//!
//! The vectors are in the shared data folder; without it these tests say so and check nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;

use ipld_core::cid::Cid;
use serde::Deserialize;
use shrike::crypto::{Signature, parse_did_key};
use shrike::mst::{DetachedTree, NoBlocks, height_for_key};

use super::oracle;

/// A file of the interop vectors, or a loud line.
fn vectors(path: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = std::env::var_os("AVIARY_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = data.join("conformance/atproto-interop-tests").join(path);
    let text = std::fs::read_to_string(&file);
    if text.is_err() {
        eprintln!(
            "NOT CHECKED: {} is absent; set AVIARY_DATA to the shared data folder",
            file.display()
        );
    }
    text.ok()
}

#[derive(Deserialize)]
struct KeyHeight {
    key: String,
    height: u32,
}

#[test]
fn key_heights_are_those_of_the_vectors() {
    let Some(text) = vectors("mst/key_heights.json") else {
        return;
    };
    let heights: Vec<KeyHeight> = serde_json::from_str(&text).unwrap();
    assert!(heights.len() >= 9);
    for KeyHeight { key, height } in heights {
        assert_eq!(u32::from(height_for_key(&key)), height, "{key}");
        assert_eq!(oracle::height(&key), height, "{key}");
    }
}

#[test]
fn example_keys_have_the_height_in_their_name() {
    let Some(text) = vectors("mst/example_keys.txt") else {
        return;
    };
    assert!(text.lines().count() >= 156);
    for key in text.lines() {
        let height: u32 = key[1..2].parse().unwrap();
        assert_eq!(u32::from(height_for_key(key)), height, "{key}");
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    comment: String,
    leaf_value: String,
    keys: Vec<String>,
    adds: Vec<String>,
    dels: Vec<String>,
    root_before_commit: String,
    root_after_commit: String,
    blocks_in_proof: BTreeSet<String>,
}

#[test]
fn commit_proofs_are_those_of_the_vectors() {
    let Some(text) = vectors("firehose/commit-proof-fixtures.json") else {
        return;
    };
    let proofs: Vec<Proof> = serde_json::from_str(&text).unwrap();
    assert!(proofs.len() >= 6);
    for proof in proofs {
        let leaf = shrike::cbor::json::parse_cid(&proof.leaf_value).unwrap();
        let mut tree = DetachedTree::new();
        for key in &proof.keys {
            tree.insert(&NoBlocks, key.clone(), leaf).unwrap();
        }
        let before = tree.flush().unwrap().root.to_string();
        assert_eq!(before, proof.root_before_commit, "{}", proof.comment);
        let same = |key: &String| (key.clone(), Cid::from_str(&proof.leaf_value).unwrap());
        let records: BTreeMap<_, _> = proof.keys.iter().map(same).collect();
        assert_eq!(
            oracle::root(&records).to_string(),
            before,
            "the oracle: {}",
            proof.comment
        );
        for key in &proof.adds {
            tree.insert(&NoBlocks, key.clone(), leaf).unwrap();
        }
        for key in &proof.dels {
            tree.remove(&NoBlocks, key).unwrap().unwrap();
        }
        assert_eq!(
            tree.flush().unwrap().root.to_string(),
            proof.root_after_commit,
            "{}",
            proof.comment
        );
        let changed = proof.adds.iter().chain(&proof.dels).map(String::as_str);
        let covering = tree.covering_proof(&NoBlocks, changed).unwrap();
        let covering: BTreeSet<_> = covering.iter().map(ToString::to_string).collect();
        assert_eq!(covering, proof.blocks_in_proof, "{}", proof.comment);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    comment: String,
    message_base64: String,
    public_key_did: String,
    signature_base64: String,
    valid_signature: bool,
}

#[test]
fn signatures_are_judged_as_in_the_vectors() {
    let Some(text) = vectors("crypto/signature-fixtures.json") else {
        return;
    };
    let fixtures: Vec<Signed> = serde_json::from_str(&text).unwrap();
    assert!(
        fixtures.iter().any(|f| f.valid_signature) && fixtures.iter().any(|f| !f.valid_signature)
    );
    for fixture in fixtures {
        let bytes = |text: &str| shrike::cbor::json::decode_base64(text).unwrap();
        let key = parse_did_key(&fixture.public_key_did).unwrap();
        let signature = <[u8; 64]>::try_from(bytes(&fixture.signature_base64));
        let valid = signature.is_ok_and(|signature| {
            let message = bytes(&fixture.message_base64);
            key.verify(&message, &Signature::from_bytes(signature))
                .is_ok()
        });
        assert_eq!(valid, fixture.valid_signature, "{}", fixture.comment);
    }
}
