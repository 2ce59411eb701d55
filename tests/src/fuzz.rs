//! What each fuzz target does with its bytes, shared by `tests/fuzz` and by the case that runs the corpora.
//!
//! Uses the protocol's words alone, so that the fuzzer need not build the whole host. Nothing may panic but the
//! assertions here; each states something that must hold of any input.

use std::collections::BTreeMap;
use std::convert::Infallible;

use aviary::atproto::car::CarSlice;
use aviary::atproto::commit::CommitObject;
use aviary::atproto::frame::{self, Frame};
use aviary::atproto::mst::{self, MstError, Op, OpChange, Walk};
use aviary::atproto::proof::prove_commit;
use aviary::atproto::{
    AtUri, Cid, Did, DidDocument, Nsid, PublicKey, RecordKey, Tid, cbor, json, syntax,
};

use crate::tree::{self, Records};

/// A target and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by the names of their corpora.
pub const TARGETS: &[Target] = &[
    ("at_uri", at_uri),
    ("car", car),
    ("cbor", cbor),
    ("did_document", did_document),
    ("frame", frame),
    ("invert", invert),
    ("mst_node", mst_node),
];

/// A message of the stream, and all that a commit in it is put through.
pub fn frame(data: &[u8]) {
    assert_eq!(frame::hint(data).seq, frame::seq_hint(data));
    let Ok(Frame::Commit(commit)) = Frame::decode(data) else {
        return;
    };
    let Ok(car) = CarSlice::read(commit.blocks) else {
        return;
    };
    let object = car.get(&commit.commit).map(CommitObject::decode);
    if let Some(Ok(object)) = object
        && prove_commit(&commit, &object, &car).is_ok()
    {
        // What proves must stop proving when an operation is hidden.
        let mut hidden = commit.clone();
        if hidden.ops.pop().is_some() {
            assert!(prove_commit(&hidden, &object, &car).is_err());
        }
    }
}

/// A DID document: what is read of it is well-formed, and reading it again says the same.
pub fn did_document(data: &[u8]) {
    let did = serde_json::from_slice::<serde_json::Value>(data)
        .ok()
        .and_then(|json| Did::parse(json.get("id")?.as_str()?).ok());
    let Some(did) = did else {
        return;
    };
    let Ok(document) = DidDocument::parse(data, &did) else {
        return;
    };
    assert_eq!(document.did, did);
    if let Ok(key) = &document.signing_key {
        let again = PublicKey::from_did_key(&key.to_did_key());
        assert_eq!(again.as_ref(), Ok(key));
        assert!(key.verify(data, &[0; 64]).is_err());
    }
    assert_eq!(DidDocument::parse(data, &did), Ok(document));
}

