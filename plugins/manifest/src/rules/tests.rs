//! One manifest that obeys every rule, and one step away from it for each rule.

use crate::Manifest;

const GOOD: &str = r#"
name = "good-one"
version = "1.2.3-rc.1+build.7"
api = "0.1"
summary = "s"
collections = ["com.example.post", "org.example.*"]
index-version = 3
lexicons = ["lexicons/*.json"]

[[tables]]
name = "posts"
columns = ["body text", "subject at-uri?", "at time", "raw json", "blob bytes", "score real", "owner did"]
key = ["_did", "owner"]
indexes = [["at desc", "_uri desc"], ["_seen"]]
hide-with = ["subject", "owner"]

[[counts]]
name = "by_subject"
table = "posts"
by = ["subject", "_did"]
indexes = [["n desc", "subject"]]

[[reads]]
name = "latest"
params = ["time", "at-uri[]", "integer"]
returns = ["_uri at-uri", "body text", "n integer"]
sql = "select 1"

[methods."com.example.getPosts"]
auth = "optional"

[asks]
tables = ["other-one.likes"]
hosts = ["api.example.com"]
memory_mib = 128
"#;

/// The message for the good manifest with `from` replaced by `to`.
fn refused(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is in the good manifest");
    match Manifest::from_toml(&GOOD.replacen(from, to, 1)) {
        Ok(_) => panic!("accepted {to:?} for {from:?}"),
        Err(e) => e.to_string(),
    }
}

fn lexicon(id: &str, kind: &str) -> serde_json::Value {
    serde_json::json!({"lexicon": 1, "id": id, "defs": {"main": {"type": kind}}})
}

#[test]
fn a_good_manifest_passes_and_survives_embedding() {
    let manifest = Manifest::from_toml(GOOD)
        .unwrap()
        .embed(vec![lexicon("com.example.getPosts", "query")])
        .unwrap();
    let again = Manifest::from_json(manifest.to_json().unwrap().as_bytes()).unwrap();
    assert_eq!(again, manifest);
}

/// What is replaced, by what, the place that the message names, and what it says came.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    ("\"good-one\"", "\"Good\"", "name:", "Good"),
    ("\"good-one\"", "\"1st\"", "name:", "1st"),
    ("1.2.3-rc.1+build.7", "1.2", "version:", "1.2"),
    ("1.2.3-rc.1+build.7", "01.2.3", "version:", "01.2.3"),
    ("\"0.1\"", "\"0.2\"", "api:", "0.2"),
    ("\"org.example.*\"", "\"org.*\"", "collections:", "org.*"),
    (
        "\"org.example.*\"",
        "\"org.exa*\"",
        "collections:",
        "org.exa*",
    ),
    (
        "\"org.example.*\"",
        "\"com.example.post\"",
        "collections:",
        "twice",
    ),
    ("\"posts\"", "\"_posts\"", "tables[0].name:", "_posts"),
    ("\"posts\"", "\"select\"", "tables[0].name:", "select"),
    ("\"posts\"", "\"record\"", "tables[0].name:", "record"),
    ("\"by_subject\"", "\"posts\"", "counts[0].name:", "twice"),
    (
        "\"by_subject\"",
        "\"a_name_of_49_bytes_which_is_one_more_than_may_be4\"",
        "counts[0].name:",
        "1 to 48",
    ),
    (
        "body text",
        "a_name_of_49_bytes_which_is_one_more_than_may_be4 text",
        "tables.posts.columns:",
        "1 to 48",
    ),
    ("body text", "_body text", "tables.posts.columns:", "_body"),
    ("body text", "order text", "tables.posts.columns:", "order"),
    ("body text", "at text", "tables.posts.columns:", "twice"),
    (
        "key = [\"_did\", \"owner\"]",
        "key = []",
        "tables.posts.key:",
        "none",
    ),
    (
        "key = [\"_did\", \"owner\"]",
        "key = [\"owner\"]",
        "tables.posts.key:",
        "owner in the key",
    ),
    (
        "key = [\"_did\", \"owner\"]",
        "key = [\"_did\", \"nope\"]",
        "tables.posts.key:",
        "nope",
    ),
    (
        "key = [\"_did\", \"owner\"]",
        "key = [\"_did\", \"score\"]",
        "tables.posts.key:",
        "score real",
    ),
    (
        "key = [\"_did\", \"owner\"]",
        "key = [\"_did\", \"subject\"]",
        "tables.posts.key:",
        "at-uri?",
    ),
    (
        "key = [\"_did\", \"owner\"]",
        "key = [\"_did\", \"_did\"]",
        "tables.posts.key:",
        "twice",
    ),
    (
        "[\"_seen\"]",
        "[\"_rev\"]",
        "tables.posts.indexes[1]:",
        "_rev",
    ),
    (
        "[\"_seen\"]",
        "[\"raw\"]",
        "tables.posts.indexes[1]:",
        "raw",
    ),
    ("[\"_seen\"]", "[]", "tables.posts.indexes[1]:", "none"),
    (
        "[\"subject\", \"owner\"]",
        "[\"body\"]",
        "tables.posts.hide-with:",
        "body",
    ),
    (
        "table = \"posts\"",
        "table = \"gone\"",
        "counts.by_subject.table:",
        "gone",
    ),
    (
        "by = [\"subject\", \"_did\"]",
        "by = [\"_uri\"]",
        "counts.by_subject.by:",
        "_uri",
    ),
    (
        "by = [\"subject\", \"_did\"]",
        "by = [\"blob\"]",
        "counts.by_subject.by:",
        "blob",
    ),
    (
        "\"n desc\", \"subject\"",
        "\"at\"",
        "counts.by_subject.indexes[0]:",
        "at",
    ),
    (
        "name = \"latest\"",
        "name = \"Latest\"",
        "reads[0].name:",
        "Latest",
    ),
    (
        "\"at-uri[]\"",
        "\"json[]\"",
        "reads.latest.params:",
        "json[]",
    ),
    (
        "returns = [\"_uri at-uri\", \"body text\", \"n integer\"]",
        "returns = []",
        "reads.latest.returns:",
        "none",
    ),
    (
        "\"n integer\"",
        "\"_pos integer\"",
        "reads.latest.returns:",
        "_pos",
    ),
    (
        "sql = \"select 1\"",
        "sql = \" \"",
        "reads.latest.sql:",
        "nothing",
    ),
    (
        "\"com.example.getPosts\"",
        "getPosts",
        "methods:",
        "getPosts",
    ),
    ("other-one.likes", "likes", "asks.tables:", "likes"),
    ("api.example.com", "https://x", "asks.hosts:", "https://x"),
    ("api.example.com", "127.0.0.1", "asks.hosts:", "127.0.0.1"),
    (
        "memory_mib = 128",
        "memory_mib = 0",
        "asks.memory_mib:",
        "got 0",
    ),
];

