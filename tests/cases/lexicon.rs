//! Lexicon documents and records against the vectors of atproto-interop-tests and documents that people publish.

use aviary::atproto::Nsid;
use aviary::atproto::lexicon::Catalog;
use aviary_tests::shared_data;
use serde_json::Value;

const FOLDER: &str = "conformance/atproto-interop-tests/lexicon";

fn cases(name: &str) -> Option<Vec<Value>> {
    let value = shared_data::json(&format!("{FOLDER}/{name}.json"))?;
    let cases = value.as_array().unwrap().clone();
    assert!(!cases.is_empty());
    Some(cases)
}

fn add_all(catalog: &mut Catalog, folder: &std::path::Path, refused: &mut Vec<String>) -> usize {
    let mut added = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            added += add_all(catalog, &path, refused);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        // Folders hold other JSON too; a document says that it is one.
        let is_document = path.extension().is_some_and(|ext| ext == "json")
            && serde_json::from_slice::<Value>(&bytes).is_ok_and(|v| v.get("lexicon").is_some());
        if is_document {
            match catalog.add(&bytes) {
                Ok(_) => added += 1,
                Err(e) => refused.push(format!("{}: {e}", path.display())),
            }
        }
    }
    added
}

#[test]
fn documents_agree_with_the_interop_vectors() {
    let (Some(valid), Some(invalid)) = (cases("lexicon-valid"), cases("lexicon-invalid")) else {
        return;
    };
    let add = |case: &Value| Catalog::default().add(case["lexicon"].to_string().as_bytes());
    for case in valid {
        add(&case).unwrap();
    }
    let passed: Vec<_> = invalid.iter().filter(|case| add(case).is_ok()).collect();
    assert_eq!(passed, Vec::<&Value>::new());
}

#[test]
fn records_agree_with_the_interop_vectors() {
    let (Some(valid), Some(invalid)) = (cases("record-data-valid"), cases("record-data-invalid"))
    else {
        return;
    };
    let mut catalog = Catalog::default();
    let folder = shared_data::path(&format!("{FOLDER}/catalog")).unwrap();
    add_all(&mut catalog, &folder, &mut Vec::new());
    let check = |case: &Value| {
        let collection = Nsid::parse(case["data"]["$type"].as_str().unwrap()).unwrap();
        catalog.record(&collection, &case["data"])
    };
    for case in &valid {
        check(case).unwrap();
    }
    let passed: Vec<_> = invalid.iter().filter(|case| check(case).is_ok()).collect();
    assert_eq!(passed, Vec::<&Value>::new());
}

/// Published documents that break the language: the end of the file's name, and what the refusal says.
const BROKEN: [(&str, &str); 9] = [
    ("sh_weaver_notebook_page.json", "\"authors\" not defined"),
    (
        "sh_weaver_embed_recordWithMedia.json",
        "\"record\" not defined",
    ),
    (
        "sh_weaver_notebook_authors.json",
        "\"profile, index\" not defined",
    ),
    ("sh_weaver_notebook_defs.json", "got \"union\""),
    ("app_ocho_plugin_defs.json", "got \"unknown\""),
    ("space/roomy/richtext/blocks.json", "got \"union\""),
    ("space/roomy/richtext/facet.json", "got \"union\""),
    ("plyr-fm/privateMedia.json", "got \"space\""),
    ("smokesignal/calendar/location.json", "got \"union\""),
];

#[test]
fn published_documents_are_taken() {
    let Some(folder) = shared_data::path("lexicons") else {
        return;
    };
    let (mut catalog, mut refused) = (Catalog::default(), Vec::new());
    let added = add_all(&mut catalog, &folder, &mut refused);
    assert!(added > 500, "{added} documents");
    let listed = |said: &str, (end, expected): (&str, &str)| {
        said.contains(&format!("{end}: ")) && said.contains(expected)
    };
    let unlisted: Vec<_> = refused
        .iter()
        .filter(|said| !BROKEN.iter().any(|broken| listed(said, *broken)))
        .collect();
    assert_eq!(unlisted, Vec::<&String>::new());
    assert_eq!(refused.len(), BROKEN.len());
}
