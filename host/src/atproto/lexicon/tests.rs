use super::*;

const LIST: &str = r#"{
  "lexicon": 1, "id": "com.example.list",
  "defs": { "main": { "type": "query", "parameters": {
    "type": "params", "required": ["actor"],
    "properties": {
      "actor": { "type": "string", "format": "at-identifier" },
      "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": 50 },
      "reverse": { "type": "boolean" },
      "sort": { "type": "string", "enum": ["new", "top"] },
      "level": { "type": "integer", "enum": [1, 3] },
      "tags": { "type": "array", "maxLength": 2, "items": { "type": "string", "maxLength": 3 } },
      "uris": { "type": "array", "items": { "type": "string", "format": "at-uri" } },
      "since": { "type": "string", "format": "datetime" },
      "title": { "type": "string", "maxGraphemes": 2 },
      "any": { "type": "unknown" }
    } } } } }"#;

fn catalog(documents: &[&str]) -> Catalog {
    let mut catalog = Catalog::default();
    for document in documents {
        catalog.add(document.as_bytes()).unwrap();
    }
    catalog
}

fn nsid(text: &str) -> Nsid {
    Nsid::parse(text).unwrap()
}

fn read(pairs: &[(&str, &str)]) -> Result<Value, String> {
    let pairs: Vec<_> = [("actor", "did:web:localhost%3A80")]
        .iter()
        .chain(pairs)
        .map(|(name, value)| (String::from(*name), String::from(*value)))
        .collect();
    catalog(&[LIST])
        .query_params(&nsid("com.example.list"), &pairs)
        .map(Value::Object)
        .map_err(|e| e.to_string())
}

#[test]
fn parameters_are_typed_and_defaulted_and_strangers_left_out() {
    let read = read(&[
        ("tags", "a"),
        ("reverse", "true"),
        ("tags", "b"),
        ("stranger", "1"),
        ("title", "é😀"),
        ("any", ""),
    ]);
    assert_eq!(
        read.unwrap(),
        serde_json::json!({
            "actor": "did:web:localhost%3A80", "any": "", "limit": 50, "reverse": true, "tags": ["a", "b"],
            "title": "é😀"
        })
    );
}

#[test]
fn errors_name_the_parameter_and_what_it_must_be() {
    let error = |name, value| read(&[(name, value)]).unwrap_err();
    assert_eq!(error("limit", "500"), "limit must be at most 100, got 500");
    assert_eq!(error("limit", "0"), "limit must be at least 1, got 0");
    assert_eq!(
        error("limit", "ten"),
        "limit must be an integer, got \"ten\""
    );
    assert_eq!(
        error("limit", "1.5"),
        "limit must be an integer, got \"1.5\""
    );
    assert_eq!(error("level", "2"), "level must be one of 1, 3, got 2");
    assert_eq!(
        error("reverse", "1"),
        "reverse must be true or false, got \"1\""
    );
    assert_eq!(
        error("sort", "old"),
        "sort must be one of new, top, got \"old\""
    );
    assert_eq!(error("tags", "long"), "tags must be at most 3 bytes, got 4");
    assert_eq!(
        error("since", "today"),
        "since must be a datetime (such as 2026-01-31T12:00:00Z), got \"today\""
    );
    assert_eq!(error("uris", "x"), "uris must be an AT URI, got \"x\"");
    assert_eq!(
        error("title", "abc"),
        "title must be text of at most 2 graphemes, got \"abc\""
    );
    assert_eq!(
        error("actor", "did:plc:twice"),
        "actor must be given once, got 2 values"
    );
    let three = [("tags", "a"), ("tags", "b"), ("tags", "c")];
    assert_eq!(
        read(&three).unwrap_err(),
        "tags must be at most 2 values, got 3"
    );
}

#[test]
fn a_required_parameter_and_a_known_method_are_asked_for() {
    let catalog = catalog(&[LIST]);
    let error = |id: &str, pairs: &[(String, String)]| {
        catalog
            .query_params(&nsid(id), pairs)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error("com.example.list", &[]), "actor is required");
    assert_eq!(
        error("com.example.list", &[("actor".into(), "not a name".into())]),
        "actor must be a DID or a handle, got \"not a name\""
    );
    assert!(error("com.example.none", &[]).contains("com.example.none"));
}

#[test]
fn parameters_that_may_hold_handles_are_told() {
    let catalog = catalog(&[LIST]);
    let id = nsid("com.example.list");
    let references: Vec<_> = catalog.references(&id).collect();
    assert_eq!(
        references,
        [
            ("actor", Reference::AtIdentifier),
            ("uris", Reference::AtUri)
        ]
    );
}

#[test]
fn kinds_follow_main_and_a_later_document_replaces_an_earlier() {
    let document = |kind: &str| {
        format!(r#"{{"lexicon":1,"id":"com.example.do","defs":{{"main":{{"type":"{kind}"}}}}}}"#)
    };
    let mut catalog = catalog(&[&document("procedure")]);
    let id = nsid("com.example.do");
    assert_eq!(catalog.method(&id), Some(MethodKind::Procedure));
    catalog.add(document("query").as_bytes()).unwrap();
    assert_eq!(catalog.method(&id), Some(MethodKind::Query));
    catalog.add(document("token").as_bytes()).unwrap();
    assert_eq!(catalog.method(&id), None);
    assert!(catalog.contains(&id) && !catalog.contains(&nsid("com.example.none")));
}

#[test]
fn what_is_wrong_with_a_document_is_said() {
    let error = |json: &str| {
        Catalog::default()
            .add(json.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let main = |main: &str| {
        error(&format!(
            r#"{{"lexicon":1,"id":"a.b.c","defs":{{"main":{main}}}}}"#
        ))
    };
    for (said, expected) in [
        (error("{"), "JSON"),
        (error("[]"), "at the top: expected an object"),
        (error(r#"{"lexicon":2}"#), "at lexicon: expected 1, got 2"),
        (
            error(r#"{"lexicon":1,"id":"one"}"#),
            "at id: expected an NSID",
        ),
        (
            error(r#"{"lexicon":1,"id":"a.b.c"}"#),
            "at defs: expected an object, got nothing",
        ),
        (
            main(r#"{"type":"qeury"}"#),
            "at defs.main.type: expected record, query",
        ),
        (
            main(r#"{"type":"record","key":"tid"}"#),
            "at defs.main.record: expected an object",
        ),
        (
            main(
                r#"{"type":"query","parameters":{"type":"params","properties":{"x":{"type":"blob"}}}}"#,
            ),
            "at defs.main.parameters.properties.x.type: expected a parameter's type",
        ),
        (
            main(
                r#"{"type":"query","parameters":{"type":"params","required":["y"],"properties":{}}}"#,
            ),
            "in lexicon a.b.c: ",
        ),
    ] {
        assert!(said.contains(expected), "{said:?} lacks {expected:?}");
    }
}

#[test]
fn a_record_is_held_against_its_collection() {
    let catalog = catalog(&[
        r#"{"lexicon":1,"id":"com.example.note","defs":{"main":{"type":"record","key":"tid","record":
            {"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}}}}"#,
    ]);
    let id = nsid("com.example.note");
    assert!(
        catalog
            .record(&id, &serde_json::json!({"text": "a"}))
            .is_ok()
    );
    let error = catalog.record(&id, &serde_json::json!({"text": 1}));
    assert!(error.unwrap_err().to_string().contains("text"));
    assert!(
        catalog
            .record(&nsid("com.example.none"), &Value::Null)
            .is_err()
    );
}