#[test]
fn each_broken_rule_names_its_place_and_what_came() {
    for (from, to, place, came) in BROKEN {
        let message = refused(from, to);
        assert!(message.starts_with(place), "{to}: {message}");
        assert!(
            message.contains("expected") && message.contains(came),
            "{to}: {message}"
        );
    }
}

#[test]
fn unreadable_texts_say_what_was_expected() {
    assert!(refused("body text", "body string").contains("types: text integer"));
    assert!(refused("\"time\", ", "\"times\", ").contains("parameter type"));
    assert!(refused("summary", "sumary").contains("sumary"));
    assert!(refused("auth = \"optional\"", "auth = \"maybe\"").contains("maybe"));
    assert!(refused("[\"lexicons/*.json\"]", "[7]").contains("file globs"));
}

#[test]
fn bounds_hold() {
    let many = |n: usize, one: &str| vec![one; n].join(",");
    let columns: Vec<String> = (0..65).map(|i| format!("\"c{i} text\"")).collect();
    let message = refused("\"body text\"", &columns.join(","));
    assert!(message.contains("at most 64 columns, got 71"), "{message}");
    let message = refused("[\"_seen\"]", &many(16, "[\"_seen\"]"));
    assert!(message.contains("at most 16"), "{message}");
    let tables = (0..32)
        .map(|i| format!("[[tables]]\nname = \"t{i}\"\ncolumns = [\"a text\"]\nkey = [\"_uri\"]\n"))
        .collect::<String>();
    let message = refused("[[counts]]", &format!("{tables}[[counts]]"));
    assert!(message.contains("at most 32 entries, got 33"), "{message}");
}

#[test]
fn a_manifest_must_do_something() {
    let bare = "name = \"p\"\nversion = \"1.0.0\"\napi = \"0.1\"\n";
    let err = Manifest::from_toml(bare).unwrap_err().to_string();
    assert!(err.contains("got neither"), "{err}");
    let table = format!(
        "{bare}[methods.\"a.b.c\"]\n[[tables]]\nname = \"t\"\ncolumns = [\"a text\"]\nkey = [\"_uri\"]\n"
    );
    let err = Manifest::from_toml(&table).unwrap_err().to_string();
    assert!(err.contains("collections to fill"), "{err}");
}

#[test]
fn a_method_needs_its_document() {
    let manifest = || Manifest::from_toml(GOOD).unwrap();
    let message = |documents| manifest().embed(documents).unwrap_err().to_string();
    let cases = [
        (vec![], "methods.com.example.getPosts:"),
        (
            vec![lexicon("com.example.getPosts", "record")],
            "got record",
        ),
        (vec![lexicon("com.example.getPosts", "query"); 2], "twice"),
        (vec![lexicon("getPosts", "query")], "lexicons[0].id:"),
        (
            vec![serde_json::json!("lexicons/*.json")],
            "lexicon document",
        ),
    ];
    for (documents, part) in cases {
        let got = message(documents);
        assert!(got.contains(part), "{got}");
    }
}
