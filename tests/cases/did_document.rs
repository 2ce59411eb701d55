//! DID documents: real ones, a recorded directory's, and the shapes that go wrong.

use std::collections::BTreeMap;

use aviary::atproto::did_document::{DidDocumentError, NoKey};
use aviary::atproto::keys::Curve;
use aviary::atproto::{Did, DidDocument, PublicKey};
use aviary_tests::{recording::Recording, shared_data};
use serde_json::{Value, json};

const DID: &str = "did:plc:25ach563rbhm6qhiisfx3hu3";
const KEY: &str = "zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc";
const OTHER_KEY: &str = "zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo";

fn did() -> Did {
    Did::parse(DID).unwrap()
}

fn parse(document: &Value) -> Result<DidDocument, DidDocumentError> {
    DidDocument::parse(document.to_string().as_bytes(), &did())
}

/// A document with one field replaced.
fn with(field: &str, value: Value) -> Value {
    let mut document = json!({
        "id": DID,
        "alsoKnownAs": ["at://alice.example.com"],
        "verificationMethod": [{ "id": "#atproto", "type": "Multikey", "controller": DID, "publicKeyMultibase": KEY }],
        "service": [{ "id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://pds.example.com" }],
    });
    document[field] = value;
    document
}

#[test]
fn documents_of_the_real_network_are_read() {
    let Some(documents) =
        shared_data::json("conformance/jetstream-v2/internal/corpus/testdata/did_docs.json.zst")
    else {
        return;
    };
    let documents = documents.as_object().unwrap();
    assert!(documents.len() > 100, "{} documents", documents.len());
    for (did, wire) in documents {
        let text = wire.to_string();
        let document = DidDocument::parse(text.as_bytes(), &Did::parse(did).unwrap()).unwrap();
        let method = &wire["verificationMethod"][0];
        let multibase = method["publicKeyMultibase"].as_str().unwrap();
        assert_eq!(method["type"], "Multikey", "{did}");
        let key = document.signing_key.unwrap();
        assert_eq!(key.to_did_key(), format!("did:key:{multibase}"));
        assert_eq!(key.curve(), Curve::K256);
        let handle = document.handle.unwrap().to_string();
        assert_eq!(wire["alsoKnownAs"][0], format!("at://{handle}"));
        assert_eq!(
            document.pds.as_deref(),
            wire["service"][0]["serviceEndpoint"].as_str()
        );
        assert_eq!(&*document.json, text);
    }
}

/// The directory's documents have keys of the 2019 types; its signed data has the same keys as `did:key`.
#[test]
fn a_directorys_documents_have_the_keys_of_its_data() {
    let directory: BTreeMap<String, Value> = Recording::small().plc();
    assert!(directory.len() >= 20, "{} documents", directory.len());
    let mut label_keys = 0;
    for (did, known) in directory {
        let text = known["doc"].to_string();
        let document = DidDocument::parse(text.as_bytes(), &Did::parse(&did).unwrap()).unwrap();
        let data = &known["data"];
        for (name, key) in [
            ("atproto", &document.signing_key),
            ("atproto_label", &document.label_key),
        ] {
            match data["verificationMethods"][name].as_str() {
                Some(expected) => assert_eq!(key.as_ref().unwrap().to_did_key(), expected),
                None => assert!(matches!(key, Err(NoKey::Absent(_))), "{did} {name}"),
            }
        }
        label_keys += usize::from(document.label_key.is_ok());
        assert_eq!(
            document.pds.as_deref(),
            data["services"]["atproto_pds"]["endpoint"].as_str()
        );
        let handle = document.handle.unwrap();
        assert_eq!(data["alsoKnownAs"][0], format!("at://{handle}"));
    }
    assert!(label_keys > 0, "no document of a labeler was read");
}

