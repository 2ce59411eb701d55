//! The fixtures against the lexicons that people publish for these records: what a plugin is shown here is what it will
//! meet.

use std::collections::BTreeSet;
use std::path::Path;

use aviary::atproto::lexicon::Catalog;
use aviary::atproto::{AtUri, Nsid};
use aviary_tests::shared_data;

use super::bed::fixtures;

/// Adds every document below a folder.
fn add_all(catalog: &mut Catalog, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_all(catalog, &path);
        } else if path.extension().is_some_and(|ext| ext == "json") {
            let bytes = std::fs::read(&path).unwrap();
            catalog.add(&bytes).unwrap();
        }
    }
}

/// The fixtures that do not fit, by the ends of their addresses.
fn unfit(plugin: &str, folders: [&str; 2]) -> Option<BTreeSet<String>> {
    let mut catalog = Catalog::default();
    for folder in folders {
        add_all(&mut catalog, &shared_data::path(folder)?);
    }
    let mut unfit = BTreeSet::new();
    for write in fixtures(plugin) {
        let uri = AtUri::parse(&write.uri).unwrap();
        let fits = catalog.record(&uri.collection, &write.value.unwrap());
        if let Err(error) = fits {
            println!("{uri}: {error}");
            let kind = uri.collection.as_str().rsplit('.').next().unwrap();
            unfit.insert(format!("{}/{kind}/{}", uri.did, uri.rkey));
        }
        let known = Nsid::parse(uri.collection.as_str()).unwrap();
        assert!(catalog.contains(&known), "no lexicon for {known}");
    }
    Some(unfit)
}

const STRONG_REF: &str = "lexicons/bluesky-social-atproto/lexicons/com/atproto/repo";

#[test]
fn what_does_not_fit_is_there_on_purpose() {
    let calendar = ["lexicons/lexicon-community/community/lexicon", STRONG_REF];
    if let Some(unfit) = unfit("calendar", calendar) {
        let expected = ["did:plc:bob/event/nameless"];
        assert_eq!(unfit, expected.map(str::to_owned).into());
    }
    let frontpage = ["lexicons/frontpage/fyi", STRONG_REF];
    if let Some(unfit) = unfit("frontpage", frontpage) {
        let expected = [
            // In the form of the other lexicon; without a text; of something that is no record.
            "did:plc:cid/post/p3",
            "did:plc:ann/comment/c6",
            "did:plc:ann/vote/v3",
        ];
        assert_eq!(unfit, expected.map(str::to_owned).into());
    }
}
