use super::*;

#[test]
fn an_item_is_measured_and_what_follows_is_left_alone() {
    assert_eq!(item_len(b"\xa1\x61a\x01\xff"), Ok(4));
    assert_eq!(check_one(b"\xa1\x61a\x01"), Ok(()));
    assert_eq!(
        check_one(b"\xa0\xa0"),
        Err(CborError::Trailing { at: 1, left: 1 })
    );
}

#[test]
fn thirty_two_containers_nest_and_thirty_three_do_not() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0xf6]].concat();
    assert_eq!(check_one(&nested(32)), Ok(()));
    assert_eq!(check_one(&nested(33)), Err(CborError::Depth { at: 32 }));
    assert_eq!(
        check_one(&nested(1_000_000)),
        Err(CborError::Depth { at: 32 })
    );
}

#[test]
fn integers_reach_both_ends_of_64_bits() {
    assert_eq!(check_one(b"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"), Ok(()));
    assert_eq!(check_one(b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), Ok(()));
    for over in [b"\x1b\x80\0\0\0\0\0\0\0", b"\x3b\x80\0\0\0\0\0\0\0"] {
        assert!(matches!(
            check_one(over),
            Err(CborError::IntegerRange { at: 0, .. })
        ));
    }
}

#[test]
fn other_forms_of_the_same_value_are_refused() {
    for (bytes, name) in [
        (&b"\x18\x17"[..], "a byte for 23"),
        (b"\x19\x00\xff", "two bytes for 255"),
        (b"\x1a\x00\x00\xff\xff", "four bytes for 65535"),
        (b"\x1b\0\0\0\0\xff\xff\xff\xff", "eight bytes for 2^32-1"),
        (b"\x78\x01a", "a long head on short text"),
        (b"\x9f\xff", "an indefinite array"),
        (b"\x7f\x61a\xff", "indefinite text"),
        (b"\xa2\x61b\x01\x61a\x01", "keys out of order"),
        (b"\xa2\x62aa\x01\x61b\x01", "a longer key first"),
        (b"\xa2\x61a\x01\x61a\x01", "a key twice"),
        (b"\xa1\x01\x01", "a key that is a number"),
        (b"\xf7", "undefined"),
        (b"\xf9\x00\x00", "a float"),
        (b"\xfb\0\0\0\0\0\0\0\0", "a long float"),
        (b"\xe0", "a simple value"),
        (b"\xc1\x00", "another tag"),
        (b"\xd8\x2a\x61a", "tag 42 on text"),
        (b"\xd8\x2a\x40", "tag 42 on nothing"),
        (b"\x61\xff", "text that is not UTF-8"),
        (b"\x63\xed\xa0\x80", "a surrogate in text"),
        (b"", "nothing"),
    ] {
        assert!(check_one(bytes).is_err(), "{name} passed");
    }
}

#[test]
fn a_huge_length_is_refused_where_it_stands() {
    for major in [0x5b, 0x7b, 0x9b, 0xbb] {
        let bomb = [&[major][..], &(1_u64 << 40).to_be_bytes(), b"abc"].concat();
        assert!(matches!(
            check_one(&bomb),
            Err(CborError::Cut { at: 9, .. } | CborError::Length { at: 0, .. })
        ));
    }
}

#[test]
fn elements_are_bounded_one_container_at_a_time_and_in_all() {
    let array = |len: u32| {
        let head = [&[0x9a][..], &len.to_be_bytes()].concat();
        [head, vec![0; len as usize]].concat()
    };
    assert_eq!(check_one(&array(131_072)), Ok(()));
    assert_eq!(
        check_one(&array(1_000_000)),
        Err(CborError::Length {
            at: 0,
            got: 1_000_000
        })
    );
    let many = [vec![0x88], array(131_072).repeat(8)].concat();
    assert!(matches!(check_one(&many), Err(CborError::Items { .. })));
}
