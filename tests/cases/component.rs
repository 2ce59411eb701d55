//! Bytes that are no plugin are refused with what was expected and what came, before anything of them runs.

mod loading;

use aviary::limits;
use aviary::plugins::component::{CheckError, check};
use aviary::plugins::{EngineOptions, Engines, LoadError, Plugin, PluginOptions};
use aviary_tests::guests;

const INDEXER: &str =
    r#"{"name":"bare","version":"1.0.0","api":"0.1","collections":["test.aviary.bare"]}"#;

fn leb(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(n & 0x7f).unwrap();
        n >>= 7;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(body.len()), body].concat()
}

fn manifest_section(json: &[u8]) -> Vec<u8> {
    let name = b"aviary:manifest";
    section(0, &[&leb(name.len()), &name[..], json].concat())
}

/// A component of hand-made sections.
fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat()
}

/// A core module of one section, inside a component.
fn with_module(module_section: Vec<u8>) -> Vec<u8> {
    let module = [b"\0asm\x01\0\0\0".to_vec(), module_section].concat();
    component(&[section(1, &module)])
}

/// The good indexer that carries no manifest, with this one.
fn bare_with(manifest: &str) -> Vec<u8> {
    [
        guests::bytes("aviary_guest_bare"),
        manifest_section(manifest.as_bytes()),
    ]
    .concat()
}

fn refused(bytes: &[u8]) -> CheckError {
    check(bytes).expect_err("it is bad")
}

fn refused_saying(bytes: &[u8], words: &[&str]) {
    let text = refused(bytes).to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn good_components_are_what_their_manifests_say() {
    for (name, exports) in [
        ("statusphere", 2),
        ("posts", 2),
        ("likes", 2),
        ("calendar", 2),
        ("frontpage", 2),
        ("aviary_guest_hostile", 2),
    ] {
        let bytes = guests::bytes(name);
        let checked = check(&bytes).unwrap();
        assert_eq!(checked.exports.len(), exports, "{name}");
        assert_eq!(checked.size_bytes, bytes.len());
        assert!(
            checked
                .imports
                .iter()
                .any(|i| i.starts_with("aviary:plugin/"))
        );
    }
    let bare = check(&bare_with(INDEXER)).unwrap();
    assert_eq!(bare.manifest.name, "bare");
    assert_eq!(bare.exports, ["aviary:plugin/indexer@0.1.0"]);
}

#[test]
fn what_is_no_component_is_told_apart() {
    refused_saying(b"", &["expected a WebAssembly component", "got 0 bytes"]);
    refused_saying(
        b"<!DOCTYPE html>",
        &["got 15 bytes that start with [3c, 21"],
    );
    refused_saying(b"\0asm\x01\0\0\0", &["got a core module", "wasm32-wasip2"]);
    assert!(matches!(refused(b"\0asm"), CheckError::Invalid { .. }));
    assert!(matches!(
        refused(b"\0asm\x0d\0\x01\0"),
        CheckError::NoManifest
    ));
    let large = vec![0; limits::COMPONENT_BYTES_MAX + 1];
    refused_saying(&large, &["at most 33554432 bytes, got 33554433"]);
}

#[test]
fn no_cut_and_no_flipped_byte_gets_past_as_something_else() {
    let good = guests::bytes("likes");
    for step in 0..150 {
        let at = step * good.len() / 150;
        // A cut at the end of a section is a whole, smaller component: it has lost its manifest or its exports.
        assert!(check(&good[..at]).is_err(), "cut at {at}");
        let mut flipped = good.clone();
        flipped[at] ^= 0x55;
        if let Ok(checked) = check(&flipped) {
            assert_ne!(checked.sha256, check(&good).unwrap().sha256);
        }
    }
}

#[test]
fn features_with_shared_or_collected_memory_are_named() {
    let shared = with_module(section(5, &[1, 0x03, 1, 1]));
    let wide = with_module(section(5, &[1, 0x04, 1]));
    let collected = with_module(section(1, &[1, 0x5f, 0]));
    for bytes in [shared, wide, collected] {
        let error = refused(&bytes);
        assert!(matches!(error, CheckError::Feature { .. }), "{error}");
    }
}

#[test]
fn one_well_formed_manifest_is_wanted() {
    let bare = guests::bytes("aviary_guest_bare");
    refused_saying(&bare, &["expected a manifest", "got none"]);
    let twice = [bare_with(INDEXER), manifest_section(INDEXER.as_bytes())].concat();
    refused_saying(&twice, &["expected one", "got 2"]);
    let inside_and_outside =
        [guests::bytes("likes"), manifest_section(INDEXER.as_bytes())].concat();
    refused_saying(&inside_and_outside, &["got 2"]);
    refused_saying(
        &bare_with(&" ".repeat(limits::MANIFEST_BYTES_MAX + 1)),
        &["at most 1048576 bytes"],
    );
    refused_saying(&bare_with("{"), &["does not parse", "EOF"]);
    refused_saying(&bare_with("[]"), &["does not parse"]);
    refused_saying(
        &bare_with(&INDEXER.replace("\"api\"", "\"apy\"")),
        &["unknown field", "apy"],
    );
}

#[test]
fn manifests_that_break_a_rule_are_refused_with_its_place() {
    let with_table = |table: &str, column: &str| {
        INDEXER.replace(
            "]}",
            &format!(
                r#"],"tables":[{{"name":"{table}","columns":["{column} text"],"key":["_uri"]}}]}}"#
            ),
        )
    };
    assert!(check(&bare_with(&with_table("things", "word"))).is_ok());
    refused_saying(
        &bare_with(&with_table("things", "_uri")),
        &["things", "_uri"],
    );
    refused_saying(&bare_with(&with_table("select", "word")), &["select"]);
    refused_saying(&bare_with(&with_table("a; drop", "word")), &["a; drop"]);
    refused_saying(
        &bare_with(&INDEXER.replace("0.1\"", "0.9\"")),
        &["api", "0.9"],
    );
    let method = INDEXER.replace("]}", r#"],"methods":{"test.aviary.get":{}}}"#);
    refused_saying(&bare_with(&method), &["methods.test.aviary.get", "lexicon"]);
}

#[test]
fn exports_and_manifest_agree_both_ways() {
    let answers_only = r#"{"name":"bare","version":"1.0.0","api":"0.1",
        "methods":{"test.aviary.get":{}},
        "lexicons":[{"lexicon":1,"id":"test.aviary.get","defs":{"main":{"type":"query"}}}]}"#;
    refused_saying(
        &bare_with(answers_only),
        &[
            "declares no collections",
            "exports aviary:plugin/indexer@0.1.x",
        ],
    );
    let methods = r#"{"name":"bare","version":"1.0.0","api":"0.1","collections":["test.aviary.bare"],
        "methods":{"test.aviary.get":{}},
        "lexicons":[{"lexicon":1,"id":"test.aviary.get","defs":{"main":{"type":"query"}}}]}"#;
    refused_saying(
        &bare_with(methods),
        &[
            "declares methods",
            "does not export aviary:plugin/methods@0.1.x",
        ],
    );
    let empty = component(&[manifest_section(INDEXER.as_bytes())]);
    refused_saying(
        &empty,
        &[
            "declares collections",
            "does not export aviary:plugin/indexer",
        ],
    );
    refused_saying(
        &exporting("aviary:plugin/labeler@0.1.0"),
        &[
            "aviary:plugin/labeler@0.1.0",
            "which this host does not have",
        ],
    );
    refused_saying(
        &exporting("aviary:plugin/indexer@0.7.0"),
        &["indexer@0.7.0"],
    );
}

