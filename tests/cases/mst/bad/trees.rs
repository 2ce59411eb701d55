//! Nodes that are sound by themselves and do not make a tree, and operations that are not what a tree says.

use aviary::atproto::Cid;
use aviary::atproto::mst::{self, MstError, NodeError, Op, OpChange};
use aviary_tests::tree::{self, Blocks, Records};

use super::{entry, key, keys, node_refusal, record, refusal};

#[test]
fn a_key_in_a_node_of_another_layer_is_refused() {
    let (low, high) = (key(0), key(2));
    // Beside a key of another layer.
    let mut pair = [low.as_str(), &high];
    pair.sort_unstable();
    let shared = mst::common_prefix_bytes(pair[0].as_bytes(), pair[1].as_bytes());
    let entries = [
        entry(0, pair[0], None),
        entry(shared, &pair[1][shared..], None),
    ];
    let refused = node_refusal(tree::node(None, &entries));
    assert!(matches!(refused, NodeError::Layer { .. }), "{refused}");
    // One level too high: the layers between may not be left out.
    let mut blocks = Blocks::new();
    let leaf = tree::put(tree::node(None, &[entry(0, &low, None)]), &mut blocks);
    let root = tree::put(
        tree::node(None, &[entry(0, &high, Some(leaf))]),
        &mut blocks,
    );
    let MstError::Node { node, source } = refusal(root, &blocks) else {
        panic!("expected a node");
    };
    assert_eq!(node, leaf);
    let expected = NodeError::Layer {
        key: low,
        expected: 1,
        got: 0,
    };
    assert_eq!(source, expected);
}

/// A chain costs its writer one node for each level; layers end it.
#[test]
fn chains_of_nodes_end_at_the_lowest_layer() {
    // Nodes with one key each, all of one layer.
    let mut blocks = Blocks::new();
    let mut top = None;
    for key in keys(1, 50).iter().rev() {
        top = Some(tree::put(
            tree::node(None, &[entry(0, key, top)]),
            &mut blocks,
        ));
    }
    let refused = refusal(top.unwrap(), &blocks);
    assert!(
        matches!(
            refused,
            MstError::Node {
                source: NodeError::Layer {
                    expected: 0,
                    got: 1,
                    ..
                },
                ..
            }
        ),
        "{refused}"
    );
    // Nodes without a key, below one of layer 2.
    let mut blocks = Blocks::new();
    let mut below = tree::put(tree::node(None, &[entry(0, &key(0), None)]), &mut blocks);
    for _ in 0..50 {
        below = tree::put(tree::node(Some(below), &[]), &mut blocks);
    }
    let root = tree::put(
        tree::node(None, &[entry(0, &key(2), Some(below))]),
        &mut blocks,
    );
    let refused = refusal(root, &blocks);
    assert!(
        matches!(
            refused,
            MstError::Node {
                source: NodeError::BelowLeaves,
                ..
            }
        ),
        "{refused}"
    );
    // A subtree beside a key of layer 0.
    let leaf = node_refusal(tree::node(Some(record()), &[entry(0, &key(0), None)]));
    assert_eq!(leaf, NodeError::BelowLeaves);
    let leaf = node_refusal(tree::node(None, &[entry(0, &key(0), Some(record()))]));
    assert_eq!(leaf, NodeError::BelowLeaves);
}

#[test]
fn an_empty_node_is_refused_but_as_the_whole_tree() {
    assert_eq!(
        node_refusal(tree::node(Some(record()), &[])),
        NodeError::Empty
    );
    let mut blocks = Blocks::new();
    let empty = tree::put(tree::node(None, &[]), &mut blocks);
    assert_eq!(empty, mst::empty_root());
    let root = tree::put(
        tree::node(None, &[entry(0, &key(1), Some(empty))]),
        &mut blocks,
    );
    let refused = refusal(root, &blocks);
    let expected = MstError::Node {
        node: empty,
        source: NodeError::Empty,
    };
    assert_eq!(refused, expected);
}

