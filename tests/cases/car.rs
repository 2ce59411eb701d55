//! CARs of other projects: repositories are read and every block is what it should be; other CARs are refused.

use std::path::{Path, PathBuf};

use aviary::atproto::car::CarSlice;
use aviary::atproto::cbor::check_one;
use aviary::atproto::commit::CommitObject;
use aviary::atproto::{Cid, cid::CID_BYTES};
use aviary_tests::shared_data;

/// CARs that are none of an atproto repository: the end of the path, what the refusal says, and why.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "sample-corrupt-pragma.car",
        "expected 18 more bytes",
        "cut in the header",
    ),
    (
        "sample-v1-noidentity.car",
        "header",
        "root hashed with BLAKE2b",
    ),
    ("sample-unixfs-v2.car", "version 1", "CARv2"),
    (
        "sample-v1-with-zero-len-section2.car",
        "header",
        "root hashed with BLAKE2b",
    ),
    ("sample-rw-bs-v2.car", "version 1", "CARv2"),
    (
        "sample-v1-with-zero-len-section.car",
        "header",
        "root hashed with BLAKE2b",
    ),
    ("sample-v1.car", "header", "root hashed with BLAKE2b"),
    ("sample-rootless-v42.car", "version 1", "no roots"),
    (
        "sample-v1-tailing-corrupt-section.car",
        "header",
        "root hashed with BLAKE2b",
    ),
    (
        "simple-unixfs-missing-blocks.car",
        "header",
        "root is a CIDv0",
    ),
    (
        "wikipedia-cryptographic-hash-function.car",
        "header",
        "dag-pb",
    ),
    ("badheaderlength.car", "header, got", "header of 2 GB"),
    ("simple-unixfs.car", "header", "root is a CIDv0"),
    ("badsectionlength.car", "0 roots", "no root"),
    ("carv2-basic.car", "version 1", "CARv2"),
    ("carv1-basic.car", "2 roots", "two roots"),
    ("carv1_basic.car", "2 roots", "two roots"),
    ("ipld-codec-fixtures/fixtures.car", "0 roots", "no root"),
    ("testv1.car", "header", "root hashed with BLAKE2b"),
];

fn cars(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            cars(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "car") {
            found.push(path);
        }
    }
}

#[test]
fn every_car_of_the_conformance_folder_is_read_or_refused_for_its_reason() {
    let Some(folder) = shared_data::path("conformance") else {
        return;
    };
    let mut found = Vec::new();
    cars(&folder, &mut found);
    let (mut wrong, mut read, mut refused) = (Vec::new(), 0, 0);
    for path in &found {
        let bytes = std::fs::read(path).unwrap();
        let expected = REFUSED.iter().find(|(end, ..)| path.ends_with(end));
        match (CarSlice::read(&bytes), expected) {
            (Err(e), Some((_, says, _))) if e.to_string().contains(says) => refused += 1,
            (Ok(slice), None) => {
                let root = slice.get(&slice.root()).unwrap();
                if let Err(e) = check_one(root) {
                    wrong.push(format!("{}: root: {e}", path.display()));
                }
                read += 1;
            }
            (Err(e), _) => wrong.push(format!("{}: {e}", path.display())),
            (Ok(_), Some(_)) => wrong.push(format!("{}: passed", path.display())),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(
        (refused, read),
        (REFUSED.len(), found.len() - REFUSED.len())
    );
    assert!(read > 20, "{read} CARs read");
}

/// Another implementation listed this repository's commit and records.
#[test]
fn a_real_repository_holds_the_listed_commit_and_records() {
    const FOLDER: &str = "conformance/jetstream-v2/internal/corpus/testdata";
    let Some(bytes) = shared_data::read(&format!("{FOLDER}/repo.car")) else {
        return;
    };
    let text = |name: &str| {
        String::from_utf8(shared_data::read(&format!("{FOLDER}/{name}")).unwrap()).unwrap()
    };
    let slice = CarSlice::read(&bytes).unwrap();
    let commit = CommitObject::decode(slice.get(&slice.root()).unwrap()).unwrap();
    let expected = text("car_expected_commit.txt");
    let field = |name: &str| {
        expected
            .lines()
            .find_map(|l| l.strip_prefix(name))
            .unwrap()
            .trim()
    };
    assert_eq!(commit.did.as_str(), field("DID:"));
    assert_eq!(commit.data.to_string(), field("Data CID:"));
    assert_eq!(commit.rev.as_str(), field("Revision:"));
    assert_eq!(
        commit.version.to_string(),
        field("ATProto Repo Spec Version:")
    );
    assert_eq!((commit.prev, commit.sig.len()), (None, 64));
    let records = text("car_expected_records.tsv");
    assert!(records.lines().count() > 5);
    for line in records.lines() {
        let (path, cid) = line.split_once('\t').unwrap();
        let block = slice.get(&Cid::parse(cid).unwrap()).expect(path);
        check_one(block).expect(path);
    }
}

#[test]
fn every_block_of_a_large_repository_is_strict_dag_cbor() {
    let name = "conformance/repo-stream-crate/car-samples/midsize.car";
    let Some(bytes) = shared_data::read(name) else {
        return;
    };
    assert!(CarSlice::read(&bytes).unwrap().len() > 11_585);
    for block in blocks(&bytes) {
        check_one(block).unwrap();
    }
}

/// The blocks of a well-formed CAR, by a reading of its own.
fn blocks(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut sections = Vec::new();
    while !bytes.is_empty() {
        let (mut len, mut shift) = (0, 0);
        loop {
            let byte = usize::from(bytes[0]);
            bytes = &bytes[1..];
            len |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let (section, rest) = bytes.split_at(len);
        sections.push(section);
        bytes = rest;
    }
    sections[1..]
        .iter()
        .map(|section| &section[CID_BYTES..])
        .collect()
}

#[test]
fn a_repository_cut_anywhere_or_with_a_bit_flipped_is_refused() {
    let name = "conformance/repo-stream-crate/car-samples/tiny.car";
    let Some(bytes) = shared_data::read(name) else {
        return;
    };
    let whole = CarSlice::read(&bytes).unwrap().len();
    let (mut cut_inside, mut shorter) = (0, 0);
    for len in 0..bytes.len() {
        // A cut between blocks leaves a smaller, valid slice: that the tree is incomplete shows when it is walked.
        match CarSlice::read(&bytes[..len]) {
            Ok(slice) => {
                assert!(slice.len() < whole);
                shorter += 1;
            }
            Err(_) => cut_inside += 1,
        }
    }
    assert!(cut_inside > bytes.len() - whole - 2 && shorter < whole);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert!(CarSlice::read(&flipped).is_err(), "byte {at}");
    }
}
