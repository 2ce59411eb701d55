//! Nodes and trees that nobody should build: each is refused with the error that names it.

mod trees;

use std::convert::Infallible;

use aviary::atproto::Cid;
use aviary::atproto::mst::{self, Leaf, MstError, NodeError, Op, OpChange, Walk, WalkError};
use aviary::limits::{MST_KEY_BYTES_MAX, MST_NODE_ENTRIES_MAX};
use aviary_tests::tree::{self, Blocks, Entry, Records};

/// The first keys of a layer, in order.
fn keys(layer: u8, count: usize) -> Vec<String> {
    let keys = (0..).map(|n| format!("col/{n:06}"));
    keys.filter(|key| tree::layer(key) == layer)
        .take(count)
        .collect()
}

fn key(layer: u8) -> String {
    keys(layer, 1).remove(0)
}

fn record() -> Cid {
    Cid::of_dag_cbor(b"\xa0")
}

fn entry(prefix: usize, rest: &str, right: Option<Cid>) -> Entry {
    Entry {
        prefix,
        rest: rest.as_bytes().to_vec(),
        right,
        record: record(),
    }
}

/// Why a walk over these blocks ends.
fn refusal(root: Cid, blocks: &Blocks) -> MstError {
    let get = |cid: &Cid| Ok::<_, Infallible>(blocks.get(cid));
    let ended = Walk::new(root, get).and_then(|mut walk| {
        while walk.next()?.is_some() {}
        Ok(())
    });
    match ended {
        Err(WalkError::Tree(error)) => error,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Why a single node, as a root, is refused: by a walk, and in the same way where a commit is undone.
fn node_refusal(block: Vec<u8>) -> NodeError {
    let mut blocks = Blocks::new();
    let root = tree::put(block, &mut blocks);
    let error = refusal(root, &blocks);
    let op = Op {
        path: "col/none",
        change: OpChange::Delete { prev: record() },
    };
    let get = |cid: &Cid| blocks.get(cid).map(Vec::as_slice);
    assert_eq!(mst::invert(get, root, &[op]), Err(error.clone()));
    assert_eq!(mst::find(get, root, "col/none"), Err(error.clone()));
    match error {
        MstError::Node { node, source } if node == root => source,
        other => panic!("expected the node to be named, got {other}"),
    }
}

#[test]
fn a_node_in_another_form_is_refused() {
    let good = tree::node(None, &[entry(0, &key(0), None)]);
    let replaced = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|w| w == from).unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat()
    };
    for bad in [
        Vec::new(),
        b"\xa0".to_vec(),
        b"\xa1\x61e\x80".to_vec(),
        // Fields of other names, other types, or in another order.
        replaced(b"\x61p\x00", b"\x61q\x00"),
        replaced(b"\x61p\x00", b"\x61p\x20"),
        replaced(b"\x61t\xf6", b"\x61t\xf7"),
        replaced(b"\xa2\x61e", b"\xa2\x61f"),
        replaced(b"\xa4\x61k\x4a", b"\xa4\x61k\x6a"),
        // A record or a subtree that is no link, or one to raw bytes where a node must be.
        replaced(b"\xd8\x2a\x58\x25\x00\x01", b"\xd8\x2a\x58\x25\x00\x02"),
        replaced(
            b"\x61t\xf6",
            &[&b"\x61t\xd8\x2a\x58\x25\x00\x01\x55\x12\x20"[..], &[7; 32]].concat(),
        ),
        // One entry more or less than declared, and bytes behind the end.
        replaced(b"\xa2\x61e\x81", b"\xa2\x61e\x80"),
        replaced(b"\xa2\x61e\x81", b"\xa2\x61e\x82"),
        [&good[..], b"\x00"].concat(),
        good[..good.len() - 1].to_vec(),
    ] {
        let refusal = node_refusal(bad);
        assert!(
            matches!(refusal, NodeError::Shape { .. } | NodeError::Cbor(_)),
            "{refusal:?}"
        );
    }
    // Lengths and numbers longer than they have to be.
    for (from, to) in [
        (&b"\x61p\x00"[..], &b"\x61p\x18\x00"[..]),
        (b"\xa2\x61e\x81", b"\xa2\x61e\x98\x01"),
        (b"\xa4\x61k\x4a", b"\xa4\x61k\x58\x0a"),
    ] {
        let refusal = node_refusal(replaced(from, to));
        assert!(matches!(refusal, NodeError::Cbor(_)), "{refusal:?}");
    }
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_node_is_refused_or_another_tree() {
    let two = keys(0, 2);
    let shared = mst::common_prefix_bytes(two[0].as_bytes(), two[1].as_bytes());
    let entries = [
        entry(0, &two[0], None),
        entry(shared, &two[1][shared..], None),
    ];
    let good = tree::node(None, &entries);
    let read = |block: &[u8]| {
        let get = |_: &Cid| Ok::<_, Infallible>(Some(block.to_vec()));
        let mut walk = Walk::new(record(), get)?;
        let mut found = Vec::new();
        while let Some(Leaf { key, record }) = walk.next()? {
            found.push((key.to_vec(), record));
        }
        Ok::<_, WalkError<Infallible>>(found)
    };
    let whole = read(&good).unwrap();
    for len in 0..good.len() {
        assert!(read(&good[..len]).is_err(), "cut at {len}");
    }
    let mut refused = 0;
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match read(&flipped) {
            Ok(found) => assert_ne!(found, whole, "bit {bit}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > good.len() * 2, "{refused} refused");
}

#[test]
fn keys_in_a_wrong_order_or_with_a_wrong_prefix_are_refused() {
    let two = keys(0, 2);
    let shared = mst::common_prefix_bytes(two[0].as_bytes(), two[1].as_bytes());
    let node = |a: Entry, b: Entry| node_refusal(tree::node(None, &[a, b]));
    let first = || entry(0, &two[0], None);
    assert!(matches!(
        node(
            entry(0, &two[1], None),
            entry(shared, &two[0][shared..], None)
        ),
        NodeError::Unsorted { .. }
    ));
    // The same key twice, and its beginning behind it.
    assert!(matches!(
        node(first(), entry(two[0].len(), "", None)),
        NodeError::Unsorted { .. }
    ));
    assert!(matches!(
        node(first(), entry(4, "", None)),
        NodeError::Unsorted { .. }
    ));
    assert!(matches!(
        node_refusal(tree::node(None, &[entry(0, "", None)])),
        NodeError::Unsorted { .. }
    ));
    let short = entry(shared - 1, &two[1][shared - 1..], None);
    assert!(matches!(
        node(first(), short),
        NodeError::PrefixShort { .. }
    ));
    let max = two[0].len();
    let long = entry(max + 1, "x", None);
    assert_eq!(
        node(first(), long),
        NodeError::PrefixRange {
            max,
            got: max as u64 + 1
        }
    );
    let from_nothing = node_refusal(tree::node(None, &[entry(1, &two[0], None)]));
    assert_eq!(from_nothing, NodeError::PrefixRange { max: 0, got: 1 });
}

#[test]
fn a_key_beyond_the_bound_is_refused_however_it_is_written() {
    // Long keys of one layer, of which the second shares nearly all with the first.
    let long = |bytes: usize, n: u32| format!("{}{n:06}", "k".repeat(bytes - 6));
    let of_layer_0 = |bytes: usize, from: u32| {
        let keys = (from..).map(|n| long(bytes, n));
        keys.into_iter().find(|key| tree::layer(key) == 0).unwrap()
    };
    let longest = of_layer_0(MST_KEY_BYTES_MAX, 0);
    let mut blocks = Blocks::new();
    let root = tree::put(tree::node(None, &[entry(0, &longest, None)]), &mut blocks);
    let get = |cid: &Cid| blocks.get(cid).map(Vec::as_slice);
    assert_eq!(mst::find(get, root, &longest), Ok(Some(record())));

    let longer = of_layer_0(MST_KEY_BYTES_MAX + 1, 0);
    let refusal = node_refusal(tree::node(None, &[entry(0, &longer, None)]));
    assert!(matches!(refusal, NodeError::KeyLength { .. }), "{refusal}");
    let more = [entry(0, &longest, None), entry(longest.len(), "x", None)];
    let refusal = node_refusal(tree::node(None, &more));
    assert!(matches!(refusal, NodeError::KeyLength { .. }), "{refusal}");
    let op = Op {
        path: &longer,
        change: OpChange::Delete { prev: record() },
    };
    let refusal = mst::invert(get, root, &[op]);
    assert!(matches!(refusal, Err(MstError::Path { .. })), "{refusal:?}");
}

#[test]
fn a_node_of_very_many_entries_is_refused_before_they_are_read() {
    for (count, is_refused) in [
        (MST_NODE_ENTRIES_MAX, false),
        (MST_NODE_ENTRIES_MAX + 1, true),
        (100_000, true),
    ] {
        let records: Records = keys(0, count)
            .into_iter()
            .map(|key| (key, record()))
            .collect();
        let (root, blocks) = tree::build(&records);
        assert_eq!(blocks.len(), 1);
        if is_refused {
            let got = count as u64;
            let block = blocks.into_values().next().unwrap();
            assert_eq!(node_refusal(block), NodeError::Entries { got });
        } else {
            let get = |cid: &Cid| blocks.get(cid).map(Vec::as_slice);
            let last = records.last_key_value().unwrap().0;
            assert_eq!(mst::find(get, root, last), Ok(Some(record())));
        }
    }
}