/// Blocks that do not hash to their CIDs, as a broken store might give them.
#[test]
fn a_cycle_ends_by_its_layers() {
    let mut blocks = Blocks::new();
    let me = record();
    blocks.insert(me, tree::node(None, &[entry(0, &key(2), Some(me))]));
    let refused = refusal(me, &blocks);
    assert!(
        matches!(
            refused,
            MstError::Node {
                source: NodeError::Layer {
                    expected: 1,
                    got: 2,
                    ..
                },
                ..
            }
        ),
        "{refused}"
    );
    // Through a node without keys, which is of any layer.
    let root = tree::put(
        tree::node(None, &[entry(0, &key(2), Some(me))]),
        &mut blocks,
    );
    blocks.insert(me, tree::node(Some(me), &[]));
    let refused = refusal(root, &blocks);
    let expected = MstError::Node {
        node: me,
        source: NodeError::BelowLeaves,
    };
    assert_eq!(refused, expected);
}

#[test]
fn a_subtree_at_two_places_breaks_the_order() {
    let high = keys(1, 2);
    let low = keys(0, 100).into_iter().find(|low| *low > high[1]).unwrap();
    let mut blocks = Blocks::new();
    let leaf = tree::put(tree::node(None, &[entry(0, &low, None)]), &mut blocks);
    let shared = mst::common_prefix_bytes(high[0].as_bytes(), high[1].as_bytes());
    let entries = [
        entry(0, &high[0], Some(leaf)),
        entry(shared, &high[1][shared..], Some(leaf)),
    ];
    let root = tree::put(tree::node(None, &entries), &mut blocks);
    let refused = refusal(root, &blocks);
    let expected = MstError::Order {
        after: low,
        got: high[1].clone(),
    };
    assert_eq!(refused, expected);
}

/// A tree of three records, and the operation that made one of them.
#[test]
fn an_operation_that_is_hidden_or_invented_or_told_wrong_is_found() {
    let other = Cid::of_dag_cbor(b"\xa1\x61a\x01");
    let paths = ["col/a", "col/b", "col/c"];
    let after: Records = paths
        .iter()
        .map(|path| ((*path).to_owned(), record()))
        .collect();
    let mut before = after.clone();
    before.remove("col/b");
    let (before, _) = tree::build(&before);
    let (after, blocks) = tree::build(&after);
    let get = |cid: &Cid| blocks.get(cid).map(Vec::as_slice);
    let invert = |ops: &[Op<'_>]| mst::invert(get, after, ops);
    let op = |path, change| Op { path, change };
    let create = OpChange::Create { cid: record() };
    let told = op("col/b", create);
    assert_eq!(invert(&[told]), Ok(before));

    // Hidden: another root comes out.
    assert_eq!(invert(&[]), Ok(after));
    assert_ne!(invert(&[op("col/c", create)]), Ok(before));
    let path = || "col/x".to_owned();
    let update = OpChange::Update {
        cid: record(),
        prev: other,
    };
    for change in [create, update] {
        let invented = invert(&[told, op("col/x", change)]);
        assert_eq!(invented, Err(MstError::RecordAbsent { path: path() }));
    }
    let delete = OpChange::Delete { prev: record() };
    let still = invert(&[op("col/b", delete)]);
    assert_eq!(
        still,
        Err(MstError::RecordPresent {
            path: "col/b".into()
        })
    );
    // A deletion of what was never there puts it into the tree before.
    assert_ne!(invert(&[told, op("col/x", delete)]), Ok(before));
    let differs = invert(&[op("col/b", OpChange::Create { cid: other })]);
    let path = "col/b".to_owned();
    assert_eq!(
        differs,
        Err(MstError::RecordDiffers {
            path,
            op: other,
            tree: record()
        })
    );
    let twice = invert(&[told, told]);
    assert_eq!(
        twice,
        Err(MstError::PathTwice {
            path: "col/b".into()
        })
    );
}
