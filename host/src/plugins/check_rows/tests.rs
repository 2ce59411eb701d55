use super::super::values::RawValue;
use super::*;

const MANIFEST: &str = r#"
    name = "demo"
    version = "1.0.0"
    api = "0.1"
    collections = ["com.example.thing"]

    [[tables]]
    name = "thing"
    columns = ["tag text", "note text?", "size real?"]
    key = ["_uri", "tag"]
    indexes = [["tag desc"]]

    [[tables]]
    name = "seen"
    columns = ["subject text"]
    key = ["_uri"]

    [[counts]]
    name = "by_subject"
    table = "seen"
    by = ["subject"]
"#;

fn manifest() -> Manifest {
    Manifest::from_toml(MANIFEST).unwrap()
}

fn text(s: &str) -> RawValue {
    RawValue::Text(s.to_owned())
}

fn thing(tag: &str) -> RawPut {
    RawPut {
        table: 0,
        row: vec![text(tag), RawValue::Null, RawValue::Null],
    }
}

fn refused(puts: Vec<RawPut>) -> String {
    rows(&manifest(), puts).unwrap_err()
}

#[test]
fn good_rows_are_typed_in_order() {
    let put = RawPut {
        table: 0,
        row: vec![text("a"), text("b"), RawValue::Real(1.5)],
    };
    let seen = RawPut {
        table: 1,
        row: vec![text("s")],
    };
    let checked = rows(&manifest(), vec![put, seen, thing("c")]).unwrap();
    assert_eq!(checked.len(), 3);
    assert_eq!(checked[0].row[2], Value::Real(1.5));
    assert_eq!(checked[1].table, 1);
    assert_eq!(checked[2].row[0], Value::Text("c".into()));
    assert_eq!(rows(&manifest(), vec![]).unwrap(), vec![]);
}

#[test]
fn shape_is_checked() {
    let ordinal = refused(vec![RawPut {
        table: 2,
        row: vec![],
    }]);
    assert_eq!(ordinal, "expected a table's ordinal below 2, got 2");
    let width = refused(vec![RawPut {
        table: 1,
        row: vec![text("a"), text("b")],
    }]);
    assert_eq!(width, "seen: expected 1 values, got 2");
}

#[test]
fn types_and_nulls_name_table_and_column() {
    let null = refused(vec![RawPut {
        table: 1,
        row: vec![RawValue::Null],
    }]);
    assert_eq!(null, "seen.subject: expected text, got null");
    let ty = refused(vec![RawPut {
        table: 0,
        row: vec![text("a"), RawValue::Integer(1), RawValue::Null],
    }]);
    assert_eq!(ty, "thing.note: expected text, got integer");
    let nul = refused(vec![thing("a\0b")]);
    assert_eq!(
        nul,
        "thing.tag: expected text without NUL, got NUL at byte 1"
    );
}

#[test]
fn only_keyed_columns_are_short() {
    let long = "x".repeat(limits::KEY_BYTES_MAX + 1);
    let free = RawPut {
        table: 0,
        row: vec![text("a"), text(&long), RawValue::Null],
    };
    assert!(rows(&manifest(), vec![free]).is_ok());
    assert!(rows(&manifest(), vec![thing(&long[1..])]).is_ok());
    assert!(
        refused(vec![thing(&long)]).contains("thing.tag: expected at most 1024 bytes in a key")
    );
    let counted = refused(vec![RawPut {
        table: 1,
        row: vec![text(&long)],
    }]);
    assert!(counted.contains("seen.subject"), "{counted}");
}

/// Each value fits a key, and three of them together do not fit an entry of a B-tree.
#[test]
fn what_goes_into_one_index_is_bounded_together() {
    let part = r#"
    [[tables]]
    name = "wide"
    columns = ["a text", "b text?", "c text", "d did", "free text"]
    key = ["_did", "a"]
    "#;
    let index = "    indexes = [[\"a\", \"b desc\", \"_seen\"], [\"c\"]]\n";
    let count = "    [[counts]]\n    name = \"by_all\"\n    table = \"wide\"\n    by = [\"c\", \"a\", \"b\", \"d\"]\n";
    let head = MANIFEST.split("[[tables]]").next().unwrap();
    let with = |more: &str| Manifest::from_toml(&format!("{head}{part}{more}")).unwrap();
    let wide = |lens: [usize; 3]| RawPut {
        table: 0,
        row: vec![
            text(&"a".repeat(lens[0])),
            text(&"b".repeat(lens[1])),
            text(&"c".repeat(lens[2])),
            text(&format!("did:web:{}.example", "d".repeat(60))),
            text(&"f".repeat(9_000)),
        ],
    };
    assert!(rows(&with(index), vec![wide([1_024, 1_024, 1_024])]).is_ok());
    let counted = with(&format!("{index}{count}"));
    assert!(rows(&counted, vec![wide([1_024, 1_024, 504])]).is_ok());
    assert_eq!(
        rows(&counted, vec![wide([1_024, 1_024, 505])]).unwrap_err(),
        "wide: expected at most 2560 bytes in all columns of one key, index or count, got 2561"
    );
}

#[test]
fn one_key_has_one_row() {
    assert!(rows(&manifest(), vec![thing("a"), thing("b")]).is_ok());
    let twice = refused(vec![thing("a"), thing("b"), thing("a")]);
    assert_eq!(
        twice,
        "thing: expected one row for each key (_uri, tag) of a record, got two"
    );
    let seen = RawPut {
        table: 1,
        row: vec![text("s")],
    };
    let other = RawPut {
        table: 1,
        row: vec![text("t")],
    };
    assert!(refused(vec![seen, other]).starts_with("seen: expected one row"));
}

#[test]
fn number_and_bytes_are_bounded() {
    let many = |n: usize| (0..n).map(|i| thing(&i.to_string())).collect::<Vec<_>>();
    assert!(rows(&manifest(), many(limits::ROWS_PER_CHANGE_MAX)).is_ok());
    assert_eq!(
        refused(many(1_000_000)),
        "expected at most 64 rows for one record, got 1000000"
    );
    let big = RawPut {
        table: 0,
        row: vec![
            text("a"),
            text(&"x".repeat(limits::ROW_BYTES_PER_CHANGE_MAX)),
            RawValue::Null,
        ],
    };
    assert!(refused(vec![big]).starts_with("expected rows of at most 262144 bytes"));
}