/// One item: the check, the JSON writer and the length agree, and what passes is valid JSON.
pub fn cbor(data: &[u8]) {
    let checked = cbor::check_one(data);
    let mut text = String::new();
    assert_eq!(json::write(data, &mut text), checked);
    match checked {
        Ok(()) => {
            assert_eq!(cbor::item_len(data), Ok(data.len()));
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
        Err(_) => assert!(text.is_empty()),
    }
}

/// An archive, and a walk over the tree that its commit names.
pub fn car(data: &[u8]) {
    let Ok(car) = CarSlice::read(data) else {
        return;
    };
    let root = car.root();
    assert!(car.get(&root).is_some_and(|block| root.matches(block)));
    let commit = car.get(&root).map(CommitObject::decode);
    let tree = match commit {
        Some(Ok(object)) => object.data,
        _ => root,
    };
    walk(tree, |cid| car.get(cid));
}

/// One node as the only block of a tree.
pub fn mst_node(data: &[u8]) {
    let root = Cid::of_dag_cbor(data);
    let get = |cid: &Cid| (*cid == root).then_some(data);
    walk(root, get);
    let Ok(Some((path, cid))) = first(root, get) else {
        return;
    };
    // What is read is written again with the same bytes.
    let change = OpChange::Update { cid, prev: cid };
    let op = Op {
        path: &path,
        change,
    };
    match mst::invert(get, root, &[op]) {
        Ok(again) => assert_eq!(again, root),
        Err(error) => assert!(mst::find(get, root, &path).is_err(), "{error}"),
    }
}

/// Two trees over a few keys, all operations between them, and blocks of the later one that are lost.
///
/// For each key two bits say where it is; the bytes behind say which blocks are lost.
pub fn invert(data: &[u8]) {
    const KEYS: usize = 96;
    let (places, lost) = data.split_at(data.len().min(KEYS / 4));
    let (mut before, mut after, mut ops) = (Records::new(), Records::new(), BTreeMap::new());
    for at in 0..places.len() * 4 {
        let key = format!("col/{:02}", at * 7 % KEYS);
        let old = Cid::of_dag_cbor(&[at as u8]);
        let new = Cid::of_dag_cbor(&[at as u8, 1]);
        let change = match places[at / 4] >> (at % 4 * 2) & 3 {
            0 => None,
            1 => Some(OpChange::Create { cid: new }),
            2 => Some(OpChange::Delete { prev: old }),
            _ if at % 3 > 0 => {
                before.insert(key.clone(), old);
                after.insert(key, old);
                continue;
            }
            _ => Some(OpChange::Update {
                cid: new,
                prev: old,
            }),
        };
        if let Some(change) = change {
            if !matches!(change, OpChange::Create { .. }) {
                before.insert(key.clone(), old);
            }
            if !matches!(change, OpChange::Delete { .. }) {
                after.insert(key.clone(), new);
            }
            ops.insert(key, change);
        }
    }
    let op = |(path, change): (_, &OpChange)| Op {
        path,
        change: *change,
    };
    let ops: Vec<Op<'_>> = ops
        .iter()
        .map(|(path, change)| op((path.as_str(), change)))
        .collect();
    let ((before, _), (after, blocks)) = (tree::build(&before), tree::build(&after));
    let whole = |cid: &Cid| blocks.get(cid).map(Vec::as_slice);
    assert_eq!(mst::invert(whole, after, &ops), Ok(before));
    let partial = |cid: &Cid| whole(cid).filter(|_| !lost.contains(&cid.as_bytes()[4]));
    match mst::invert(partial, after, &ops) {
        Ok(root) => assert_eq!(root, before),
        Err(error) => assert!(matches!(error, MstError::Incomplete { .. }), "{error}"),
    }
}

/// Identifiers: what passes is written as it came.
pub fn at_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(uri) = AtUri::parse(text) {
        assert_eq!(uri.to_string(), text);
    }
    if let Ok((collection, rkey)) = syntax::split_path(text) {
        assert_eq!(format!("{collection}/{rkey}"), text);
    }
    if let Ok(cid) = Cid::parse(text) {
        assert_eq!(Cid::from_bytes(cid.as_bytes()), Ok(cid));
    }
    let same = |parsed: Option<String>| assert!(parsed.is_none_or(|parsed| parsed == text));
    same(Did::parse(text).ok().map(|did| did.to_string()));
    same(Nsid::parse(text).ok().map(|nsid| nsid.to_string()));
    same(RecordKey::parse(text).ok().map(|rkey| rkey.to_string()));
    same(Tid::parse(text).ok().map(|tid| tid.to_string()));
}

/// Walks a tree to its end; its keys must ascend, and each must be found by itself.
fn walk<'a>(root: Cid, get: impl Fn(&Cid) -> Option<&'a [u8]>) {
    let Ok(mut walk) = Walk::new(root, |cid| Ok::<_, Infallible>(get(cid))) else {
        return;
    };
    let mut records = Vec::new();
    let ended = loop {
        match walk.next() {
            Ok(Some(leaf)) => records.push((leaf.key.to_vec(), leaf.record)),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(records.is_sorted_by(|a, b| a.0 < b.0));
    for (key, record) in records.iter().filter(|_| ended) {
        if let Ok(path) = std::str::from_utf8(key) {
            assert_eq!(mst::find(&get, root, path), Ok(Some(*record)));
        }
    }
}

/// The first record of a tree whose key is text.
fn first<'a>(
    root: Cid,
    get: impl Fn(&Cid) -> Option<&'a [u8]>,
) -> Result<Option<(String, Cid)>, mst::WalkError<Infallible>> {
    let mut walk = Walk::new(root, |cid| Ok::<_, Infallible>(get(cid)))?;
    while let Some(leaf) = walk.next()? {
        if let Some(path) = leaf.path() {
            return Ok(Some((path.to_owned(), leaf.record)));
        }
    }
    Ok(None)
}