#[test]
fn a_document_is_of_the_did_that_was_asked_for() {
    assert!(parse(&with("alsoKnownAs", json!([]))).is_ok());
    for (id, refused) in [
        (json!("did:plc:26yo7kr5pihoszxn22lha2u6"), "OtherDid"),
        (json!(DID.to_uppercase()), "OtherDid"),
        (json!(7), "Shape"),
        (Value::Null, "Shape"),
    ] {
        let error = parse(&with("id", id)).unwrap_err();
        assert!(format!("{error:?}").starts_with(refused), "{error:?}");
    }
    for text in ["", "<html>", "[]", "\"x\"", "{}"] {
        let error = DidDocument::parse(text.as_bytes(), &did()).unwrap_err();
        assert!(
            matches!(error, DidDocumentError::Shape(_)),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn documents_have_bounds() {
    let method = json!({ "id": "#atproto", "type": "Multikey", "publicKeyMultibase": KEY });
    let many = |n: usize| with("verificationMethod", json!(vec![method.clone(); n]));
    assert!(parse(&many(100)).is_ok());
    let error = parse(&many(101)).unwrap_err();
    assert_eq!(
        error,
        DidDocumentError::Items {
            field: "verificationMethod",
            got: 101
        }
    );
    // Ten thousand keys pass the bound in bytes first.
    assert!(matches!(
        parse(&many(10_000)),
        Err(DidDocumentError::Bytes(_))
    ));
    let names = with("alsoKnownAs", json!(vec!["x"; 101]));
    assert!(matches!(parse(&names), Err(DidDocumentError::Items { .. })));
    let (open, close) = ("[".repeat(5_000), "]".repeat(5_000));
    let deep = format!("{{\"id\":\"{DID}\",\"service\":{open}1{close}}}");
    let error = DidDocument::parse(deep.as_bytes(), &did()).unwrap_err();
    assert!(matches!(error, DidDocumentError::Shape(_)), "{error}");
}

#[test]
fn of_several_keys_with_one_id_the_first_counts() {
    let method = |id: &str, kind: &str, key: &str| json!({ "id": id, "type": kind, "publicKeyMultibase": key });
    let key_of = |methods: Value| {
        parse(&with("verificationMethod", methods))
            .unwrap()
            .signing_key
    };
    let good = PublicKey::from_multibase(KEY).unwrap();
    let full = format!("{DID}#atproto");
    let elsewhere = "did:plc:26yo7kr5pihoszxn22lha2u6#atproto";

    let first = method("#atproto", "Multikey", KEY);
    let second = method(&full, "Multikey", OTHER_KEY);
    assert_eq!(key_of(json!([first, second])), Ok(good.clone()));
    assert_eq!(key_of(json!([method(&full, "Multikey", KEY)])), Ok(good));
    // A bad first one is not stepped over: the second may be anybody's addition.
    let bad = key_of(json!([method("#atproto", "Multikey", "zzz"), first]));
    assert!(matches!(bad, Err(NoKey::Bad(_))), "{bad:?}");
    for absent in [
        json!([]),
        Value::Null,
        json!([method(elsewhere, "Multikey", KEY)]),
        json!([method("atproto", "Multikey", KEY), 7, "x", {}]),
    ] {
        assert_eq!(key_of(absent), Err(NoKey::Absent("#atproto")));
    }
    let other = key_of(json!([method("#atproto", "JsonWebKey2020", KEY)]));
    assert_eq!(other, Err(NoKey::Type("JsonWebKey2020".into())));
}

#[test]
fn the_first_well_formed_name_is_the_handle() {
    let handle = |names: Value| {
        let document = parse(&with("alsoKnownAs", names)).unwrap();
        document.handle.map(|h| h.to_string())
    };
    let names = json!([
        7,
        "https://x.example.com",
        "at://",
        "at://not a handle",
        "at://Alice.example.com",
        "at://b.example.com"
    ]);
    assert_eq!(handle(names).as_deref(), Some("alice.example.com"));
    assert_eq!(handle(json!(["at://did:plc:abc"])), None);
    assert_eq!(handle(Value::Null), None);
}

#[test]
fn a_pds_is_an_origin_and_nothing_else() {
    let pds = |endpoint: Value| {
        let service = json!([{ "id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint }]);
        parse(&with("service", service)).unwrap().pds
    };
    for (given, kept) in [
        ("https://pds.example.com", "https://pds.example.com"),
        ("https://pds.example.com/", "https://pds.example.com"),
        ("https://PDS.example.com:443", "https://pds.example.com"),
        ("http://localhost:2583", "http://localhost:2583"),
    ] {
        assert_eq!(pds(json!(given)).as_deref(), Some(kept), "{given}");
    }
    for refused in [
        json!("https://pds.example.com/path"),
        json!("https://pds.example.com?q"),
        json!("https://pds.example.com#f"),
        json!("https://me:you@pds.example.com"),
        json!("https://me@pds.example.com"),
        json!("ftp://pds.example.com"),
        json!("file:///etc/passwd"),
        json!("pds.example.com"),
        json!("https://"),
        json!({ "origin": "https://pds.example.com" }),
        json!(["https://pds.example.com"]),
        json!(null),
    ] {
        assert_eq!(pds(refused.clone()), None, "{refused}");
    }
    let labeler = json!([{ "id": "#atproto_pds", "type": "AtprotoLabeler", "serviceEndpoint": "https://x.example.com" }]);
    assert_eq!(parse(&with("service", labeler)).unwrap().pds, None);
}
