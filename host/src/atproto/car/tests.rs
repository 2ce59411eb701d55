use super::*;

fn section(cid: &Cid, block: &[u8]) -> Vec<u8> {
    let len = CID_BYTES + block.len();
    assert!((0x24..0x80).contains(&len), "one byte of varint");
    [&[len as u8][..], cid.as_bytes(), block].concat()
}

fn header(version: u8, roots: &[Cid]) -> Vec<u8> {
    let mut out = [&b"\xa2\x65roots"[..], &[0x80 + roots.len() as u8]].concat();
    for root in roots {
        out.extend([b"\xd8\x2a\x58\x25\x00", &root.as_bytes()[..]].concat());
    }
    out.extend([b"\x67version", &[version][..]].concat());
    [vec![out.len() as u8], out].concat()
}

const ROOT: &[u8] = b"\xa1\x61a\x01";
const OTHER: &[u8] = b"\xa1\x61b\x02";

fn car() -> Vec<u8> {
    let (root, other) = (Cid::of_dag_cbor(ROOT), Cid::of_dag_cbor(OTHER));
    [
        header(1, &[root]),
        section(&other, OTHER),
        section(&root, ROOT),
    ]
    .concat()
}

#[test]
fn blocks_are_found_by_cid_in_any_order_and_more_than_once() {
    let (root, other) = (Cid::of_dag_cbor(ROOT), Cid::of_dag_cbor(OTHER));
    let bytes = [car(), section(&other, OTHER)].concat();
    let slice = CarSlice::read(&bytes).unwrap();
    assert_eq!((slice.root(), slice.len()), (root, 2));
    assert_eq!(slice.get(&root), Some(ROOT));
    assert_eq!(slice.get(&other), Some(OTHER));
    assert_eq!(slice.get(&Cid::of_dag_cbor(b"\xa0")), None);
}

#[test]
fn a_block_that_does_not_hash_is_refused_wherever_a_bit_flips() {
    let bytes = car();
    let blocks_from = header(1, &[Cid::of_dag_cbor(ROOT)]).len();
    for at in blocks_from..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(CarSlice::read(&flipped).is_err(), "byte {at}");
    }
    let mut flipped = bytes.clone();
    flipped[bytes.len() - 1] ^= 1;
    assert!(matches!(
        CarSlice::read(&flipped),
        Err(CarError::Hash { .. })
    ));
}

#[test]
fn a_cut_tail_is_an_error_at_every_byte() {
    let bytes = car();
    let without_root = bytes.len() - section(&Cid::of_dag_cbor(ROOT), ROOT).len();
    for len in 0..bytes.len() {
        let error = CarSlice::read(&bytes[..len]).unwrap_err();
        let expected = match len {
            _ if len == without_root => matches!(error, CarError::RootAbsent { .. }),
            _ if len == header(1, &[Cid::of_dag_cbor(ROOT)]).len() => {
                matches!(error, CarError::RootAbsent { .. })
            }
            _ => matches!(error, CarError::Cut { .. }),
        };
        assert!(expected, "cut at {len}: {error}");
    }
}

#[test]
fn headers_of_other_kinds_are_refused() {
    let root = Cid::of_dag_cbor(ROOT);
    for (version, roots) in [(2, vec![root]), (1, vec![]), (1, vec![root, root])] {
        let bytes = [header(version, &roots), section(&root, ROOT)].concat();
        assert!(matches!(
            CarSlice::read(&bytes),
            Err(CarError::Header { .. })
        ));
    }
    assert!(matches!(
        CarSlice::read(b"\x02\xa0\xa0"),
        Err(CarError::HeaderCbor(_))
    ));
}

#[test]
fn lengths_are_bounded_and_shortest() {
    let root = Cid::of_dag_cbor(ROOT);
    let with = |tail: &[u8]| [&header(1, &[root]), tail].concat();
    let error = |tail: &[u8]| CarSlice::read(&with(tail)).unwrap_err();
    assert!(matches!(error(&[0xff; 10]), CarError::Varint { .. }));
    assert!(matches!(error(&[0xa8, 0x00]), CarError::Varint { .. }));
    assert!(matches!(
        error(b"\xff\xff\xff\xff\x0f"),
        CarError::TooLong { .. }
    ));
    assert!(matches!(error(b"\x00"), CarError::Cid { .. }));
    assert!(matches!(
        CarSlice::read(b"\xff\xff\x7f"),
        Err(CarError::TooLong { .. })
    ));
}