#[test]
fn imports_are_a_closed_list() {
    let stranger = guests::bytes("aviary_guest_stranger");
    refused_saying(
        &stranger,
        &["test:stranger/telepathy@1.2.3", "aviary:plugin/{types,log"],
    );
    let importing = |name: &str| {
        // An instance type without members, and an import of it.
        let ty = section(7, &[1, 0x42, 0]);
        let import = [
            &[1, 0x00][..],
            &leb(name.len()),
            name.as_bytes(),
            &[0x05, 0],
        ]
        .concat();
        component(&[
            ty,
            section(10, &import),
            manifest_section(INDEXER.as_bytes()),
        ])
    };
    refused_saying(
        &importing("wasi:sockets/tcp@0.2.3"),
        &["wasi:sockets/tcp", "no network"],
    );
    refused_saying(
        &importing("wasi:io/poll@0.3.0"),
        &["wasi:io/poll@0.3.0", "a version that"],
    );
    refused_saying(
        &importing("aviary:plugin/log@0.2.0"),
        &["log@0.2.0", "a version that"],
    );
    refused_saying(&importing("made-up"), &["made-up", "imports interfaces"]);
    // What is offered passes this step and fails the next.
    refused_saying(&importing("wasi:io/poll@0.2.9"), &["does not export"]);
}

/// A component that exports an interface of this name without anything in it.
fn exporting(name: &str) -> Vec<u8> {
    let instance = section(5, &[1, 0x01, 0]);
    let export = [
        &[1, 0x00][..],
        &leb(name.len()),
        name.as_bytes(),
        &[0x05, 0, 0],
    ]
    .concat();
    component(&[
        instance,
        section(11, &export),
        manifest_section(INDEXER.as_bytes()),
    ])
}

#[test]
fn an_interface_of_another_shape_does_not_link() {
    let engines = Engines::new(EngineOptions::default()).unwrap();
    let hollow = exporting("aviary:plugin/indexer@0.1.0");
    assert!(check(&hollow).is_ok());
    let error = Plugin::load(&engines, &hollow, &PluginOptions::default()).unwrap_err();
    assert!(matches!(error, LoadError::Link(..)), "{error}");
    assert!(error.to_string().contains("index"), "{error}");
}
